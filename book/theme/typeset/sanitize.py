"""HTML that a notebook printed, reduced to what is known to be harmless.

The way of an allow-list: the text is parsed, and only tags and attributes named here are written
again, with every value escaped. Scripts, styles and what they hold are left out whole.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_TABLE = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "colgroup", "col"}
_TEXT = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em",
    "figcaption", "figure", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark",
    "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "u",
    "ul", "var",
}  # fmt: skip
_ALLOWED = _TABLE | _TEXT
_VOID = {"br", "col", "hr", "img"}
_DROPPED_WITH_CONTENT = {"script", "style", "template", "iframe", "object", "noscript", "svg"}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "class"},
    "th": {"colspan", "rowspan", "scope", "class"},
    "table": {"class"},
    "abbr": {"title"},
    "details": {"open"},
    "ol": {"start"},
}


def _safe_url(tag: str, url: str) -> bool:
    url = url.strip().lower()
    if tag == "img":
        return url.startswith(("data:image/png;", "data:image/jpeg;", "data:image/gif;"))
    return url.startswith(("https://", "http://", "#", "mailto:"))


class _Cleaner(HTMLParser):
    """Writes the allowed part of a document into `parts`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.open: list[str] = []
        self.skipping = 0
        self.in_head = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self.skipping += 1
        if self.skipping or tag not in _ALLOWED:
            return
        kept = {
            name: value or ""
            for name, value in attrs
            if name in _ATTRIBUTES.get(tag, ())
            and (name not in {"href", "src"} or _safe_url(tag, value or ""))
        }
        if tag == "thead":
            self.in_head = True
        if tag == "tbody":
            self.in_head = False
        if tag == "th":
            kept.setdefault("scope", "col" if self.in_head else "row")
        if tag == "img" and "src" not in kept:
            return
        written = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
        self.parts.append(f"<{tag}{written}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self.skipping = max(0, self.skipping - 1)
            return
        if self.skipping or tag not in self.open:
            return
        while self.open:  # close what was left open inside
            last = self.open.pop()
            self.parts.append(f"</{last}>")
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.parts.append(escape(data, quote=False))


def clean(html: str) -> str:
    """Return `html` with allowed tags and attributes only; every open tag is closed.

    A ``<th>`` gets its scope from where it stands, as screen readers need it.

    >>> clean('<p onclick="x()">a<script>alert(1)</script> &lt; b')
    '<p>a &lt; b</p>'
    """
    cleaner = _Cleaner()
    cleaner.feed(html)
    cleaner.close()
    closing = "".join(f"</{tag}>" for tag in reversed(cleaner.open))
    return "".join(cleaner.parts) + closing
