"""One test cell: from its text to points and a sentence."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import math
import signal
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Any

from course_utils.checks import beside, tasks
from course_utils.errors import CourseError
from course_utils.grading import job

import numpy as np

from . import proxies
from .candidate import Candidate, Refused
from .namespace import Given, Namespace

_OUTPUT = 20_000


class TestTimeUp(KeyboardInterrupt):
    """A test cell used up its time."""


@dataclass
class Verdict:
    """What a test cell found: points (None: a person decides), status, sentence, outputs."""

    score: float | None
    status: str
    message: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    missing: frozenset[str] = frozenset()  # names that the candidate did not have


_LOST = {
    job.TIMED_OUT: "Your code did not answer within {seconds:g} s, and was stopped.",
    job.OUT_OF_MEMORY: "Your code took more memory than the {memory} MB that it may use, and was "
    "stopped.",
    job.CRASHED: "The Python process of your notebook stopped while this check asked it.",
    job.REFUSED: "The process of your notebook did not keep to the rules of the examination.",
    job.NOT_RUN: "This check was not run: the Python process of your notebook had stopped, and "
    "could not be brought back.",
}


def lost(candidate: Candidate) -> tuple[str, str]:
    """Return the status and the sentence for a candidate that is gone."""
    status = candidate.status or job.NOT_RUN
    limits = candidate.limits
    said = _LOST[status].format(seconds=limits.test_seconds, memory=limits.memory // 1024**2)
    return status, f"{said} {candidate.said}".strip()


def judge(
    source: str, points: float, candidate: Candidate | None, given: Given, seconds: float
) -> Verdict:
    """Run one test cell against a candidate and say what it is worth.

    The cell runs in this process. Its errors, its output and its last value are its own; the
    student's code only answers questions. `seconds` limits the whole cell.
    """
    begun = monotonic()
    printed = io.StringIO()
    space = Namespace(candidate, given)
    if candidate is not None:
        candidate.until = begun + seconds
        candidate.printed = []
    tasks.REPORTS.clear()
    Refused.said = ""
    value, error = None, None
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            _limit(seconds + 5),
            beside.elsewhere(functools.partial(proxies.beside, candidate)),
        ):
            value = _run(source, space)
    except BaseException as stopped:  # whatever a test cell does ends here
        error = stopped
    if candidate is not None and not candidate.alive:
        status, message = lost(candidate)
        verdict = Verdict(0.0, status, message)
    else:
        verdict = _verdict(value, error, points)
    verdict.seconds = monotonic() - begun
    verdict.missing = frozenset(space.missing)
    said = "".join(candidate.printed) if candidate is not None else ""
    verdict.message = _text(verdict.message)
    verdict.outputs = _outputs(_text(said + printed.getvalue()), verdict, error, value)
    return verdict


def _run(source: str, space: Namespace) -> Any:
    """Execute a cell; return the value of its last line, if that is an expression."""
    body = ast.parse(source)
    last = body.body[-1] if body.body else None
    shown = not source.rstrip().endswith(";")
    if isinstance(last, ast.Expr) and shown:
        body.body.pop()
        exec(compile(body, "<check>", "exec"), space)
        return eval(compile(ast.Expression(last.value), "<check>", "eval"), space)
    exec(compile(body, "<check>", "exec"), space)
    return None


def _verdict(value: Any, error: BaseException | None, points: float) -> Verdict:
    """Points and status of a cell that ran to its end or stopped with an error."""
    partial = _partial(points)
    if error is None:
        if partial is not None:
            return Verdict(partial, job.PASSED if partial >= points else job.PARTIAL)
        return _shown(value, points)
    if Refused.said:
        return Verdict(None, job.MANUAL, f"This check cannot be run by itself: {Refused.said}")
    if isinstance(error, TestTimeUp):
        return Verdict(0.0, job.TIMED_OUT, "This check did not end in time.")
    if isinstance(error, SyntaxError | ImportError | CourseError) and _own(error):
        said = f"{type(error).__name__}: {_words(error)}"
        return Verdict(None, job.MANUAL, f"This check itself cannot be run ({said}).")
    message = _words(error)
    if isinstance(error, NotImplementedError):
        return Verdict(0.0, job.NOT_ATTEMPTED, message)
    if isinstance(error, AssertionError):
        if partial is not None and partial > 0:
            return Verdict(partial, job.PARTIAL, message)
        return Verdict(0.0, job.FAILED, message)
    if isinstance(error, MemoryError):
        return Verdict(0.0, job.OUT_OF_MEMORY, f"Your code asked for too much memory. {message}")
    name = type(error).__name__
    return Verdict(0.0, job.ERROR, f"{name}: {message}" if message else name)


def _own(error: BaseException) -> bool:
    """Whether an error arose in the check cell, not in what an answer did."""
    return "course_place" not in vars(error)


def _partial(points: float) -> float | None:
    """Points by the named parts of a task, None if the cell has none."""
    shares = [report.share for report in tasks.REPORTS if report.parts]
    if not shares:
        return None
    score = points * sum(shares) / len(shares)
    return min(max(score, 0.0), points) if math.isfinite(score) else 0.0


def _shown(value: Any, points: float) -> Verdict:
    """Read the last value of a cell as nbgrader does, but only a proper number as a score."""
    try:
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return Verdict(points, job.PASSED)
        if isinstance(value, int | float | np.number):
            number = float(value)
        elif type(value).__module__ == "torch" and value.ndim == 0:
            number = float(value.item())
        elif isinstance(value, np.ndarray) and value.shape == () and value.dtype.kind in "iuf":
            number = float(value)
        else:
            return Verdict(points, job.PASSED)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return Verdict(points, job.PASSED)
    if math.isfinite(number) and 0 <= number <= points:
        status = job.PASSED if number == points else job.PARTIAL if number else job.FAILED
        return Verdict(number, status)
    return Verdict(
        None,
        job.MANUAL,
        f"This check ended with the value {number:g}, which is no score from 0 to {points:g}.",
    )


def _words(error: BaseException) -> str:
    try:
        return _text(str(error)[:4000])
    except Exception:
        return ""


def _text(text: str) -> str:
    """Return text that every file and database takes: no half characters, no zero ones."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TestTimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1), 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _outputs(
    printed: str, verdict: Verdict, error: BaseException | None, value: Any
) -> list[dict[str, Any]]:
    """What stands under the cell in the graded notebook."""
    found: list[dict[str, Any]] = []
    if printed:
        cut = "\n[output cut here]\n" if len(printed) > _OUTPUT else ""
        found.append({"output_type": "stream", "name": "stdout", "text": printed[:_OUTPUT] + cut})
    if error is None and verdict.status not in _LOST:
        if value is not None:
            shown = {"text/plain": _text(repr(value)[:2000])}
            found.append(
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "data": shown,
                    "metadata": {},
                }
            )
        return found
    name = verdict.status.title().replace(" ", "")
    lines = [verdict.message]
    if verdict.status not in _LOST and error is not None:
        name = type(error).__name__
        render = getattr(error, "_render_traceback_", None)
        lines = render() if callable(render) else _trace(error)
    found.append(
        {
            "output_type": "error",
            "ename": name[:200],
            "evalue": verdict.message[:4000],
            "traceback": [_text(str(line)[:20_000]) for line in lines],
        }
    )
    return found


def _trace(error: BaseException) -> list[str]:
    """The lines of the test cell that led to an error that is no failed check."""
    numbers = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == "<check>"
    ]
    place = f" (line {numbers[0]} of this cell)" if numbers else ""
    remote = getattr(error, "course_place", "")
    words = f"{type(error).__name__}: {_words(error)}{place}"
    return [words, remote] if remote else [words]
