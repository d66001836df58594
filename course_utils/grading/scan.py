"""What was handed in, looked at with suspicion: every folder becomes jobs, or a reason why not.

Everything in a submission is a stranger's: names, links, sizes, contents. Nothing is followed that
leads elsewhere, nothing is read beyond a size, and nothing raises: what cannot be graded is
quarantined with a sentence that says why and what to do.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import fnmatch
import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course_utils.grading.gradebook import (
    Course,
    UnknownAssignmentError,
    released_cells,
    unknown_assignment,
)
from course_utils.grading.job import Job, Limits, ReleasedCell
from course_utils.grading.repair import public, same_text

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange import ExchangeFactory
from nbgrader.utils import full_split, is_grade, is_locked, is_solution, is_task, parse_utc

STAMP = "timestamp.txt"
SECRET = "submission_secret.txt"
_MARKS = (STAMP, SECRET)  # what the exchange adds to a submission
_TIME = "%Y-%m-%d %H:%M:%S.%f UTC"  # as the exchange writes it


@dataclass(frozen=True)
class Bounds:
    """How much of a submission is looked at, in bytes and files."""

    notebook: int = 20_000_000
    others: int = 50_000_000
    files: int = 2_000
    depth: int = 8


@dataclass(frozen=True)
class ReleasedNotebook:
    """One notebook of an assignment, as the gradebook and the release know it."""

    name: str
    cells: tuple[ReleasedCell, ...]  # in the order of the notebook
    given: str  # code of the release outside of graded cells


@dataclass(frozen=True)
class Assignment:
    """What is needed to grade any submission of an assignment."""

    name: str
    notebooks: tuple[ReleasedNotebook, ...]
    files: tuple[tuple[str, bytes], ...]  # other files of the release: they win over a student's
    warnings: tuple[str, ...] = ()

    def template(self, notebook: ReleasedNotebook) -> Job:
        """Return the job of nobody's submission: it tells what all of them need."""
        return Job("", self.name, notebook.name, b"", notebook.cells, notebook.given)


@dataclass(frozen=True)
class Folder:
    """A place where a submission is, or should be."""

    student: str
    path: Path
    problem: str = ""  # why it cannot be looked into
    enter: bool = True  # whether the name may be entered into the gradebook


class Unusable(Exception):
    """A submission cannot be graded; the message is the reason, with the way out."""

    def __init__(self, reason: str, enter: bool = True) -> None:
        super().__init__(reason)
        self.enter = enter


@dataclass(frozen=True)
class Register:
    """What is known about the class: who is in it, and whose secret is whose."""

    students: frozenset[str] = frozenset()  # those in the gradebook, and those with a folder
    unknown: frozenset[str] = frozenset()  # those who may not be entered into the gradebook
    owners: Mapping[str, str] = field(default_factory=dict)  # secret → user, from the exchange
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # secret → its folders


@dataclass(frozen=True)
class Submission:
    """A submission that can be graded."""

    student: str
    path: Path
    jobs: tuple[Job, ...]
    missing: tuple[str, ...] = ()  # notebooks that were not handed in
    repairs: tuple[str, ...] = ()  # what was put right before any cell was looked at
    timestamp: datetime | None = None  # UTC, without a time zone, as in the gradebook
    stamp: str = ""  # the text of timestamp.txt in the graded copy
    secret: str = ""
    copied: Mapping[str, Path] = field(default_factory=dict)  # other files to go along
    given: Mapping[str, bytes] = field(default_factory=dict)  # files that win over those
    digest: str = ""  # sha256 of what was handed in


