"""Deadlines: time zones, what lateness costs, extensions. One claim a test."""

from __future__ import annotations

import math
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from course_utils.cli import main
from course_utils.grading import deadlines
from course_utils.grading.deadlines import DeadlineError, Deadlines, Extension, Rules

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import parse_utc
from traitlets.config import Config

from tests import synthetic_class

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
NAME = synthetic_class.NAME


def at(text: str, zone: Any = UTC) -> datetime:
    return deadlines.parse(text, zone)


# --- times --------------------------------------------------------------------------------------


def test_a_time_is_read_in_its_zone() -> None:
    assert at("2026-12-01 23:59", BERLIN) == datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
    assert at("2026-07-01 23:59", BERLIN) == datetime(2026, 7, 1, 21, 59, tzinfo=UTC)
    assert at("2026-12-01 23:59", KOLKATA) == datetime(2026, 12, 1, 18, 29, tzinfo=UTC)


def test_an_offset_wins_over_the_zone() -> None:
    assert at("2026-10-25 02:30+02:00", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_time_that_the_clocks_show_twice_is_asked_about() -> None:
    with pytest.raises(DeadlineError, match=r"twice.*02:30\+02:00.*02:30\+01:00"):
        at("2026-10-25 02:30", BERLIN)


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    with pytest.raises(DeadlineError, match="skip"):
        at("2026-03-29 02:30", BERLIN)


@pytest.mark.parametrize("text", ["tomorrow", "2026-12-01", "2026-13-01 10:00", ""])
def test_what_is_no_time_is_one_sentence(text: str) -> None:
    with pytest.raises(DeadlineError, match="Write it as '2026-12-01 23:59'"):
        at(text)


@pytest.mark.parametrize(
    ("name", "meant"), [("Europe/Berln", "Europe/Berlin"), ("kolkata", "Asia/Kolkata")]
)
def test_an_unknown_zone_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(DeadlineError, match=f"Did you mean {meant}"):
        deadlines.zone_called(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/localtime", ""])
def test_a_zone_is_never_a_path(name: str) -> None:
    with pytest.raises(DeadlineError):
        deadlines.zone_called(name)


def test_what_is_stored_is_what_nbgrader_reads() -> None:
    moment = at("2026-12-01 23:59", BERLIN)
    assert deadlines.naive(moment) == parse_utc("2026-12-01 23:59 Europe/Berlin")


# --- days ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due", "submitted", "days"),
    [
        ("2026-12-01 23:59", "2026-12-01 23:59", 0),
        ("2026-12-01 23:59", "2026-12-02 00:00", 1),
        ("2026-12-01 23:59", "2026-12-02 23:59", 1),
        ("2026-12-01 23:59", "2026-12-03 00:00", 2),
        ("2026-10-24 23:59", "2026-10-25 23:59", 1),  # 25 hours
        ("2026-03-28 23:59", "2026-03-29 23:59", 1),  # 23 hours
        ("2026-03-28 23:59", "2026-03-30 00:00", 2),
        ("2026-12-01 23:59", "2027-12-01 23:59", 365),
    ],
)
def test_days_are_days_of_the_calendar(due: str, submitted: str, days: int) -> None:
    assert deadlines.days_started(at(due, BERLIN), at(submitted, BERLIN), BERLIN) == days


@given(st.integers(0, 400 * 24 * 60), st.integers(1, 3 * 24 * 60))
def test_later_never_means_fewer_days(late: int, more: int) -> None:
    due = at("2026-03-01 12:00", BERLIN)
    first, second = (due + timedelta(minutes=minutes) for minutes in (late, late + more))
    days = [deadlines.days_started(due, moment, BERLIN) for moment in (first, second)]
    assert days[0] <= days[1] <= days[0] + math.ceil(more / (23 * 60)) + 1


# --- what lateness costs ------------------------------------------------------------------------

DUE = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def cost(hours: float, score: float = 10.0, **rules: float) -> float:
    return deadlines.penalty(score, DUE, DUE + timedelta(hours=hours), Rules(**rules))


def test_by_default_nothing_is_lost() -> None:
    assert cost(24 * 365) == 0


def test_each_day_that_has_begun_costs_its_percentage() -> None:
    assert [cost(h, percent_per_day=10) for h in (-1, 0, 0.01, 24, 24.1)] == [0, 0, 1, 1, 2]


def test_grace_costs_nothing_and_ends() -> None:
    rules = {"percent_per_day": 10, "grace_minutes": 30}
    assert [cost(h, **rules) for h in (0.5, 0.51)] == [0, 1]


def test_days_cost_no_more_than_the_cap() -> None:
    assert cost(24 * 30, percent_per_day=10, cap_percent=50) == 5


def test_after_some_days_everything_is_lost() -> None:
    rules = {"percent_per_day": 10, "cap_percent": 50, "zero_after_days": 7}
    assert [cost(24 * d, **rules) for d in (7, 7.01)] == [5, 10]


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-(10**6), 10**6),
    st.floats(0, 1000),
    st.floats(0, 1000),
    st.floats(0, 100) | st.just(math.inf),
)
def test_a_penalty_is_a_finite_number_within_the_score(
    score: float, hours: float, percent: float, cap: float, zero: float
) -> None:
    lost = cost(hours, score, percent_per_day=percent, cap_percent=cap, zero_after_days=zero)
    assert math.isfinite(lost)
    assert 0 <= lost <= (max(score, 0) if math.isfinite(score) else 0)


