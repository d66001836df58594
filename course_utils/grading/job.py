"""What goes into the grading of one notebook and what comes out: plain data, nothing else.

A `Job` holds everything that grading needs and a `Result` everything that it found, so that a job
can be graded in another process or on another machine that shares no disk with this one. Both
turn into dictionaries of numbers, strings, bytes and lists (`to_data`, `from_data`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

PASSED = "passed"
FAILED = "failed"
ERROR = "error"
TIMED_OUT = "timed out"
OUT_OF_MEMORY = "out of memory"
CRASHED = "crashed"
NOT_RUN = "not run"
NOT_ATTEMPTED = "not attempted"
PARTIAL = "partial"
MANUAL = "manual"
REFUSED = "refused"
CELL_STATUSES = {
    PASSED: "the check passed: all points",
    PARTIAL: "some named parts of the check passed: some points",
    FAILED: "a check found a difference",
    ERROR: "the answer stopped with an error",
    TIMED_OUT: "the answer did not end in time",
    OUT_OF_MEMORY: "the answer took more memory than it may",
    CRASHED: "the Python process stopped",
    REFUSED: "the answer broke the rules of the examination (it left the protocol)",
    NOT_RUN: "the cell was not run, since its process could not be brought back",
    NOT_ATTEMPTED: "nothing was written in place of the stub",
    MANUAL: "a person gives the points",
}
"""What can be said of one graded cell."""

GRADED = "graded"
QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Limits:
    """What one candidate may use. Memory and sizes in bytes, times in seconds."""

    memory: int = 2 * 1024**3  # beyond what the warm process shares with it
    processes: int = 64
    disk: int = 256 * 1024**2  # all that it writes
    open_files: int = 256
    cell_seconds: float = 60.0  # one cell of the student
    test_seconds: float = 60.0  # one test cell, with all that it asks of the student's code
    notebook_seconds: float = 600.0
    cell_output: int = 600_000  # what one cell may show; of it, 100,000 characters of text
    notebook_output: int = 2_000_000
    message: int = 64 * 1024**2  # one answer of the candidate
    restarts: int = 10  # fresh candidates after the first one died


@dataclass(frozen=True)
class ReleasedCell:
    """A cell that the gradebook knows: its text (hidden tests included) and nbgrader metadata."""

    name: str
    source: str
    metadata: dict[str, Any]

    @property
    def restorable(self) -> bool:
        """Whether a missing copy may be put back: everything but a learner's own code."""
        return bool(self.metadata["locked"] or self.metadata["grade"] or self.metadata["task"])


@dataclass(frozen=True)
class Job:
    """One submitted notebook of one student, with all that is needed to grade it."""

    student: str
    assignment: str
    notebook: str  # its name, without .ipynb
    submitted: bytes  # the file as it was handed in
    released: tuple[ReleasedCell, ...]  # in the order of the notebook
    given: str = ""  # code that the release gives outside of graded cells; tells what to import
    files: tuple[tuple[str, bytes], ...] = ()  # other files of the assignment: path, content
    seed: int = 0  # of the random inputs of the checks: the same seed repeats a run exactly
    limits: Limits = field(default_factory=Limits)

    def to_data(self) -> dict[str, Any]:
        """Return the job as numbers, strings, bytes, lists and dictionaries."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_data(data: dict[str, Any]) -> Job:
        """Make a job from what `to_data` returned."""
        data = dict(data)
        data["released"] = tuple(ReleasedCell(**cell) for cell in data["released"])
        data["files"] = tuple((str(path), bytes(content)) for path, content in data["files"])
        data["limits"] = Limits(**data["limits"])
        return Job(**data)


@dataclass(frozen=True)
class CellResult:
    """What became of one graded cell."""

    name: str
    points: float  # that the cell is worth
    score: float | None  # None: a person must decide
    status: str  # one of CELL_STATUSES
    message: str = ""  # the sentence that the learner reads
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """What grading found for one notebook of one student."""

    student: str
    assignment: str
    notebook: str
    status: str  # GRADED or QUARANTINED
    reason: str = ""  # why it is in quarantine
    cells: tuple[CellResult, ...] = ()  # graded cells, in the order of the notebook
    executed: str = ""  # the graded notebook, as JSON text
    repairs: tuple[str, ...] = ()  # one sentence for each thing that was put right
    unanswered: tuple[str, ...] = ()  # solution cells that are as they were released
    accidents: tuple[str, ...] = ()  # sentences on ungraded cells: error, time-out, crash
    seconds: float = 0.0
    memory: int = 0  # bytes at the peak, beyond what the warm process shares with it
    seed: int = 0

    @property
    def score(self) -> float:
        """Points so far: the sum of what is decided."""
        return sum(cell.score for cell in self.cells if cell.score is not None)

    @property
    def points(self) -> float:
        """The most that can be had."""
        return sum(cell.points for cell in self.cells)

    def to_data(self) -> dict[str, Any]:
        """Return the result as numbers, strings, lists and dictionaries."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_data(data: dict[str, Any]) -> Result:
        """Make a result from what `to_data` returned."""
        data = dict(data)
        data["cells"] = tuple(CellResult(**cell) for cell in data["cells"])
        for name in ("repairs", "unanswered", "accidents"):
            data[name] = tuple(data[name])
        return Result(**data)


def quarantined(job: Job, reason: str) -> Result:
    """Return the result of a notebook that cannot be graded, with the reason."""
    return Result(job.student, job.assignment, job.notebook, QUARANTINED, reason, seed=job.seed)
