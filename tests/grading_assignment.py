"""A small assignment with hidden tests, and what the tests of grading do with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from course_utils.grading.engine import Engine
from course_utils.grading.job import CellResult, Job, Limits, ReleasedCell, Result

MARKER = "HIDDEN-TEST-OF-THE-SMALL-ASSIGNMENT"
STUB = "raise NotImplementedError  # write your answer here"
MB = 1024**2
LIMITS = Limits(
    memory=400 * MB,
    processes=24,
    disk=32 * MB,
    open_files=128,
    cell_seconds=2.0,
    test_seconds=2.0,
    notebook_seconds=40.0,
    cell_output=20_000,
    notebook_output=200_000,
    message=8 * MB,
)

SETUP = "import numpy as np\nimport torch"

DOUBLE_CHECK = f"""
from course_utils import checks
import numpy as np

with checks.task("Task 1 · double"):
    x = checks.rng().normal(size=(2, 3))
    checks.function(double, parameters=["x"])
    checks.close(checks.call(double, x), 2 * x, name="double(x)")
    ### BEGIN HIDDEN TESTS
    # {MARKER}
    x = checks.rng().normal(size=7)
    checks.close(checks.call(double, x), 2 * x, name="double(x)")
    ### END HIDDEN TESTS
"""
TRIPLE_CHECK = """
import numpy as np

x = np.arange(4.0)
np.testing.assert_allclose(triple(x), 3 * x)
### BEGIN HIDDEN TESTS
assert abs(triple(2.0) - 6.0) < 1e-9
assert np.allclose(triple(-x), -3 * x)
### END HIDDEN TESTS
"""
BOTH_CHECK = """
from course_utils import checks
import numpy as np

with checks.task("Task 3 · both") as task:
    x = checks.rng().normal(size=5)
    with task.part("sum"):
        checks.close(checks.call(total, x), x.sum(), name="total(x)")
    with task.part("mean"):
        checks.close(checks.call(mean, x), x.mean(), name="mean(x)")
"""
UNIT_CHECK = """
from course_utils import checks
import torch

with checks.task("Task 4 · unit"):
    x = torch.tensor(checks.rng().normal(size=4), dtype=torch.float32)
    got = checks.call(unit, x)
    checks.close(got, x / x.norm(), name="unit(x)")
    ### BEGIN HIDDEN TESTS
    x = torch.ones(9)
    assert torch.allclose(torch.as_tensor(checks.call(unit, x)), x / 3)
    ### END HIDDEN TESTS