def shown(name: str) -> str:
    """A stranger's name as harmless text on one line."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= 120 else safe[:119] + "…"


def plain(name: str) -> bool:
    """Whether a name is UTF-8 and can be seen."""
    return name.isprintable() and os.fsencode(name).decode("utf-8", "replace") == name


# --- the assignment -----------------------------------------------------------------------------


def read_assignment(course: Course, gradebook: Gradebook, name: str) -> Assignment:
    """Read what is needed to grade the assignment `name`.

    Cells and hidden tests come from the gradebook; order, ungraded code and other files from the
    release, or from the source where there is no release. Raises UnknownAssignmentError.
    """
    try:
        known = gradebook.find_assignment(name)
    except MissingEntry:
        raise UnknownAssignmentError(unknown_assignment(name)) from None
    if not known.notebooks:
        raise UnknownAssignmentError(unknown_assignment(name))
    warnings: list[str] = []
    notebooks = []
    for notebook in sorted(known.notebooks, key=lambda nb: nb.name):
        cells = released_cells(gradebook, notebook.name, name)
        file = f"{notebook.name}.ipynb"
        public = read_layout(course.released(name) / file)
        source = read_layout(course.source(name) / file)
        layout = public if public is not None else source
        if layout is None:
            warnings.append(
                f"{file} is neither in {course.released(name)} nor in {course.source(name)}; the "
                "order of its cells is taken from the gradebook."
            )
        if source is not None and _differs(source, cells):
            warnings.append(
                f"{course.source(name) / file} is not what the gradebook knows: a test, its points "
                "or a given cell was changed. What the gradebook knows is used. To take the change "
                f"over: nbgrader generate_assignment --force {name}"
            )
        in_order, given = ordered(cells, layout)
        notebooks.append(ReleasedNotebook(notebook.name, in_order, given))
    return Assignment(name, tuple(notebooks), _release_files(course, name), tuple(warnings))


def read_layout(path: Path) -> Any:
    """Read a notebook of the course; None if there is none, or none that can be read."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # whatever nbformat raises for what is no notebook
        return None


def ordered(cells: Sequence[ReleasedCell], layout: Any) -> tuple[tuple[ReleasedCell, ...], str]:
    """Put cells into the order of a notebook; return them, and its code that is none of them.

    The gradebook keeps no order: a cell that came with a later release stands at its end.
    """
    if layout is None:
        return tuple(cells), ""
    known = {cell.name for cell in cells}
    places: dict[str, int] = {}
    given = []
    for place, cell in enumerate(layout.cells):
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in known:
            places.setdefault(name, place)
        elif cell.cell_type == "code":
            given.append(cell.source)
    found = sorted(cells, key=lambda cell: places.get(cell.name, len(layout.cells)))
    return tuple(found), "\n\n".join(given)


def _differs(source: Any, cells: Sequence[ReleasedCell]) -> bool:
    """Whether the instructor's notebook has other tests, points or given cells than `cells`."""
    there = {}
    for cell in source.cells:
        if is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell):
            there[cell.metadata.nbgrader["grade_id"]] = cell
    if set(there) != {cell.name for cell in cells}:
        return True
    for known in cells:
        cell = there[known.name]
        marks = cell.metadata.nbgrader
        if known.metadata.get("points") is not None and (
            float(marks.get("points", -1)) != known.metadata["points"]
        ):
            return True
        generated = "AUTOTEST" in cell.source  # nbgrader replaces such lines
        if known.metadata["locked"] and not generated and cell.source != known.source:
            return True
    return False


def _release_files(course: Course, name: str) -> tuple[tuple[str, bytes], ...]:
    """Read the other files of an assignment, those left out that students may change."""
    kept = set(course.autograde.exclude_overwriting.get(name, []))
    for folder in (course.released(name), course.source(name)):
        if folder.is_dir():
            found = []
            for path in sorted(folder.rglob("*")):
                part = path.relative_to(folder).as_posix()
                left_out = path.suffix == ".ipynb" or part in kept or part in _MARKS
                if path.is_file() and not left_out and not _ignored(part, course.directory.ignore):
                    found.append((part, path.read_bytes()))
            return tuple(found)
    return ()


def _ignored(part: str, patterns: Sequence[str]) -> bool:
    """Whether a file, or a folder that it is in, is one that nbgrader leaves out."""
    return any(fnmatch.fnmatch(piece, glob) for piece in part.split("/") for glob in patterns)


# --- the folders --------------------------------------------------------------------------------


