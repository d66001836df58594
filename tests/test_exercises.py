"""Every assignment keeps its promises: what is released, what runs, what scores."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests import demo_assignment as demo
from tools import assignments, notebooks, release

ROOT = Path(__file__).resolve().parent.parent
NAMES = release.assignments()


def paths_of(name: str) -> list[Path]:
    return sorted((ROOT / "solutions" / name).glob("*.ipynb"))


@cache
def released(name: str) -> dict[Path, bytes]:
    return release.generate([name])


def each(name: str) -> list[tuple[NotebookNode, NotebookNode, bytes]]:
    """Return source, release and the release's file for each notebook of an assignment."""
    found = []
    for path in paths_of(name):
        data = released(name)[Path(name) / path.name]
        release_notebook = nbformat.reads(data.decode(), as_version=4)
        found.append((notebooks.read(path), release_notebook, data))
    return found


# --- every assignment of the course ---------------------------------------------------------


def test_there_are_assignments():
    assert NAMES, "solutions/ holds no assignment"


def test_exercises_are_current():
    todo = release.plan()
    stale = [path.as_posix() for path in [*todo.write, *todo.remove, *todo.edited]]
    assert stale == [], "run 'make release'"


@pytest.mark.parametrize("name", NAMES)
def test_two_releases_are_the_same_byte_for_byte(name):
    assert release.generate([name]) == released(name)


@pytest.mark.parametrize("name", NAMES)
def test_folder_and_notebook_share_one_name(name):
    assert [path.stem for path in paths_of(name)] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_the_source_keeps_the_rules(name):
    problems = [
        found for source, _, _ in each(name) for found in assignments.source_problems(source)
    ]
    assert problems == []


