"""What must hold for every assignment: looked up in its source, its release and their runs.

Each function returns sentences, one for each thing that is not right; tests/test_exercises.py
calls them for every assignment, and with broken ones to show that each can speak.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from tools import notebooks
from tools.lint.core import Course, Page, Problem
from tools.lint.form import parse_problems as lint_parse_problems
from tools.lint.names import names as unknown_names
from tools.lint.names import python_of

TOTAL = 20
TASKS = range(4, 8)
HINTS = ("Hint 1", "Hint 2", "Hint 3")
MARKS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
ALLOWED_IMPORTS = {"numpy", "course_utils", "torch", "tensorflow", "keras"}
ALLOWED_IMPORTS |= {"pathlib", "shutil", "tempfile"}  # a folder for what an answer writes
_HEADING = re.compile(r"^## Task (\d+) · (.+?) \((\d+(?:\.\d+)?) points?\)\s*$", re.MULTILINE)


def region(source: str, mark: str) -> list[str]:
    """Return the lines between BEGIN and END of a kind of region."""
    found, inside = [], False
    for line in source.splitlines():
        if f"BEGIN {mark}" in line:
            inside = True
        elif f"END {mark}" in line:
            inside = False
        elif inside:
            found.append(line)
    return found


def without_region(source: str, mark: str) -> str:
    """Return the source without what stands between BEGIN and END of a kind of region."""
    kept, inside = [], False
    for line in source.splitlines():
        if f"BEGIN {mark}" in line:
            inside = True
        elif f"END {mark}" in line:
            inside = False
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def parts(notebook: NotebookNode) -> Iterator[tuple[re.Match[str] | None, list[NotebookNode]]]:
    """Yield the heading of each task (None before the first) and the cells below it."""
    heading: re.Match[str] | None = None
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.MULTILINE):
            yield heading, cells
            heading, cells = _HEADING.search(cell.source), []
        cells.append(cell)
    yield heading, cells


def points_of(cell: NotebookNode) -> float:
    """Return the points a cell gives."""
    return float(notebooks.nbgrader_of(cell).get("points", 0)) if notebooks.is_graded(cell) else 0


# --- the source -----------------------------------------------------------------------------


def source_problems(notebook: NotebookNode) -> list[str]:
    """Look at the notebook in solutions/. (tools/lint_notebooks.py names file and cell as well.)"""
    page = Page(Path(), "assignment", "", list(notebook.cells))
    found = [
        *metadata_problems(notebook),
        *points_problems(notebook),
        *task_problems(notebook),
        *check_cell_problems(notebook),
        *unknown_names(page, Course(Path())),
        *lint_parse_problems(page.cells),
    ]
    return [str(problem) for problem in found]


def metadata_problems(notebook: NotebookNode) -> Iterator[Problem]:
    """Look at ids and at what nbgrader is told about each cell."""
    grade_ids = [
        notebooks.nbgrader_of(cell)["grade_id"]
        for cell in notebook.cells
        if "grade_id" in notebooks.nbgrader_of(cell)
    ]
    for name, count in Counter(grade_ids).items():
        if count > 1:
            yield Problem(f"{count} cells have the grade_id {name!r}", "rename all but one", name)
    for name, count in Counter(cell.get("id") for cell in notebook.cells).items():
        if count > 1:
            yield Problem(f"{count} cells have the id {name!r}", "run 'make format'", name)
    for cell in notebook.cells:
        found = notebooks.nbgrader_of(cell)
        if found and cell.get("id") != found.get("grade_id"):
            yield Problem(
                f"Cell {cell.get('id')!r} has the grade_id {found.get('grade_id')!r}",
                "run 'make format'",
                cell.get("id"),
            )
        if not found:
            if any(mark in cell.source for mark in MARKS):
                yield Problem(
                    f"Cell {cell.id!r} has a solution or hidden tests and no nbgrader metadata",
                    "say in JupyterLab's Create Assignment tool what the cell is",
                    cell.id,
                )
            continue
        complaints = {
            f"Cell {cell.id!r} has nbgrader schema {found.get('schema_version')}, not 3": (
                found.get("schema_version") != 3,
                "open and save the notebook with the installed nbgrader",
            ),
            f"Check cell {cell.id!r} is not locked: a learner could change it": (
                notebooks.is_check(cell) and not found.get("locked"),
                'set "locked": true in its nbgrader metadata',
            ),
            f"Graded cell {cell.id!r} gives no points": (
                notebooks.is_graded(cell) and not points_of(cell) > 0,
                'give it "points" in its nbgrader metadata',
            ),
            f"Solution cell {cell.id!r} is locked: a learner could not write in it": (
                notebooks.is_solution(cell) and found.get("locked"),
                'set "locked": false in its nbgrader metadata',
            ),
            f"Solution cell {cell.id!r} has no ### BEGIN SOLUTION … ### END SOLUTION": (
                notebooks.is_solution(cell) and "BEGIN SOLUTION" not in cell.source,
                "put these lines around the answer",
            ),
        }
        for what, (wrong, cure) in complaints.items():
            if wrong:
                yield Problem(what, cure, cell.id)


def points_problems(notebook: NotebookNode) -> Iterator[Problem]:
    """Compare the points that headings print with those that cells give."""
    for heading, cells in parts(notebook):
        given = sum(map(points_of, cells))
        if heading is not None and float(heading[3]) != given:
            yield Problem(
                f"Task {heading[1]} prints {heading[3]} points, and its cells give {given:g}",
                "make them agree",
                cells[0].get("id"),
            )
        if heading is None and given:
            yield Problem(
                f"Cells that give {given:g} points stand below no heading of the form "
                "'## Task 1 · Name (3 points)'",
                "write one above them",
                next(cell.get("id") for cell in cells if points_of(cell)),
            )
    total = sum(map(points_of, notebook.cells))
    if total != TOTAL:
        yield Problem(f"The points add up to {total:g}, not to {TOTAL}", "share them out again")


def task_problems(notebook: NotebookNode) -> Iterator[Problem]:
    """Look at the tasks: how many, in which order, with which parts."""
    found = [(heading, cells) for heading, cells in parts(notebook) if heading is not None]
    numbers = [int(heading[1]) for heading, _ in found]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Problem(f"The tasks are numbered {numbers}, not 1, 2, 3, …", "number them anew")
    if len(numbers) not in TASKS:
        yield Problem(f"There are {len(numbers)} tasks", "give four to seven")
    for heading, cells in found:
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        hints = re.findall(r"<summary>\s*(?:＋\s*)?(Hint \d+)\s*</summary>", prose)
        by_hand = any(notebooks.is_graded(c) and notebooks.is_solution(c) for c in cells)
        by_check = any(notebooks.is_check(c) for c in cells)
        where = cells[0].get("id")
        if tuple(hints) != HINTS and (by_check or not by_hand):
            yield Problem(
                f"Task {heading[1]} has the hints {hints}",
                "fold Hint 1, Hint 2 and Hint 3 into <details>, from weak to strong",
                where,
            )
        if "**Goal" not in prose:
            yield Problem(
                f"Task {heading[1]} does not say which **Goal** of the chapter it examines",
                "add a line that begins with **Goal.**",
                where,
            )
        if not by_check and not by_hand:
            yield Problem(f"Task {heading[1]} has no graded cell", "add a check cell", where)


def check_cell_problems(notebook: NotebookNode) -> Iterator[Problem]:
    """Look at the check cells: name, hidden tests, imports, no bare assert."""
    solutions = {
        notebooks.nbgrader_of(cell)["grade_id"]
        for cell in notebook.cells
        if notebooks.is_solution(cell)
    }
    for cell in notebook.cells:
        if not notebooks.is_check(cell):
            continue
        named = re.fullmatch(r"(.+)-check(-\d+)?", cell.id)
        if named is None or named[1] not in solutions:
            yield Problem(
                f"Check cell {cell.id!r} is not called like a solution cell with '-check' at its "
                "end, so nobody knows what it checks",
                "rename it",
                cell.id,
            )
        if not region(cell.source, "HIDDEN TESTS"):
            yield Problem(
                f"Check cell {cell.id!r} has no hidden tests",
                "put some between ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS",
                cell.id,
            )
        try:
            tree = ast.parse(python_of(cell))
        except SyntaxError:
            continue  # parse_problems tells it
        if "checks.task(" not in cell.source:
            yield Problem(
                f"Check cell {cell.id!r} does not use checks.task",
                'put its checks below with checks.task("Task 1 · name"):',
                cell.id,
            )
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                yield Problem(
                    f"Check cell {cell.id!r} has a bare assert in line {node.lineno}",
                    "use a check, or checks.that with a sentence",
                    cell.id,
                )
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for module in modules:
                if module.split(".")[0] not in ALLOWED_IMPORTS:
                    yield Problem(
                        f"Check cell {cell.id!r} imports {module}",
                        "check cells import numpy, the frameworks and course_utils only",
                        cell.id,
                    )


def parse_problems(notebook: NotebookNode) -> list[str]:
    """Say which code cells are not Python."""
    return [str(problem) for problem in lint_parse_problems(notebook.cells)]


# --- the release ----------------------------------------------------------------------------


def secrets_of(source: NotebookNode) -> set[str]:
    """Return the lines of solutions and hidden tests that stand nowhere else in the source."""
    secret: set[str] = set()
    public: set[str] = set()
    for cell in source.cells:
        hidden = [*region(cell.source, "SOLUTION"), *region(cell.source, "HIDDEN TESTS")]
        secret |= {line.strip() for line in hidden}
        shown = without_region(without_region(cell.source, "SOLUTION"), "HIDDEN TESTS")
        public |= {line.strip() for line in shown.splitlines()}
    return {line for line in secret - public if len(line) > 15}


def leaked(secrets: set[str], text: str) -> list[str]:
    """Return the secret lines that stand in a text: as a line, or, when long, anywhere."""
    lines = {line.strip() for line in text.splitlines()}
    return sorted(
        line
        for line in secrets
        if line in lines
        or (len(line) > 40 and (line in text or json.dumps(line, ensure_ascii=False)[1:-1] in text))
    )


def release_problems(source: NotebookNode, release: NotebookNode, text: str = "") -> list[str]:
    """Look at the notebook in exercises/; `text` is its file, where leaks are looked for."""
    found = parse_problems(release)
    before = [cell.get("id") for cell in source.cells]
    after = [cell.get("id") for cell in release.cells]
    if before != after:
        found.append("The release has other cells than the source.")
    everything = "\n".join(
        [
            *(cell.source for cell in release.cells),
            *(str(cell.get("outputs", "")) for cell in release.cells),
            text,
        ]
    )
    found += [f"The release holds the mark {mark!r}." for mark in MARKS if mark in everything]
    found += [
        f"The release holds a line of a solution or hidden test: {line!r}."
        for line in leaked(secrets_of(source), everything)
    ]
    for cell in release.cells:
        if cell.cell_type != "code" or not notebooks.is_solution(cell):
            continue
        if "raise NotImplementedError" not in cell.source:
            found.append(f"Solution cell {cell.id!r} of the release does not raise.")
    return found


# --- running --------------------------------------------------------------------------------


def run(notebook: NotebookNode, folder: Path, seconds: int = 300) -> NotebookNode:
    """Return the notebook executed in a fresh kernel, to its end whatever fails."""
    from nbclient import NotebookClient

    copy: NotebookNode = nbformat.from_dict(notebook)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_CHECK")}
    client = NotebookClient(
        copy,
        timeout=seconds,
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=environment | {"NBGRADER_EXECUTION": "autograde"})
    return copy


def errors_of(cell: NotebookNode) -> list[Any]:
    """Return the error outputs of an executed cell."""
    return [output for output in cell.get("outputs", []) if output.output_type == "error"]


def unsolved_problems(executed: NotebookNode) -> list[str]:
    """Look at a release that was run: given cells run, the rest is not implemented."""
    found = []
    for cell in executed.cells:
        if cell.cell_type != "code":
            continue
        errors = errors_of(cell)
        kinds = [error.ename for error in errors]
        if notebooks.is_check(cell):
            if kinds != ["NotImplementedError"]:
                said = f"raises {kinds[0]} ({errors[0].evalue})" if kinds else "passes"
                found.append(
                    f"Check cell {cell.id!r} {said} when nothing is solved; it should raise "
                    "NotImplementedError."
                )
        elif notebooks.is_solution(cell):
            if kinds not in ([], ["NotImplementedError"]):
                found.append(
                    f"Unsolved cell {cell.id!r} raises {kinds[0]} ({errors[0].evalue}); it should "
                    "raise nothing but NotImplementedError."
                )
        elif kinds:
            found.append(
                f"The given cell {cell.id!r} stops in the release: {kinds[0]}: {errors[0].evalue}"
            )
    return found


def scores(executed: NotebookNode) -> dict[str, tuple[float | None, float]]:
    """Return grade_id → (points, possible points) by nbgrader's own rule; None: by hand."""
    from nbgrader.utils import determine_grade

    return {
        cell.metadata.nbgrader.grade_id: determine_grade(cell)
        for cell in executed.cells
        if notebooks.is_graded(cell)
    }