def find_folders(course: Course, assignment: str, students: str = "*") -> list[Folder]:
    """Find the submissions of an assignment, by student, as CourseDirectory says where they are.

    `students` is a glob. Folders with a name that is almost the assignment's are found too, with a
    problem: a student who was sent to the wrong place is not forgotten.
    """
    directory = course.directory
    mark = "\0"
    structure = directory.directory_structure.format(
        nbgrader_step=directory.submitted_directory, student_id=mark, assignment_id=assignment
    )
    parts = full_split(structure)
    at = next(index for index, part in enumerate(parts) if mark in part)
    base = Path(directory.root, *parts[:at])
    before, _, after = parts[at].partition(mark)
    found: dict[str, Folder] = {}
    excluded = set(filter(None, directory.student_id_exclude.split(",")))
    for name in _listed(base):
        if not (name.startswith(before) and name.endswith(after)):
            continue
        student = name[len(before) : len(name) - len(after)]
        hidden = name.startswith(".") and student == name  # .ipynb_checkpoints, .DS_Store
        if not student or hidden or student in excluded:
            continue
        if not fnmatch.fnmatchcase(student, students):
            continue
        rest = tuple(part.replace(mark, student) for part in parts[at + 1 :])
        folder = _folder(student, base / name, rest, assignment)
        if folder is None and len(rest) == 1:
            folder = _misplaced(course, student, base / name, assignment)
        if folder is not None:
            found[student] = folder
    return [found[student] for student in sorted(found)]


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  (names, odd bytes included)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _folder(student: str, start: Path, rest: tuple[str, ...], assignment: str) -> Folder | None:
    """Return the submission's folder below `start`; None when there is nothing of that name."""
    path = start
    for part in ("", *rest):
        path = path / part if part else path
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return Folder(student, path, f"It cannot be read ({error.strerror}).", False)
        if stat.S_ISLNK(mode):
            if not os.path.lexists(start.joinpath(*rest)):
                return None
            return Folder(
                student,
                path,
                f"{shown(path.name)} is a symbolic link, and links are not followed. Put the "
                "folder itself there.",
                name_problem(student) == "",
            )
        if not stat.S_ISDIR(mode):
            if path == start:  # a file beside the students' folders is no submission
                return None
            return Folder(
                student,
                path,
                f"{shown(path.name)} is a file where a folder should be. Make a folder "
                f"{assignment} and put the notebook into it.",
                name_problem(student) == "",
            )
    problem = name_problem(student)
    return Folder(student, path, problem, not problem)


def _misplaced(course: Course, student: str, home: Path, assignment: str) -> Folder | None:
    """Find a folder that seems to be meant for the assignment and is called otherwise."""
    for name in _listed(home):
        path = home / name
        if name.startswith(".") or path.is_symlink() or not path.is_dir():
            continue
        if course.source(name).is_dir() or course.released(name).is_dir():
            continue  # another assignment
        near = difflib.SequenceMatcher(None, name.lower(), assignment.lower()).ratio() > 0.8
        if near or (path / f"{assignment}.ipynb").is_file():
            return Folder(
                student,
                path,
                f"There is no assignment called {shown(name)}. If it is meant for {assignment}, "
                f"rename the folder to {assignment}.",
                name_problem(student) == "",
            )
    return None


def name_problem(student: str) -> str:
    """Return why a student's id cannot be used; empty when it can."""
    try:
        student.encode("utf-8")
    except UnicodeEncodeError:
        return "The folder's name is not UTF-8. Rename it to the student's id."
    if any(unicodedata.category(char)[0] == "C" for char in student):
        return "The folder's name has invisible characters in it. Rename it to the student's id."
    if re.search(r'[<>"*?\[\]|\\/:]', student) or student in (".", ".."):
        return (
            "The folder's name has characters that no student's id may have "
            "(one of < > \" * ? [ ] | \\ / :). Rename it to the student's id."
        )
    if student != student.strip() or student.startswith("."):
        return "The folder's name begins or ends with a blank or a dot. Rename it."
    if len(student) > 128:
        return (
            "The folder's name is longer than the 128 characters that a student's id may have. "
            "Rename it to the student's id."
        )
    return ""


