"""The course as nbgrader is configured, and the one writer to its gradebook.

What is written equals what nbgrader's own autograder writes (nbgrader 0.9.6: `Autograde`,
`SaveAutoGrades`, `AssignLatePenalties`), so that formgrader, feedback, exchange and export go on
as before. One connection serves a whole class and one transaction a submission: nbgrader's
classes connect anew for every step, which costs most of their time.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, TypeVar

from course_utils.errors import CourseError
from course_utils.grading.job import ReleasedCell, Result

from nbgrader import api
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from traitlets.config import Config

PATIENCE = (0.1, 0.3, 1.0, 2.0, 4.0)
"""Seconds to wait before another try when somebody else is writing to the gradebook."""

T = TypeVar("T")


class GradebookError(CourseError):
    """The gradebook, or what the configuration says about it, cannot be used as it is."""

    exit_code = 2


class NoGradebookError(GradebookError):
    """There is no gradebook yet."""


class UnknownAssignmentError(GradebookError):
    """The gradebook does not know the assignment."""


# --- the course ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """A course folder and the configuration that nbgrader uses in it."""

    root: Path
    config: Config
    directory: CourseDirectory

    def submitted(self, student: str, assignment: str) -> Path:
        """Folder of what a student handed in."""
        return self._folder(self.directory.submitted_directory, student, assignment)

    def graded(self, student: str, assignment: str) -> Path:
        """Folder of the graded copy."""
        return self._folder(self.directory.autograded_directory, student, assignment)

    def released(self, assignment: str) -> Path:
        """Folder of what students are given."""
        return self._folder(self.directory.release_directory, ".", assignment)

    def source(self, assignment: str) -> Path:
        """Folder of the instructor's version."""
        return self._folder(self.directory.source_directory, ".", assignment)

    def results(self, assignment: str) -> Path:
        """Folder of what grading knows about an assignment."""
        return self.root / "grading" / assignment

    @cached_property
    def autograde(self) -> Autograde:
        """nbgrader's own autograder as it is configured: permissions, files, students."""
        try:
            return Autograde(coursedir=self.directory, config=self.config)
        except Exception as error:  # a configuration may name what is not there
            raise GradebookError(
                f"What nbgrader_config.py says of Autograde cannot be used ({error}). Correct it."
            ) from error

    def _folder(self, step: str, student: str, assignment: str) -> Path:
        return Path(os.path.normpath(self.directory.format_path(step, student, assignment)))


def open_course(root: Path) -> Course:
    """Read the configuration of the course in folder `root` as the nbgrader command reads it.

    Raises GradebookError: the configuration has a mistake.
    """
    from nbgrader.apps import NbGrader

    root = root.absolute()
    try:
        with contextlib.chdir(root):
            app = NbGrader()
            app.raise_config_file_errors = True
            app.config_file_paths.append(str(root))
            app.load_config_file()
            config = Config(app.config)
            if "root" not in config.CourseDirectory:
                config.CourseDirectory.root = str(root)
            directory = CourseDirectory(config=config)
            _ = directory.db_url  # its default is made from the current folder
    except Exception as error:  # a configuration is a program: it may raise what it likes
        raise GradebookError(
            f"The configuration of nbgrader in {root} cannot be used "
            f"({type(error).__name__}: {error}). Correct nbgrader_config.py."
        ) from error
    if directory.root not in sys.path:  # nbgrader finds plugins in the course folder
        sys.path.append(directory.root)
    return Course(Path(directory.root), config, directory)


def open_gradebook(course: Course) -> Gradebook:
    """Connect to the gradebook; close it, or use it in a with statement.

    Raises NoGradebookError: there is none; GradebookError: it does not answer.
    """
    url = course.directory.db_url
    try:
        address = make_url(url)
        file = address.database
        if address.get_backend_name() == "sqlite" and file and not Path(file).is_file():
            raise NoGradebookError(
                f"There is no gradebook {file} yet. It is made with the first assignment: "
                "nbgrader generate_assignment NAME"
            )
        return Gradebook(url, course.directory.course_id)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise GradebookError(
            f"The gradebook does not open ({_short(error)}). Look at CourseDirectory.db_url in "
            "nbgrader_config.py and whether its database runs."
        ) from error


def _short(error: BaseException) -> str:
    """Return the first line of an error, without SQLAlchemy's links and statements."""
    text = str(getattr(error, "orig", None) or error) or type(error).__name__
    return text.strip().splitlines()[0][:300]


