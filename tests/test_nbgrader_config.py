"""nbgrader_config.py and course_utils.grading: the safe defaults, one claim a test.

One class of difficult students is graded once by the real nbgrader; the tests look at what came
out of it.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from course_utils.grading import feedback, plugins, repair
from course_utils.grading.export import safe_field
from course_utils.grading.gradebook import released_cells
from course_utils.grading.job import ReleasedCell

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.server_extensions.formgrader import handlers
from nbgrader.validator import Validator
from traitlets.config.loader import PyFileConfigLoader

from tests import small_assignment
from tools import grade_demo
from tools.grade_demo import Part, Result, begin_with, solve
from tools.scratch_course import ScratchCourse

ROOT = Path(__file__).resolve().parents[1]
NAME = small_assignment.NAME
FULL = 10.0
CELL_SECONDS = 6
SCRIPT = "<script>window.pwned = 1</script>"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("nbgrader")]


def cell(nb: NotebookNode, name: str) -> NotebookNode:
    return next(c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def config() -> Any:
    return PyFileConfigLoader(str(ROOT / "nbgrader_config.py")).load_config()


# --- the difficult class ------------------------------------------------------------------------

FLOOD = """
import os
print("x" * 200_000_000)
for _ in range(200_000):
    print("y")
os.write(1, b"z" * 2_000_000)
"""

STUBBORN = """
while True:
    try:
        while True:
            pass
    except:
        pass
"""

SCRIPTS = """
from IPython.display import HTML, Javascript, Markdown, SVG, display
display(HTML("<b>bold</b><script>window.pwned = 1</script><img src=x onerror='pwned = 1'>"))
display(HTML("<table onclick='pwned = 1'><tr><td style='x'>1</td></tr></table>"))
display(HTML("<a href='javascript:pwned = 1'>a</a><iframe srcdoc='<script>pwned</script>'>"))
display(Javascript("window.pwned = 1"))
display(Markdown("[b](javascript:window.pwned=1) <svg onload='window.pwned=1'></svg>"))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='pwned=1'/>"))
display({"image/png": "AA=='><script>window.pwned=1</script>"}, raw=True,
        metadata={"image/png": {"width": "1 onload=window.pwned=1", "alt": "x"}})
"""

LEAKER = """
import inspect, linecache, sys

def double(z):
    frame = sys._getframe(1)
    print("".join(linecache.getlines(frame.f_code.co_filename)))
    return z if len(z) == 2 and False else z * 2 if z.ndim == 1 else z
"""

RUN_AGAIN = """
from pathlib import Path
with Path("runs.txt").open("a") as file:
    file.write("x")