def read_register(
    course: Course, assignment: str, folders: Sequence[Folder], known: set[str]
) -> Register:
    """Read who is in the class, and the secrets by which the exchange knows submissions."""
    where: dict[str, list[str]] = {}
    for folder in folders:
        if not folder.problem and (secret := _text(folder.path / SECRET, 1000)):
            where.setdefault(secret, []).append(folder.student)
    here = {folder.student for folder in folders if folder.enter}
    return Register(
        frozenset(known | here),
        frozenset() if course.autograde.create_student else frozenset(here - known),
        _exchange_owners(course, assignment),
        {secret: tuple(names) for secret, names in where.items() if len(names) > 1},
    )


def _exchange_owners(course: Course, assignment: str) -> dict[str, str]:
    """Read which user the exchange has each secret from (`USER+ASSIGNMENT+TIME+RANDOM`)."""
    owners = {}
    with contextlib.suppress(Exception):  # no exchange, or another kind of exchange
        made = ExchangeFactory(config=course.config).Collect(
            coursedir=course.directory, config=course.config
        )
        inbound = Path(made.root) / course.directory.course_id / "inbound"
        for name in _listed(inbound):
            user, _, rest = name.partition(f"+{assignment}+")
            if rest and (secret := _text(inbound / name / SECRET, 1000)):
                owners[secret] = user
    return owners


# --- one submission -----------------------------------------------------------------------------


def read_submission(
    folder: Folder,
    assignment: Assignment,
    course: Course,
    register: Register,
    run_seed: int,
    limits: Limits,
    bounds: Bounds | None = None,
) -> Submission:
    """Read a submission; raise Unusable with the reason when it cannot be graded."""
    bounds = bounds or Bounds()
    if folder.problem:
        raise Unusable(folder.problem, folder.enter)
    student = folder.student
    if student in register.unknown:
        raise Unusable(
            f"{student} is not in the gradebook. Add: nbgrader db student add {student}", False
        )
    try:
        notebooks, others, repairs = _list_files(folder.path, bounds, course.directory.ignore)
        _check_owner(folder, assignment.name, register, [*notebooks, *others])
        chosen, more = _choose(folder.path, assignment, notebooks, bounds)
        repairs += more
        files, size = {}, 0
        for part, path in others.items():
            if part in _MARKS:
                continue
            content = read_bytes(path, bounds.others - size)
            size += len(content)
            files[part] = content
    except OSError as error:
        raise Unusable(_unread(error, bounds)) from None
    timestamp, stamp, note = _time(folder.path, chosen)
    repairs += note
    given = dict(assignment.files)
    files = {part: content for part, content in files.items() if not _blocked(part, given)}
    merged = tuple(sorted((files | given).items()))
    handed_in = hashlib.sha256()
    pieces = [(n, c) for n, (_, c, _) in sorted(chosen.items())] + sorted(files.items())
    for name, content in pieces:
        handed_in.update(hashlib.sha256(os.fsencode(name)).digest())
        handed_in.update(hashlib.sha256(content).digest())
    seed = seed_of(run_seed, student, handed_in.hexdigest())
    jobs, missing = [], []
    for notebook in assignment.notebooks:
        if notebook.name not in chosen:
            missing.append(notebook.name)
            repairs.append(f"{notebook.name}.ipynb was not handed in; it scores 0.")
            continue
        content, notes = chosen[notebook.name][1:]
        repairs += notes
        jobs.append(
            Job(
                student,
                assignment.name,
                notebook.name,
                content,
                notebook.cells,
                notebook.given,
                merged,
                seed,
                limits,
            )
        )
    return Submission(
        student,
        folder.path,
        tuple(jobs),
        tuple(missing),
        tuple(repairs),
        timestamp,
        stamp,
        _text(folder.path / SECRET, 1000),
        {part: others[part] for part in files if part not in given},
        given,
        handed_in.hexdigest(),
    )


