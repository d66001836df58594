"""A drawing fitted to the page: ink, paper and colours follow light and dark.

Figures are drawn with one ink and one paper (course_utils/book.mplstyle). In the book they become
variables, whose values in light and dark are the page's own (static/css/tokens.css). A browser
gives a picture the colour scheme of the element that shows it (CSS Color Adjustment, section 2.2),
so one file serves both, whatever the reader has switched the page to, and paper.

A drawing is a file of its own, loaded when the reader comes near: while a chapter's drawings stood
in the page they were up to three quarters of its compressed weight.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import ThemeError

# What a colour of course_utils/book.mplstyle becomes: see static/css/tokens.css.
COLOURS = {
    "#24292f": "var(--ink)", "#ffffff": "var(--paper)", "#fff": "var(--paper)",
    "#135f97": "var(--c0)", "#b95c0d": "var(--c1)", "#7b50c2": "var(--c2)",
    "#308251": "var(--c3)", "#724c00": "var(--c4)", "#bc3072": "var(--c5)",
}  # fmt: skip
# A drawing shrinks to its column. Where that leaves text below HARD pixels on a PHONE, the drawing
# keeps the width at which it is EASY to read, and slides sideways (static/css/figures.css).
PHONE, HARD, EASY = 360, 7.0, 9.0

_SVG = "http://www.w3.org/2000/svg"
_COLOURED = ("style", "fill", "stroke", "color", "stop-color", "flood-color")
_COORDINATES = {"d", "points", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "width", "height"}
_UNSAFE = {"script", "foreignObject", "metadata"}
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
# The values of the page's variables.
TOKENS = Path(__file__).resolve().parents[1] / "static" / "css" / "tokens.css"


@dataclass(frozen=True)
class Drawing:
    """An SVG document for the book and its natural size in CSS pixels.

    `legible` is the least width at which its text is easy to read, None if a phone is wide enough.
    """

    content: bytes
    width: int
    height: int
    legible: int | None


def _pixels(length: str | None) -> float | None:
    match = re.fullmatch(r"\s*([\d.]+)\s*([a-z]*)\s*", length or "")
    if not match or match[2] not in _PIXELS:
        return None
    return float(match[1]) * _PIXELS[match[2]]


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _recolour(value: str) -> str:
    return re.sub(r"#[0-9a-f]{3,8}\b", lambda m: COLOURS.get(m[0].lower(), m[0]), value, flags=re.I)


def _rounded(value: str) -> str:
    """Return coordinates with two decimals: less than a fiftieth of a pixel is lost."""
    return re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), value)


def _fonts(style: str) -> str:
    """Return an element's style without the names of fonts: the book says which (`_sheet`)."""
    style = re.sub(r"font-family:[^;]*;?\s*", "", style)
    return re.sub(r"(font:[^;]*?[\d.]+px)\s[^;]*", r"\1 sans-serif", style)


@cache
def tokens() -> dict[str, str]:
    """Return the values of the page's variables, from static/css/tokens.css."""
    return dict(re.findall(r"(--[\w-]+): ([^;]+);", TOKENS.read_text(encoding="utf-8")))


def _sheet(used: set[str]) -> str:
    """Return the style sheet of a drawing that uses these variables."""
    values = tokens()
    own = "".join(f"{name}:{values[name]};" for name in sorted(used & values.keys()))
    root = f":root{{color-scheme:light dark;{own}color:var(--ink)}}"
    return root + "text{font-family:var(--sans)!important}"


def _hoist_styles(root: ET.Element) -> None:
    """Say once on a group what all its points say: a scatter plot becomes half as long."""
    for group in root.iter():
        if _local(group.tag) != "g" or group.get("style") or len(group) < 3:
            continue
        if {_local(child.tag) for child in group} != {"use"}:
            continue
        styles = {child.get("style") for child in group}
        style = styles.pop()
        if style and not styles:
            group.set("style", style)
            for child in group:
                del child.attrib["style"]


def size(root: ET.Element) -> tuple[int, int]:
    """Return width and height in CSS pixels, from the attributes or from the view box."""
    width, height = _pixels(root.get("width")), _pixels(root.get("height"))
    box = [float(v) for v in re.split(r"[\s,]+", root.get("viewBox", "").strip()) if v]
    if width is None or height is None:
        if len(box) != 4:
            raise ThemeError("An SVG figure has neither a size nor a viewBox; give it one.")
        width, height = box[2], box[3]
    return round(width), round(height)


def _font_size(element: ET.Element) -> float | None:
    match = re.search(r"font(?:-size)?:[^;]*?([\d.]+)px", element.get("style", ""))
    return float(match[1]) if match else None


def legible_width(root: ET.Element, width: int) -> int | None:
    """Return the least width at which the smallest text is easy to read, None if a phone's is.

    Exponents and indices do not count: they are parts (`tspan`) of a larger text.
    """
    texts = [e for e in root.iter() if _local(e.tag) == "text"]
    sizes = [max((s for e in text.iter() if (s := _font_size(e))), default=0.0) for text in texts]
    smallest = min((size for size in sizes if size), default=0.0)
    box = [float(v) for v in re.split(r"[\s,]+", root.get("viewBox", "").strip()) if v]
    drawn = box[2] if len(box) == 4 else float(width)
    if not smallest or smallest * min(PHONE, width) / drawn >= HARD:
        return None
    return min(width, round(EASY * drawn / smallest))


def fitted(source: str) -> Drawing:
    """Return an SVG document as the book shows it.

    What is drawn in the ink, the paper or a data colour of the course's style follows the reader's
    light or dark; coordinates are rounded, scripts taken out. Raises ThemeError when `source` is
    not an SVG document, or has no size.
    """
    try:
        root = ET.fromstring(source)
    except ET.ParseError as error:
        raise ThemeError(f"A figure is not a readable SVG document: {error}.") from None
    width, height = size(root)
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in _UNSAFE:
                parent.remove(child)
    for element in root.iter():
        if _local(element.tag) == "style":
            element.text = _recolour(element.text or "")
        for name, value in list(element.attrib.items()):
            plain = _local(name)
            del element.attrib[name]
            if (name.startswith("{") and plain != "href") or plain.lower().startswith("on"):
                continue
            if plain in _COLOURED:
                value = _recolour(_fonts(value) if plain == "style" else value)
            elif plain in _COORDINATES:
                value = _rounded(value)
            element.set(plain, value)  # xlink:href, the old name, becomes href
    _hoist_styles(root)
    if "viewBox" not in root.attrib:
        root.set("viewBox", f"0 0 {width} {height}")
    root.set("width", str(width))
    root.set("height", str(height))
    legible = legible_width(root, width)
    used = set(re.findall(r"var\((--[\w-]+)\)", ET.tostring(root, encoding="unicode")))
    sheet = ET.Element(f"{{{_SVG}}}style")
    sheet.text = _sheet(used | {"--ink", "--sans"})
    root.insert(0, sheet)
    ET.register_namespace("", _SVG)
    text = ET.tostring(root, encoding="unicode", short_empty_elements=True)
    text = re.sub(r">\s+<", "><", text)
    return Drawing(text.strip().encode(), width, height, legible)
