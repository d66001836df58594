"""`course deadline`: when assignments are due, in your own time zone, and who has more time."""

from __future__ import annotations

from course_utils.cli import _course
from course_utils.cli.check import console, safe
from course_utils.cli.grade import find_assignment

import click


@click.command(
    epilog="""\b
Examples:
  course deadline                                         all deadlines, with extensions
  course deadline 03-perceptron "2026-12-01 23:59"        set one, in the course's time zone
  course deadline 03-perceptron "2026-12-01 23:59" --timezone Europe/Berlin
  course deadline 03-perceptron "2026-12-08 23:59" --student ada       more time for one

The course's time zone and what lateness costs are set in nbgrader_config.py (c.Deadlines).
"""
)
@click.argument("assignment", metavar="[CHAPTER|NAME]", required=False)
@click.argument("when", required=False, metavar="[TIME]")
@click.option("--timezone", metavar="ZONE", help="Time zone of TIME, as Europe/Berlin.")
@click.option("--student", metavar="ID", help="An extension for one student.")
@click.option("--replace", is_flag=True, help="Replace a deadline that was set before.")
def deadline(
    assignment: str | None,
    when: str | None,
    timezone: str | None,
    student: str | None,
    replace: bool,
) -> None:
    """Show or set deadlines, and give extensions.

    An extension for somebody who has not handed in yet waits in extensions.csv, a table that you
    can also edit, and is entered in the gradebook when the submission is graded.
    """
    from course_utils.grading import deadlines

    course = _course.find()
    assignment = find_assignment(assignment, course) if assignment else None
    plugin = deadlines.Deadlines(config=course.config)
    zone = deadlines.zone_called(timezone) if timezone else plugin.zone
    file = course.root / (plugin.extensions or deadlines.EXTENSIONS)
    if student and not when:
        raise click.UsageError("Say until when: course deadline ASSIGNMENT TIME --student ID")
    with _course.gradebook(course) as gradebook:
        if assignment and when:
            moment = deadlines.parse(when, zone)
            if student:
                said = deadlines.set_extension(
                    gradebook, assignment, student, moment, zone, file, replace
                )
            else:
                said = deadlines.set_due(gradebook, assignment, moment, zone, replace)
            click.echo(said)
            return
        rows = deadlines.table(gradebook, file, assignment or "")
    if not rows:
        click.echo("The gradebook has no assignments yet.")
        return
    _print(rows, zone)


def _print(rows: list, zone: object) -> None:
    from course_utils.grading import deadlines

    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    plain = safe(screen, "─") != "─"
    grid = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("assignment", "student", "due", ""):
        grid.add_column(heading, overflow="fold")
    for row in rows:
        due = deadlines.shown(row.due, zone) or "no deadline"  # type: ignore[arg-type]
        who = Text(safe(screen, row.student)) if row.student else Text("everyone", style="dim")
        grid.add_row(Text(row.assignment if not row.student else ""), who, due, row.note)
    screen.print(grid)
