"""Feedback pages: kilobytes, safe, and they say what happened. One claim a test."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from course_utils.grading import feedback_page, job
from course_utils.grading.feedback import FeedbackExporter, RedactHiddenTests
from course_utils.grading.job import CELL_STATUSES
from course_utils.grading.repair import NOTE

import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader

from tests import synthetic_class
from tests.synthetic_class import SCRIPT, meta

NAME = synthetic_class.NAME
SIZE = 12
COMMENT = "See **chapter 3**. " + SCRIPT


class Pages:
    """The feedback that formgrader's button makes for a class."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, student: str) -> Path:
        return self.root / "feedback" / student / NAME / f"{NAME}.html"

    def html(self, student: str) -> str:
        return self.path(student).read_text(encoding="utf-8")

    def soup(self, student: str) -> BeautifulSoup:
        return BeautifulSoup(self.html(student), "html.parser")


@pytest.fixture(scope="module")
def members() -> dict[str, synthetic_class.Member]:
    return {one.student: one for one in synthetic_class.make(SIZE)}


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, synthetic_class.Member]
) -> Pages:
    root = synthetic_class.write(tmp_path_factory.mktemp("feedback"), list(members.values()))
    synthetic_class.write_graded(root, list(members.values()))
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "build-deep") as gradebook:
        comment = gradebook.find_comment("why", NAME, NAME, "student-0000")
        comment.manual_comment, comment.auto_comment = COMMENT, "No response."
        grade = gradebook.find_grade("why", NAME, NAME, "student-0000")
        grade.manual_score, grade.needs_manual_grade = 1.0, False
        gradebook.find_submission_notebook(NAME, NAME, "student-0000").late_submission_penalty = 2.0
        gradebook.db.commit()
    config = PyFileConfigLoader(str(root / "nbgrader_config.py")).load_config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
    # As formgrader does it; it also sets HTMLExporter.template_name, which must not matter.
    said = NbGraderAPI(CourseDirectory(config=config), config=config).generate_feedback(NAME)
    assert said["success"], said
    return Pages(root)


# --- the class ----------------------------------------------------------------------------------


def test_everyone_whose_name_is_a_folder_has_a_page(
    pages: Pages, members: dict[str, synthetic_class.Member]
) -> None:
    graded = [one for one in members.values() if one.stored.notebooks and "/" not in one.student]
    assert len(graded) == SIZE - 2  # one in quarantine, one with a slash in the name
    assert all(pages.path(one.student).exists() for one in graded)


def test_a_page_weighs_kilobytes(pages: Pages) -> None:
    sizes = [path.stat().st_size for path in pages.root.glob("feedback/*/*/*.html")]
    assert sizes and max(sizes) < 20_000


def test_each_task_is_a_line_that_leads_to_its_cell(
    pages: Pages, members: dict[str, synthetic_class.Member]
) -> None:
    soup = pages.soup("student-0001")
    rows = soup.select("table tbody tr")
    cells = members["student-0001"].stored.notebooks[0].cells
    assert len(rows) == len(cells) == 5
    for row, cell in zip(rows, cells, strict=True):
        target = soup.find(id=row.a["href"].removeprefix("#"))
        assert target is not None
        score = "–" if cell.score is None else f"{cell.score:g}"
        assert f"{score} of {cell.points:g}" in row.get_text(" ", strip=True)


def test_what_happened_is_said_in_words(
    pages: Pages, members: dict[str, synthetic_class.Member]
) -> None:
    seen = set()
    for student, one in members.items():
        for result in one.stored.notebooks if "/" not in student else ():
            rows = pages.soup(student).select("table tbody tr")
            for row, cell in zip(rows, result.cells, strict=True):
                if cell.score is not None:
                    assert CELL_STATUSES[cell.status] in row.get_text()
                    seen.add(cell.status)
    assert {job.PASSED, job.FAILED} <= seen


def test_messages_of_failed_checks_are_kept(
    pages: Pages, members: dict[str, synthetic_class.Member]
) -> None:
    for student, one in members.items():
        if "/" not in student and one.stored.notebooks:
            text = pages.soup(student).get_text()
            assert all(cell.message in text for cell in one.stored.notebooks[0].cells)


def test_both_comments_are_shown_and_linked(pages: Pages) -> None:
    soup = pages.soup("student-0000")
    boxes = soup.select(".grader-comment")
    assert [box.strong.get_text() for box in boxes] == [
        "Comment of the grader",
        "Comment of the autograder",
    ]
    assert boxes[0].find("strong", string="chapter 3") is not None
    assert soup.find("a", href="#" + boxes[0]["id"]) is not None


