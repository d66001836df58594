"""`course report`: the instructor's page on a graded assignment."""

from __future__ import annotations

import os
from pathlib import Path

from course_utils.cli import _course
from course_utils.cli.grade import find_assignment
from course_utils.errors import CourseError

import click


@click.command(
    epilog="""\b
Examples:
  course report 3                             grading/03-perceptron/report.html
  course report 03-perceptron --to report.html
  course report 03-perceptron --no-similar    without comparing submissions with each other

course grade writes the same page at its end.
"""
)
@click.argument("assignment", metavar="CHAPTER|NAME")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option("--similar/--no-similar", default=True, help="Look for near-identical submissions.")
def report(assignment: str, to: Path | None, similar: bool) -> None:
    """Write a page on how an assignment went: scores, tasks, mistakes, accidents, what is left.

    It is made from what course grade has stored and from the gradebook, and needs no network to
    be read. It names students: keep it to yourself.
    """
    from course_utils.grading.report import write_report

    course = _course.find()
    assignment = find_assignment(assignment, course)
    if to is not None:
        if not to.absolute().parent.is_dir():
            raise CourseError(f"There is no folder {to.parent}. Make it, or choose another one.")
        if to.exists() and "<title>Grading report:" not in to.read_text("utf-8", "replace")[:9000]:
            raise CourseError(
                f"{to} is there already and is something else. Choose another name with --to."
            )
    target = write_report(course, assignment, to, similar=similar, jobs=os.cpu_count() or 1)
    click.echo(f"Written to {target}")
