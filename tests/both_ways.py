"""Run whole notebooks in one process, as a learner does, and across the examiner, as grading does.

A *layer* is the solution notebook with one of the right or wrong answers in each task. Run as
`python -m tests.both_ways NAME MOST`, it prints for each layer what the check cells said in one
process.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.grading.engine import warm_imports
from course_utils.grading.job import Job, Limits, ReleasedCell
from course_utils.grading.sandbox import warm

from nbformat import NotebookNode

from tools import answers, notebooks
from tools.notebooks import ROOT

SEED = 7


@dataclass(frozen=True)
class Said:
    """What one check cell said: nothing if it passed, else the error's name and words."""

    kind: str
    words: str


def layers(name: str, most: int = 4) -> Iterator[NotebookNode]:
    """Yield the solution notebook with the first, second, … answer in every task.

    At most `most` layers, spread over all answers; the right ones come first.
    """
    nb = notebooks.read(ROOT / "solutions" / name / f"{name}.ipynb")
    right, wrong = answers.load(ROOT / "tests/answers" / f"{name}.py")
    listed = {task: [*right.get(task, []), *wrong.get(task, [])] for task in answers.tasks_of(nb)}
    count = max(map(len, listed.values()))
    for number in sorted({round(i * (count - 1) / max(most - 1, 1)) for i in range(most)}):
        layer = copy.deepcopy(nb)
        for cell in layer.cells:
            task = notebooks.nbgrader_of(cell).get("grade_id", "")
            if notebooks.is_solution(cell) and task in listed:
                cell.source = listed[task][number % len(listed[task])].source
        yield layer


def check_cells(nb: NotebookNode) -> dict[str, str]:
    """Return the check cells: name → text."""
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in nb.cells
        if notebooks.is_check(cell)
    }


def job(name: str, layer: NotebookNode) -> Job:
    """Return what grading gets: the layer as handed in, the released cells beside it."""
    source = notebooks.read(ROOT / "solutions" / name / f"{name}.ipynb")
    public = notebooks.read(ROOT / "exercises" / name / f"{name}.ipynb")
    stubs = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in public.cells
        if "nbgrader" in cell.metadata
    }
    released, given = [], []
    for cell in source.cells:
        about = cell.metadata.get("nbgrader")
        if about is not None:
            metadata = {**about, "cell_type": cell.cell_type}
            text = stubs[about.grade_id] if about.solution else cell.source
            released.append(ReleasedCell(about.grade_id, text, metadata))
        elif cell.cell_type == "code":
            given.append(cell.source)
    return Job(
        "student",
        name,
        name,
        json.dumps(layer).encode(),
        tuple(released),
        given="\n".join(given),
        seed=SEED,
        limits=Limits(cell_seconds=120, test_seconds=120, notebook_seconds=600),
    )


def in_one_process(name: str, most: int = 4) -> list[dict[str, Said]]:
    """Run every layer in a fork of this process; return what each check cell said."""
    os.environ["COURSE_CHECK_SEED"] = str(SEED)
    os.environ["NBGRADER_EXECUTION"] = "autograde"
    warm.imports(warm_imports([job(name, notebooks.read(ROOT / f"solutions/{name}/{name}.ipynb"))]))
    found = []
    for layer in layers(name, most):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                said = _run(layer, ROOT / "solutions" / name)
            with os.fdopen(writing, "w") as pipe:
                json.dump(said, pipe)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        found.append({key: Said(*value) for key, value in json.loads(text).items()})
    return found


def _run(layer: NotebookNode, folder: Path) -> dict[str, tuple[str, str]]:
    plain = answers.Plain(folder)
    warm.seed(SEED)
    said: dict[str, tuple[str, str]] = {}
    for cell in layer.cells:
        if cell.cell_type != "code":
            continue
        error = answers._tried(plain, cell.source, cell.id)
        if notebooks.is_check(cell):
            said[cell.metadata.nbgrader.grade_id] = error or ("", "")
    return said


def main() -> None:
    """Print what was said in one process as JSON."""
    found = in_one_process(sys.argv[1], int(sys.argv[2]))
    said = [{k: [v.kind, v.words] for k, v in layer.items()} for layer in found]
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
