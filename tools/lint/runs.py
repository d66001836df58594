"""Rules that read what a run left: executed copies and runs.json in _build/executed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from book.theme.typeset.errors import ThemeError
from book.theme.typeset.notebooks import prepare
from tools import execute, notebooks
from tools.lint.core import Course, Page, Problem, Unread, rule
from tools.notebooks import NotebookError

_CURE = "run 'python tools/execute.py book solutions'"
NOTHING = Problem("it was not run, so there is nothing to read about outputs and budgets", _CURE)


def copy_of(page: Page, course: Course) -> Path:
    """Return where the executed copy of a notebook lies."""
    group = "solutions" if page.kind == "assignment" else "book"
    return course.root / "_build" / "executed" / group / page.path.name


def executed_of(page: Page, course: Course) -> list[NotebookNode]:
    """Return the cells of the executed copy (none for a Markdown file); raise Unread."""
    if page.path.suffix != ".ipynb":
        return []
    try:
        return list(notebooks.read(copy_of(page, course)).cells)
    except NotebookError:
        raise Unread(NOTHING) from None


def record_of(page: Page, course: Course) -> dict[str, Any]:
    """Return the record of the notebook's last run; raise Unread where there is none."""
    try:
        runs = json.loads((course.root / "_build" / "executed" / "runs.json").read_text())
        record = runs[page.run_id]
        return {"seconds": float(record["seconds"]), "peak_mb": int(record["peak_mb"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise Unread(NOTHING) from None


@rule("ran", "chapter", "page", "assignment", executed=True)
def ran(page: Page, course: Course) -> Iterator[Problem]:
    """Every notebook has an executed copy and a record of its run, and both are of this version.

    Why: without them the rules about outputs, time and memory have nothing to read.
    Cure: run the notebooks; only those that changed run again.
    """
    if page.path.suffix != ".ipynb":
        return
    cells = executed_of(page, course)
    record_of(page, course)
    then = [cell.source for cell in cells if cell.cell_type == "code"]
    now = [cell.source for cell in page.code]
    if then != now:
        changed = [c.id for c, old in zip(page.code, then, strict=False) if c.source != old]
        yield Problem(
            "its code has changed since it ran, so what was read is old",
            _CURE,
            changed[0] if changed else None,
        )


@rule("figure-output", "chapter", "page", "assignment", executed=True)
def figure_output(page: Page, course: Course) -> Iterator[Problem]:
    """Every picture that a run made has alt text, and a figure its name, caption and one picture.

    Why: a picture without words is nothing to a reader who cannot see it. The rule is the theme's
    own (book/theme/typeset/notebooks.py), which refuses to build the page; here for all cells at
    once, and for assignments too.
    Cure: in the cell's metadata,
    "mystnb": {"figure": {"name": …, "caption": …}, "image": {"alt": …}}.
    """
    for cell in executed_of(page, course):
        if cell.cell_type != "code":
            continue
        # The metadata of now with the outputs of then: an alt text that was mended counts.
        own = next((c for c in page.code if c.id == cell.get("id")), None)
        if own is None:
            continue
        looked = dict(cell, metadata=own.metadata)
        with tempfile.TemporaryDirectory(prefix="course-lint-") as folder:
            try:
                prepare({"cells": [looked]}, page.name, Path(folder))
            except ThemeError as error:
                what = str(error).split(": ", 1)[-1]
                sentence, _, cure = what.partition(". ")
                yield Problem(
                    sentence.rstrip("."),
                    cure.rstrip(".") or "add it to the cell's metadata",
                    own.id,
                )


@rule("budget", "chapter", "page", "assignment", executed=True)
def budget(page: Page, course: Course) -> Iterator[Problem]:
    """A notebook runs in at most 5 minutes and 4 GB on two cores.

    Why: that is what a laptop and a class hour allow. The limits are those of tools/execute.py. A
    time over the budget and under its double is said and fails nothing: a busy machine doubles any.
    Cure: fewer examples, steps or seeds; a smaller picture; free what is no longer needed.
    """
    if page.path.suffix != ".ipynb":
        return
    record = record_of(page, course)
    fails, said = execute.over_budget(record)
    for sentence in [*fails, *said]:
        yield Problem(
            f"the last run {sentence.rstrip('.')}",
            "make it smaller: fewer examples, steps or seeds",
            note=sentence in said,
        )