"""

RIGHT = {
    "double": "def double(x):\n    return 2 * x",
    "triple": "def triple(x):\n    return 3 * x",
    "both": "def total(x):\n    return np.sum(x)\n\ndef mean(x):\n    return np.mean(x)",
    "unit": "def unit(x):\n    return x / x.norm()",
    "essay": "Because it is so.",
}
FUNCTIONS = {
    "double": ["double"],
    "triple": ["triple"],
    "both": ["total", "mean"],
    "unit": ["unit"],
}
CHECKS = {
    "double-check": (DOUBLE_CHECK, 2),
    "triple-check": (TRIPLE_CHECK, 3),
    "both-check": (BOTH_CHECK, 4),
    "unit-check": (UNIT_CHECK, 3),
}
FULL = {"double-check": 2.0, "triple-check": 3.0, "both-check": 4.0, "unit-check": 3.0}
NAMES = ["setup", "double", "double-check", "triple", "triple-check", "both", "both-check"]
NAMES += ["unit", "unit-check", "essay"]


def stub(name: str) -> str:
    """The text of a solution cell as it is released."""
    if name == "essay":
        return "YOUR ANSWER HERE"
    return "\n\n".join(f"def {f}(x):\n    {STUB}" for f in FUNCTIONS[name])


def about(name: str) -> dict[str, Any]:
    """The nbgrader metadata of a cell."""
    found: dict[str, Any] = {
        "grade_id": name,
        "grade": name.endswith("check") or name == "essay",
        "solution": name in RIGHT,
        "locked": name not in RIGHT,
        "task": False,
        "schema_version": 3,
        "cell_type": "markdown" if name == "essay" else "code",
    }
    if found["grade"]:
        found["points"] = CHECKS[name][1] if name in CHECKS else 1
    return found


def released(checks: dict[str, str] | None = None) -> tuple[ReleasedCell, ...]:
    """The cells of the release; `checks` replaces the text of test cells."""
    texts = {name: source.strip() for name, (source, _) in CHECKS.items()} | (checks or {})
    return tuple(
        ReleasedCell(name, SETUP if name == "setup" else texts.get(name) or stub(name), about(name))
        for name in NAMES
    )


def public(source: str) -> str:
    """A test cell as a learner has it."""
    before, begin, _ = source.partition("    ### BEGIN HIDDEN TESTS")
    if not begin:
        before, begin, _ = source.partition("### BEGIN HIDDEN TESTS")
    return before.strip() if begin else source.strip()


def cell(name: str, source: str, kind: str = "code", graded: bool = True) -> dict[str, Any]:
    """A cell of a notebook file."""
    metadata = {}
    if graded:
        metadata["nbgrader"] = {k: v for k, v in about(name).items() if k != "cell_type"}
    found: dict[str, Any] = {
        "id": name,
        "cell_type": kind,
        "metadata": metadata,
        "source": source,
    }
    return found | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def notebook(answers: dict[str, str] | None = None) -> dict[str, Any]:
    """A submitted notebook with right answers, those given here excepted."""
    texts = {**RIGHT, **(answers or {}), "setup": SETUP}
    texts |= {name: public(source) for name, (source, _) in CHECKS.items()}
    cells = [cell(n, texts[n], "markdown" if n == "essay" else "code") for n in NAMES]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def with_cell(nb: dict[str, Any], before: str, *sources: str) -> dict[str, Any]:
    """Put cells of a learner's own before the cell named `before`."""
    nb = copy.deepcopy(nb)
    place = next(i for i, c in enumerate(nb["cells"]) if c["id"] == before)
    for number, source in enumerate(sources):
        nb["cells"].insert(place + number, cell(f"own-{number}", source, graded=False))
    return nb


def job(
    nb: dict[str, Any] | bytes | None = None,
    *,
    seed: int = 1,
    limits: Limits = LIMITS,
    checks: dict[str, str] | None = None,
    files: Iterable[tuple[str, bytes]] = (),
) -> Job:
    """What grading gets."""
    data = nb if isinstance(nb, bytes) else json.dumps(nb or notebook()).encode()
    return Job(
        "ada",
        "small",
        "small",
        data,
        released(checks),
        files=tuple(files),
        seed=seed,
        limits=limits,
    )


def grade(engine: Engine, nb: dict[str, Any] | None = None, **options: Any) -> Result:
    """Grade a notebook."""
    return engine.grade(job(nb, **options))


def scores(result: Result) -> dict[str, float | None]:
    """Points by test cell, the essay left out."""
    return {cell.name: cell.score for cell in result.cells if cell.name != "essay"}


def judged(result: Result, name: str) -> CellResult:
    """What became of one graded cell."""
    assert result.status == "graded", result.reason
    return next(cell for cell in result.cells if cell.name == name)


def executed(result: Result, name: str) -> dict[str, Any]:
    """A cell of the graded notebook."""
    return next(c for c in json.loads(result.executed)["cells"] if c["id"] == name)


def shown(result: Result, name: str) -> str:
    """All text that a cell of the graded notebook shows."""
    parts = []
    for output in executed(result, name)["outputs"]:
        parts.append(output.get("text", ""))
        parts += output.get("traceback", [])
        parts += [str(value) for value in output.get("data", {}).values()]
    return "\n".join(parts)
