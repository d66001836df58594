"""The autograder behind nbgrader's own plugin points.

`nbgrader autograde` and formgrader's Autograde button convert a submission in two steps; the
classes here do the work of both, with the engine that `course grade` uses too:

- `RepairCells`: puts the notebook back into the shape of the release;
- `ExecuteSubmission`: runs and judges it in the sandbox;
- `SaveGrades`: enters points and comments, in one transaction;
- `finish`: says that a submission is complete.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course_utils.grading import engine
from course_utils.grading.gradebook import released_cells
from course_utils.grading.job import GRADED, Job, ReleasedCell
from course_utils.grading.repair import NOTE, repair
from course_utils.grading.scan import ordered, read_layout
from course_utils.grading.settings import Grading

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades

_LONG_AGO = "1970-01-01 00:00:00.000000 UTC"
_TIME = "%Y-%m-%d %H:%M:%S.%f UTC"  # as the exchange writes it
_FILES = 50_000_000  # bytes of other files that go along


class RepairCells(NbGraderPreprocessor):
    """Repair a submission, and tell whoever opens the graded notebook what was repaired."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Repair `nb`; keep none of the metadata that the learner's file brought along."""
        where = resources["nbgrader"]
        notes = repair(nb, _release(self, where, nb)[0])
        nb.metadata[NOTE] = {"repairs": notes}
        for note in notes:
            self.log.warning("%s: %s", where["student"], note)
        _mark_unfinished(self)
        return nb, resources


class ExecuteSubmission(NbGraderPreprocessor):
    """Run and judge a repaired submission in the sandbox, with limits from `Grading`."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Return the graded notebook. Raises NbGraderException where it cannot be graded."""
        from course_utils.datasets import cache

        where = resources["nbgrader"]
        released, given = _release(self, where, nb)
        grading = Grading(parent=self)
        job = Job(
            where["student"],
            where["assignment"],
            where["notebook"],
            json.dumps(nb).encode(),
            released,
            given=given,
            files=_files(Path(resources["metadata"]["path"])),
            seed=secrets.randbelow(10**6),
            limits=grading.limits(),
        )
        imports = engine.warm_imports([job])
        with engine.shared(imports, grading.sandbox, grading.container, cache.folder()) as shared:
            for note in shared.notes:
                self.log.warning(note)
            result = shared.grade(job)
        if result.status != GRADED:
            raise NbGraderException(f"{where['student']}: {result.reason}")
        for sentence in result.accidents:
            self.log.warning("%s: %s", where["student"], sentence)
        graded = nbformat.from_dict(json.loads(result.executed))
        repairs = [*nb.metadata.get(NOTE, {}).get("repairs", ()), *result.repairs]
        graded.metadata[NOTE]["repairs"] = repairs
        if repairs and not result.repairs:
            graded.cells.insert(0, repair_note(repairs))
        return graded, resources


class SaveGrades(SaveAutoGrades):
    """Write the scores of one notebook in one transaction, so that no run leaves half of them."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Save a score for every grade cell and a comment for every unanswered one."""
        where = resources["nbgrader"]
        names = (where["notebook"], where["assignment"], where["student"])
        with Gradebook(where["db_url"]) as gradebook:
            for cell in nb.cells:
                if utils.is_grade(cell):
                    grade = gradebook.find_grade(cell.metadata.nbgrader["grade_id"], *names)
                    # Written by the engine; what a student's file said there is gone.
                    grade.auto_score = cell.metadata[NOTE]["score"]
                    grade.needs_manual_grade = (
                        grade.auto_score is None or grade.manual_score is not None
                    )
                if utils.is_solution(cell) or utils.is_task(cell):
                    self._comment(gradebook, cell, names)
            gradebook.db.commit()
        return nb, resources

    def _comment(self, gradebook: Gradebook, cell: NotebookNode, names: tuple[str, ...]) -> None:
        comment = gradebook.find_comment(cell.metadata.nbgrader["grade_id"], *names)
        unchanged = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
        comment.auto_comment = "No response." if unchanged and not utils.is_task(cell) else None


def repair_note(notes: list[str]) -> NotebookNode:
    """Return the cell that says at the top of a graded notebook what was repaired."""
    text = "**Repaired before grading**\n\n" + "\n".join(f"- {note}" for note in notes)
    return new_markdown_cell(text, id="repaired-before-grading")


def _release(
    preprocessor: NbGraderPreprocessor, where: dict[str, Any], submitted: NotebookNode
) -> tuple[tuple[ReleasedCell, ...], str]:
    """The released cells in the order of the release, and its code outside of them.

    Without the release and the source, the order is that of the submission.
    """
    with Gradebook(where["db_url"]) as gradebook:
        cells = released_cells(gradebook, where["notebook"], where["assignment"])
    directory = getattr(getattr(preprocessor.parent, "parent", None), "coursedir", None)
    if directory is not None:
        for step in (directory.release_directory, directory.source_directory):
            folder = directory.format_path(step, ".", where["assignment"])
            layout = read_layout(Path(folder) / f"{where['notebook']}.ipynb")
            if layout is not None:
                return ordered(cells, layout)
    return ordered(cells, submitted)[0], ""


def _files(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """The other files beside a submission that is graded: plain files, no links, up to a size."""
    found = []
    room = _FILES
    for path in sorted(folder.rglob("*")):
        inside = [path, *path.parents]
        linked = any(place.is_symlink() for place in inside[: len(inside) - len(folder.parents)])
        if linked or not path.is_file() or path.suffix == ".ipynb":
            continue
        room -= path.stat().st_size
        if room < 0:
            break
        found.append((path.relative_to(folder).as_posix(), path.read_bytes()))
    return tuple(found)


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
