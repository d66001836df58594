"""Put a submitted notebook back into the shape of the released one before it is run."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

NOTE = "build_deep"
"""Key of the notebook's metadata under which grading writes what it did."""

_LONG_AGO = "1970-01-01 00:00:00.000000 UTC"
_TIME = "%Y-%m-%d %H:%M:%S.%f UTC"  # as the exchange writes it


@dataclass(frozen=True)
class ReleasedCell:
    """A cell that the gradebook knows: its text and its nbgrader metadata."""

    name: str
    source: str
    metadata: dict[str, Any]

    @property
    def restorable(self) -> bool:
        """Whether a missing copy may be put back: everything but a learner's own code."""
        return bool(self.metadata["locked"] or self.metadata["grade"] or self.metadata["task"])

    def cell(self) -> NotebookNode:
        """Make the cell anew, as it was released."""
        make = new_code_cell if self.metadata["cell_type"] == "code" else new_markdown_cell
        return make(self.source, metadata={"nbgrader": dict(self.metadata)})


def released_cells(gradebook: Gradebook, notebook: str, assignment: str) -> list[ReleasedCell]:
    """Every cell of the notebook that the gradebook knows, in the order of the notebook."""
    known = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: float(cell.max_score) for cell in known.grade_cells}
    solutions = {cell.name for cell in known.solution_cells}
    tasks = {cell.name: float(cell.max_score) for cell in known.task_cells}
    cells = []
    for source in known.source_cells:
        name = source.name
        metadata = {
            "schema_version": 3,
            "grade_id": name,
            "grade": name in points,
            "solution": name in solutions,
            "task": name in tasks,
            "locked": source.locked,
            "cell_type": source.cell_type,
            "checksum": source.checksum,
        }
        if name in points or name in tasks:
            metadata["points"] = points.get(name, tasks.get(name))
        cells.append(ReleasedCell(name, source.source, metadata))
    return cells


def repair(nb: NotebookNode, released: list[ReleasedCell]) -> list[str]:
    """Repair `nb` in place; return one sentence for each thing that was not as released.

    Nothing that a learner's file says about grading is believed: metadata come from the
    gradebook, cells copied twice count once (the last copy), cells taken away come back.
    """
    known = {cell.name: cell for cell in released}
    notes: list[str] = []
    last: dict[str, int] = {}
    names = [_name(cell) for cell in nb.cells]
    for index, name in enumerate(names):
        if name in known:
            if name in last:
                notes.append(f"The cell '{name}' was there twice; the last copy counts.")
            last[name] = index
        elif name is not None:
            notes.append("A cell carried a name that is not in the assignment; it does not count.")
    for index, (cell, name) in enumerate(zip(nb.cells, names, strict=True)):
        if name is None or last.get(name) != index:
            cell.metadata = NotebookNode()
            continue
        notes += _changes(cell, known[name])
        cell.metadata = NotebookNode({"nbgrader": dict(known[name].metadata)})
    notes += _restore(nb, released)
    _number(nb)
    return notes


def _name(cell: NotebookNode) -> str | None:
    """The grade_id a cell claims to have, or None."""
    metadata = cell.metadata.get("nbgrader")
    name = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def _changes(cell: NotebookNode, original: ReleasedCell) -> list[str]:
    """Sentences about what a learner may not change and did."""
    notes = []
    claimed = cell.metadata["nbgrader"]
    fixed = ("grade", "solution", "locked", "task", "points")
    if any(claimed.get(key, False) != original.metadata.get(key, False) for key in fixed):
        notes.append(f"What the cell '{original.name}' says about grading was changed, and reset.")
    if cell.cell_type != original.metadata["cell_type"]:
        notes.append(f"The type of the cell '{original.name}' was changed, and reset.")
    elif original.metadata["locked"] and cell.source.strip() != _public(original.source):
        notes.append(f"The text of the cell '{original.name}' was changed, and reset.")
    return notes


def _public(source: str) -> str:
    """The text of a cell as it is released: without the regions that nbgrader takes out."""
    lines = []
    inside = False
    for line in source.split("\n"):
        inside = inside or re.search("BEGIN (HIDDEN TESTS|MARK SCHEME)", line) is not None
        if not inside:
            lines.append(line)
        inside = inside and re.search("END (HIDDEN TESTS|MARK SCHEME)", line) is None
    return "\n".join(lines).strip()


