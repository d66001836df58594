"""Pages that were typeset before and would come out the same.

A page is kept under a digest of all that it is made of: its content, the theme's code and
templates, the parts' modules, and what it says of the rest of the book. What has changed is
typeset; the rest is taken from memory or from a folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .nodes import walk

if TYPE_CHECKING:
    from .pages import Page, Press

THEME = Path(__file__).resolve().parents[1]
# MyST draws these at random; no page shows them.
_DRAWN = re.compile(r'"(?:key": "[\w-]{10}|id": "[\w-]{21})",? ?')
CODE = ("typeset/**/*.py", "templates/**/*.j2")


@dataclass(frozen=True)
class Typeset:
    """A page, and the files that it needs beside it."""

    html: str
    files: frozenset[str]
    widgets: dict[str, bytes]
    made: dict[str, bytes]  # sounds and drawings

    def text(self) -> str:
        """Return it as JSON."""
        packed = [{k: base64.b64encode(v).decode() for k, v in d.items()}
                  for d in (self.widgets, self.made)]  # fmt: skip
        return json.dumps([self.html, sorted(self.files), *packed])

    @classmethod
    def read(cls, text: str) -> Typeset:
        """Return what `text` wrote."""
        html, files, *packed = json.loads(text)
        parts, made = ({k: base64.b64decode(v) for k, v in d.items()} for d in packed)
        return cls(html, frozenset(files), parts, made)


@cache
def _content(path: Path, modified: int, size: int) -> str:
    """Return the digest of a file that was last written then."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _folder(folder: Path | None, *patterns: str) -> list[tuple[str, str]]:
    if folder is None:
        return []
    files = sorted({p for pattern in patterns for p in folder.glob(pattern) if p.is_file()})
    return [
        (p.relative_to(folder).as_posix(), _content(p, p.stat().st_mtime_ns, p.stat().st_size))
        for p in files
    ]


_memory: dict[str, Typeset] = {}


class Kept:
    """Typesets the pages of a press, or takes them as they were."""

    def __init__(self, press: Press, folder: Path | None) -> None:
        self.press = press
        self.folder = folder
        self.used: set[str] = set()
        book, settings = press.book, press.settings
        self.shared: list[Any] = [
            _folder(THEME, *CODE),
            _folder(THEME.parent / "widgets", "*.js"),
            _folder(settings.exports, "*"),
            asdict(press.assets),
            {k: str(v) for k, v in vars(book).items() if k != "pages"},
            [(p.slug, p.stem, p.title, p.part, p.address, p.is_notebook) for p in book.pages],
            [settings.base_url, settings.extension],
        ]

    def key(self, page: Page) -> str:
        """Return the digest of all that a page is made of."""
        own = {str(n.get(name)) for n in walk(page.root) for name in ("html_id", "identifier")}
        run = self.press.settings.runs.get(page.stem)
        source = self.press._source(page) is not None
        offered = self.press.settings.in_browser.get(page.stem)
        parts = [self.shared, page.data, run, source, offered]
        parts.append(sorted(own & self.press.referenced))
        text = _DRAWN.sub("", json.dumps(parts, sort_keys=True))
        return hashlib.sha256(text.encode()).hexdigest()

    def page(self, page: Page) -> str:
        """Return one page as a complete HTML document; the press knows what it uses."""
        if self.folder is None:
            return self.press.page(page)
        key = self.key(page)
        self.used.add(key)
        made = _memory.get(key) or self._stored(key) or self._make(page)
        _memory[key] = made
        self.press.used_files |= made.files
        self.press.used_widgets |= made.widgets
        self.press.made_files |= made.made
        return made.html

    def _path(self, key: str) -> Path | None:
        return self.folder / f"{key[:32]}.json" if self.folder else None

    def _stored(self, key: str) -> Typeset | None:
        path = self._path(key)
        try:
            return Typeset.read(path.read_text(encoding="utf-8")) if path else None
        except (OSError, ValueError, TypeError):
            return None

    def _make(self, page: Page) -> Typeset:
        press = self.press
        others = press.used_files, press.used_widgets, press.made_files
        press.used_files, press.used_widgets, press.made_files = set(), {}, {}
        try:
            html = press.page(page)
            made = Typeset(html, frozenset(press.used_files), press.used_widgets, press.made_files)
        finally:
            press.used_files, press.used_widgets, press.made_files = others
        return made

    def tidy(self) -> None:
        """Keep the pages of this book, on disk as well, and forget all others."""
        for key in _memory.keys() - self.used:
            del _memory[key]
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = {key: path for key in self.used if (path := self._path(key)) is not None}
        for key, path in paths.items():
            if not path.is_file():
                partial = path.with_suffix(".part")
                partial.write_text(_memory[key].text(), encoding="utf-8")
                partial.replace(path)
        for path in set(self.folder.glob("*.json")) - set(paths.values()):
            path.unlink(missing_ok=True)
