"""Deadlines in people's own time zones, extensions for single students, and what lateness costs.

nbgrader keeps due dates in UTC and an extension only for a submission that is already there. Here
an extension given earlier waits in `extensions.csv` in the course folder and is entered in the
gradebook when the submission is graded. `Deadlines` is nbgrader's plugin for late penalties
(`c.AssignLatePenalties.plugin_class`); by itself it takes no points.

Days are days of the calendar in the course's time zone: a day later is the same time by the clock,
whether the day between had 23, 24 or 25 hours (RFC 5545, section 3.3.6, reckons so too).
"""

from __future__ import annotations

import csv
import difflib
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from course_utils.errors import CourseError

from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float, Unicode

EXTENSIONS = "extensions.csv"
FIELDS = ("student", "assignment", "due")
FORMAT = "%Y-%m-%d %H:%M"
_FORMATS = (FORMAT, "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


class DeadlineError(CourseError):
    """A time, a time zone or a line of extensions.csv that cannot be used."""


# --- times --------------------------------------------------------------------------------------


def zone_called(name: str) -> tzinfo:
    """Return the time zone of the tz database; raise DeadlineError with the nearest names."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = sorted(available_timezones())
        lower = {zone.lower(): zone for zone in known}
        lower |= {zone.rpartition("/")[2].lower(): zone for zone in known}
        near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
        hint = f" Did you mean {lower[near[0]]}?" if near else ""
        raise DeadlineError(
            f"There is no time zone {name!r}.{hint} Write one as Europe/Berlin or UTC."
        ) from None


def parse(text: str, zone: tzinfo) -> datetime:
    """Read "2026-12-01 23:59", or the same with an offset (+01:00), as a time in UTC.

    Raises DeadlineError for a text that is no time, and for a time that the clocks of `zone` skip
    or show twice when summer time begins or ends.
    """
    text = " ".join(text.split())
    for pattern in _FORMATS:
        try:
            plain = datetime.strptime(text, pattern)
            break
        except ValueError:
            continue
    else:
        try:
            given = datetime.fromisoformat(text)
        except ValueError:
            given = None
        if given is None or given.tzinfo is None:
            raise DeadlineError(
                f"{text!r} is not a date with a time. Write it as '2026-12-01 23:59'."
            )
        return given.astimezone(UTC)
    first, second = (plain.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != plain:
        raise DeadlineError(
            f"The clocks of {zone} skip {text} (summer time begins). Name a time before or after."
        )
    if first != second:
        early, late = (
            moment.astimezone(zone).isoformat(" ", "minutes") for moment in (first, second)
        )
        raise DeadlineError(
            f"The clocks of {zone} show {text} twice (summer time ends). "
            f"Write '{early}' or '{late}'."
        )
    return first


def aware(moment: datetime | None) -> datetime | None:
    """A time as nbgrader stores it (UTC, without saying so), said to be UTC."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def naive(moment: datetime) -> datetime:
    """A time as nbgrader stores it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def shown(moment: datetime | None, zone: tzinfo) -> str:
    """A time for people: '2026-12-01 23:59 CET'."""
    moment = aware(moment)
    return "" if moment is None else moment.astimezone(zone).strftime(f"{FORMAT} %Z")


def span(seconds: float) -> str:
    """A length of time in words, to two units.

    >>> span(93_784)
    '1 day 2 h'
    """
    left = math.ceil(max(seconds, 0))
    if left < 60:
        return f"{left} s"
    days, left = divmod(left, 86_400)
    hours, left = divmod(left, 3600)
    words = [f"{days} day" + "s" * (days != 1)] * bool(days)
    words += [f"{hours} h"] * bool(hours) + [f"{left // 60} min"] * bool(left // 60)
    return " ".join(words[:2])


def days_started(due: datetime, submitted: datetime, zone: tzinfo) -> int:
    """How many days have begun between two times, counted by the clocks of `zone`; 0 if on time.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> due = parse("2026-10-24 23:59", berlin)       # the next day has 25 hours
    >>> days_started(due, parse("2026-10-25 23:59", berlin), berlin)
    1
    """
    if submitted <= due:
        return 0
    days = max(0, (submitted - due).days - 1)
    while _after_days(due, days, zone) < submitted:
        days += 1
    return days


def _after_days(due: datetime, days: int, zone: tzinfo) -> datetime:
    local = due.astimezone(zone)
    moved = local.replace(tzinfo=None) + timedelta(days=days)
    return moved.replace(tzinfo=zone, fold=local.fold).astimezone(UTC)


# --- what lateness costs ------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """What a late submission loses. Nothing, unless it is said here."""

    grace_minutes: float = 0.0
    percent_per_day: float = 0.0
    cap_percent: float = 100.0
    zero_after_days: float = math.inf

    def __post_init__(self) -> None:
        for name in ("grace_minutes", "percent_per_day", "cap_percent", "zero_after_days"):
            value = getattr(self, name)
            if not value >= 0:  # nan is not
                raise DeadlineError(f"{name} is {value}; it must be a number from 0 on.")


def penalty(
    score: float, due: datetime, submitted: datetime, rules: Rules, zone: tzinfo = UTC
) -> float:
    """Points that a submission loses: a finite number from 0 to `score`.

    Within the grace minutes nothing. Later `percent_per_day` of the score for each day that has
    begun since the deadline itself, at most `cap_percent`; everything once `zero_after_days` days
    are over (0: at once).
    """
    if not math.isfinite(score) or score <= 0:
        return 0.0
    if submitted <= due + timedelta(minutes=rules.grace_minutes):
        return 0.0
    days = days_started(due, submitted, zone)
    if days > rules.zero_after_days:
        return float(score)
    percent = min(rules.percent_per_day * days, rules.cap_percent, 100.0)
    return min(float(score), score * percent / 100)


class Deadlines(LateSubmissionPlugin):
    """nbgrader's plugin for late penalties, with the rules above and extensions.csv.

    With nothing configured no points are lost, and being late is shown in feedback, report and
    export. `penalty_method = "zero"` keeps nbgrader's meaning (everything, at once).
    """

    timezone = Unicode(
        "UTC", help="Time zone in which the course's deadlines are set and shown: Europe/Berlin."
    ).tag(config=True)
    grace_minutes = Float(0.0, help="Minutes after the deadline that cost nothing.").tag(
        config=True
    )
    percent_per_day = Float(
        0.0, help="Percent of the score lost for each day that has begun since the deadline."
    ).tag(config=True)
    cap_percent = Float(100.0, help="The most that days can cost, in percent.").tag(config=True)
    zero_after_days = Float(math.inf, help="After so many days nothing is left of the score.").tag(
        config=True
    )
    extensions = Unicode(
        "", help="The file of extensions; default: extensions.csv in the course folder."
    ).tag(config=True)

    @property
    def rules(self) -> Rules:
        """The configured rules; raises DeadlineError for numbers that make no sense."""
        zero = 0.0 if self.penalty_method == "zero" else self.zero_after_days
        return Rules(self.grace_minutes, self.percent_per_day, self.cap_percent, zero)

    @property
    def zone(self) -> tzinfo:
        """The configured time zone."""
        return zone_called(self.timezone)

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Return the points lost, or None when the submission turns out not to be late.

        nbgrader tells only how late a submission is. The times themselves, which days of the
        calendar need, come from the gradebook of the preprocessor that this plugin belongs to;
        without one, days of 24 hours are counted back from now.
        """
        submission = self._submission(student_id)
        if submission is None or submission.timestamp is None:
            submitted = datetime.now(UTC)
            due = submitted - timedelta(seconds=max(0.0, total_seconds_late))
        else:
            enter_extension(submission, self._file())
            submitted = aware(submission.timestamp)  # type: ignore[assignment]
            due = aware(submission.duedate)  # type: ignore[assignment]
            if due is None or submitted <= due:
                return None
        return penalty(score, due, submitted, self.rules, self.zone)

    def _submission(self, student: str) -> SubmittedAssignment | None:
        gradebook = getattr(self.parent, "gradebook", None)
        assignment = getattr(self.parent, "assignment_id", None)
        if gradebook is None or not assignment:
            return None
        try:
            return gradebook.find_submission(assignment, student)
        except MissingEntry:
            return None

    def _file(self) -> Path:
        if self.extensions:
            return Path(self.extensions)
        owner = self.parent
        while owner is not None:
            course = getattr(owner, "coursedir", None)
            if course is not None:
                return Path(course.root) / EXTENSIONS
            owner = getattr(owner, "parent", None)
        return Path(str(self.config.CourseDirectory.get("root") or ".")) / EXTENSIONS


# --- extensions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extension:
    """One line of extensions.csv."""

    student: str
    assignment: str
    due: str  # as written: "2026-12-08 23:59 Europe/Berlin"

    @property
    def moment(self) -> datetime:
        """The time in UTC; raises DeadlineError when the text is no time with a zone."""
        text, _, zone = self.due.strip().rpartition(" ")
        if not zone[:1].isdigit():
            return parse(text, zone_called(zone))
        try:  # an offset in place of a name: 2026-10-25 02:30+02:00
            offset = datetime.fromisoformat(self.due.strip()).tzinfo
        except ValueError:
            offset = None
        if offset is None:
            raise DeadlineError(
                f"{self.due!r} says no time zone. Write it as '2026-12-01 23:59 Europe/Berlin'."
            )
        return parse(self.due, UTC)


def read_extensions(file: Path) -> list[Extension]:
    """Read extensions.csv (student, assignment, due); none if there is no file.

    Raises DeadlineError naming the line: a line that is passed over would cost a student points.
    """
    if not file.exists():
        return []
    found: dict[tuple[str, str], Extension] = {}
    with file.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        missing = set(FIELDS) - {str(name).strip() for name in reader.fieldnames or ()}
        if missing:
            raise DeadlineError(
                f"{file.name} has no column {sorted(missing)[0]!r}. Its first line must be: "
                f"{','.join(FIELDS)}."
            )
        for row in reader:
            values = [str(row.get(name) or "").strip() for name in FIELDS]
            if not any(values):
                continue
            try:
                line = Extension(*values)
                if not all(values):
                    raise DeadlineError("a field is empty.")
                line.moment  # noqa: B018  # read now, so that a mistake is found before it matters
                key = (line.student, line.assignment)
                if key in found and found[key].moment != line.moment:
                    raise DeadlineError(f"{key[0]} has another extension for {key[1]} above.")
            except DeadlineError as error:
                raise DeadlineError(
                    f"{file.name}, line {reader.line_num}: {error} Correct this line."
                ) from None
            found[key] = line
    return list(found.values())


def write_extensions(file: Path, extensions: Iterable[Extension]) -> None:
    """Write extensions.csv in one step: a reader sees the old file or the new one."""
    beside = file.with_name(f".{file.name}.new")
    with beside.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(FIELDS)
        writer.writerows((line.student, line.assignment, line.due) for line in extensions)
        lines.flush()
        os.fsync(lines.fileno())
    beside.replace(file)


def waiting(file: Path, student: str, assignment: str) -> datetime | None:
    """The extension that extensions.csv holds for a student, in UTC."""
    for line in read_extensions(file):
        if (line.student, line.assignment) == (student, assignment):
            return line.moment
    return None


def enter_extension(submission: SubmittedAssignment, file: Path) -> bool:
    """Enter a waiting extension in the gradebook, if it has none for this submission.

    The caller commits. Returns whether something was entered; what the gradebook says stays.
    """
    if submission.extension is not None or submission.assignment.duedate is None:
        return False
    until = waiting(file, submission.student.id, submission.assignment.name)
    if until is None:
        return False
    extra = naive(until) - submission.assignment.duedate
    if extra <= timedelta(0):
        return False
    submission.extension = extra
    return True


def enter_extensions(gradebook: Gradebook, assignment: str, file: Path) -> int:
    """Enter all waiting extensions of an assignment; return how many were entered.

    To be called before late penalties are worked out, so that nbgrader's own pages agree.
    """
    entered = 0
    for line in read_extensions(file):
        if line.assignment == assignment:
            try:
                submission = gradebook.find_submission(assignment, line.student)
            except MissingEntry:
                continue
            entered += enter_extension(submission, file)
    if entered:
        gradebook.db.commit()
    return entered


# --- setting ------------------------------------------------------------------------------------


def set_due(
    gradebook: Gradebook, assignment: str, due: datetime, zone: tzinfo, replace: bool = False
) -> str:
    """Set an assignment's due date; return a sentence.

    Extensions that the gradebook holds keep their date: nbgrader stores them as a length of time
    from the due date, so they are shortened or lengthened by what the due date moved.
    Raises DeadlineError when another date is set and `replace` is not.
    """
    entry = _assignment(gradebook, assignment)
    old, new = entry.duedate, naive(due)
    if old == new:
        return f"{assignment} is due on {shown(due, zone)}, as before."
    if old is not None and not replace:
        raise DeadlineError(
            f"{assignment} is due on {shown(old, zone)} already. Add --replace to set "
            f"{shown(due, zone)} instead."
        )
    for submission in entry.submissions:
        if submission.extension is not None and old is not None:
            left = old + submission.extension - new
            submission.extension = left if left > timedelta(0) else None
    entry.duedate = new
    gradebook.db.commit()
    before = f" It was {shown(old, zone)}." if old is not None else ""
    return f"{assignment} is due on {shown(due, zone)}.{before}"


def set_extension(
    gradebook: Gradebook,
    assignment: str,
    student: str,
    due: datetime,
    zone: tzinfo,
    file: Path,
    replace: bool = False,
) -> str:
    """Give one student more time; return a sentence.

    Goes to the gradebook when the student has handed in, else to extensions.csv. Raises
    DeadlineError: no due date to extend, not later than it, or another extension is there and
    `replace` is not set.
    """
    entry = _assignment(gradebook, assignment)
    if entry.duedate is None:
        raise DeadlineError(
            f"{assignment} has no deadline yet. Set it first: course deadline {assignment} TIME"
        )
    if naive(due) <= entry.duedate:
        raise DeadlineError(
            f"{shown(due, zone)} is not after the deadline of {assignment}, "
            f"{shown(entry.duedate, zone)}."
        )
    lines = read_extensions(file)
    rest = [line for line in lines if (line.student, line.assignment) != (student, assignment)]
    try:
        submission = gradebook.find_submission(assignment, student)
    except MissingEntry:
        submission = None
    old = waiting(file, student, assignment)
    if submission is not None and submission.extension is not None:
        old = aware(submission.duedate)
    if old is not None and old != due and not replace:
        raise DeadlineError(
            f"{student} has time until {shown(old, zone)} already. Add --replace to set "
            f"{shown(due, zone)} instead."
        )
    if submission is not None:
        submission.extension = naive(due) - entry.duedate
        gradebook.db.commit()
        if len(rest) < len(lines):
            write_extensions(file, rest)
        place = "in the gradebook"
    else:
        known = {one.id for one in gradebook.students}
        text = due.astimezone(zone).strftime(FORMAT) + f" {zone}"
        try:
            exact = Extension(student, assignment, text).moment == due
        except DeadlineError:  # an hour that the clocks show twice
            exact = False
        if not exact:
            text = due.astimezone(zone).isoformat(" ", "seconds")
        write_extensions(file, [*rest, Extension(student, assignment, text)])
        place = f"in {file.name}, until the submission comes"
        if student not in known:
            place += f" (the gradebook knows no student {student!r} yet)"
    before = f" It was {shown(old, zone)}." if old is not None and old != due else ""
    return f"{student} has time for {assignment} until {shown(due, zone)}: {place}.{before}"


def _assignment(gradebook: Gradebook, name: str) -> Any:
    try:
        return gradebook.find_assignment(name)
    except MissingEntry:
        known = [entry.name for entry in gradebook.assignments]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise DeadlineError(
            f"The gradebook has no assignment {name!r}.{hint} "
            "Assignments enter it with: nbgrader generate_assignment NAME"
        ) from None


@dataclass(frozen=True)
class Row:
    """One line of the table of deadlines."""

    assignment: str
    student: str  # empty: everyone
    due: datetime | None
    note: str = ""


def table(gradebook: Gradebook, file: Path, only: str = "") -> list[Row]:
    """All deadlines, each followed by its extensions, from the gradebook and extensions.csv."""
    if only:
        _assignment(gradebook, only)
    waiting_lines = read_extensions(file)
    rows = []
    for entry in gradebook.assignments:
        if only and entry.name != only:
            continue
        rows.append(Row(entry.name, "", aware(entry.duedate)))
        given: dict[str, Row] = {}
        for line in waiting_lines:
            if line.assignment == entry.name:
                given[line.student] = Row(
                    entry.name, line.student, line.moment, "before submission"
                )
        for submission in entry.submissions:
            if submission.extension is not None and entry.duedate is not None:
                name = submission.student.id
                given[name] = Row(entry.name, name, aware(submission.duedate), "in the gradebook")
        rows += [given[name] for name in sorted(given)]
    return rows
