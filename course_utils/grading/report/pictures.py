"""Small drawings as inline SVG: they follow the page's colours, light or dark, and weigh little.

Every drawing has a title that says to those who cannot see it what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from course_utils.grading.report.statistics import Bin, Discrimination, TaskStatistics

from markupsafe import Markup

WIDTH, HEIGHT = 440, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 24, 42


def number(value: float) -> str:
    """A number with at most two decimals.

    >>> number(12.50), number(3.0)
    ('12.5', '3')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def bars(
    bins: Sequence[Bin], across: str, alt: str, mark: float | None = None, name: str = ""
) -> Markup:
    """A histogram; `mark` draws a dashed line with `name`, at the median for instance."""
    if not bins:
        return Markup("")
    most = max(1, *(one.count for one in bins))
    low, high = bins[0].low, bins[-1].high
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * wide

    def y(count: float) -> float:
        return TOP + tall * (1 - count / most)

    shape = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="bar-fill"/>')
    parts = []
    for one in bins:
        if one.count:
            width = max(x(one.high) - x(one.low) - 1.4, 0.8)
            top = y(one.count)
            parts.append(shape.format(x(one.low) + 0.7, top, width, TOP + tall - top))
    for value in _ticks(low, high):
        parts.append(_text(x(value), TOP + tall + 16, number(value), "middle"))
    for value in _counts(most):
        parts.append(_line(LEFT - 4, y(value), LEFT, y(value)))
        parts.append(_text(LEFT - 7, y(value) + 4, str(value), "end"))
    parts.append(_line(LEFT, TOP + tall, WIDTH - RIGHT, TOP + tall))
    parts.append(_text(LEFT + wide / 2, HEIGHT - 6, across, "middle"))
    if mark is not None:
        near = x(min(max(mark, low), high))
        parts.append(
            Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}" class="mark-line"/>').format(
                near, TOP - 8, TOP + tall
            )
        )
        anchor, shift = ("end", -5) if near > LEFT + wide * 0.6 else ("start", 5)
        parts.append(_text(near + shift, TOP - 9, name, anchor, "mark-text"))
    return _svg(WIDTH, HEIGHT, alt, parts, "chart-svg")


def shares(task: TaskStatistics) -> Markup:
    """How many got all, some and no points, as one bar; the numbers stand beside it."""
    whole = task.full + task.some + task.none + task.open
    if not whole:
        return Markup("")
    parts, start = [], 0.0
    for count, style in (
        (task.full, "share-full"),
        (task.some, "share-some"),
        (task.none, "share-none"),
        (task.open, "share-open"),
    ):
        width = 100 * count / whole
        if count:
            parts.append(
                Markup('<rect x="{:.2f}" width="{:.2f}" height="10" class="{}"/>').format(
                    start, width, style
                )
            )
        start += width
    return Markup(
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" class="share-svg" '
        'aria-hidden="true">{}</svg>'
    ).format(Markup("").join(parts))


def interval(found: Discrimination) -> Markup:
    """A correlation from -1 to 1 as a point with its interval; the numbers stand beside it."""
    low, high, middle = (50 + 50 * value for value in (found.low, found.high, found.r))
    return Markup(
        '<svg viewBox="0 0 100 14" class="interval-svg" aria-hidden="true">'
        '<line x1="50" x2="50" y1="0" y2="14" class="zero-line"/>'
        '<line x1="{:.1f}" x2="{:.1f}" y1="7" y2="7" class="range-line"/>'
        '<circle cx="{:.1f}" cy="7" r="3.4" class="bar-fill"/></svg>'
    ).format(low, high, middle)


def _svg(width: int, height: int, alt: str, parts: list[Markup], style: str) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" class="{}"><title>{}</title>{}</svg>'
    ).format(width, height, style, alt, Markup("").join(parts))


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> Markup:
    extra = Markup(' class="{}"').format(style) if style else Markup("")
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>').format(
        x, y, anchor, extra, text
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(x1, y1, x2, y2)


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    step = next(
        step * power
        for power in (10.0**exponent for exponent in range(-6, 12))
        for step in (1, 2, 2.5, 5)
        if (high - low) / (step * power) <= most
    )
    return [low + step * i for i in range(int((high - low) / step + 1e-9) + 1)]


def _counts(most: int) -> list[int]:
    return sorted({0, most} | ({most // 2} if most >= 4 else set()))
