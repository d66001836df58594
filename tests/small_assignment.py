"""A small assignment, written to the rules of the real ones, for tests of the grading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.notebooks import METADATA

NAME = "99-small"

SETUP = "import numpy as np\n\nSCALE = 2.0"

DOUBLE = '''def double(z: np.ndarray) -> np.ndarray:
    """Return z times SCALE."""
    ### BEGIN SOLUTION
    return np.asarray(z) * SCALE
    ### END SOLUTION'''

DOUBLE_CHECK = """got = double(np.array([1.0, 2.0]))
assert np.allclose(got, [2.0, 4.0]), "double([1, 2]) should be [2, 4]"
### BEGIN HIDDEN TESTS
secret_values_of_the_hidden_test = np.random.default_rng().normal(size=(3, 2))
assert np.allclose(double(secret_values_of_the_hidden_test) - 2 * secret_values_of_the_hidden_test,
                   0), "double must work on every shape"
### END HIDDEN TESTS"""

TOTAL = '''def total(z: np.ndarray) -> float:
    """Return the sum of all entries."""
    ### BEGIN SOLUTION
    return float(np.sum(z))
    ### END SOLUTION'''

TOTAL_CHECK = """assert total(np.array([1.0, 2.0])) == 3.0, "total([1, 2]) should be 3"
### BEGIN HIDDEN TESTS
hidden_matrix_of_fives = np.full((3, 3), 5.0)
assert total(hidden_matrix_of_fives) == 45.0, "total must sum over all axes"
### END HIDDEN TESTS"""

LARGEST = '''def largest(z: np.ndarray) -> float:
    """Return the largest entry."""
    ### BEGIN SOLUTION
    return float(np.max(z))
    ### END SOLUTION'''

LARGEST_CHECK = '''assert largest(np.array([1.0, 2.0])) == 2.0, "largest([1, 2]) should be 2"'''


def meta(name: str, **changes: Any) -> dict[str, Any]:
    """nbgrader's metadata of a cell, schema 3."""
    base = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": base | {"schema_version": 3, "grade_id": name} | changes}


def notebook() -> nbformat.NotebookNode:
    """The source notebook: three tasks of 3, 4 and 2 points and a text of 1 point."""

    def code(source: str, name: str, **changes: Any) -> nbformat.NotebookNode:
        return new_code_cell(source, id=name, metadata=meta(name, **changes))

    def solution(source: str, name: str) -> nbformat.NotebookNode:
        return code(source, name, solution=True)

    def check(source: str, name: str, points: int) -> nbformat.NotebookNode:
        return code(source, name, grade=True, locked=True, points=points)

    text = "### BEGIN SOLUTION\nBecause it is.\n### END SOLUTION"
    nb = new_notebook(
        metadata=METADATA,
        cells=[
            new_markdown_cell("# Assignment 99 · Small\n\nThree functions.", id="title"),
            code(SETUP, "setup", locked=True),
            new_markdown_cell("## Task 1 · double (3 points)", id="task-1"),
            solution(DOUBLE, "double"),
            check(DOUBLE_CHECK, "double-check", 3),
            new_markdown_cell("## Task 2 · total (4 points)", id="task-2"),
            solution(TOTAL, "total"),
            check(TOTAL_CHECK, "total-check", 4),
            new_markdown_cell("## Task 3 · largest (2 points)", id="task-3"),
            solution(LARGEST, "largest"),
            check(LARGEST_CHECK, "largest-check", 2),
            new_markdown_cell("## Task 4 · Why? (1 point)", id="task-4"),
            new_markdown_cell(
                text, id="why", metadata=meta("why", grade=True, solution=True, points=1)
            ),
        ],
    )
    nb.nbformat_minor = 5
    return nb


def write(folder: Path) -> Path:
    """Write the assignment into `folder`; return its own folder."""
    target = folder / NAME
    target.mkdir(parents=True)
    nbformat.write(notebook(), target / f"{NAME}.ipynb")
    return target
