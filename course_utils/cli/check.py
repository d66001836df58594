"""`course check`: run a learner's notebook from the top and say what passes and what does not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.cli import _find, _records
from course_utils.cli._assignment import UnusableFileError, read
from course_utils.cli._match import Match, match
from course_utils.cli._run import Changed, run
from course_utils.cli._verdicts import (
    TaskResult,
    display_name,
    judge,
    other_cells,
    remember,
    unwritten,
)
from course_utils.errors import CourseError

import click

if TYPE_CHECKING:
    from rich.console import Console

POLL = 0.3  # seconds between two looks at the file
SIGNS = {
    "passes": ("✓", "+", "green"),
    "fails": ("✗", "x", "red"),
    "time-out": ("✗", "x", "red"),
    "crashed": ("✗", "x", "red"),
    "not started": ("○", "o", "yellow"),
    "not run": ("·", ".", "bright_black"),
    "written": ("✎", "w", "cyan"),
}


@click.command(
    epilog="""\b
Examples:
  course check                        the notebook in work/ that you saved last
  course check 3                      your notebook of assignment 03
  course check 3 --hint               the same, and the next hint of the first open task
  course check 3 --watch              check again at every save, until Ctrl-C
  course check 3 --task 2             only task 2
  course check "my copy.ipynb"        a file, whatever it is called

The status is 0 when all visible checks pass, 1 when one does not, and 2 when there is no notebook
that can be read. Results and shown hints are remembered for course progress outside of your
folders; set COURSE_STATE to choose where.
"""
)
@click.argument("notebook", metavar="[FILE|CHAPTER]", required=False)
@click.option("--watch", is_flag=True, help="Check again whenever you save the notebook.")
@click.option("--hint", is_flag=True, help="Show the next hint of the first open task.")
@click.option("--task", type=click.IntRange(min=1), metavar="N", help="Look at task N only.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Time limit of each cell.",
)
def check(notebook: str | None, watch: bool, hint: bool, task: int | None, timeout: float) -> None:
    """Run your notebook from the top and say which tasks pass their visible checks.

    The last saved state of the file counts, not what a kernel still remembers. Nothing is written
    into the notebook, and nothing is sent anywhere.
    """
    if watch:
        sys.exit(watching(notebook, hint, task, timeout))
    found = _find.find(notebook)
    passed = once(found, hint, task, timeout)
    sys.exit(0 if passed else 1)


def once(
    found: _find.Found,
    hint: bool,
    task: int | None,
    timeout: float,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Check a notebook once and print the result; return whether all visible checks pass."""
    screen = console()
    numbers = [t.number for t in found.assignment.tasks]
    if task is not None and task not in numbers:
        raise CourseError(
            f"Assignment {found.assignment.name} has no task {task}: choose one of "
            f"{', '.join(map(str, numbers))}."
        )
    heading(screen, found)
    fit = match(found.notebook, found.assignment)
    chosen = [
        index
        for index, step in enumerate(fit.steps)
        if not step.check or task is None or step.task == task
    ]
    steps = [fit.steps[index] for index in chosen]
    begin = time.monotonic()
    waiting = screen.status("Starting Python") if screen.is_terminal else nullcontext()
    with waiting as status:

        def told(index: int) -> None:
            if status is not None:
                status.update(f"Running cell {index + 1} of {len(steps)}")

        outcomes = run(steps, found.path.absolute().parent, timeout, stop, told)
    results = judge(fit, chosen, outcomes)
    record = _records.load(found.path, found.notebook.digest)
    remember(record, fit, results)
    shown = [r for r in results if task is None or r.task.number == task]
    report(screen, fit, shown)
    notes = [*other_cells(fit, chosen, outcomes, results), *fit.notes]
    for note in notes:
        say(screen, "! ", note, "yellow")
    if notes:
        screen.print()
    if hint:
        next_hint(screen, shown, record)
    closing(screen, fit, shown, task, time.monotonic() - begin)
    if not _find.owned(found.path):
        _records.save(record)
    return all(r.status == "passes" for r in shown if r.task.checks)


