"""MyST text, seen as a reader sees it: prose without code, formulas and markup."""

from __future__ import annotations

import re
from itertools import pairwise

FENCE = re.compile(r"^ *(`{3,}|~{3,})(?!\{).*?^ *\1`* *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
ROLE = re.compile(r"\{([\w:-]+)\}`([^`]*)`")
DISPLAY = re.compile(r"^\$\$.*?\$\$[^\n]*$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<![\\$])\$(?!\s)[^$\n]+?(?<!\s)\$(?!\d)")


def without_code_blocks(source: str) -> str:
    """Return Markdown without its fenced code (directives stay)."""
    return FENCE.sub("", source)


def without_comments(source: str) -> str:
    """Return MyST without `% comments` and `<!-- comments -->`."""
    source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    return re.sub(r"^%.*$", "", source, flags=re.MULTILINE)


def sections(source: str) -> list[str]:
    """Cut Markdown before each heading that stands outside of fenced code."""
    hidden = FENCE.sub(lambda found: re.sub(r"[^\n]", "x", found[0]), source)
    starts = [found.start() for found in re.finditer(r"^#{1,6} ", hidden, re.MULTILINE)]
    cuts = sorted({0, *starts, len(source)})
    parts = [source[a:b].strip("\n") for a, b in pairwise(cuts)]
    return [part for part in parts if part.strip()]


def without_formulas(source: str, instead: str = "") -> str:
    """Return Markdown with each formula replaced."""
    return INLINE.sub(instead, DISPLAY.sub(instead, source))


def without_directives(source: str) -> str:
    """Return Markdown without the lines that open, set and close boxes; titles stay."""
    source = re.sub(r"^ *(?::{3,}|`{3,})\{[\w:-]+\} *", "", source, flags=re.MULTILINE)
    source = re.sub(r"^ *(?::{3,}|`{3,}) *$", "", source, flags=re.MULTILINE)
    return re.sub(r"^:[\w-]+:.*$", "", source, flags=re.MULTILINE)


def plain(source: str, code: str = "§", value: str = "§", cite: str = "‡") -> str:
    """Return the words of Markdown: code, values of a run and citations become one sign each.

    Terms and other roles give the text that they show. Lines stay lines.

    >>> plain("A {term}`weight <weights>` `w` of {eval}`x` {cite:p}`key`.")
    'A weight § of § ‡.'
    """
    source = without_comments(without_code_blocks(source))
    source = without_directives(without_formulas(source, "§"))

    def shown(found: re.Match[str]) -> str:
        role, inside = found[1], found[2]
        if role == "eval":
            return value
        if role.startswith("cite"):
            return cite
        if role in {"numref", "eq", "ref", "doc", "download"}:
            return "§"
        return re.sub(r"\s*<[^>]*>$", "", inside)

    source = ROLE.sub(shown, source)
    source = CODE.sub(code, source)
    source = re.sub(r"<code>.*?</code>", code, source, flags=re.DOTALL)
    source = re.sub(r"</?[a-zA-Z][^>]*>", " ", source)
    return re.sub(r"\]\([^)\s]*\)", "]", source)


def prose(source: str) -> str:
    """Return `plain` without headings, tables and quoted code: what is said in sentences."""
    text = plain(source)
    return re.sub(r"^(#{1,6} .*|\|.*)$", "", text, flags=re.MULTILINE)


def sentences(source: str) -> int:
    """Count the sentences of Markdown's prose: what ends in . ? : or … after a word."""
    text = re.sub(r"\b(e\.g|i\.e|cf|vs|Fig|No)\.", "", prose(source))
    return len(re.findall(r"[\w§‡)\]%”\"*_'’][.?:…](?=[\s*_)\"”']|$)", text))


def words(source: str) -> int:
    """Count the words of Markdown; a number, a formula, a piece of code is read as one."""
    return len(re.findall(r"[\w§‡][\w§’'.,-]*", plain(source)))


def names(source: str) -> list[str]:
    """Return what stands in backticks or <code>, outside of fenced code and roles."""
    source = ROLE.sub("", without_comments(without_code_blocks(source)))
    found = [match[2].strip() for match in CODE.finditer(source)]
    return found + [name.strip() for name in re.findall(r"<code>([^<\n]+)</code>", source)]
