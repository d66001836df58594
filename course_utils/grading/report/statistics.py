"""What the scores of a class say about it, and about the tasks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grading.job import NOT_ATTEMPTED
from course_utils.grading.report.gather import ClassData, Item, Submission

FEWEST, ENOUGH = 10, 30
"""Students from which a discrimination is shown at all, and from which it is worth acting on."""
DECIDED = 0.9
"""A task counts among the others when the scores of so much of the class are decided."""
LOW = 0.2
"""A discrimination below this is worth a look at the task (Ebel & Frisbie 1991, "Essentials of
Educational Measurement")."""


@dataclass(frozen=True)
class Summary:
    """A list of numbers in short."""

    count: int
    mean: float
    median: float
    deviation: float
    lowest: float
    highest: float


def summary(values: Sequence[float]) -> Summary | None:
    """Return the summary, or None of nothing. The deviation of one value is 0."""
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return Summary(
        len(values),
        statistics.fmean(values),
        statistics.median(values),
        deviation,
        min(values),
        max(values),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, linearly interpolated; 0 of nothing."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True)
class Bin:
    """A bar of a histogram."""

    low: float
    high: float
    count: int


def histogram(values: Sequence[float], top: float, bars: int = 20) -> list[Bin]:
    """Count values from 0 to `top` in bars of a round width; the last bar includes `top`."""
    top = max([top, *values], default=top)
    if top <= 0:
        return [Bin(0.0, 1.0, len(values))] if values else []
    width = _round_width(top / bars)
    number = max(1, math.ceil(top / width - 1e-9))
    counts = [0] * number
    for value in values:
        counts[min(max(int(value / width + 1e-9), 0), number - 1)] += 1
    return [Bin(i * width, (i + 1) * width, count) for i, count in enumerate(counts)]


def _round_width(least: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    for step in (1.0, 2.0, 2.5, 5.0, 10.0):
        if step * power >= least * (1 - 1e-9):
            return step * power
    return 10 * power


# --- tasks --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Discrimination:
    """How well a task tells strong from weak submissions: r, and where it may lie (95 %)."""

    r: float
    low: float
    high: float
    students: int


@dataclass(frozen=True)
class TaskStatistics:
    """One task over the whole class."""

    item: Item
    students: int  # with a decided score
    mean: float  # share of the points, 0 to 1
    full: int
    some: int
    none: int
    open: int  # a person has still to decide
    discrimination: Discrimination | None
    why_none: str = ""


def task_statistics(data: ClassData) -> list[TaskStatistics]:
    """All tasks, the hardest first."""
    graded = [one for one in data.submissions if one.graded]
    tasks = [_task(item, graded, data.items) for item in data.items]
    return sorted(tasks, key=lambda task: (task.students == 0, task.mean))


def _task(item: Item, graded: Sequence[Submission], items: Sequence[Item]) -> TaskStatistics:
    scores = [one.scores[item.key] for one in graded if item.key in one.scores]
    decided = [score for score in scores if score is not None]
    points = item.points
    full = sum(score >= points - 1e-9 for score in decided)
    none = sum(score <= 1e-9 < points for score in decided)
    mean = sum(decided) / (len(decided) * points) if decided and points > 0 else 0.0
    found, why = discrimination(item, graded, items)
    return TaskStatistics(
        item,
        len(decided),
        mean,
        full,
        len(decided) - full - none,
        none,
        len(scores) - len(decided),
        found,
        why,
    )


def attempted(submission: Submission) -> bool:
    """Whether anything was written in place of a stub."""
    return any(cell.status != NOT_ATTEMPTED for cell in submission.cells.values())


def _decided(item: Item, graded: Sequence[Submission]) -> int:
    return sum(one.scores.get(item.key) is not None for one in graded)


def discrimination(
    item: Item, graded: Sequence[Submission], items: Sequence[Item]
) -> tuple[Discrimination | None, str]:
    """The corrected item-total correlation of a task, or None and why there is none.

    Pearson's correlation between the points of the task and the sum of the points of all *other*
    tasks ("corrected", since a task correlates with itself: Henrysson 1963, "Correction of
    item-total correlations in item analysis", Psychometrika 28(2), 211-218). Near 1, those who
    solve the task solve the others too; near 0 it measures something else, or luck; below 0 it
    is the weak who solve it, and the task or its check wants a look. The interval is Fisher's
    (1921, arctanh r ± 1.96/√(n - 3)): ±0.36 around 0 with 30 students, so that smaller classes
    say little, and below 10 students nothing is shown. Submissions in which nothing was attempted
    are left out, since they alone would make every task look good; so are tasks that a person has
    still to grade.
    """
    others = [
        other.key
        for other in items
        if other.key != item.key and _decided(other, graded) >= DECIDED * len(graded)
    ]
    if not others:
        return None, "the only task that is decided"
    if graded and not _decided(item, graded):
        return None, "not decided yet"
    xs, ys = [], []
    for one in graded:
        score = one.scores.get(item.key)
        rest = [one.scores.get(key) for key in others]
        known = [value for value in rest if value is not None]
        if score is None or len(known) < len(others) or not attempted(one):
            continue
        xs.append(score)
        ys.append(sum(known))
    if len(xs) < FEWEST:
        return None, f"fewer than {FEWEST} students"
    if len(set(xs)) == 1:
        return None, "everyone has the same points"
    if len(set(ys)) == 1:
        return None, "all other points are the same"
    r = statistics.correlation(xs, ys)
    r = min(max(r, -1.0), 1.0)
    half = 1.96 / math.sqrt(len(xs) - 3)
    centre = math.atanh(min(max(r, -0.999999), 0.999999))
    return Discrimination(r, math.tanh(centre - half), math.tanh(centre + half), len(xs)), ""
