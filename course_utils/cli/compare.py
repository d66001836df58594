"""`course compare`: a learner's answers beside the model answers, after an attempt."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.cli import _find, _records
from course_utils.cli._assignment import Task
from course_utils.cli._match import Match, match
from course_utils.cli._model import AFTER, Model, find_model, own_part
from course_utils.cli._verdicts import display_name
from course_utils.cli.check import SIGNS, console, heading, safe, say, sign
from course_utils.cli.places import clone_or_error
from course_utils.errors import CourseError

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SIDE_BY_SIDE = 150  # columns from which two answers stand beside each other


@click.command(
    epilog="""\b
Examples:
  course compare 3                    every task of assignment 03 that you have tried
  course compare 3 --task 2           task 2 alone
  course compare 3 --with FILE        with model answers that your instructor has handed out

A task is shown once it has been tried: something is written in it, and course check has run it.
An instructor may ask for more (c.ModelAnswers in nbgrader_config.py), and publishes model answers
with course answers. Nothing is written anywhere.
"""
)
@click.argument("notebook", metavar="[FILE|CHAPTER]", required=False)
@click.option("--task", type=click.IntRange(min=1), metavar="N", help="Look at task N only.")
@click.option(
    "--with",
    "given",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The notebook with the model answers.",
)
def compare(notebook: str | None, task: int | None, given: Path | None) -> None:
    """Show your answers beside the model answers, for the tasks that you have tried."""
    found = _find.find(notebook)
    assignment = found.assignment
    tasks = [t for t in assignment.tasks if task in (None, t.number)]
    if not tasks:
        numbers = ", ".join(str(t.number) for t in assignment.tasks)
        raise CourseError(
            f"Assignment {assignment.name} has no task {task}: choose one of {numbers}."
        )
    model = find_model(assignment.name, found.path, clone_or_error(), given)
    fit = match(found.notebook, assignment)
    record = _records.load(found.path, found.notebook.digest)
    screen = console()
    heading(screen, found)
    shown = [show(screen, fit, one, model, record) for one in tasks]
    if any(shown):
        say(
            screen,
            "",
            "A right answer may look quite different: what counts is that it does what the "
            "docstring says.",
        )


def show(screen: Console, fit: Match, task: Task, model: Model, record: _records.Record) -> bool:
    """Print one task; return whether its model answer was shown."""
    status = str(record.tasks.get(str(task.number), {}).get("status", ""))
    if fit.started(task) and not status and not task.checks:
        status = "written"
    why_not = hidden_because(fit, task, status, model.after)
    say(screen, f"{sign(screen, status) if status in SIGNS else '·'} ", title(task), "bold")
    if why_not:
        say(screen, "    ", f"{why_not}\n")
        return False
    for name in task.answers:
        if name in model.answers:
            pair(screen, fit, name, model.answers[name])
    return True


def title(task: Task) -> str:
    """Return the heading of a task."""
    return f"Task {task.number} · {task.title}"


def hidden_because(fit: Match, task: Task, status: str, after: str) -> str:
    """Return why a task's model answer is not shown yet; empty when it is."""
    again = f"course check {fit.assignment.name[:2]}"
    if not fit.started(task) or status == "not started":
        return f"Not shown yet: the task is not started. Write an answer and run {again}."
    if not status or status == "not run":
        return f"Not shown yet: your answer has not been checked. Run {again}."
    if status not in AFTER[after]:
        return (
            "Not shown yet: in this course model answers are shown once the visible checks pass. "
            f"{again} --hint helps on."
        )
    return ""


def pair(screen: Console, fit: Match, name: str, answer: str) -> None:
    """Print the learner's part of a cell and the model's, beside or below each other."""
    from rich.table import Table
    from rich.text import Text

    cell = fit.assignment.cells[name]
    place = fit.place.get(name)
    mine = "" if place is None else fit.notebook.cells[place].source
    yours, models = own_part(mine, cell.source), own_part(answer, cell.source)
    what = display_name(fit, name)
    if yours.split() == models.split():
        say(screen, "    ", f"{what}: yours is the model answer, word for word.\n")
        return
    titles = (f"Yours, {what}:", "Model answer:")
    texts = [coloured(screen, text or "(nothing)", cell.kind) for text in (yours, models)]
    if screen.width >= SIDE_BY_SIDE:
        grid = Table.grid(padding=(0, 3, 0, 0), expand=True)
        grid.add_column(ratio=1, overflow="fold")
        grid.add_column(ratio=1, overflow="fold")
        grid.add_row(*(Text(safe(screen, text), style="cyan") for text in titles))
        grid.add_row(*texts)
        screen.print(grid)
        screen.print()
        return
    for text, block in zip(titles, texts, strict=True):
        say(screen, "  ", text, "cyan")
        screen.print(block)
        screen.print()


def coloured(screen: Console, text: str, kind: str) -> RenderableType:
    """Return code with its colours, and prose as it is; indented."""
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.text import Text

    text = safe(screen, text)
    if not screen.is_terminal:
        return Text(textwrap.indent(text, "    "))
    if kind != "code":
        return Padding(Text(text), (0, 0, 0, 4))
    code = Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    return Padding(code, (0, 0, 0, 4))
