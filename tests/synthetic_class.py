"""A class made up for the tests of reports, exports and feedback: results, notebooks, gradebook."""

from __future__ import annotations

import random
import shutil
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from course_utils.grading import job
from course_utils.grading.job import GRADED, QUARANTINED, CellResult, Result
from course_utils.grading.store import Store, Stored

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from sqlalchemy.exc import SAWarning

ROOT = Path(__file__).resolve().parents[1]
NAME = "97-made-up"
DUE = datetime(2026, 11, 20, 22, 59)  # UTC, as nbgrader stores it
SCRIPT = "<script>window.pwned=1</script>"
HOSTILE = {
    SCRIPT: ("<img src=x onerror=pwned()>", "Mallory & Co"),
    'comma, quote"': ('Jo, "the" one', "Doe"),
    "=HYPERLINK(1)": ("=1+1", "@sum"),
    "a" * 180: ("Very" * 40, "Long"),
    "\u202eevil": ("\u05d3\u05d5\u05d3", "\u05db\u05d4\u05df"),
    "Points Possible": ("Points Possible", ""),
    "\u0634\u0627\u062f\u064a": ("\u0634\u0627\u062f\u064a", "\u0645\u0631\u0627\u062f"),
}

STUBS = {
    "sigmoid": '''def sigmoid(z):
    """Return 1 / (1 + exp(-z)) for every entry."""
    raise NotImplementedError  # write your answer here''',
    "softmax": '''def softmax(z):
    """Return the softmax over the last axis."""
    raise NotImplementedError  # write your answer here''',
    "step": '''def step(W, b, X, y, lr):
    """Return W and b after one step of gradient descent."""
    raise NotImplementedError  # write your answer here''',
    "train": '''def train(X, y, lr=0.1, num_epochs=100):
    """Train a perceptron; return W, b and the losses."""
    raise NotImplementedError  # write your answer here''',
}
POINTS = {"sigmoid": 3.0, "softmax": 4.0, "step": 5.0, "train": 6.0, "why": 2.0}
TITLES = {
    "sigmoid": "Task 1 · The sigmoid (3 points)",
    "softmax": "Task 2 · Softmax (4 points)",
    "step": "Task 3 · One step (5 points)",
    "train": "Task 4 · Training (6 points)",
    "why": "Task 5 · In words (2 points)",
}


def answer(task: str, dice: random.Random) -> str:
    """One of many ways to write a right answer."""
    head = STUBS[task].rsplit("\n", 1)[0]
    x, y, t = (dice.choice(group) for group in (("out", "r", "res"), ("m", "top"), ("tmp", "e")))
    if task == "sigmoid":
        body = ["return 1 / (1 + np.exp(-z))", f"{x} = 1.0 + np.exp(-z)\n    return 1.0 / {x}"]
    elif task == "softmax":
        body = [
            f"{t} = np.exp(z - z.max(-1, keepdims=True))\n"
            f"    return {t} / {t}.sum(-1, keepdims=True)",
            f"{y} = np.max(z, axis=-1, keepdims=True)\n    {t} = np.exp(z - {y})\n"
            f"    {x} = {t} / np.sum({t}, axis=-1, keepdims=True)\n    return {x}",
        ]
    else:
        lines = []
        names = ["g", "h", "err", "acc", "d", "grad", "s", "val", "q"]
        dice.shuffle(names)
        for number in range(dice.randint(8, 20)):
            name = dice.choice(names)
            second = dice.choice(["y", "0", "axis=0"])
            lines.append(
                f"{name} = np.{dice.choice(['mean', 'sum', 'dot', 'maximum', 'clip', 'outer'])}"
                f"({dice.choice(['X', 'y', 'X.T', 'X[:, 0]'])}, {second})"
                f" {dice.choice('+-*/')} {dice.choice(['lr', '2', '0.5', 'len(y)'])}"
                + (f"  # step {number}" if dice.random() < 0.3 else "")
            )
        body = ["\n    ".join([*lines, "return X, y"])]
    return f"{head}\n    {dice.choice(body)}"


def meta(name: str, **changes: object) -> dict[str, dict[str, object]]:
    base = {"grade": False, "solution": False, "locked": False, "task": False, "points": 0}
    return {"nbgrader": base | {"schema_version": 3, "grade_id": name} | changes}


