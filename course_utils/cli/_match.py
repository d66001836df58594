"""Compare a learner's notebook with the released one: what to run, and what is off.

The rules are those of grading (`course_utils.grading.repair`): the learner's cells run from the
top in the order of the release, each with what stands behind it, locked cells and check cells
count as released, a cell that is there twice counts once (the last copy), one that was deleted
comes back behind its neighbour. Where an editor has lost the names of the cells, the text decides.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from course_utils.cli._assignment import (
    Assignment,
    Cell,
    Notebook,
    Task,
    function_of,
    solution_of,
)
from course_utils.grading.repair import chosen


@dataclass
class Step:
    """A code cell to run."""

    source: str
    task: int
    name: str = ""  # grade_id, empty for the learner's own cells
    check: bool = False
    number: int = 0  # the cell's number in the learner's file, from 1; 0 when it is not there


@dataclass
class Match:
    """How a notebook fits its assignment."""

    assignment: Assignment
    notebook: Notebook
    place: dict[str, int] = field(default_factory=dict)  # grade_id → position in the notebook
    nameless: list[str] = field(default_factory=list)  # found by their text only
    notes: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    above: set[str] = field(default_factory=set)  # checks that stand above their answer

    def changed(self, name: str) -> bool:
        """Tell whether the learner has written in a cell."""
        if name not in self.place:
            return False
        mine = self.notebook.cells[self.place[name]]
        return bool(mine.text) and mine.text != self.assignment.cells[name].text

    def started(self, task: Task) -> bool:
        """Tell whether the learner has written anything in a task."""
        return any(self.changed(name) for name in task.answers)

    def unanswered(self, task: Task) -> list[str]:
        """Return the cells of a task in which nothing has been written."""
        return [name for name in task.answers if not self.changed(name)]


def fit(notebook: Notebook, assignment: Assignment) -> int:
    """Return how many cells of the assignment a notebook shows: to tell assignments apart."""
    ids = {cell.grade_id for cell in notebook.cells} | {cell.id for cell in notebook.cells}
    texts = {cell.text for cell in notebook.cells if len(cell.text) > 30}
    score = sum(name in ids for name in assignment.cells if name != "setup")
    return score + sum(cell.text in texts for cell in assignment.notebook.cells)


def identify(notebook: Notebook, known: Iterable[Assignment]) -> Assignment | None:
    """Return the assignment that a notebook answers, whatever the file is called."""
    best: tuple[float, Assignment] | None = None
    for assignment in known:
        score: float = fit(notebook, assignment)
        if score >= 2 and notebook.path.stem.startswith(assignment.name):
            score += 0.5
        if score >= 2 and (best is None or score > best[0]):
            best = score, assignment
    return best[1] if best else None


def match(notebook: Notebook, assignment: Assignment) -> Match:
    """Compare; never change the notebook."""
    found = Match(assignment, notebook)
    if notebook.odd_bytes:
        found.notes.append(
            f"The file is stored with {notebook.odd_bytes}, which grading cannot read: open it in "
            "JupyterLab, save it and check again."
            if notebook.odd_bytes != "UTF-16"
            else "The file is stored as UTF-16, which grading cannot read: open it in an editor, "
            "save it as UTF-8 and check again."
        )
    _by_name(found)
    _by_text(found)
    _notes_on_cells(found)
    _steps(found)
    return found


# --- finding the cells ----------------------------------------------------------------------


def _by_name(found: Match) -> None:
    """Find cells by nbgrader's metadata; of several copies the one counts that grading takes."""
    copies: dict[str, list[int]] = {}
    for position, cell in enumerate(found.notebook.cells):
        if cell.grade_id in found.assignment.cells:
            copies.setdefault(cell.grade_id, []).append(position)
    twice = [name for name, positions in copies.items() if len(positions) > 1]
    cells = found.assignment.cells
    answers = [
        name
        for name, cell in cells.items()
        if cell.nbgrader.get("solution") and not cell.nbgrader.get("grade")
    ]
    found.place = chosen(copies, list(cells), answers)
    answers = [n for n in twice if cells[n].kind == "code" and cells[n].nbgrader.get("solution")]
    if others := [name for name in twice if name not in answers]:
        found.notes.append(
            f"{_cells(others)} there more than once: the last copy counts, so delete the others."
        )
    if answers:
        found.notes.append(
            f"{_cells(answers)} there more than once: the check judges what has run above it, "
            "so keep one copy, above the check."
        )


