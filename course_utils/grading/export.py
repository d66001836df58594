"""The grades as files: a table of everything, and what Canvas and Moodle import.

Every field is quoted as CSV wants it (RFC 4180), no field is run as a formula by a spreadsheet,
and nobody gets a zero that nobody gave: a submission that is not graded to the end has no grade.

Plugins of `nbgrader export` (`--exporter=course_utils.grading.export.CanvasCSV`); `course export`
uses the same ones.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError

from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.plugins.export import ExportPlugin
from sqlalchemy import select
from sqlalchemy.orm import joinedload, object_session, selectinload, undefer
from traitlets import Bool, Dict, Enum, Unicode

FIELDS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
    "status",
    "hours_late",
)
GRADED = "graded"
WAITING = "needs manual grading"
NOT_GRADED = "not graded"
NOT_SUBMITTED = "not submitted"


class ExportError(CourseError):
    """A roster that does not fit, or a file that must not be written over."""


def gradebook_status(submission: SubmittedAssignment) -> str:
    """What the gradebook knows: 'graded', 'needs manual grading' or 'not graded'."""
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    automatic = [grade for grade in grades if grade.cell_type == "code"]
    if not grades or (automatic and all(_open(grade) for grade in automatic)):
        return NOT_GRADED
    if any(grade.needs_manual_grade for grade in grades):
        return WAITING
    return GRADED


def _open(grade: Any) -> bool:
    return grade.auto_score is None and grade.manual_score is None


def safe_field(value: Any) -> str:
    """A field as text. One that a spreadsheet would run as a formula gets an apostrophe."""
    text = "" if value is None else str(value)
    formula = isinstance(value, str) and text[:1] in tuple("=+-@\t\r") and text != "-"
    return f"'{text}" if formula else text


def points_text(value: float) -> str:
    """Points with at most four decimals, never in powers of ten.

    >>> points_text(12.50), points_text(0.00001)
    ('12.5', '0')
    """
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def write_csv(target: Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write the rows in one step: whoever opens the file sees the old one or the new one."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([safe_field(value) for value in row] for row in rows)
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        beside.write_text(text.getvalue(), encoding="utf-8", newline="")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


class _Export(ExportPlugin):
    """What the three formats share: the choice of assignments and students, and the warnings."""

    default_file = "grades.csv"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.warnings: list[str] = []

    @property
    def target(self) -> Path:
        """The file named by --to, or the usual one."""
        return Path(self.to or self.default_file)

    def warn(self, sentence: str) -> None:
        """Keep a warning for the caller, and log it as nbgrader does."""
        self.warnings.append(sentence)
        self.log.warning(sentence)

    def chosen(self, gradebook: Gradebook) -> tuple[list[Assignment], list[Any]]:
        """The assignments and the students to export, in the gradebook's order."""
        names = {str(name) for name in self.assignment}
        students = {str(name) for name in self.student}
        return (
            [entry for entry in gradebook.assignments if not names or entry.name in names],
            [one for one in gradebook.students if not students or one.id in students],
        )

    def submissions(self, assignment: Assignment) -> dict[str, SubmittedAssignment]:
        """What was handed in for an assignment, by student.

        A handful of queries for the whole class, where nbgrader's objects ask several a student.
        """
        grades = selectinload(SubmittedNotebook.grades).options(
            undefer(Grade.cell_type), undefer(Grade.max_score), joinedload(Grade.cell)
        )
        comments = selectinload(SubmittedNotebook.comments).joinedload(Comment.cell)
        query = (
            select(SubmittedAssignment)
            .where(SubmittedAssignment.assignment_id == assignment.id)
            .options(
                undefer(SubmittedAssignment.score),
                undefer(SubmittedAssignment.late_submission_penalty),
                selectinload(SubmittedAssignment.notebooks).options(grades, comments),
            )
        )
        found = object_session(assignment).scalars(query)  # type: ignore[union-attr]
        return {one.student_id: one for one in found}


# --- the table ----------------------------------------------------------------------------------


