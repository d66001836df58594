"""The form of the files: normal, without outputs, with ids that stay."""

from __future__ import annotations

import ast
import json
import subprocess
from collections import Counter
from collections.abc import Iterator

from nbformat import NotebookNode

from tools import normalise
from tools.lint.core import Course, Page, Problem, rule
from tools.lint.names import python_of
from tools.notebooks import NotebookError


@rule("normal-form", "chapter", "page", "assignment")
def normal_form(page: Page, course: Course) -> Iterator[Problem]:
    """A notebook is in its normal form: no outputs, readable ids, one metadata, one layout.

    Why: git then shows what a person changed and no more. The rule is tools/normalise.py.
    Cure: make format.
    """
    if page.path.suffix != ".ipynb":
        return
    try:
        what = normalise.normalise(page.path, write=False)
    except NotebookError as error:
        yield Problem(str(error).split(": ", 1)[-1].rstrip("."), "then run 'make format'")
        return
    if what:
        yield Problem(f"not in normal form ({'; '.join(what)})", "run 'make format'")


@rule("no-output", "exercise")
def no_output(page: Page, course: Course) -> Iterator[Problem]:
    """A notebook that learners open has no outputs and no execution counts.

    Why: an output would tell what a solution prints. (book/ and solutions/: see normal-form.)
    Cure: make release.
    """
    for cell in page.code:
        if cell.get("outputs") or cell.get("execution_count"):
            yield Problem("it has outputs", "run 'make release'", cell.get("id"))


@rule("parses", "chapter", "page", "assignment", "exercise")
def parses(page: Page, course: Course) -> Iterator[Problem]:
    """Every code cell is Python, exercises unsolved.

    Why: nbgrader, ruff and this lint read the code; a cell that does not parse stops a whole class.
    Cure: see the line that Python names.
    """
    yield from parse_problems(page.cells)


def parse_problems(cells: list[NotebookNode]) -> Iterator[Problem]:
    """Yield which code cells are not Python."""
    for cell in cells:
        if cell.cell_type != "code":
            continue
        try:
            ast.parse(python_of(cell))
        except SyntaxError as error:
            yield Problem(
                f"Cell {cell.get('id')!r} does not parse: {error.msg}, line {error.lineno}",
                "correct that line",
                cell.get("id"),
            )


@rule("stable-ids", "chapter", "page", "assignment")
def stable_ids(page: Page, course: Course) -> Iterator[Problem]:
    """A cell that did not change keeps the id that it has in git.

    Why: gradebooks, links and reviews know a cell by its id; some editors draw new ones on saving.
    Cure: give it the old id again, in the file.
    """
    if page.path.suffix != ".ipynb":
        return
    before = _committed(page, course)
    old = Counter((cell.cell_type, cell.source) for cell in before)
    new = Counter((cell.cell_type, cell.source) for cell in page.cells)
    ids = {(cell.cell_type, cell.source): cell.get("id") for cell in before}
    there = {cell.get("id") for cell in page.cells}
    for cell in page.cells:
        key = (cell.cell_type, cell.source)
        was = ids.get(key)
        if old[key] == new[key] == 1 and was and was != cell.get("id") and was not in there:
            yield Problem(f"its id in git is {was!r}", f"call it {was!r} again", cell.get("id"))


def _committed(page: Page, course: Course) -> list[NotebookNode]:
    """Return the cells of the page in git's last commit; none where git does not know it."""
    shown = page.path.resolve().relative_to(course.root.resolve()).as_posix()
    git = ["git", "-C", str(course.root)]
    same = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", shown], capture_output=True)
    if same.returncode == 0:
        return []
    done = subprocess.run([*git, "show", f"HEAD:./{shown}"], capture_output=True)
    if done.returncode != 0:
        return []
    cells = [NotebookNode(cell) for cell in json.loads(done.stdout).get("cells", [])]
    for cell in cells:
        if isinstance(cell.get("source"), list):
            cell.source = "".join(cell.source)
    return cells
