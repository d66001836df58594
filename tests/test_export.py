"""Exports: the table, Canvas, Moodle. Nobody gets a zero that nobody gave."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from course_utils.cli import main
from course_utils.grading import export
from course_utils.grading.export import CanvasCSV, ExportError, GradesCSV, MoodleCSV, safe_field

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook
from nbgrader.apps.exportapp import ExportApp
from traitlets.config import Config

from tests import synthetic_class

NAME = synthetic_class.NAME
SIZE = 14


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class in which student-0000 is graded to the end, student-0002 is not graded at all."""
    root = synthetic_class.write(tmp_path_factory.mktemp("export"), synthetic_class.make(SIZE))
    with book(root) as gradebook:
        for student in ("student-0000", "=HYPERLINK(1)", 'comma, quote"'):
            grade = gradebook.find_grade("why", NAME, NAME, student)
            grade.manual_score, grade.needs_manual_grade = 1.5, False
        comment = gradebook.find_comment("why", NAME, NAME, "student-0000")
        comment.manual_comment = "Well\n said"
        gradebook.find_submission_notebook(NAME, NAME, "student-0000").late_submission_penalty = 0.5
        gradebook.db.commit()
    return root


def book(root: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{root / 'gradebook.db'}", "build-deep")


def exported(course: Path, tmp_path: Path, kind: Any, **traits: Any) -> tuple[list[list[str]], Any]:
    plugin = kind(to=str(tmp_path / "out.csv"), **traits)
    with book(course) as gradebook:
        plugin.export(gradebook)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file)), plugin


def full(course: Path, student: str) -> float:
    with book(course) as gradebook:
        submission = gradebook.find_submission(NAME, student)
        return float(submission.score - submission.late_submission_penalty)


# --- the table ----------------------------------------------------------------------------------


def test_every_student_has_a_line_of_the_same_length(course: Path, tmp_path: Path) -> None:
    rows, _ = exported(course, tmp_path, GradesCSV)
    assert len(rows) == 1 + SIZE + 1  # the header, the class, the one who handed in nothing
    assert {len(row) for row in rows} == {len(export.FIELDS)}


def test_what_was_not_graded_has_no_score_and_is_counted(course: Path, tmp_path: Path) -> None:
    rows, plugin = exported(course, tmp_path, GradesCSV)
    scores = {row[3]: (row[9], row[11]) for row in rows[1:]}
    assert scores["student-0002"] == ("", "not graded")
    assert plugin.warnings[0] == "1 submission not graded yet: no score."


def test_lateness_is_told_in_hours(course: Path, tmp_path: Path) -> None:
    rows, _ = exported(course, tmp_path, GradesCSV)
    late = {row[3]: row[12] for row in rows[1:]}
    assert late["student-0000"] == ""
    assert float(late["'=HYPERLINK(1)"]) > 0


@pytest.mark.parametrize("kind", [GradesCSV, CanvasCSV, MoodleCSV])
def test_no_field_is_a_formula(course: Path, tmp_path: Path, kind: Any) -> None:
    rows, _ = exported(course, tmp_path, kind)
    fields = [field for row in rows for field in row]
    assert not [field for field in fields if field[:1] in tuple("=+@\t\r") and field]
    assert not [field for field in fields if field[:1] == "-" and field != "-"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_field(text) == "'" + text


@pytest.mark.parametrize("value", [-1.5, 0, None, "", "-", "a=b"])
def test_what_is_no_formula_stays(value: Any) -> None:
    assert safe_field(value) == ("" if value is None else str(value))


# --- Canvas -------------------------------------------------------------------------------------


def test_canvas_has_its_columns_and_the_points(course: Path, tmp_path: Path) -> None:
    rows, _ = exported(course, tmp_path, CanvasCSV)
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME]
    assert rows[1] == ["    Points Possible", "", "", "", "", "20"]
    assert {len(row) for row in rows} == {6}


