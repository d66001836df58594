"""`course grade`: what an instructor reads, and the exit status."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from course_utils.cli import COMMANDS, main
from course_utils.cli import grade as command
from course_utils.grading import engines, store
from course_utils.grading.gradebook import Course
from course_utils.grading.runner import Entry

import click
import nbformat
import pytest
from click.testing import CliRunner, Result

from tests.grading_class import (
    NAME,
    FakeEngines,
    answered,
    copy_course,
    dump,
    generate,
    make_course,
    submit,
    submit_class,
)
from tests.test_grade_runner import change_a_test


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("template") / "course")


@pytest.fixture
def course(template: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    made = copy_course(template, tmp_path / "course")
    monkeypatch.chdir(made.root)
    monkeypatch.setattr(command, "engines_for", lambda course, unsafe: FakeEngines())
    monkeypatch.setattr(engines, "begin", lambda sandbox: None)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["grade", *arguments])


def test_a_graded_class_ends_with_status_0(course: Course) -> None:
    submit(course, "ada")
    submit(course, "bob", answered(course, total="wrong"))
    found = run("99")
    assert found.exit_code == 0, found.output
    assert re.search(r"ada +9/10 +needs manual grading", found.output)
    assert re.search(r"bob +5/10", found.output)
    assert "submitted 2 = graded 2 + quarantined 0" in found.output


def test_a_quarantined_submission_gives_status_1_and_its_reason(course: Course) -> None:
    submit(course, "ada")
    (submit(course, "bob") / f"{NAME}.ipynb").write_text("")
    found = run("small")
    assert found.exit_code == 1
    assert "bob: 99-small.ipynb is empty. Ask the student to hand it in again." in found.output
    assert "submitted 2 = graded 1 + quarantined 1" in found.output
    assert "course grade 99-small" in found.output


def test_the_same_command_again_says_that_all_is_done(course: Course) -> None:
    submit_class(course, 4)
    run("99")
    found = run("99")
    assert (found.exit_code, "4 of 4 submissions are up to date." in found.output) == (0, True)


def test_an_error_gives_status_2_and_one_sentence(course: Course) -> None:
    found = run("99")
    assert found.exit_code == 2
    assert found.output.startswith("There is no submission of 99-small yet.")
    assert "Traceback" not in found.output


def test_an_assignment_that_was_not_entered_names_the_command(course: Course) -> None:
    (course.root / "solutions" / "07-new").mkdir()
    found = run("7")
    assert found.exit_code == 2
    assert "nbgrader generate_assignment 07-new" in found.output


def test_a_misspelt_name_gets_the_nearest(course: Course) -> None:
    found = run("smal-l")
    assert found.exit_code == 2
    assert "99-small" in found.output


def test_a_name_that_is_no_chapter_is_found(course: Course) -> None:
    (course.root / "solutions" / "Final Exam").mkdir()
    assert command.find_assignment("Final Exam", course) == "Final Exam"


def test_a_second_run_at_once_is_refused(course: Course) -> None:
    submit(course, "ada")
    with store.Store(course.results(NAME)).locked():
        found = run("99")
    assert found.exit_code == 2
    assert "Another `course grade 99-small` is running" in found.output


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(course: Course) -> None:
    submit(course, "ada")
    run("99")
    submit(course, "bob")
    (submit(course, "eve") / f"{NAME}.ipynb").write_text("")
    before = dump(course)
    found = run("99", "--dry-run")
    assert found.exit_code == 0
    assert re.search(r"bob +grade: new", found.output)
    assert re.search(r"eve +quarantine: 99-small.ipynb is empty", found.output)
    assert re.search(r"up to date +1", found.output)
    assert "Nothing was written." in found.output
    assert dump(course) == before


def test_a_regrade_shows_old_and_new_points(course: Course) -> None:
    submit(course, "ada")
    run("99")
    change_a_test(course, points=2)
    looked = run("99", "--regrade", "--dry-run")
    assert "ada: double-check 3 → 2" in looked.output
    assert "Points that would change, for 1 of 1 students:" in looked.output
    assert dump(course)["ada"]["grade double-check"][0] == 3.0
    written = run("99", "--regrade")
    assert "Points that changed, for 1 of 1 students:" in written.output
    assert dump(course)["ada"]["grade double-check"][0] == 2.0


def test_a_regrade_that_changes_nothing_says_so(course: Course) -> None:
    submit(course, "ada")
    run("99")
    assert "No points would change." in run("99", "--regrade", "--dry-run").output


def test_stale_grades_are_told_with_the_commands(course: Course) -> None:
    submit(course, "ada")
    run("99")
    change_a_test(course)
    found = run("99")
    assert "course grade 99-small --regrade --dry-run" in found.output


def test_a_source_that_is_newer_than_the_gradebook_is_told(course: Course) -> None:
    submit(course, "ada")
    path = course.source(NAME) / f"{NAME}.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells[4].source += "\nassert double(0) == 0"
    nbformat.write(nb, path)
    assert "Warning:" in run("99").output
    generate(course)
    assert "is not what the gradebook knows" not in run("99").output


def test_a_glob_chooses_students(course: Course) -> None:
    submit(course, "ada")
    submit(course, "bob")
    assert "submitted 1 = graded 1" in run("99", "--student", "a*").output
    assert run("99", "--student", "z*").exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("--force", "--regrade"), ("--scheduler", "x", "--jobs", "2"), ("--jobs", "0")]
)
def test_options_that_do_not_go_together_are_refused(course: Course, arguments: Any) -> None:
    assert run("99", *arguments).exit_code == 2


def test_the_same_seed_gives_the_same_points(course: Course) -> None:
    submit(course, "ada", answered(course, total="lucky"))
    outputs = {run("99", "--seed", "5", "--force").output for _ in range(2)}
    assert len(outputs) == 1


def test_names_of_students_cannot_write_markup_or_steer_the_terminal(course: Course) -> None:
    line = command.line_of(Entry("[red]\x1b[31m\nx", "graded", score=1.0, points=2.0))
    assert "\x1b" not in line and "\n" not in line and "[red]" in line
    submit(course, "ada")
    submit(course, "(bold)")
    assert "(bold)" in run("99").output


def test_unsafe_means_no_sandbox(template: Course) -> None:
    engines_for: Any = command.engines_for
    assert engines_for(template, unsafe=True).sandbox == "none"
    assert engines_for(template, unsafe=False).sandbox == "auto"


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_the_engine_starts_while_the_course_is_read(
    template: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: str
) -> None:
    """One engine is begun, it is the one that grades, and nothing of it is left."""
    made = copy_course(template, tmp_path / "course")
    monkeypatch.chdir(made.root)
    submit(made, "ada")
    begun: list[Any] = []
    begin = engines.begin
    monkeypatch.setattr(engines, "begin", lambda s: begun.append(begin(s)) or begun[-1])
    monkeypatch.setattr(engines.SandboxedEngines, "make", None)  # no other engine is made
    found = run("99", *(["--unsafe"] if sandbox == "none" else []))
    assert found.exit_code == 0, found.output
    assert begun[0].sandbox == sandbox and begun[0].engine._running == []


def test_an_engine_that_the_course_does_not_want_is_not_used(
    template: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = copy_course(template, tmp_path / "course")
    with (made.root / "nbgrader_config.py").open("a") as config:
        config.write("c.Grading.container = 'no-such-container {agent}'\n")
    monkeypatch.chdir(made.root)
    submit(made, "ada")
    begun: list[Any] = []
    begin = engines.begin
    monkeypatch.setattr(engines, "begin", lambda s: begun.append(begin(s)) or begun[-1])
    monkeypatch.setattr(engines.Begun, "make", None)
    found = run("99")
    assert found.exit_code == 1, found.output  # quarantined: there is no such container
    assert begun[0].engine._running == []


def test_a_wrong_name_leaves_no_engine(
    template: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_course(template, tmp_path / "course").root)
    begun: list[Any] = []
    begin = engines.begin
    monkeypatch.setattr(engines, "begin", lambda s: begun.append(begin(s)) or begun[-1])
    assert run("no-such-chapter").exit_code == 2
    assert begun[0].engine._running == []


@pytest.mark.parametrize(
    ("begun", "wanted", "container", "fits"),
    [
        ("auto", "auto", "", True),
        ("auto", "bubblewrap", "", True),
        ("auto", "bubblewrap", "docker run", True),
        ("auto", "auto", "docker run", False),
        ("auto", "container", "docker run", False),
        ("auto", "none", "", False),
        ("none", "none", "", True),
        ("none", "auto", "", False),
    ],
)
def test_only_the_sandbox_that_is_asked_for_fits(
    begun: str, wanted: str, container: str, fits: bool
) -> None:
    engine: Any = None
    chosen = engines.SandboxedEngines(wanted, container)
    assert engines.Begun(begun, engine).fits(chosen) is fits


def test_the_report_is_written_when_something_was_graded(course: Course) -> None:
    submit(course, "ada")
    assert "report.html" in run("99").output
    assert (course.results(NAME) / "report.html").exists()
    assert "report.html" not in run("99").output


def test_help_tells_the_exit_status_and_has_examples() -> None:
    found = run("--help")
    assert "Exit status:" in found.output and "--regrade --dry-run" in found.output


def test_the_command_is_listed_without_being_imported() -> None:
    assert COMMANDS["grade"][0] == "course_utils.cli.grade:grade"
    assert isinstance(command.grade, click.Command)