def test_lateness_and_its_cost_are_told(pages: Pages) -> None:
    assert "Handed in late: 2 points less." in pages.html("student-0000")
    late = pages.html("=HYPERLINK(1)")
    assert "after the deadline (2026-11-20 22:59 UTC). No points were taken for it." in late


def test_what_a_person_has_still_to_grade_is_told(pages: Pages) -> None:
    assert "Not final: a person has still to grade Task 5" in pages.html("student-0001")
    assert "Not final" not in pages.html("student-0000")
    assert "graded by hand" in pages.html("student-0000")


def test_no_hidden_test_is_shown(pages: Pages) -> None:
    for path in pages.root.glob("feedback/*/*/*.html"):
        html = path.read_text(encoding="utf-8")
        assert "hidden_inputs_of" not in html and "HIDDEN TESTS" not in html
        assert "# Hidden tests ran here." in html


def test_nothing_of_a_student_is_live(pages: Pages) -> None:
    for path in pages.root.glob("feedback/*/*/*.html"):
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        assert soup.find(["script", "iframe", "object", "embed", "form", "link", "base"]) is None
        assert not [n for tag in soup.find_all(True) for n in tag.attrs if n.startswith("on")]


def test_the_page_asks_for_nothing(pages: Pages) -> None:
    html = pages.html("student-0001")
    assert "default-src 'none'" in html
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", html) and "url(" not in html


# --- single notebooks ---------------------------------------------------------------------------


def page(*cells: NotebookNode, redact: bool = False, **where: Any) -> str:
    exporter = FeedbackExporter()
    if redact:
        exporter.register_preprocessor(RedactHiddenTests, enabled=True)
    resources = {"nbgrader": {"notebook": NAME, "student": "ada", **where}}
    return exporter.from_notebook_node(new_notebook(cells=list(cells)), resources)[0]


def text(html: str) -> str:
    return BeautifulSoup(html, "html.parser").get_text()


def shown(**data: str) -> NotebookNode:
    kinds = {name.replace("_", "/"): value for name, value in data.items()}
    return new_code_cell("x", outputs=[new_output("display_data", kinds)])


@pytest.mark.parametrize("status", [job.TIMED_OUT, job.OUT_OF_MEMORY, job.CRASHED, job.NOT_RUN])
@pytest.mark.parametrize("noted", [True, False])
def test_an_accident_is_said_in_words(status: str, noted: bool) -> None:
    """From what grading noted in the cell, or from the output alone."""
    name = status.title().replace(" ", "")
    error = new_output("error", ename=name, evalue="It was stopped.", traceback=[])
    cell = new_code_cell("x", outputs=[error], metadata=meta("a", grade=True))
    cell.metadata.nbgrader |= {"score": 0.0, "auto_score": 0.0, "points": 2.0}
    if noted:
        cell.metadata[NOTE] = {"status": status, "score": 0.0, "message": "It was stopped."}
    html = page(cell)
    assert CELL_STATUSES[status] in html
    assert text(html).count("It was stopped.") == 1


def test_a_note_that_does_not_fit_the_gradebook_is_not_believed() -> None:
    cell = new_code_cell("x", metadata=meta("a", grade=True))
    cell.metadata.nbgrader |= {"score": 2.0, "auto_score": 2.0, "points": 2.0}
    cell.metadata[NOTE] = {"status": job.FAILED, "score": 0.0, "message": ""}
    assert CELL_STATUSES[job.PASSED] in page(cell)


def test_a_stored_message_is_redacted_too() -> None:
    source = "f()\n### BEGIN HIDDEN TESTS\nassert f(secret_number) == 1\n### END HIDDEN TESTS"
    cell = new_code_cell(source, metadata=meta("a", grade=True))
    said = "Wrong.\nin: assert f(secret_number) == 1"
    cell.metadata[NOTE] = {"status": job.FAILED, "score": None, "message": said}
    html = page(cell, redact=True)
    assert "secret_number" not in html and "Wrong." in html


def test_long_output_is_folded() -> None:
    lines = "\n".join(f"line {n}" for n in range(100))
    soup = BeautifulSoup(
        page(new_code_cell("x", outputs=[new_output("stream", text=lines)])), "html.parser"
    )
    assert soup.details.summary.get_text() == "Output, 100 lines"
    assert "line 99" in soup.details.get_text()


def test_very_long_output_is_cut_with_a_sentence() -> None:
    stream = new_output("stream", text="x" * 1_000_000)
    html = page(new_code_cell("x", outputs=[stream]))
    assert len(html) < 40_000
    assert "[980,000 more characters were left out of this page.]" in html


def test_many_outputs_share_the_room_of_a_page() -> None:
    outputs = [new_output("stream", text=f"{n} " + "y" * 19_000) for n in range(100)]
    assert len(page(*(new_code_cell("x", outputs=[out]) for out in outputs))) < 260_000


def picture(size: int) -> str:
    return base64.b64encode(b"\x89PNG" + bytes(size)).decode()


def test_a_small_picture_stays_and_has_a_text() -> None:
    soup = BeautifulSoup(page(shown(image_png=picture(10_000))), "html.parser")
    assert soup.img["src"].startswith("data:image/png;base64,")
    assert soup.img["alt"] == "Picture 1, made by this cell"


def test_a_large_picture_is_left_out_with_a_sentence() -> None:
    html = page(shown(image_png=picture(400_000)))
    assert "[A picture of 400 kB was left out" in html and "<img" not in html


def test_pictures_share_the_room_of_a_page() -> None:
    html = page(*(shown(image_png=picture(140_000)) for _ in range(20)))
    assert html.count("<img") == 7 and html.count("was left out") == 13
    assert len(html) < 1_500_000


def test_a_picture_within_html_counts_too() -> None:
    html = page(shown(text_html=f'<p>a<img src="data:image/png;base64,{picture(14_000)}"></p>'))
    assert html.count("<img") == 1
    big = new_markdown_cell("![p](attachment:p.png)")
    big["attachments"] = {"p.png": {"image/png": picture(400_000)}}
    assert "<img" not in page(big) and "was left out" in page(big)


def test_html_that_is_too_large_is_left_out_with_a_sentence() -> None:
    html = page(shown(text_html="<p>" + "z" * 100_000, text_plain="a table"))
    assert len(html) < 20_000 and "a table" in html and "[100,007 more characters" in html


def test_svg_is_only_ever_a_picture() -> None:
    """Within <img> a browser runs no script and loads nothing."""
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>window.pwned=1</script></svg>"
    cell = new_code_cell("x", outputs=[new_output("display_data", {"image/svg+xml": svg})])
    soup = BeautifulSoup(page(cell), "html.parser")
    assert soup.svg is None and soup.script is None
    assert soup.img["src"].startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    "data", ["AA=='><script>window.pwned=1</script>", "not base64!", '" onerror=pwned() x="']
)
def test_a_picture_that_is_none_is_left_out(data: str) -> None:
    html = page(shown(image_png=data))
    assert "pwned" not in html and "cannot be read" in html


