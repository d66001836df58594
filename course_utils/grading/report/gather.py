"""What is known about an assignment: the stored results, and the gradebook on top of them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.deadlines import Deadlines
from course_utils.grading.feedback_page import task_titles
from course_utils.grading.gradebook import Course, GradebookError, open_gradebook
from course_utils.grading.job import GRADED, CellResult, Result
from course_utils.grading.similarity import Answer, Pair, similar_pairs
from course_utils.grading.store import Store, Stored

import nbformat
from nbgrader import api, utils
from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy import func, select

Key = tuple[str, str]
"""Notebook and graded cell."""


class ReportError(CourseError):
    """There is nothing to report on."""


@dataclass(frozen=True)
class Item:
    """A graded cell of the assignment."""

    key: Key
    title: str
    points: float


@dataclass
class Submission:
    """What is known of one submission."""

    student: str
    name: str
    status: str
    reason: str = ""
    cells: dict[Key, CellResult] = field(default_factory=dict)
    scores: dict[Key, float | None] = field(default_factory=dict)
    waiting: list[Key] = field(default_factory=list)  # a person has still to decide
    notebooks: list[tuple[str, float, int]] = field(default_factory=list)  # name, seconds, bytes
    repairs: tuple[str, ...] = ()
    accidents: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    late: float = 0.0  # seconds
    penalty: float = 0.0

    @property
    def graded(self) -> bool:
        """Whether it was graded, and is not in quarantine."""
        return self.status == GRADED

    @property
    def total(self) -> float:
        """Points so far, late penalty taken off."""
        points = sum(score for score in self.scores.values() if score is not None)
        return max(0.0, points - self.penalty)


@dataclass
class ClassData:
    """All that the report is made from."""

    assignment: str
    items: list[Item]
    submissions: list[Submission]
    enrolled: int  # students that the gradebook knows; 0 without a gradebook
    due: datetime | None = None
    zone: Any = UTC
    pairs: list[Pair] | None = None  # None: not compared
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: list[str] = field(default_factory=list)

    @property
    def points(self) -> float:
        """The most that can be had."""
        return sum(item.points for item in self.items)

    def title(self, key: Key) -> str:
        """What to call a graded cell."""
        return next((item.title for item in self.items if item.key == key), key[1])


@dataclass
class _Facts:
    """What the gradebook adds."""

    names: dict[str, str] = field(default_factory=dict)
    grades: dict[tuple[str, Key], tuple[float | None, bool]] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    penalties: dict[str, float] = field(default_factory=dict)
    due: datetime | None = None
    note: str = ""


def gather(course: Course, assignment: str, *, similar: bool = True, jobs: int = 1) -> ClassData:
    """Read everything about an assignment, one result at a time.

    Raises ReportError when there is no result; a gradebook that does not open is a note in the
    report, not an error.
    """
    store = Store(course.results(assignment))
    titles, released = _released(course, assignment)
    facts = _facts(course, assignment)
    items: dict[Key, Item] = {}
    answers: list[Answer] = []
    submissions = []
    several = len(titles) > 1
    for stored in store.all():
        for result in stored.notebooks:
            for cell in result.cells:
                key = (result.notebook, cell.name)
                if key not in items:
                    title = titles.get(result.notebook, {}).get(cell.name, cell.name)
                    title = f"{result.notebook}: {title}" if several else title
                    items[key] = Item(key, title, cell.points)
            if similar and result.status == GRADED:
                answers += _answers(stored.student, result, several)
        submissions.append(_submission(stored, facts))
    if not submissions:
        raise ReportError(_nothing(course, assignment))
    deadlines = Deadlines(config=course.config)
    found = ClassData(
        assignment=assignment,
        items=list(items.values()),
        submissions=submissions,
        enrolled=len(facts.names),
        due=facts.due,
        zone=deadlines.zone,
    )
    if facts.note:
        found.notes.append(facts.note)
    if similar:
        found.pairs = similar_pairs(answers, released, workers=jobs)
    return found


def _nothing(course: Course, assignment: str) -> str:
    folder = course.results(assignment).parent
    known = [path.name for path in folder.glob("*") if (path / "results").is_dir()]
    near = difflib.get_close_matches(assignment, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return (
        f"Nothing of {assignment!r} has been graded yet.{hint} "
        f"Grade it first: course grade {assignment}"
    )


def _submission(stored: Stored, facts: _Facts) -> Submission:
    student = stored.student
    made = Submission(
        student=student,
        name=facts.names.get(student, ""),
        status=stored.status,
        reason=stored.reason,
        missing=stored.missing,
        late=facts.late.get(student, 0.0),
        penalty=facts.penalties.get(student, 0.0),
    )
    for result in stored.notebooks:
        made.repairs += result.repairs
        made.accidents += result.accidents
        made.notebooks.append((result.notebook, result.seconds, result.memory))
        if stored.status == GRADED and result.reason:
            made.reason = made.reason or result.reason
        for cell in result.cells:
            key = (result.notebook, cell.name)
            known = facts.grades.get((student, key))
            score, waiting = known if known is not None else (cell.score, cell.score is None)
            made.cells[key] = cell
            made.scores[key] = None if waiting and not score else score
            if waiting:
                made.waiting.append(key)
    return made


# --- what was released --------------------------------------------------------------------------


def _released(course: Course, assignment: str) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Titles of graded cells by notebook, and the released source of solution cells by task."""
    titles: dict[str, dict[str, str]] = {}
    sources: dict[str, str] = {}
    for folder in (course.released(assignment), course.source(assignment)):
        notebooks = sorted(folder.glob("*.ipynb"))
        for path in notebooks:
            try:
                nb = nbformat.read(path, as_version=4)
            except Exception:  # a file that is no notebook is no help
                continue
            titles[path.stem] = task_titles(nb)
            for cell in nb.cells:
                if cell.cell_type == "code" and utils.is_solution(cell):
                    name = cell.metadata.nbgrader.grade_id
                    sources[_task(path.stem, name, len(notebooks) > 1)] = cell.source
        if titles:
            break
    return titles, sources