"""


def members(assignment: grade_demo.Assignment) -> list[Part]:
    """Students with an accident or a trick each, and what each must score."""

    def solved(change: Callable[[NotebookNode], None]) -> Callable[[NotebookNode], None]:
        def hand_in(nb: NotebookNode) -> None:
            solve(nb, assignment)
            change(nb)

        return hand_in

    def first(statement: str) -> Callable[[NotebookNode], None]:
        def change(nb: NotebookNode) -> None:
            source = cell(nb, "double").source
            cell(nb, "double").source = begin_with(source, statement)

        return solved(change)

    def append(source: str) -> Callable[[NotebookNode], None]:
        def change(nb: NotebookNode) -> None:
            cell(nb, "double").source += "\n" + source

        return solved(change)

    def scripts(nb: NotebookNode) -> None:
        cell(nb, "double").source += "\n" + SCRIPTS
        cell(nb, "why").source = SCRIPT + " [a](javascript:alert(1)) <img src=x onerror=pwned()>"
        nb.cells.append(new_markdown_cell(SCRIPT + "\n\n<details open ontoggle='pwned=1'>x"))
        nb.cells.append(nbformat.v4.new_raw_cell(SCRIPT, metadata={"raw_mimetype": "text/html"}))
        nb.cells[0].metadata["tags"] = ['"><script>window.pwned=1</script>']
        nb.metadata["title"] = SCRIPT
        nb.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": SCRIPT}}
        nb.metadata["language_info"] = {"name": "x", "pygments_lexer": SCRIPT}

    def leak(nb: NotebookNode) -> None:
        cell(nb, "double").source = LEAKER

    def missing(nb: NotebookNode) -> None:
        nb.cells = [c for c in nb.cells if c.id not in ("setup", "double-check", "why")]

    def forged(nb: NotebookNode) -> None:
        for task in ("double", "total", "largest"):
            cell(nb, task).source = "pass"
        for name in ("double-check", "total-check"):
            meta = cell(nb, name).metadata
            meta["tags"] = ["skip-execution"]
            meta["nbgrader"] |= {"points": 100, "solution": True}
        cell(nb, "total-check").source = "pass"
        check = cell(nb, "largest-check")
        check.cell_type = "markdown"
        del check["outputs"], check["execution_count"]

    def renamed(nb: NotebookNode) -> None:
        cell(nb, "double-check").metadata["nbgrader"]["grade_id"] = "<b>mine</b>"
        cell(nb, "total-check").metadata["nbgrader"] = "damaged"

    def backwards(nb: NotebookNode) -> None:
        for task in ("double", "total", "largest"):
            cell(nb, task).source = "def " + task + "(z):\n    return None"

    return [
        Part("stderr", "warnings", "graded", FULL, first("import sys; print(1, file=sys.stderr)")),
        Part("flood", "200 MB", "graded", FULL, append(FLOOD)),
        Part("scripts", "scripts everywhere", "graded", FULL, solved(scripts)),
        Part("leaker", "prints the tests", "graded", 7.0, solved(leak)),
        Part("stubborn", "cannot be interrupted", "timed out", 7.0, first(STUBBORN)),
        Part(
            "killed",
            "kills Python at the top of a cell",
            "crashed",
            7.0,
            append("import os\nos._exit(1)"),
        ),
        Part("missing", "cells taken out", "repaired", 9.0, solved(missing)),
        Part("forged", "metadata forged", "repaired", 0.0, forged),
        Part("renamed", "cells renamed", "repaired", FULL, solved(renamed)),
        Part("wrong", "all wrong", "graded", 0.0, backwards),
    ]


class Graded:
    """The graded class, and the way to everything that came out of it."""

    def __init__(self, course: ScratchCourse, results: list[Result]) -> None:
        self.course = course
        self.results = {result.part.student: result for result in results}

    def notebook(self, student: str) -> NotebookNode:
        path = self.course.autograded(student, NAME) / f"{NAME}.ipynb"
        return nbformat.read(path, as_version=4)

    def feedback(self, student: str) -> str:
        return (self.course.feedback(student, NAME) / f"{NAME}.html").read_text()


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    folder = tmp_path_factory.mktemp("difficult")
    source = small_assignment.write(folder / "solutions")
    course = ScratchCourse(folder)
    course.create([source], CELL_SECONDS)
    assignment = grade_demo.read_assignment(source)
    parts = members(assignment)
    return Graded(course, grade_demo.play(course, assignment, lambda _: None, parts))


# --- scores and statuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "student",
    [
        "stderr",
        "flood",
        "scripts",
        "leaker",
        "stubborn",
        "killed",
        "missing",
        "forged",
        "renamed",
        "wrong",
    ],
)
def test_score_and_status(graded: Graded, student: str) -> None:
    result = graded.results[student]
    assert (result.outcome.status, result.total) == (result.part.status, result.part.expected)


def test_no_submission_is_lost_in_the_batch(graded: Graded) -> None:
    assert all(result.total is not None for result in graded.results.values())


def test_stderr_stays_visible(graded: Graded) -> None:
    outputs = cell(graded.notebook("stderr"), "double-check").outputs
    assert [(out.name, out.text) for out in outputs] == [("stdout", "1\n1\n")]


def test_a_time_out_names_its_limit(graded: Graded) -> None:
    outputs = cell(graded.notebook("stubborn"), "double-check").outputs
    assert outputs[-1].evalue == (
        f"Your code did not answer within {CELL_SECONDS} s, and was stopped."
    )


def test_repairs_are_told_to_whoever_opens_the_notebook(graded: Graded) -> None:
    first = graded.notebook("missing").cells[0].source
    assert "The cell 'setup' was missing; it was put back." in first
    assert "The cell 'double-check' was missing; it was put back." in first
    assert "was missing; it was put back." in graded.feedback("missing")


def test_what_was_forged_is_told(graded: Graded) -> None:
    told = " ".join(graded.results["forged"].outcome.reasons)
    assert "What the cell 'double-check' says about grading was changed, and reset." in told
    assert "The text of the cell 'total-check' was changed, and reset." in told
    assert "The type of the cell 'largest-check' was changed, and reset." in told


def test_points_come_from_the_gradebook(graded: Graded) -> None:
    notebook = graded.notebook("forged")
    assert cell(notebook, "double-check").metadata.nbgrader.points == 3


# --- output -------------------------------------------------------------------------------------


def test_a_flood_of_output_is_cut(graded: Graded) -> None:
    path = graded.course.autograded("flood", NAME) / f"{NAME}.ipynb"
    assert path.stat().st_size < 300_000
    assert "output cut here" in path.read_text()
    assert len(graded.feedback("flood")) < 500_000


# --- pages --------------------------------------------------------------------------------------


def live(html: str) -> list[str]:
    """Everything in a page that could run a student's code."""
    page = BeautifulSoup(html, "html.parser")
    found = [str(tag) for tag in page.find_all("script") if "pwned" in str(tag)]
    found += [str(tag) for tag in page.find_all(["iframe", "object", "embed", "base", "form"])]
    for tag in page.find_all(True):
        for name, value in tag.attrs.items():
            address = re.sub(r"\s", "", str(value)).lower()
            if name.startswith("on") and "toggle_name" not in address:
                found.append(f"{tag.name} {name}={value}")
            if name in ("href", "src") and address.startswith(("javascript:", "vbscript:")):
                found.append(f"{tag.name} {name}={value}")
            if name in ("href", "src") and address.startswith("data:") and tag.name != "img":
                found.append(f"{tag.name} {name}={value}")
    return found