def _blocked(part: str, given: Mapping[str, bytes]) -> bool:
    """Whether a file cannot be where a given file needs a folder, or the other way round."""
    return any(
        name.startswith(part + "/") or part.startswith(name + "/") for name in given if name != part
    )


def seed_of(run_seed: int, student: str, handed_in: str) -> int:
    """Return the seed of the random inputs of one submission in a run.

    It depends on what was handed in (its sha256): feedback tells the seed, and an answer made to
    fit the inputs that it gives meets others.
    """
    text = f"{run_seed}:{student}:{handed_in}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:6], "big")


def _unread(error: OSError, bounds: Bounds) -> str:
    if error.errno == errno.ELOOP:
        return "A file in it is a symbolic link, and links are not followed."
    if error.errno == errno.EFBIG:
        return (
            f"It is too large: {error.filename}. A notebook may have {bounds.notebook / 1e6:g} MB "
            f"and the other files together {bounds.others / 1e6:g} MB. Clear its outputs or take "
            "files out that grading does not need."
        )
    return f"It cannot be read ({error.strerror}: {shown(str(error.filename))})."


def _list_files(
    folder: Path, bounds: Bounds, ignore: Sequence[str]
) -> tuple[dict[str, Path], dict[str, Path], list[str]]:
    """Return the notebooks and the other files of a folder by their place in it, and notes.

    Links, devices and names that are not plain are left out, and it is said so.
    """
    notebooks: dict[str, Path] = {}
    others: dict[str, Path] = {}
    notes: list[str] = []
    waiting = [(folder, "")]
    count = 0
    while waiting:
        here, prefix = waiting.pop()
        with os.scandir(here) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                part = prefix + entry.name
                if _ignored(part, ignore) or entry.name == ".DS_Store":
                    continue
                count += 1
                if count > bounds.files:
                    raise Unusable(
                        f"It has more than {bounds.files:,} files. Take out those that grading "
                        "does not need."
                    )
                is_notebook = entry.name.endswith(".ipynb")
                if entry.is_symlink():
                    if is_notebook or entry.name in _MARKS:
                        raise Unusable(
                            f"{shown(part)} is a symbolic link, and links are not followed. Put "
                            "the file itself there."
                        )
                    notes.append(f"{shown(part)} is a symbolic link; it was left out.")
                elif not plain(entry.name):
                    notes.append(f"{shown(part)} has an odd name; it was left out.")
                elif entry.is_dir(follow_symlinks=False):
                    if prefix.count("/") < bounds.depth and not entry.name.startswith("."):
                        waiting.append((Path(entry.path), part + "/"))
                elif not entry.is_file(follow_symlinks=False):
                    notes.append(f"{shown(part)} is not a plain file; it was left out.")
                else:
                    (notebooks if is_notebook else others)[part] = Path(entry.path)
    return notebooks, others, notes


def _check_owner(folder: Folder, assignment: str, register: Register, names: Sequence[str]) -> None:
    """Raise Unusable when something in the folder says that it is another student's."""
    student = folder.student
    for name in names:
        for piece in name.split("/"):
            user, plus, _ = piece.partition(f"+{assignment}+")
            if plus and user != student:
                raise Unusable(_foreign(student, user, f"{shown(piece)} in it is named after them"))
    secret = _text(folder.path / SECRET, 1000)
    owner = register.owners.get(secret)
    if owner is not None and owner != student:
        raise Unusable(_foreign(student, owner, f"{SECRET} in it was given to them"))
    twins = [name for name in register.shared.get(secret, ()) if name != student]
    if twins and owner is None:
        raise Unusable(
            f"{SECRET} in it is the same as in the submission of {', '.join(map(shown, twins))}: "
            "one of the folders is a copy. Find out whose it is, and delete that file from the "
            "other's folder."
        )
    for name in _MARKS:
        text = _text(folder.path / name, 1000)
        if name == STAMP and _parsed(text) is not None:
            continue
        for word in re.split(r"[\s+,:;/=]+", text):
            if word != student and word in register.students:
                raise Unusable(_foreign(student, word, f"{name} in it names them"))


