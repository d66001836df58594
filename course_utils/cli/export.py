"""`course export`: the grades as a table, or as the file that Canvas or Moodle imports."""

from __future__ import annotations

from pathlib import Path

from course_utils.cli import _course
from course_utils.cli.grade import find_assignment
from course_utils.errors import CourseError

import click


@click.command(
    epilog="""\b
Examples:
  course export                                     grades.csv: all assignments, all students
  course export 03-perceptron --format canvas --roster canvas.csv
  course export 03-perceptron --format moodle

For Canvas, export its gradebook first (Gradebook, Export) and name that file as the roster: it
holds the identifiers that Canvas needs. nbgrader_config.py can set what the options do not:
c.CanvasCSV.columns, c.CanvasCSV.student_column, c.MoodleCSV.identifier.
"""
)
@click.argument("assignment", metavar="[CHAPTER|NAME]", required=False)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "canvas", "moodle"]),
    default="csv",
    show_default=True,
    help="What to write.",
)
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option(
    "--roster",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Class list exported from the platform.",
)
@click.option("--graded-only", is_flag=True, help="Leave out students without any grade.")
@click.option("--missing-as-zero", is_flag=True, help="0 points for what was never handed in.")
@click.option("--unfinished", is_flag=True, help="Also points where grading by hand is not done.")
@click.option("--force", is_flag=True, help="Write over a file that is not an earlier export.")
def export(
    assignment: str | None,
    kind: str,
    to: Path | None,
    roster: Path | None,
    graded_only: bool,
    missing_as_zero: bool,
    unfinished: bool,
    force: bool,
) -> None:
    """Write the grades of one assignment or of all to a file.

    What is not graded to the end stays without a grade, and is counted.
    """
    from course_utils.grading import export as formats

    course = _course.find()
    plugin = formats.FORMATS[kind](config=course.config)
    if kind == "csv":
        if roster or graded_only or missing_as_zero or unfinished:
            raise click.UsageError("These options go with --format canvas or moodle.")
    else:
        plugin.roster = str(roster or plugin.roster)
        plugin.graded_only |= graded_only
        plugin.missing_as_zero |= missing_as_zero
        plugin.include_unfinished |= unfinished
    target = to or Path(plugin.to or course.root / plugin.default_file)
    if target.exists() and not force and not formats.known_header(target):
        raise CourseError(
            f"{target} is there already and is no export of grades. Choose another name with --to."
        )
    if not target.absolute().parent.is_dir():
        raise CourseError(f"There is no folder {target.parent}. Make it, or choose another one.")
    plugin.to = str(target)
    with _course.gradebook(course) as gradebook:
        if assignment:
            assignment = find_assignment(assignment, course)
            formats.check_assignment(gradebook, assignment)
            plugin.assignment = [assignment]
        plugin.log.setLevel("CRITICAL")  # the warnings are printed below
        plugin.export(gradebook)
    for sentence in plugin.warnings:
        click.echo(f"Note: {sentence}", err=True)
    click.echo(f"Written to {target}")
