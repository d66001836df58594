"""What was handed in, accident by accident, and what is stored of it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.grading import runner, scan, store
from course_utils.grading.gradebook import Course
from course_utils.grading.job import GRADED, QUARANTINED, Job, Limits, ReleasedCell, Result

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.grading_class import (
    FULL,
    NAME,
    FakeEngines,
    answered,
    copy_course,
    dump,
    grade,
    make_course,
    submit,
)

FILE = f"{NAME}.ipynb"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("template") / "course")


@pytest.fixture
def course(template: Course, tmp_path: Path) -> Course:
    return copy_course(template, tmp_path / "course")


def entry(course: Course, student: str = "ada", **options: Any) -> runner.Entry:
    return grade(course, **options).entries[student]


# --- accidents that end in quarantine -----------------------------------------------------------


def truncated(course: Course, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


def not_a_notebook(course: Course, path: Path) -> None:
    path.write_text('{"answer": 42}')


def a_list(course: Course, path: Path) -> None:
    path.write_text("[1, 2, 3]")


def empty(course: Course, path: Path) -> None:
    path.write_bytes(b"")


def binary(course: Course, path: Path) -> None:
    path.write_bytes(bytes(range(128, 256)))


def too_new(course: Course, path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"nbformat": 5}))


def bad_old_format(course: Course, path: Path) -> None:
    path.write_text('{"nbformat": 3, "worksheets": 7}')


def cells_of_nonsense(course: Course, path: Path) -> None:
    path.write_text('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1, "x"]}')


def nested(course: Course, path: Path) -> None:
    path.write_text("[" * 200_000)


def no_notebook(course: Course, path: Path) -> None:
    path.unlink()
    (path.parent / "answer.txt").write_text("I forgot")


def foreign(course: Course, path: Path) -> None:
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('hello')", id="hello")])
    nbformat.write(nb, path)


def foreign_and_renamed(course: Course, path: Path) -> None:
    foreign(course, path)
    path.rename(path.with_name("homework.ipynb"))


def two_candidates(course: Course, path: Path) -> None:
    shutil.copy(path, path.with_name("first.ipynb"))
    path.rename(path.with_name("second.ipynb"))


def large(course: Course, path: Path) -> None:
    nb = json.loads(path.read_text())
    nb["cells"][0]["source"] = "x" * 400_000
    path.write_text(json.dumps(nb))


def large_files(course: Course, path: Path) -> None:
    for number in range(4):
        (path.parent / f"data{number}.bin").write_bytes(b"x" * 200_000)


def linked_notebook(course: Course, path: Path) -> None:
    path.unlink()
    path.symlink_to(course.source(NAME) / FILE)


def linked_folder(course: Course, path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.symlink_to(course.source(NAME))


def linked_student(course: Course, path: Path) -> None:
    submit(course, "eve")
    home = path.parent.parent
    shutil.rmtree(home)
    home.symlink_to(course.submitted("eve", NAME).parent)


def a_file_as_folder(course: Course, path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("this is my answer")


def a_pipe(course: Course, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def wrong_folder_name(course: Course, path: Path) -> None:
    path.parent.rename(path.parent.with_name("99-smal"))


def other_students_exchange_folder(course: Course, path: Path) -> None:
    inner = path.parent / f"bob+{NAME}+2026-03-01 10:00:00 UTC+abcd"
    inner.mkdir()
    path.rename(inner / FILE)


def other_students_secret(course: Course, path: Path) -> None:
    folder = submit(course, "bob")
    for place in (folder, path.parent):
        (place / "submission_secret.txt").write_text("c0ffee" * 10)


def names_another_student(course: Course, path: Path) -> None:
    submit(course, "bob")
    (path.parent / "timestamp.txt").write_text("bob 2026-03-01")


ACCIDENTS: list[tuple[Callable[[Course, Path], None], str]] = [
    (truncated, "not a notebook that can be read"),
    (not_a_notebook, "is not a notebook"),
    (a_list, "is not a notebook"),
    (empty, "is empty"),
    (binary, "is not text"),
    (too_new, "format 5, which is newer"),
    (bad_old_format, "old notebook format 3 and cannot be converted"),
    (cells_of_nonsense, "not a sound notebook"),
    (nested, "nested too deeply"),
    (no_notebook, "There is no notebook in it"),
    (foreign, "none of its cells is in it"),
    (foreign_and_renamed, "homework.ipynb is another notebook"),
    (two_candidates, "only first.ipynb, second.ipynb. Rename"),
    (large, "too large: 99-small.ipynb"),
    (large_files, "too large: data"),
    (linked_notebook, "symbolic link"),
    (linked_folder, "symbolic link"),
    (linked_student, "symbolic link"),
    (a_file_as_folder, "is a file where a folder should be"),
    (a_pipe, "There is no notebook"),
    (wrong_folder_name, "There is no assignment called 99-smal.*rename the folder to 99-small"),
    (other_students_exchange_folder, "seems to be from bob"),
    (other_students_secret, "the same as in the submission of bob"),
    (names_another_student, "seems to be from bob: timestamp.txt in it names them"),
]


@pytest.mark.parametrize(
    ("accident", "reason"), ACCIDENTS, ids=[accident.__name__ for accident, _ in ACCIDENTS]
)
def test_an_accident_ends_in_quarantine_with_a_reason(
    course: Course, accident: Callable[[Course, Path], None], reason: str
) -> None:
    path = submit(course, "ada") / FILE
    submit(course, "zoe")
    accident(course, path)
    summary = grade(course, bounds=scan.Bounds(notebook=300_000, others=500_000))
    found = summary.entries["ada"]
    assert found.status == QUARANTINED
    assert re.search(reason, found.reason), found.reason
    assert summary.entries["zoe"].status == GRADED
    assert not course.graded("ada", NAME).exists()


@pytest.mark.parametrize(
    "name",
    [
        "new\nline",
        "<script>alert(1)<",
        b"\xff\xfename",
        "a*b",
        "right-to-left-\u202eada",
        " ada",
        "x" * 140,
    ],
)
def test_an_odd_folder_name_is_quarantined_and_stays_out_of_the_gradebook(
    course: Course, name: str | bytes
) -> None:
    student = os.fsdecode(name)
    submit(course, student)
    found = entry(course, student)
    assert found.status == QUARANTINED and "Rename" in found.reason
    assert dump(course) == {}
    assert [path.parent for path in (course.root / "grading").rglob("*.json")] == [
        course.results(NAME) / "results"
    ]


@pytest.mark.parametrize("name", ["Müller, Anna", "o'neil", "anna+tag@example.org", "=1+1", "{x}"])
def test_an_unusual_and_harmless_name_is_graded(course: Course, name: str) -> None:
    submit(course, name)
    assert entry(course, name).score == FULL
    assert set(dump(course)) == {name}


def test_a_quarantined_student_is_in_the_gradebook_without_a_score(course: Course) -> None:
    (submit(course, "ada") / FILE).write_text("")
    grade(course)
    assert dump(course)["ada"]["grade double-check"] == (None, None, True)


def test_the_exchange_knows_whose_secret_it_is(course: Course, tmp_path: Path) -> None:
    inbound = tmp_path / "exchange" / "build-deep" / "inbound"
    course.config.Exchange.root = str(tmp_path / "exchange")
    for user in ("ada", "bob"):
        folder = inbound / f"{user}+{NAME}+2026-03-01 10:00:00 UTC+xyz"
        folder.mkdir(parents=True)
        (folder / "submission_secret.txt").write_text(user * 20)
        (submit(course, user) / "submission_secret.txt").write_text("bob" * 20)
    summary = grade(course)
    assert "seems to be from bob" in summary.entries["ada"].reason
    assert summary.entries["bob"].status == GRADED


def test_students_who_are_not_in_the_gradebook_can_be_refused(course: Course) -> None:
    course.config.Autograde.create_student = False
    submit(course, "ada")
    submit(course, "bob")
    with Gradebook(course.directory.db_url, "build-deep") as gradebook:
        gradebook.add_student("bob")
    summary = grade(course)
    assert "nbgrader db student add ada" in summary.entries["ada"].reason
    assert summary.entries["bob"].status == GRADED


def test_what_was_quarantined_is_graded_when_it_is_put_right(course: Course) -> None:
    folder = submit(course, "ada")
    good = (folder / FILE).read_bytes()
    (folder / FILE).write_text("")
    grade(course)
    (folder / FILE).write_bytes(good)
    assert entry(course).score == FULL


def test_a_quarantined_folder_that_is_gone_is_forgotten(course: Course) -> None:
    submit(course, "ada")
    (submit(course, "bob") / FILE).write_text("")
    grade(course)
    shutil.rmtree(course.submitted("bob", NAME).parent)
    grade(course)
    assert [stored.student for stored in store.Store(course.results(NAME)).all()] == ["ada"]


# --- accidents that are put right ---------------------------------------------------------------


def renamed(path: Path) -> None:
    path.rename(path.with_name("99-small (1).ipynb"))


def old_format(path: Path) -> None:
    nb = nbformat.convert(nbformat.read(path, as_version=4), 3)
    path.write_text(nbformat.v3.writes_json(nb))


def utf_16(path: Path) -> None:
    path.write_bytes(path.read_text().encode("utf-16"))


def byte_order_mark(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def link_beside(path: Path) -> None:
    (path.parent / "data.csv").symlink_to("/etc/passwd")


def copy_beside(path: Path) -> None:
    shutil.copy(path, path.with_name("99-small-Copy1.ipynb"))


def odd_file_beside(path: Path) -> None:
    (path.parent / "two\nlines.txt").write_text("x")


def bad_time(path: Path) -> None:
    (path.parent / "timestamp.txt").write_text("yesterday evening")


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (renamed, "was taken as 99-small.ipynb"),
        (old_format, "old notebook format 3; it was converted"),
        (utf_16, "was not saved as plain UTF-8"),
        (byte_order_mark, "was not saved as plain UTF-8"),
        (link_beside, "data.csv is a symbolic link; it was left out"),
        (copy_beside, "99-small-Copy1.ipynb is not part of the assignment"),
        (odd_file_beside, r"two\nlines.txt has an odd name"),
        (bad_time, "timestamp.txt cannot be read"),
    ],
)
def test_a_small_accident_is_put_right_graded_and_told(
    course: Course, damage: Callable[[Path], None], note: str
) -> None:
    damage(submit(course, "ada") / FILE)
    found = entry(course)
    assert (found.status, found.score) == (GRADED, FULL)
    assert any(note in text for text in found.notes), found.notes


def test_no_file_is_read_through_a_link(course: Course) -> None:
    folder = submit(course, "ada")
    (folder / "data.csv").symlink_to("/etc/passwd")
    grade(course)
    assert not (course.graded("ada", NAME) / "data.csv").exists()


def test_a_given_file_wins_over_the_students(course: Course) -> None:
    (course.released(NAME) / "table.csv").write_text("given")
    folder = submit(course, "ada")
    (folder / "table.csv").write_text("changed")
    (folder / "mine.txt").write_text("mine")
    jobs = read(course).jobs
    assert dict(jobs[0].files) == {"mine.txt": b"mine", "table.csv": b"given"}


def test_a_file_that_students_may_change_stays_theirs(course: Course) -> None:
    course.config.Autograde.exclude_overwriting = {NAME: ["table.csv"]}
    (course.released(NAME) / "table.csv").write_text("given")
    (submit(course, "ada") / "table.csv").write_text("changed")
    assert dict(read(course).jobs[0].files) == {"table.csv": b"changed"}


def test_a_students_file_cannot_stand_where_a_given_folder_is(course: Course) -> None:
    (course.released(NAME) / "data").mkdir()
    (course.released(NAME) / "data" / "x.csv").write_text("given")
    (submit(course, "ada") / "data").write_text("in the way")
    assert dict(read(course).jobs[0].files) == {"data/x.csv": b"given"}
    assert entry(course).status == GRADED


def test_the_code_that_a_release_gives_is_known(course: Course) -> None:
    path = course.released(NAME) / FILE
    nb = nbformat.read(path, as_version=4)
    nb.cells.insert(1, nbformat.v4.new_code_cell("import torch", id="more"))
    nbformat.write(nb, path)
    submit(course, "ada")
    assert read(course).jobs[0].given == "import torch"


def test_hidden_tests_come_from_the_gradebook(course: Course) -> None:
    submit(course, "ada")
    cells = {cell.name: cell.source for cell in read(course).jobs[0].released}
    assert "hidden_matrix_of_fives" in cells["total-check"]


def read(course: Course) -> scan.Submission:
    with Gradebook(course.directory.db_url, "build-deep") as gradebook:
        assignment = scan.read_assignment(course, gradebook, NAME)
    (folder,) = scan.find_folders(course, NAME)
    return scan.read_submission(folder, assignment, course, scan.Register(), 1, Limits())


# --- the store ----------------------------------------------------------------------------------


def job(**changes: Any) -> Job:
    cell = ReleasedCell("a", "assert True", {"grade": True, "locked": True, "task": False})
    values: dict[str, Any] = {
        "student": "ada",
        "assignment": "x",
        "notebook": "x",
        "submitted": b"{}",
        "released": (cell,),
        "files": (("a.txt", b"a"),),
        "seed": 1,
    }
    return Job(**(values | changes))


@pytest.mark.parametrize(
    "change",
    [
        {"submitted": b"{ }"},
        {"released": ()},
        {"files": (("a.txt", b"b"),)},
        {"files": (("b.txt", b"a"),)},
        {"seed": 2},
        {"limits": Limits(memory=1)},
        {"given": "import os"},
    ],
)
def test_the_key_changes_with_all_that_determines_the_result(change: dict[str, Any]) -> None:
    assert store.key_of([job()], "1") == store.key_of([job()], "1")
    assert store.key_of([job()], "1") != store.key_of([job(**change)], "1")
    assert store.key_of([job()], "1") != store.key_of([job()], "2")


def stored(student: str = "ada", **changes: Any) -> store.Stored:
    result = Result(student, "x", "x", GRADED, executed="{}", repairs=("one",))
    values: dict[str, Any] = {"key": "k", "submitted": "s", "run_seed": 1, "assignment": "x"}
    values |= {"timestamp": None, "status": GRADED, "notebooks": (result,), "student": student}
    return store.Stored(**(values | changes))


@pytest.mark.parametrize("student", ["ada", "../../ada", "a/b", ".", "..", "%2E", "ö\n", "\udcff"])
def test_a_result_comes_back_as_it_was_whoever_it_is_from(tmp_path: Path, student: str) -> None:
    place = store.Store(tmp_path / "grading")
    with place.locked():
        place.save(stored(student))
    assert place.load(student) == stored(student)
    names = [path for path in tmp_path.rglob("*.json") if path.parent.name == "results"]
    assert len(names) == len(list(tmp_path.rglob("*.json"))) == 1


def test_long_names_that_begin_alike_do_not_collide() -> None:
    names = {store.file_name("x" * 300 + end) for end in ("a", "b")}
    assert len(names) == 2 and all(len(name) < 250 for name in names)


def test_a_torn_result_counts_as_none(tmp_path: Path) -> None:
    place = store.Store(tmp_path)
    with place.locked():
        place.save(stored())
    path = next((tmp_path / "results").glob("*.json"))
    path.write_bytes(path.read_bytes()[:-20])
    assert place.load("ada") is None
    assert list(place.all()) == []


def test_a_torn_line_of_the_journal_is_left_out_and_the_next_one_is_whole(tmp_path: Path) -> None:
    place = store.Store(tmp_path)
    place.note("run", seed=1)
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"event": "gra')
    store.Store(tmp_path).note("end")
    assert [event["event"] for event in place.events()] == ["run", "end"]


def test_a_write_that_fails_leaves_the_old_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = store.Store(tmp_path)
    with place.locked():
        place.save(stored())

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(store.StoreError, match="disk is full"):
            place.save(stored(status=QUARANTINED))
    assert place.load("ada") == stored()
    assert not list((tmp_path / "results").glob(".*"))


def test_a_result_says_what_was_repaired(course: Course) -> None:
    (submit(course, "ada") / FILE).rename(course.submitted("ada", NAME) / "mine.ipynb")
    grade(course, FakeEngines())
    found = store.Store(course.results(NAME)).load("ada")
    assert found is not None
    assert found.notebooks[0].repairs == (
        "mine.ipynb was taken as 99-small.ipynb: it has its cells.",
    )


def test_a_stub_and_a_wrong_answer_are_told_apart(course: Course) -> None:
    nb = answered(course, double="stub", total="stub", largest="stub")
    submit(course, "ada", nb)
    assert "not attempted" in entry(course).remarks