class GradesCSV(_Export):
    """nbgrader's columns plus `status` and `hours_late`; what was not graded has no score."""

    def export(self, gradebook: Gradebook) -> None:
        """Write grades.csv, or the file named by --to."""
        self.log.info("Exporting grades to %s", self.target)
        assignments, students = self.chosen(gradebook)
        rows = []
        for assignment in assignments:
            submissions = self.submissions(assignment)
            rows += [_row(assignment, one, submissions.get(one.id)) for one in students]
        write_csv(self.target, [FIELDS, *([row.get(key) for key in FIELDS] for row in rows)])
        counts = Counter(row["status"] for row in rows)
        if counts[NOT_GRADED]:
            self.warn(f"{_count(counts[NOT_GRADED], 'submission')} not graded yet: no score.")
        if counts[WAITING]:
            what = _count(counts[WAITING], "submission")
            self.warn(f"{what} still to be graded by hand: the score may rise.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _row(
    assignment: Assignment, student: Any, submission: SubmittedAssignment | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "assignment": assignment.name,
        "duedate": assignment.duedate,
        "student_id": student.id,
        "last_name": student.last_name,
        "first_name": student.first_name,
        "email": student.email,
        "max_score": assignment.max_score,
    }
    if submission is None:
        nothing = {"raw_score": 0.0, "late_submission_penalty": 0.0, "score": 0.0}
        return row | nothing | {"status": NOT_SUBMITTED}
    row |= {"timestamp": submission.timestamp, "status": gradebook_status(submission)}
    if submission.duedate is not None and submission.total_seconds_late:
        row["hours_late"] = round(submission.total_seconds_late / 3600, 2)
    if row["status"] != NOT_GRADED:
        penalty = submission.late_submission_penalty
        row |= {
            "raw_score": submission.score,
            "late_submission_penalty": penalty,
            "score": max(0.0, submission.score - penalty),
        }
    return row


# --- a roster -----------------------------------------------------------------------------------


class Roster:
    """The class as the learning platform exported it: a CSV file with one line per student.

    Students are found by any of the columns `keys`, letter case aside, by their id in the
    gradebook or their e-mail address. An identifier that stands for two people finds nobody.
    """

    def __init__(self, file: Path, keys: tuple[str, ...]) -> None:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise ExportError(f"There is no file {file}. Export it from your platform.") from None
        except UnicodeDecodeError:
            raise ExportError(f"{file} is not a CSV file in UTF-8. Export it again.") from None
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        self.columns = [str(name).strip() for name in reader.fieldnames or ()]
        reader.fieldnames = self.columns
        present = [key for key in keys if key in self.columns]
        if not present:
            raise ExportError(
                f"{file} has none of the columns {', '.join(keys)}; it begins with "
                f"{first.strip()[:80]!r}. Export the class list from your platform again."
            )
        self.lines = [
            {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
            for row in reader
        ]
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.lines):
            for name in {line[key].lower() for key in present if line.get(key)}:
                found.setdefault(name, []).append(number)
        self._places = {name: places[0] for name, places in found.items() if len(places) == 1}

    def find(self, student: Any) -> dict[str, str] | None:
        """The line of a student of the gradebook, or None."""
        email = (student.email or "").lower()
        for name in (student.id.lower(), email, email.partition("@")[0]):
            if name and name in self._places:
                return self.lines[self._places[name]]
        return None

    def column_of(self, assignment: str) -> str | None:
        """The column that belongs to an assignment: 'Perceptron (4711)' for 'Perceptron'."""
        for column in self.columns:
            title = column.rpartition(" (")[0] if column.endswith(")") else column
            if assignment.lower() in (title.lower(), column.lower()):
                return column
        return None


# --- learning platforms -------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One student's grade in one assignment, as far as it may leave the house."""

    status: str
    score: float | None  # None: no grade may be written
    submission: SubmittedAssignment | None