@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_a_rule_that_makes_no_sense_is_refused(value: float) -> None:
    with pytest.raises(DeadlineError, match="percent_per_day"):
        Rules(percent_per_day=value)


# --- the plugin ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    members = synthetic_class.make(9)[7:]
    return synthetic_class.write(tmp_path_factory.mktemp("deadlines"), members)


@pytest.fixture
def course(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "course"))


def book(course: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{course / 'gradebook.db'}", "build-deep")


def plugin(course: Path, gradebook: Gradebook, **rules: Any) -> Deadlines:
    """The plugin as AssignLatePenalties makes it."""
    config = Config({"Deadlines": rules, "CourseDirectory": {"root": str(course)}})
    parent = AssignLatePenalties(config=config, plugin_class=Deadlines)
    parent.gradebook, parent.assignment_id = gradebook, NAME
    parent.init_plugin()
    assert isinstance(parent.plugin_inst, LateSubmissionPlugin)
    return parent.plugin_inst


def hand_in(gradebook: Gradebook, hours: float, student: str = "student-0000") -> None:
    late = timedelta(hours=hours)
    gradebook.find_submission(NAME, student).timestamp = synthetic_class.DUE + late
    gradebook.db.commit()


def test_the_plugin_counts_days_in_the_zone_of_the_course(course: Path) -> None:
    with book(course) as gradebook:
        gradebook.find_assignment(NAME).duedate = deadlines.naive(at("2026-10-24 23:59", BERLIN))
        submission = gradebook.find_submission(NAME, "student-0000")
        submission.timestamp = deadlines.naive(at("2026-10-25 23:59", BERLIN))  # 25 hours later
        gradebook.db.commit()
        seconds = submission.total_seconds_late
        for zone, lost in (("Europe/Berlin", 1.0), ("UTC", 2.0)):
            made = plugin(course, gradebook, percent_per_day=10.0, timezone=zone)
            assert made.late_submission_penalty("student-0000", 10.0, seconds) == lost


def test_without_a_gradebook_the_seconds_count() -> None:
    made = Deadlines(percent_per_day=10.0)
    assert made.late_submission_penalty("anyone", 10.0, 3600.0) == 1.0


def test_nbgraders_own_method_keeps_its_meaning() -> None:
    made = Deadlines(penalty_method="zero")
    assert made.late_submission_penalty("anyone", 10.0, 1.0) == 10.0


def test_a_waiting_extension_is_entered_and_counts(course: Path) -> None:
    until = (synthetic_class.DUE + timedelta(days=2)).strftime(deadlines.FORMAT) + " UTC"
    lines = [Extension("student-0000", NAME, until)]
    deadlines.write_extensions(course / "extensions.csv", lines)
    with book(course) as gradebook:
        hand_in(gradebook, 24)
        made = plugin(course, gradebook, percent_per_day=10.0)
        assert made.late_submission_penalty("student-0000", 10.0, 86400.0) is None
        gradebook.db.commit()
        submission = gradebook.find_submission(NAME, "student-0000")
        assert submission.extension == timedelta(days=2)
        assert submission.total_seconds_late == 0


def test_after_the_extension_days_count_from_its_end(course: Path) -> None:
    with book(course) as gradebook:
        hand_in(gradebook, 49)
        gradebook.find_submission(NAME, "student-0000").extension = timedelta(days=2)
        made = plugin(course, gradebook, percent_per_day=10.0)
        assert made.late_submission_penalty("student-0000", 10.0, 3600.0) == 1.0


def test_the_gradebooks_extension_stays(course: Path) -> None:
    far = (synthetic_class.DUE + timedelta(days=9)).strftime(deadlines.FORMAT) + " UTC"
    file = course / "extensions.csv"
    deadlines.write_extensions(file, [Extension("student-0000", NAME, far)])
    with book(course) as gradebook:
        submission = gradebook.find_submission(NAME, "student-0000")
        submission.extension = timedelta(days=1)
        assert deadlines.enter_extensions(gradebook, NAME, file) == 0
        assert submission.extension == timedelta(days=1)


# --- extensions.csv -----------------------------------------------------------------------------


def test_extensions_survive_being_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "extensions.csv"
    lines = [
        Extension('comma, "quote"', NAME, "2026-12-08 23:59 Europe/Berlin"),
        Extension("=1+1", NAME, "2026-10-25 02:30:00+02:00"),
    ]
    deadlines.write_extensions(file, lines)
    assert deadlines.read_extensions(file) == lines
    assert lines[1].moment == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ada,x,2026-12-08 23:59", "says no time zone"),
        ("ada,x,2026-12-08 23:59 Mars/Base", "no time zone 'Mars/Base'"),
        ("ada,x,soon UTC", "is not a date"),
        ("ada,,2026-12-08 23:59 UTC", "a field is empty"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "extensions.csv"
    file.write_text(f"student,assignment,due\n\n{line}\n")
    with pytest.raises(DeadlineError, match=rf"line 3: .*{says}.*Correct this line"):
        deadlines.read_extensions(file)


def test_two_different_extensions_for_one_student_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "extensions.csv"
    file.write_text("student,assignment,due\nada,x,2026-12-08 23:59 UTC\nada,x,2026-12-09 1:00 UTC")
    with pytest.raises(DeadlineError, match="another extension"):
        deadlines.read_extensions(file)


# --- course deadline ----------------------------------------------------------------------------


def deadline(course: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    monkeypatch.chdir(course)
    result = CliRunner().invoke(main, ["deadline", *words])
    return result.exit_code, result.output


def test_a_deadline_is_set_in_utc(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [NAME, "2026-12-01 23:59", "--timezone", "Europe/Berlin", "--replace"]
    code, said = deadline(course, monkeypatch, *words)
    assert (code, "due on 2026-12-01 23:59 CET" in said) == (0, True)
    assert "It was 2026-11-20 23:59 CET" in said
    with book(course) as gradebook:
        assert gradebook.find_assignment(NAME).duedate == datetime(2026, 12, 1, 22, 59)


def test_a_deadline_is_never_replaced_in_silence(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = deadline(course, monkeypatch, NAME, "2026-12-01 23:59")
    assert code == 1 and "already. Add --replace" in said
    with book(course) as gradebook:
        assert gradebook.find_assignment(NAME).duedate == synthetic_class.DUE


def test_an_extension_before_submission_waits_in_the_file(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [NAME, "2026-12-08 23:59", "--timezone", "Europe/Berlin", "--student", "absent"]
    code, said = deadline(course, monkeypatch, *words)
    assert code == 0 and "until the submission comes" in said
    assert (course / "extensions.csv").read_text().splitlines()[1:] == [
        f"absent,{NAME},2026-12-08 23:59 Europe/Berlin"
    ]
    code, said = deadline(course, monkeypatch, NAME, "2026-12-09 23:59", "--student", "absent")
    assert code == 1 and "has time until" in said and "--replace" in said


def test_an_extension_after_submission_goes_to_the_gradebook(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [NAME, "2026-11-21 22:59", "--student", "student-0000"]
    code, _ = deadline(course, monkeypatch, *words)
    assert code == 0 and not (course / "extensions.csv").exists()
    with book(course) as gradebook:
        extension = gradebook.find_submission(NAME, "student-0000").extension
    assert extension == timedelta(days=1)


def test_a_moved_deadline_leaves_extensions_where_they_were(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadline(course, monkeypatch, NAME, "2026-11-25 22:59", "--student", "student-0000")
    deadline(course, monkeypatch, NAME, "2026-11-22 22:59", "--replace")
    with book(course) as gradebook:
        due = gradebook.find_submission(NAME, "student-0000").duedate
    assert due == datetime(2026, 11, 25, 22, 59)


def test_an_extension_must_end_after_the_deadline(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = deadline(course, monkeypatch, NAME, "2026-11-01 10:00", "--student", "absent")
    assert code == 1 and "is not after the deadline" in said


def test_without_a_time_the_table_is_shown(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deadline(course, monkeypatch, NAME, "2026-12-08 23:59", "--student", "absent")
    code, said = deadline(course, monkeypatch)
    assert code == 0
    assert all(word in said for word in (NAME, "everyone", "absent", "2026-12-08 23:59 UTC"))


def test_an_unknown_assignment_is_one_sentence(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = deadline(course, monkeypatch, "97-made-upp", "2026-12-01 23:59")
    assert code == 1 and f"The nearest is {NAME}." in said


def test_outside_a_course_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = deadline(tmp_path, monkeypatch)
    assert code == 1 and "nbgrader_config.py" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 s"),
        (60, "1 min"),
        (90_000, "1 day 1 h"),
        (259_200, "3 days"),
        (5_400, "1 h 30 min"),
    ],
)
def test_a_length_of_time_in_words(seconds: float, words: str) -> None:
    assert deadlines.span(seconds) == words


def test_the_configuration_uses_the_plugin() -> None:
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader(str(synthetic_class.ROOT / "nbgrader_config.py")).load_config()
    made = AssignLatePenalties(config=config)
    made.init_plugin()
    assert isinstance(made.plugin_inst, Deadlines)
    assert made.plugin_inst.rules == Rules()  # by default nothing is lost
    assert made._check_late_penalty(SimpleNamespace(score=5.0), 0.0) == 0.0
