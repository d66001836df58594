"""Questions to a candidate, one answer to each, and what its silence or its lies cost."""

from __future__ import annotations

import hashlib
import secrets
from time import monotonic
from typing import Any

from course_utils.grading import job, wire
from course_utils.grading.sandbox.spawn import Spawned, Spawner

GRACE = 2.0
"""Seconds that a candidate has to notice that its time is up, before it is ended."""


class Lost(KeyboardInterrupt):
    """The candidate is gone. Derived as it is so that no test cell takes it for its own error."""


class Refused(TypeError):
    """A test cell asked for something that may not be asked: a person must judge.

    The last one is kept in `said`, whatever the checks around it make of the error.
    """

    said = ""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        Refused.said = said


class Candidate:
    """One process of a student, from its first question to its end.

    `status` is empty while it lives; then it is one of `job.CELL_STATUSES`, and `said` a sentence.
    """

    def __init__(self, spawner: Spawner, limits: job.Limits) -> None:
        self.limits = limits
        self.status = ""
        self.said = ""
        self.peak = 0
        self.printed: list[str] = []
        self.until = monotonic() + limits.test_seconds
        self._unused: list[int] = []
        self._spawned: Spawned = spawner.spawn(limits)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self.status

    def begin(self, seed: int, files: tuple[tuple[str, bytes], ...]) -> str:
        """Write the assignment's files and seed the generators, before the first cell.

        Returns what went wrong, or nothing.
        """
        # Not the seed itself: with it the inputs of the tests could be foretold.
        digest = hashlib.sha256(f"candidate {seed}".encode()).digest()
        own = int.from_bytes(digest[:4], "little")
        arguments = {"seed": own, "files": list(files), "limit": self.limits.message}
        error = self._ask("begin", arguments, 60.0).get("error")
        return str(error.get("said") or error.get("type")) if isinstance(error, dict) else ""

    def run(self, source: str, seconds: float) -> dict[str, Any]:
        """Run one cell: status ("ok", "error", "time"), error, outputs."""
        arguments = {"source": source, "seconds": seconds, "room": self.limits.cell_output}
        answer = self._ask("run", arguments, seconds)
        if answer.get("status") not in {"ok", "error", "time"}:
            self._lose(job.REFUSED, "It gave no proper account of a cell.")
        return answer

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask while a test cell runs, for as long as that cell has left. Returns the answer."""
        left = self.until - monotonic()
        if left <= 0:
            self._lose(job.TIMED_OUT, "")
        if operation not in {"names", "instance", "drop"}:
            arguments["seconds"] = left
        answer = self._ask(operation, arguments, left)
        printed = answer.get("printed", "")
        if isinstance(printed, str) and printed:
            self.printed.append(printed[:20_000])
        if answer.get("time"):
            self._lose(job.TIMED_OUT, "")
        return answer

    def forget(self, number: int) -> None:
        """Note that nothing here holds the object with this number any more."""
        self._unused.append(number)

    def end(self) -> None:
        """End it for good."""
        if self.alive:
            self.status = job.NOT_RUN
            self.peak = max(self.peak, self._spawned.finish().peak)

    def _ask(self, operation: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
        if not self.alive:
            raise Lost
        if len(self._unused) > 100 and operation != "drop":
            numbers, self._unused = self._unused, []
            self._ask("drop", {"numbers": numbers}, 10.0)
        number = secrets.randbits(62)  # an answer that was ready before the question is no answer
        try:
            question = wire.dumps([number, operation, arguments], self._ours)
        except wire.NotData as reason:
            raise Refused(f"A value that a test hands over {reason}.") from None
        try:
            self._spawned.line.send(question, seconds + GRACE)
            data = self._spawned.line.receive(self.limits.message, seconds + GRACE)
            answer = wire.loads(data, handle=self._theirs)
        except wire.TooSlow:
            self._lose(job.TIMED_OUT, "")
        except wire.Gone:
            self._lose(job.CRASHED, "")
        except wire.WireError as error:
            self._lose(job.REFUSED, f"Its answer could not be taken: {error}.")
        except MemoryError:
            self._lose(job.REFUSED, "Its answer was too large.")
        if not isinstance(answer, list) or len(answer) != 2 or answer[0] != number:
            self._lose(job.REFUSED, "It gave an answer to a question that was not asked.")
        if not isinstance(answer[1], dict):
            self._lose(job.REFUSED, "It gave no proper answer.")
        return answer[1]

    def _ours(self, value: Any) -> wire.Handle:
        from .proxies import handle_of

        handle = handle_of(value, self)
        if handle is None:
            kind = type(value).__name__
            raise Refused(
                f"A test can hand over data only, or an object that came from the answer; this is "
                f"of type {kind!r}."
            )
        return handle

    def _theirs(self, number: int, about: dict[str, Any]) -> Any:
        from .proxies import make

        return make(self, number, about)

    def _lose(self, status: str, said: str) -> None:
        """Note how the candidate was lost, end it, and leave the test cell."""
        ending = self._spawned.ended(GRACE) if status == job.CRASHED else self._spawned.end()
        self.peak = max(self.peak, ending.peak)
        if ending.reason == "memory":
            status = job.OUT_OF_MEMORY
        elif status == job.CRASHED and not said:
            said = _ended(ending.code, ending.signal)
        self.status, self.said = status, said
        raise Lost


_SIGNALS = {
    4: "an impossible instruction",
    6: "an abort in a library",
    7: "an access to memory that is not there",
    8: "a division by zero in a library",
    9: "being killed, as happens when a machine runs out of memory or processes",
    11: "a segmentation fault: an access to memory that is not its own",
    24: "using up all the processor time that is allowed",
    25: "writing more than is allowed",
    31: "a system call that is not allowed",
}


def _ended(code: int, signal: int) -> str:
    """Say how a process ended."""
    if signal:
        return f"It ended by {_SIGNALS.get(signal, f'signal {signal}')}."
    return f"It ended itself, with exit code {code}: no answer may end its process."
