"""A small course with a class in it, and a stand-in for the engine, for tests of the runner."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.grading.gradebook import Course, open_course
from course_utils.grading.job import (
    FAILED,
    GRADED,
    MANUAL,
    NOT_ATTEMPTED,
    PASSED,
    CellResult,
    Job,
    Result,
    quarantined,
)
from course_utils.grading.runner import grade_class

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment

from tests import small_assignment

NAME = small_assignment.NAME
FULL = 9.0  # what the checks give; one more point is given by hand
ROOT = Path(__file__).resolve().parents[1]

CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "build-deep"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
"""


@dataclass(frozen=True)
class FakeEngine:
    """Grades by looking at the text of an answer: no code is run."""

    delay: float = 0.0

    def grade(self, job: Job) -> Result:
        time.sleep(self.delay)
        nb = json.loads(job.submitted)
        answers: dict[str, str] = {}
        for cell in nb["cells"]:
            name = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")
            source = cell["source"]
            answers[name] = source if isinstance(source, str) else "".join(source)
        text = "\n".join(answers.values())
        if "ends the process" in text:
            os._exit(1)
        if "breaks the grader" in text:
            raise RuntimeError("the engine is broken")
        if "cannot be graded" in text:
            return quarantined(job, "The sandbox did not start. Grade it again.")
        cells, unanswered, answer = [], [], ("", "")
        for known in job.released:
            marks = known.metadata
            here = answers.get(known.name, "")
            if marks["solution"]:
                answer = (here, known.source)
                if here == known.source:
                    unanswered.append(known.name)
            if marks["grade"]:
                cells.append(_judged(known.name, marks["points"], answer, marks, job.seed))
        executed = {"cells": _cells(job, answers), "metadata": {}, "nbformat": 4}
        return Result(
            job.student,
            job.assignment,
            job.notebook,
            GRADED,
            cells=tuple(cells),
            executed=json.dumps(executed | {"nbformat_minor": 5}),
            unanswered=tuple(unanswered),
            seed=job.seed,
        )

    def close(self) -> None:
        return


def _judged(
    name: str, points: float, answer: tuple[str, str], marks: dict[str, Any], seed: int
) -> CellResult:
    """A check passes unless it says "strict", or the answer above it "wrong" (or bad luck)."""
    if marks["solution"]:
        return CellResult(name, points, None, MANUAL)
    text, stub = answer
    if text == stub:
        return CellResult(name, points, 0.0, NOT_ATTEMPTED, "nothing was written")
    if "wrong" in text or ("lucky" in text and seed % 2):
        return CellResult(name, points, 0.0, FAILED, f"it is wrong for seed {seed}")
    return CellResult(name, points, float(points), PASSED)