def test_canvas_gets_a_grade_only_where_grading_has_ended(course: Path, tmp_path: Path) -> None:
    rows, plugin = exported(course, tmp_path, CanvasCSV)
    grades = {row[3]: row[5] for row in rows[2:]}
    assert float(grades["student-0000"]) == full(course, "student-0000")
    assert {grades[name] for name in ("student-0001", "student-0002", "absent")} == {""}
    assert plugin.warnings[0].startswith("12 grades left empty: 10 waiting")
    assert "1 not graded yet, 1 not handed in" in plugin.warnings[0]


def test_points_so_far_and_zeros_only_when_asked_for(course: Path, tmp_path: Path) -> None:
    options = {"include_unfinished": True, "missing_as_zero": True}
    rows, plugin = exported(course, tmp_path, CanvasCSV, **options)
    grades = {row[3]: row[5] for row in rows[2:]}
    assert float(grades["student-0001"]) == full(course, "student-0001")
    assert (grades["absent"], grades["student-0002"]) == ("0", "")
    assert plugin.warnings[0] == "1 grade left empty: 1 not graded yet."


def test_lines_without_a_grade_can_be_left_out(course: Path, tmp_path: Path) -> None:
    rows, plugin = exported(course, tmp_path, CanvasCSV, graded_only=True)
    assert {row[3].lstrip("'") for row in rows[2:]} == {
        "student-0000",
        "=HYPERLINK(1)",
        'comma, quote"',
    }
    assert not any("removes one" in sentence for sentence in plugin.warnings)


def test_a_student_cannot_be_taken_for_the_line_of_points(course: Path, tmp_path: Path) -> None:
    """Canvas takes every line whose name has these words for the points of the assignment."""
    rows, _ = exported(course, tmp_path, CanvasCSV)
    assert sum("Points Possible" in row[0] for row in rows) == 1


ROSTER = """Student,ID,SIS User ID,SIS Login ID,Section,97-made-up (4711),Final Score
    Points Possible,,,,,20,(read only)
"Zero, Student",1001,S-1,STUDENT-0000,Section 1,,
"One, Student",1002,S-2,student-0001@x.org,Section 2,,
"Two, Student",1003,S-3,student-0002,Section 2,,
"""


def roster(tmp_path: Path, text: str = ROSTER) -> str:
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8-sig")
    return str(tmp_path / "roster.csv")


def test_a_roster_gives_canvas_its_identifiers_and_column(course: Path, tmp_path: Path) -> None:
    rows, plugin = exported(course, tmp_path, CanvasCSV, roster=roster(tmp_path))
    assert rows[0][5] == "97-made-up (4711)"
    by_id = {row[1]: row for row in rows[2:]}
    assert by_id["1001"][:5] == ["Zero, Student", "1001", "S-1", "STUDENT-0000", "Section 1"]
    assert float(by_id["1001"][5]) == full(course, "student-0000")
    assert by_id["1002"][3] == "student-0001@x.org"  # found by the e-mail address
    assert any("12 students not in the roster" in sentence for sentence in plugin.warnings)


def test_an_identifier_of_two_people_finds_nobody(course: Path, tmp_path: Path) -> None:
    text = ROSTER + '"Twin, Evil",1009,S-9,student-0000,Section 1,,\n'
    rows, _ = exported(course, tmp_path, CanvasCSV, roster=roster(tmp_path, text))
    assert not {row[1] for row in rows[2:]} & {"1001", "1009"}


