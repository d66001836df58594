"""A small assignment that keeps every rule, for the tests of the tools that look for breaches."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import notebooks
from tools.normalise import normalised

NAME = "98-demo"
FUNCTIONS = {
    "double": "2 * x",
    "square": "x * x",
    "negative": "-x",
}
WANTED = {
    "double": "x + x",
    "square": "x**2",
    "negative": "0 - x",
}


def meta(name: str, **changes: Any) -> dict[str, Any]:
    """Return nbgrader's metadata of a cell."""
    base = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": base | {"schema_version": 3, "grade_id": name} | changes}


def hints() -> str:
    """Return three folded hints."""
    return "\n".join(
        f"<details><summary>Hint {n}</summary>Think of `x`.</details>" for n in (1, 2, 3)
    )


def task(number: int, name: str) -> list[NotebookNode]:
    """Return the three cells of one task of five points."""
    prose = (
        f"## Task {number} · {name.title()} (5 points)\n\nWhy it matters. Write `{name}`, with "
        f"`np.exp` where it helps.\n\n**Goal** {number} of the chapter.\n\n{hints()}"
    )
    solution = (
        f'def {name}(x: np.ndarray) -> np.ndarray:\n    """Return the {name} of x."""\n'
        f"    ### BEGIN SOLUTION\n    return {FUNCTIONS[name]}\n    ### END SOLUTION"
    )
    check = f"""import numpy as np

from course_utils import checks

with checks.task("Task {number} · {name.title()}"):
    rng = checks.rng()
    checks.function({name}, parameters=["x"])
    x = rng.normal(size=3)
    got = checks.call({name}, x)
    checks.array(got, shape=x.shape, dtype="float", name="{name}(x)")
    checks.close(got, {WANTED[name]}, name="{name}(x)")
    ### BEGIN HIDDEN TESTS
    x = rng.normal(size=(4, 2))
    checks.close(checks.call({name}, x), {WANTED[name]}, name="{name}(x)")
    ### END HIDDEN TESTS"""
    return [
        new_markdown_cell(prose),
        new_code_cell(solution, metadata=meta(name, solution=True)),
        new_code_cell(check, metadata=meta(f"{name}-check", grade=True, locked=True, points=5)),
    ]


def notebook() -> NotebookNode:
    """Return the source notebook: three tasks with checks and one answered in words."""
    words = "## Task 4 · In words (5 points)\n\nWhat does `double` do?\n\n**Goal** 4."
    answer = "### BEGIN SOLUTION\nIt adds a number to itself.\n### END SOLUTION"
    setup = "import numpy as np\n\nfrom course_utils import checks"
    cells = [
        new_markdown_cell("# Assignment 98 · Demo\n\nRun, check, submit."),
        new_code_cell(setup, metadata=meta("setup", locked=True)),
        *task(1, "double"),
        *task(2, "square"),
        *task(3, "negative"),
        new_markdown_cell(words),
        new_markdown_cell(answer, metadata=meta("words", grade=True, solution=True, points=5)),
    ]
    return normalised(new_notebook(cells=cells))


def write(root: Path, found: NotebookNode | None = None) -> Path:
    """Write the source below `root` as the course keeps it."""
    shutil.copy(notebooks.ROOT / "nbgrader_config.py", root)
    path = root / "solutions" / NAME / f"{NAME}.ipynb"
    notebooks.write_text(path, notebooks.text_of(found or notebook()))
    return path
