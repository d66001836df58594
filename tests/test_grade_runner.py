"""course_utils.grading.runner: a class is graded, nothing is lost, nothing changes unasked."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from course_utils.grading import engines, runner, scan, store
from course_utils.grading.gradebook import (
    Course,
    GradebookError,
    UnknownAssignmentError,
    open_course,
)
from course_utils.grading.job import GRADED, QUARANTINED
from course_utils.grading.runner import Event, NothingSubmittedError, StoppedError, grade_class

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests import small_assignment
from tests.grading_class import (
    CONFIG,
    FULL,
    NAME,
    ROOT,
    FakeEngines,
    answered,
    copy_course,
    dump,
    generate,
    grade,
    graded_files,
    make_course,
    submit,
    submit_class,
)

PROGRAM = Path(__file__).with_name("grading_class.py")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("template") / "course")


@pytest.fixture(autouse=True)
def _plugins_are_of_one_course(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A course folder is put on Python's path, as nbgrader does: take it away again."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("halving", None)


@pytest.fixture
def course(template: Course, tmp_path: Path) -> Course:
    return copy_course(template, tmp_path / "course")


def result(course: Course, student: str) -> Any:
    return store.Store(course.results(NAME)).load(student)


def only(summary: Any) -> Any:
    (entry,) = summary.entries.values()
    return entry


# --- a class ------------------------------------------------------------------------------------


def test_a_class_is_graded_and_the_gradebook_has_the_points(course: Course) -> None:
    submit(course, "ada")
    submit(course, "bob", answered(course, total="wrong"))
    summary = grade(course)
    assert summary.entries["ada"].score == FULL
    assert dump(course)["bob"]["grade total-check"] == (0.0, None, False)
    assert dump(course)["bob"]["grade double-check"] == (3.0, None, False)


def test_a_cell_that_a_person_grades_waits_for_them(course: Course) -> None:
    submit(course, "ada")
    grade(course)
    assert dump(course)["ada"]["grade why"] == (None, None, True)


def test_an_unanswered_cell_gets_nbgraders_comment(course: Course) -> None:
    submit(course, "ada", answered(course, double="stub"))
    grade(course)
    assert dump(course)["ada"]["comment double"] == ("No response.", None)
    assert dump(course)["ada"]["comment total"] == (None, None)


def test_every_submission_is_graded_or_in_quarantine(course: Course) -> None:
    submit_class(course, 10)
    assert grade(course).reconciliation == "submitted 10 = graded 8 + quarantined 2"


def test_what_is_graded_is_not_graded_again(course: Course) -> None:
    submit_class(course, 6)
    grade(course)
    events: list[Event] = []
    again = grade(course, on_event=events.append)
    assert [event for event in events if event.kind == "finished"] == []
    assert again.reconciliation == "submitted 6 = graded 5 + quarantined 1"


def test_a_new_version_of_a_submission_is_graded(course: Course) -> None:
    submit(course, "ada", answered(course, total="wrong"))
    grade(course)
    shutil.rmtree(course.submitted("ada", NAME))
    submit(course, "ada")
    assert only(grade(course)).score == FULL


def test_a_broken_new_version_keeps_the_grade_of_the_old_one(course: Course) -> None:
    folder = submit(course, "ada")
    grade(course)
    before = dump(course)
    (folder / f"{NAME}.ipynb").write_text("no notebook")
    assert only(grade(course)).status == QUARANTINED
    assert dump(course) == before
    assert (course.graded("ada", NAME) / f"{NAME}.ipynb").exists()


def test_a_glob_chooses_students(course: Course) -> None:
    for name in ("ada", "alan", "bob"):
        submit(course, name)
    assert set(grade(course, students="a*").entries) == {"ada", "alan"}


def test_manual_scores_and_comments_stay(course: Course) -> None:
    submit(course, "ada")
    grade(course)
    with Gradebook(course.directory.db_url, "build-deep") as gradebook:
        mark = gradebook.find_grade("double-check", NAME, NAME, "ada")
        mark.manual_score, mark.needs_manual_grade = 1.5, False
        gradebook.find_comment("double", NAME, NAME, "ada").manual_comment = "Well."
        gradebook.db.commit()
    grade(course, force=True)
    assert dump(course)["ada"]["grade double-check"] == (3.0, 1.5, True)
    assert dump(course)["ada"]["comment double"] == (None, "Well.")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_the_gradebook_equals_the_one_of_nbgraders_own_classes(course: Course) -> None:
    submit(course, "ada", answered(course, double="stub", total="wrong"))
    grade(course)
    with Gradebook(course.directory.db_url, "build-deep") as gradebook:
        gradebook.update_or_create_student("eve")
        gradebook.update_or_create_submission(NAME, "eve", timestamp="2026-03-01 10:00:00 UTC")
        rows = {
            kind: sorted(
                (submission.student.id, item.name)
                for submission in gradebook.assignment_submissions(NAME)
                for notebook in submission.notebooks
                for item in getattr(notebook, kind)
            )
            for kind in ("grades", "comments")
        }
    for found in rows.values():
        ours = [name for student, name in found if student == "ada"]
        assert ours and ours == [name for student, name in found if student == "eve"]


def test_the_graded_folder_is_what_nbgrader_expects(course: Course) -> None:
    folder = submit(course, "ada")
    (folder / "notes.txt").write_text("mine")
    (folder / "submission_secret.txt").write_text("ab" * 32)
    (course.released(NAME) / "table.csv").write_text("given")
    (folder / "table.csv").write_text("changed")
    grade(course)
    graded = course.graded("ada", NAME)
    assert (graded / "notes.txt").read_text() == "mine"
    assert (graded / "table.csv").read_text() == "given"
    assert (graded / "submission_secret.txt").read_text() == "ab" * 32
    assert (graded / "timestamp.txt").read_text() == "2026-03-01 10:00:00.000000 UTC"
    nb = nbformat.read(graded / f"{NAME}.ipynb", as_version=4)
    nbformat.validate(nb)
    assert (graded / f"{NAME}.ipynb").stat().st_mode & 0o777 == 0o444


def test_a_submission_without_a_time_gets_what_release_feedback_needs(course: Course) -> None:
    submit(course, "ada", stamp=None)
    grade(course)
    graded = course.graded("ada", NAME)
    assert (graded / "timestamp.txt").read_text().endswith(" UTC")
    assert len((graded / "submission_secret.txt").read_text()) == 64
    assert dump(course)["ada"]["time"] is None


# --- random inputs ------------------------------------------------------------------------------


def test_each_student_has_random_inputs_of_their_own(course: Course) -> None:
    submit(course, "ada")
    submit(course, "bob")
    grade(course, seed=7)
    seeds = {result(course, name).notebooks[0].seed for name in ("ada", "bob")}
    assert len(seeds) == 2


def test_another_answer_meets_other_inputs() -> None:
    """Feedback tells the seed: it must not be the seed of the next attempt."""
    assert scan.seed_of(7, "ada", "first") == scan.seed_of(7, "ada", "first")
    assert scan.seed_of(7, "ada", "first") != scan.seed_of(7, "ada", "second")


def test_a_seed_repeats_a_run(course: Course) -> None:
    submit_class(course, 4)
    first = grade(course)
    seeds = {name: result(course, name).notebooks[0].seed for name in ("s00", "s01")}
    grade(course, force=True)
    assert result(course, "s00").notebooks[0].seed != seeds["s00"]
    grade(course, seed=first.seed)
    assert {n: result(course, n).notebooks[0].seed for n in seeds} == seeds


def test_forcing_one_student_leaves_the_others_up_to_date(course: Course) -> None:
    submit_class(course, 4)
    grade(course)
    grade(course, force=True, students="s00")
    assert {planned.action for planned in grade(course, dry_run=True).plan} == {runner.KEEP}


# --- grading again ------------------------------------------------------------------------------


def change_a_test(course: Course, points: float | None = None) -> None:
    """Edit the source as an instructor does, and enter it into the gradebook."""
    path = course.source(NAME) / f"{NAME}.ipynb"
    nb = nbformat.read(path, as_version=4)
    cell = next(c for c in nb.cells if c.id == "double-check")
    cell.source = cell.source.replace("should be", "must be")
    if points is not None:
        cell.metadata.nbgrader["points"] = points
    nbformat.write(nb, path)
    generate(course)


def test_a_changed_test_changes_no_grade_unasked(course: Course) -> None:
    submit(course, "ada")
    grade(course)
    before = dump(course)
    change_a_test(course, points=2)
    summary = grade(course)
    assert [planned.action for planned in summary.plan] == [runner.STALE]
    assert any("--regrade --dry-run" in text for text in summary.warnings)
    assert dump(course)["ada"]["grade double-check"] == before["ada"]["grade double-check"]


def test_a_regrade_that_only_looks_shows_old_and_new_and_writes_nothing(course: Course) -> None:
    submit(course, "ada")
    submit(course, "bob", answered(course, double="wrong"))
    grade(course)
    change_a_test(course, points=2)
    state = snapshot(course)
    summary = grade(course, regrade=True, dry_run=True)
    changes = [(c.student, c.cell, c.old, c.new) for c in summary.changes]
    assert changes == [("ada", "double-check", 3.0, 2.0)]
    assert snapshot(course) == state


def snapshot(course: Course) -> Any:
    files = {
        str(path.relative_to(course.root)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in course.root.rglob("*")
        if path.is_file() and path.name != "gradebook.db"
    }
    return files, dump(course)


def test_a_regrade_writes_and_uses_the_same_random_inputs(course: Course) -> None:
    submit(course, "ada")
    grade(course)
    seed = result(course, "ada").notebooks[0].seed
    change_a_test(course, points=2)
    summary = grade(course, regrade=True)
    assert [(c.old, c.new) for c in summary.changes] == [(3.0, 2.0)]
    assert dump(course)["ada"]["grade double-check"] == (2.0, None, False)
    assert result(course, "ada").notebooks[0].seed == seed


def test_new_grading_rules_make_a_result_stale(course: Course) -> None:
    submit(course, "ada")
    grade(course)
    summary = grade(course, FakeEngines(version="fake-2"), dry_run=True)
    assert [planned.action for planned in summary.plan] == [runner.STALE]


def test_a_dry_run_says_what_would_be_done(course: Course) -> None:
    submit(course, "ada")
    grade(course)
    submit(course, "bob")
    (submit(course, "eve") / f"{NAME}.ipynb").write_text("")
    state = snapshot(course)
    summary = grade(course, dry_run=True)
    actions = {planned.student: planned.action for planned in summary.plan}
    assert actions == {"ada": runner.KEEP, "bob": runner.GRADE, "eve": runner.QUARANTINE}
    assert snapshot(course) == state


def test_a_dry_run_of_a_fresh_course_makes_no_folder(course: Course) -> None:
    submit(course, "ada")
    grade(course, dry_run=True)
    assert not (course.root / "grading").exists()


# --- nothing lost -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills process groups, which POSIX has")
def test_killed_at_twenty_random_moments_it_ends_the_same(course: Course, tmp_path: Path) -> None:
    submit_class(course, 30)
    undisturbed = copy_course(course, tmp_path / "undisturbed")
    grade(undisturbed, seed=11)
    chance = random.Random()
    with Program(course) as program:
        kills = 0
        while kills < 20:
            if program.killed(after=chance.randint(1, 22), chance=chance):
                kills += 1
            else:  # all was done: take away what makes the next runs write again
                for student in ("s00", "s07", "s12"):
                    shutil.rmtree(course.graded(student, NAME), ignore_errors=True)
        last = program.finished()
    assert last == "done submitted 30 = graded 24 + quarantined 6"
    assert dump(course) == dump(undisturbed)
    assert set(graded_files(course)) == set(graded_files(undisturbed))
    assert entries(course) == entries(undisturbed)
    assert not list(course.root.rglob(".*.new")) and not list(course.root.rglob(".*.old"))


class Program:
    """Runs that grade the course, each in a process group of its own that can be killed."""

    def __init__(self, course: Course) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(course.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *details: object) -> None:
        self._process.communicate(timeout=60)

    def _start(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        return int(self._line().removeprefix("pid "))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def killed(self, after: int, chance: random.Random) -> bool:
        """Kill a run with signal 9 after so many steps; False if it ended before."""
        group = self._start()
        for _ in range(after):
            line = self._line()
            if line == "ended":
                return False
        for _ in range(chance.randint(0, 50_000)):
            pass  # some way into the next step
        os.killpg(group, signal.SIGKILL)
        lines = []
        while (line := self._line()) != "ended":
            lines.append(line)
        return not any(line.startswith("done") for line in lines)

    def finished(self) -> str:
        """Let a run come to its end; return its last line."""
        self._start()
        lines = []
        while (line := self._line()) != "ended":
            lines.append(line)
        return lines[-1]


def entries(course: Course) -> dict[str, tuple[str, str, float]]:
    return {
        stored.student: (
            stored.status,
            stored.reason,
            sum(result.score for result in stored.notebooks),
        )
        for stored in store.Store(course.results(NAME)).all()
    }


@pytest.mark.parametrize("step", ["writer", "folder", "journal"])
def test_a_run_that_fails_between_two_steps_is_made_whole(
    course: Course, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(course, "ada")

    def fail(*args: Any, **kwargs: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        if step == "writer":
            patch.setattr(runner.Writer, "record", fail)
        elif step == "folder":
            patch.setattr(runner, "write_graded", fail)
        else:
            note = store.Store.note

            def tear(self: Any, event: str, **facts: Any) -> None:
                if event == "recorded":
                    raise MemoryError
                note(self, event, **facts)

            patch.setattr(store.Store, "note", tear)
        with pytest.raises(MemoryError):
            grade(course)
    summary = grade(course)
    assert [planned.action for planned in summary.plan] == [runner.RECORD]
    assert dump(course)["ada"]["grade double-check"] == (3.0, None, False)
    assert (course.graded("ada", NAME) / f"{NAME}.ipynb").exists()


def ctrl_c() -> Callable[[Event], None]:
    """Press Ctrl-C once, when the first submission is finished."""
    pressed: list[Event] = []

    def press(event: Event) -> None:
        if event.kind == "finished" and not pressed:
            pressed.append(event)
            signal.raise_signal(signal.SIGINT)

    return press


def test_a_stopped_force_goes_on_where_it_stopped(course: Course) -> None:
    submit_class(course, 4)
    grade(course)

    with pytest.raises(StoppedError) as stopped:
        grade(course, force=True, on_event=ctrl_c())
    assert "To go on: course grade" in str(stopped.value)
    forced = stopped.value.summary
    assert 0 < sum(entry.now for entry in forced.entries.values()) < 4
    rest = grade(course)
    assert rest.seed == forced.seed
    assert sum(p.action == runner.GRADE for p in rest.plan) > 0
    assert {result(course, f"s0{n}").run_seed for n in range(4)} == {forced.seed}


def test_ctrl_c_writes_what_is_done(course: Course) -> None:
    submit_class(course, 4)

    with pytest.raises(StoppedError) as stopped:
        grade(course, on_event=ctrl_c())
    done = set(stopped.value.summary.entries)
    assert done == set(dump(course)) == {s.student for s in store.Store(course.results(NAME)).all()}
    assert grade(course).reconciliation == "submitted 4 = graded 4 + quarantined 0"


def test_a_full_disk_is_a_sentence_and_no_half_result(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_class(course, 3)
    with monkeypatch.context() as patch:

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", full)
        with pytest.raises(store.StoreError, match=r"disk is full.*run `course grade 99-small`"):
            grade(course)
    assert list(store.Store(course.results(NAME)).all()) == []
    assert grade(course).reconciliation == "submitted 3 = graded 3 + quarantined 0"


def test_two_runs_at_once_do_not_fight(course: Course) -> None:
    submit(course, "ada")
    with (
        store.Store(course.results(NAME)).locked(),
        pytest.raises(store.StoreError, match="is running"),
    ):
        grade(course)


def test_a_lost_gradebook_is_filled_from_the_results(course: Course) -> None:
    submit_class(course, 3)
    grade(course)
    before = dump(course)
    (course.root / "gradebook.db").unlink()
    generate(course)
    again = grade(course)
    assert {planned.action for planned in again.plan} == {runner.RECORD}
    assert dump(course) == before


def test_a_grader_that_fails_costs_one_submission_and_is_tried_again(course: Course) -> None:
    folder = submit(course, "ada", answered(course, double="breaks the grader"))
    submit(course, "bob")
    summary = grade(course)
    assert summary.reconciliation == "submitted 2 = graded 1 + quarantined 1"
    assert "the engine is broken" in summary.entries["ada"].reason
    assert dump(course)["ada"]["grade double-check"] == (None, None, True)
    shutil.rmtree(folder)
    submit(course, "ada")
    assert grade(course).reconciliation == "submitted 2 = graded 2 + quarantined 0"


class Liar(FakeEngines):
    """Its engine gives more points than there are."""

    def make(self, imports: Any) -> Any:
        class Engine:
            def grade(self, job: Any) -> Any:
                from dataclasses import replace

                found = FakeEngines().make(()).grade(job)
                cells = tuple(replace(cell, score=float("inf")) for cell in found.cells)
                return replace(found, cells=cells)

            def close(self) -> None:
                return

        return Engine()


def test_an_impossible_score_does_not_reach_the_gradebook(course: Course) -> None:
    submit(course, "ada")
    summary = grade(course, Liar())
    assert "no possible score" in only(summary).reason
    assert dump(course)["ada"]["grade double-check"] == (None, None, True)


# --- deadlines ----------------------------------------------------------------------------------

PLUGIN = """
from nbgrader.plugins import LateSubmissionPlugin

