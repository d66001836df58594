"""Notebook files as learners leave them, and the assignments of exercises/ they belong to."""

from __future__ import annotations

import hashlib
import html
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from course_utils.cli.places import chapters, clone_or_error
from course_utils.errors import CourseError

_HEADING = re.compile(r"^##\s+Task\s+(\d+)\s*[·:.-]\s*(.+?)(?:\s*\([^()]*points?\))?\s*$", re.M)
_HINT = re.compile(
    r"<details[^>]*>\s*<summary>\s*(?:＋\s*)?(Hint\s*\d+)\s*</summary>(.*?)</details>", re.S | re.I
)
_MERGE = re.compile(r"^(<{7} |>{7} )", re.M)


class UnusableFileError(CourseError):
    """A file cannot be read as a notebook of the course; the command ends with status 2."""

    exit_code = 2


@dataclass
class Cell:
    """One cell: its text with Unix line ends, and what the file says about it."""

    kind: str
    source: str
    id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def nbgrader(self) -> dict[str, Any]:
        """What the cell says about grading, empty when it says nothing."""
        found = self.metadata.get("nbgrader")
        return found if isinstance(found, dict) else {}

    @property
    def grade_id(self) -> str:
        """The name by which grading knows the cell, or an empty text."""
        name = self.nbgrader.get("grade_id")
        return name if isinstance(name, str) else ""

    @cached_property
    def text(self) -> str:
        """The source without what editors change on their own: blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.source.splitlines()).strip()


@dataclass
class Notebook:
    """A notebook file as it was read."""

    path: Path
    cells: list[Cell]
    raw: dict[str, Any]
    odd_bytes: str = ""  # "a byte order mark", "UTF-16": what nbgrader would stumble over

    @property
    def digest(self) -> str:
        """Changes with the text of a cell, not with outputs or metadata."""
        parts = [[cell.kind, cell.text] for cell in self.cells]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass
class Task:
    """A task of an assignment: names of its cells, and its hints as plain text."""

    number: int
    title: str
    checks: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)  # answers that a person grades
    answers: list[str] = field(default_factory=list)  # every cell that a learner writes in
    hints: list[str] = field(default_factory=list)


@dataclass
class Assignment:
    """A released assignment."""

    name: str
    notebook: Notebook
    tasks: list[Task]
    cells: dict[str, Cell]  # grade_id → cell, in the order of the notebook
    task_of: dict[int, int]  # position of a cell in the release → number of its task

    @property
    def title(self) -> str:
        """The heading without “Assignment NN”, such as “The perceptron”."""
        first = next((c.source for c in self.notebook.cells if c.kind == "markdown"), "")
        heading = re.search(r"^#\s+(?:Assignment\s+\d+\s*·\s*)?(.+)$", first, re.M)
        return heading[1].strip() if heading else self.name

    def points(self, name: str) -> float:
        """Return the points of a cell."""
        return float(self.cells[name].nbgrader.get("points") or 0)

    @property
    def total(self) -> float:
        """All points of the assignment."""
        return sum(self.points(n) for t in self.tasks for n in (*t.checks, *t.written))

    @property
    def by_person(self) -> float:
        """The points of written answers, which a person gives."""
        return sum(self.points(name) for task in self.tasks for name in task.written)


# --- reading --------------------------------------------------------------------------------


def read(path: Path) -> Notebook:
    """Return the notebook in `path`; raise UnusableFileError with the way out."""
    shown = path.name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnusableFileError(
            f"There is no file {path}. Give the path of your notebook, or the number of a chapter."
        ) from None
    except IsADirectoryError:
        raise UnusableFileError(f"{path} is a folder. Name the notebook in it.") from None
    text, odd = _decoded(data, path)
    if not text.strip():
        raise UnusableFileError(f"{shown} is empty. {_way_out(path)}")
    if _MERGE.search(text):
        raise UnusableFileError(
            f"A git merge left its conflict markers (<<<<<<< … >>>>>>>) in {shown}. "
            f"Remove them, keeping one side of each, or: {_way_out(path)}"
        )
    try:
        raw = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UnusableFileError(
            f"{shown} is damaged: it is not JSON, as notebooks are{where}. {_way_out(path)}"
        ) from None
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        old = isinstance(raw, dict) and "worksheets" in raw
        what = "is a notebook of an old format" if old else "is not a notebook: it has no cells"
        cure = "Open it in JupyterLab and save it: that converts it." if old else _way_out(path)
        raise UnusableFileError(f"{shown} {what}. {cure}")
    cells = [_cell(cell) for cell in raw["cells"] if isinstance(cell, dict)]
    return Notebook(path, cells, raw, odd)


def _decoded(data: bytes, path: Path) -> tuple[str, str]:
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16"), "UTF-16"
        odd = "a byte order mark" if data.startswith(b"\xef\xbb\xbf") else ""
        return data.decode("utf-8-sig"), odd
    except UnicodeDecodeError:
        raise UnusableFileError(
            f"{path.name} is damaged: it is not UTF-8 text, as notebooks are. {_way_out(path)}"
        ) from None


def _way_out(path: Path) -> str:
    """Return the sentence that tells how to get a notebook back."""
    saved = path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint.ipynb"
    if saved.is_file():
        return f"An earlier state of it is in {saved}; copy that back under another name."
    return "Save it again from JupyterLab, or begin a fresh copy with `course start … --fresh`."


def _cell(raw: dict[str, Any]) -> Cell:
    source = raw.get("source", "")
    if isinstance(source, list):
        source = "".join(map(str, source))
    source = str(source).replace("\r\n", "\n").replace("\r", "\n")
    metadata = raw.get("metadata")
    return Cell(
        str(raw.get("cell_type", "raw")),
        source,
        str(raw.get("id") or ""),
        metadata if isinstance(metadata, dict) else {},
    )


# --- assignments ----------------------------------------------------------------------------


def parse(name: str, notebook: Notebook) -> Assignment:
    """Return the assignment in a released notebook."""
    tasks: list[Task] = []
    cells: dict[str, Cell] = {}
    task_of: dict[int, int] = {}
    for position, cell in enumerate(notebook.cells):
        if cell.kind == "markdown":
            if heading := _HEADING.search(cell.source):
                tasks.append(Task(int(heading[1]), heading[2]))
            if tasks:
                tasks[-1].hints += [plain(text) for _, text in _HINT.findall(cell.source)]
        if not (known := cell.grade_id):
            task_of[position] = tasks[-1].number if tasks else 0
            continue
        cells[known] = cell
        graded, answer = bool(cell.nbgrader.get("grade")), bool(cell.nbgrader.get("solution"))
        if (graded or answer) and not tasks:
            tasks.append(Task(1, name))
        task_of[position] = tasks[-1].number if tasks else 0
        if answer:
            tasks[-1].answers.append(known)
        if graded:
            (tasks[-1].written if answer else tasks[-1].checks).append(known)
    return Assignment(name, notebook, tasks, cells, task_of)


def plain(text: str) -> str:
    """Return a hint's HTML as text for a terminal.

    >>> plain("Try <code>z &lt;= 0</code>, <em>first</em>.")
    'Try `z <= 0`, first.'
    """
    text = re.sub(r"</?(code|pre)[^>]*>", "`", text)
    text = re.sub(r"<br\s*/?>|</p>|</li>", "\n", text)
    text = html.unescape(re.sub(r"</?[a-zA-Z][^>]*>", "", text))
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def released(root: Path | None = None) -> dict[str, Assignment]:
    """Return every assignment in exercises/, by name; raise CourseError when there is none."""
    folder = (root or clone_or_error()) / "exercises"
    found = {
        name: parse(name, read(folder / name / f"{name}.ipynb"))
        for name in chapters(folder)
        if (folder / name / f"{name}.ipynb").is_file()
    }
    if not found:
        raise CourseError(
            f"There are no assignments in {folder}. Get the course again, or restore the folder "
            "with: git checkout -- exercises"
        )
    return found


def function_of(cell: Cell) -> str:
    """Return the name that the first `def` or `class` of a cell gives, or an empty text."""
    found = re.search(r"^(?:async\s+)?(?:def|class)\s+(\w+)", cell.source, re.M)
    return found[1] if found else ""


def solution_of(assignment: Assignment, check: str) -> str:
    """Return the name of the cell whose answer a check cell looks at, or an empty text."""
    named = re.fullmatch(r"(.+)-check(-\d+)?", check)
    return named[1] if named and named[1] in assignment.cells else ""
