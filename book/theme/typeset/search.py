"""The search index: the words of each section, made at build time, loaded when a reader searches.

It is a script that sets one variable rather than JSON, because a page opened from a file may not
fetch one.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import dataclass, field

from .nodes import Node, plain_text

_FORMULA = re.compile(r"<math[^>]*>(.*?)(?:<annotation|</math>)", re.S)


# What is read as one run of words.
WHOLE = {
    "paragraph", "definitionTerm", "definitionDescription", "tableCell", "summary",
    "admonitionTitle",
}  # fmt: skip


@dataclass
class Section:
    """A stretch of a page under one heading."""

    title: str
    anchor: str | None
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The section's words, one space apart."""
        return re.sub(r"\s+", " ", " ".join(self.words)).strip()


def readable(node: Node) -> str:
    """Return the words of a node, maths as a reader sees it: "x ← x − η", not its TeX."""
    if node.get("html") and (formula := _FORMULA.search(node["html"])):
        shown = html.unescape(re.sub(r"<[^>]+>", " ", formula[1]))
        shown = re.sub(r"[\u2061-\u2064\u200b]", "", unicodedata.normalize("NFKC", shown))
        return re.sub(r"\s*([′()\[\],|^_\u0302-\u036f])\s*", r"\1", " ".join(shown.split()))
    if node.get("children"):
        return "".join(readable(child) for child in node["children"])
    return plain_text(node)


def sections(title: str, root: Node) -> list[Section]:
    """Cut a page at its headings of level 2 and 3 and at the terms of a glossary.

    Text, code and alt texts are searched.
    """
    found = [Section(title, None)]

    def visit(node: Node) -> None:
        kind = node["type"]
        if kind == "heading" and node["depth"] <= 3:
            found.append(Section(plain_text(node), node.get("html_id")))
            return
        if kind == "definitionTerm" and node.get("html_id"):
            found.append(Section(plain_text(node), node["html_id"]))
            return
        if kind in {"comment", "footnoteReference", "captionNumber"}:
            return
        if kind == "outputs" or "results" in str(node.get("class", "")).split():
            return  # results change with each run; what they mean is said in the text
        if kind == "image":
            found[-1].words.append(node.get("alt") or "")
        elif "value" in node or kind in WHOLE:
            found[-1].words.append(readable(node))
        else:
            for child in node.get("children", []):
                visit(child)

    visit(root)
    return [s for s in found if s.text or s.anchor is None]


def index(pages: list[tuple[str, str, Node]]) -> str:
    """Return the script that holds the index of (address, title, root) pages."""
    entries = [
        [address + (f"#{s.anchor}" if s.anchor else ""), title, s.title if s.anchor else "", s.text]
        for address, title, root in pages
        for s in sections(title, root)
    ]
    content = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    return f"window.bookIndex={content};\n".replace("\u2028", " ").replace("\u2029", " ")