def _foreign(student: str, owner: str, why: str) -> str:
    return (
        f"It is in the folder of {shown(student)} and seems to be from {shown(owner)}: {why}. "
        "Put it into its owner's folder, or delete what names them."
    )


def _choose(
    folder: Path, assignment: Assignment, there: Mapping[str, Path], bounds: Bounds
) -> tuple[dict[str, tuple[Path, bytes, list[str]]], list[str]]:
    """Choose the file for each notebook of the assignment; return them read, and notes."""
    if not there:
        raise Unusable(
            "There is no notebook in it. Ask for the .ipynb file, and put it into "
            f"{shown(folder.parent.name)}/{shown(folder.name)}."
        )
    wanted = {f"{notebook.name}.ipynb": notebook for notebook in assignment.notebooks}
    chosen = {}
    notes = []
    for file, notebook in wanted.items():
        if file in there:
            content, more = _read_notebook(there[file], bounds)
            if not _familiar(content, notebook.cells):
                raise Unusable(
                    f"{file} is not the notebook of the assignment: none of its cells is in it. "
                    "Ask the student for the right file."
                )
            chosen[notebook.name] = (there[file], content, more)
    rest = [name for name in there if name not in wanted]
    if chosen:
        notes += [
            f"{shown(name)} is not part of the assignment; it was not graded." for name in rest
        ]
        return chosen, notes
    (notebook, *others) = assignment.notebooks
    names = " and ".join(wanted)
    if others or len(rest) != 1:
        raise Unusable(
            f"There is no {names} in it, only {', '.join(map(shown, rest[:5]))}. Rename the file "
            "that is meant."
        )
    content, more = _read_notebook(there[rest[0]], bounds)
    if _likeness(content, notebook.cells) < 0.5:
        raise Unusable(
            f"There is no {names} in it, and {shown(rest[0])} is another notebook. Ask the student "
            "for the right file."
        )
    more.append(f"{shown(rest[0])} was taken as {notebook.name}.ipynb: it has its cells.")
    chosen[notebook.name] = (there[rest[0]], content, more)
    return chosen, notes


def _read_notebook(path: Path, bounds: Bounds) -> tuple[bytes, list[str]]:
    """Read a notebook in format 4; return it, and what had to be put right. Raises Unusable."""
    name = shown(path.name)
    content = read_bytes(path, bounds.notebook)
    notes: list[str] = []
    if not content.strip():
        raise Unusable(f"{name} is empty. Ask the student to hand it in again.")
    text = _decoded(content)
    if text is None:
        raise Unusable(f"{name} is not text. Ask for the .ipynb file that Jupyter saves.")
    if text.encode("utf-8", "surrogatepass") != content:
        notes.append(f"{name} was not saved as plain UTF-8; it was converted.")
        content = text.encode("utf-8", "surrogatepass")
    try:
        nb = json.loads(text)
    except RecursionError:
        raise Unusable(f"{name} is nested too deeply to be a notebook.") from None
    except ValueError as error:
        raise Unusable(
            f"{name} is not a notebook that can be read ({error}). It may have been cut off, or "
            "edited outside of Jupyter. Ask the student to hand it in again."
        ) from None
    major = nb.get("nbformat") if isinstance(nb, dict) else None
    if not isinstance(major, int) or isinstance(major, bool):
        raise Unusable(f"{name} is not a notebook. Ask for the .ipynb file that Jupyter saves.")
    if major > 4:
        raise Unusable(
            f"{name} is in notebook format {major}, which is newer than this Jupyter. Ask for a "
            "copy in format 4."
        )
    if major < 4:
        try:
            upgraded = nbformat.convert(nbformat.reads(text, as_version=nbformat.NO_CONVERT), 4)
            nb = json.loads(nbformat.writes(upgraded))
        except Exception:  # whatever nbformat raises for what only looks like an old notebook
            raise Unusable(
                f"{name} is in the old notebook format {major} and cannot be converted. Ask the "
                "student to open it in Jupyter and to save it."
            ) from None
        notes.append(f"{name} was in the old notebook format {major}; it was converted.")
        content = json.dumps(nb).encode()
    if not _sound(nb):
        raise Unusable(
            f"{name} is not a sound notebook: its cells are not what Jupyter writes. Ask the "
            "student to open it in Jupyter and to save it."
        )
    return content, notes