class Half(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score / 2 if total_seconds_late > self.config.Half.get("grace", 0) else None
"""


def late_course(course: Course, config: str) -> Course:
    (course.root / "halving.py").write_text(PLUGIN)
    (course.root / "nbgrader_config.py").write_text(CONFIG + config)
    with Gradebook(course.directory.db_url, "build-deep") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2026-03-01 09:00:00 UTC")
    return open_course(course.root)


def test_the_configured_plugin_takes_points_for_being_late(course: Course) -> None:
    course = late_course(course, 'c.AssignLatePenalties.plugin_class = "halving.Half"\n')
    submit(course, "ada")
    grade(course)
    assert dump(course)["ada"][NAME] == (FULL / 2, FULL)


def test_the_plugin_is_configured_as_nbgrader_does(course: Course) -> None:
    course = late_course(
        course,
        'c.AssignLatePenalties.plugin_class = "halving.Half"\nc.Half.grace = 7200\n',
    )
    submit(course, "ada")
    grade(course)
    assert dump(course)["ada"][NAME] == (None, FULL)


def test_an_extension_takes_the_penalty_back_and_grades_nothing_again(course: Course) -> None:
    course = late_course(course, 'c.AssignLatePenalties.plugin_class = "halving.Half"\n')
    submit(course, "ada")
    grade(course)
    with Gradebook(course.directory.db_url, "build-deep") as gradebook:
        mark = gradebook.find_grade("double-check", NAME, NAME, "ada")
        mark.manual_score, mark.needs_manual_grade = 1.0, False
        gradebook.db.commit()
        gradebook.grant_extension(NAME, "ada", days=1)
    assert [planned.action for planned in grade(course).plan] == [runner.DATES]
    assert dump(course)["ada"][NAME][0] is None
    assert dump(course)["ada"]["grade double-check"] == (3.0, 1.0, False)


def test_an_extension_that_waits_in_the_file_is_entered_once(course: Course) -> None:
    plugin = "course_utils.grading.deadlines.Deadlines"
    course = late_course(
        course,
        f'c.AssignLatePenalties.plugin_class = "{plugin}"\nc.Deadlines.percent_per_day = 50\n',
    )
    (course.root / "extensions.csv").write_text(
        f"student,assignment,due\nbob,{NAME},2026-03-05 12:00 UTC\n"
    )
    submit(course, "ada")
    submit(course, "bob")
    grade(course)
    assert dump(course)["ada"][NAME] == (FULL / 2, FULL)
    assert dump(course)["bob"][NAME] == (None, FULL)
    assert {planned.action for planned in grade(course).plan} == {runner.KEEP}


def test_a_plugin_that_fails_is_named(course: Course) -> None:
    course = late_course(course, 'c.AssignLatePenalties.plugin_class = "halving.Half"\n')
    (course.root / "halving.py").write_text(PLUGIN.replace("score / 2", "score / 0"))
    submit(course, "ada")
    with pytest.raises(GradebookError, match=r"plugin Half.*ZeroDivisionError"):
        grade(course)


# --- errors with a way out ----------------------------------------------------------------------


def test_an_unknown_assignment_names_the_command(course: Course) -> None:
    with pytest.raises(UnknownAssignmentError, match="nbgrader generate_assignment 07-nothing"):
        grade_class(course, "07-nothing", FakeEngines())
    assert not (course.root / "grading").exists()


def test_a_course_without_gradebook_names_the_command(course: Course) -> None:
    (course.root / "gradebook.db").unlink()
    with pytest.raises(GradebookError, match="nbgrader generate_assignment"):
        grade(course)
    assert not (course.root / "gradebook.db").exists()


def test_nothing_handed_in_is_a_sentence(course: Course) -> None:
    with pytest.raises(NothingSubmittedError, match="nbgrader collect 99-small"):
        grade(course)


def test_a_source_that_was_edited_since_is_told(course: Course) -> None:
    submit(course, "ada")
    path = course.source(NAME) / f"{NAME}.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells[4].source += "\nassert double(0) == 0"
    nbformat.write(nb, path)
    (text,) = grade(course).warnings
    assert f"nbgrader generate_assignment --force {NAME}" in text


def test_a_mistake_in_the_configuration_is_a_sentence(course: Course) -> None:
    (course.root / "nbgrader_config.py").write_text("c = get_config(\n")
    with pytest.raises(GradebookError, match="Correct nbgrader_config"):
        open_course(course.root)


def test_the_order_of_cells_is_that_of_the_release(course: Course) -> None:
    submit(course, "ada")
    grade(course)
    names = [cell.name for cell in result(course, "ada").notebooks[0].cells]
    assert names == ["double-check", "total-check", "largest-check", "why"]


# --- other layouts ------------------------------------------------------------------------------


def test_folders_may_be_called_otherwise(tmp_path: Path) -> None:
    config = CONFIG + (
        'c.CourseDirectory.submitted_directory = "in"\n'
        'c.CourseDirectory.autograded_directory = "out"\n'
        'c.CourseDirectory.directory_structure = "{nbgrader_step}/{assignment_id}/{student_id}"\n'
    )
    root = tmp_path / "course"
    root.mkdir()
    (root / "nbgrader_config.py").write_text(config)
    made = small_assignment.write(root / "plain")
    (root / "solutions" / NAME).mkdir(parents=True)
    shutil.move(made, root / "solutions" / NAME / ".tmp")
    shutil.move(root / "solutions" / NAME / ".tmp" / f"{NAME}.ipynb", root / "solutions" / NAME)
    course = open_course(root)
    generate(course)
    submit(course, "ada")
    assert (root / "in" / NAME / "ada").is_dir()
    assert only(grade(course)).score == FULL
    assert (root / "out" / NAME / "ada" / f"{NAME}.ipynb").exists()


def test_an_assignment_may_have_several_notebooks(tmp_path: Path) -> None:
    root = tmp_path / "course"
    root.mkdir()
    (root / "nbgrader_config.py").write_text(CONFIG)
    folder = small_assignment.write(root / "solutions")
    shutil.copy(folder / f"{NAME}.ipynb", folder / "second.ipynb")
    course = open_course(root)
    generate(course)
    submit(course, "ada")
    both = submit(course, "bob")
    shutil.copy(both / f"{NAME}.ipynb", both / "second.ipynb")
    summary = grade(course)
    assert (summary.entries["ada"].score, summary.entries["bob"].score) == (FULL, 2 * FULL)
    assert "second.ipynb was not handed in" in summary.entries["ada"].notes[0]
    with Gradebook(course.directory.db_url, "build-deep") as gradebook:
        missing = gradebook.find_grade("why", "second", NAME, "ada")
        assert (missing.auto_score, missing.needs_manual_grade) == (0.0, False)


def test_a_thousand_submissions_are_not_held_at_once(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and writing there are at most four for two threads, and the one in hand."""
    submit_class(course, 24)
    alive = {"now": 0, "most": 0}
    read, finish = runner._Run._read, runner._Run._finish

    def counted(self: Any, *args: Any) -> Any:
        made = read(self, *args)
        alive["now"] += 1
        alive["most"] = max(alive["most"], alive["now"])
        return made

    def finished(self: Any, *args: Any) -> None:
        finish(self, *args)
        alive["now"] -= 1

    plan = runner._Run.plan

    def planned(self: Any, *args: Any) -> None:
        plan(self, *args)
        monkeypatch.setattr(runner._Run, "_read", counted)

    monkeypatch.setattr(runner._Run, "_finish", finished)
    monkeypatch.setattr(runner._Run, "plan", planned)
    summary = grade(course)
    quarantined = summary.count(QUARANTINED)
    assert summary.count(GRADED) + quarantined == 24
    assert alive["most"] <= 5


def test_the_journal_tells_the_story(course: Course) -> None:
    submit(course, "ada")
    grade(course, seed=5)
    events = list(store.Store(course.results(NAME)).events())
    assert [event["event"] for event in events] == ["run", "graded", "recorded", "end"]
    assert events[0]["seed"] == 5
    assert json.dumps(events)


# --- with the real engine -----------------------------------------------------------------------


def real_answers() -> dict[str, str]:
    from tools.grade_demo import without_markers

    cells = {"double": small_assignment.DOUBLE, "total": small_assignment.TOTAL}
    answers = {name: without_markers(source) for name, source in cells.items()}
    return answers | {"largest": without_markers(small_assignment.LARGEST), "why": "I know."}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_the_real_engine_grades_a_class_from_end_to_end(tmp_path: Path) -> None:
    course = make_course(tmp_path / "course", (ROOT / "nbgrader_config.py").read_text())
    answers = real_answers()
    leaving = {"largest": "import os\nos._exit(1)"}
    wrong = {"total": "def total(z):\n    return float(z.ravel()[0])"}
    for student, change in {"ada": {}, "bob": wrong, "kim": leaving}.items():
        submit(course, student, answered(course, **(answers | change)))
    (submit(course, "eve") / f"{NAME}.ipynb").write_text('{"cells": [')
    summary = grade(course, engines.SandboxedEngines())
    assert summary.reconciliation == "submitted 4 = graded 3 + quarantined 1"
    scores = {name: entry.score for name, entry in summary.entries.items()}
    assert scores == {"ada": 9.0, "bob": 5.0, "kim": 7.0, "eve": 0.0}
    assert "crashed" in summary.entries["kim"].remarks
    assert grade(course, engines.SandboxedEngines(), regrade=True, dry_run=True).changes == []