# --- what was released --------------------------------------------------------------------------


def released_cells(gradebook: Gradebook, notebook: str, assignment: str) -> list[ReleasedCell]:
    """Every cell of the notebook that the gradebook knows, with nbgrader's metadata."""
    known = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: float(cell.max_score) for cell in known.grade_cells}
    solutions = {cell.name for cell in known.solution_cells}
    tasks = {cell.name: float(cell.max_score) for cell in known.task_cells}
    cells = []
    for source in known.source_cells:
        name = source.name
        metadata = {
            "schema_version": 3,
            "grade_id": name,
            "grade": name in points,
            "solution": name in solutions,
            "task": name in tasks,
            "locked": source.locked,
            "cell_type": source.cell_type,
            "checksum": source.checksum,
        }
        if name in points or name in tasks:
            metadata["points"] = points.get(name, tasks.get(name))
        cells.append(ReleasedCell(name, source.source, metadata))
    return cells


# --- the writer ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """What the gradebook says of one cell of one student: points, None where there are none."""

    automatic: float | None
    manual: float | None


@dataclass(frozen=True)
class Entered:
    """What the gradebook says of one submission: its time and what moves its deadline."""

    timestamp: datetime | None
    extension: timedelta | None


@dataclass(frozen=True)
class _Notebook:
    """Ids of the rows that describe one notebook of the assignment."""

    id: str
    graded: dict[str, str]  # name of a grade cell → id of the cell
    tasks: dict[str, str]
    solutions: dict[str, str]


