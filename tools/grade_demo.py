"""Play a class of synthetic students through nbgrader and compare every grade.

    python tools/grade_demo.py                           # make grade-demo
    python tools/grade_demo.py --assignment 04-backprop --keep /tmp/course

Release, fetch, submit, collect, autograde, grading by hand, feedback and export happen in a
temporary course made from solutions/. What each student should score is computed from the
points in the notebook. The exit status is 1 if one score or status is not as expected.
"""

from __future__ import annotations

import argparse
import ast
import csv
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from course_utils.grading.status import Outcome, outcome  # noqa: E402

from tools.scratch_course import NbgraderError, ScratchCourse  # noqa: E402

CELL_SECONDS = 15
"""Time limit of a cell in the demonstration; the course itself allows a minute."""


@dataclass(frozen=True)
class Task:
    """A solution cell, its answer, and the points of the check cells that follow it."""

    name: str
    answer: str
    checks: dict[str, float]


@dataclass(frozen=True)
class Assignment:
    """What the demonstration reads out of an assignment's source notebook."""

    name: str
    tasks: tuple[Task, ...]
    by_hand: dict[str, float]
    victim: str
    """The task that accidents happen to: no other task uses what it defines."""

    @property
    def points(self) -> dict[str, float]:
        """Points of every graded cell."""
        checks = {cell: n for task in self.tasks for cell, n in task.checks.items()}
        return checks | self.by_hand


def read_assignment(source: Path) -> Assignment:
    """Read tasks, points and answers from solutions/NAME/NAME.ipynb.

    Raises ValueError if the notebook has no task that is checked.
    """
    nb = nbformat.read(source / f"{source.name}.ipynb", as_version=4)
    tasks: list[Task] = []
    by_hand: dict[str, float] = {}
    for cell in nb.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade") and meta.get("solution"):
            by_hand[meta["grade_id"]] = float(meta["points"])
        elif meta.get("solution") and cell.cell_type == "code":
            tasks.append(Task(meta["grade_id"], without_markers(cell.source), {}))
        elif meta.get("grade") and cell.cell_type == "code":
            if not tasks:
                raise ValueError(f"{source.name}: a check cell comes before the first task.")
            tasks[-1].checks[meta["grade_id"]] = float(meta["points"])
    if not any(task.checks for task in tasks):
        raise ValueError(f"{source.name}: no task has a check cell, there is nothing to grade.")
    return Assignment(source.name, tuple(tasks), by_hand, _victim(nb, tasks))


def without_markers(source: str) -> str:
    """An answer as a learner would have written it."""
    return "\n".join(line for line in source.split("\n") if "### " not in line)


def _victim(nb: NotebookNode, tasks: list[Task]) -> str:
    """The first checked task that nothing else in the notebook depends on; else the last one."""
    checked = [task for task in tasks if task.checks]
    for task in checked:
        defined = _defined(task.answer)
        others = [
            cell.source
            for cell in nb.cells
            if cell.cell_type == "code"
            and cell.metadata.get("nbgrader", {}).get("grade_id") not in {task.name, *task.checks}
        ]
        if not any(defined & _used(source) for source in others):
            return task.name
    return checked[-1].name