class _PlatformCSV(_Export):
    roster = Unicode("", help="Class list exported from the platform (CSV).").tag(config=True)
    columns = Dict(
        help="Names of columns on the platform, by assignment: {'03-perceptron': 'Week 3'}."
    ).tag(config=True)
    missing_as_zero = Bool(
        False, help="Write 0 for what was never handed in; else it stays without a grade."
    ).tag(config=True)
    include_unfinished = Bool(
        False, help="Write the points so far where a person has still to grade something."
    ).tag(config=True)
    graded_only = Bool(
        False, help="Leave out lines without any grade, so that the platform keeps what it has."
    ).tag(config=True)

    keys: tuple[str, ...] = ()
    empty = ""
    platform = ""

    def export(self, gradebook: Gradebook) -> None:
        """Write the file that the platform imports."""
        assignments, students = self.chosen(gradebook)
        self.log.info("Exporting grades to %s", self.target)
        roster = Roster(Path(self.roster), self.keys) if self.roster else None
        if self.roster and self.target.exists() and self.target.samefile(self.roster):
            raise ExportError(f"{self.target} is the roster itself. Choose another name with --to.")
        grades = {assignment.name: self._cells(assignment, students) for assignment in assignments}
        lines: list[tuple[Any, dict[str, str] | None]] = []
        strangers = []
        for student in students:
            line = roster.find(student) if roster else None
            cells = [grades[assignment.name][student.id] for assignment in assignments]
            if roster is not None and line is None:
                strangers.append(student.id)
            elif not self.graded_only or any(cell.score is not None for cell in cells):
                lines.append((student, line))
        rows = list(self.rows(assignments, lines, grades, roster))
        write_csv(self.target, rows)
        self._say(grades, strangers, rows)

    def rows(
        self,
        assignments: list[Assignment],
        lines: list[tuple[Any, dict[str, str] | None]],
        grades: dict[str, dict[str, Cell]],
        roster: Roster | None,
    ) -> Iterator[list[Any]]:
        """Yield the lines of the file; every platform has its own."""
        raise NotImplementedError

    def _cells(self, assignment: Assignment, students: list[Any]) -> dict[str, Cell]:
        submissions = self.submissions(assignment)
        cells = {}
        for student in students:
            submission = submissions.get(student.id)
            if submission is None:
                score = 0.0 if self.missing_as_zero else None
                cells[student.id] = Cell(NOT_SUBMITTED, score, None)
                continue
            status = gradebook_status(submission)
            final = status == GRADED or (status == WAITING and self.include_unfinished)
            points = max(0.0, submission.score - submission.late_submission_penalty)
            cells[student.id] = Cell(status, points if final else None, submission)
        return cells

    def column(self, assignment: Assignment, roster: Roster | None) -> str:
        """The name of an assignment's column on the platform."""
        named = self.columns.get(assignment.name)
        return str(named or (roster and roster.column_of(assignment.name)) or assignment.name)

    def _say(
        self,
        grades: dict[str, dict[str, Cell]],
        strangers: list[str],
        rows: list[list[Any]],
    ) -> None:
        cells = [cell for column in grades.values() for cell in column.values()]
        reasons = Counter(cell.status for cell in cells if cell.score is None)
        words = {NOT_GRADED: "not graded yet", WAITING: "waiting for a person to grade them"}
        words[NOT_SUBMITTED] = "not handed in"
        if reasons:
            parts = ", ".join(f"{n} {words[status]}" for status, n in sorted(reasons.items()))
            what = _count(sum(reasons.values()), "grade")
            self.warn(f"{what} left empty: {parts}.")
            if not self.graded_only:
                self.warn(
                    f"An empty grade removes one that {self.platform} has already; lines without "
                    "any grade are left out with graded_only (course export --graded-only)."
                )
        if strangers:
            self.warn(
                f"{_count(len(strangers), 'student')} not in the roster, left out: "
                f"{_some(strangers)}."
            )
        changed = sum(
            any(isinstance(v, str) and safe_field(v) != v for v in row[: len(self.keys)])
            for row in rows
        )
        if changed:
            self.warn(
                f"{_count(changed, 'line')} with a name or identifier that a spreadsheet would "
                f"run as a formula got an apostrophe; {self.platform} may not recognise it."
            )