class Writer:
    """Writes what grading found into the gradebook: one session, one transaction a submission."""

    def __init__(self, course: Course, assignment: str) -> None:
        self._course = course
        self._gradebook = open_gradebook(course)
        self._db = self._gradebook.db
        try:
            known = self._gradebook.find_assignment(assignment)
        except MissingEntry:
            self._gradebook.close()
            raise UnknownAssignmentError(unknown_assignment(assignment)) from None
        self._assignment: str = known.id
        self.duedate: datetime | None = known.duedate
        self._notebooks = {
            str(nb.name): _Notebook(
                nb.id,
                {cell.name: cell.id for cell in nb.grade_cells},
                {cell.name: cell.id for cell in nb.task_cells},
                {cell.name: cell.id for cell in nb.solution_cells},
            )
            for nb in known.notebooks
        }
        self._penalties = _late_penalties(course)
        if self._penalties is not None:  # plugins look there, as nbgrader's do
            self._penalties.gradebook = self._gradebook
            self._penalties.assignment_id = assignment
        self._db.rollback()  # hold no transaction while others grade by hand

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._gradebook.close()

    # reading

    def students(self) -> set[str]:
        """Return the ids of all students that the gradebook knows."""
        return self._read(lambda: set(self._db.execute(select(api.Student.id)).scalars()))

    def entered(self) -> dict[str, Entered]:
        """Return, for every student with a submission of the assignment, what is known of it."""
        table = api.SubmittedAssignment.__table__
        query = select(table.c.student_id, table.c.timestamp, table.c.extension).where(
            table.c.assignment_id == self._assignment
        )
        rows = self._read(lambda: self._db.execute(query).all())
        return {student: Entered(stamp, more) for student, stamp, more in rows}

    def scores(self, student: str) -> dict[tuple[str, str], Score]:
        """Return what a student has by notebook and cell; empty when nothing is entered."""
        grade, notebook = api.Grade.__table__, api.SubmittedNotebook.__table__
        submission = api.SubmittedAssignment.__table__
        query = (
            select(
                notebook.c.notebook_id, grade.c.cell_id, grade.c.auto_score, grade.c.manual_score
            )
            .join(notebook, notebook.c.id == grade.c.notebook_id)
            .join(submission, submission.c.id == notebook.c.assignment_id)
            .where(
                submission.c.assignment_id == self._assignment, submission.c.student_id == student
            )
        )
        names = {
            cell: (name, title)
            for name, nb in self._notebooks.items()
            for title, cell in (nb.graded | nb.tasks).items()
        }
        rows = self._read(lambda: self._db.execute(query).all())
        return {
            names[cell]: Score(automatic, manual)
            for _, cell, automatic, manual in rows
            if cell in names
        }

    def _read(self, question: Callable[[], T]) -> T:
        def ask() -> T:
            try:
                return question()
            finally:
                self._db.rollback()

        return self._patiently(ask)

    # writing

    def enter(self, student: str, timestamp: datetime | None) -> None:
        """Enter a submission that could not be graded, as nbgrader does before it grades.

        Scores of an earlier submission stay, and so does its time.
        """

        def write() -> None:
            if self._find(student) is None:
                self._rows(self._submission(student, timestamp))
            self._db.commit()

        self._patiently(write)

    def record(
        self,
        student: str,
        timestamp: datetime | None,
        results: Sequence[Result],
        missing: Sequence[str] = (),
        *,
        scores: bool = True,
    ) -> Entered:
        """Write the scores of all notebooks of a submission, and what it loses for being late.

        Manual scores and comments stay. Notebooks named in `missing` were not handed in and score
        0. With `scores=False` only time and late penalty are written. Doing it twice is the same
        as doing it once. Returns the time and the extension that hold now.
        """

        def write() -> Entered:
            submission = self._submission(student, timestamp)
            rows = self._rows(submission)
            if scores:
                self._write_scores(rows, results, missing)
            self._write_penalties(student, submission, rows, [r.notebook for r in results])
            self._db.flush()  # a plugin may have entered an extension
            now = self._dates(submission)
            self._db.commit()
            return now

        return self._patiently(write)

    def _patiently(self, action: Callable[[], T]) -> T:
        """Do `action`; when another program has the gradebook, wait and do it again."""
        for pause in (*PATIENCE, None):
            try:
                return action()
            except (OperationalError, IntegrityError) as error:
                self._db.rollback()
                text = _short(error)
                if "disk is full" in text or "disk I/O" in text:
                    raise OSError(errno.ENOSPC, text, self._course.directory.db_url) from error
                busy = isinstance(error, IntegrityError) or "locked" in text or "deadlock" in text
                if not busy or pause is None:
                    raise GradebookError(_refusal(text, busy)) from error
                time.sleep(pause)
            except BaseException:
                self._db.rollback()
                raise
        raise AssertionError("unreachable")

    def _find(self, student: str) -> str | None:
        """Return the id of the row of a submission."""
        table = api.SubmittedAssignment.__table__
        query = select(table.c.id).where(
            table.c.assignment_id == self._assignment, table.c.student_id == student
        )
        return self._db.execute(query).scalar_one_or_none()

    def _submission(self, student: str, timestamp: datetime | None) -> str:
        """Return the id of a submission's row; make it and the student's row if need be."""
        table = api.SubmittedAssignment.__table__
        found = self._find(student)
        if found is not None:
            if timestamp is not None:
                change = update(table).where(table.c.id == found).values(timestamp=timestamp)
                self._db.execute(change)
            return found
        people = api.Student.__table__
        if self._db.execute(select(people.c.id).where(people.c.id == student)).first() is None:
            self._db.execute(insert(people).values(id=student))
        identity = api.new_uuid()
        self._db.execute(
            insert(table).values(
                id=identity,
                assignment_id=self._assignment,
                student_id=student,
                timestamp=timestamp,
            )
        )
        return identity

    def _rows(self, submission: str) -> dict[str, str]:
        """Return the ids of a submission's notebooks by name; make what is missing below it.

        As nbgrader, every grade begins as one to be given by hand.
        """
        table = api.SubmittedNotebook.__table__
        query = select(table.c.notebook_id, table.c.id).where(table.c.assignment_id == submission)
        there: dict[str, str] = {row[0]: row[1] for row in self._db.execute(query)}
        rows = {}
        for name, notebook in self._notebooks.items():
            found = there.get(notebook.id)
            if found is None:
                found = api.new_uuid()
                self._db.execute(
                    insert(table).values(
                        id=found,
                        assignment_id=submission,
                        notebook_id=notebook.id,
                        flagged=False,
                    )
                )
            rows[name] = found
        self._fill(rows)
        return rows

    def _fill(self, rows: Mapping[str, str]) -> None:
        """Make the rows of grades and comments that are not there yet."""
        kinds: list[tuple[Any, Callable[[_Notebook], dict[str, str]], dict[str, Any]]] = [
            (api.Grade, lambda nb: nb.graded | nb.tasks, {"needs_manual_grade": True}),
            (api.Comment, lambda nb: nb.solutions | nb.tasks, {}),
        ]
        for kind, cells, values in kinds:
            table = kind.__table__
            query = select(table.c.notebook_id, table.c.cell_id).where(
                table.c.notebook_id.in_(list(rows.values()))
            )
            there = {tuple(row) for row in self._db.execute(query)}
            new = [
                {"id": api.new_uuid(), "notebook_id": row, "cell_id": cell} | values
                for name, row in rows.items()
                for cell in cells(self._notebooks[name]).values()
                if (row, cell) not in there
            ]
            if new:
                self._db.execute(insert(table), new)

    def _write_scores(
        self, rows: Mapping[str, str], results: Sequence[Result], missing: Sequence[str]
    ) -> None:
        grade, comment = api.Grade.__table__, api.Comment.__table__
        query = select(grade.c.notebook_id, grade.c.cell_id, grade.c.manual_score).where(
            grade.c.notebook_id.in_(list(rows.values()))
        )
        manual = {(row[0], row[1]): row[2] for row in self._db.execute(query)}
        grades: list[dict[str, Any]] = []
        comments: list[dict[str, Any]] = []
        for result in results:
            notebook, row = self._notebooks[result.notebook], rows[result.notebook]
            for cell in result.cells:
                if cell.name not in notebook.graded:  # a task: a person gives all its points
                    continue
                where = (row, notebook.graded[cell.name])
                by_hand = cell.score is None or manual.get(where) is not None
                grades.append(_where(*where) | {"score": cell.score, "by_hand": by_hand})
            for name, identity in (notebook.solutions | notebook.tasks).items():
                silent = name in result.unanswered and name not in notebook.tasks
                text = "No response." if silent else None
                comments.append(_where(row, identity) | {"text": text})
        for name in missing:
            notebook = self._notebooks[name]
            for identity in (notebook.graded | notebook.tasks).values():
                grades.append(_where(rows[name], identity) | {"score": 0.0, "by_hand": False})
        if grades:
            change = update(grade).where(
                grade.c.notebook_id == bindparam("row"), grade.c.cell_id == bindparam("cell")
            )
            values: dict[str, Any] = {
                "auto_score": bindparam("score"),
                "needs_manual_grade": bindparam("by_hand"),
            }
            self._db.connection().execute(change.values(**values), grades)
        if comments:
            change = update(comment).where(
                comment.c.notebook_id == bindparam("row"), comment.c.cell_id == bindparam("cell")
            )
            self._db.connection().execute(change.values(auto_comment=bindparam("text")), comments)

    def _write_penalties(
        self, student: str, submission: str, rows: Mapping[str, str], notebooks: Sequence[str]
    ) -> None:
        """Ask the configured plugin what each notebook loses, as AssignLatePenalties does."""
        if self._penalties is None:
            return
        late = self.seconds_late(self._dates(submission))
        for name in notebooks:
            self._penalties.student_id, self._penalties.notebook_id = student, name
            penalty = self._penalty(student, rows[name], late) if late > 0 else None
            notebook = api.SubmittedNotebook.__table__
            self._db.execute(
                update(notebook)
                .where(notebook.c.id == rows[name])
                .values(late_submission_penalty=penalty)
            )

    def _dates(self, submission: str) -> Entered:
        table = api.SubmittedAssignment.__table__
        query = select(table.c.timestamp, table.c.extension).where(table.c.id == submission)
        return Entered(*self._db.execute(query).one())

    def _penalty(self, student: str, notebook: str, late: float) -> float | None:
        points = self._db.execute(
            select(func.coalesce(func.sum(api.Grade.score), 0.0)).where(
                api.Grade.notebook_id == notebook
            )
        ).scalar_one()
        assert self._penalties is not None
        try:
            penalty = self._penalties.plugin_inst.late_submission_penalty(
                student, float(points), late
            )
            if penalty is None:
                return None
            return float(
                self._penalties._check_late_penalty(SimpleNamespace(score=float(points)), penalty)
            )
        except Exception as error:  # the plugin is the instructor's own
            name = type(self._penalties.plugin_inst).__name__
            raise GradebookError(
                f"The plugin {name} for late penalties failed for {student} "
                f"({type(error).__name__}: {error}). Correct it (AssignLatePenalties.plugin_class "
                "in nbgrader_config.py) and run the command again; it goes on where it stopped."
            ) from error

    def due(self, entered: Entered | None) -> datetime | None:
        """Return a student's deadline, extension included; None when there is none."""
        if self.duedate is None or entered is None or entered.extension is None:
            return self.duedate
        return self.duedate + entered.extension

    def seconds_late(self, entered: Entered) -> float:
        """Return how late a submission came, 0 when it has no time or no deadline."""
        due = self.due(entered)
        if entered.timestamp is None or due is None:
            return 0.0
        return max(0.0, (entered.timestamp - due).total_seconds())


