"""A learner's side of the course: check, progress, submit, and the habits they must survive."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from course_utils.cli import _assignment, _find, _match, _records, _run, _verdicts
from course_utils.cli._assignment import Assignment
from course_utils.cli._match import Match
from course_utils.cli.check import Watched, console, next_hint

import pytest

from tests import learner
from tests.learner import NAME, ROOT, Raw, Work, course, flat

RELEASE = ROOT / "exercises" / NAME / f"{NAME}.ipynb"
SUPPORTED_MINORS = range(5)


@pytest.fixture(autouse=True)
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the course, with the current folder in it and records of its own."""
    root = learner.make_clone(tmp_path / "clone", NAME, "04-backprop")
    monkeypatch.chdir(root)
    monkeypatch.setenv("COURSE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COURSE_EXCHANGE", str(tmp_path / "exchange"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter-config"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("COURSE_CHECK_SEED", raising=False)
    return root


@pytest.fixture
def work(clone: Path) -> Work:
    """A fresh copy of the assignment in work/."""
    return learner.start(clone / "work")


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return _assignment.parse(NAME, _assignment.read(RELEASE))


def test_what_a_person_reads_is_asked_for_before_handing_in(
    work: Work, assignment: Assignment
) -> None:
    (written,) = [name for task in assignment.tasks for name in task.written]
    work.solve(*(name for name in learner.solutions() if name != written))
    almost = flat(course("check", "03"))
    assert "Its written answer: not written yet (2 points)" in almost
    assert re.search(r"Task \d: something is left to write. Then hand it in: course submit", almost)
    work.answer(written, "It misses two cancers.")
    assert "All visible checks pass. To hand it in: course submit 03" in flat(course("check", "03"))


def test_a_cell_that_no_check_reads_is_missed(work: Work, assignment: Assignment) -> None:
    """A measurement that was not made, say: nothing fails, and it is told all the same."""
    task = next(task for task in assignment.tasks if task.written)
    before = _verdicts.unwritten(matched(work.solve(), assignment), task)
    assert before == []
    extra = copy.deepcopy(task)
    extra.checks = []
    work.answer(task.answers[0], assignment.cells[task.answers[0]].source)
    assert _verdicts.unwritten(matched(work, assignment), task) == []  # its check tells
    assert _verdicts.unwritten(matched(work, assignment), extra) == [task.answers[0]]


def matched(work: Work, assignment: Assignment) -> Match:
    return _match.match(_assignment.read(work.path), assignment)


# --- one session ----------------------------------------------------------------------------


def test_a_learners_session(clone: Path, tmp_path: Path) -> None:
    early = course("check", "03")
    assert early.exit_code == 2
    assert "Take a copy first: course start 03" in early.output

    # unsolved
    assert course("start", "03").exit_code == 0
    work = Work(clone / "work" / NAME / f"{NAME}.ipynb")
    before = work.path.read_bytes()
    unsolved = course("check", "03")
    assert unsolved.exit_code == 1, unsolved.output
    assert unsolved.output.count("not started") == 6
    assert "checks of tasks worth 0 of 20 points pass" in flat(unsolved)
    assert "Grading also runs hidden checks" in flat(unsolved)
    assert "2 points are for written answers, graded by a person" in flat(unsolved)

    # wrong
    mistake = next(w for w in learner.WRONG["neurons"] if w.says)
    work.answer("neurons", mistake.source)
    wrong = course("check", "03", "--hint")
    assert wrong.exit_code == 1
    assert "✗ Task 1 · Many neurons" in flat(wrong)
    assert mistake.says is not None
    assert re.search(mistake.says, flat(wrong), re.I), wrong.output

    # hints of rising strength
    assert "Hint 1 of 3 for task 1: Work out the example" in flat(wrong)
    assert "Hint 2 of 3 for task 1" in flat(course("check", "03", "--hint"))

    # right
    work.solve("neurons")
    right = course("check", "--hint")
    assert "✓ Task 1 · Many neurons, many examples passes, 3 of 3 points" in flat(right)
    assert "Hint 1 of 3 for task 2" in flat(right)
    assert "worth 3 of 20 points pass" in flat(right)
    work.solve()
    solved_bytes = work.path.read_bytes()
    solved = course("check", "perceptron")
    assert solved.exit_code == 0, solved.output
    assert solved.output.count("✓") == 6
    assert "worth 18 of 20 points pass" in flat(solved)
    assert "Its written answer: written (2 points, graded by a person)" in flat(solved)
    assert "course submit 03" in solved.output

    # seen
    (first, second) = json.loads(course("progress", "--json").output)
    assert (first["tasks_passing"], first["points_passing"]) == (6, 18)
    assert first["state"] == "all visible checks pass"
    assert second["state"] == "not started"
    table = course("progress").output
    assert "█" * 20 in table
    assert "18/20" in table

    # submitted
    handed = course("submit", "03")
    assert handed.exit_code == 0, handed.output
    assert "Warning" not in handed.output
    (packed,) = (clone / "work").glob("*.zip")
    assert packed.name in handed.output
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == [f"{NAME}.ipynb"]
        assert archive.read(f"{NAME}.ipynb") == solved_bytes
    assert "handed in" in flat(course("progress"))

    # and nothing but the learner has written into the notebook
    assert work.path.read_bytes() == solved_bytes != before
    assert sorted(p.name for p in (clone / "work" / NAME).iterdir()) == [f"{NAME}.ipynb"]


# --- what a check tells ---------------------------------------------------------------------


def test_every_way_to_fail_is_told_by_its_name(work: Work) -> None:
    work.answer("neurons", "def neurons(X, W, b):\n    while True:\n        pass")
    work.answer(
        "perceptron-epoch", "import os\ndef perceptron_epoch(X, s, w, b, order):\n    os._exit(3)"
    )
    work.answer("margin-and-bound", "def margin_and_bound(X, s, w, b):\n    return (1,")
    work.answer("weighted-cross-entropy", "exit()")
    result = course("check", "--timeout", "2")
    text = flat(result)
    assert result.exit_code == 1
    assert "Task 1 · Many neurons, many examples time-out, 0 of 3" in text
    assert "stopped after 2 s: an endless loop, or too much work" in text
    assert "Task 2 · One epoch of the perceptron rule crashed, 0 of 4" in text
    assert "the Python process ended (status 3)" in text
    assert "Task 3 · Margin and mistake bound fails, 0 of 3" in text
    assert "The cell of your answer stops with SyntaxError" in text
    assert "Task 4 · A loss that fears missed cancers fails" in text
    assert "SystemExit" in text
    assert "Task 5 · Its gradient not started" in text  # it went on to the end


def test_an_interrupt_that_is_swallowed_does_not_stop_the_check(work: Work, tmp_path: Path) -> None:
    stubborn = (
        "while True:\n    try:\n        while True:\n            pass\n    except:\n        pass"
    )
    work.solve("neurons").change(lambda raw: raw["cells"].insert(2, learner.code(stubborn)))
    result = course("check", "--timeout", "1")
    assert "✓ Task 1" in flat(result)
    assert "Cell 3 was stopped after 1 s" in flat(result)


def test_one_task_alone(work: Work) -> None:
    work.solve("perceptron-epoch")
    result = course("check", "--task", "2")
    assert result.exit_code == 0
    assert "worth 4 of the 4 points of task 2 pass" in flat(result)
    assert "Task 1" not in result.output
    missing = course("check", "--task", "9")
    assert missing.exit_code == 1
    assert "has no task 9: choose one of 1, 2, 3" in flat(missing)


def test_a_renamed_function_is_no_unstarted_task(work: Work) -> None:
    work.answer("neurons", "def my_neurons(X, W, b):\n    return X")
    text = flat(course("check", "--task", "1"))
    assert "✗ Task 1" in text
    assert "`neurons` is not defined" in text


def test_an_own_cell_that_stops_is_told_apart(work: Work) -> None:
    work.solve("neurons").change(lambda raw: raw["cells"].append(learner.code("1 / 0")))
    text = flat(course("check", "--task", "1"))
    assert "✓ Task 1" in text
    assert "stops with ZeroDivisionError: division by zero. See line 1" in text


def test_magics_await_and_files_beside_the_notebook_work(work: Work) -> None:
    (work.path.parent / "mine.txt").write_text("3")
    (work.path.parent / "helper.py").write_text("value = 3")
    own = "\n".join(
        [
            "%matplotlib inline",
            "import asyncio, helper, matplotlib.pyplot as plt",
            "await asyncio.sleep(0)",
            "plt.plot([1, 2]); plt.show()",
            "three = int(open('mine.txt').read())",
            "assert three == helper.value",
        ]
    )
    work.solve("neurons").change(lambda raw: raw["cells"].insert(2, learner.code(own)))
    text = flat(course("check", "--task", "1"))
    assert "✓ Task 1" in text
    assert "Cell 3" not in text, text


def test_hints_end_with_the_strongest(
    work: Work, assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    results = _verdicts.judge(matched(work, assignment), [], [])
    for result in results:
        result.status = "not started"
    record = _records.Record(str(work.path))
    said = []
    for _ in range(4):
        next_hint(console(), results, record)
        said.append(" ".join(capsys.readouterr().out.split()))
    for number in (1, 2, 3):
        assert f"Hint {number} of 3 for task 1:" in said[number - 1]
    assert "Hint 3 of 3 for task 1, once more: it is the strongest" in said[3]
    assert "`X @ W` has shape (N, K), and adding `b`" in said[3]
    results[0].status = "passes"
    next_hint(console(), results, record)
    assert "Hint 1 of 3 for task 2" in capsys.readouterr().out


def test_hints_are_remembered_where_state_can_be_kept_and_harmless_where_not(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("COURSE_STATE", str(tmp_path / "a file" / "state"))
    assert "Hint 1 of 3" in flat(course("check", "--hint", "--task", "1"))


def test_a_damaged_record_is_as_none(work: Work, tmp_path: Path) -> None:
    _records.save(_records.Record(str(work.path), NAME, hints={"1": 2}))
    assert _records.load(work.path).hints == {"1": 2}
    (file,) = (tmp_path / "state").glob("*.json")
    wrong_types = {**json.loads(file.read_text()), "tasks": 5}
    for text in ("", "{", "[]", '{"version": 1, "new field": 3}', json.dumps(wrong_types)):
        file.write_text(text)
        assert list(_records.every()) == []
        assert _records.load(work.path).hints == {}


# --- which notebook -------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["3"], [NAME], ["perceptron"], []])
def test_without_a_copy_it_says_how_to_get_one(args: list[str]) -> None:
    result = course("check", *args)
    assert result.exit_code == 2
    assert "course start 03" in result.stderr
    assert result.stdout == ""


def test_the_newest_of_two_is_checked_and_the_other_named(clone: Path, work: Work) -> None:
    second = learner.start(clone / "work", f"{NAME}-2", "my copy – Übung.ipynb")
    os.utime(work.path, (1, 1))
    found = _find.find(None)
    assert (found.path.name, found.others) == ("my copy – Übung.ipynb", 1)
    os.utime(second.path, (0, 0))
    assert _find.find("3").path == work.path


def test_a_renamed_notebook_with_spaces_is_known_by_its_cells(clone: Path, tmp_path: Path) -> None:
    work = learner.start(tmp_path / "elsewhere", "Ännchens Übungen", "Kopie von Blatt 1.ipynb")
    result = course("check", work.path, "--task", "1")
    assert result.exit_code == 1
    assert "Assignment 03 · The perceptron" in result.output
    # from now on it is found without its path
    assert _find.find("03").path == work.path
    work.path.rename(work.path.with_name("moved.ipynb"))
    assert _records.load(work.path.with_name("moved.ipynb"), "x").tasks == {}
    digest = _assignment.read(work.path.with_name("moved.ipynb")).digest
    assert _records.load(work.path.with_name("moved.ipynb"), digest).tasks


def test_the_folder_one_stands_in_comes_first(
    clone: Path, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = learner.start(tmp_path / "deep")
    os.utime(other.path, (1, 1))
    monkeypatch.chdir(other.path.parent)
    monkeypatch.setattr("course_utils.__file__", str(clone / "course_utils/__init__.py"))
    assert _find.find(None).path == other.path


def test_what_nbgrader_has_fetched_is_found(clone: Path) -> None:
    fetched = learner.start(clone)
    assert _find.find("3").path == fetched.path
    mine = learner.start(clone / "work")
    os.utime(mine.path, (1, 1))
    assert (_find.find("3").path, _find.find("3").others) == (fetched.path, 1)


def test_a_wrong_path_names_the_nearest(work: Work) -> None:
    result = course("check", "work/03-perceptron/03-perzeptron.ipynb")
    assert result.exit_code == 2
    assert "Did you mean work/03-perceptron/03-perceptron.ipynb?" in result.stderr


def test_a_notebook_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.ipynb"
    path.write_text(json.dumps({"cells": [learner.code("1")], "nbformat": 4, "metadata": {}}))
    result = course("check", path)
    assert result.exit_code == 2
    assert "none of the course's assignments" in result.stderr


def test_the_courses_own_notebooks_leave_no_record(clone: Path) -> None:
    path = clone / "exercises" / NAME / f"{NAME}.ipynb"
    assert course("check", path, "--task", "1").exit_code == 1
    assert list(_records.every()) == []


# --- files that cannot be read --------------------------------------------------------------

UNREADABLE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda data: data[: len(data) // 2], "not JSON"),
    "empty": (lambda data: b"", "is empty"),
    "binary": (lambda data: b"\x89PNG\r\n\xff\xfe\xfa", "not UTF-8"),
    "merge": (lambda data: b"<<<<<<< HEAD\n" + data + b"\n>>>>>>> b", "conflict markers"),
    "a list": (lambda data: b"[1, 2]", "is not a notebook"),
    "old format": (lambda data: b'{"worksheets": [], "nbformat": 3}', "old format"),
    "deep": (lambda data: b"[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("command", ["check", "submit"])
def test_an_unusable_file_is_one_sentence_and_status_2(work: Work, kind: str, command: str) -> None:
    damage, said = UNREADABLE[kind]
    work.path.write_bytes(damage(work.path.read_bytes()))
    for args in ([command, str(work.path)], [command, "3"]):
        result = course(*args)
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_a_damaged_notebook_names_its_checkpoint(work: Work) -> None:
    saved = work.path.parent / ".ipynb_checkpoints" / f"{NAME}-checkpoint.ipynb"
    saved.parent.mkdir()
    saved.write_bytes(work.path.read_bytes())
    work.path.write_text("{")
    assert f"{NAME}-checkpoint.ipynb" in course("check").stderr


# --- files that other programs have saved ---------------------------------------------------


def strip_metadata(raw: Raw) -> None:
    for cell in raw["cells"]:
        cell["metadata"] = {}


def strip_all(raw: Raw) -> None:
    """As Colab can leave a file: no names, ids of its own, its own metadata."""
    for number, cell in enumerate(raw["cells"]):
        cell["metadata"] = {"id": f"aB3dE6gH9jK{number % 10}"}
        cell.pop("id", None)
    raw["nbformat_minor"] = 0
    raw["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}


def vs_code(raw: Raw) -> None:
    """As VS Code can leave a file: names kept, ids dropped, a language at each cell."""
    for cell in raw["cells"]:
        cell.pop("id", None)
        cell["metadata"]["vscode"] = {"languageId": "python"}
        cell["source"] = learner.source(cell).splitlines(keepends=True)
    raw["nbformat_minor"] = 2
    raw["metadata"] = {"language_info": {"name": "python", "version": "3.12"}}


def crlf(raw: Raw) -> None:
    for cell in raw["cells"]:
        cell["source"] = learner.source(cell).replace("\n", "\r\n")


def with_outputs(raw: Raw) -> None:
    for cell in raw["cells"]:
        if cell["cell_type"] == "code":
            error = {"output_type": "error", "ename": "E", "evalue": "old", "traceback": []}
            cell.update(outputs=[error], execution_count=99)


EDITORS: dict[str, tuple[Callable[[Raw], None], str]] = {
    "metadata stripped": (strip_metadata, "removed the marks"),
    "Colab": (strip_all, "removed the marks"),
    "VS Code": (vs_code, ""),
    "Windows line ends": (crlf, ""),
    "old outputs": (with_outputs, ""),
}


@pytest.mark.parametrize("editor", EDITORS)
def test_a_file_that_another_program_saved_is_judged_the_same(
    work: Work, assignment: Assignment, editor: str
) -> None:
    plain = matched(work.solve(), assignment)
    save, said = EDITORS[editor]
    found = matched(work.change(save), assignment)
    assert [(s.name, s.check, s.task) for s in found.steps] == [
        (s.name, s.check, s.task) for s in plain.steps
    ]
    assert [s.source for s in found.steps] == [s.source for s in plain.steps]
    assert set(found.place) == set(assignment.cells)
    assert len(found.notes) == bool(said)
    assert said in " ".join(found.notes)


def test_colab_and_crlf_from_beginning_to_end(work: Work) -> None:
    """The worst of them runs; and what is handed in can be graded again."""
    work.solve().change(crlf).change(strip_all)
    result = course("check")
    assert result.exit_code == 0, result.output
    assert "worth 18 of 20 points pass" in flat(result)
    assert "`course submit` puts the marks back" in flat(result)
    mine = work.path.read_bytes()
    handed = course("submit", "3", "--plain")
    assert "the marks that grading needs were put back" in handed.output
    (copied,) = work.path.parents[1].glob(f"{NAME}-*.ipynb")
    release = json.loads(RELEASE.read_text(encoding="utf-8"))
    assert [c["metadata"].get("nbgrader") for c in json.loads(copied.read_bytes())["cells"]] == [
        c["metadata"].get("nbgrader") for c in release["cells"]
    ]
    assert work.path.read_bytes() == mine


@pytest.mark.parametrize("minor", SUPPORTED_MINORS)
def test_every_minor_format_is_read(work: Work, assignment: Assignment, minor: int) -> None:
    def older(raw: Raw) -> None:
        raw["nbformat_minor"] = minor
        for cell in raw["cells"]:
            cell.pop("id", None)

    assert set(matched(work.change(older), assignment).place) == set(assignment.cells)


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8-sig", "byte order mark"), ("utf-16", "UTF-16")]
)
def test_odd_encodings_are_read_told_and_repaired_in_what_is_handed_in(
    work: Work, assignment: Assignment, encoding: str, said: str
) -> None:
    text = work.path.read_text(encoding="utf-8")
    work.path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    found = matched(work, assignment)
    assert set(found.place) == set(assignment.cells)
    assert [said in note for note in found.notes] == [True]
    repaired = _match.restored(found)
    assert repaired is not None
    assert json.loads(repaired.decode("utf-8")) == json.loads(text)


def test_a_clean_notebook_needs_no_words_and_no_repair(work: Work, assignment: Assignment) -> None:
    found = matched(work.solve(), assignment)
    assert found.notes == []
    assert _match.restored(found) is None


# --- cells that were moved, changed, copied, deleted ----------------------------------------


def delete(name: str) -> Callable[[Raw], Any]:
    return lambda raw: raw["cells"].pop(learner.index(raw, name))


def duplicate(name: str) -> Callable[[Raw], None]:
    def edit(raw: Raw) -> None:
        raw["cells"].append(copy.deepcopy(learner.cell(raw, name)))

    return edit


def move_up(name: str) -> Callable[[Raw], None]:
    def edit(raw: Raw) -> None:
        raw["cells"].insert(1, raw["cells"].pop(learner.index(raw, name)))

    return edit


def order(found: Match) -> list[str]:
    return [step.name for step in found.steps if step.name]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (delete("neurons-check"), "“neurons-check” is missing: the released text was used"),
        (delete("setup"), "“setup” is missing"),
        (duplicate("screen-check"), "“screen-check” is there more than once: the last copy"),
        (
            lambda raw: learner.cell(raw, "neurons-check").update(source="pass"),
            "“neurons-check” is not as released",
        ),
        (move_up("neurons-check"), "“neurons-check” is above the answer"),
    ],
    ids=["deleted", "setup deleted", "duplicated", "edited", "moved"],
)
def test_released_cells_are_used_and_it_is_said(
    work: Work, assignment: Assignment, edit: Callable[[Raw], Any], said: str
) -> None:
    plain = matched(work, assignment)
    found = matched(work.change(edit), assignment)
    assert order(found) == order(plain)
    assert [s.source for s in found.steps if s.check] == [s.source for s in plain.steps if s.check]
    assert [said in note for note in found.notes] == [True], found.notes


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: None,
        delete("neurons-check"),
        delete("setup"),
        delete("screen"),
        duplicate("screen-check"),
        duplicate("neurons"),
        duplicate("neurons-check"),
        move_up("screen"),
    ],
    ids=[
        "clean",
        "check deleted",
        "setup deleted",
        "answer deleted",
        "last check twice",
        "answer twice",
        "first check twice",
        "answer moved",
    ],
)
def test_the_same_cells_count_in_the_same_order_as_in_grading(
    work: Work, assignment: Assignment, edit: Callable[[Raw], Any]
) -> None:
    from course_utils.grading.repair import ReleasedCell, repair

    import nbformat

    found = matched(work.solve().change(edit), assignment)
    submitted = nbformat.from_dict(work.raw())
    for cell in submitted.cells:
        cell.source = learner.source(cell)
    metadata = {"locked": False, "grade": False, "solution": False, "task": False}
    released = [
        ReleasedCell(
            name,
            cell.source,
            nbformat.from_dict({**metadata, **cell.nbgrader, "cell_type": cell.kind}),
        )
        for name, cell in assignment.cells.items()
    ]
    repair(submitted, released)
    graded = [
        cell.metadata["nbgrader"]["grade_id"]
        for cell in submitted.cells
        if cell.cell_type == "code" and "nbgrader" in cell.metadata
    ]
    assert order(found) == graded


def test_all_checks_deleted_and_the_answers_alone_kept(work: Work, assignment: Assignment) -> None:
    """Somebody who hands over nothing but the functions, with no names at all."""
    known = learner.solutions()

    def keep(raw: Raw) -> None:
        names = [n for n in known if n != "screening-report"]
        raw["cells"] = [learner.code(known[name]) for name in names]

    found = matched(work.change(keep), assignment)
    checks = [name for task in assignment.tasks for name in task.checks]
    assert [step.name for step in found.steps if step.check] == checks
    names = order(found)
    assert names[0] == "setup"
    for check in checks:
        assert names.index(check) == names.index(check.removesuffix("-check")) + 1


def test_a_deleted_answer_is_named_with_the_way_out(work: Work) -> None:
    result = course("check", work.change(delete("neurons")).path, "--task", "1")
    text = flat(result)
    assert "The cell “neurons” is missing, and with it the answer" in text
    assert f"course start {NAME} --fresh" in text
    assert "✗ Task 1" in text


def test_a_check_above_its_answer_is_judged_and_not_called_passed(work: Work) -> None:
    work.solve("neurons").change(move_up("neurons-check"))
    result = course("check", "--task", "1")
    assert result.exit_code == 1
    assert "Your answer passes, but its check cell stands above it" in flat(result)


def test_of_two_copies_of_an_answer_the_one_above_the_check_is_judged_as_in_grading(
    work: Work,
) -> None:
    work.solve("neurons").change(duplicate("neurons"))
    work.change(lambda raw: raw["cells"][-1].update(source="def neurons(X, W, b):\n    return 1"))
    result = course("check", "--task", "1")
    assert "“neurons” is there more than once: the check judges what has run above it" in flat(
        result
    )
    assert result.exit_code == 0


def test_execution_counts_and_hidden_state_do_not_matter(work: Work) -> None:
    """Cells run out of order: only what the file says from the top counts."""
    uses = learner.code("print(neurons_were_defined_in_a_deleted_cell)")
    work.solve("neurons").change(lambda raw: raw["cells"].insert(2, uses))
    text = flat(course("check", "--task", "1"))
    assert "✓ Task 1" in text
    assert "Cell 3 stops with NameError" in text


# --- running --------------------------------------------------------------------------------


class Step:
    def __init__(self, source: str, check: bool = False) -> None:
        self.source, self.check = source, check


def test_after_a_crash_the_cells_above_run_again_and_the_culprit_does_not(
    tmp_path: Path,
) -> None:
    steps = [Step("x = 1"), Step("import os; x = 2; os._exit(1)"), Step("x += 1; assert x == 2")]
    assert [o.status for o in _run.run(steps, tmp_path, 20)] == ["ok", "crash", "ok"]


def test_a_flood_of_output_and_a_question_do_no_harm(tmp_path: Path) -> None:
    steps = [Step("print('x' * 50_000_000)"), Step("input('?')"), Step("1")]
    assert [o.status for o in _run.run(steps, tmp_path, 20)] == ["ok", "error", "ok"]


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import os, subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(file)!r}, 'w').write(f'{{os.getpid()}} {{p.pid}}')"
    )
    _run.run([Step(code)], tmp_path, 20)
    pids = [int(pid) for pid in file.read_text().split()]
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_the_cells_end_when_the_command_is_killed(work: Work, clone: Path) -> None:
    import psutil

    work.change(lambda raw: raw["cells"].insert(0, learner.code("while True:\n    pass")))
    command = [sys.executable, "-m", "course_utils", "check"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (children := psutil.Process(process.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(children, timeout=20)
    assert left == []


def test_a_run_is_given_up_when_the_notebook_is_saved_meanwhile(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(_run.Changed):
        steps = [Step("import time; time.sleep(60)")]
        _run.run(steps, tmp_path, 100, stop=lambda: time.monotonic() > begin + 1)


def alive(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_broken_python_is_one_sentence(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "CHILD", "raise ImportError('no IPython here')")
    result = course("check")
    assert result.exit_code == 1
    assert "Python could not be started to run the notebook (ImportError: no IPython here)" in (
        result.stderr
    )
    assert "course doctor" in result.stderr


# --- watching -------------------------------------------------------------------------------


def test_outputs_and_metadata_do_not_wake_the_watch_and_text_does(work: Work) -> None:
    watched = Watched(work.path, digest=_assignment.read(work.path).digest)
    watched.settle()
    assert not watched.changed()
    work.change(with_outputs)
    assert not watched.changed()
    work.path.write_text("{")
    assert watched.changed()  # damaged: to be said
    work.path.unlink()
    assert not watched.changed()  # between two steps of an atomic save


@pytest.fixture
def watching(work: Work, clone: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "course_utils", "check", "--watch", "--task", "1"]
    process = subprocess.Popen(
        command,
        cwd=clone,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        | {"PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    yield process
    process.kill()
    process.wait()


def until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"{text!r} never came: {''.join(lines)}")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_watch_checks_at_every_save_and_ends_politely(
    watching: subprocess.Popen[str], work: Work
) -> None:
    assert "not started" in until(watching, "Waiting for the next save")
    work.solve("neurons")
    assert "✓  Task 1" in until(watching, "Waiting for the next save")
    good = work.path.read_bytes()
    work.path.write_text("{")
    assert "not JSON" in until(watching, "Waiting for the next save")
    work.path.write_bytes(good)
    assert "✓  Task 1" in until(watching, "Waiting for the next save")
    watching.send_signal(signal.SIGINT)
    rest, _ = watching.communicate(timeout=20)
    assert "Stopped watching" in rest
    assert "Traceback" not in rest
    assert watching.returncode == 0


# --- progress -------------------------------------------------------------------------------


def test_progress_before_anything_says_how_to_begin() -> None:
    result = course("progress")
    assert result.exit_code == 0
    assert "Nothing is started yet. Begin with: course start 03" in result.output


def test_progress_says_when_the_notebook_changed_since(work: Work) -> None:
    assert "not started" in flat(course("progress"))
    work.solve("neurons")
    assert "not checked yet" in flat(course("progress"))
    assert "To bring this up to date: course check 03" in course("progress").output
    course("check", "--task", "1")
    (first, _) = json.loads(course("progress", "--json").output)
    assert (first["points_passing"], first["changed_since"]) == (3, False)
    work.change(with_outputs)  # a run in Jupyter is no change
    assert not json.loads(course("progress", "--json").output)[0]["changed_since"]
    work.answer("neurons", "def neurons(X, W, b):\n    return 0")
    assert "changed since" in flat(course("progress"))


def test_the_page_needs_nothing_else_and_replaces_only_itself(work: Work, tmp_path: Path) -> None:
    page = tmp_path / "mine.html"
    for _ in range(2):
        assert course("progress", "--html", page).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<meter") == 2
    assert not re.search(r"<script|src=|href=|url\(", text)
    page.write_text("my diary")
    result = course("progress", "--html", page)
    assert result.exit_code == 1
    assert "is something else" in result.stderr
    assert page.read_text() == "my diary"


# --- submit ---------------------------------------------------------------------------------


def test_submit_warns_of_open_tasks_never_blocks_and_never_overwrites(work: Work) -> None:
    work.solve("neurons")
    (work.path.parent / "data.csv").write_text("1,2")
    (work.path.parent / ".ipynb_checkpoints").mkdir()
    (work.path.parent / ".ipynb_checkpoints" / "old.txt").write_text("old")
    for number in (1, 2):
        result = course("submit", "3")
        assert result.exit_code == 0, result.output
        assert "Warning: Tasks 2, 3, 4, 5, 6 are not started (17 points)." in result.output
        assert "You have not checked it with: course check 03" in result.output
        assert "Nothing was sent: there is no nbgrader exchange on this machine" in result.output
        packed = sorted(work.path.parents[1].glob("*.zip"))
        assert len(packed) == number
    with zipfile.ZipFile(packed[0]) as archive:
        assert sorted(archive.namelist()) == [f"{NAME}.ipynb", "data.csv"]


def test_submit_a_renamed_notebook_under_the_name_that_grading_knows(
    clone: Path, tmp_path: Path
) -> None:
    work = learner.start(tmp_path / "my things", "x", "my – copy.ipynb")
    (work.path.parent / "private.txt").write_text("not the assignment's folder")
    result = course("submit", work.path, "--to", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (packed,) = (tmp_path / "out").iterdir()
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == [f"{NAME}.ipynb"]


def exchange(tmp_path: Path, released: bool = True) -> Path:
    """An exchange as nbgrader makes it at the first release."""
    course_ = tmp_path / "exchange" / "build-deep"
    (course_ / "inbound").mkdir(parents=True)
    (course_ / "outbound").mkdir()
    (tmp_path / "exchange").chmod(0o777)
    (course_ / "inbound").chmod(0o733)
    if released:
        (course_ / "outbound" / NAME).mkdir()
        (course_ / "outbound" / NAME / f"{NAME}.ipynb").write_bytes(RELEASE.read_bytes())
    return course_ / "inbound"


@pytest.mark.skipif(sys.platform == "win32", reason="nbgrader's exchange is for POSIX systems")
def test_submit_through_the_exchange(clone: Path, tmp_path: Path) -> None:
    inbound = exchange(tmp_path)
    work = learner.start(clone / "work", f"{NAME}-2", "renamed.ipynb").solve()
    result = course("submit", "3")
    assert result.exit_code == 0, result.output
    assert f"Handed in {NAME} to the course build-deep, 2" in result.output
    (received,) = inbound.iterdir()
    assert received.name.split("+")[1] == NAME
    assert (received / f"{NAME}.ipynb").read_bytes() == work.path.read_bytes()
    assert (received / "timestamp.txt").read_text() in result.output
    assert not list((clone / "work").glob("*.zip"))


@pytest.mark.skipif(sys.platform == "win32", reason="nbgrader's exchange is for POSIX systems")
def test_what_nbgrader_does_not_take_is_packed(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange(tmp_path, released=False)
    result = course("submit", "3")
    assert f"{NAME} has not been released in the nbgrader exchange" in flat(result)
    (tmp_path / "exchange" / "build-deep" / "outbound" / NAME).mkdir()
    (tmp_path / "exchange").chmod(0o555)

    def refuse(*_: Any) -> None:
        raise RuntimeError("the door is closed")

    monkeypatch.setattr("nbgrader.exchange.ExchangeSubmit.start", refuse)
    again = course("submit", "3")
    assert again.exit_code == 0, again.output
    assert "nbgrader did not take it (the door is closed). Packed" in flat(again)
    assert len(list((work.path.parents[1]).glob("*.zip"))) == 2


# --- every assignment there is --------------------------------------------------------------


@pytest.mark.parametrize("name", [p.name for p in sorted((ROOT / "exercises").glob("[0-9]*"))])
def test_every_release_is_understood(name: str) -> None:
    path = ROOT / "exercises" / name / f"{name}.ipynb"
    assignment = _assignment.parse(name, _assignment.read(path))
    found = _match.match(_assignment.read(path), assignment)
    assert found.notes == []
    assert assignment.total == 20
    assert [task.number for task in assignment.tasks] == list(range(1, len(assignment.tasks) + 1))
    assert all(task.hints for task in assignment.tasks if task.checks)
    assert not any(found.started(task) for task in assignment.tasks)
    everything = _assignment.released(ROOT)
    assert _match.identify(found.notebook, everything.values()) is everything[name]


# --- comparing with the model answers --------------------------------------------------------


def with_solutions(clone: Path) -> None:
    """Let the clone have solutions/, as a clone of the public course has."""
    shutil.copytree(ROOT / "solutions" / NAME, clone / "solutions" / NAME)


def configure(clone: Path, line: str) -> None:
    """Add a line to the course's configuration."""
    config = clone / "nbgrader_config.py"
    config.write_text(config.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


def test_a_model_answer_is_shown_after_an_attempt_task_by_task(clone: Path, work: Work) -> None:
    with_solutions(clone)
    other = next(a for a in learner.RIGHT["neurons"] if "einsum" in a.source)
    work.answer("neurons", other.source)
    before = flat(course("compare", "3"))
    assert "your answer has not been checked. Run course check 03" in before
    assert "np.where" not in before
    course("check", "3")
    after = course("compare", "3")
    assert after.exit_code == 0, after.output
    first, rest = flat(after).split("Task 2", 1)
    assert "einsum" in first
    assert "np.where(X @ W + b >= 0, 1, 0)" in first
    assert rest.count("the task is not started") == 5
    assert "def " not in rest


def test_an_answer_that_is_the_models_is_not_shown_twice(clone: Path, work: Work) -> None:
    with_solutions(clone)
    work.solve()
    course("check", "3")
    result = course("compare", "3", "--task", "1")
    assert "yours is the model answer, word for word" in flat(result)


def test_an_instructor_may_ask_for_a_pass(clone: Path, work: Work) -> None:
    with_solutions(clone)
    configure(clone, 'c.ModelAnswers.after = "pass"')
    work.answer("neurons", learner.WRONG["neurons"][0].source)
    course("check", "3")
    assert "once the visible checks pass" in flat(course("compare", "3", "--task", "1"))
    given = clone / f"{NAME}-answers.ipynb"
    shutil.copy(clone / "solutions" / NAME / f"{NAME}.ipynb", given)
    assert "once the visible checks pass" in flat(
        course("compare", "3", "--task", "1", "--with", given)
    )


def test_what_is_not_published_is_not_shown(clone: Path, work: Work) -> None:
    with_solutions(clone)
    configure(clone, "c.ModelAnswers.solutions = False")
    work.solve("neurons")
    course("check", "3")
    result = course("compare", "3")
    assert result.exit_code == 1
    assert f"The model answers of {NAME} have not been published here" in flat(result)


@pytest.mark.skipif(sys.platform == "win32", reason="nbgrader's exchange is for POSIX systems")
def test_model_answers_are_published_through_the_exchange(
    clone: Path, work: Work, tmp_path: Path
) -> None:
    with_solutions(clone)
    refused = course("answers", "3")
    assert refused.exit_code == 1
    assert "course answers … --to FOLDER" in flat(refused)
    exchange(tmp_path)
    assert course("answers", "3").exit_code == 0
    shutil.rmtree(clone / "solutions")
    work.solve("neurons")
    course("check", "3")
    assert "word for word" in flat(course("compare", "3", "--task", "1"))


def test_a_published_notebook_has_no_hidden_checks_and_no_notes_to_graders(clone: Path) -> None:
    from course_utils.cli._model import published

    for source in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        notebook = _assignment.read(source)
        made = published(notebook, source.stem)
        text = json.dumps(made, ensure_ascii=False)
        assert "HIDDEN" not in text
        assert "or the grader" not in text
        assert "BEGIN SOLUTION" not in text
        checks = {cell.source for cell in notebook.cells if cell.grade_id.endswith("-check")}
        assert checks
        assert not checks & {cell["source"] for cell in made["cells"]}


def test_answers_wait_for_the_last_deadline(clone: Path, tmp_path: Path) -> None:
    from course_utils.cli import _course
    from course_utils.grading import deadlines

    from nbgrader.api import Gradebook

    with_solutions(clone)
    with Gradebook(f"sqlite:///{clone / 'gradebook.db'}", "build-deep") as gradebook:
        gradebook.add_assignment(NAME, duedate="2020-01-01 12:00 UTC")
        gradebook.add_student("ada")
    later = "2999-01-01 12:00"
    file = _course.find(clone).root / deadlines.EXTENSIONS
    deadlines.write_extensions(file, [deadlines.Extension("ada", NAME, f"{later} UTC")])
    to = tmp_path / "to"
    refused = course("answers", "3", "--to", to)
    assert refused.exit_code == 1
    assert f"ada has time for {NAME} until {later} UTC" in flat(refused)
    assert not to.exists()
    assert course("answers", "3", "--to", to, "--before-deadline").exit_code == 0
    file.unlink()
    assert "Published again" in course("answers", "3", "--to", to).output


def test_model_answers_of_another_assignment_are_refused(clone: Path, work: Work) -> None:
    with_solutions(clone)
    shutil.copytree(ROOT / "solutions/04-backprop", clone / "solutions/04-backprop")
    assert course("answers", "4", "--to", clone / "to").exit_code == 0
    result = course("compare", "3", "--with", clone / "to" / "04-backprop-answers.ipynb")
    assert result.exit_code == 1
    assert f"answers 04-backprop, not {NAME}" in flat(result)
    release = course("compare", "3", "--with", clone / "exercises" / NAME / f"{NAME}.ipynb")
    assert "no model answers" in flat(release)