def test_feedback_has_no_script_at_all(graded: Graded) -> None:
    html = graded.feedback("scripts")
    assert live(html) == []
    assert "<script" not in html
    assert "script-src" not in feedback.FeedbackExporter.policy  # default-src 'none' covers it
    assert "Content-Security-Policy" in html and "default-src 'none'" in html


def test_feedback_keeps_what_formats(graded: Graded) -> None:
    html = graded.feedback("scripts")
    assert "<b>bold</b>" in html
    assert "<td>1</td>" in html


def formgrader_page(notebook: Path) -> str:
    """The page as formgrader makes it: its template, the project's configuration."""
    settings = config()
    settings.HTMLExporter.template_name = "formgrade"
    settings.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    resources = {"student": SCRIPT, "last_name": None, "first_name": None, "index": 0, "total": 1}
    resources |= {"notebook_path": "x", "notebook_id": NAME, "base_url": "", "submission_id": "1"}
    return HTMLExporter(config=settings).from_filename(str(notebook), resources=resources)[0]


def test_formgrader_runs_no_script_of_a_student(graded: Graded) -> None:
    html = formgrader_page(graded.course.autograded("scripts", NAME) / f"{NAME}.ipynb")
    assert live(html) == []
    assert "formgrade_models.js" in html  # nbgrader's own scripts are still there
    assert "<b>bold</b>" in html


def test_without_the_configuration_the_scripts_are_live(graded: Graded) -> None:
    """The tests above can fail: nbgrader's own exporter lets the scripts through."""
    notebook = graded.course.autograded("scripts", NAME) / f"{NAME}.ipynb"
    html = HTMLExporter(template_name="classic").from_filename(str(notebook))[0]
    assert live(html) != []


HIDDEN = ("secret_values_of_the_hidden_test", "hidden_matrix_of_fives", "HIDDEN TESTS")


@pytest.mark.parametrize("student", ["leaker", "wrong", "stderr", "stubborn", "killed"])
def test_feedback_shows_no_hidden_test(graded: Graded, student: str) -> None:
    html = BeautifulSoup(graded.feedback(student), "html.parser").get_text()
    assert not [word for word in HIDDEN if word in html]