def _task(notebook: str, name: str, several: bool) -> str:
    return f"{notebook}: {name}" if several else name


def _answers(student: str, result: Result, several: bool) -> Iterable[Answer]:
    """The code that a student wrote in solution cells."""
    try:
        cells = json.loads(result.executed)["cells"]
    except (ValueError, KeyError, TypeError):
        return
    for cell in cells:
        known = cell.get("metadata", {}).get("nbgrader", {})
        if cell.get("cell_type") == "code" and known.get("solution"):
            source = cell.get("source", "")
            text = "".join(source) if isinstance(source, list) else str(source)
            yield Answer(student, _task(result.notebook, str(known.get("grade_id")), several), text)


# --- the gradebook ------------------------------------------------------------------------------


def _facts(course: Course, assignment: str) -> _Facts:
    try:
        with open_gradebook(course) as gradebook:
            return _read(gradebook, assignment)
    except GradebookError as error:
        return _Facts(note=f"Without the gradebook: {error}")


def _read(gradebook: Gradebook, assignment: str) -> _Facts:
    """A few queries for the whole class: nbgrader's own objects ask several times a student."""
    facts = _Facts()
    db = gradebook.db
    people = api.Student.__table__
    for row in db.execute(select(people.c.id, people.c.first_name, people.c.last_name)):
        facts.names[row.id] = " ".join(part for part in row[1:] if part)
    try:
        known = gradebook.find_assignment(assignment)
    except MissingEntry:
        facts.note = f"The gradebook does not know the assignment {assignment}."
        return facts
    facts.due = known.duedate
    handed, notebook = api.SubmittedAssignment.__table__, api.SubmittedNotebook.__table__
    original, grade = api.Notebook.__table__, api.Grade.__table__
    cell = api.BaseCell.__table__
    mine = handed.c.assignment_id == known.id
    for student, stamp, extension in db.execute(
        select(handed.c.student_id, handed.c.timestamp, handed.c.extension).where(mine)
    ):
        if stamp is not None and facts.due is not None:
            late = stamp - facts.due - (extension or timedelta(0))
            facts.late[student] = max(0.0, late.total_seconds())
    penalties = (
        select(handed.c.student_id, func.sum(notebook.c.late_submission_penalty))
        .join(notebook, notebook.c.assignment_id == handed.c.id)
        .where(mine)
        .group_by(handed.c.student_id)
    )
    facts.penalties = {student: float(lost or 0) for student, lost in db.execute(penalties)}
    grades = (
        select(
            handed.c.student_id,
            original.c.name,
            cell.c.name,
            grade.c.auto_score,
            grade.c.manual_score,
            grade.c.extra_credit,
            grade.c.needs_manual_grade,
        )
        .join(notebook, notebook.c.assignment_id == handed.c.id)
        .join(original, original.c.id == notebook.c.notebook_id)
        .join(grade, grade.c.notebook_id == notebook.c.id)
        .join(cell, cell.c.id == grade.c.cell_id)
        .where(mine)
    )
    for student, book, name, auto, manual, extra, waiting in db.execute(grades):
        score = manual if manual is not None else auto
        if score is not None:
            score += extra or 0.0
        undecided = bool(waiting) and manual is None
        facts.grades[student, (book, name)] = (score, undecided)
    return facts
