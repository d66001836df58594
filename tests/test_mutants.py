"""Solutions are changed as the docstring says, and no change goes unnoticed without a reason."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import demo_assignment as demo
from tools import mutants, release
from tools.mutants import (
    Fate,
    Mutant,
    Mutation,
    TaskMutation,
    chosen,
    explain,
    mutants_of,
    order_matters,
    read_explanations,
)
from tools.notebooks import NotebookError

ROOT = Path(__file__).resolve().parent.parent


def made_of(body: str, head: str = "def f(x, y):") -> list[Mutant]:
    """Return the mutants of a function with this body."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    return mutants_of(f"{head}\n{indented}")[0]


# --- the operators --------------------------------------------------------------------------

CHANGES = {
    "another operator": ("return x - y", "return x + y"),
    "a matrix product": ("return x @ y", "return x * y"),
    "a term left out": ("return x + y", "return y"),
    "operands exchanged": ("return x - y", "return y - x"),
    "an operand that needs brackets": ("return x - y * 2", "return x - (y + 2)"),
    "brackets that are there": ("return x * (y + 2)", "return x * (y - 2)"),
    "another comparison": ("return x < y", "return x <= y"),
    "the opposite comparison": ("return x == y", "return x != y"),
    "and, or": ("return x and y", "return x or y"),
    "a constant one larger": ("return x * 3", "return x * 4"),
    "a constant one smaller": ("return x * 3", "return x * 2"),
    "a constant of the other sign": ("return x * 3", "return x * -3"),
    "zero for a constant": ("return x * 3", "return x * 0"),
    "another scale": ("return x * 0.5", "return x * 1.0"),
    "true, false": ("return g(x, b=True)", "return g(x, b=False)"),
    "another axis": ("return x.mean(axis=0)", "return x.mean(axis=1)"),
    "no axis": ("return x.mean(axis=0)", "return x.mean()"),
    "an axis of several left out": ("return x.mean(axis=(0, 2))", "return x.mean(axis=(2,))"),
    "keepdims left out": ("return x.max(axis=1, keepdims=True)", "return x.max(axis=1)"),
    "a minus left out": ("return -x", "return x"),
    "a transpose left out": ("return x.T @ y", "return x @ y"),
    "mean, sum": ("return np.mean(x)", "return np.sum(x)"),
    "max, min": ("return x.max()", "return x.min()"),
    "zeros, ones": ("return np.zeros(3)", "return np.ones(3)"),
    "a call left out": ("return np.sqrt(x)", "return x"),
    "a method left out": ("return x.copy()", "return x"),
    "arguments exchanged": ("return g(x, y)", "return g(y, x)"),
    "results exchanged": ("return x, y", "return y, x"),
    "entries of a dictionary exchanged": ("return {1: x, 2: y}", "return {1: y, 2: x}"),
    "a bound left out": ("return x[1:]", "return x[:]"),
    "a choice taken always": ("return x if y else 2", "return x"),
    "a filter left out": ("return [i for i in x if i]", "return [i for i in x]"),
    "nothing returned": ("return x", "return None"),
    "inside of an f-string": ('return f"{x + 1}"', 'return f"{x - 1}"'),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_made(case):
    was, now = CHANGES[case]
    assert (was, now) in {(mutant.was, mutant.now.replace("'", '"')) for mutant in made_of(was)}


def test_a_statement_is_left_out():
    found = {mutant.name for mutant in made_of("y = x\nx += 1\nreturn y")}
    assert {"y = x ⇒ pass", "x += 1 ⇒ pass", "x += 1 ⇒ x -= 1", "x += 1 ⇒ x = 1"} <= found


def test_statements_are_exchanged_where_that_matters():
    body = "a = x\nb = y\na = a + b\nreturn a"
    orders = [mutant.name for mutant in made_of(body) if mutant.operator == "order"]
    assert orders == ["b = y ⏎ a = a + b ⇒ a = a + b ⏎ b = y"]


@pytest.mark.parametrize(
    ("first", "second", "matters"),
    [
        ("a = 1", "b = 2", False),
        ("a = 1", "b = a", True),
        ("b = a", "a = 1", True),
        ("a = 1", "a = 2", True),
        ("a[0] = 1", "b = a", True),
        ("a.b[0] = 1", "c = a", True),
        ("a = rng.normal()", "b = rng.normal()", True),
        ("a += 1", "b += 1", True),
        ("loss.backward()", "optimiser.step()", True),
    ],
)
def test_order(first, second, matters):
    assert order_matters(ast.parse(first).body[0], ast.parse(second).body[0]) is matters


def test_a_branch_of_an_elif_is_left_out():
    body = "if x:\n    return 1\nelif y:\n    return 2\nreturn 3"
    (mutant,) = (m for m in made_of(body) if m.was == "elif y: …")
    assert mutant.now == "pass"
    names: dict = {}
    exec(mutant.source, names)
    assert [names["f"](*pair) for pair in ((1, 0), (0, 1), (0, 0))] == [1, 3, 3]


def test_only_the_answer_is_changed():
    source = '''def f(x: list[int] = [0]) -> tuple[int, int]:
    """Return 2 numbers.

    >>> f(1 + 1)
    """
    n = 3
    ### BEGIN SOLUTION
    def g(x: int, k: int = 4) -> float:
        """Add 5."""
        return x + k
    return g(x), 6
    ### END SOLUTION


SEVEN = 7'''
    found, _ = mutants_of(source)
    text = {mutant.was for mutant in found}
    expected = {"def g(x: int, k: int = 4) -> float:", "return x + k", "return g(x), 6"}
    assert text == expected
    for mutant in found:
        assert mutant.source.count("### BEGIN SOLUTION") == 1
        assert mutant.source.startswith(source[: source.index("    ### BEGIN")])


def test_every_mutant_is_another_program_that_parses():
    source = "def f(x):\n    y = [0, 1]\n    for i in x:\n        y[i] -= i * 2\n    return y, -1"
    found, _ = mutants_of(source)
    assert len(found) > 15
    trees = [ast.dump(ast.parse(text)) for text in (source, *(m.source for m in found))]
    assert len(set(trees)) == len(trees)
    assert len({mutant.name for mutant in found}) == len(found)


def test_what_compiles_to_the_solution_is_counted_and_left_out():
    found, same = mutants_of("def f(x):\n    return x[-0:]")
    assert same > 0
    assert all(mutant.now != "return x[0:]" for mutant in found)


def test_equal_changes_on_equal_lines_have_names_of_their_own():
    found = [m for m in made_of("x = x - 1\nx = x - 1\nreturn x") if m.now == "x = x + 1"]
    assert [mutant.name for mutant in found] == [
        "x = x - 1 ⇒ x = x + 1",
        "x = x - 1 ⇒ x = x + 1 [2]",
    ]


def test_a_cap_takes_the_same_mutants_each_time():
    everything = made_of("return x * 3 + y * 5 - 7")
    some = chosen(everything, 5, "task")
    assert len(some) == 5
    assert some == chosen(everything, 5, "task") != chosen(everything, 5, "other")
    assert some == [mutant for mutant in everything if mutant in some]
    assert chosen(everything, 1000, "task") == everything


# --- explanations ---------------------------------------------------------------------------

ENTRY = """
[[explained]]
task = "98-demo/square"
mutants = ['return abs(x * x) ⇒ return x * x']
why = "A square is never negative, so abs does nothing."
"""
MALFORMED = {
    "no TOML": ("[[explained", "this is not TOML"),
    "a word that is not known": (ENTRY + 'reason = "x"', "unexpected keyword argument 'reason'"),
    "no such kind": (ENTRY + 'kind = "maybe"', "`kind` is one of equivalent, allowed"),
    "no reason": (ENTRY.replace("A square is never negative, so abs does nothing.", "ok"), "why"),
    "no mutants": (ENTRY.replace("mutants = ['return abs(x * x) ⇒ return x * x']", ""), "name the"),
    "whole lines are not equivalent": (ENTRY.replace("mutants", "lines"), "can be 'allowed' only"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_explanation_is_told(case, tmp_path):
    text, said = MALFORMED[case]
    path = tmp_path / "explained.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NotebookError, match=r"explained\.toml") as caught:
        read_explanations(path)
    assert said in str(caught.value)


def test_the_courses_explanations_can_be_read():
    explained = read_explanations()
    assert explained.entries
    names = set(release.assignments())
    tasks = [entry.task for entry in explained.entries] + list(explained.caps)
    assert {task.partition("/")[0] for task in tasks} <= names


# --- running --------------------------------------------------------------------------------


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_CHECK")}
    return subprocess.run(
        [sys.executable, "tools/mutants.py", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
        env=environment | {"OMP_NUM_THREADS": "1"},
    )


def survivors(found: dict) -> dict[str, str]:
    """Return the names of the mutants that passed, and their explanations."""
    return {f["name"]: f["why"] for t in found["tasks"] for f in t["fates"] if f["passed"]}


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """Return the demo with a solution that has an equivalent mutant."""
    notebook = demo.notebook()
    (cell,) = (cell for cell in notebook.cells if cell.id == "square")
    cell.source = cell.source.replace("return x * x", "return abs(x * x)")
    return demo.write(tmp_path_factory.mktemp("course"), notebook)


def judged(notebook: Path, text: str, *arguments: object) -> tuple[int, dict]:
    path = notebook.parent / "explained.toml"
    path.write_text(text, encoding="utf-8")
    done = run("--notebook", notebook, "--explanations", path, "--json", *arguments)
    assert done.stdout, done.stderr
    (found,) = json.loads(done.stdout)
    return done.returncode, found


def test_a_survivor_is_found_and_the_others_are_killed(course):
    status, found = judged(course, "", "--most", "0.01")
    assert status == 1, "one survivor is more than one in a hundred"
    assert survivors(found) == {"return abs(x * x) ⇒ return x * x": ""}
    counted = {task["task"]: len(task["fates"]) for task in found["tasks"]}
    assert set(counted) == {"double", "square", "negative"}
    assert min(counted.values()) >= 2


def test_an_explained_survivor_is_none_of_them(course):
    status, found = judged(course, ENTRY, "--most", "0", "-t", "square")
    assert status == 0
    assert found["problems"] == []
    assert list(survivors(found).values()) == ["A square is never negative, so abs does nothing."]


def test_a_stale_explanation_fails(course):
    text = ENTRY + ENTRY.replace("square", "cube")
    status, found = judged(course, text, "--most", "1", "-t", "square", "--cap", "1")
    assert status == 1
    assert found["problems"] == ["98-demo/cube: explained, but there is no such task."]


STALE = {
    "the mutant is gone": (ENTRY.replace("⇒ return x * x", "⇒ return x"), "there is no mutant"),
    "the checks reject it": (
        ENTRY.replace("⇒ return x * x", "⇒ return abs(x / x)"),
        "is explained as a survivor, but the checks reject it (CheckFailed)",
    ),
    "the line is gone": (
        ENTRY.replace("mutants", 'kind = "allowed"\nlines'),
        "the solution has no line “return abs(x * x) ⇒ return x * x”",
    ),
}


@pytest.mark.parametrize("case", STALE)
def test_what_is_stale_is_told(case, tmp_path):
    text, said = STALE[case]
    path = tmp_path / "explained.toml"
    path.write_text(text, encoding="utf-8")
    names = ("return abs(x * x) ⇒ return x * x", "return abs(x * x) ⇒ return abs(x / x)")
    alive = Fate(names[0], "call left out", passed=2, seeds=2)
    killed = Fate(names[1], "arithmetic", passed=0, seeds=2, kind="CheckFailed")
    found = Mutation("98-demo", [TaskMutation("square", fates=[alive, killed])])
    solution = "def square(x):\n    return abs(x * x)"
    explain(found, found.tasks[0], solution, read_explanations(path).entries)
    (problem,) = found.problems
    assert said in problem


def test_what_is_not_run_is_counted(course):
    caps = '[caps]\n"98-demo/double" = 1\n'
    _, found = judged(course, caps, "--most", "1", "-t", "double", "--seeds", "1")
    (double,) = found["tasks"]
    assert (len(double["fates"]), double["left_out"]) == (1, double["made"] - 1)
    _, found = judged(course, caps, "--most", "1", "-t", "double", "--quick")
    assert found["tasks"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", release.assignments())
def test_a_sample_of_every_task(name):
    done = run(name[:2], "--quick", "--cap", 12, "--seeds", 1, "--json")
    assert done.stdout, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["problems"] == []
    assert [fate for fate, why in survivors(found).items() if not why] == []
    assert found["tasks"]
    assert all(len(task["fates"]) == min(12, task["made"]) for task in found["tasks"])
    assert mutants.CAP > 12
