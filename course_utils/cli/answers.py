"""`course answers`: publish the model answers of an assignment, once nobody works on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course_utils.cli import _course, _exchange
from course_utils.cli._assignment import read
from course_utils.cli._model import FOLDER, published, published_name
from course_utils.cli.places import chapters, find_chapter
from course_utils.errors import CourseError

import click


@click.command(
    epilog="""\b
Examples:
  course answers 3                    into the exchange, for everyone's course compare
  course answers 3 --to .             a notebook to upload where learners find it
  course answers 3 --before-deadline  although somebody still has time

The notebook has the tasks and their model answers, no hidden checks and no notes to graders.
Learners see it with course compare, task by task, after an attempt. To take it back, delete it.
"""
)
@click.argument("assignment", metavar="CHAPTER|NAME")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the notebook there, not into the exchange.",
)
@click.option("--before-deadline", is_flag=True, help="Publish although somebody still has time.")
def answers(assignment: str, to: Path | None, before_deadline: bool) -> None:
    """Publish the model answers of an assignment.

    Refuses while the deadline, or an extension of it, is still to come.
    """
    course = _course.find()
    sources = course.source("x").parent
    name = find_chapter(assignment, [*chapters(sources)])
    source = course.source(name) / f"{name}.ipynb"
    if not source.is_file():
        raise CourseError(f"There is no {source}, whose answers could be published.")
    if not before_deadline and (said := still_open(course, name)):
        raise CourseError(f"{said} Publish later, or add --before-deadline.")
    folder = to.expanduser().absolute() if to else in_exchange(course)
    folder.mkdir(parents=True, exist_ok=True)
    if not to:
        folder.chmod(0o755)
    target = folder / published_name(name)
    again = target.is_file()
    beside = target.with_name(f".{target.name}.new")
    made = published(read(source), name)
    beside.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.chmod(0o644)
    beside.replace(target)
    click.echo(f"{'Published again' if again else 'Published'}: {target}")
    how = f"course compare {name[:2]}" + (f" --with {published_name(name)}" if to else "")
    click.echo(f"Learners see it after an attempt, task by task: {how}")


def still_open(course: Any, name: str) -> str:
    """Return a sentence on who still has time for an assignment; empty when nobody has."""
    from course_utils.grading import deadlines
    from course_utils.grading.gradebook import NoGradebookError

    plugin = deadlines.Deadlines(config=course.config)
    file = course.root / (plugin.extensions or deadlines.EXTENSIONS)
    try:
        with _course.gradebook(course) as gradebook:
            if name not in {entry.name for entry in gradebook.assignments}:
                return ""
            rows = deadlines.table(gradebook, file, name)
    except NoGradebookError:
        return ""
    late = [row for row in rows if row.due is not None and row.due > datetime.now(UTC)]
    if not late:
        return ""
    last = max(late, key=lambda row: row.due or datetime.min.replace(tzinfo=UTC))
    who = last.student or "Everyone"
    return f"{who} has time for {name} until {deadlines.shown(last.due, plugin.zone)}."


def in_exchange(course: Any) -> Path:
    """Return the folder of model answers in the exchange; raise CourseError when there is none."""
    exchange = _exchange.configured(course.root)
    if exchange is None or not (exchange.root / exchange.course).is_dir():
        where = f" ({exchange.root / exchange.course} is not there)" if exchange else ""
        raise CourseError(
            f"There is no nbgrader exchange on this machine{where}. Write a file to upload: "
            "course answers … --to FOLDER"
        )
    return exchange.root / exchange.course / FOLDER
