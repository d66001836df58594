"""What stands on a feedback page: from a graded notebook to a few kilobytes of HTML.

The notebook has gone through `sanitise.SafeNotebook` before it comes here. Text reaches the page
escaped by the template; the pieces that are HTML already (rendered Markdown, a table in an output)
have been cleaned.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from course_utils.grading import job
from course_utils.grading.job import CELL_STATUSES
from course_utils.grading.repair import NOTE
from course_utils.grading.sanitise import markdown_with_tex

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.filters import strip_ansi
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Operator, String

FOLD_LINES, FOLD = 30, 3_000
"""More lines or characters than these are folded."""
CHECK_LINES = 8
"""Lines of a check that is shown unfolded: learners know it, and look for what it said."""
KEEP = 20_000
"""Characters kept of one output; the rest is left out, and it is said how much that is."""
KEEP_SOURCE = 60_000
KEEP_PAGE = 200_000
"""Characters of text outputs on one page."""
PICTURE, PICTURES = 150_000, 1_000_000
"""Bytes of one picture, and of all pictures on one page."""

TEMPLATES = Path(__file__).parent / "templates"

_MOODS = {
    job.PASSED: "good",
    job.PARTIAL: "part",
    job.MANUAL: "wait",
    job.NOT_ATTEMPTED: "part",
}
_LOST = (job.TIMED_OUT, job.OUT_OF_MEMORY, job.CRASHED, job.REFUSED, job.NOT_RUN)
_ACCIDENTS = {status.title().replace(" ", ""): status for status in _LOST}  # names of outputs
_FAILURES = ("CheckFailed", "AssertionError")
WAITING = "a person has still to grade this"
BY_HAND = "graded by hand"


@dataclass(frozen=True)
class Task:
    """One graded cell: a line of the table, and the head of its place on the page."""

    anchor: str
    title: str
    score: str
    points: str
    words: str
    mood: str  # good, bad, part, wait: its colour


@dataclass(frozen=True)
class Remark:
    """What a grader, or the autograder, says about a cell."""

    who: str
    html: Markup


@dataclass
class Cell:
    """One cell of the page."""

    task: Task | None = None
    html: Markup | None = None  # of text
    code: Markup | str = ""
    folded: str = ""  # the line that a folded source shows
    outputs: list[Markup] = field(default_factory=list)
    comments: list[Remark] = field(default_factory=list)
    comment_anchor: str = ""


@dataclass(frozen=True)
class Page:
    """All that the template shows."""

    title: str
    student: str
    score: float
    points: float
    notes: list[str]
    tasks: list[Task]
    comments: list[tuple[str, str]]
    cells: list[Cell]


def read(nb: NotebookNode, where: dict[str, Any]) -> Page:
    """Work out what the page of a graded notebook shows.

    `where` is what nbgrader and `ReadGrades` say (student, notebook, score, max_score, late,
    late_penalty); what became of each cell is in the metadata that grading wrote.
    """
    builder = _Builder(nb)
    cells = [builder.cell(cell) for cell in nb.cells]
    lost = float(where.get("late_penalty") or 0)
    notes = []
    if where.get("late"):
        cost = f"It cost {_points(lost)} points." if lost else "No points were taken for it."
        notes.append(f"{where['late']} {cost}")
    elif lost:
        notes.append(f"Handed in late: {_points(lost)} points less.")
    waiting = [task for task in builder.tasks if task.mood == "wait" and task.words == WAITING]
    if waiting:
        notes.append(f"Not final: a person has still to grade {_list(t.title for t in waiting)}.")
    notes += nb.metadata.get(NOTE, {}).get("accidents", [])
    return Page(
        title=str(where.get("notebook", "")),
        student=str(where.get("student", "")),
        score=round(float(where.get("score") or 0), 2),
        points=round(float(where.get("max_score") or 0), 2),
        notes=notes,
        tasks=builder.tasks,
        comments=builder.comments,
        cells=[cell for cell in cells if _shows(cell)],
    )


def render(page: Page, policy: str) -> str:
    """Return the page as HTML."""
    css = (TEMPLATES / "page.css").read_text() + (TEMPLATES / "feedback.css").read_text()
    return _template().render(page=page, policy=policy, css=re.sub(r"\n\s*", "\n", css))


@cache
def _template() -> Any:
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("feedback.html.j2")


def _shows(cell: Cell) -> bool:
    return bool(cell.task or cell.html or cell.code or cell.outputs or cell.comments)


def _points(value: Any) -> str:
    return "–" if value is None else f"{round(float(value), 2):g}"


def _list(words: Any) -> str:
    words = list(words)
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def task_titles(nb: NotebookNode) -> dict[str, str]:
    """For every graded cell, what to call it: the heading above it, "(4 points)" left out.

    Where several cells stand under one heading, their names are added.
    """
    headings: dict[str, str] = {}
    heading = ""
    for cell in nb.cells:
        known = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown" and not (known.get("solution") or known.get("grade")):
            for line in re.findall(r"^#{1,4} +(.+)$", cell.source, re.MULTILINE):
                heading = re.sub(r"\s*\([\d.]+ points?\)\s*$", "", line).replace("`", "").strip()
        if utils.is_grade(cell) or utils.is_task(cell):
            headings[known["grade_id"]] = heading[:100]
    counts = Counter(headings.values())
    return {
        name: title if title and counts[title] == 1 else f"{title}: {name}" if title else name
        for name, title in headings.items()
    }


class _Builder:
    """Goes through a notebook; knows what the page has used up so far."""

    def __init__(self, nb: NotebookNode) -> None:
        self.tasks: list[Task] = []
        self.comments: list[tuple[str, str]] = []
        self._titles = task_titles(nb)
        self._text_left = KEEP_PAGE
        self._picture_left = PICTURES
        self._number = 0

    def cell(self, cell: NotebookNode) -> Cell:
        """Turn one cell of the notebook into one of the page."""
        made = Cell()
        if utils.is_grade(cell) or utils.is_task(cell):
            made.task = self._task(cell)
            self.tasks.append(made.task)
        if cell.cell_type == "code":
            self._code(made, cell)
            made.outputs = [html for output in cell.outputs if (html := self._output(output))]
            message = self._message(cell)
            if message:
                made.outputs.append(message)
        else:
            made.html = self._text(cell.source, cell.get("attachments"))
        self._remarks(made, cell)
        return made

    # graded cells

    def _task(self, cell: NotebookNode) -> Task:
        known = cell.metadata.nbgrader
        name = known["grade_id"]
        score, points = known.get("score"), known.get("points")
        words, mood = self._verdict(cell)
        undecided = known.get("auto_score") is None and known.get("manual_score") is None
        return Task(
            anchor=f"task-{len(self.tasks) + 1}",
            title=self._titles.get(name, name),
            score="–" if score is None or (undecided and words == WAITING) else _points(score),
            points=_points(points),
            words=words,
            mood=mood,
        )

    def _verdict(self, cell: NotebookNode) -> tuple[str, str]:
        """What happened in words, and its colour."""
        known = cell.metadata.nbgrader
        score, points = known.get("score") or 0.0, known.get("points") or 0.0
        full = "good" if score >= points else "part" if score > 0 else "bad"
        if known.get("manual_score") is not None:
            return BY_HAND, full
        if known.get("waiting") or (known.get("auto_score") is None and not known.get("score")):
            return WAITING, "wait"
        note = cell.metadata.get(NOTE, {})
        status = note.get("status")
        # Another program may have graded the notebook, or somebody have changed the score.
        if status not in CELL_STATUSES or note.get("score") != known.get("auto_score"):
            status = self._status(cell, score, points)
        return CELL_STATUSES[status], _MOODS.get(status, "bad")

    def _status(self, cell: NotebookNode, score: float, points: float) -> str:
        """The status as far as the graded notebook alone shows it."""
        names = [out.ename for out in cell.get("outputs", []) if out.output_type == "error"]
        for name in names:
            if name in _ACCIDENTS:
                return _ACCIDENTS[name]
        if names and names[0] == "NotImplementedError":
            return job.NOT_ATTEMPTED
        if names:
            return job.FAILED if names[0] in _FAILURES else job.ERROR
        if _unchanged(cell):
            return job.NOT_ATTEMPTED
        return job.PASSED if score >= points else job.PARTIAL if score > 0 else job.FAILED

    def _message(self, cell: NotebookNode) -> Markup | None:
        """The sentence that grading has stored for a cell, unless an output says it already."""
        message = str(cell.metadata.get(NOTE, {}).get("message", "")).strip()
        if not message:
            return None
        said = "\n".join(
            f"{out.get('evalue', '')}\n{out.get('text', '')}" for out in cell.get("outputs", [])
        )
        return None if message in said else self._block(message, "error-text")

    # text and code

    def _text(self, source: str, attachments: Any = None) -> Markup:
        rest = len(source) - KEEP_SOURCE
        html = markdown_with_tex(source[:KEEP_SOURCE], attachments)
        return self._pictures(html) + (_left_out(rest) if rest > 0 else Markup(""))

    def _code(self, made: Cell, cell: NotebookNode) -> None:
        source = cell.source.rstrip()
        rest = len(source) - KEEP_SOURCE
        made.code = highlighted(source[:KEEP_SOURCE])
        if rest > 0:
            made.code += Markup("\n") + _left_out(rest)
        lines = source.count("\n") + 1
        if utils.is_grade(cell) and not utils.is_solution(cell) and lines > CHECK_LINES:
            made.folded = f"The check, {lines} lines"
        elif lines > 3 * FOLD_LINES or len(source) > 3 * FOLD:
            made.folded = f"Code, {lines} lines"

    def _remarks(self, made: Cell, cell: NotebookNode) -> None:
        known = cell.metadata.get("nbgrader", {})
        given = [("Comment of the grader", known.get("manual_comment"))]
        given.append(("Comment of the autograder", known.get("auto_comment")))
        if not any(text for _, text in given):
            given = [("Comment", known.get("comment"))]
        for who, text in given:
            if text:
                made.comments.append(Remark(who, self._text(str(text))))
        if made.comments:
            made.comment_anchor = f"comment-{len(self.comments) + 1}"
            name = known.get("grade_id", "")
            self.comments.append((made.comment_anchor, self._titles.get(name, name)))

    # outputs

    def _output(self, output: NotebookNode) -> Markup | None:
        if output.output_type == "stream":
            return self._block(output.text) if output.text.strip() else None
        if output.output_type == "error":
            return self._error(output)
        data = output.data
        for kind in ("image/png", "image/jpeg", "image/svg+xml"):
            if kind in data:
                return self._picture(kind, data[kind])
        html = data.get("text/html", "")
        if html and len(html) <= KEEP:
            return self._pictures(html)
        if data.get("text/markdown"):
            return self._text(data["text/markdown"])
        text = data.get("text/latex") or data.get("text/plain") or ""
        block = self._block(text) if text.strip() else None
        return (block or Markup("")) + _left_out(len(html)) if html else block

    def _error(self, output: NotebookNode) -> Markup:
        """The message, and the traceback folded, if it says more."""
        evalue = strip_ansi(output.evalue)
        # The name adds nothing where the sentence is our own.
        ours = output.ename in (*_ACCIDENTS, "CheckFailed") or evalue.startswith(output.ename)
        message = evalue if ours and evalue else ": ".join(filter(None, (output.ename, evalue)))
        shown = self._block(message, "error-text")
        trace = strip_ansi("\n".join(output.traceback)).strip()
        says_more = len(trace) > len(message) + 40 and "\n" in trace and trace != message
        if not says_more:
            return shown
        return shown + _details("Traceback", self._block(trace))

    def _block(self, text: str, style: str = "") -> Markup:
        text = strip_ansi(text).rstrip()
        room = min(KEEP, self._text_left)
        rest = len(text) - room
        kept = text[: max(room, 0)]
        self._text_left -= len(kept)
        attribute = Markup(' class="{}"').format(style) if style else Markup("")
        block = Markup("<pre{}>{}</pre>").format(attribute, kept) if kept else Markup("")
        if rest > 0:
            block += _left_out(rest)
        lines = kept.count("\n") + 1
        if lines > FOLD_LINES or len(kept) > FOLD:
            return _details(f"Output, {lines} line{'' if lines == 1 else 's'}", block)
        return block

    def _picture(self, kind: str, data: str) -> Markup:
        self._number += 1
        if kind == "image/svg+xml":
            address = base64.b64encode(data.encode()).decode()
        else:
            address = re.sub(r"\s", "", data)
            try:
                base64.b64decode(address, validate=True)
            except (binascii.Error, ValueError):
                return Markup("<p>[A picture that cannot be read was left out.]</p>")
        size = len(address) * 3 // 4
        if size > PICTURE or size > self._picture_left:
            return Markup("<p>{}</p>").format(_too_large(size))
        self._picture_left -= size
        return Markup('<img src="data:{};base64,{}" alt="Picture {}, made by this cell">').format(
            kind, address, self._number
        )

    def _pictures(self, html: str) -> Markup:
        """Cleaned HTML, without pictures that are too large."""

        def check(match: re.Match[str]) -> str:
            size = len(match.group()) * 3 // 4
            if size > PICTURE or size > self._picture_left:
                return escape(_too_large(size))
            self._picture_left -= size
            return match.group()

        clean = re.sub(r"<img\b[^>]*>", check, html)
        if "<table" in clean:
            return Markup('<div class="scroll-x" tabindex="0">{}</div>').format(Markup(clean))
        return Markup(clean)


def _too_large(size: int) -> str:
    return f"[A picture of {size / 1000:.0f} kB was left out, to keep this page small.]"


def _left_out(characters: int) -> Markup:
    sentence = f"[{characters:,} more characters were left out of this page.]"
    return Markup('<p class="soft-text">{}</p>').format(sentence)


def _details(summary: str, inside: Markup) -> Markup:
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, inside)


def _unchanged(cell: NotebookNode) -> bool:
    """Whether a graded answer is as it was released."""
    if not (utils.is_solution(cell) and utils.is_grade(cell)):
        return False
    return cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)


# Elements of one letter, given their colours by the style sheet: a third of the bytes of <span>s.
_ELEMENTS = ((Comment, "u"), (String, "i"), (Keyword, "b"))


def highlighted(source: str) -> Markup:
    """Python source with comments, strings and keywords marked, in few bytes."""
    pieces: list[str] = []
    last, text = "", ""
    for token, value in lex(source, PythonLexer(stripnl=False, ensurenl=False)):
        style = next((name for kind, name in _ELEMENTS if token in kind), "")
        if token in Operator.Word or token in Name.Builtin.Pseudo:
            style = "b"
        if style != last and value.strip():
            pieces.append(_span(last, text))
            last, text = style, ""
        text += value
    pieces.append(_span(last, text))
    return Markup("".join(pieces))


def _span(style: str, text: str) -> str:
    quoted = escape(text, quote=False)
    return f"<{style}>{quoted}</{style}>" if style else quoted
