"""`course progress`: which assignments are started, what passes, and when it was last checked."""

from __future__ import annotations

import html
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from course_utils.cli import _find, _records
from course_utils.cli._assignment import Assignment, released
from course_utils.cli._match import match
from course_utils.cli.check import console, number, safe
from course_utils.errors import CourseError

import click

WIDTH = 20  # characters of a bar
COLOURS = {"done": "green", "going": "yellow", "open": "bright_black"}


@dataclass
class Row:
    """How far one assignment is."""

    assignment: str
    title: str
    state: str  # "not started", "started", "all visible checks pass"
    tasks_passing: int
    tasks: int
    points_passing: float
    points_checked: float  # what visible checks can show at most
    points: float
    notebook: str | None
    last_checked: str | None  # ISO 8601, local time
    changed_since: bool
    submitted: str | None

    @property
    def share(self) -> float:
        """From 0 to 1: the points whose visible checks pass."""
        return self.points_passing / self.points_checked if self.points_checked else 0.0

    @property
    def colour(self) -> str:
        """The key of COLOURS."""
        return "done" if self.share == 1 else "going" if self.state != "not started" else "open"


@click.command(
    epilog="""\b
Examples:
  course progress                     a table of all assignments, with bars
  course progress --html mine.html    the same as a page of its own, to keep or to print
  course progress --json              the same for a program

The results are those of your last course check of each notebook; nothing is run now.
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a small page with bars.",
)
def progress(as_json: bool, page: Path | None) -> None:
    """Show how far you are in all assignments.

    An assignment counts as started when you have written in one of its answer cells. Points are
    those of the visible checks that passed: grading runs more checks, and a person grades the
    written answers.
    """
    rows = gather()
    if page is not None:
        write(page, as_page(rows))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
    else:
        table(rows)
        if page is not None:
            click.echo(f"Written to {_find.short(page)}")


def gather() -> list[Row]:
    """Return one row for each assignment in exercises/, in the order of the chapters."""
    known = released()
    notebooks = _find.by_assignment(known)
    return [row(known[name], notebooks[name]) for name in known]


def row(assignment: Assignment, found: list[_find.Found]) -> Row:
    """Return the row of an assignment; of several notebooks the one saved last counts."""
    checked = [task for task in assignment.tasks if task.checks]
    result = Row(
        assignment=assignment.name,
        title=assignment.title,
        state="not started",
        tasks_passing=0,
        tasks=len(checked),
        points_passing=0.0,
        points_checked=assignment.total - assignment.by_person,
        points=assignment.total,
        notebook=None,
        last_checked=None,
        changed_since=False,
        submitted=None,
    )
    if not found:
        return result
    notebook = found[0].notebook
    fit = match(notebook, assignment)
    record = _records.load(notebook.path, notebook.digest)
    known = {task.number: record.tasks.get(str(task.number), {}) for task in checked}
    done = [n for n, r in known.items() if r.get("status") == "passes"]
    result.notebook = str(notebook.path)
    result.tasks_passing = len(done)
    result.points_passing = sum(float(r.get("points") or 0) for r in known.values())
    if record.checked:
        result.last_checked = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(record.checked))
        result.changed_since = any(r and r.get("digest") != notebook.digest for r in known.values())
    if any(fit.started(task) for task in assignment.tasks):
        complete = len(done) == len(checked) and not result.changed_since
        result.state = "all visible checks pass" if complete else "started"
    if record.submitted:
        result.submitted = record.submitted[-1]["when"]
    return result


def table(rows: list[Row]) -> None:
    """Print the rows as a table with bars."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    plain = safe(screen, "█░") != "█░"
    width = WIDTH if screen.width >= 80 else WIDTH // 4
    grid = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    got, most = sum(r.points_passing for r in rows), sum(r.points for r in rows)
    grid.add_column(
        "assignment", min_width=14, footer=f"{sum(r.share == 1 for r in rows)} of {len(rows)} done"
    )
    grid.add_column("", no_wrap=True)
    grid.add_column("tasks", justify="right", no_wrap=True)
    grid.add_column("points", justify="right", footer=f"{number(got)}/{number(most)}", no_wrap=True)
    grid.add_column("last checked", overflow="fold")
    for one in rows:
        colour = COLOURS[one.colour]
        grid.add_row(
            Text(safe(screen, f"{one.assignment[:2]} {one.title}")),
            Text(bar(one.share, plain, width), style=colour),
            f"{one.tasks_passing}/{one.tasks}",
            f"{number(one.points_passing)}/{number(one.points)}",
            Text(when(one), style="yellow" if one.changed_since else ""),
        )
    screen.print(grid)
    if all(one.notebook is None for one in rows):
        click.echo(f"Nothing is started yet. Begin with: course start {rows[0].assignment[:2]}")
    elif stale := [one for one in rows if one.changed_since or _unchecked(one)]:
        click.echo(f"To bring this up to date: course check {stale[0].assignment[:2]}")


def bar(share: float, plain: bool = False, width: int = WIDTH) -> str:
    """Return a bar of `width` characters; it is full or empty only when all or nothing passes.

    >>> bar(0.5)
    '██████████░░░░░░░░░░'
    """
    full = int(share * width) if share < 1 else width
    full = max(full, 1) if share > 0 else 0
    return ("#" if plain else "█") * full + ("." if plain else "░") * (width - full)


def when(one: Row) -> str:
    """Return what the last column says."""
    if one.last_checked is None:
        text = "not checked yet" if _unchecked(one) else "not started"
    else:
        text = one.last_checked[:16].replace("T", " ")
        text += ", changed since" if one.changed_since else ""
    return text + (f"; handed in {one.submitted[:10]}" if one.submitted else "")


def _unchecked(one: Row) -> bool:
    return one.last_checked is None and one.state != "not started"


# --- the page -------------------------------------------------------------------------------

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Build Deep: progress</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: auto; padding: 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #8888; }}
td.n {{ text-align: right; white-space: nowrap; }}
meter {{ width: 10rem; height: 1.2rem; }}
</style>
</head>
<body>
<h1>Progress in Build Deep</h1>
<p>Made {made}. Points are those of the visible checks that passed; grading runs more checks, and a
person grades the written answers.</p>
<table>
<thead><tr><th scope="col">Assignment</th><th scope="col">Progress</th><th scope="col">Tasks</th>
<th scope="col">Points</th><th scope="col">Last checked</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def as_page(rows: list[Row]) -> str:
    """Return a page that needs nothing else: no script, no other file."""
    lines = []
    for one in rows:
        name = html.escape(f"{one.assignment[:2]} {one.title}")
        points = f"{number(one.points_passing)} of {number(one.points)}"
        lines.append(
            f'<tr><th scope="row">{name}</th>'
            f'<td><meter aria-label="{name}" min="0" max="1" value="{one.share:.3f}">'
            f'{one.share:.0%}</meter></td><td class="n">{one.tasks_passing} of {one.tasks}</td>'
            f'<td class="n">{points}</td><td>{html.escape(when(one))}</td></tr>'
        )
    return PAGE.format(made=time.strftime("%Y-%m-%d %H:%M"), rows="\n".join(lines))


def write(page: Path, text: str) -> None:
    """Write the page; replace an older one of ours, and nothing else."""
    if page.exists() and "<title>Build Deep: progress</title>" not in page.read_text(
        encoding="utf-8", errors="replace"
    ):
        raise CourseError(f"{page} is there already and is something else. Choose another name.")
    if not page.absolute().parent.is_dir():
        raise CourseError(f"There is no folder {page.parent}. Make it, or choose another one.")
    page.write_text(text, encoding="utf-8")