def _defined(source: str) -> set[str]:
    """Names that a cell binds at its top level."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return names


def _used(source: str) -> set[str]:
    """Names that occur anywhere in a cell."""
    text = "\n".join(
        line for line in source.split("\n") if not line.lstrip().startswith(("%", "!"))
    )
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


# --- what students hand in ---------------------------------------------------------------------


def _cell(nb: NotebookNode, name: str) -> NotebookNode:
    return next(c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def solve(nb: NotebookNode, assignment: Assignment, tasks: int | None = None) -> None:
    """Write the right answers of the first `tasks` tasks; of all, and the text, for None."""
    for task in assignment.tasks[:tasks]:
        _cell(nb, task.name).source = task.answer
    if tasks is None:
        for name in assignment.by_hand:
            _cell(nb, name).source = "I measured it and wrote down what I saw."


def make_wrong(source: str) -> str:
    """An answer that runs and is wrong: every function returns None, every name is None."""
    lines = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            lines.append(ast.unparse(_returning_none(node)))
        elif isinstance(node, ast.ClassDef):
            node.body = [
                _returning_none(item) if isinstance(item, ast.FunctionDef) else item
                for item in node.body
            ]
            lines.append(ast.unparse(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            lines += [f"{name} = None" for name in sorted(_defined(ast.unparse(node)))]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            lines.append(ast.unparse(node))
    return "\n\n".join(lines)


def _returning_none(function: ast.FunctionDef) -> ast.FunctionDef:
    function.body = [ast.parse("return None").body[0]]
    return function


def begin_with(source: str, statement: str) -> str:
    """Put `statement` at the start of every function of an answer, or of the cell itself."""
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not functions:
        return statement + "\n" + source
    for function in functions:
        function.body = ast.parse(textwrap.dedent(statement)).body + function.body
    return ast.unparse(tree)


NOISE = """
import sys
import warnings
from IPython.display import HTML, display
print("a warning of some library", file=sys.stderr)
warnings.warn("overflow encountered in exp", RuntimeWarning, stacklevel=1)
display(HTML("<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"))
print("x" * 200_000_000)
"""


@dataclass(frozen=True)
class Part:
    """One student of the play: what they hand in, and what must come out."""

    student: str
    what: str
    status: str
    expected: float | None
    hand_in: Callable[[NotebookNode], None]
    damage: Callable[[Path], None] | None = None
    """Done to the file after it was written."""


def cast(assignment: Assignment) -> list[Part]:
    """The class: ten students, from perfect to unreadable."""
    checks = sum(sum(task.checks.values()) for task in assignment.tasks)
    full = checks + sum(assignment.by_hand.values())
    victim = next(task for task in assignment.tasks if task.name == assignment.victim)
    without_victim = full - sum(victim.checks.values())
    half = (len(assignment.tasks) + 1) // 2
    half_points = sum(sum(task.checks.values()) for task in assignment.tasks[:half])

    def all_right(nb: NotebookNode) -> None:
        solve(nb, assignment)

    def first_half(nb: NotebookNode) -> None:
        solve(nb, assignment, half)

    def nothing(nb: NotebookNode) -> None:
        del nb

    def all_wrong(nb: NotebookNode) -> None:
        for task in assignment.tasks:
            _cell(nb, task.name).source = make_wrong(task.answer)

    def spoiled(statement: str) -> Callable[[NotebookNode], None]:
        def change(nb: NotebookNode) -> None:
            solve(nb, assignment)
            _cell(nb, victim.name).source = begin_with(victim.answer, statement)

        return change

    def crash(nb: NotebookNode) -> None:
        solve(nb, assignment)
        _cell(nb, victim.name).source = "raise RuntimeError('I gave up here')\n" + victim.answer

    def copied(nb: NotebookNode) -> None:
        solve(nb, assignment)
        names = [victim.name, *victim.checks]
        copies = [nbformat.from_dict(dict(_cell(nb, name))) for name in names]
        place = nb.cells.index(_cell(nb, names[-1])) + 1
        for number, copy in enumerate(copies):
            copy.id = f"copied-{number}"
        nb.cells[place:place] = copies

    def noisy(nb: NotebookNode) -> None:
        solve(nb, assignment)
        for name in assignment.tasks[0].name, victim.name:
            _cell(nb, name).source += "\n" + NOISE
        first = _cell(nb, assignment.tasks[0].name)
        first.source = begin_with(first.source, "import sys; print('hm', file=sys.stderr)")
        nb.cells.append(nbformat.v4.new_markdown_cell("<script>window.pwned = 1</script>"))

    def cut_off(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:1000])

    loop = "while True:\n    pass"
    kill = "import os\nos._exit(1)"
    return [
        Part("perfect", "every answer right", "graded", full, all_right),
        Part("half", f"the first {half} tasks", "graded", half_points, first_half),
        Part("blank", "handed in as released", "not attempted", 0.0, nothing),
        Part("wrong", "every answer wrong", "graded", 0.0, all_wrong),
        Part("crash", f"an exception in {victim.name}", "error in a cell", without_victim, crash),
        Part("loop", f"{victim.name} never ends", "timed out", without_victim, spoiled(loop)),
        Part("dead", f"{victim.name} ends Python", "crashed", without_victim, spoiled(kill)),
        Part("copied", f"{victim.name} copied with its check", "repaired", full, copied),
        Part("noisy", "right; stderr, a script, 200 MB of output", "graded", full, noisy),
        Part("cut-off", "the file ends in the middle", "not graded", None, nothing, cut_off),
    ]


# --- the play -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What came out for one student."""

    part: Part
    outcome: Outcome
    exported: dict[str, str]

    @property
    def total(self) -> float | None:
        """Points in the gradebook; None if the submission was not graded."""
        return None if self.outcome.status == "not graded" else self.outcome.total

    @property
    def as_expected(self) -> bool:
        """Whether status, gradebook and exported table say what they must."""
        score = self.exported.get("score", "")
        exported = float(score) if score else None
        return (
            self.outcome.status == self.part.status
            and self.total == self.part.expected
            and exported == self.part.expected
        )


