"""What must hold for every assignment: looked up in its source, its release and their runs.

Each function returns sentences, one for each thing that is not right; tests/test_exercises.py
calls them for every assignment, and with broken ones to show that each can speak.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import io
import json
import keyword
import os
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools import notebooks

TOTAL = 20
TASKS = range(4, 8)
HINTS = ("Hint 1", "Hint 2", "Hint 3")
MARKS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
ALLOWED_IMPORTS = {"numpy", "course_utils", "torch", "tensorflow", "keras"}
ALLOWED_IMPORTS |= {"pathlib", "shutil", "tempfile"}  # a folder for what an answer writes
# Prose may speak of these by their full name, such as `torch.nn.Linear`, without an import.
LIBRARIES = ("numpy", "torch", "tensorflow", "keras", "sklearn", "matplotlib", "pandas", "scipy")
_HEADING = re.compile(r"^## Task (\d+) · (.+?) \((\d+(?:\.\d+)?) points?\)\s*$", re.MULTILINE)


def python_of(cell: NotebookNode) -> str:
    """Return the source of a code cell with IPython's magics written as Python."""
    return str(TransformerManager().transform_cell(cell.source))


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
    """Look at the notebook in solutions/."""
    return [
        *_names(notebook),
        *_metadata(notebook),
        *_points(notebook),
        *_tasks(notebook),
        *_check_cells(notebook),
        *_prose(notebook),
        *parse_problems(notebook),
    ]


def _names(notebook: NotebookNode) -> Iterator[str]:
    grade_ids = [
        notebooks.nbgrader_of(cell)["grade_id"]
        for cell in notebook.cells
        if "grade_id" in notebooks.nbgrader_of(cell)
    ]
    for name, count in Counter(grade_ids).items():
        if count > 1:
            yield f"{count} cells have the grade_id {name!r}: rename all but one."
    for name, count in Counter(cell.get("id") for cell in notebook.cells).items():
        if count > 1:
            yield f"{count} cells have the id {name!r}: run 'make format'."
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata and cell.get("id") != cell.metadata.nbgrader.get("grade_id"):
            yield (
                f"Cell {cell.get('id')!r} has the grade_id "
                f"{cell.metadata.nbgrader.get('grade_id')!r}: run 'make format'."
            )


