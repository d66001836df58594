"""Every right answer is accepted, every wrong one loses its points and is told the cause."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import demo_assignment as demo
from tools import answers, exercises_report, release
from tools.answers import Report

ROOT = Path(__file__).resolve().parent.parent
NAMES = release.assignments()


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_CHECK")}
    return subprocess.run(
        [sys.executable, "tools/answers.py", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
        env=environment | {"OMP_NUM_THREADS": "1"},
    )


def reports(*arguments: object) -> list[Report]:
    done = run(*arguments, "--json")
    assert done.stdout, done.stderr
    return answers.reports_of(done.stdout)


# --- the course -----------------------------------------------------------------------------


def test_every_assignment_has_answers():
    assert list(answers.answer_files()) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_answers(name, capsys):
    digest = exercises_report.digest_of(name, "answers")
    (report,) = reports(name)
    exercises_report.keep_answers([report], answers.SEEDS, [1], digest)  # for the book's page
    with capsys.disabled():
        sys.stdout.write("\n" + report.table() + "\n")
    assert report.failures() == []
    assert report.tasks, "no task of this assignment has a check cell"
    judged = {(verdict.task, verdict.is_right) for verdict in report.verdicts}
    assert judged == {(task, kind) for task in report.tasks for kind in (True, False)}


# --- the program that runs them -------------------------------------------------------------

HEAD = '"""Answers to the demo."""\n\nfrom tests.answers import right, wrong\n\n'
GOOD = {
    "RIGHT": {
        "double": ["return x + x", "return np.array([2 * v for v in x])", "return 2.0 * x"],
        "square": ["return x**2", "return np.square(x)", "return np.multiply(x, x)"],
        "negative": ["return 0 - x", "return -1 * x", "return np.negative(x)"],
    },
    "WRONG": {
        "double": [
            ("return x", "half|factor 2"),
            ("return 3 * x", "1.5 times"),
            ("return -2 * x", "sign"),
            ("x *= 2\n    return x", "in place"),
            ("pass", "None"),
        ],
        "square": [
            ("return x", "index"),
            ("return -x * x", "sign"),
            ("return x * abs(x)", "index"),
            ("return 2 * x", "index"),
            ("return [v * v for v in x] if x.ndim == 1 else x", "index"),
        ],
        "negative": [
            ("return x", "sign"),
            ("return 1 - x", "constant|1"),
            ("return -x.sum()", "shape"),
            ("return 1 / 0", "ZeroDivisionError"),
            ("raise NotImplementedError", "not written"),
        ],
    },
}


def write_answers(folder: Path, table: dict) -> Path:
    def source(task: str, body: str) -> str:
        return f"def {task}(x):\n    {body}"

    lines = [HEAD]
    for kind, tasks in table.items():
        entries = []
        for task, bodies in tasks.items():
            made = []
            for number, body in enumerate(bodies):
                if kind == "RIGHT":
                    made.append(f"right('right {number}', {source(task, body)!r})")
                else:
                    made.append(
                        f"wrong('wrong {number}', {source(task, body[0])!r}, says={body[1]!r})"
                    )
            entries.append(f"    {task!r}: [{', '.join(made)}],")
        lines += [f"{kind} = {{", *entries, "}"]
    path = folder / f"{demo.NAME}.py"
    path.write_text("\n".join(lines))
    return path


def judged(tmp_path: Path, change=None, *arguments: object) -> Report:
    table = json.loads(json.dumps(GOOD))
    if change:
        change(table)
    notebook = demo.write(tmp_path)
    path = write_answers(tmp_path, table)
    (report,) = reports("--notebook", notebook, "--answers", path, "--seeds", 2, *arguments)
    return report


def test_good_answers_are_judged_well(tmp_path):
    report = judged(tmp_path)
    assert report.failures() == []
    assert report.tasks == ["double", "square", "negative"]
    # the solution itself, three right and five wrong answers, two seeds each
    assert len(report.verdicts) == 3 * (1 + 3 + 5) * 2
    hidden = [v for v in report.verdicts if v.task == "square" and v.answer == "wrong 4"]
    assert {v.passed for v in hidden} == {False}, "only the hidden tests can tell this one"


LOOP = "while True: pass"
LEAVE = "__import__('os')._exit(0)"
SPOIL = "globals().update(np=None)\n    return x + x"
BREACHES = {
    "a wrong answer passes": "double: the wrong answer “wrong 5” passes with seed 0",
    "a right answer is rejected": "double: the right answer “right 3” is rejected with seed 1",
    "the message does not name the cause": "the message to “wrong 6” does not match 'turned'",
    "a right answer does not end": "“right 4” is rejected with seed 0 (time). It says: it did not",
    "a right answer kills its process": "“right 5” is rejected with seed 0 (crash). It says: its",
    "too few right ones": "square: 2 right answers; write at least 3",
    "too few wrong ones": "square: 4 wrong answers; write at least 5",
    "a task without answers": "negative: 0 right answers",
    "an unknown task": "RIGHT has answers to 'sqare'",
}


@pytest.fixture(scope="module")
def breached(tmp_path_factory) -> Report:
    def change(table: dict) -> None:
        table["WRONG"]["double"] += [["return x + x", ""], ["return x", "turned"]]
        table["RIGHT"]["double"] += ["return x", LOOP, LEAVE, SPOIL]
        table["RIGHT"]["square"].pop()
        table["WRONG"]["square"].pop()
        table["RIGHT"].pop("negative")
        table["RIGHT"]["sqare"] = ["return x"]

    return judged(tmp_path_factory.mktemp("breached"), change, "--seconds", 3)


@pytest.mark.parametrize("case", BREACHES)
def test_what_is_judged_wrongly_is_told(case, breached):
    assert BREACHES[case] in "\n".join(breached.failures())


def test_answers_do_not_touch_each_other(breached):
    after = [v for v in breached.verdicts if v.answer in ("right 6", "the solution itself")]
    assert len(after) == 2 + 3 * 2
    assert all(v.passed for v in after)
    assert len(breached.failures()) == 2 + 2 + 2 + 1 + 1 + 4


def test_a_solution_that_stops_is_told(tmp_path):
    notebook = demo.notebook()
    notebook.cells[1].source += "\nraise RuntimeError('no data')"
    path = write_answers(tmp_path, GOOD)
    source = demo.write(tmp_path, notebook)
    (report,) = reports("--notebook", source, "--answers", path)
    assert "stops in cell 'setup': RuntimeError: no data" in report.failures()[-1]


def test_the_table_and_the_messages_are_printed(tmp_path):
    notebook = demo.write(tmp_path)
    path = write_answers(tmp_path, GOOD)
    done = run("--notebook", notebook, "--answers", path, "--seeds", 1, "-t", "double")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "double" in done.stdout
    assert "5/5" in done.stdout
    assert "square" not in done.stdout
    assert "`double` changed its argument `x` in place" in done.stdout


def test_an_unknown_chapter_is_told():
    done = run("77")
    assert done.returncode != 0
    assert "No answers for '77'" in done.stderr
    assert "Traceback" not in done.stderr