def _where(notebook: str, cell: str) -> dict[str, Any]:
    return {"row": notebook, "cell": cell}


def unknown_assignment(assignment: str) -> str:
    """Return the sentence for an assignment that the gradebook does not know."""
    return (
        f"The gradebook does not know the assignment {assignment}. Enter it, with its tests, by: "
        f"nbgrader generate_assignment {assignment}"
    )


def _refusal(text: str, busy: bool) -> str:
    if busy:
        return (
            f"The gradebook is in use by another program ({text}). End it, or wait, and run the "
            "command again; it goes on where it stopped."
        )
    return (
        f"The gradebook refused to be written ({text}). If nbgrader was upgraded, make a copy of "
        "the gradebook and run: nbgrader db upgrade"
    )


def _late_penalties(course: Course) -> AssignLatePenalties | None:
    """Return nbgrader's preprocessor for late penalties, if autograding is configured to use it."""
    for item in course.autograde.autograde_preprocessors:
        kind = _imported(item) if isinstance(item, str) else item
        if isinstance(kind, type) and issubclass(kind, AssignLatePenalties):
            try:
                made = kind(config=course.config)
                made.init_plugin()
            except Exception as error:  # the plugin is the instructor's own
                raise GradebookError(
                    "The plugin for late penalties cannot be used "
                    f"({type(error).__name__}: {error}). Correct AssignLatePenalties.plugin_class "
                    "in nbgrader_config.py."
                ) from error
            return made if made.enabled else None
    return None


