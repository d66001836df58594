"""No figure that a run produced is typed into prose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.lint import text
from tools.lint.core import Course, Page, Problem, rule
from tools.lint.runs import executed_of
from tools.lint.structure import shows

_UNIT = r"(?:%|per cent\b|percent\b|percentage points?\b|seconds?\b|ms\b|s\b|minutes?\b|[MG]B\b)"
_MEASURE = r"(?:accurac(?:y|ies)|loss(?:es)?|recall|precision|AUC|error)"
TYPED = re.compile(
    rf"(?<![\w.§])\d[\d,]*(?:\.\d+)?[\s ]?{_UNIT}"
    rf"|\b{_MEASURE}\s+(?:of|is|was|to|at|near|about|reaches|falls to|rises to)\s+\d[\d.,]*\d"
)
# What says that a number is not from this run: done on paper, quoted, supposed, or a definition.
ELSEWHERE = re.compile(
    r"[Bb]y hand|on paper|‡|[“\"][^”\"\n]*\d[^”\"\n]*[”\"]|\bsuppose\b|\bimagine\b|\bif\b|=|≈"
)
# What the reader will spend is no result.
_PLAN = re.compile(r"^:::+\{admonition\} Before you start.*?^:::+ *$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"[“\"][^”\"\n]*[”\"]")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w,]|\.\d)")


def _reports(page: Page) -> Iterator[tuple[NotebookNode, list[str], str]]:
    """Yield each text that follows a cell that shows something, down to its first heading.

    Its sentences come with the code of the cells beside it: what stands there is given, not found.
    """
    for index, cell in enumerate(page.cells[1:], start=1):
        before = page.cells[index - 1]
        if cell.cell_type != "markdown" or before.cell_type != "code" or not shows(before):
            continue
        beside = [before, *page.cells[index + 1 : index + 2]]
        code = "\n".join(other.source for other in beside if other.cell_type == "code")
        above = re.split(r"^#{1,6} ", cell.source, flags=re.MULTILINE)[0]
        above = _PLAN.sub("", above)
        said = re.sub(r"^\|.*$", "", text.plain(above), flags=re.MULTILINE)
        yield cell, re.split(r"(?<=[.?;])\s+|\n{2,}", said), code


def _is_given(number: str, code: str, share: bool = False) -> bool:
    """Tell whether the code holds this number; 1 % also as 0.01."""
    bare = number.replace(",", "")
    forms = {bare}
    if share:
        forms.add(f"{float(bare) / 100:.6f}".rstrip("0"))
    code = code.replace("_", "").replace("{,}", "").replace(",", "")
    return any(
        re.search(rf"(?<![\d.]){re.escape(form)}(?:\.?0*)(?![\d.]*\d)", code) for form in forms
    )


@rule("typed-figure", "chapter", "page")
def typed_figure(page: Page, course: Course) -> Iterator[Problem]:
    """A text below an output, or a caption, has no typed accuracy, loss, share, time or size.

    Why: the next run gives another number, and the text goes on telling the old one.
    Cure: {eval}`f"{accuracy:.1%}"`. A number from elsewhere says where it comes from: by hand, a
    citation, a quotation, an "if". Otherwise exempt the cell, with the reason.
    """
    captions = (
        (
            cell,
            [str(cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", ""))],
            cell.source,
        )
        for cell in page.code
    )
    for cell, sentences, code in [*_reports(page), *captions]:
        for sentence in sentences:
            if ELSEWHERE.search(sentence):
                continue
            for found in TYPED.finditer(sentence):
                number = _NUMBER.search(found[0])
                if number and any(number[0] in claim for claim in _QUOTED.findall(cell.source)):
                    continue  # the claim that this text is about
                if number and _is_given(number[0], code, share="%" in found[0]):
                    continue
                yield Problem(
                    f"{' '.join(found[0].split())!r} is typed where results are told",
                    'write {eval}`f"…"` if the run gave it, or say where it comes from',
                    cell.id,
                )


def _digits(number: str) -> int:
    return len(number.replace(",", "").replace(".", "").lstrip("0"))


@rule("typed-output", "chapter", "page", executed=True)
def typed_output(page: Page, course: Course) -> Iterator[Problem]:
    """A number in prose is not one that an output shows and the code does not hold.

    Why: as for typed-figure; here the run itself says which numbers are its own. Numbers of three
    digits and more are compared, and years are not; what stands in code or formulas is given.
    Cure: {eval}`f"{value:.3f}"`.
    """
    ran = executed_of(page, course)
    given = "\n".join(cell.source for cell in page.code)
    given += "\n".join(
        part
        for cell in page.markdown
        for part in [*text.DISPLAY.findall(cell.source), *text.INLINE.findall(cell.source)]
    )
    shown: set[str] = set()
    for cell in ran:
        for output in cell.get("outputs", []):
            said = output.get("text") or output.get("data", {}).get("text/plain", "")
            shown |= {number.replace(",", "") for number in _NUMBER.findall("".join(said))}
    for cell, sentences, _ in _reports(page):
        for sentence in sentences:
            if ELSEWHERE.search(sentence):
                continue
            for number in _NUMBER.findall(sentence):
                bare = number.replace(",", "")
                year = re.fullmatch(r"1[89]\d\d|20\d\d", number)
                if _digits(number) < 3 or year or bare not in shown:
                    continue
                if not _is_given(number, given):
                    yield Problem(
                        f"{number} is typed, and an output of the run shows it",
                        "write {eval}`…` instead, so that text and output stay the same",
                        cell.id,
                    )
