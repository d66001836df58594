"""Rules of assignments, which live in tools/assignments.py: registered here by name."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator

from tools import assignments, notebooks
from tools.lint import text
from tools.lint.core import Course, Page, Problem, rule
from tools.lint.names import python_of
from tools.lint.structure import tasks_of

ENTRIES = ("examine", "judge")  # what check cells call their main function
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@rule("points", "assignment")
def points(page: Page, course: Course) -> Iterator[Problem]:
    """The points that a task's heading prints are those that its cells give; together 20.

    Why: a learner plans by the printed ones and is graded by the others.
    Cure: make them agree, in the heading or in the check cell's nbgrader metadata.
    """
    yield from assignments.points_problems(page.notebook)


@rule("tasks", "assignment")
def tasks(page: Page, course: Course) -> Iterator[Problem]:
    """Four to seven tasks, numbered, each with three hints, its goal and a graded cell.

    Why: every task is worked on in the same way: read, try, unfold a hint, run the check.
    Cure: add what is missing to the task's text.
    """
    yield from assignments.task_problems(page.notebook)


@rule("check-cells", "assignment")
def check_cells(page: Page, course: Course) -> Iterator[Problem]:
    """A check cell is called like its solution, uses checks.task, hides tests, has no bare assert.

    Why: a bare assert tells nothing, and nobody would know what a cell of another name checks.
    Cure: use a check of course_utils.checks, or checks.that with a sentence.
    """
    yield from assignments.check_cell_problems(page.notebook)


@rule("check-names", "assignment")
def check_names(page: Page, course: Course) -> Iterator[Problem]:
    """Functions that a check cell defines begin with an underscore (but for examine and judge).

    Why: in a learner's kernel the cell shares its names with the answer. A check's own `softmax`
    would take the place of a helper that the learner called so, and the answer would be judged
    with another function than its own.
    Cure: put an underscore before the name.
    """
    for cell in page.code:
        if not notebooks.is_check(cell):
            continue
        with contextlib.suppress(SyntaxError):  # the rule "parses" tells that
            for name in _defined(ast.parse(python_of(cell)).body):
                if not name.startswith("_") and name not in ENTRIES:
                    yield Problem(
                        f"the check defines `{name}`, as a learner may",
                        f"call it _{name}",
                        cell.id,
                    )


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the functions that become names of the notebook: not those inside of functions."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.With | ast.If | ast.For | ast.Try):
            yield from _defined(node.body)


@rule("grading-metadata", "assignment")
def grading_metadata(page: Page, course: Course) -> Iterator[Problem]:
    """nbgrader's metadata: schema 3, checks locked, solutions open and marked, ids unique.

    Why: nbgrader takes a cell for what its metadata says, and says nothing when that is wrong.
    Cure: the Create Assignment tool in JupyterLab, or the cell's metadata.
    """
    yield from assignments.metadata_problems(page.notebook)


@rule("counts", "chapter", "assignment")
def counts(page: Page, course: Course) -> Iterator[Problem]:
    """Where text says how many tasks and points an assignment has, it is true.

    Why: the two places (its first cell, the chapter's section Exercise) are forgotten when a task
    is added.
    Cure: write the number that the assignment has.
    """
    assignment = course.page("assignment", page.name)
    section = page.from_heading("Exercise")
    if assignment is None or not page.cells or (page.kind == "chapter" and section is None):
        return  # the rules "goals" and "skeleton" tell it
    cell, said = section if page.kind == "chapter" and section else (page.cells[0], "")
    true = {
        "task": float(len(tasks_of(assignment))),
        "point": sum(map(assignments.points_of, assignment.cells)),
    }
    for number, kind in re.findall(r"(\w+) (task|point)s\b", text.plain(said or cell.source)):
        word = number.lower()
        value = float(word) if word.isdigit() else None
        value = float(NUMBERS.index(word)) if word in NUMBERS else value
        if value is not None and value != true[kind]:
            yield Problem(
                f"it speaks of {number} {kind}s, and the assignment has {true[kind]:g}",
                f"write {true[kind]:g}",
                cell.get("id"),
            )
