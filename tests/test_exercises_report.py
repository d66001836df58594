"""The report on the checks adds up, fails when a promise is broken, and fills the book's page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests import demo_assignment as demo
from tests.test_answers import GOOD, write_answers
from tools import answers, exercises_report
from tools.answers import Report, Verdict
from tools.exercises_report import Answered, Record, complaints
from tools.mutants import Fate, Mutation, TaskMutation

ROOT = Path(__file__).resolve().parent.parent
NAME = demo.NAME


def verdict(answer: str, is_right: bool, passed: bool, named: bool = True, seed: int = 0):
    says = None if is_right else "sign"
    return Verdict("double", answer, is_right, seed, passed, says, named, seconds=0.5)


def mutation(survivors: int, run: int = 100, why: str = "") -> Mutation:
    fates = [Fate(f"a ⇒ {n}", "constant", int(n < survivors), 1, why=why) for n in range(run)]
    return Mutation(NAME, [TaskMutation("double", run, fates=fates)])


def good_record(**changes) -> Record:
    """Return the record of an assignment that keeps every promise."""
    one = Answered("double", right=4, wrong=20, accepted=4, killed=20, told=20, named=20)
    return Record(
        NAME,
        **{
            "answered": [one],
            "seeds": 5,
            "threads": [1],
            "mutation": mutation(0),
            "answers_current": True,
            "mutants_current": True,
        }
        | changes,
    )


# --- adding up ------------------------------------------------------------------------------


def test_an_answer_counts_once_however_often_it_was_run():
    seeds = [
        [verdict("a", True, True, seed=n), verdict("b", False, False, seed=n)] for n in range(3)
    ]
    report = Report(NAME, ["double"], [v for pair in seeds for v in pair])
    (one,) = exercises_report.summed([report, report])
    assert (one.right, one.accepted, one.wrong, one.killed, one.named) == (1, 1, 1, 1, 1)
    assert (one.runs, one.seconds) == (12, 6.0)


@pytest.mark.parametrize(
    ("bad", "lost"),
    [
        (verdict("a", True, False, seed=1), "accepted"),
        (verdict("b", False, True, seed=1), "killed"),
        (verdict("b", False, False, named=False, seed=1), "named"),
    ],
)
def test_one_bad_run_is_enough(bad, lost):
    fine = [verdict("a", True, True), verdict("b", False, False)]
    with_one_thread = Report(NAME, ["double"], fine)
    with_two = Report(NAME, ["double"], [bad])
    (one,) = exercises_report.summed([with_one_thread, with_two])
    assert getattr(one, lost) == 0


# --- promises -------------------------------------------------------------------------------


def test_a_good_record_is_no_complaint():
    assert complaints([good_record()]) == []


def answered(**changes: int) -> dict:
    one = {"right": 4, "wrong": 20, "accepted": 4, "killed": 20, "told": 20, "named": 20}
    return {"answered": [Answered("double", **(one | changes))]}


BROKEN = {
    "a right answer is rejected": (answered(accepted=3), "3 of 4 right answers are accepted"),
    "a wrong answer passes": (answered(killed=19), "19 of 20 wrong answers lose the points"),
    "messages that do not help": (answered(named=17), "17 of 20 wrong answers are told the cause"),
    "survivors": ({"mutation": mutation(6)}, "6.0% of the mutants survive unexplained"),
    "answers that were not run": (
        {"answers_current": False, "answered": []},
        "its answers have not been run",
    ),
    "mutants that were not run": (
        {"mutation": None, "mutants_current": False},
        "its mutants have not been run",
    ),
    "mutants of other files": ({"mutants_current": False}, "its mutants have not been run"),
    "a stale explanation": ({"mutation": Mutation(NAME, problems=["stale"])}, "stale"),
    "too few answers": ({"failures": ["double: 2 right answers; write at least 3"]}, "at least 3"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_told(case):
    changes, said = BROKEN[case]
    (told,) = complaints([good_record(**changes)])
    assert said in told


@pytest.mark.parametrize(
    "changes",
    [answered(named=18), {"mutation": mutation(5)}, {"mutation": mutation(50, why="It is equal.")}],
)
def test_what_is_within_the_limits_is_no_complaint(changes):
    assert complaints([good_record(**changes)]) == []


# --- the command, on a made-up assignment ---------------------------------------------------


def make_course(root: Path, wrong_passes: bool = False) -> None:
    demo.write(root)
    table = json.loads(json.dumps(GOOD))
    if wrong_passes:
        table["WRONG"]["double"].append(["return 2 * x + 0", "constant"])
    folder = root / "tests" / "answers"
    folder.mkdir(parents=True)
    write_answers(folder, table)


def test_a_good_assignment_passes_and_is_kept(tmp_path, capsys):
    make_course(tmp_path)
    status = exercises_report.main(["98", "--seeds", "1", "--threads", "1,2"], tmp_path)
    told = capsys.readouterr().out
    assert status == 0, told
    assert "to mend" not in told
    (record,) = exercises_report.records(tmp_path)
    assert complaints([record]) == []
    assert (record.seeds, record.threads) == (1, [1, 2])
    assert [one.task for one in record.answered] == ["double", "square", "negative"]
    # the solution itself and three right answers on 1 and on 2 threads, five wrong ones on 1
    assert [one.runs for one in record.answered] == [13, 13, 13]
    assert record.mutation is not None and sum(task.run for task in record.mutation.tasks) > 10
    text = exercises_report.fill(f"before\n\n{exercises_report.MARK}\n", tmp_path, tmp_path)
    assert "| double | 4/4 | 5/5 | 5/5 |" in text
    assert (tmp_path / exercises_report.DRAWING).is_file()


def test_a_wrong_answer_that_passes_fails(tmp_path, capsys):
    make_course(tmp_path, wrong_passes=True)
    assert exercises_report.main(["--seeds", "1", "--no-mutants"], tmp_path) == 1
    assert "98-demo, double: 5 of 6 wrong answers lose the points" in capsys.readouterr().out


def test_an_unknown_assignment_is_told(tmp_path):
    make_course(tmp_path)
    with pytest.raises(SystemExit, match=r"No answers for '77' .* There are: 98-demo"):
        exercises_report.main(["77"], tmp_path)


# --- keeping --------------------------------------------------------------------------------


def report_of(passed: bool) -> Report:
    return Report(NAME, ["double"], [verdict("a", True, passed), verdict("b", False, False)])


def keep(passed: bool, seeds: int, threads: list[int], root: Path) -> None:
    digest = exercises_report.digest_of(NAME, "answers", root)
    exercises_report.keep_answers([report_of(passed)], seeds, threads, digest, root)


def test_more_is_not_replaced_by_less(tmp_path):
    make_course(tmp_path)
    keep(True, 20, [1, 2, 4], tmp_path)
    keep(True, 5, [1], tmp_path)
    (record,) = exercises_report.records(tmp_path)
    assert (record.seeds, record.threads) == (20, [1, 2, 4])


def test_less_with_another_verdict_is_not_thrown_away(tmp_path):
    make_course(tmp_path)
    keep(True, 20, [1, 2, 4], tmp_path)
    keep(False, 5, [1], tmp_path)
    (record,) = exercises_report.records(tmp_path)
    assert record.answered[0].accepted == 0


@pytest.mark.parametrize("changed", ["solutions", "tests/answers"])
def test_what_was_measured_with_other_files_counts_as_nothing(changed, tmp_path):
    make_course(tmp_path)
    keep(True, 5, [1], tmp_path)
    assert exercises_report.records(tmp_path)[0].answers_current
    (path,) = (p for p in (tmp_path / changed).rglob(f"{NAME}.*") if p.is_file())
    path.write_text(path.read_text() + "\n")
    (record,) = exercises_report.records(tmp_path)
    assert not record.answers_current and record.answered == []
    (record,) = exercises_report.records(tmp_path, older=True)
    assert not record.answers_current and record.answered != []


def test_a_broken_file_counts_as_nothing(tmp_path):
    make_course(tmp_path)
    keep(True, 5, [1], tmp_path)
    exercises_report.kept(NAME, "answers", tmp_path).write_text("{")
    assert not exercises_report.records(tmp_path)[0].answers_current


# --- the page -------------------------------------------------------------------------------


def test_a_page_says_what_is_not_known_and_how_to_know_it(tmp_path):
    make_course(tmp_path)
    text = exercises_report.fill(exercises_report.MARK, tmp_path, tmp_path)
    assert "Not measured with these files yet" in text
    assert "make exercises-report" in text
    assert "{figure}" not in text
    assert not (tmp_path / exercises_report.DRAWING).exists()


def test_a_page_counts_the_survivors_and_shows_no_line_of_a_solution():
    changed = mutation(2, why="It computes the same.")
    for fate in changed.tasks[0].survivors:
        fate.explained_as = "equivalent"
    text = exercises_report.page([good_record(mutation=changed)])
    assert "98 are noticed and 2 survive: 2 of them compute the same" in text
    assert "⇒" not in text
    assert "It computes the same." not in text


def test_other_pages_stay_as_they_are(tmp_path):
    assert exercises_report.fill("# Another page", tmp_path, tmp_path) == "# Another page"


def test_the_drawing_is_as_long_as_the_numbers():
    root = ET.fromstring(exercises_report.drawing([good_record(mutation=mutation(25))]))
    bars = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("height") == "18"]
    widths = [float(bar.get("width", 0)) for bar in bars]
    assert widths[0] == pytest.approx(3 * widths[1], abs=0.2)
    assert [bar.get("fill") for bar in bars] == ["#135f97", "#bc3072"]


def test_the_book_has_the_page():
    text = (ROOT / "book" / exercises_report.PAGE).read_text(encoding="utf-8")
    assert text.count(exercises_report.MARK) == 1
    assert exercises_report.PAGE in (ROOT / "book" / "myst.yml").read_text(encoding="utf-8")


def test_every_assignment_is_on_the_page():
    text = exercises_report.page(exercises_report.records())
    assert [name for name in answers.answer_files() if f"### {name}" not in text] == []
