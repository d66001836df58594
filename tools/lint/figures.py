"""Figures: what their cells say about them, and their colours and axes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.lint.core import Course, Page, Problem, rule

_FIXED = re.compile(
    r"""(?<!\w)(?:color|colors|edgecolor|facecolor|ec|fc|c)["']?\s*[=:]\s*\[?["'](?!none\b|C\d\b|face\b)"""
    r"""([a-z#][\w#]*)["']"""
)
_DRAWS = re.compile(r"\b\w+\.(?:plot|scatter|semilogx|semilogy|loglog|bar|barh|hist|errorbar)\(")
_AXES = re.compile(r"xticks=\[\]|axis\([\"']off[\"']\)|set_axis_off|[xy]label|\bset_[xy]label")


@rule("alt-text", "chapter", "page", "assignment")
def alt_text(page: Page, course: Course) -> Iterator[Problem]:
    """A cell that names a figure has a caption of one message and an alt text that tells the rest.

    Why: alt text is what a reader who cannot see gets. It says what the picture shows, so it is no
    copy of the caption, and it does not begin with "Image of", which screen readers say themselves.
    A sound has a label, read out and shown below its player.
    Cure: in the cell's metadata,
    "mystnb": {"figure": {"name": …, "caption": …}, "image": {"alt": …}}, or
    "mystnb": {"sound": {"label": …}}.
    """
    for cell in page.code:
        settings = cell.metadata.get("mystnb", {})
        if re.search(r"^(?:display\()?Audio\(", cell.source, re.M):
            if len(str(settings.get("sound", {}).get("label", "")).split()) < 5:
                yield Problem(
                    "its sound has no label",
                    "say in its metadata, mystnb.sound.label, what one hears",
                    cell.id,
                )
            continue
        if not settings and "plt.show()" not in cell.source:
            continue
        figure, alt = settings.get("figure", {}), str(settings.get("image", {}).get("alt", ""))
        caption = str(figure.get("caption", ""))
        if len(alt.split()) < 5:
            yield Problem(
                f"its picture has {'no' if not alt.strip() else 'hardly an'} alt text",
                "say in its metadata, mystnb.image.alt, what the picture shows",
                cell.id,
            )
        elif re.match(r"(an? |the )?(image|picture|figure|photo|graphic) (of|show)", alt, re.I):
            yield Problem(
                f"its alt text begins with {' '.join(alt.split()[:3])!r}",
                "begin with what is to be seen",
                cell.id,
            )
        elif alt.strip() == caption.strip():
            yield Problem("its alt text repeats the caption", "say what the picture shows", cell.id)
        if page.kind != "assignment":
            if not caption.strip():
                yield Problem(
                    "its picture has no caption",
                    "say the one message in its metadata, mystnb.figure.caption",
                    cell.id,
                )
            if not re.fullmatch(r"fig-[a-z0-9-]+", str(figure.get("name", ""))):
                yield Problem(
                    f"its figure is called {figure.get('name')!r}",
                    "give it a name of the form fig-word in its metadata, mystnb.figure.name",
                    cell.id,
                )


@rule("figure-colours", "chapter", "page")
def figure_colours(page: Page, course: Course) -> Iterator[Problem]:
    """Drawings use the style's colours, C0 to C5, and its ink.

    Why: the book turns the style's colours into the page's own; a fixed black is not seen at night.
    Cure: leave the colour out (the style's ink) or write "C0" to "C5".
    """
    for cell in page.code:
        for found in _FIXED.finditer(cell.source):
            yield Problem(
                f"it draws in {found[1]!r}", 'leave the colour out or write "C0" to "C5"', cell.id
            )


@rule("figure-axes", "chapter", "page")
def figure_axes(page: Page, course: Course) -> Iterator[Problem]:
    """A drawing of points, lines or bars names its axes, or takes them away.

    Why: a line over something unnamed shows nothing.
    Cure: ax.set(xlabel="…", ylabel="…") with units, or ax.axis("off") for a diagram.
    """
    for cell in page.code:
        if "figure" not in cell.metadata.get("mystnb", {}) or not _DRAWS.search(cell.source):
            continue
        if not _AXES.search(cell.source):
            yield Problem(
                "it draws and names no axis",
                'write ax.set(xlabel="…", ylabel="…"), with units, or ax.axis("off")',
                cell.id,
            )