def _by_text(found: Match) -> None:
    """Find the cells that have lost their metadata: by id, by text, by what they define."""
    mine = found.notebook.cells
    taken = set(found.place.values())
    # Cells without names, too, are landmarks: position in the release → position in `mine`.
    marks: dict[int, int] = {}
    for position, cell in enumerate(found.assignment.notebook.cells):
        name = cell.grade_id
        if name in found.place:
            marks[position] = found.place[name]
            continue
        free = [i for i, c in enumerate(mine) if i not in taken and not c.grade_id]
        place = _same(cell, name, mine, free)
        if place is None and cell.nbgrader.get("solution"):
            after = marks.get(position - 1)
            if after is not None and after + 1 in free and mine[after + 1].kind == cell.kind:
                text = mine[after + 1].text
                released = {c.text for c in found.assignment.notebook.cells}
                place = after + 1 if text == cell.text or text not in released else None
        if place is None:
            continue
        marks[position] = place
        taken.add(place)
        if name:
            found.place[name] = place
            found.nameless.append(name)


def _same(cell: Cell, name: str, mine: list[Cell], free: list[int]) -> int | None:
    """Return where the cell is among the free ones, or None."""
    defined = function_of(cell) if cell.nbgrader.get("solution") else ""
    first = cell.text.partition("\n")[0]
    task_line = next((line for line in cell.text.splitlines() if "checks.task(" in line), "")
    rules = (
        lambda c: bool(cell.text) and c.text == cell.text and cell.text != "YOUR ANSWER HERE",
        lambda c: bool(name) and c.id == name,
        lambda c: bool(defined) and function_of(c) == defined,
        lambda c: bool(task_line) and not defined and task_line in c.text,
        lambda c: (
            cell.kind == "code"
            and bool(cell.nbgrader.get("solution"))
            and not defined
            and c.text.startswith(first)
        ),
    )
    for rule in rules:
        if hits := [i for i in free if mine[i].kind == cell.kind and rule(mine[i])]:
            return hits[-1]
    return None


# --- what is off ----------------------------------------------------------------------------


def _notes_on_cells(found: Match) -> None:
    assignment = found.assignment
    fresh = f"course start {assignment.name} --fresh"
    if found.nameless:
        which = "the cells" if len(found.nameless) > 3 else _names(found.nameless)
        found.notes.append(
            f"The editor has removed the marks by which grading finds {which} (Colab, VS Code and "
            "copying can do that): they were recognised by their text here. `course submit` puts "
            f"the marks back in what it hands in; otherwise copy your answers into a fresh "
            f"notebook: {fresh}"
        )
    locked = [n for n, c in assignment.cells.items() if c.nbgrader.get("locked")]
    missing = [name for name in locked if name not in found.place]
    if missing:
        found.notes.append(
            f"{_cells(missing)} missing: the released text was used, as grading does, and "
            "nothing is lost; a fresh copy has all cells: " + fresh
        )
    edited = [
        name
        for name in locked
        if name in found.place
        and found.notebook.cells[found.place[name]].text != assignment.cells[name].text
    ]
    if edited:
        found.notes.append(
            f"{_cells(edited)} not as released: the released text was used, as grading does; "
            "keep your own imports and tests in cells of your own."
        )
    gone = [name for task in assignment.tasks for name in task.answers if name not in found.place]
    if gone:
        found.notes.append(
            f"{_cells(gone)} missing, and with it the answer: take it from a fresh copy: {fresh}"
            if len(gone) == 1
            else f"{_cells(gone)} missing, and with them the answers: take them from a fresh "
            f"copy: {fresh}"
        )
    for name, place in found.place.items():
        solution = solution_of(assignment, name)
        copies = [i for i, c in enumerate(found.notebook.cells) if c.grade_id == solution]
        if solution and min(copies, default=found.place.get(solution, -1)) > place:
            found.above.add(name)
    if found.above:
        found.notes.append(
            f"{_cells(sorted(found.above))} above the answer: it ran below it here, as grading "
            "puts it back; move it below the answer, so that you can run it yourself."
        )


