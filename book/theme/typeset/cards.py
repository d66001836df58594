"""Cards: the picture, 1200 by 630, that other sites show beside a link to a page.

Drawn with matplotlib in the book's own type. A card is drawn once: it is kept under a name made of
what it says and of this file.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import textwrap
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, DPI = 1200, 630, 100
PAPER, INK, SOFT, ACCENT = "#fffefb", "#24292f", "#5a626b", "#0b5a8c"
LINE = 24  # characters of the title in one line


@dataclass(frozen=True)
class Card:
    """What a card says."""

    book: str
    title: str
    number: int | None
    part: str | None
    words: str


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="card-fonts-")  # goes with the program


@cache
def _font(source: Path) -> Path:
    """Return the web font as a font that matplotlib reads."""
    from fontTools.ttLib import TTFont

    out = Path(_folder().name) / f"{source.stem}.ttf"
    with TTFont(source) as font:
        font.flavor = None
        font.save(out)
    return out


def _lines(text: str, width: int, most: int) -> list[str]:
    return textwrap.wrap(text, width, max_lines=most, placeholder=" …")


def draw(card: Card, fonts: Path) -> bytes:
    """Return the card as a PNG; `fonts` is the folder with Source Serif's files."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from PIL import Image

    names = ("source-serif-4-latin-400-normal.woff", "source-serif-4-latin-600-normal.woff")
    plain, bold = (FontProperties(fname=str(_font(fonts / name))) for name in names)
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.axis("off")
    axes.fill_between([0, 18], 0, HEIGHT, color=ACCENT, linewidth=0)
    _mark(axes)
    at: dict[str, Any] = {"va": "baseline", "parse_math": False}
    axes.text(152, 91, card.book, fontproperties=bold, fontsize=25, color=INK, **at)
    line = 280
    if card.part:
        axes.text(90, line - 95, card.part, fontproperties=plain, fontsize=23, color=SOFT, **at)
    left = 90
    if card.number is not None:
        number = str(card.number)
        axes.text(left, line, number, fontproperties=bold, fontsize=54, color=ACCENT, **at)
        left += 34 + 42 * len(number)
    for text in _lines(card.title, LINE, 3):
        axes.text(left, line, text, fontproperties=bold, fontsize=54, color=INK, **at)
        line += 80
    for text in _lines(card.words, 60, 3):
        axes.text(90, line, text, fontproperties=plain, fontsize=25, color=SOFT, **at)
        line += 40
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(48)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def _mark(axes: Any) -> None:
    """Draw the book's mark: three neurons that lead to one."""
    from matplotlib.patches import Circle, FancyBboxPatch

    box = FancyBboxPatch((90, 62), 40, 40, boxstyle="round,pad=2,rounding_size=9", color=ACCENT)
    axes.add_patch(box)
    joint, ends = (104, 82), ((99, 71), (99, 93), (121, 82))
    for x, y in ends:
        axes.plot((joint[0], x), (joint[1], y), color="white", linewidth=2)
    for centre in (joint, *ends):
        axes.add_patch(Circle(centre, 4, color="white"))


def make(card: Card, fonts: Path, cache_folder: Path | None = None) -> bytes:
    """Return the card, from the cache where it is there."""
    key = hashlib.sha256(repr(astuple(card)).encode() + Path(__file__).read_bytes()).hexdigest()
    kept = cache_folder / f"card-{key[:20]}.png" if cache_folder else None
    if kept and kept.is_file():
        return kept.read_bytes()
    content = draw(card, fonts)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
    return content