def _restore(nb: NotebookNode, released: list[ReleasedCell]) -> list[str]:
    """Put missing cells back behind the cell that came before them."""
    notes = []
    before: str | None = None
    for original in released:
        places = {_name(cell): index for index, cell in enumerate(nb.cells)}
        if original.name not in places:
            if not original.restorable:
                notes.append(f"The cell '{original.name}' was missing; it was not answered.")
                continue
            notes.append(f"The cell '{original.name}' was missing; it was put back.")
            nb.cells.insert(places[before] + 1 if before else 0, original.cell())
        before = original.name
    return notes


def _number(nb: NotebookNode) -> None:
    """Give every cell an id of its own, in the form that nbformat wants."""
    seen: set[str] = set()
    for index, cell in enumerate(nb.cells):
        name = str(cell.get("id", ""))
        if name in seen or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            name = f"cell-{index}"
            while name in seen:
                name += "x"
            cell.id = name
        seen.add(name)
    nb.nbformat, nb.nbformat_minor = 4, 5


class RepairCells(NbGraderPreprocessor):
    """Repair a submission, and tell whoever opens the graded notebook what was repaired."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Repair `nb`; keep none of the metadata that the learner's file brought along."""
        where = resources["nbgrader"]
        with Gradebook(where["db_url"]) as gradebook:
            released = released_cells(gradebook, where["notebook"], where["assignment"])
        notes = list(dict.fromkeys(repair(nb, released)))
        nb.metadata = NotebookNode(
            {
                "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
                "language_info": {"name": "python"},
                NOTE: {"repairs": notes},
            }
        )
        for note in notes:
            self.log.warning("%s: %s", where["student"], note)
        if notes:
            text = "**Repaired before grading**\n\n" + "\n".join(f"- {note}" for note in notes)
            nb.cells.insert(0, new_markdown_cell(text, id="repaired-before-grading"))
        _mark_unfinished(self)
        return nb, resources


def _mark_unfinished(preprocessor: NbGraderPreprocessor) -> None:
    """Make the graded copy older than the submission until grading has ended.

    nbgrader skips a submission whose graded folder exists, even if the run that made the folder
    was killed. It does regrade when the submission is newer, so an unfinished folder says 1970.
    """
    converter = getattr(preprocessor.parent, "parent", None)
    course = getattr(converter, "coursedir", None)
    if converter is None or course is None:
        return
    notebook = Path(converter.notebooks[0])
    folder = graded_folder(notebook, course.submitted_directory, course.autograded_directory)
    stamp = folder / "timestamp.txt"
    if stamp.exists():
        stamp.unlink()
        stamp.write_text(_LONG_AGO)


def graded_folder(
    notebook: Path, submitted: str = "submitted", autograded: str = "autograded"
) -> Path:
    """The folder of the graded copy of a submitted notebook."""
    parts = list(notebook.parent.parts)
    place = len(parts) - 1 - parts[::-1].index(submitted)
    return Path(*parts[:place], autograded, *parts[place + 1 :])


def finish(assignment: str, student: str, notebooks: list[str]) -> None:
    """Give the graded copies the time of their submission: they are complete now.

    nbgrader calls this hook after all notebooks of one submission were graded and written. A
    submission that did not come through the exchange has no time and no secret; without them
    `nbgrader release_feedback` would stop at it, so its copy gets the file's time and a secret.
    """
    for notebook in map(Path, notebooks):
        source = notebook.parent / "timestamp.txt"
        folder = graded_folder(notebook)
        written = datetime.fromtimestamp(notebook.stat().st_mtime, tz=UTC)
        stamp = source.read_text() if source.exists() else written.strftime(_TIME)
        _write(folder / "timestamp.txt", stamp)
        if not (folder / "submission_secret.txt").exists():
            _write(folder / "submission_secret.txt", secrets.token_hex(32))


def _write(path: Path, text: str) -> None:
    """Replace a file that nbgrader has made read-only."""
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o444)
