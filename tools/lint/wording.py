"""Words: spelling, British forms, and what the house's voice leaves out."""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from nbformat import NotebookNode

from tools.lint import text
from tools.lint.core import Course, Page, Problem, rule
from tools.lint.names import python_of

_MISSING = "The rules 'spelling' and 'british' need codespell, which is not here: run 'make setup'."
# Right here, whatever codespell thinks: names of people and methods, words of the field.
OUR_WORDS = {"regrading"}
# American forms that are British too, as another word or part of speech, or in the field.
BOTH = re.compile(
    r"acknowledgment|analogs?|artifacts?|biased|catalog|dialogs?|draft|focus(?:ed|es|ing)|"
    r"judgments?|licens(?:e|ed|es|ing)|meters?|overwritable|practices?|programs?|routing|"
    r"specialty|stor(?:y|ies)|sulf(?:ate|ide|ur)|writable"
)
HYPE = (
    r"simply|amazing(?:ly)?|awesome|incredibl[ey]|magic(?:al(?:ly)?)?|exciting|powerful|"
    r"state-of-the-art|cutting-edge|game-chang\w+|revolutionary|obviously|of course|"
    r"needless to say|basically|trivially|effortless(?:ly)?|blazing(?:ly)?|seamless(?:ly)?|"
    r"world-class"
)
# "just" as a filler; the word of time and degree ("just before", "just as well") is English.
JUST = r"just(?! (?:as|saw|seen|before|after|above|below|under|over|enough|now|printed|written))"
FILLER = re.compile(rf"\b(?:{HYPE}|{JUST})\b", re.IGNORECASE)


def spoken(cell: NotebookNode) -> str:
    """Return what a cell says to people: prose, caption and alt text, comments and docstrings."""
    if cell.cell_type == "markdown":
        return text.plain(cell.source)
    settings = cell.metadata.get("mystnb", {})
    said = [
        str(settings.get("figure", {}).get("caption", "")),
        str(settings.get("image", {}).get("alt", "")),
    ]
    code = python_of(cell)
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                said.append(token.string)
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
    except (SyntaxError, tokenize.TokenError):
        said.append(code)
    return "\n".join(said)


@cache
def misspelt(texts: tuple[str, ...]) -> dict[int, list[tuple[str, str]]]:
    """Return number of the text → (word, better) for the common misspellings that codespell knows.

    One run for all texts, since starting it costs more than reading. Raises RuntimeError with a
    sentence when codespell is not installed or fails.
    """
    if importlib.util.find_spec("codespell_lib") is None:
        raise RuntimeError(_MISSING)
    of_line: list[int] = []  # line number of the file (from 0) → number of the text
    lines: list[str] = []
    for number, words in enumerate(texts):
        for line in words.splitlines():
            lines.append(line)
            of_line.append(number)
    with tempfile.TemporaryDirectory(prefix="course-lint-") as folder:
        (Path(folder) / "all.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "codespell_lib", "--builtin", "clear,rare,informal"]
        command += ["--ignore-words-list", ",".join(sorted(OUR_WORDS)), "all.txt"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, 65):
        raise RuntimeError(f"codespell stopped: {done.stderr.strip() or done.stdout.strip()}")
    found: dict[int, list[tuple[str, str]]] = {}
    for line in done.stdout.splitlines():
        hit = re.match(r"all\.txt:(\d+): (\S+) ==> (.+)$", line)
        if hit is None:
            raise RuntimeError(f"codespell says something new: {line!r}")
        better = hit[3].strip(" |").split(" | ")[0]
        found.setdefault(of_line[int(hit[1]) - 1], []).append((hit[2], better))
    return found


@rule("spelling", "chapter", "page", "assignment")
def spelling(page: Page, course: Course) -> Iterator[Problem]:
    """Words are spelt right (by codespell): in prose, captions, alt texts, comments and strings.

    Why: a reader who meets a misspelling trusts the numbers less.
    Cure: write it right; a word of the field that codespell does not know goes into OUR_WORDS.
    """
    found = misspelt(_texts(course))
    offset = 0
    for other in course.pages:
        if other.path == page.path:
            break
        offset += len(other.cells)
    for index, cell in enumerate(page.cells):
        for word, better in found.get(offset + index, []):
            yield Problem(f"{word!r} is misspelt", f"write {better}", cell.id)


@lru_cache(maxsize=2)
def _texts(course: Course) -> tuple[str, ...]:
    return tuple(spoken(cell) for page in course.pages for cell in page.cells)


@cache
def american() -> dict[str, str]:
    """Return American form → British form, from codespell's table of the other direction."""
    spec = importlib.util.find_spec("codespell_lib")
    if spec is None or spec.origin is None:
        raise RuntimeError(_MISSING)
    table = Path(spec.origin).parent / "data" / "dictionary_en-GB_to_en-US.txt"
    forms = {}
    for line in table.read_text(encoding="utf-8").splitlines():
        british, _, others = line.partition("->")
        for form in others.split(","):
            if form.strip() and not BOTH.fullmatch(form.strip()):
                forms[form.strip()] = british
    return forms


@rule("british", "chapter", "page", "assignment")
def british(page: Page, course: Course) -> Iterator[Problem]:
    """Prose is British: normalise, colour, centre, grey. Names of the field keep theirs in code.

    Why: one form for the whole book; a search for "normalisation" finds all of it.
    Cure: write the British form, or put a name that a library gives into backticks.
    """
    forms = american()
    for cell in page.cells:
        if cell.cell_type == "markdown":
            said = text.plain(cell.source)
        else:
            settings = cell.metadata.get("mystnb", {})
            said = str(settings.get("figure", {}).get("caption", ""))
            said += "\n" + str(settings.get("image", {}).get("alt", ""))
        said = re.sub(r"https?://\S+|\*[^*\n]+\*(?= \()", "", said)
        for word in re.findall(r"[A-Za-z]+", said):
            if word.lower() in forms:
                yield Problem(
                    f"{word!r} is American", f"write {forms[word.lower()]}", cell.get("id")
                )


@rule("voice", "chapter", "page", "assignment")
def voice(page: Page, course: Course) -> Iterator[Problem]:
    """No hype, no filler, no exclamation marks, no "simply" or "just".

    Why: what is simple needs no such word, and what is not makes the reader feel stupid.
    Cure: leave the word out.
    """
    for cell in page.markdown:
        said = text.plain(cell.source)
        for found in FILLER.finditer(said):
            yield Problem(f"it says {found[0]!r}", "leave the word out", cell.id)
        for found in re.finditer(r"\S*\w[*_\"”')]*!(?![\[=\w])", said):
            yield Problem(f"it calls out: {found[0]!r}", "end the sentence with a point", cell.id)
