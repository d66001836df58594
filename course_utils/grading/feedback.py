"""Feedback pages: small, safe to open, without hidden tests.

nbgrader makes them (`nbgrader generate_feedback`, formgrader's button) with the exporter and the
preprocessors of this module; what stands on a page and how is in `feedback_page`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from course_utils.grading import feedback_page
from course_utils.grading.deadlines import Deadlines, shown, span
from course_utils.grading.repair import NOTE
from course_utils.grading.sanitise import SafeNotebook, clean_html, markdown2html

from nbconvert.exporters.exporter import Exporter, ResourcesDict
from nbconvert.filters import strip_ansi
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.api import Gradebook, SubmittedNotebook
from nbgrader.preprocessors import NbGraderPreprocessor

__all__ = [
    "FeedbackExporter",
    "ReadGrades",
    "RedactHiddenTests",
    "SafeNotebook",
    "clean_html",
    "markdown2html",
    "split_hidden",
]

# --- hidden tests -------------------------------------------------------------------------------

BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
_PLACEHOLDER = "# Hidden tests ran here."
_REDACTED = "[a line of a hidden test]"


def split_hidden(source: str) -> tuple[str, list[str]]:
    """Split a cell's source into what a learner may see and the lines of its hidden tests."""
    shown: list[str] = []
    hidden: list[str] = []
    inside = False
    for line in source.split("\n"):
        if BEGIN in line:
            inside = True
            shown.append(re.match(r"\s*", line).group() + _PLACEHOLDER)  # type: ignore[union-attr]
        elif END in line:
            inside = False
        else:
            (hidden if inside else shown).append(line)
    return "\n".join(shown), hidden


class RedactHiddenTests(NbGraderPreprocessor):
    """Take hidden tests out of feedback: out of the source, tracebacks and every other text.

    The message of a failed check stays: that is what the learner needs.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Redact all cells, since a student's own code may have printed a test's source."""
        secrets: set[str] = set()
        public: set[str] = set()
        tested = set()
        for index, cell in enumerate(nb.cells):
            shown, hidden = split_hidden(cell.source)
            public.update(line.strip() for line in shown.split("\n"))
            if hidden and cell.cell_type == "code":
                tested.add(index)
                cell.source = shown
                secrets.update(line.strip() for line in hidden)
        secrets = {line for line in secrets - public if len(line) >= 8} | {BEGIN, END}
        hide = partial(_hide, secrets=secrets)
        note = nb.metadata.get(NOTE, {})
        note["accidents"] = [hide(str(sentence)) for sentence in note.get("accidents", [])]
        for index, cell in enumerate(nb.cells):
            note = cell.metadata.get(NOTE, {})
            if note.get("message"):
                note["message"] = hide(note["message"])
            if cell.cell_type != "code":
                continue
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = hide(output.text)
                elif output.output_type == "error":
                    output.evalue = hide(output.evalue)
                    output.traceback = _message(output, hide, index in tested)
                else:
                    for kind, value in output.data.items():
                        if isinstance(value, str) and kind.startswith("text/"):
                            output.data[kind] = hide(value)
        return nb, resources


def _hide(text: str, secrets: set[str]) -> str:
    """Replace every line that quotes a hidden one."""
    whole = strip_ansi(text)
    if not any(secret in whole for secret in secrets):
        return text
    lines = text.split("\n")
    plain = [strip_ansi(line) for line in lines]
    return "\n".join(
        _REDACTED if any(secret in bare for secret in secrets) else line
        for line, bare in zip(lines, plain, strict=True)
    )


def _message(output: NotebookNode, hide: Any, tested: bool) -> list[str]:
    """The traceback to show; of one that quotes a tested cell only the message remains."""
    whole = strip_ansi("\n".join(output.traceback))
    if tested and ("Cell In" in whole or "Traceback" in whole or re.search(r"-+> ?\d+", whole)):
        return [f"{output.ename}: {output.evalue}"]
    return [hide(line) for line in output.traceback]


# --- grades -------------------------------------------------------------------------------------


class ReadGrades(NbGraderPreprocessor):
    """Put scores, comments and lateness from the gradebook into the notebook.

    As nbgrader's `GetGrades`, and beyond it both comments of a cell (the automatic one and the
    grader's own), whether a person has still to grade it, and when the submission came.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Read everything with one connection."""
        where = resources["nbgrader"]
        deadlines = Deadlines(parent=self)
        with Gradebook(where["db_url"]) as gradebook:
            notebook = gradebook.find_submission_notebook(
                where["notebook"], where["assignment"], where["student"]
            )
            _grades(nb, notebook)
            submission = notebook.assignment
            lost = notebook.late_submission_penalty or 0
            where["score"] = notebook.score - lost
            where["max_score"] = notebook.max_score
            where["late_penalty"] = lost
            where["late"] = ""
            if submission.duedate is not None and submission.total_seconds_late > 0:
                due = shown(submission.duedate, deadlines.zone)
                late = span(submission.total_seconds_late)
                where["late"] = f"Handed in {late} after the deadline ({due})."
        return nb, resources


def _grades(nb: NotebookNode, notebook: SubmittedNotebook) -> None:
    grades = {grade.name: grade for grade in notebook.grades}
    comments = {comment.name: comment for comment in notebook.comments}
    for cell in nb.cells:
        known = cell.metadata.get("nbgrader", {})
        grade = grades.get(str(known.get("grade_id")))
        comment = comments.get(str(known.get("grade_id")))
        if grade is not None and (utils.is_grade(cell) or utils.is_task(cell)):
            known["score"] = grade.score
            known["points"] = grade.max_score
            known["auto_score"] = grade.auto_score
            known["manual_score"] = grade.manual_score
            known["waiting"] = bool(grade.needs_manual_grade)
        if comment is not None and (utils.is_solution(cell) or utils.is_task(cell)):
            known["comment"] = comment.comment
            known["auto_comment"] = comment.auto_comment
            known["manual_comment"] = comment.manual_comment


# --- the page -----------------------------------------------------------------------------------


class FeedbackExporter(Exporter):
    """One self-contained page of kilobytes, without any script, that loads nothing.

    A content security policy in the page forbids scripts and requests a second time, in the
    browser. Formulas are shown as TeX source, since MathJax would be a script from elsewhere.
    """

    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    output_mimetype = "text/html"

    def _file_extension_default(self) -> str:
        return ".html"

    def from_notebook_node(  # type: ignore[override]  # a page, where the base class keeps a node
        self, nb: NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Run the preprocessors, then render what is left."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        # Last, so that nothing that came before can bring an unsafe part in.
        nb, resources = SafeNotebook().preprocess(nb, resources)
        page = feedback_page.read(nb, resources.get("nbgrader", {}))
        return feedback_page.render(page, self.policy), resources
