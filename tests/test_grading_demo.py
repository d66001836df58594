"""`make grade-demo`: a whole class goes through nbgrader, and every grade is the right one."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from course_utils.grading.status import Outcome

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests import small_assignment
from tools import grade_demo
from tools.grade_demo import Assignment, Result
from tools.scratch_course import ScratchCourse

ROOT = Path(__file__).resolve().parents[1]
NAME = "03-perceptron"
SOURCE = ROOT / "solutions" / NAME

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("grade-demo")]

STUDENTS = ["perfect", "half", "blank", "wrong", "crash", "loop", "dead", "copied", "noisy"]
STUDENTS += ["cut-off"]


class Played:
    """The course after the last step of the demonstration."""

    def __init__(self, folder: Path) -> None:
        self.course = ScratchCourse(folder)
        self.assignment: Assignment = grade_demo.read_assignment(SOURCE)
        self.said: list[str] = []
        self.course.create([SOURCE], grade_demo.CELL_SECONDS)
        results = grade_demo.play(self.course, self.assignment, self.said.append)
        self.results: dict[str, Result] = {result.part.student: result for result in results}

    def feedback(self, student: str) -> str:
        return (self.course.feedback(student, NAME) / f"{NAME}.html").read_text()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return Played(tmp_path_factory.mktemp("demo"))


def test_the_class_has_everyone(played: Played) -> None:
    assert list(played.results) == STUDENTS


@pytest.mark.parametrize("student", STUDENTS)
def test_score_and_status(played: Played, student: str) -> None:
    result = played.results[student]
    assert (result.outcome.status, result.total) == (result.part.status, result.part.expected)
    assert result.as_expected


def test_the_expectations_are_those_of_the_points_in_the_notebook(played: Played) -> None:
    """Computed a second time here, from the metadata alone."""
    nb = nbformat.read(SOURCE / f"{NAME}.ipynb", as_version=4)
    metas = [cell.metadata.get("nbgrader", {}) for cell in nb.cells]
    total = sum(meta["points"] for meta in metas if meta.get("grade"))
    expected = {name: result.part.expected for name, result in played.results.items()}
    assert total == 20
    assert expected["perfect"] == expected["copied"] == expected["noisy"] == total
    assert expected["blank"] == expected["wrong"] == 0
    assert 0 < expected["half"] < total
    assert 0 < expected["crash"] == expected["loop"] == expected["dead"] < total


@pytest.mark.parametrize("student", STUDENTS[:-1])
def test_every_task_scores_what_it_must(played: Played, student: str) -> None:
    """Not only the sum: the points sit where they were earned."""
    scores = played.results[student].outcome.scores
    assert set(scores) == set(played.assignment.points)
    victim = next(t for t in played.assignment.tasks if t.name == played.assignment.victim)
    if student in ("crash", "loop", "dead"):
        lost = set(victim.checks)
        assert scores == {
            name: 0.0 if name in lost else points
            for name, points in played.assignment.points.items()
        }
    elif student == "half":
        earned = {name for name, score in scores.items() if score}
        half = (len(played.assignment.tasks) + 1) // 2
        assert earned == {check for t in played.assignment.tasks[:half] for check in t.checks}


def test_the_exported_table(played: Played) -> None:
    with (played.course.course / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(STUDENTS)
    for student, row in rows.items():
        expected = played.results[student].part.expected
        assert row["assignment"] == NAME
        assert float(row["max_score"]) == 20
        assert row["score"] == ("" if expected is None else str(float(expected)))
        assert row["status"] == ("not graded" if expected is None else "graded")
        assert row["timestamp"].startswith("20")


@pytest.mark.parametrize("student", STUDENTS[:-1])
def test_feedback_has_no_hidden_test_and_no_script(played: Played, student: str) -> None:
    html = played.feedback(student)
    page = BeautifulSoup(html, "html.parser")
    text = page.get_text()
    nb = nbformat.read(SOURCE / f"{NAME}.ipynb", as_version=4)
    for cell in nb.cells:
        if "BEGIN HIDDEN TESTS" in cell.source:
            before, hidden = cell.source.split("### BEGIN HIDDEN TESTS")
            for line in hidden.split("### END HIDDEN TESTS")[0].split("\n"):
                if len(line.strip()) > 20 and line.strip() not in before:
                    assert line.strip() not in text
    assert "BEGIN HIDDEN TESTS" not in text
    assert page.find("script") is None
    assert not [tag for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")]


def test_feedback_of_a_failed_check_says_why(played: Played) -> None:
    graded = nbformat.read(played.course.autograded("wrong", NAME) / f"{NAME}.ipynb", as_version=4)
    text = BeautifulSoup(played.feedback("wrong"), "html.parser").get_text()
    errors = [out for cell in graded.cells for out in cell.get("outputs", []) if "ename" in out]
    assert len(errors) == len(played.assignment.points) - len(played.assignment.by_hand)
    assert all(error.evalue in text for error in errors)
    limit = f"Your code did not answer within {grade_demo.CELL_SECONDS} s, and was stopped."
    assert limit in played.feedback("loop")
    assert "The Python process of your notebook stopped" in played.feedback("dead")
    assert "Repaired before grading" in played.feedback("copied")


def test_feedback_reaches_the_student(played: Played) -> None:
    pages = played.course.student("half").fetch_feedback(NAME)
    assert [page.read_text() for page in pages] == [played.feedback("half")]


def test_sizes_are_sane(played: Played) -> None:
    for student in STUDENTS[:-1]:
        assert len(played.feedback(student)) < 1_000_000
        notebook = played.course.autograded(student, NAME) / f"{NAME}.ipynb"
        assert notebook.stat().st_size < 1_000_000


def test_progress_is_reported_while_it_works(played: Played) -> None:
    for student in STUDENTS[:-1]:
        assert f"autograding {student}" in played.said


# --- the program --------------------------------------------------------------------------------


def test_an_unknown_assignment_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert grade_demo.main(["--assignment", "77-nothing"]) == 2
    said = capsys.readouterr().out
    assert "There is no assignment '77-nothing'." in said and NAME in said


def test_a_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert grade_demo.main(["--keep", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("score", "exit_status"), [(9.0, 1), (10.0, 0)])
def test_the_exit_status_tells_whether_all_grades_are_right(
    score: float,
    exit_status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = small_assignment.write(tmp_path / "solutions")
    part = grade_demo.cast(grade_demo.read_assignment(small))[0]
    scores = {"double-check": 3.0, "total-check": 4.0, "largest-check": 2.0, "why": score - 9}
    result = Result(part, Outcome("graded", scores), {"score": str(score)})
    monkeypatch.setattr(grade_demo, "ROOT", tmp_path)
    monkeypatch.setattr(grade_demo, "play", lambda *_: [result])
    monkeypatch.setattr(ScratchCourse, "create", lambda *_: None)
    assert grade_demo.main(["--assignment", small.name]) == exit_status
    said = capsys.readouterr().out
    complaint = "perfect is not as expected: 9 points, graded, exported 9.0; expected 10 points"
    assert (complaint in said) == bool(exit_status)


def test_a_wrong_status_is_not_as_expected(tmp_path: Path) -> None:
    small = small_assignment.write(tmp_path / "solutions")
    part = grade_demo.cast(grade_demo.read_assignment(small))[0]
    right = Result(part, Outcome("graded", {"x": 10.0}), {"score": "10.0"})
    assert right.as_expected
    assert not replace(right, outcome=Outcome("timed out", {"x": 10.0})).as_expected
    assert not replace(right, exported={"score": "9.0"}).as_expected
    assert not replace(right, exported={"score": ""}).as_expected


# --- what students hand in ----------------------------------------------------------------------


def test_accidents_happen_where_nothing_else_depends_on_it(tmp_path: Path) -> None:
    source = tmp_path / "05-chain"
    nb = small_assignment.notebook()
    nb.cells[6].source = "def total(z):\n    return double(z).sum()"
    source.mkdir()
    nbformat.write(nb, source / "05-chain.ipynb")
    assert grade_demo.read_assignment(source).victim == "total"


def test_a_wrong_answer_runs_and_returns_nothing() -> None:
    source = "import math\nX = 3\ndef f(a):\n    '''doc'''\n    return a\nclass C:\n    def g(s): 1"
    space: dict[str, object] = {}
    exec(grade_demo.make_wrong(source), space)
    assert space["X"] is None
    assert space["f"](1) is None  # type: ignore[operator]
    assert space["C"]().g() is None  # type: ignore[operator]


def test_an_assignment_without_checks_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "06-empty"
    source.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), source / "06-empty.ipynb")
    with pytest.raises(ValueError, match="no task has a check cell"):
        grade_demo.read_assignment(source)
