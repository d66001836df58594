"""Model answers: what a solution notebook holds, what of it learners may see, and where it lies."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.cli import _exchange
from course_utils.cli._assignment import Notebook, UnusableFileError, read
from course_utils.errors import CourseError

MARK = "build_deep"  # the key of our notes in the metadata of a published notebook
FOLDER = "answers"  # beside inbound/ and outbound/ in nbgrader's exchange
_MARKER = re.compile(r"^\s*### (?:BEGIN|END) SOLUTION\s*$")
_GRADER = re.compile(r"^\s*\*+For the grader\b.*", re.M | re.S)
AFTER = {
    "attempt": ("passes", "fails", "time-out", "crashed", "written"),
    "pass": ("passes", "written"),
}


class NoModelAnswersError(CourseError):
    """Model answers are not here, or may not be shown."""


@dataclass
class Model:
    """Model answers of one assignment: grade_id → the whole text of the cell."""

    answers: dict[str, str]
    path: Path
    after: str = "attempt"  # a key of AFTER: what a learner must have done before


def answer_text(source: str) -> str:
    """Return a solution cell as learners see it: without markers and without notes to graders.

    >>> answer_text("### BEGIN SOLUTION\\nBecause.\\n*For the grader.* 1.\\n### END SOLUTION")
    'Because.'
    """
    lines = [line for line in source.splitlines() if not _MARKER.match(line)]
    return _GRADER.sub("", "\n".join(lines)).strip("\n").rstrip()


def published(notebook: Notebook, assignment: str) -> dict[str, Any]:
    """Return a notebook with the tasks and their model answers, made from a solution notebook.

    It has no check cells, so no hidden checks, and no notes to graders. A cell that answers says
    so in its metadata; `read_model` finds it by that.
    """
    made = copy.deepcopy({key: notebook.raw[key] for key in notebook.raw if key != "cells"})
    made.setdefault("metadata", {})[MARK] = {"answers_to": assignment}
    made["cells"] = []
    for raw, cell in zip(
        (c for c in notebook.raw["cells"] if isinstance(c, dict)), notebook.cells, strict=True
    ):
        solution = bool(cell.nbgrader.get("solution"))
        if cell.nbgrader.get("grade") and not solution:
            continue
        kept = {key: raw[key] for key in ("id", "cell_type") if key in raw}
        kept["metadata"] = {MARK: {"answer": cell.grade_id}} if solution else {}
        kept["source"] = answer_text(cell.source) if solution else cell.source
        if cell.kind == "code":
            kept |= {"execution_count": None, "outputs": []}
        made["cells"].append(kept)
    return made


def read_model(path: Path, assignment: str) -> Model:
    """Read model answers from a published notebook or from a solution notebook.

    Raises NoModelAnswersError: the notebook has none, or those of another assignment.
    """
    notebook = read(path)
    metadata = notebook.raw.get("metadata")
    note = metadata.get(MARK) if isinstance(metadata, dict) else None
    if isinstance(note, dict) and note.get("answers_to", assignment) != assignment:
        raise NoModelAnswersError(
            f"{path.name} answers {note['answers_to']}, not {assignment}. Name another file."
        )
    answers = {}
    for cell in notebook.cells:
        mark = cell.metadata.get(MARK)
        name = mark.get("answer") if isinstance(mark, dict) else None
        if name is None and cell.nbgrader.get("solution") and "### BEGIN SOLUTION" in cell.source:
            name = cell.grade_id
        if isinstance(name, str) and name:
            answers[name] = answer_text(cell.source)
    if not answers:
        raise NoModelAnswersError(
            f"There are no model answers in {path.name}. Name the file that your instructor "
            "published: course compare … --with FILE"
        )
    return Model(answers, path)


def find_model(assignment: str, notebook: Path, root: Path, given: Path | None = None) -> Model:
    """Return the model answers that the instructor allows the owner of `notebook` to see.

    In this order: the file that was `given`; one published in the exchange, or lying beside the
    notebook; the course's own solutions/, unless the instructor has switched that off
    (c.ModelAnswers.solutions in nbgrader_config.py).
    """
    exchange = _exchange.configured(root)
    rules = exchange.config.get("ModelAnswers", {}) if exchange else {}
    after = rules.get("after", "attempt")
    if after not in AFTER:
        raise CourseError(
            f"c.ModelAnswers.after is {after!r} in nbgrader_config.py. Write one of "
            f"{', '.join(map(repr, AFTER))}."
        )
    if given is not None:
        return Model(read_model(given.expanduser(), assignment).answers, given, after)
    home = notebook.absolute().parent
    places = [folder / published_name(assignment) for folder in (home, home.parent)]
    if exchange:
        places.insert(0, exchange.root / exchange.course / FOLDER / published_name(assignment))
    if rules.get("solutions", True):
        places.append(root / "solutions" / assignment / f"{assignment}.ipynb")
    for path in places:
        try:
            if path.is_file():
                return Model(read_model(path, assignment).answers, path, after)
        except PermissionError:
            continue
        except UnusableFileError as error:
            raise NoModelAnswersError(str(error)) from None
    raise NoModelAnswersError(
        f"The model answers of {assignment} have not been published here. When your instructor "
        f"has given you the file: course compare {assignment[:2]} --with FILE"
    )


def published_name(assignment: str) -> str:
    """Return the name of the file in which model answers are handed out."""
    return f"{assignment}-answers.ipynb"


def own_part(text: str, released: str) -> str:
    """Return the lines of a cell that are not the released cell's, from the first to the last.

    >>> own_part("def f(x):\\n    return x + 1", "def f(x):\\n    raise NotImplementedError")
    '    return x + 1'
    """
    mine, stub = text.strip("\n").splitlines(), released.strip("\n").splitlines()
    first = 0
    while first < min(len(mine), len(stub)) and mine[first].rstrip() == stub[first].rstrip():
        first += 1
    last = 0
    while last < min(len(mine), len(stub)) - first and (
        mine[-1 - last].rstrip() == stub[-1 - last].rstrip()
    ):
        last += 1
    return "\n".join(line.rstrip() for line in mine[first : len(mine) - last]).strip("\n")