@pytest.mark.parametrize("text", ["name,points\nada,1\n", ""])
def test_a_roster_of_something_else_is_refused(course: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(ExportError, match="none of the columns"):
        exported(course, tmp_path, CanvasCSV, roster=roster(tmp_path, text))


def test_a_column_that_canvas_passes_over_is_told(course: Path, tmp_path: Path) -> None:
    columns = {NAME: "Final Score 3"}
    _, plugin = exported(course, tmp_path, CanvasCSV, columns=columns)
    assert "Canvas passes over" in plugin.warnings[0]


# --- Moodle -------------------------------------------------------------------------------------


def test_moodle_has_grade_and_feedback_together(course: Path, tmp_path: Path) -> None:
    rows, _ = exported(course, tmp_path, MoodleCSV)
    assert rows[0] == ["Email address", f"{NAME} (Real)", f"{NAME} (Feedback)"]
    row = next(row for row in rows if row[0] == "student-0000@x.org")
    assert float(row[1]) == full(course, "student-0000")
    assert "why 1.5/2" in row[2] and "why: Well said" in row[2]
    assert "Handed in late: 0.5 points less" in row[2]


def test_moodle_reads_a_dash_as_no_grade(course: Path, tmp_path: Path) -> None:
    rows, _ = exported(course, tmp_path, MoodleCSV)
    grades = {row[0]: row[1:] for row in rows[1:]}
    for student in ("student-0001", "student-0002", "absent"):
        assert grades[f"{student}@x.org"] == ["-", ""]


def test_no_line_is_without_an_identifier(course: Path, tmp_path: Path) -> None:
    """Moodle would give such a grade to the student of the line before."""
    with book(course) as gradebook:
        gradebook.update_or_create_student("nameless")
    try:
        rows, plugin = exported(course, tmp_path, MoodleCSV)
        assert all(row[0].strip() for row in rows)
        assert any("1 student without email address" in text for text in plugin.warnings)
    finally:
        with book(course) as gradebook:
            gradebook.remove_student("nameless")


def test_moodle_can_go_by_id_number_and_roster(course: Path, tmp_path: Path) -> None:
    text = "Username,ID number,Email address\nz,777,student-0000@x.org\n"
    options = {"roster": roster(tmp_path, text), "identifier": "ID number"}
    rows, _ = exported(course, tmp_path, MoodleCSV, **options)
    assert [row[0] for row in rows] == ["ID number", "777"]


@pytest.mark.parametrize(
    ("value", "text"), [(12.50, "12.5"), (20.0, "20"), (1e-9, "0"), (1e6, "1000000"), (-0.0, "0")]
)
def test_points_are_never_written_in_powers_of_ten(value: float, text: str) -> None:
    assert export.points_text(value) == text


# --- course export ------------------------------------------------------------------------------


def run(course: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    monkeypatch.chdir(course)
    result = CliRunner().invoke(main, ["export", *words])
    return result.exit_code, result.output


def test_the_command_writes_warns_and_says_where(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = str(tmp_path / "canvas.csv")
    code, said = run(course, monkeypatch, NAME, "--format", "canvas", "--to", to)
    assert code == 0 and f"Written to {to}" in said and "12 grades left empty" in said
    assert run(course, monkeypatch, NAME, "--format", "canvas", "--to", to)[0] == 0  # again


def test_a_file_of_something_else_is_kept(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.csv").write_text("my notes\n")
    code, said = run(course, monkeypatch, "--to", str(tmp_path / "mine.csv"))
    assert code == 1 and "Choose another name" in said
    assert (tmp_path / "mine.csv").read_text() == "my notes\n"


def test_the_roster_is_never_written_over(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = roster(tmp_path)
    code, said = run(course, monkeypatch, "--format", "canvas", "--roster", file, "--to", file)
    assert code == 1 and "is the roster itself" in said
    assert Path(file).read_text(encoding="utf-8-sig") == ROSTER


def test_an_unknown_assignment_names_the_known_ones(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = run(course, monkeypatch, "96-other")
    assert code == 1 and NAME in said and "Traceback" not in said


def test_nbgrader_export_takes_the_plugins(course: Path, tmp_path: Path) -> None:
    app = ExportApp()
    name = "course_utils.grading.export.MoodleCSV"
    app.update_config(Config({"ExportApp": {"plugin_class": name}}))
    app.init_plugin()
    assert isinstance(app.plugin_inst, MoodleCSV)
