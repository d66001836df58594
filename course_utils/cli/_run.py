"""Run cells in a process of their own, with a time limit for each, to the end whatever happens."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import course_utils
from course_utils.errors import CourseError

GRACE = 2.0  # seconds that a cell gets to react to an interrupt
START = 60.0  # seconds that Python gets to start
CHILD = "from course_utils.cli._child import main; main()"


class Changed(Exception):
    """The run was given up, because the notebook was saved meanwhile."""


class Runnable(Protocol):
    """What `run` needs to know of a cell."""

    source: str
    check: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one cell."""

    status: Literal["ok", "error", "time", "crash"]
    kind: str = ""
    message: str = ""
    place: str = ""


def run(
    steps: Sequence[Runnable],
    folder: Path,
    seconds: float,
    stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int], None] = lambda _: None,
) -> list[Outcome]:
    """Run the cells in order and return what became of each.

    A cell that exceeds `seconds` is interrupted. If it does not react, or if the process dies, a
    new process runs the cells before it again (checks excepted) and goes on behind it. Raises
    Changed when `stop()` becomes true.
    """
    outcomes: list[Outcome] = []
    child: Child | None = None
    harmful: set[int] = set()
    try:
        while len(outcomes) < len(steps):
            index = len(outcomes)
            if child is None:
                child = Child(folder, stop)
                if not _replay(child, steps[:index], seconds, harmful):
                    child.close()
                    child = None
                    continue
            on_step(index)
            outcome, alive = child.run(steps[index].source, seconds)
            outcomes.append(outcome)
            if not alive:
                harmful.add(index)
                child.close()
                child = None
    finally:
        if child is not None:
            child.close()
    return outcomes


def _replay(child: Child, steps: Sequence[Runnable], seconds: float, harmful: set[int]) -> bool:
    """Run cells that have run before; False if the process was lost on the way."""
    for index, step in enumerate(steps):
        if step.check or index in harmful:
            continue
        outcome, alive = child.run(step.source, seconds)
        if outcome.status in ("time", "crash"):
            harmful.add(index)
        if not alive:
            return False
    return True


class Child:
    """The process that runs the cells."""

    def __init__(self, folder: Path, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._scratch = tempfile.TemporaryDirectory(
            prefix="course-check-", ignore_cleanup_errors=True
        )
        package = str(Path(course_utils.__file__).resolve().parents[1])
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
            if sys.platform == "win32"
            else {"start_new_session": True}  # Ctrl-C is for the command, not for the cells
        )
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", CHILD],
            cwd=folder,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(paths),
                "PYTHONIOENCODING": "utf-8",
                "IPYTHONDIR": self._scratch.name,
                "MPLBACKEND": "Agg",
                "NBGRADER_EXECUTION": "validate",
                "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **group,
        )
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            outcome, alive = self.run("", START)
            if not alive:
                self._kill()
                assert self._process.stderr is not None
                said = self._process.stderr.read().decode(errors="replace")
                last = said.strip().splitlines()[-1:] or [outcome.message]
                raise CourseError(
                    f"Python could not be started to run the notebook ({last[0]}). "
                    "Run course doctor to see what is missing."
                )
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)

    def run(self, source: str, seconds: float) -> tuple[Outcome, bool]:
        """Run one cell; return what became of it, and whether the process can go on."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"source": source}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:  # the process died between two cells
            return self._died(), False
        answer = self._answer(seconds)
        if answer is None and self._process.poll() is not None:
            return self._died(), False
        if answer is None:
            late = Outcome("time", message=f"stopped after {seconds:g} s")
            if sys.platform == "win32":
                return late, False
            self._process.send_signal(signal.SIGINT)
            return late, self._answer(GRACE) is not None
        error = json.loads(answer)["error"]
        return (Outcome("error", **error) if error else Outcome("ok")), True

    def _answer(self, seconds: float) -> bytes | None:
        """Return the next answer; None when the time is over or the process has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                return self._answers.get(timeout=min(left, 0.1))
            except queue.Empty:
                if self._process.poll() is not None:
                    return None if self._answers.empty() else self._answers.get()
            if self._stop():
                raise Changed
        return None

    def _died(self) -> Outcome:
        code = self._process.wait()
        try:
            how = f" (signal {signal.Signals(-code).name})" if code < 0 else f" (status {code})"
        except ValueError:
            how = f" (status {code})"
        cause = "; perhaps the memory was full" if code == -9 else ""
        return Outcome("crash", message=f"the Python process ended{how}{cause}")

    def _kill(self) -> None:
        try:
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._process.wait()

    def close(self) -> None:
        """End the process and all that it has started."""
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                pass  # what was still to be written has nobody to read it
        self._scratch.cleanup()
