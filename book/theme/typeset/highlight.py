"""Code with syntax classes (Pygments); the colours are in static/css/code.css."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.util import ClassNotFound

_ALIASES = {"ipython3": "python", "ipython": "python", "sh": "bash", "console": "console"}
_FORMATTER = HtmlFormatter(nowrap=True, classprefix="k-")


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
