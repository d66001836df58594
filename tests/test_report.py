"""The instructor's report and the search for near-identical submissions. One claim a test."""

from __future__ import annotations

import dataclasses
import random
import re
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

from course_utils.cli import main
from course_utils.grading import job, similarity
from course_utils.grading.gradebook import open_course
from course_utils.grading.job import CellResult
from course_utils.grading.report import ReportError, messages, statistics, write_report
from course_utils.grading.report import page as pages
from course_utils.grading.report.gather import ClassData, Item, Submission, gather
from course_utils.grading.similarity import Answer, own_tokens, similar_pairs

import numpy as np
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.api import Gradebook

from tests import synthetic_class
from tests.synthetic_class import SCRIPT, STUBS
from tests.test_book_browser import LAUNCH
from tools import browser as chromium

NAME = synthetic_class.NAME
SIZE = 30


class Report:
    """A class, and the page about it."""

    def __init__(self, root: Path, members: list[synthetic_class.Member]) -> None:
        self.root = root
        self.members = members
        self.html = write_report(open_course(root), NAME).read_text(encoding="utf-8")
        self.soup = BeautifulSoup(self.html, "html.parser")

    def section(self, name: str) -> str:
        """The text between one heading of the second level and the next."""
        heading = self.soup.find("h2", id=name)
        parts = []
        for tag in heading.find_next_siblings():
            if tag.name == "h2":
                break
            parts.append(tag.get_text(" ", strip=True))
        return re.sub(r"\s+", " ", " ".join(parts))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    members = synthetic_class.make(SIZE)
    root = synthetic_class.write(tmp_path_factory.mktemp("report"), members)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "build-deep") as gradebook:
        for one in members[:10]:
            if one.stored.notebooks:
                grade = gradebook.find_grade("why", NAME, NAME, one.student)
                grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.find_submission_notebook(
            NAME, NAME, members[0].student
        ).late_submission_penalty = 1.0
        gradebook.db.commit()
    return Report(root, members)


def graded(report: Report) -> list[synthetic_class.Member]:
    return [one for one in report.members if one.stored.status == job.GRADED]


# --- the page -----------------------------------------------------------------------------------


def test_the_count_adds_up(report: Report) -> None:
    number = len(graded(report))
    assert f"Submitted {SIZE} = graded {number} + in quarantine {SIZE - number}." in report.section(
        "statuses"
    )
    assert "1 not handed in" in report.soup.dl.get_text(" ", strip=True) or (
        "not handed in 1" in report.soup.dl.get_text(" ", strip=True)
    )


def test_the_mean_is_that_of_the_gradebook(report: Report) -> None:
    totals = []
    with Gradebook(f"sqlite:///{report.root / 'gradebook.db'}", "build-deep") as gradebook:
        for one in graded(report):
            submission = gradebook.find_submission(NAME, one.student)
            totals.append(max(0.0, submission.score - submission.late_submission_penalty))
    cells = [
        cell.get_text() for cell in report.soup.find("h2", id="scores").find_next("tbody")("td")
    ]
    assert float(cells[0]) == pytest.approx(np.mean(totals), abs=0.005)
    assert float(cells[1]) == pytest.approx(np.median(totals), abs=0.005)
    assert float(cells[2]) == pytest.approx(np.std(totals, ddof=1), abs=0.005)


def test_the_hardest_task_comes_first(report: Report) -> None:
    rows = report.soup.find("h2", id="tasks").find_next("tbody").find_all("tr")
    means = [row.find_all("td")[0].get_text() for row in rows]
    numbers = [float(mean.removesuffix(" %")) for mean in means if mean != "–"]
    assert numbers == sorted(numbers) and len(numbers) == 5


def test_everyone_in_quarantine_is_named_with_the_reason(report: Report) -> None:
    text = report.section("statuses")
    for one in report.members:
        if one.stored.status == job.QUARANTINED:
            assert one.student in text and "is not a notebook that can be read" in text


def test_accidents_name_task_and_student(report: Report) -> None:
    found = 0
    text = report.section("statuses")
    for one in graded(report):
        for cell in one.stored.notebooks[0].cells:
            if cell.status in (job.TIMED_OUT, job.OUT_OF_MEMORY, job.CRASHED):
                found += 1
                assert one.student[:49].replace("\u202e", "�") in text
    assert found


def test_repairs_are_said_in_their_sentence(report: Report) -> None:
    assert "The cell 'softmax-check' was missing; it was put back." in report.section("statuses")


def test_messages_are_grouped_without_their_numbers(report: Report) -> None:
    heading = report.soup.find("h2", id="messages")
    rows = [tag for tag in heading.find_all_next("tr") if tag.find("td", class_="free-text")]
    steps = [
        row.get_text(" ") for row in rows if "divide by the number of examples" in row.get_text()
    ]
    assert len(steps) == 1 and "other wording" in steps[0]


