"""Code with syntax classes (Pygments); the colours are in static/css/code.css."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.util import ClassNotFound

from .assets import THEME

_ALIASES = {"ipython3": "python", "ipython": "python", "sh": "bash", "console": "console"}
_STYLES = (THEME / "static" / "css" / "code.css").read_text(encoding="utf-8")


class _Coloured(HtmlFormatter):
    """Writes a span only for a token that the style sheet colours.

    Names and punctuation have the text's colour. Without their spans a chapter has half the
    elements, and a browser shows it sooner.
    """

    coloured = frozenset(re.findall(r"\.(k-\w+)", _STYLES))

    def _get_css_classes(self, ttype: Any) -> str:
        classes = super()._get_css_classes(ttype)
        return classes if self.coloured.intersection(classes.split()) else ""


_FORMATTER = _Coloured(nowrap=True, classprefix="k-")


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer:
    name = _ALIASES.get(language.lower(), language.lower())
    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False, ensurenl=False)


def code(source: str, language: str | None) -> Markup:
    """Return `source` as HTML: a span with a class for each token that has a colour."""
    source = source.rstrip("\n")
    if not language:
        return escape(source)
    return Markup(highlight(source, _lexer(language), _FORMATTER).rstrip("\n"))


def numbered(markup: Markup, first: int = 1, emphasized: Collection[int] = ()) -> Markup:
    """Wrap each line in a span that carries its number; `emphasized` counts from 1.

    Pygments closes its spans at the end of a line, so that lines can be wrapped one by one.
    """
    lines = []
    for index, line in enumerate(markup.split("\n")):
        strong = " strong" if index + 1 in emphasized else ""
        lines.append(f'<span class="line{strong}" data-line="{first + index}">{line}\n</span>')
    return Markup("".join(lines))