def _decoded(content: bytes) -> str | None:
    """Decode UTF-8, with or without a byte order mark, or UTF-16 with one."""
    codec = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        return None


def _sound(nb: dict[str, Any]) -> bool:
    """Whether the parts of a notebook that grading looks at have the right types."""
    cells = nb.get("cells")
    if not isinstance(cells, list):
        return False
    for cell in cells:
        if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
            return False
        source = cell.get("source")
        if isinstance(source, list):
            if not all(isinstance(line, str) for line in source):
                return False
        elif not isinstance(source, str):
            return False
        if not isinstance(cell.get("metadata", {}), dict):
            return False
    return True


def _cells_of(content: bytes) -> list[dict[str, Any]]:
    """Return the cells of a notebook that was found sound, each with its text as `source`."""
    cells = json.loads(content.decode("utf-8", "surrogatepass"))["cells"]
    for cell in cells:
        if isinstance(cell["source"], list):
            cell["source"] = "".join(cell["source"])
    return cells


def _likeness(content: bytes, cells: Sequence[ReleasedCell]) -> float:
    """Return the part of the released cells that are in a notebook by name: grade_id or id."""
    names: set[Any] = set()
    for cell in _cells_of(content):
        metadata = cell.get("metadata", {})
        marks = metadata.get("nbgrader")
        claims = [marks.get("grade_id") if isinstance(marks, dict) else None]
        claims += [cell.get("id"), metadata.get("id")]  # the last is where Colab keeps it
        names |= {name for name in claims if isinstance(name, str)}
    return sum(cell.name in names for cell in cells) / max(1, len(cells))


def _familiar(content: bytes, cells: Sequence[ReleasedCell]) -> bool:
    """Whether anything in a notebook is of the assignment: a name, a given text, a function."""
    if _likeness(content, cells) > 0:
        return True
    texts = [cell["source"] for cell in _cells_of(content)]
    wanted = set()
    for cell in cells:
        text = public(cell.source)
        if text and any(same_text(text, other) for other in texts):
            return True
        if cell.metadata["solution"]:
            wanted |= _defined(text)
    return any(wanted & _defined(text) for text in texts)


def _defined(text: str) -> set[str]:
    return set(re.findall(r"^(?:def|class)\s+(\w+)", text, re.MULTILINE))


def _time(
    folder: Path, chosen: Mapping[str, tuple[Path, bytes, list[str]]]
) -> tuple[datetime | None, str, list[str]]:
    """Return when a submission was handed in, the text for its graded copy, and a note."""
    text = _text(folder / STAMP, 1000)
    timestamp = _parsed(text)
    if timestamp is not None:
        return timestamp, text, []
    latest = max(path.lstat().st_mtime for path, _, _ in chosen.values())
    stamp = datetime.fromtimestamp(latest, tz=UTC).strftime(_TIME)
    note = [f"{STAMP} cannot be read; it is not known when it was handed in."] if text else []
    return None, stamp, note


def _parsed(text: str) -> datetime | None:
    try:
        return parse_utc(text) if text else None
    except (ValueError, OverflowError, TypeError):
        return None


def _text(path: Path, limit: int) -> str:
    """Return the text of a small plain file; empty when there is none."""
    try:
        return read_bytes(path, limit).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a plain file of at most `limit` bytes; raises OSError for anything else.

    A link, a pipe or a device is not opened, whatever was there when the folder was listed.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        content = b"" if status.st_size > limit else file.read(limit + 1)
        if status.st_size > limit or len(content) > limit:
            raise OSError(errno.EFBIG, "too large", shown(path.name))
        return content
