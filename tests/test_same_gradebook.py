"""nbgrader autograde, formgrader's Autograde and `course grade` write the same gradebook."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from tests import small_assignment
from tests.test_nbgrader_config import CELL_SECONDS, cell
from tools import grade_demo
from tools.grade_demo import begin_with, solve
from tools.scratch_course import ScratchCourse

NAME = small_assignment.NAME
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("nbgrader")]

# What formgrader's button runs, in its server's process (nbgrader.server_extensions.formgrader).
BUTTON = f"""
import sys
from nbgrader.apps import NbGrader
from nbgrader.apps.api import NbGraderAPI
app = NbGrader()
app.config_file_paths.append(".")
app.load_config_file()
api = NbGraderAPI(config=app.config)
for student in sys.argv[1:]:
    print(api.autograde({NAME!r}, student, force=True)["success"])
"""


def make_class(folder: Path) -> tuple[ScratchCourse, list[str]]:
    """A course with eight submissions: right, wrong, noisy, stuck, crashed, damaged."""
    source = small_assignment.write(folder / "solutions")
    course = ScratchCourse(folder)
    course.create([source], CELL_SECONDS)
    course.nbgrader("generate_assignment", NAME)
    assignment = grade_demo.read_assignment(source)

    def first(nb: Any, statement: str) -> None:
        cell(nb, "double").source = begin_with(cell(nb, "double").source, statement)

    def duplicate(nb: Any) -> None:
        nb.cells.append(json.loads(json.dumps(cell(nb, "double-check"))))

    changes = {
        "right": lambda nb: None,
        "wrong": lambda nb: first(nb, "return z * 3"),
        "partly": lambda nb: setattr(cell(nb, "total"), "source", "def total(z): return 3.0"),
        "typed": lambda nb: first(nb, "return [float(2 * v) for v in z] if z.ndim == 1 else 2 * z"),
        "noisy": lambda nb: first(nb, "import sys; print(1, file=sys.stderr)"),
        "stuck": lambda nb: first(nb, "while True: pass"),
        "crashed": lambda nb: first(nb, "import os; os._exit(3)"),
        "doubled": duplicate,
    }
    released = course.course / "exercises" / NAME / f"{NAME}.ipynb"
    for student, change in changes.items():
        place = course.submitted(student, NAME)
        place.mkdir(parents=True)
        shutil.copy(released, place)
        path = place / released.name
        nb = grade_demo.nbformat.read(path, as_version=4)
        solve(nb, assignment)
        change(nb)
        path.write_text(json.dumps(nb))
    return course, list(changes)


def dump(course: ScratchCourse) -> list[tuple[Any, ...]]:
    """Everything that grading writes into the gradebook."""
    rows: list[tuple[Any, ...]] = []
    with Gradebook(course.db_url, "build-deep") as gradebook:
        for submission in gradebook.assignment_submissions(NAME):
            student = submission.student.id
            rows.append((student, submission.score, submission.needs_manual_grade))
            for notebook in submission.notebooks:
                rows += [
                    (student, g.name, g.auto_score, g.manual_score, g.needs_manual_grade)
                    for g in notebook.grades
                ]
                rows += [(student, c.name, c.auto_comment, c.comment) for c in notebook.comments]
    return sorted(rows, key=repr)


@pytest.fixture(scope="module")
def three_ways(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    root = tmp_path_factory.mktemp("three-ways")
    first, students = make_class(root / "one")
    for other in ("two", "three"):
        shutil.copytree(root / "one", root / other)
    second, third = ScratchCourse(root / "two"), ScratchCourse(root / "three")
    first.nbgrader("autograde", NAME)
    for course, argv in (
        (second, [str(Path(sys.executable).parent / "course"), "grade", NAME]),
        (third, [sys.executable, "-c", BUTTON, *students]),
    ):
        ran = subprocess.run(
            argv,
            cwd=course.course,
            env=course.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return {"nbgrader": dump(first), "course grade": dump(second), "formgrader": dump(third)}


def test_course_grade_writes_what_nbgrader_autograde_writes(
    three_ways: dict[str, list[tuple[Any, ...]]],
) -> None:
    assert three_ways["course grade"] == three_ways["nbgrader"]


def test_the_button_writes_what_nbgrader_autograde_writes(
    three_ways: dict[str, list[tuple[Any, ...]]],
) -> None:
    assert three_ways["formgrader"] == three_ways["nbgrader"]


def test_the_scores_are_as_expected(three_ways: dict[str, list[tuple[Any, ...]]]) -> None:
    totals = {row[0]: row[1] for row in three_ways["nbgrader"] if len(row) == 3}
    assert totals == {
        "right": 9.0,
        "wrong": 6.0,
        "partly": 5.0,
        "typed": 9.0,
        "noisy": 9.0,
        "stuck": 6.0,
        "crashed": 6.0,
        "doubled": 9.0,
    }