@pytest.mark.parametrize("name", NAMES)
def test_the_release_parses_and_tells_nothing(name):
    problems = []
    for source, made, data in each(name):
        problems += assignments.release_problems(source, made, data.decode())
        secret = assignments.secrets_of(source)
        for path, content in released(name).items():
            text = content.decode(errors="replace")
            problems += [f"{path}: {line!r}" for line in assignments.leaked(secret, text)]
    assert problems == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_unsolved_notebook_is_not_implemented_and_nothing_else(name):
    for _, made, _ in each(name):
        executed = assignments.run(made, ROOT / "solutions" / name)
        assert assignments.unsolved_problems(executed) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_unsolved_notebook_scores_nothing(name):
    for source, made, _ in each(name):
        graded = assignments.with_hidden_tests(made, source)
        executed = assignments.run(graded, ROOT / "solutions" / name)
        assert assignments.score_problems(executed, solved=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_solution_scores_full_marks(name):
    for source, _, _ in each(name):
        executed = assignments.run(source, ROOT / "solutions" / name)
        assert assignments.score_problems(executed, solved=True) == []


# --- the rules speak when they are broken ---------------------------------------------------


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def test_the_demo_keeps_the_rules():
    assert assignments.source_problems(demo.notebook()) == []


def change(name: str, old: str, new: str):
    def broken(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, name)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return broken


def set_metadata(name: str, **changes):
    def broken(notebook: NotebookNode) -> None:
        cell_of(notebook, name).metadata.nbgrader.update(changes)

    return broken


def drop_nbgrader(notebook: NotebookNode) -> None:
    del cell_of(notebook, "double").metadata["nbgrader"]


def repeat_cell(notebook: NotebookNode) -> None:
    notebook.cells.append(copy.deepcopy(cell_of(notebook, "double")))


TASK_1 = "task-1-double-5-points"
BREACHES = {
    "points in a heading": (change(TASK_1, "(5 points)", "(4 points)"), "prints 4 points"),
    "points in metadata": (set_metadata("double-check", points=6), "cells give 6"),
    "total": (set_metadata("words", points=6), "add up to 21"),
    "heading without points": (change(TASK_1, " (5 points)", ""), "below no heading"),
    "no points": (set_metadata("double-check", points=0), "gives no points"),
    "numbers of tasks": (change(TASK_1, "Task 1", "Task 7"), "numbered"),
    "hints": (change(TASK_1, "Hint 3", "Hint 2"), "has the hints"),
    "goal": (change(TASK_1, "**Goal**", "Goal"), "does not say which"),
    "a name in prose": (change(TASK_1, "`double`", "`doubled`"), "speaks of `doubled`"),
    "a call in prose": (change(TASK_1, "`double`", "`twice(x)`"), "speaks of `twice(x)`"),
    "a library's name": (change(TASK_1, "`np.exp`", "`np.expp`"), "speaks of `np.expp`"),
    "a name in a hint": (change(TASK_1, "Think of `x`", "See `w_old`"), "speaks of `w_old`"),
    "syntax": (change("double", "return 2 * x", "return 2 *"), "does not parse"),
    "two of one id": (repeat_cell, "2 cells have the grade_id 'double'"),
    "id is not grade_id": (set_metadata("double", grade_id="twice"), "has the grade_id 'twice'"),
    "check without solution": (
        set_metadata("double", solution=False),
        "nobody knows what it checks",
    ),
    "unlocked check": (set_metadata("double-check", locked=False), "is not locked"),
    "locked solution": (set_metadata("double", locked=True), "could not write"),
    "schema": (set_metadata("double", schema_version=2), "schema 2"),
    "solution without metadata": (drop_nbgrader, "no nbgrader metadata"),
    "no solution region": (change("double", "### BEGIN SOLUTION", "#"), "has no ### BEGIN"),
    "no hidden tests": (
        lambda notebook: cell_of(notebook, "double-check").update(
            source=assignments.without_region(
                cell_of(notebook, "double-check").source, "HIDDEN TESTS"
            )
        ),
        "has no hidden tests",
    ),
    "bare assert": (
        change("double-check", "x = rng.normal(size=3)", "x = rng.normal(size=3); assert True"),
        "bare assert",
    ),
    "import": (change("double-check", "import numpy as np", "import pandas"), "imports pandas"),
    "no task": (change("double-check", "checks.task(", "open("), "does not use checks.task"),
}


@pytest.mark.parametrize("case", BREACHES)
def test_a_breach_in_the_source_is_found(case):
    breach, says = BREACHES[case]
    notebook = demo.notebook()
    breach(notebook)
    found = assignments.source_problems(notebook)
    assert any(says in problem for problem in found), found


def made_from(tmp_path: Path, notebook: NotebookNode | None = None) -> NotebookNode:
    demo.write(tmp_path, notebook)
    data = release.generate([demo.NAME], tmp_path)[Path(demo.NAME) / f"{demo.NAME}.ipynb"]
    return nbformat.reads(data.decode(), as_version=4)


def test_the_demo_releases_clean(tmp_path):
    made = made_from(tmp_path)
    assert assignments.release_problems(demo.notebook(), made) == []
    stub = cell_of(made, "double").source
    assert stub.endswith("    raise NotImplementedError  # write your answer here")
    assert '"""Return the double of x."""' in stub
    assert cell_of(made, "words").source == "YOUR ANSWER HERE"


LEAKS = {
    "a solution in a hint": (
        TASK_1,
        "\nchecks.close(checks.call(square, x), x**2, name='square(x)')",
        None,
    ),
    "hidden tests left": ("double-check", "\n### BEGIN HIDDEN TESTS", "BEGIN HIDDEN TESTS"),
    "a hidden test in another cell": ("setup", "\n    x = rng.normal(size=(4, 2))", "size=(4, 2)"),
    "not Python": ("double", "\n  return )", "does not parse"),
}


@pytest.mark.parametrize("case", LEAKS)
def test_a_leak_in_the_release_is_found(case, tmp_path):
    name, added, says = LEAKS[case]
    source, made = demo.notebook(), made_from(tmp_path)
    if says is None:  # the very line that is hidden in the source
        hidden = assignments.region(cell_of(source, "square-check").source, "HIDDEN TESTS")
        added = says = hidden[-1].strip()
    cell_of(made, name).source += added
    found = assignments.release_problems(source, made)
    assert any(says in problem for problem in found), found


def test_a_leak_in_an_output_and_a_solved_stub_are_found(tmp_path):
    source, made = demo.notebook(), made_from(tmp_path)
    line = assignments.region(cell_of(source, "square-check").source, "HIDDEN TESTS")[-1].strip()
    cell_of(made, "setup").outputs = [{"text": f"In [1]: {line}"}]
    cell_of(made, "double").source = "def double(x):\n    return x + x"
    found = " ".join(assignments.release_problems(source, made))
    assert line in found
    assert "'double' of the release does not raise" in found


@pytest.mark.slow
def test_runs_of_a_good_assignment(tmp_path):
    source, made = demo.notebook(), made_from(tmp_path)
    unsolved = assignments.run(assignments.with_hidden_tests(made, source), tmp_path)
    assert assignments.unsolved_problems(unsolved) == []
    assert assignments.score_problems(unsolved, solved=False) == []
    assert set(assignments.scores(unsolved)) == {
        "double-check",
        "square-check",
        "negative-check",
        "words",
    }
    solved = assignments.run(source, tmp_path)
    assert assignments.score_problems(solved, solved=True) == []
    assert assignments.scores(solved)["square-check"] == (5, 5)


@pytest.mark.slow
def test_runs_of_a_broken_assignment_are_found(tmp_path):
    made = made_from(tmp_path)
    cell_of(made, "setup").source += "\n1 / 0"
    cell_of(made, "double").source = "def double(x):\n    return x + x"  # solved already
    cell_of(made, "square").source = "square = undefined_name"
    cell_of(made, "negative-check").source = "raise ValueError('no')"
    made.cells.append(new_code_cell("given_again = 1", id="given-again"))
    executed = assignments.run(made, tmp_path)
    found = " ".join(assignments.unsolved_problems(executed))
    assert "given cell 'setup' stops in the release: ZeroDivisionError" in found
    assert "Check cell 'double-check' passes when nothing is solved" in found
    assert "Unsolved cell 'square' raises NameError" in found
    assert "Check cell 'negative-check' raises ValueError (no)" in found
    assert "given-again" not in found
    said = " ".join(assignments.score_problems(executed, solved=False))
    assert "scores 5.0 of 5 at 'double-check', not 0" in said

    source = demo.notebook()
    change("square", "return x * x", "return x")(source)
    change("double", "return 2 * x", "return 1 * x")(source)
    change("negative-check", "import numpy as np", "import sys; sys.stderr.write('!')")(source)
    executed = assignments.run(source, tmp_path)
    said = " ".join(assignments.score_problems(executed, solved=True))
    assert "The solution scores 0 of 5 at 'square-check': CheckFailed" in said
    assert "'negative-check'" in said


# --- releasing ------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path: Path) -> Path:
    demo.write(tmp_path)
    (tmp_path / "solutions" / demo.NAME / "table.csv").write_text("a,b\n1,2\n")
    return tmp_path


def file_of(course: Path) -> Path:
    return course / "exercises" / demo.NAME / f"{demo.NAME}.ipynb"


def git(course: Path, *arguments: str) -> None:
    environment = os.environ | {
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    subprocess.run(
        ["git", *arguments], cwd=course, check=True, capture_output=True, env=environment
    )


def test_release_writes_what_changed_and_no_more(course, capsys):
    assert release.main(["--check"], course) == 1
    assert "Cure: make release" in capsys.readouterr().out
    assert not (course / "exercises").exists()
    assert release.main([], course) == 0
    assert (course / "exercises" / demo.NAME / "table.csv").read_text() == "a,b\n1,2\n"
    before = file_of(course).stat().st_mtime_ns
    assert release.main(["--check"], course) == 0
    assert release.main([], course) == 0
    assert "is current (2 files)" in capsys.readouterr().out
    assert file_of(course).stat().st_mtime_ns == before
    assert sorted(path.name for path in course.iterdir()) == [
        "_build",
        "exercises",
        "nbgrader_config.py",
        "solutions",
    ]


def test_a_new_source_replaces_the_old_release(course):
    release.main([], course)
    notebook = demo.notebook()
    change(TASK_1, "Why it matters", "Why it counts")(notebook)
    demo.write(course, notebook)
    assert release.main(["--check"], course) == 1
    assert release.main([], course) == 0
    assert "Why it counts" in file_of(course).read_text()


@pytest.mark.parametrize("with_git", [False, True])
def test_a_file_edited_by_hand_is_never_overwritten(course, capsys, with_git):
    release.main([], course)
    if with_git:
        git(course, "init")
        git(course, "add", "exercises")
        git(course, "commit", "-m", "released")
    file_of(course).write_text(file_of(course).read_text() + "\n")
    mine = file_of(course).read_bytes()
    assert release.main(["--check"], course) == 1
    assert release.main([], course) == 1
    assert "edited here" in capsys.readouterr().err
    assert file_of(course).read_bytes() == mine
    assert release.main(["--force"], course) == 0
    assert file_of(course).read_bytes() != mine


def test_what_git_keeps_may_be_overwritten(course):
    release.main([], course)
    file_of(course).write_text(file_of(course).read_text() + "\n")
    git(course, "init")
    git(course, "add", "exercises")
    git(course, "commit", "-m", "edited")
    assert release.main([], course) == 0
    assert release.main(["--check"], course) == 0


def test_a_learners_own_file_stays(course):
    release.main([], course)
    own = course / "exercises" / demo.NAME / "notes.txt"
    own.write_text("mine")
    (course / "solutions" / demo.NAME / f"{demo.NAME}.ipynb").unlink()
    assert release.main(["--check"], course) == 1
    assert release.main([], course) == 0
    assert not file_of(course).exists()
    assert own.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "this is not JSON"),
        ('{"cells": [], "nbformat": 3}', "format 3 is not 4"),
        ("<<<<<<< ours\n{}", "conflict markers"),
    ],
)
def test_a_broken_source_is_said_in_a_sentence(course, capsys, content, says):
    path = course / "solutions" / demo.NAME / f"{demo.NAME}.ipynb"
    path.write_text(content)
    assert release.main([], course) == 1
    assert says in capsys.readouterr().err


def test_what_nbgrader_refuses_is_said_in_a_sentence(course, capsys):
    notebook = demo.notebook()
    change("double", "    ### END SOLUTION", "")(notebook)
    demo.write(course, notebook)
    assert release.main([], course) == 1
    said = capsys.readouterr().err
    assert "nbgrader cannot release it" in said
    assert "end solution" in said
    assert "Traceback" not in said


def test_the_program_runs_from_the_command_line():
    done = subprocess.run(
        [sys.executable, "tools/release.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "--force" in done.stdout