def _metadata(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        found = notebooks.nbgrader_of(cell)
        if not found:
            if any(mark in cell.source for mark in MARKS):
                yield f"Cell {cell.id!r} has a solution or hidden tests and no nbgrader metadata."
            continue
        if found.get("schema_version") != 3:
            yield f"Cell {cell.id!r} has nbgrader schema {found.get('schema_version')}, not 3."
        if notebooks.is_check(cell) and not found.get("locked"):
            yield f"Check cell {cell.id!r} is not locked: a learner could change it."
        if notebooks.is_graded(cell) and not points_of(cell) > 0:
            yield f"Graded cell {cell.id!r} gives no points."
        if notebooks.is_solution(cell) and found.get("locked"):
            yield f"Solution cell {cell.id!r} is locked: a learner could not write in it."
        if notebooks.is_solution(cell) and "BEGIN SOLUTION" not in cell.source:
            yield f"Solution cell {cell.id!r} has no ### BEGIN SOLUTION … ### END SOLUTION."


def _points(notebook: NotebookNode) -> Iterator[str]:
    for heading, cells in parts(notebook):
        given = sum(map(points_of, cells))
        if heading is not None and float(heading[3]) != given:
            yield (
                f"Task {heading[1]} prints {heading[3]} points, and its cells give {given:g}: "
                "make them agree."
            )
        if heading is None and given:
            yield (
                f"Cells that give {given:g} points stand below no heading of the form "
                "'## Task 1 · Name (3 points)'."
            )
    total = sum(map(points_of, notebook.cells))
    if total != TOTAL:
        yield f"The points add up to {total:g}, not to {TOTAL}."


def _tasks(notebook: NotebookNode) -> Iterator[str]:
    found = [(heading, cells) for heading, cells in parts(notebook) if heading is not None]
    numbers = [int(heading[1]) for heading, _ in found]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"The tasks are numbered {numbers}, not 1, 2, 3, …"
    if len(numbers) not in TASKS:
        yield f"There are {len(numbers)} tasks, not four to seven."
    for heading, cells in found:
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        hints = re.findall(r"<summary>\s*(?:＋\s*)?(Hint \d+)\s*</summary>", prose)
        by_hand = any(notebooks.is_graded(c) and notebooks.is_solution(c) for c in cells)
        by_check = any(notebooks.is_check(c) for c in cells)
        if tuple(hints) != HINTS and (by_check or not by_hand):
            yield f"Task {heading[1]} has the hints {hints}, not Hint 1, Hint 2, Hint 3."
        if "**Goal" not in prose:
            yield f"Task {heading[1]} does not say which **Goal** of the chapter it examines."
        if not by_check and not by_hand:
            yield f"Task {heading[1]} has no graded cell."


def _check_cells(notebook: NotebookNode) -> Iterator[str]:
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
            yield (
                f"Check cell {cell.id!r} is not called like a solution cell with '-check' at its "
                "end, so nobody knows what it checks."
            )
        if not region(cell.source, "HIDDEN TESTS"):
            yield f"Check cell {cell.id!r} has no hidden tests."
        try:
            tree = ast.parse(python_of(cell))
        except SyntaxError:
            continue  # parse_problems tells it
        if "checks.task(" not in cell.source:
            yield f"Check cell {cell.id!r} does not use checks.task."
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                yield (
                    f"Check cell {cell.id!r} has a bare assert in line {node.lineno}: use a check, "
                    "or checks.that with a sentence."
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
                    yield (
                        f"Check cell {cell.id!r} imports {module}: check cells import numpy, the "
                        "frameworks and course_utils only."
                    )


def parse_problems(notebook: NotebookNode) -> list[str]:
    """Say which code cells are not Python."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        try:
            ast.parse(python_of(cell))
        except SyntaxError as error:
            found.append(f"Cell {cell.id!r} does not parse: {error.msg}, line {error.lineno}.")
    return found


# --- names in prose -------------------------------------------------------------------------

_FILE = re.compile(r"\.(py|ipynb|csv|npz|npy|json|txt|png|svg|md|zip)$")


def _prose(notebook: NotebookNode) -> Iterator[str]:
    """Look for names in backticks, in the text of tasks, that no code knows."""
    known = set(dir(builtins)) | set(keyword.kwlist) | {"nan", "inf"}
    modules = {name: name for name in LIBRARIES}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        code = python_of(cell)
        try:
            for token in tokenize.generate_tokens(io.StringIO(code).readline):
                if token.type == tokenize.NAME:
                    known.add(token.string)
                elif token.type == tokenize.STRING:
                    known.update(re.findall(r"[A-Za-z_]\w*", token.string))
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        modules[alias.asname or alias.name] = alias.name
                elif isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        except (SyntaxError, tokenize.TokenError):
            continue
    for heading, cells in parts(notebook):
        if heading is None:
            continue
        for cell in cells:
            if cell.cell_type != "markdown" or notebooks.is_solution(cell):
                continue
            text = re.sub(r"^(```|~~~).*?^\1", "", cell.source, flags=re.M | re.S)
            written = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
            written += re.findall(r"<code>([^<\n]+)</code>", text)
            for code in written:
                name = re.fullmatch(r"([A-Za-z_][\w.]*)(\(.*\))?", code.strip())
                if name is None or _FILE.search(name[1]):
                    continue
                if not _exists(name[1].strip("."), known, modules):
                    yield (
                        f"Task {heading[1]} speaks of `{code}` in its text, and nothing in the "
                        "notebook is called so."
                    )


def _exists(name: str, known: set[str], modules: dict[str, str]) -> bool:
    pieces = name.split(".")
    if all(piece in known for piece in pieces):
        return True
    if pieces[0] not in modules:
        return False
    found: Any = None
    path = modules[pieces[0]]
    try:
        found = importlib.import_module(path)
    except ImportError:
        above, _, last = path.rpartition(".")
        try:
            found = getattr(importlib.import_module(above), last)
        except (ImportError, AttributeError, ValueError):
            return False
    for piece in pieces[1:]:
        path = f"{path}.{piece}"
        if not hasattr(found, piece):
            try:
                found = importlib.import_module(path)
            except ImportError:
                return False
        else:
            found = getattr(found, piece)
    return True


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

    copy: NotebookNode = notebooks.nbformat.from_dict(notebook)
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
    copy: NotebookNode = notebooks.nbformat.from_dict(release)
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