def test_html_of_a_student_cannot_leave_its_place() -> None:
    evil = "</div></section></main></body><h1>You pass</h1><table><tr><td>1"
    soup = BeautifulSoup(page(shown(text_html=evil), new_markdown_cell("after")), "html.parser")
    assert len(soup.find_all("main")) == 1
    assert soup.find(string="after").find_parent("main") is not None
    assert soup.find("h1", string="You pass").find_parent(class_="cell-output") is not None


def test_formulas_stay_readable() -> None:
    html = page(new_markdown_cell("With $a < b$ and\n\n$$\\sum_i x_i$$"))
    assert "<code>a &lt; b</code>" in html and "<pre>\\sum_i x_i</pre>" in html


def test_headings_of_the_notebook_stand_below_that_of_the_page() -> None:
    soup = BeautifulSoup(page(new_markdown_cell("# Title\n\n## Task")), "html.parser")
    assert [tag.name for tag in soup.find_all(re.compile("h[1-6]"))] == ["h1", "h2", "h3"]


def test_names_are_text() -> None:
    html = page(student=SCRIPT, notebook=SCRIPT)
    assert BeautifulSoup(html, "html.parser").script is None and "&lt;script&gt;" in html


def test_a_traceback_is_folded_behind_its_message() -> None:
    trace = ["Traceback (most recent call last)", "  line 1", "  line 2", "ValueError: no"]
    error = new_output("error", ename="ValueError", evalue="no", traceback=trace)
    soup = BeautifulSoup(page(new_code_cell("x", outputs=[error])), "html.parser")
    assert soup.select_one("pre.error-text").get_text() == "ValueError: no"
    assert "line 2" in soup.details.get_text()


def test_a_submission_of_a_megabyte_of_code_stays_small() -> None:
    html = page(new_code_cell("x = 1\n" * 200_000), new_markdown_cell("word " * 200_000))
    assert len(html) < 600_000
    assert html.count("more characters were left out") == 2


@pytest.mark.parametrize("source", ["def f(:\n 'x", "%matplotlib inline\n!ls", "\x00\u202e", ""])
def test_any_text_can_be_highlighted(source: str) -> None:
    assert BeautifulSoup(feedback_page.highlighted(source), "html.parser").get_text() == source