def _cells(job: Job, answers: dict[str, str]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for known in job.released:
        code = {"execution_count": 1, "outputs": []}
        kind = known.metadata["cell_type"]
        made.append(
            {
                "cell_type": kind,
                "id": known.name,
                "metadata": {"nbgrader": known.metadata},
                "source": answers.get(known.name, known.source),
            }
            | (code if kind == "code" else {})
        )
    return made


@dataclass(frozen=True)
class FakeEngines:
    """Makes fake engines."""

    version: str = "fake-1"
    delay: float = 0.0

    def imports(self, job: Job) -> tuple[str, ...]:
        return ("json",)

    def make(self, imports: Sequence[str]) -> FakeEngine:
        return FakeEngine(self.delay)

    def share(self, imports: Sequence[str], run: str) -> FakeEngine:
        return self.make(imports)


def make_course(root: Path, config: str = CONFIG) -> Course:
    """Make a course folder whose gradebook knows the small assignment."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "nbgrader_config.py").write_text(config)
    small_assignment.write(root / "solutions")
    course = open_course(root)
    generate(course)
    return course


def generate(course: Course) -> None:
    """Enter the assignment into the gradebook, and release it."""
    course.directory.assignment_id = NAME
    made = GenerateAssignment(coursedir=course.directory, config=course.config)
    made.force = True
    with contextlib.chdir(course.root):
        made.start()


def released(course: Course) -> NotebookNode:
    return nbformat.read(course.released(NAME) / f"{NAME}.ipynb", as_version=4)


def answered(course: Course, **answers: str) -> NotebookNode:
    """The released notebook with answers; "right" for those that are not named."""
    nb = released(course)
    for cell in nb.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            text = answers.get(marks["grade_id"], "right")
            cell.source = text if text != "stub" else cell.source
    return nb


def submit(
    course: Course,
    student: str,
    nb: NotebookNode | None = None,
    stamp: str | None = "2026-03-01 10:00:00.000000 UTC",
    file: str = f"{NAME}.ipynb",
) -> Path:
    """Put a submission into the course; return its folder."""
    folder = course.submitted(student, NAME)
    folder.mkdir(parents=True)
    nbformat.write(answered(course) if nb is None else nb, folder / file)
    if stamp is not None:
        (folder / "timestamp.txt").write_text(stamp)
    return folder


def submit_class(course: Course, count: int) -> None:
    """A class of which every third fails a task, and every fifth is unreadable."""
    for number in range(count):
        wrong = {"total": "wrong"} if number % 3 == 0 else {}
        folder = submit(course, f"s{number:02}", answered(course, **wrong))
        if number % 5 == 4:
            (folder / f"{NAME}.ipynb").write_text('{"cells": [')


def grade(course: Course, engines: Any = None, **options: Any) -> Any:
    """Grade the small assignment with the fake engine."""
    return grade_class(course, NAME, engines or FakeEngines(), jobs=2, **options)


def dump(course: Course) -> dict[str, Any]:
    """Everything in the gradebook that grading writes, without the ids of rows."""
    found: dict[str, Any] = {}
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        for submission in gradebook.assignment_submissions(NAME):
            row: dict[str, Any] = {"time": submission.timestamp}
            for notebook in submission.notebooks:
                row[notebook.name] = (notebook.late_submission_penalty, notebook.score)
                for grade_ in notebook.grades:
                    row[f"grade {grade_.name}"] = (
                        grade_.auto_score,
                        grade_.manual_score,
                        grade_.needs_manual_grade,
                    )
                for comment in notebook.comments:
                    row[f"comment {comment.name}"] = (comment.auto_comment, comment.manual_comment)
            found[submission.student.id] = row
    return found


def graded_files(course: Course) -> dict[str, str]:
    """The graded copies by place, without the secrets, which are random."""
    root = course.root / "autograded"
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "submission_secret.txt"
    }


def copy_course(course: Course, target: Path) -> Course:
    """Copy a course to another place."""
    shutil.copytree(course.root, target)
    return open_course(target)


def announce(say: Callable[[str], None]) -> None:
    """Call `say` before and after every step that writes something, in this process."""
    from course_utils.grading import gradebook, runner, store

    for place, name in (
        (store.Store, "save"),
        (store.Store, "note"),
        (gradebook.Writer, "record"),
        (gradebook.Writer, "enter"),
        (runner, "write_graded"),
        (store, "replace"),
    ):
        _wrap(place, name, say)


def _wrap(place: Any, name: str, say: Callable[[str], None]) -> None:
    step = getattr(place, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        say(f"before {name}")
        made = step(*args, **kwargs)
        say(f"after {name}")
        return made

    setattr(place, name, wrapped)


def main() -> None:
    """Grade the course in the folder named on the command line, once for each line of input.

    Each time in a process of its own, forked from this one, which has imported everything: it is
    the leader of a process group, says its id, and then each step.
    """

    def say(line: str) -> None:
        os.write(1, f"{line}\n".encode())

    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setsid()
            say(f"pid {os.getpid()}")
            announce(say)
            summary = grade(open_course(Path(sys.argv[1])), FakeEngines(delay=0.002))
            say(f"done {summary.reconciliation}")
            os._exit(0)
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main()