def with_hidden_tests(release: NotebookNode, source: NotebookNode) -> NotebookNode:
    """Return the release as nbgrader grades it: its check cells put back from the source."""
    copy: NotebookNode = nbformat.from_dict(release)
    checks = {cell.id: cell.source for cell in source.cells if notebooks.is_check(cell)}
    for cell in copy.cells:
        if cell.id in checks:
            cell.source = checks[cell.id]
    return copy


def score_problems(executed: NotebookNode, solved: bool) -> list[str]:
    """Say which graded cells of a solved (or unsolved) notebook have not full (or no) points."""
    found = []
    for name, (score, most) in scores(executed).items():
        if solved and score is not None and score != most:
            cell = next(cell for cell in executed.cells if cell.id == name)
            errors = errors_of(cell)
            cause = f"{errors[0].ename}: {errors[0].evalue}" if errors else "it wrote to stderr"
            found.append(f"The solution scores {score:g} of {most:g} at {name!r}: {cause}")
        if not solved and score != 0:
            found.append(f"An unsolved notebook scores {score} of {most:g} at {name!r}, not 0.")
    if solved:
        for cell in executed.cells:
            if cell.cell_type == "code" and not notebooks.is_check(cell) and errors_of(cell):
                error = errors_of(cell)[0]
                found.append(f"Cell {cell.id!r} stops: {error.ename}: {error.evalue}")
    return found