def test_what_is_left_to_grade_by_hand_is_counted(report: Report) -> None:
    waiting = sum(bool(one.stored.notebooks) for one in report.members[10:])
    assert f"Task 5 · In words : {waiting} submissions" in report.section("manual")


def test_lateness_is_shown_with_what_it_cost(report: Report) -> None:
    assert "came after the deadline" in report.section("late")


def test_the_copied_pair_is_the_only_one(report: Report) -> None:
    rows = report.soup.find("h2", id="similar").find_next("tbody").find_all("tr")
    assert len(rows) == 1
    assert "Points Possible" in rows[0].get_text() and "شادي" in rows[0].get_text()
    assert "a reason to look, not a proof" in report.section("similar")


def test_what_students_wrote_is_text(report: Report) -> None:
    assert report.soup.find(["script", "iframe", "img", "object", "link", "form"]) is None
    assert not [n for tag in report.soup.find_all(True) for n in tag.attrs if n.startswith("on")]
    assert SCRIPT in report.soup.get_text()


def test_a_name_cannot_turn_the_direction_of_the_page(report: Report) -> None:
    assert "\u202e" not in report.html


def test_the_page_asks_for_nothing(report: Report) -> None:
    assert "default-src 'none'" in report.html
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", report.html)
    assert "url(" not in report.html and "@import" not in report.html


def test_tables_have_captions_and_pictures_a_title(report: Report) -> None:
    assert all(table.caption for table in report.soup.find_all("table"))
    for drawing in report.soup.find_all("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing.find("title")
    levels = [int(tag.name[1]) for tag in report.soup.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))


def test_links_lead_somewhere(report: Report) -> None:
    for link in report.soup.find_all("a"):
        assert report.soup.find(id=link["href"].removeprefix("#")) is not None


@pytest.mark.parametrize("size", [1, 2])
def test_a_tiny_class_has_a_sensible_page(tmp_path: Path, size: int) -> None:
    root = synthetic_class.write(tmp_path, synthetic_class.make(8)[-size:], gradebook=False)
    found = Report(root, [])
    text = found.soup.get_text()
    assert "fewer than 10 students" in text and "nan" not in text.lower().split()
    assert "No two submissions share enough" in found.section("similar")
    assert "Without the gradebook" in text


def test_a_class_in_which_nothing_could_be_graded_has_a_page(tmp_path: Path) -> None:
    members = [
        dataclasses.replace(
            one,
            stored=dataclasses.replace(
                one.stored, status=job.QUARANTINED, reason="unreadable", notebooks=()
            ),
        )
        for one in synthetic_class.make(3)
    ]
    found = Report(synthetic_class.write(tmp_path, members, gradebook=False), [])
    assert "No submission was graded" in found.section("scores")
    assert found.section("statuses").count("unreadable") == 3


def test_without_results_it_is_one_sentence(tmp_path: Path) -> None:
    root = synthetic_class.write(tmp_path, [], gradebook=False)
    with pytest.raises(ReportError, match=f"Grade it first: course grade {NAME}"):
        write_report(open_course(root), NAME)


def test_an_empty_class_renders() -> None:
    html = pages.render(ClassData(NAME, [], [], 0))
    assert "Submitted 0 = graded 0 + in quarantine 0." in html


def test_a_thousand_students_make_no_large_page(report: Report) -> None:
    """Results are repeated; what the page lists is cut, and the rest counted."""
    found = gather(open_course(report.root), NAME, similar=False)
    found.submissions = [
        dataclasses.replace(one, student=f"{one.student}-{n}")
        for n in range(40)
        for one in found.submissions
    ]
    html = pages.render(found)
    assert len(html.encode()) < 150_000
    assert f"Submitted {40 * SIZE} =" in html and " more" in html