# --- printing -------------------------------------------------------------------------------


def console() -> Console:
    """Return where to print: as wide as the terminal, 100 columns into a file."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 100, highlight=False, soft_wrap=False)


def sign(screen: Console, status: str) -> str:
    """Return the mark of a status, in ASCII where the terminal can show nothing else."""
    fancy, simple, _ = SIGNS[status]
    try:
        fancy.encode(screen.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return simple
    return fancy


def safe(screen: Console, text: str) -> str:
    """Return a text that the terminal can print."""
    encoding = screen.encoding or "ascii"
    try:
        return text.encode(encoding, errors="replace").decode(encoding)
    except LookupError:
        return text.encode("ascii", errors="replace").decode()


def say(screen: Console, before: str, text: str, style: str = "") -> None:
    """Print a text behind a mark, its lines wrapped below each other."""
    from rich.table import Table
    from rich.text import Text

    if not before:
        screen.print(Text(safe(screen, text)))
        return
    grid = Table.grid(padding=0)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(safe(screen, before), style=style), Text(safe(screen, text)))
    screen.print(grid)


def heading(screen: Console, found: _find.Found) -> None:
    """Say which file is checked."""
    from rich.text import Text

    name = found.assignment.name
    line = Text(safe(screen, f"Assignment {name[:2]} · {found.assignment.title}"), style="bold")
    screen.print(line)
    where = safe(screen, _find.short(found.path))
    saved = time.strftime("%H:%M:%S", time.localtime(found.path.stat().st_mtime))
    more = (
        f", the newest of {found.others + 1}; name another one to check it" if found.others else ""
    )
    screen.print(Text(f"{where}, saved {saved}{more}\n", style="dim"), soft_wrap=True)


def report(screen: Console, fit: Match, results: list[TaskResult]) -> None:
    """Print one line per task, and below it what its checks say."""
    from rich.table import Table
    from rich.text import Text

    for result in results:
        style = SIGNS[result.status][2]
        grid = Table.grid(padding=(0, 2, 0, 0), expand=False)
        grid.add_column(no_wrap=True)
        grid.add_column(min_width=min(44, max(12, screen.width - 36)), overflow="fold")
        grid.add_column(no_wrap=True)
        word: str = result.status
        if result.status == "written" or (not result.task.checks):
            word = "written, graded by a person" if result.solved else "not written yet"
        elif result.status != "not run":
            word = f"{word}, {number(result.points)} of {points(result.possible)}"
        grid.add_row(
            Text(sign(screen, result.status), style=style),
            Text(safe(screen, f"Task {result.task.number} · {result.task.title}")),
            Text(word, style=style),
        )
        screen.print(grid)
        for message in result.messages:
            say(screen, "    ", message)
        if result.task.checks and result.task.written:
            left = unwritten(fit, result.task)
            most = points(sum(map(fit.assignment.points, result.task.written)))
            state = f"written ({most}, graded by a person)"
            if set(left) & set(result.task.written):
                state = f"not written yet ({most})"
            elif left:
                cells = ", ".join(display_name(fit, name) for name in left)
                state += f", but {cells} is as it was released"
            say(screen, "    ", f"Its written answer: {state}.")
    screen.print()


def closing(
    screen: Console, fit: Match, results: list[TaskResult], task: int | None, took: float
) -> None:
    """Say what the result is worth, and what it does not say."""
    from rich.text import Text

    assignment = fit.assignment
    got, possible = sum(r.points for r in results), sum(r.possible for r in results)
    if not possible:
        say(screen, "", "No check looks at this: a person reads and grades it.")
        return
    if task is None:
        worth = f"The visible checks of tasks worth {number(got)} of {points(assignment.total)}"
    else:
        worth = f"Visible checks worth {number(got)} of the {points(possible)} of task {task}"
    screen.print(Text(f"{worth} pass ({took:.1f} s).", style="bold"), soft_wrap=True)
    tail = "Grading also runs hidden checks, on other shapes and fresh random numbers"
    if task is None and assignment.by_person:
        verb = "is" if assignment.by_person == 1 else "are"
        tail += f"; {points(assignment.by_person)} {verb} for written answers, graded by a person"
    say(screen, "", tail + ".")
    if task is None and got == possible:
        left = [str(r.task.number) for r in results if unwritten(fit, r.task)]
        how = "To hand it in:"
        if left:
            how = f"Task {' and '.join(left)}: something is left to write. Then hand it in:"
        say(screen, "", f"All visible checks pass. {how} course submit {assignment.name[:2]}")


def next_hint(screen: Console, results: list[TaskResult], record: _records.Record) -> None:
    """Print the next hint of the first open task, and remember that it was shown."""
    for result in results:
        if result.solved or result.status == "not run":
            continue
        hints, number_ = result.task.hints, result.task.number
        if not hints:
            say(screen, "", f"Task {number_} has no hints.\n", "cyan")
            return
        shown = record.hints.get(str(number_), 0)
        index = min(shown, len(hints) - 1)
        record.hints[str(number_)] = max(shown, index + 1)
        again = ", once more: it is the strongest" if shown >= len(hints) else ""
        say(screen, f"Hint {index + 1} of {len(hints)} for task {number_}{again}:", "", "cyan")
        say(screen, "    ", hints[index] + "\n")
        return
    say(screen, "", "No hint is needed: nothing is open.\n", "cyan")


def number(value: float) -> str:
    """Return a number without a needless .0."""
    return f"{value:g}"


def points(value: float) -> str:
    """Return “1 point”, “2 points”."""
    return f"{value:g} point{'' if value == 1 else 's'}"


# --- watching -------------------------------------------------------------------------------


@dataclass
class Watched:
    """A file that is being looked at."""

    path: Path
    stamp: tuple[int, int] | None = None
    digest: str = ""

    def look(self) -> tuple[int, int] | None:
        """Return the time and the size of the file; None when it is not there."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def changed(self) -> bool:
        """Tell whether the text of a cell has changed since the last `settle`."""
        now = self.look()
        if now is None or now == self.stamp:
            return False
        try:
            same = read(self.path).digest == self.digest
        except (UnusableFileError, OSError):
            same = now != self.look()  # half-written: look again; damaged: say so
        if same:
            self.stamp = now
        return not same

    def settle(self) -> None:
        """Wait until the file is there and nobody writes to it."""
        before = None
        while (now := self.look()) is None or now != before:
            before = now
            time.sleep(POLL)
        self.stamp = now


def watching(wanted: str | None, hint: bool, task: int | None, timeout: float) -> int:
    """Check at every save until Ctrl-C; return the status of the last result."""
    found = _find.find(wanted)
    watched = Watched(found.path)
    passed = False
    try:
        while True:
            watched.settle()
            try:
                found = _find.Found(read(found.path), found.assignment, found.others)
                watched.digest = found.notebook.digest
                passed = once(found, hint, task, timeout, watched.changed)
                hint = False  # one hint a call, not one a save
                click.echo("\nWaiting for the next save; Ctrl-C ends.\n")
            except Changed:
                click.echo("Saved meanwhile: starting again.\n")
                continue
            except UnusableFileError as error:
                passed, watched.digest = False, ""
                click.echo(f"{error}\nWaiting for the next save; Ctrl-C ends.\n")
                wait_for(lambda: watched.look() not in (None, watched.stamp))
                continue
            wait_for(watched.changed)
    except KeyboardInterrupt:
        click.echo("\nStopped watching. Nothing is lost: your work is in the notebook.")
    return 0 if passed else 1


def wait_for(event: Callable[[], bool]) -> None:
    """Sleep until something is true."""
    while not event():
        time.sleep(POLL)