def _some(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_CANVAS_OWN = tuple(
    f"{kind} {what}"
    for kind in ("Current", "Final", "Override")
    for what in ("Score", "Points", "Grade")
)
_POINTS = "Points Possible"


class CanvasCSV(_PlatformCSV):
    """The file that Canvas imports in its gradebook (Gradebook, Import).

    First line: Student, ID, SIS User ID, SIS Login ID, Section, then a column per assignment;
    second line: "Points Possible". Canvas finds a student by ID, then SIS User ID, then SIS Login
    ID, then name, and an assignment by the number in "Name (4711)", then by its name; other names
    make a new assignment. So import with a roster: the gradebook that you exported from Canvas.
    Source: lib/gradebook_importer.rb of canvas-lms (instructure/canvas-lms, 2026: `header?`,
    `process_student`, `parse_assignments`), which is also where to see that a name with the words
    "Points Possible" would be taken for the second line, and that a column such as "Final Score"
    is passed over.
    """

    default_file = "grades-canvas.csv"
    keys = ("ID", "SIS User ID", "SIS Login ID", "Integration ID")
    platform = "Canvas"
    student_column = Enum(
        ("SIS Login ID", "SIS User ID", "ID"),
        default_value="SIS Login ID",
        help="Without a roster: the column that the gradebook's student ids are written in.",
    ).tag(config=True)

    def rows(
        self,
        assignments: list[Assignment],
        lines: list[tuple[Any, dict[str, str] | None]],
        grades: dict[str, dict[str, Cell]],
        roster: Roster | None,
    ) -> Iterator[list[Any]]:
        """Yield header, points and one line per student."""
        columns = [self.column(assignment, roster) for assignment in assignments]
        for column in columns:
            if any(own in column for own in _CANVAS_OWN):
                self.warn(f"Canvas passes over a column called {column!r}; give it another name.")
        yield [*_CANVAS, *columns]
        points = [points_text(assignment.max_score or 0.0) for assignment in assignments]
        yield [f"    {_POINTS}", "", "", "", "", *points]
        for student, line in lines:
            if line is None:
                given = (student.last_name, student.first_name)
                names = ", ".join(part for part in given if part) or student.id
                line = {"Student": names, self.student_column: student.id}
            name = line.get("Student", "").replace(_POINTS, "Points-Possible")
            cells = [grades[assignment.name][student.id].score for assignment in assignments]
            yield [
                name,
                *(line.get(key, "") for key in _CANVAS[1:]),
                *(self.empty if score is None else points_text(score) for score in cells),
            ]


class MoodleCSV(_PlatformCSV):
    """The file that Moodle imports (Grades, Import, CSV file): an identifier, grade and feedback.

    Map "Email address" (or "ID number", "Username") to the user, "… (Real)" to the grade item and
    "… (Feedback)" to its feedback. Both are always here, since Moodle's manual warns that importing
    only one of them loses the other (docs.moodle.org, Grade import). "-" is how Moodle writes that
    there is no grade. Source: grade/import/csv/classes/load_data.php of Moodle: an empty identifier
    gives the grade to the student of the line before, and an unknown one stops the whole import;
    so a student without an identifier is left out, and a roster leaves out those whom Moodle does
    not know.
    """

    default_file = "grades-moodle.csv"
    keys = ("Email address", "ID number", "Username")
    platform = "Moodle"
    empty = "-"
    identifier = Enum(
        ("Email address", "ID number", "Username"),
        default_value="Email address",
        help="The column by which Moodle finds a student. The last two hold the gradebook's id.",
    ).tag(config=True)

    def rows(
        self,
        assignments: list[Assignment],
        lines: list[tuple[Any, dict[str, str] | None]],
        grades: dict[str, dict[str, Cell]],
        roster: Roster | None,
    ) -> Iterator[list[Any]]:
        """Yield header and one line per student who has an identifier."""
        heading = [self.identifier]
        for assignment in assignments:
            column = self.column(assignment, roster).removesuffix(" (Real)")
            heading += [f"{column} (Real)", f"{column} (Feedback)"]
        yield heading
        nameless = []
        for student, line in lines:
            if line is not None:
                identifier = line.get(self.identifier, "")
            else:
                by_mail = self.identifier == "Email address"
                identifier = (student.email if by_mail else student.id) or ""
            if not identifier.strip():
                nameless.append(student.id)
                continue
            row: list[Any] = [identifier]
            for assignment in assignments:
                cell = grades[assignment.name][student.id]
                row.append(self.empty if cell.score is None else points_text(cell.score))
                row.append("" if cell.score is None else feedback_text(cell.submission))
            yield row
        if nameless:
            self.warn(
                f"{_count(len(nameless), 'student')} without {self.identifier.lower()} left out: "
                f"{_some(nameless)}."
            )


def feedback_text(submission: SubmittedAssignment | None) -> str:
    """Points by task, what lateness cost, and the grader's comments, as one line of plain text."""
    if submission is None:
        return ""
    parts = []
    for notebook in submission.notebooks:
        for grade in notebook.grades:
            undecided = grade.auto_score is None and grade.manual_score is None
            score = "–" if undecided else points_text(grade.score)
            parts.append(f"{grade.name} {score}/{points_text(grade.max_score)}")
    text = "; ".join(parts)
    penalty = submission.late_submission_penalty
    if penalty:
        text += f". Handed in late: {points_text(penalty)} points less"
    for notebook in submission.notebooks:
        for comment in notebook.comments:
            said = " ".join((comment.comment or "").split())
            if said:
                text += f". {comment.name}: {said}"
    return text


FORMATS = {"csv": GradesCSV, "canvas": CanvasCSV, "moodle": MoodleCSV}


def known_header(file: Path) -> bool:
    """Whether a file looks like an earlier export of ours, which may be written over."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as lines:
            first = lines.readline(4000)
    except OSError:
        return False
    starts = (",".join(FIELDS[:4]), ",".join(_CANVAS), *(f"{key}," for key in MoodleCSV.keys))
    return first.startswith(starts) or not first.strip()


def check_assignment(gradebook: Gradebook, name: str) -> None:
    """Raise ExportError with the names there are, if there is no assignment `name`."""
    try:
        gradebook.find_assignment(name)
    except MissingEntry:
        known = ", ".join(entry.name for entry in gradebook.assignments) or "none"
        raise ExportError(f"The gradebook has no assignment {name!r}. It has: {known}.") from None