def test_the_command_says_where_the_page_is(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(report.root)
    said = CliRunner().invoke(main, ["report", NAME, "--no-similar"])
    assert said.exit_code == 0 and said.output.endswith(f"{NAME}/report.html\n")
    assert "Not compared" in (report.root / "grading" / NAME / "report.html").read_text()
    (tmp_path / "mine.html").write_text("mine")
    said = CliRunner().invoke(main, ["report", NAME, "--to", str(tmp_path / "mine.html")])
    assert said.exit_code == 1 and (tmp_path / "mine.html").read_text() == "mine"


# --- in a browser -------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_reads_on_desktop_and_phone_in_light_and_dark(report: Report) -> None:
    """No request, no script of a student, nothing cut off at the side, no axe violation."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    address = (report.root / "grading" / NAME / "report.html").as_uri()
    axe = (synthetic_class.ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium.find_chromium()), args=list(LAUNCH)
        )
        for width in (1100, 360):
            for scheme in ("light", "dark"):
                size = {"width": width, "height": 800}
                context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
                page = context.new_page()
                requests: list[str] = []
                page.on("request", lambda request, seen=requests: seen.append(request.url))
                page.goto(address)
                page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                assert page.evaluate("document.documentElement.scrollWidth") == width
                assert page.evaluate("window.pwned") is None
                page.evaluate(axe + ";0")
                found = page.evaluate("axe.run()")["violations"]
                assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
                assert requests == [address]
                context.close()
        browser.close()


# --- statistics ---------------------------------------------------------------------------------

ITEMS = [Item(("n", name), name, 1.0) for name in "abc"]


def submission(number: int, *scores: float | None, status: str = job.PASSED) -> Submission:
    cells = {
        item.key: CellResult(item.title, 1.0, score, status)
        for item, score in zip(ITEMS, scores, strict=True)
    }
    made = Submission(f"s{number}", "", job.GRADED, cells=cells)
    made.scores = dict(zip((item.key for item in ITEMS), scores, strict=True))
    return made


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3), min_size=10, max_size=40))
def test_discrimination_is_the_correlation_with_the_other_tasks(rows: list[Any]) -> None:
    data = np.array(rows)
    found, why = statistics.discrimination(
        ITEMS[0], [submission(n, *row) for n, row in enumerate(rows)], ITEMS
    )
    rest = data[:, 1:].sum(1)
    if data[:, 0].std() == 0 or rest.std() == 0:
        assert found is None and why
    else:
        assert found is not None
        assert found.r == pytest.approx(np.corrcoef(data[:, 0], rest)[0, 1], abs=1e-6)
        assert -1 <= found.low <= found.r + 1e-5 and found.r - 1e-5 <= found.high <= 1


def test_the_interval_is_that_of_fisher() -> None:
    """With 30 students and r = 0: ± tanh(1.96/√27) = ± 0.36."""
    half = [(1.0, 1.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)]
    rows = [half[n % 4] for n in range(28)] + [(0.0, 1.0, 0.0), (0.0, 0.0, 0.0)]
    found, _ = statistics.discrimination(
        ITEMS[0], [submission(n, *row) for n, row in enumerate(rows)], ITEMS
    )
    assert found is not None and found.r == pytest.approx(0, abs=1e-12)
    assert (found.low, found.high) == (
        pytest.approx(-0.361, abs=1e-3),
        pytest.approx(0.361, abs=1e-3),
    )


def test_a_task_that_nobody_has_graded_yet_spoils_no_other() -> None:
    dice = random.Random(1)
    rows = [(float(dice.random() < 0.5), float(dice.random() < 0.5), None) for _ in range(20)]
    ones = [submission(n, *row) for n, row in enumerate(rows)]
    assert statistics.discrimination(ITEMS[0], ones, ITEMS)[0] is not None
    assert statistics.discrimination(ITEMS[2], ones, ITEMS) == (None, "not decided yet")


def test_blank_submissions_do_not_count_for_discrimination() -> None:
    dice = random.Random(2)
    ones = [submission(n, *(float(dice.random() < 0.5) for _ in ITEMS)) for n in range(20)]
    blank = [submission(n, 0.0, 0.0, 0.0, status=job.NOT_ATTEMPTED) for n in range(20, 60)]
    alone, _ = statistics.discrimination(ITEMS[0], ones, ITEMS)
    both, _ = statistics.discrimination(ITEMS[0], ones + blank, ITEMS)
    assert alone == both


@given(st.lists(st.floats(0, 20), max_size=200), st.floats(0.5, 200))
def test_a_histogram_counts_everyone_once(values: list[float], top: float) -> None:
    bins = statistics.histogram(values, top)
    assert sum(one.count for one in bins) == len(values)
    assert len(bins) <= 21
    for one in bins[:-1]:
        inside = [v for v in values if one.low + 1e-6 < v < one.high - 1e-6]
        assert one.count >= len(inside)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("off by 0.25 at [1, 2]. (seed 17)", "off by 3e-05 at [12, 0, 4]. (seed 9)"),
        ("shape (3, 4), expected (3,)", "shape (10,), expected (2, 2)"),
        ("got nan, wanted -1.5", "got 7, wanted inf"),
        ("<function f at 0x7f01>", "<function f at 0x9a>"),
    ],
)
def test_numbers_do_not_part_messages(one: str, other: str) -> None:
    assert messages.normalised(one) == messages.normalised(other)


@pytest.mark.parametrize(
    ("one", "other"), [("conv2d is wrong", "conv1d is wrong"), ("use float32", "use float64")]
)
def test_words_with_digits_part_messages(one: str, other: str) -> None:
    assert messages.normalised(one) != messages.normalised(other)


def test_the_commonest_message_comes_first_and_counts_students() -> None:
    said = [("a", "x is 1"), ("b", "x is 2"), ("b", "x is 3"), ("c", "other"), ("d", "")]
    found = messages.grouped(said)
    assert [(group.students, group.message) for group in found] == [(2, "x is 1"), (1, "other")]


# --- similarity ---------------------------------------------------------------------------------

LONG = """def train(X, y, lr=0.1):
    weights = np.zeros(X.shape[1])  # start
    losses = []
    for epoch in range(100):
        scores = X @ weights
        chances = 1 / (1 + np.exp(-scores))
        gradient = X.T @ (chances - y) / len(y)
        weights = weights - lr * gradient
        losses.append(-np.mean(y * np.log(chances) + (1 - y) * np.log(1 - chances)))
        if len(losses) > 1 and abs(losses[-1] - losses[-2]) < 1e-9:
            break
    return weights, losses
"""


def disguised(source: str) -> str:
    """The same answer with other names, comments, strings and layout."""
    for old, new in (("weights", "w"), ("losses", "L"), ("gradient", "g"), ("chances", "p")):
        source = re.sub(rf"\b{old}\b", new, source)
    source = source.replace("# start", "# my own idea").replace(" * ", "*")
    return source.replace("    return", '    """Mine."""\n    return')


def other(number: int) -> str:
    return synthetic_class.answer("train", random.Random(number))


def pairs(*answers: str, **options: Any) -> list[similarity.Pair]:
    given = [Answer(f"s{n}", "train", source) for n, source in enumerate(answers)]
    return similar_pairs(given, {"train": STUBS["train"]}, **options)


def test_a_disguised_copy_is_found() -> None:
    found = pairs(LONG, disguised(LONG), *(other(n) for n in range(20)))
    assert [(pair.first, pair.second) for pair in found] == [("s0", "s1")]
    assert found[0].similarity > 0.95 and found[0].tasks[0][0] == "train"


def test_different_answers_are_not_found() -> None:
    assert pairs(*(other(n) for n in range(40))) == []


def test_what_was_released_is_no_similarity() -> None:
    assert pairs(STUBS["train"], STUBS["train"], STUBS["train"]) == []
    given = [Answer(f"s{n}", "t", LONG + f"x{n} = {n}\n") for n in range(2)]
    assert similar_pairs(given, {"t": LONG}) == []
    assert similar_pairs(given, {}) != []


def test_short_answers_say_little() -> None:
    given = [
        Answer(f"s{n}", "sigmoid", "def sigmoid(z):\n    return 1/(1+np.exp(-z))") for n in "ab"
    ]
    assert similar_pairs(given) == []
    assert similar_pairs(given, tokens=5) != []


def test_what_half_the_class_wrote_says_nothing() -> None:
    common = "\n".join(LONG.split("\n")[:8])
    assert pairs(*[common] * 10, *(other(n) for n in range(10))) == []
    assert len(pairs(*[common] * 2, *(other(n) for n in range(18)))) == 1


def test_a_long_common_answer_is_still_told_without_all_its_pairs() -> None:
    long = LONG + LONG.replace("def train", "def again")
    found = pairs(*[long] * 10, *(other(n) for n in range(10)))
    assert len(found) == 9


def test_names_of_libraries_do_count() -> None:
    assert own_tokens("a = np.sum(b)") != own_tokens("a = np.prod(b)")
    assert own_tokens("a = np.sum(b)") == own_tokens("q   =  np.sum( b ) # total")


@pytest.mark.parametrize(
    "source", ["def f(:", "'''never ends", "%magic\n!ls", "\x00", "  x\n y", ""]
)
def test_what_is_no_program_is_compared_as_far_as_it_goes(source: str) -> None:
    assert isinstance(own_tokens(source), list)


def test_every_pair_is_named_once_and_in_order() -> None:
    found = pairs(LONG, LONG, disguised(LONG), *(other(n) for n in range(30)))
    names = [(pair.first, pair.second) for pair in found]
    assert sorted(names) == [("s0", "s1"), ("s0", "s2"), ("s1", "s2")]
    assert all(first < second for first, second in names)


def test_memory_stays_flat() -> None:
    """A matrix of all 600 × 600 similarities would be 1.4 MB in single precision."""
    given = [Answer(f"s{n}", "t", f"x = np.f{n}(a{n}, {n})\n" * 3) for n in range(600)]
    tracemalloc.start()
    similar_pairs(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000