def _imported(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise GradebookError(
            f"nbgrader_config.py names {name} in Autograde.autograde_preprocessors, and it cannot "
            f"be imported ({error}). Correct the name."
        ) from error


# --- the graded folder --------------------------------------------------------------------------


def write_graded(
    target: Path,
    notebooks: dict[str, str],
    marks: dict[str, str],
    copied: Mapping[str, Path],
    given: Mapping[str, bytes],
    mode: int = 0o444,
    groupshared: bool = False,
) -> None:
    """Put the graded copy of a submission in place, whole or not at all.

    `notebooks` and `marks` (time, secret) map names of files to their text, `copied` places in the
    folder to files that the student handed in, `given` to the content of files that win over those.
    The folder is written beside its place under a hidden name, and renamed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    old = target.with_name(f".{target.name}.old")
    for left in (new, old):
        if left.exists():
            shutil.rmtree(left)
    new.mkdir()
    texts = {name: text.encode("utf-8", "replace") for name, text in (notebooks | marks).items()}
    contents = dict(given) | texts
    for name, content in contents.items():
        _write(_inside(new, name), content, mode, sync=name in notebooks)
    for name, file in copied.items():
        # A file that is gone, or in the way of a given one, is the student's own affair.
        with contextlib.suppress(FileNotFoundError, FileExistsError, NotADirectoryError):
            if name not in contents:
                _copy(file, _inside(new, name), mode)
    if groupshared:
        for folder in (new, *(path for path in new.rglob("*") if path.is_dir())):
            folder.chmod((folder.stat().st_mode | 0o2770) & 0o2777)
    if target.exists():
        target.rename(old)
    new.rename(target)
    if old.exists():
        shutil.rmtree(old)


def _inside(folder: Path, name: str) -> Path:
    """Return where `name` is in `folder`; ValueError if it would be outside."""
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(folder) or path == folder:
        raise ValueError(f"{name!r} is not a place inside a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write(path: Path, content: bytes, mode: int, sync: bool) -> None:
    with path.open("wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    path.chmod(mode)


def _copy(source: Path, path: Path, mode: int) -> None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(source, flags), "rb") as given, path.open("wb") as file:
        shutil.copyfileobj(given, file)
    path.chmod(mode)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` outlive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def permissions(course: Course) -> tuple[int, bool]:
    """Return the mode of graded files and whether folders are shared by the group."""
    return int(str(course.autograde.permissions), 8), bool(course.directory.groupshared)


def assignments(gradebook: Gradebook) -> Iterator[str]:
    """Yield the names of the assignments that a gradebook knows."""
    for assignment in gradebook.assignments:
        yield assignment.name