def test_a_student_cannot_print_a_hidden_test(graded: Graded) -> None:
    """The frame above the student's function is the agent's: the test is in another process."""
    source = str(cell(graded.notebook("leaker"), "double-check").outputs)
    assert "Answers the examiner" in source
    assert all(secret not in source for secret in HIDDEN)


def test_feedback_keeps_the_message_of_the_failed_check(graded: Graded) -> None:
    assert "AssertionError: double must work on every shape" in graded.feedback("leaker")


def test_the_instructor_sees_hidden_tests_in_formgrader(graded: Graded) -> None:
    html = formgrader_page(graded.course.autograded("wrong", NAME) / f"{NAME}.ipynb")
    assert HIDDEN[0] in html


def test_redaction_covers_a_region_that_is_never_closed() -> None:
    source = "a = 1\n### BEGIN HIDDEN TESTS\nassert a == 2"
    shown_source, hidden = feedback.split_hidden(source)
    assert "assert" not in shown_source and hidden == ["assert a == 2"]


# --- nothing lost -------------------------------------------------------------------------------


def exported(course: ScratchCourse) -> dict[str, dict[str, str]]:
    course.nbgrader("export")
    with (course.course / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_an_interrupted_run_leaves_no_zero_and_is_made_up_for(graded: Graded) -> None:
    course = graded.course
    late = course.student("late")
    late.fetch(NAME)
    late.edit(
        NAME, lambda nb: cell(nb, "double").__setitem__("source", "import time\ntime.sleep(2)")
    )
    late.submit(NAME)
    course.nbgrader("collect", NAME)
    command = [sys.executable, "-m", "nbgrader", "autograde", NAME, "--student=late"]
    process = subprocess.Popen(
        command,
        cwd=course.course,
        env=course.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Autograding " in line:
            process.send_signal(signal.SIGKILL)
    process.wait()
    assert course.autograded("late", NAME).exists()  # nbgrader alone would skip it from now on
    row = exported(course)["late"]
    assert (row["status"], row["score"]) == ("not graded", "")

    course.nbgrader("autograde", NAME)
    row = exported(course)["late"]
    assert (row["status"], row["score"]) == ("graded", "0.0")
    assert "1970" not in (course.autograded("late", NAME) / "timestamp.txt").read_text()


def test_a_finished_submission_is_not_graded_twice(graded: Graded) -> None:
    path = graded.course.autograded("wrong", NAME) / f"{NAME}.ipynb"
    before = path.stat().st_mtime_ns
    log = graded.course.nbgrader("autograde", NAME, "--student=wrong")
    assert "Skipping existing assignment" in log
    assert path.stat().st_mtime_ns == before


def test_a_submission_put_into_the_folder_by_hand_stops_nobody(graded: Graded) -> None:
    """nbgrader's release_feedback stops at a submission without a time."""
    course = graded.course
    course.submitted("by-mail", NAME).mkdir(parents=True)
    source = course.student("wrong").notebook(NAME)
    shutil.copy(source, course.submitted("by-mail", NAME))
    course.nbgrader("autograde", NAME, "--student=by-mail")
    course.nbgrader("generate_feedback", NAME, "--student=by-mail")
    log = course.nbgrader("release_feedback", NAME)
    assert "student 'by-mail'" in log and "student 'wrong'" in log


def test_the_table_survives_commas_and_formulas(graded: Graded) -> None:
    with graded.course.gradebook() as gradebook:
        gradebook.update_or_create_student(
            "wrong", last_name='Doe, "Jo"', first_name="=HYPERLINK(1)", email="@sum"
        )
    row = exported(graded.course)["wrong"]
    assert row["last_name"] == 'Doe, "Jo"'
    assert row["first_name"] == "'=HYPERLINK(1)"
    assert row["email"] == "'@sum"
    assert float(row["score"]) == 0
    assert row["max_score"] == "10.0"


def test_numbers_are_not_mistaken_for_formulas() -> None:
    assert safe_field(-1.5) == "-1.5"


# --- repair -------------------------------------------------------------------------------------


def released(graded: Graded) -> list[ReleasedCell]:
    with Gradebook(graded.course.db_url) as gradebook:
        return released_cells(gradebook, NAME, NAME)


def test_an_undamaged_notebook_needs_no_repair(graded: Graded) -> None:
    path = graded.course.course / "exercises" / NAME / f"{NAME}.ipynb"
    assert repair.repair(nbformat.read(path, as_version=4), released(graded)) == []


@pytest.mark.parametrize("with_course", [True, False])
def test_released_cells_are_in_the_order_of_the_release(
    graded: Graded, monkeypatch: pytest.MonkeyPatch, with_course: bool
) -> None:
    """The gradebook keeps no order: a cell that came later stands anywhere in what it returns."""
    expected = [cell.name for cell in released(graded)]
    assert len(expected) > 3
    monkeypatch.setattr(
        plugins, "released_cells", lambda *names: list(reversed(released_cells(*names)))
    )
    course = CourseDirectory(config=config(), root=str(graded.course.course))
    converter = SimpleNamespace(coursedir=course if with_course else None)
    preprocessor: Any = SimpleNamespace(parent=SimpleNamespace(parent=converter))
    where = {"db_url": graded.course.db_url, "notebook": NAME, "assignment": NAME}
    path = graded.course.course / "exercises" / NAME / f"{NAME}.ipynb"
    submitted = nbformat.read(path, as_version=4)
    if with_course:  # then the order of what was handed in says nothing
        submitted.cells.reverse()
    cells, _ = plugins._release(preprocessor, where, submitted)
    assert [cell.name for cell in cells] == expected


def test_an_empty_notebook_gets_its_check_cells_back(graded: Graded) -> None:
    nb = nbformat.v4.new_notebook()
    repair.repair(nb, released(graded))
    names = [c.metadata.nbgrader.grade_id for c in nb.cells]
    assert names == ["setup", "double-check", "total-check", "largest-check", "why"]
    nbformat.validate(nb)


def test_cells_that_share_an_id_get_ids_of_their_own(graded: Graded) -> None:
    nb = nbformat.v4.new_notebook(cells=[new_code_cell("1", id="a"), new_code_cell("2", id="b")])
    nb.cells[1]["id"] = "a"  # nbformat would correct it while making the notebook
    repair.repair(nb, released(graded))
    ids = [c.id for c in nb.cells]
    assert len(set(ids)) == len(ids)


# --- the configuration itself -------------------------------------------------------------------


def test_the_configuration_says_where_things_are() -> None:
    course = config().CourseDirectory
    assert (course.source_directory, course.release_directory) == ("solutions", "exercises")
    assert course.course_id == "build-deep"


def test_formgrader_can_show_the_configuration() -> None:
    json.dumps(config())  # formgrader does this on its first page


def test_released_stubs_raise_not_implemented(graded: Graded) -> None:
    path = graded.course.course / "exercises" / NAME / f"{NAME}.ipynb"
    nb = nbformat.read(path, as_version=4)
    stub = "    raise NotImplementedError  # write your answer here"
    assert cell(nb, "double").source.split("\n")[-1] == stub
    assert cell(nb, "why").source == "YOUR ANSWER HERE"


def test_validate_forgives_stderr_and_reports_failures(graded: Graded, tmp_path: Path) -> None:
    """The Validate button and `nbgrader validate`: nbgrader's own executor, our stream."""
    settings = config()
    # Three checks fail, and the written answer is missing.
    for student, failed in (("stderr", 0), ("wrong", 4)):
        validator = Validator(config=settings)
        result = validator.validate(str(graded.course.student(student).notebook(NAME)))
        assert len(result.get("failed", [])) == failed


def test_the_database_can_be_upgraded(graded: Graded) -> None:
    """nbgrader's schema tool runs with the installed alembic and SQLAlchemy, and loses nothing."""
    graded.course.nbgrader("db", "upgrade")
    with graded.course.gradebook() as gradebook:
        assert gradebook.find_submission(NAME, "stderr").score == FULL


def test_timestamps_are_read_with_the_installed_dateutil(graded: Graded) -> None:
    with graded.course.gradebook() as gradebook:
        stamp = gradebook.find_submission(NAME, "wrong").timestamp
    text = (graded.course.autograded("wrong", NAME) / "timestamp.txt").read_text()
    assert text.startswith(str(stamp))
