"""What happened to a submission, read from what grading left behind, not remembered."""

from dataclasses import dataclass
from pathlib import Path

from course_utils.grading import job
from course_utils.grading.export import gradebook_status
from course_utils.grading.repair import NOTE

import nbformat
from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry

ACCIDENTS = (job.TIMED_OUT, job.CRASHED, job.OUT_OF_MEMORY, job.REFUSED, job.NOT_RUN)
"""What can befall a process, as `job.CELL_STATUSES` has it."""


@dataclass(frozen=True)
class Outcome:
    """One graded submission: a status in words, and points by grade cell."""

    status: str
    scores: dict[str, float]
    reasons: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """Sum of all points."""
        return sum(self.scores.values())


def outcome(
    gradebook: Gradebook, assignment: str, student: str, graded: Path, submitted: Path
) -> Outcome:
    """Read scores from the gradebook and the status from the notebooks in folder `graded`.

    The status is 'graded', or what was out of the ordinary: 'timed out', 'crashed', 'out of
    memory', 'refused', 'not run', 'error in a cell' (an answer cell that did not run to its end),
    'repaired', 'not attempted', 'needs manual grading', 'not graded', 'not submitted', several of
    them joined by commas.
    Folder `submitted` is looked into for the reason why a submission was not graded.
    """
    try:
        submission = gradebook.find_submission(assignment, student)
    except MissingEntry:
        return Outcome("not submitted", {})
    notebooks = sorted(graded.glob("*.ipynb"))
    state = gradebook_status(submission)
    if state == "not graded" or not notebooks:
        return Outcome("not graded", {}, tuple(_unreadable(submitted)))
    scores = {
        grade.name: float(grade.score or 0.0)
        for notebook in submission.notebooks
        for grade in notebook.grades
    }
    found: list[str] = [] if state == "graded" else [state]
    reasons: list[str] = []
    answered = False
    for path in notebooks:
        nb = nbformat.read(path, as_version=4)
        answered = answered or any(_answered(cell) for cell in nb.cells)
        note = nb.metadata.get(NOTE, {})
        if note.get("repairs"):
            found.append("repaired")
            reasons += note["repairs"]
        said = [cell.metadata.get(NOTE, {}).get("status") for cell in nb.cells]
        found += [status for status in said if status in ACCIDENTS]
        for sentence in note.get("accidents", []):
            found += [status for status in (*ACCIDENTS, job.ERROR) if status in sentence][:1]
        found = ["error in a cell" if status == job.ERROR else status for status in found]
    if not answered:
        found.append("not attempted")
    order = dict.fromkeys(found)
    return Outcome(", ".join(order) or "graded", scores, tuple(reasons))


def _answered(cell: nbformat.NotebookNode) -> bool:
    """Whether a solution cell differs from what was released."""
    if not utils.is_solution(cell):
        return False
    return cell.metadata.nbgrader.get("checksum") != utils.compute_checksum(cell)


def _unreadable(submitted: Path) -> list[str]:
    """Sentences about the notebooks of a submission that cannot be read."""
    sentences = []
    for path in sorted(submitted.glob("*.ipynb")):
        try:
            nbformat.read(path, as_version=4)
        except Exception:
            sentences.append(f"{path.name} is not a notebook that can be read; ask for it again.")
    return sentences or ["Grading did not end; run nbgrader autograde again."]
