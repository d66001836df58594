"""What every page loads: one style sheet, one script, the text's fonts and the maths' fonts.

Style sheets and scripts are kept in small files by subject and joined here. Third-party files come
from node_modules (package-lock.json), never from the network. KaTeX's fonts are cut down to the
characters that the book's formulas use: a fifth of their size.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

from .errors import ThemeError

THEME = Path(__file__).resolve().parents[1]
STYLES = (
    "tokens", "base", "layout", "prose", "code", "boxes", "figures", "search", "overlays", "print",
)  # fmt: skip
SCRIPTS = (
    "load", "theme", "menu", "contents", "tabs", "copy", "scroll", "search", "keys", "progress",
    "hover", "ahead", "print", "quiz", "widgets", "settle",
)  # fmt: skip
TEXT_FONTS = {
    "serif-400": "source-serif-4-latin-400-normal.woff",
    "serif-400-italic": "source-serif-4-latin-400-italic.woff",
    "serif-600": "source-serif-4-latin-600-normal.woff",
}


# What the text's fonts show beside the characters that the pages hold: what scripts may write.
ALWAYS = "".join(map(chr, range(32, 127))) + "\xa0–—‘’“”…·×−±°½"
TEXT_FEATURES = ["kern", "liga", "ccmp", "locl", "tnum", "lnum", "pnum"]


@dataclass(frozen=True)
class Assets:
    """Addresses, relative to the site's root, of what pages load."""

    style: str
    script: str
    preload: tuple[str, ...]
    finder: str = ""  # what search runs when a reader opens it
    preview: str = ""  # what shows previews of references
    widget_style: str = ""


def _package(modules: Path, name: str) -> Path:
    folder = modules / name
    if not folder.is_dir():
        raise ThemeError(
            f"The package {name} is not installed. Run: npm ci (in the repository's folder)"
        )
    return folder


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:10]


def _write(folder: Path, name: str, content: bytes) -> str:
    """Write `content` under a name that changes with it; return that name."""
    stem, _, ending = name.rpartition(".")
    file = f"{stem}.{_digest(content)}.{ending}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(content)
    return file


def smaller_css(css: str) -> str:
    """Return a style sheet without comments and needless space.

    >>> smaller_css("/* a */ p { color: red; }")
    'p{color:red}'
    """
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r"\s*([{};,>])\s*", r"\1", css)
    css = re.sub(r":\s+", ":", css)
    return css.replace(";}", "}").strip()