def notebook(
    answers: dict[str, str],
    outputs: dict[str, list[NotebookNode]] | None = None,
    statuses: dict[str, CellResult] | None = None,
) -> str:
    """The graded notebook of a student, as JSON text."""
    cells = [new_markdown_cell("# Assignment 97 · Made up", id="title")]
    cells.append(
        new_code_cell("import numpy as np", id="setup", metadata=meta("setup", locked=True))
    )
    for task, stub in STUBS.items():
        cells.append(
            new_markdown_cell(f"## {TITLES[task]}\n\nWrite `{task}` with $e^z$.", id=f"t-{task}")
        )
        source = answers.get(task, stub)
        cells.append(new_code_cell(source, id=task, metadata=meta(task, solution=True)))
        status = (statuses or {}).get(f"{task}-check")
        check = new_code_cell(
            f"from course_utils import checks\nassert {task}\n### BEGIN HIDDEN TESTS\n"
            f"hidden_inputs_of_{task} = 1\n### END HIDDEN TESTS",
            id=f"{task}-check",
            metadata=meta(f"{task}-check", grade=True, locked=True, points=POINTS[task]),
            outputs=(outputs or {}).get(task, []),
            execution_count=1,
        )
        if status is not None:
            kept = {"status": status.status, "score": status.score, "message": status.message}
            check.metadata["build_deep"] = kept
        cells.append(check)
    cells.append(new_markdown_cell(f"## {TITLES['why']}", id="t-why"))
    why = meta("why", grade=True, solution=True, points=POINTS["why"])
    cells.append(new_markdown_cell(answers.get("why", "YOUR ANSWER HERE"), id="why", metadata=why))
    return nbformat.writes(new_notebook(cells=cells))


MESSAGES = {
    "sigmoid": [
        "sigmoid([[0.3, -1.2]]) is off by {0:.3f} at [{1}, {2}]. It looks as if the minus sign in "
        "exp(-z) is missing. (seed {3})",
        "sigmoid returned shape ({1},), expected ({1}, {2}). (seed {3})",
    ],
    "softmax": [
        "softmax(z) has rows that sum to {0:.4f}, expected 1. It looks as if the sum runs over the "
        "wrong axis. (seed {3})",
        "softmax(z) is not finite at index {1}: subtract the largest entry first. (seed {3})",
    ],
    "step": ["W differs by {0:.2e} at [{1}, {2}]: divide by the number of examples. (seed {3})"],
    "train": ["The loss after {1} epochs is {0:.3f}, expected less than 0.1. " + SCRIPT],
}


@dataclass(frozen=True)
class Member:
    """One student of the class."""

    student: str
    first: str
    last: str
    stored: Stored


def member(number: int, student: str, dice: random.Random, shared: dict[str, str]) -> Stored:
    """What grading stored for a student: strong ones solve more, some have accidents."""
    talent = dice.gauss(0.65, 0.22)
    answers, cells, unanswered = {}, [], []
    outputs: dict[str, list[NotebookNode]] = {}
    blank = number % 17 == 16
    for place, task in enumerate(STUBS):
        points = POINTS[task]
        answers[task] = answer(task, dice)
        right = dice.random() < talent * (1.15 - 0.13 * place)
        status, score, message = (job.PASSED, points, "") if right else (job.FAILED, 0.0, "")
        if blank or (not right and dice.random() < 0.12):
            status, answers[task] = job.NOT_ATTEMPTED, STUBS[task]
            unanswered.append(task)
        elif not right:
            roll = dice.random()
            kinds = [(0.08, job.TIMED_OUT), (0.12, job.OUT_OF_MEMORY), (0.15, job.CRASHED)]
            kinds += [(0.3, job.ERROR), (0.42, job.PARTIAL)]
            status = next((kind for limit, kind in kinds if roll < limit), job.FAILED)
            score = points / 2 if status == job.PARTIAL else 0.0
            text = dice.choice(MESSAGES[task])
            message = text.format(
                dice.random(), dice.randint(0, 9), dice.randint(0, 9), dice.randint(0, 10**6)
            )
        if blank:
            score, message = 0.0, ""
        if message:
            error = new_output("error", ename="CheckFailed", evalue=message, traceback=[message])
            outputs[task] = [error]
        cells.append(CellResult(f"{task}-check", points, score, status, message, dice.random()))
    answers["why"] = "Because the loss falls. " + SCRIPT
    cells.append(CellResult("why", POINTS["why"], None, job.MANUAL))
    if number in (5, 6):  # two who handed in the same work
        answers |= shared
        if number == 6:
            answers = {
                key: text.replace("grad", "grd").replace(" + ", "  +  ")
                for key, text in answers.items()
            }
    repairs = (
        ("The cell 'softmax-check' was missing; it was put back.",) if number % 13 == 4 else ()
    )
    result = Result(
        student,
        NAME,
        NAME,
        GRADED,
        cells=tuple(cells),
        executed=notebook(answers, outputs, {cell.name: cell for cell in cells}),
        repairs=repairs,
        unanswered=tuple(unanswered),
        accidents=("A cell of the student stopped with ZeroDivisionError.",)
        if number % 19 == 3
        else (),
        seconds=dice.lognormvariate(0.2, 0.7),
        memory=int(dice.lognormvariate(18, 0.6)),
        seed=number,
    )
    late = timedelta(hours=dice.randint(1, 70)) if number % 7 == 2 else -timedelta(hours=5)
    stamp = (DUE + late).replace(tzinfo=UTC).isoformat()
    if number % 23 == 9:
        reason = f"{NAME}.ipynb is not a notebook that can be read: {SCRIPT}"
        return Stored("k", "s", 0, student, NAME, stamp, QUARANTINED, reason)
    return Stored("k", "s", 0, student, NAME, stamp, GRADED, notebooks=(result,))


