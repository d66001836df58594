"""A check and the notebook that it stands in keep their variables apart."""

from __future__ import annotations

from typing import Any

from course_utils import checks

import pytest

CHECK = """
from course_utils import checks
with checks.task("Task 1 · double"):
    rng = checks.rng()
    X = rng.normal(size=3)
    twice = 2 * X
    got = checks.call(double, X)
    checks.close(got, twice, name="double(X)")
"""


def notebook(*cells: str) -> dict[str, Any]:
    """Run cells one after another in one namespace, as a kernel does; return the namespace."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        exec(cell, names)
    return names


def test_a_check_leaves_none_of_its_variables(capsys):
    names = notebook("def double(x):\n    return 2 * x", CHECK)
    assert not names.keys() & {"rng", "X", "twice", "got"}
    assert "pass" in capsys.readouterr().out


def test_a_check_gives_back_what_the_learner_had_by_the_same_name():
    names = notebook("X, rng = 'my data', 7\ndef double(x):\n    return 2 * x", CHECK, CHECK)
    assert (names["X"], names["rng"]) == ("my data", 7)


def test_it_does_so_when_the_check_fails_too():
    names: dict[str, Any] = {}
    exec("X = 'my data'\ndef double(x):\n    return x", names)
    with pytest.raises(checks.CheckFailed):
        exec(CHECK, names)
    assert names["X"] == "my data"
    assert "got" not in names


def test_an_answer_cannot_lean_on_the_variables_of_its_check():
    names: dict[str, Any] = {}
    exec("def double(x):\n    return twice", names)
    with pytest.raises(checks.CheckFailed, match="twice"):
        exec(CHECK, names)


def test_an_answer_sees_its_own_variables_though_the_check_uses_the_same_names():
    notebook("X = 2\ndef double(x):\n    return X * x", CHECK)


def test_what_an_answer_makes_global_stays():
    answer = "calls = 0\ndef double(x):\n    global calls\n    calls += 1\n    return 2 * x"
    assert notebook(answer, CHECK, CHECK)["calls"] == 2


def test_a_check_in_a_function_is_left_alone():
    X = 1
    with checks.task("Task 1 · one"):
        X = 2
    assert X == 2
