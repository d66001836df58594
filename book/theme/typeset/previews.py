"""Previews of what references lead to on other pages: loaded when a reader first points at one.

What lies on the reader's own page is shown from there (static/js/preview.js). Like the search index
this is a script that sets one variable, because a page opened from a file may not fetch JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from .nodes import Node, walk

WHOLE = {"container", "math", "admonition", "exercise", "table", "proof"}


def targets(root: Node) -> set[tuple[str, str]]:
    """Return (MyST url of the page, id) of all that a page refers to on other pages."""
    return {
        (node["url"], str(node.get("html_id") or node["identifier"]))
        for node in walk(root)
        if node["type"] == "crossReference" and node.get("remote") and node.get("resolved")
    }


def _families(root: Node) -> Iterator[list[Node]]:
    yield [root]
    for node in walk(root):
        yield node.get("children", [])


def excerpt(root: Node, anchor: str) -> list[Node]:
    """Return what a preview of `anchor` shows: nodes of the page, none when it is not there.

    A term comes with its definition, a heading with the paragraph after it; a figure, an equation
    or a box is shown whole.
    """
    for family in _families(root):
        for at, node in enumerate(family):
            if node.get("html_id") != anchor or node["type"] in {"block", "crossReference"}:
                continue
            after = family[at + 1 :]
            if node["type"] == "definitionTerm":
                said = next((n for n in after if n["type"] == "definitionDescription"), None)
                parts = [node, said] if said else [node]
                return [type(node)({"type": "definitionList", "children": parts})]
            if node["type"] == "heading":
                title = type(node)({"type": "strong", "children": node.get("children", [])})
                first = type(node)({"type": "paragraph", "children": [title]})
                return [first, *[n for n in after if n["type"] == "paragraph"][:1]]
            if node["type"] in WHOLE:
                return [node]
    return []


def portable(html: str, address: str) -> str:
    """Return HTML of the page at `address` for another one: no ids, full links.

    >>> portable('<dt id="term-x">x</dt><a href="#term-y">y</a>', "glossary.html")
    '<dt>x</dt><a href="glossary.html#term-y">y</a>'
    """
    html = re.sub(r'(<[^<>]*?) id="[^"]*"', r"\1", str(html))
    return html.replace('href="#', f'href="{address}#')


def script(found: Iterable[tuple[str, str]]) -> str:
    """Return the script that holds the previews, given as (address, HTML)."""
    content = json.dumps(dict(sorted(found)), ensure_ascii=False, separators=(",", ":"))
    return f"window.bookPreviews={content};\n".replace("\u2028", " ").replace("\u2029", " ")