def _steps(found: Match) -> None:
    """Write down what runs: the learner's order, the released text of locked cells."""
    assignment, mine = found.assignment, found.notebook.cells
    here = {place: name for name, place in found.place.items()}
    copies = [c.grade_id for c in mine]
    positions = {c.grade_id: i for i, c in enumerate(assignment.notebook.cells) if c.grade_id}
    checks = {name for task in assignment.tasks for name in task.checks}
    moved: dict[str, list[str]] = {}  # answer → its checks that stand above it
    for name in assignment.cells:
        if name in found.above:
            moved.setdefault(solution_of(assignment, name), []).append(name)

    def released(name: str, number: int) -> Step:
        task = assignment.task_of[positions[name]]
        return Step(assignment.cells[name].source, task, name, name in checks, number)

    task = 0
    for index, cell in enumerate(mine):
        name = here.get(index, "")
        if name:
            task = assignment.task_of[positions[name]]
        elif cell.kind == "markdown":
            task = next(
                (t.number for t in assignment.tasks if f"Task {t.number} ·" in cell.source), task
            )
        if name in found.above:
            continue
        if name and assignment.cells[name].nbgrader.get("locked"):
            if assignment.cells[name].kind == "code":
                found.steps.append(released(name, index + 1))
        elif cell.kind == "code" and cell.text:
            if not name and copies[index] in checks:
                continue  # a second copy of a check
            found.steps.append(Step(cell.source, task, name, False, index + 1))
        for late in moved.get(name, []):
            found.steps.append(released(late, found.place[late] + 1))
    _sort(found)
    _put_back(found, released)


def _sort(found: Match) -> None:
    """Bring named cells into the order of the release, each with what stands behind it."""
    order = {name: number for number, name in enumerate(found.assignment.cells)}
    head: list[Step] = []
    groups: list[tuple[int, list[Step]]] = []
    for step in found.steps:
        if step.name:
            groups.append((order[step.name], [step]))
        elif groups:
            groups[-1][1].append(step)
        else:
            head.append(step)
    groups.sort(key=lambda group: group[0])
    found.steps = head + [step for _, steps in groups for step in steps]


def _put_back(found: Match, released: Any) -> None:
    """Insert the locked code cells that are missing, each behind the cell that came before it."""
    before = ""
    for name, cell in found.assignment.cells.items():
        if cell.kind != "code":
            continue
        names = [step.name for step in found.steps]
        if name in names:
            before = name
        elif cell.nbgrader.get("locked") and name not in found.place:
            # A check whose answer stands further down belongs there.
            after = solution_of(found.assignment, name)
            anchor = after if after in names else before
            found.steps.insert(names.index(anchor) + 1 if anchor else 0, released(name, 0))
            before = name


def _names(names: list[str]) -> str:
    quoted = [f"“{name}”" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def _cells(names: list[str]) -> str:
    """Return “The cell “x” is” or “The cells “x” and “y” are”."""
    if len(names) == 1:
        return f"The cell {_names(names)} is"
    if len(names) > 4:
        return f"{len(names)} cells (“{names[0]}”, “{names[1]}”, …) are"
    return f"The cells {_names(names)} are"


# --- a copy that grading can read -----------------------------------------------------------


def restored(found: Match) -> bytes | None:
    """Return the notebook with the marks of grading put back, or None when it needs nothing.

    Only metadata (and the bytes that JSON is stored in) differ from the learner's file: each cell
    keeps its text.
    """
    if not found.nameless and not found.notebook.odd_bytes:
        return None
    raw = copy.deepcopy(found.notebook.raw)
    cells = [cell for cell in raw["cells"] if isinstance(cell, dict)]
    for name in found.nameless:
        cell = cells[found.place[name]]
        metadata = cell.get("metadata")
        cell["metadata"] = metadata if isinstance(metadata, dict) else {}
        cell["metadata"]["nbgrader"] = dict(found.assignment.cells[name].nbgrader)
    return (json.dumps(raw, indent=1, ensure_ascii=False) + "\n").encode()