def make(size: int, seed: int = 0) -> list[Member]:
    """A class of `size` students, the hostile ones first."""
    dice = random.Random(seed)
    shared = {task: answer(task, random.Random(99)) for task in STUBS}
    names = [*HOSTILE, *(f"student-{n:04d}" for n in range(size))][:size]
    members = []
    for number, student in enumerate(names):
        first, last = HOSTILE.get(student, (f"First{number}", f"Last{number}"))
        members.append(Member(student, first, last, member(number, student, dice, shared)))
    return members


def write(root: Path, members: list[Member], *, gradebook: bool = True) -> Path:
    """Make a course folder with results and, if wanted, a gradebook; return its root."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    folder = root / "exercises" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.ipynb").write_text(notebook({}))
    results = root / "grading" / NAME / "results"
    results.mkdir(parents=True, exist_ok=True)
    store = Store(root / "grading" / NAME)
    for one in members:
        store.save(one.stored)
    if gradebook:
        fill(root, members)
    return root


def fill(root: Path, members: list[Member]) -> None:
    """Enter the class in a gradebook, through nbgrader's own objects."""
    with (
        warnings.catch_warnings(),
        Gradebook(f"sqlite:///{root / 'gradebook.db'}", "build-deep") as book,
    ):
        warnings.filterwarnings("ignore", "Object of type", category=SAWarning)
        book.add_assignment(NAME, duedate=DUE)
        book.add_notebook(NAME, NAME)
        for task, points in POINTS.items():
            name = task if task == "why" else f"{task}-check"
            kind = "markdown" if task == "why" else "code"
            book.add_grade_cell(name, NAME, NAME, max_score=points, cell_type=kind)
            book.add_solution_cell(task, NAME, NAME)
        for one in members:
            book.add_student(
                one.student,
                first_name=one.first,
                last_name=one.last,
                email=f"{one.student}@x.org"[-90:],
            )
            if one.stored.timestamp is None:
                continue
            stamp = datetime.fromisoformat(one.stored.timestamp).replace(tzinfo=None)
            handed = book.add_submission(NAME, one.student)
            handed.timestamp = stamp
            for result in one.stored.notebooks:
                for cell in result.cells:
                    grade = book.find_grade(cell.name, NAME, NAME, one.student)
                    grade.auto_score = cell.score
                    grade.needs_manual_grade = cell.score is None
        book.add_student("absent", first_name="Not", last_name="There", email="absent@x.org")
        book.db.commit()


def write_graded(root: Path, members: list[Member]) -> None:
    """Write the graded notebooks where nbgrader keeps them; names that are no folder are left."""
    for one in members:
        for result in one.stored.notebooks:
            if "/" not in one.student:
                folder = root / "autograded" / one.student / NAME
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{NAME}.ipynb").write_text(result.executed, encoding="utf-8")
