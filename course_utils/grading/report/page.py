"""From what is known of an assignment to the page that an instructor opens."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from course_utils.grading import job
from course_utils.grading.deadlines import shown, span
from course_utils.grading.feedback_page import TEMPLATES
from course_utils.grading.job import CELL_STATUSES
from course_utils.grading.report import pictures, statistics
from course_utils.grading.report.gather import ClassData, Key, Submission
from course_utils.grading.report.messages import Group, grouped
from course_utils.grading.report.statistics import TaskStatistics

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
NAMES, ROWS, PAIRS = 12, 60, 60
"""How many names a line, rows a list and pairs the page shows; the rest is counted."""
MESSAGES = 5
_ACCIDENTS = (job.TIMED_OUT, job.OUT_OF_MEMORY, job.CRASHED, job.REFUSED, job.NOT_RUN)
_BAD = {job.FAILED, job.ERROR, *_ACCIDENTS}


@dataclass(frozen=True)
class Named:
    """A sentence, and the students it is about."""

    text: str
    count: int
    students: list[str]

    @property
    def more(self) -> int:
        """Students that are not named."""
        return self.count - len(self.students)


@dataclass(frozen=True)
class Task:
    """One task as the page shows it."""

    statistics: TaskStatistics
    bar: Markup
    interval: Markup
    statuses: Counter[str]
    messages: list[Group]
    failures: int


def render(data: ClassData) -> str:
    """Return the report as HTML."""
    css = (TEMPLATES / "page.css").read_text() + (TEMPLATES / "report.css").read_text()
    css = re.sub(r"\n\s*", "\n", css)
    text = _template().render(**_view(data), policy=POLICY, css=css)
    return re.sub(r"\n\s*\n+", "\n", text)


@cache
def _template() -> Any:
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = pictures.number
    environment.filters["span"] = span
    environment.filters["size"] = _size
    environment.filters["seconds"] = _seconds
    environment.filters["short"] = _short
    environment.filters["sentence"] = lambda text: f"{text[:1].upper()}{text[1:]}."
    return environment.get_template("report.html.j2")


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 100 else span(value)


# Characters that turn the direction of writing, and so can make one name look like another.
_TURNING = dict.fromkeys((*range(8234, 8239), *range(8294, 8298), 8206, 8207), "�")


def _short(text: Any, most: int = 300) -> str:
    text = str(text).translate(_TURNING)
    return text if len(text) <= most else text[: most - 1] + "…"


def _view(data: ClassData) -> dict[str, Any]:
    graded = [one for one in data.submissions if one.graded]
    quarantined = [one for one in data.submissions if not one.graded]
    totals = [one.total for one in graded]
    tasks = [_task(data, task) for task in statistics.task_statistics(data)]
    used = Counter(status for task in tasks for status in task.statuses)
    known = {one.student for one in data.submissions}
    return {
        "data": data,
        "made": shown(data.made, data.zone),
        "due": shown(data.due, data.zone),
        "graded": graded,
        "quarantined": quarantined[:ROWS],
        "quarantined_more": max(0, len(quarantined) - ROWS),
        "absent": max(0, data.enrolled - len(known)) if data.enrolled else None,
        "summary": statistics.summary(totals),
        "histogram": _scores(totals, data.points),
        "tasks": tasks,
        "statuses": [status for status in CELL_STATUSES if used[status]],
        "words": CELL_STATUSES,
        "fewest": statistics.FEWEST,
        "enough": statistics.ENOUGH,
        "low": statistics.LOW,
        "accidents": _by_status(data, graded),
        "unattempted": _named(
            "Handed in as released", (one for one in graded if not statistics.attempted(one))
        ),
        "repairs": _sentences(graded, lambda one: one.repairs),
        "ungraded_cells": _sentences(graded, lambda one: one.accidents),
        "missing": _sentences(
            graded, lambda one: [f"The notebook {name} was not handed in." for name in one.missing]
        ),
        "late": _late(graded),
        "late_count": sum(one.late > 0 for one in graded),
        "lost": sum(one.penalty > 0 for one in graded),
        "manual": _manual(data, graded),
        "manual_students": sum(bool(one.waiting) for one in graded),
        "runs": _runs(graded),
        "pairs": (data.pairs or [])[:PAIRS],
        "pairs_more": max(0, len(data.pairs or []) - PAIRS),
        "names": {one.student: one.name for one in data.submissions if one.name},
        "rows": ROWS,
    }


def _scores(totals: Sequence[float], points: float) -> Markup:
    if not totals:
        return Markup("")
    bins = statistics.histogram(totals, points)
    found = statistics.summary(totals)
    assert found is not None
    fullest = max(bins, key=lambda one: one.count)
    alt = (
        f"Histogram of {len(totals)} scores from 0 to {pictures.number(points)} points: median "
        f"{pictures.number(found.median)}; most, {fullest.count}, lie between "
        f"{pictures.number(fullest.low)} and {pictures.number(fullest.high)}."
    )
    name = f"median {pictures.number(found.median)}"
    return pictures.bars(bins, "points", alt, found.median, name)


def _task(data: ClassData, task: TaskStatistics) -> Task:
    key = task.item.key
    cells = [(one.student, one.cells[key]) for one in data.submissions if key in one.cells]
    failed = [(student, cell.message) for student, cell in cells if cell.status in _BAD]
    return Task(
        task,
        pictures.shares(task),
        pictures.interval(task.discrimination) if task.discrimination else Markup(""),
        Counter(cell.status for _, cell in cells),
        grouped(failed, MESSAGES),
        len(failed),
    )


def _named(text: str, found: Iterable[Submission]) -> Named:
    students = sorted(one.student for one in found)
    return Named(text, len(students), students[:NAMES])


def _by_status(data: ClassData, graded: Sequence[Submission]) -> list[tuple[str, list[Named]]]:
    """For every kind of accident, the tasks where it happened and to whom."""
    found: dict[str, dict[Key, list[Submission]]] = defaultdict(lambda: defaultdict(list))
    for one in graded:
        for key, cell in one.cells.items():
            if cell.status in _ACCIDENTS:
                found[cell.status][key].append(one)
    return [
        (status, [_named(data.title(key), who) for key, who in found[status].items()])
        for status in _ACCIDENTS
        if status in found
    ]


def _sentences(
    graded: Sequence[Submission], pick: Callable[[Submission], Iterable[str]]
) -> list[Named]:
    found: dict[str, list[Submission]] = defaultdict(list)
    for one in graded:
        for sentence in dict.fromkeys(pick(one)):
            found[sentence].append(one)
    named = [_named(sentence, who) for sentence, who in found.items()]
    return sorted(named, key=lambda entry: (-entry.count, entry.text))


def _late(graded: Sequence[Submission]) -> list[Submission]:
    late = [one for one in graded if one.late > 0]
    return sorted(late, key=lambda one: -one.late)[:ROWS]


def _manual(data: ClassData, graded: Sequence[Submission]) -> list[Named]:
    named = [
        _named(item.title, (one for one in graded if item.key in one.waiting))
        for item in data.items
    ]
    return [entry for entry in named if entry.count]


@dataclass(frozen=True)
class Runs:
    """How long notebooks ran, and what memory they took."""

    seconds: statistics.Summary
    slow: float  # 95 % took less
    total: float
    picture: Markup
    slowest: list[tuple[str, str, float, int]]
    largest: list[tuple[str, str, float, int]]


def _runs(graded: Sequence[Submission]) -> Runs | None:
    runs = [(one.student, *notebook) for one in graded for notebook in one.notebooks]
    times = [seconds for _, _, seconds, _ in runs]
    found = statistics.summary(times)
    if found is None or found.highest <= 0:
        return None
    bins = statistics.histogram(times, found.highest, 16)
    alt = (
        f"Histogram of the running times of {found.count} notebooks: median "
        f"{_seconds(found.median)}, longest {_seconds(found.highest)}."
    )
    return Runs(
        found,
        statistics.quantile(times, 0.95),
        sum(times),
        pictures.bars(bins, "seconds", alt, found.median, f"median {_seconds(found.median)}"),
        sorted(runs, key=lambda run: -run[2])[:8],
        [run for run in sorted(runs, key=lambda run: -run[3])[:5] if run[3] > 0],
    )