def play(
    course: ScratchCourse,
    assignment: Assignment,
    say: Callable[[str], None] = print,
    parts: list[Part] | None = None,
) -> list[Result]:
    """Take the class through the whole round; return one result per student."""
    name = assignment.name
    parts = cast(assignment) if parts is None else parts
    say(f"releasing {name}")
    course.nbgrader("generate_assignment", name)
    course.nbgrader("release_assignment", name)
    for number, part in enumerate(parts, 1):
        say(f"fetch and submit {number}/{len(parts)}: {part.student} ({part.what})")
        student = course.student(part.student)
        student.fetch(name)
        student.edit(name, part.hand_in)
        if part.damage is not None:
            part.damage(student.notebook(name))
        student.submit(name)
    say("collecting")
    course.nbgrader("collect", name)

    def progress(line: str) -> None:
        if "Autograding " in line:
            say("autograding " + Path(line.split("Autograding ", 1)[1]).parent.parent.name)

    # One bad submission makes the command end with status 1, after all others were graded.
    course.nbgrader("autograde", name, on_line=progress, check=False)
    grade_by_hand(course, name)
    say("feedback and export")
    course.nbgrader("generate_feedback", name)
    course.nbgrader("release_feedback", name)
    course.nbgrader("export")
    with (course.course / "grades.csv").open(newline="", encoding="utf-8") as file:
        exported = {row["student_id"]: row for row in csv.DictReader(file)}
    results = []
    with course.gradebook() as gradebook:
        for part in parts:
            came_out = outcome(
                gradebook,
                name,
                part.student,
                course.autograded(part.student, name),
                course.submitted(part.student, name),
            )
            results.append(Result(part, came_out, exported.get(part.student, {})))
    return results


def grade_by_hand(course: ScratchCourse, assignment: str) -> None:
    """Give full points to every written answer, as the instructor would do in formgrader."""
    with course.gradebook() as gradebook:
        for submission in gradebook.assignment_submissions(assignment):
            if not course.autograded(submission.student.id, assignment).exists():
                continue
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    if grade.cell_type == "markdown" and grade.auto_score is None:
                        grade.manual_score = grade.max_score
                        grade.needs_manual_grade = False
        gradebook.db.commit()


def table(assignment: Assignment, results: list[Result]) -> Table:
    """The grades, as a table that fits a terminal of 80 columns."""
    drawn = Table(
        title=f"{assignment.name}: {sum(assignment.points.values()):g} points",
        caption=_legend(assignment),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    drawn.add_column("student", no_wrap=True)
    drawn.add_column("status", no_wrap=True)
    checked = [task for task in assignment.tasks if task.checks]
    for number in range(1, len(checked) + len(assignment.by_hand) + 1):
        drawn.add_column(str(number), justify="right")
    drawn.add_column("total", justify="right")
    drawn.add_column("expected", justify="right", no_wrap=True)
    drawn.add_column("", no_wrap=True)
    for result in results:
        scores = result.outcome.scores
        points = [
            _points(sum(scores[check] for check in task.checks) if scores else None)
            for task in checked
        ]
        points += [_points(scores.get(name)) for name in assignment.by_hand]
        drawn.add_row(
            result.part.student,
            result.outcome.status,
            *points,
            _points(result.total),
            _points(result.part.expected),
            "ok" if result.as_expected else "NO",
            style=None if result.as_expected else "bold red",
        )
    return drawn


def _legend(assignment: Assignment) -> str:
    parts = [(task.name, sum(task.checks.values())) for task in assignment.tasks if task.checks]
    parts += [(f"{name}, by hand", points) for name, points in assignment.by_hand.items()]
    names = [f"{number} {name} ({points:g})" for number, (name, points) in enumerate(parts, 1)]
    return "Tasks: " + ", ".join(names)


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; 0 if every grade is as expected."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--assignment", default="03-perceptron", help="a folder of solutions/")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="make the course here, and keep it"
    )
    options = parser.parse_args(arguments)
    source = ROOT / "solutions" / options.assignment
    if not (source / f"{source.name}.ipynb").exists():
        known = sorted(path.name for path in (ROOT / "solutions").glob("*") if path.is_dir())
        print(f"There is no assignment '{options.assignment}'. There are: {', '.join(known)}.")
        return 2
    if options.keep is not None and options.keep.exists() and any(options.keep.iterdir()):
        print(f"The folder {options.keep} is not empty. Name a new one: nothing is overwritten.")
        return 2
    began = time.monotonic()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="grade-demo-"))
    course = ScratchCourse(folder.resolve())
    console = Console()

    def say(text: str) -> None:
        line = f"[{time.monotonic() - began:5.1f} s] {text}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    try:
        assignment = read_assignment(source)
        course.create([source], CELL_SECONDS)
        results = play(course, assignment, say)
    except (NbgraderError, ValueError) as error:
        print(error)
        return 1
    finally:
        (folder / "nbgrader.log").write_text("\n".join(course.log))
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(table(assignment, results))
    for result in results:
        for reason in result.outcome.reasons:
            line = f"{result.part.student}: {reason}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    graded = sum(result.total is not None for result in results)
    console.print(
        f"submitted {len(results)} = graded {graded} + not graded {len(results) - graded}; "
        f"{time.monotonic() - began:.0f} s"
    )
    wrong = [result for result in results if not result.as_expected]
    for result in wrong:
        came_out = f"{_points(result.total)} points, {result.outcome.status}"
        due = f"{_points(result.part.expected)} points, {result.part.status}"
        exported = result.exported.get("score") or "no score"
        line = f"{result.part.student} is not as expected: {came_out}, exported {exported}; "
        console.print(f"{line}expected {due}.", style="bold red", soft_wrap=True)
    if options.keep is not None:
        console.print(f"The course and nbgrader.log are in {folder}.", soft_wrap=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