def smaller_js(script: str) -> str:
    """Return a script without indentation and without lines that are comments.

    >>> smaller_js("// why\\n  go();  // at once\\n")
    'go();  // at once'
    """
    lines = (line.strip() for line in script.split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@cache
def _subset(font: Path, characters: str, text: bool = False) -> bytes:
    """Return the font with these characters only, as WOFF; a font of text keeps its kerning."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # KaTeX's fonts carry no dates
    options = subset.Options(flavor="woff", layout_features=[], hinting=False)
    options.name_IDs = [0, 1, 2, 13, 14]  # copyright, names and licence stay
    if text:
        options.layout_features = TEXT_FEATURES
    else:
        options.drop_tables += ["FFTM", "GPOS", "GSUB", "GDEF", "kern"]  # KaTeX places each glyph
    with TTFont(font) as loaded:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=characters)
        subsetter.subset(loaded)
        loaded.flavor = "woff"
        out = io.BytesIO()
        loaded.save(out)
    return out.getvalue()


class _Used(HTMLParser):
    """Collects the characters that formulas show, by the font that shows them."""

    FONTS: ClassVar[
        dict[str, str]
    ] = {  # KaTeX's class -> its font; what has no such class is shown by Main-Regular
        "mathnormal": "KaTeX_Math-Italic",
        "mathbf": "KaTeX_Main-Bold",
        "textbf": "KaTeX_Main-Bold",
    }

    def __init__(self) -> None:
        super().__init__()
        self.classes: list[str] = []
        self.characters: dict[str, set[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.classes.append(dict(attrs).get("class") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if self.classes:
            self.classes.pop()

    def handle_data(self, data: str) -> None:
        if "katex-html" not in self.classes:
            return  # the formula for screen readers
        names = " ".join(self.classes).split()
        font = next((f for name, f in self.FONTS.items() if name in names), "KaTeX_Main-Regular")
        self.characters.setdefault(font, set()).update(data)


def characters_by_font(formulas: Iterable[str]) -> dict[str, set[str]]:
    """Return the characters that each of KaTeX's large fonts shows in these formulas (HTML).

    The key "" holds all of them: what the small fonts get.
    """
    found: dict[str, set[str]] = {}
    for formula in set(formulas):
        for font, characters in _characters(formula).items():
            found.setdefault(font, set()).update(characters)
    return found | {"": set().union(*found.values())}


@cache
def _characters(formula: str) -> dict[str, set[str]]:
    used = _Used()
    used.feed(formula)
    return used.characters


def _cut(
    font: Path, characters: Iterable[str], cache_folder: Path | None, text: bool = False
) -> bytes:
    """Return the font cut down to these characters, from the cache where it is there."""
    shown = "".join(sorted(set(characters)))
    key = _digest(font.read_bytes() + Path(__file__).read_bytes() + shown.encode())
    kept = cache_folder / f"{font.stem}.{key}.woff" if cache_folder else None
    if kept and kept.is_file():
        return kept.read_bytes()
    content = _subset(font, shown, text)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
    return content


def _maths(katex: Path, used: dict[str, set[str]], out: Path, cache_folder: Path | None) -> str:
    """Write KaTeX's fonts, cut down, into `out`; return its style sheet with their addresses."""
    css = (katex / "dist" / "katex.min.css").read_text(encoding="utf-8")
    for file in sorted(set(re.findall(r"fonts/(KaTeX_[\w-]+)\.ttf", css))):
        source = katex / "dist" / "fonts" / f"{file}.ttf"
        large = file == "KaTeX_Main-Regular" or file in _Used.FONTS.values()
        shown = used.get(file, set()) if large else used[""]
        content = _cut(source, shown | {" "}, cache_folder)
        name = _write(out, f"{file}.woff", content)
        css = re.sub(
            rf"src:url\(fonts/{file}\.woff2\)[^;}}]*",
            f"src:url(fonts/{name}) format('woff')",
            css,
        )
    if "fonts/KaTeX_Main-Regular.woff2" in css:
        raise ThemeError("KaTeX's style sheet is written in a new way; assets.py must learn it.")
    return css.replace("font-display:block", "font-display:swap")


def write(
    out: Path,
    modules: Path,
    formulas: Iterable[str],
    cache_folder: Path | None = None,
    text: Iterable[str] = (),
) -> Assets:
    """Write everything that pages load into `out`/assets and return the addresses.

    `modules` is node_modules; `formulas` are those of the book as KaTeX's HTML; `text` holds every
    character of the book; `cache_folder` keeps cut fonts for the next build. Raises ThemeError when
    a package is missing.
    """
    folder = out / "assets"
    fonts = folder / "fonts"
    used = characters_by_font(formulas)
    css = [_maths(_package(modules, "katex"), used, fonts, cache_folder)]
    package = _package(modules, "@fontsource/source-serif-4")
    names = {}
    for key, file in TEXT_FONTS.items():
        cut = _cut(package / "files" / file, {*ALWAYS, *text}, cache_folder, text=True)
        names[key] = _write(fonts, file, cut)
    for name in STYLES:
        text = (THEME / "static" / "css" / f"{name}.css").read_text(encoding="utf-8")
        for key, file in names.items():
            text = text.replace(f"url({key})", f"url(fonts/{file})")
        css.append(smaller_css(text))

    def read(name: str) -> str:
        return (THEME / "static" / "js" / f"{name}.js").read_text(encoding="utf-8")

    script = smaller_js("\n".join(read(name) for name in SCRIPTS))
    style = _write(folder, "book.css", "\n".join(css).encode())
    book = _write(folder, "book.js", script.encode())
    finder = _write(folder, "find.js", smaller_js(read("rank") + read("find")).encode())
    preview = _write(folder, "preview.js", smaller_js(read("preview")).encode())
    parts = smaller_css((THEME / "static" / "css" / "widgets.css").read_text(encoding="utf-8"))
    widget_style = _write(folder / "widgets", "widgets.css", parts.encode())
    licences = folder / "licences"
    licences.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_package(modules, "katex") / "LICENSE", licences / "katex.txt")
    shutil.copyfile(package / "LICENSE", licences / "source-serif-4.txt")
    shutil.copyfile(THEME / "static" / "favicon.svg", out / "favicon.svg")
    return Assets(
        style=f"assets/{style}",
        script=f"assets/{book}",
        preload=(f"assets/fonts/{names['serif-400']}", f"assets/fonts/{names['serif-600']}"),
        finder=f"assets/{finder}",
        preview=f"assets/{preview}",
        widget_style=f"assets/widgets/{widget_style}",
    )
