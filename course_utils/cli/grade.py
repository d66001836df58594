"""`course grade`: grade what a class has handed in."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from course_utils.cli import _course
from course_utils.cli.places import CHAPTER, find_chapter

import click

if TYPE_CHECKING:
    from course_utils.grading.engines import Begun, SandboxedEngines
    from course_utils.grading.gradebook import Course
    from course_utils.grading.runner import Change, Entry, Event, Planned, Summary

FAILED = 2
"""Exit status of every error; 1 says that all went well and some submissions are in quarantine."""


@click.command(
    epilog="""\b
Examples:
  course grade 3                          grade what is not graded yet
  course grade 3 --dry-run                what would be done?
  course grade 3 --student 'a*'           only the students whose id begins with a
  course grade 3 --regrade --dry-run      after a test was changed: whose points would change?
  course grade 3 --regrade                grade all again, with the same random inputs
  course grade 3 --force                  grade all again, with new random inputs
  course grade 3 --scheduler tcp://node1:8786     on the workers of a Dask cluster

\b
A run that was stopped, or killed, goes on when the command is given again. Points and comments
that a person gave are always kept. Results are in grading/ASSIGNMENT/.

\b
Exit status:
  0  everything that was handed in is graded
  1  the same, but some submissions are in quarantine; the reasons are printed
  2  an error: nothing was lost, and the sentence says what to do
  130  stopped by Ctrl-C
"""
)
@click.argument("assignment", metavar="CHAPTER|NAME")
@click.option("--student", default="*", metavar="GLOB", help="Only students whose id fits.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Submissions graded at once.  [default: one for each processor]",
)
@click.option("--scheduler", metavar="ADDRESS", help="Grade on the Dask cluster at ADDRESS.")
@click.option("--force", is_flag=True, help="Grade all again, with new random inputs.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--regrade", is_flag=True, help="Grade all again and show whose points change.")
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Repeat the random inputs of a run."
)
@click.option("--unsafe", is_flag=True, help="Run students' code without a sandbox, as you.")
def grade(
    assignment: str,
    student: str,
    jobs: int | None,
    scheduler: str | None,
    force: bool,
    dry_run: bool,
    regrade: bool,
    seed: int | None,
    unsafe: bool,
) -> None:
    """Grade what was handed in for an assignment: a chapter's number or name.

    What is graded already is left alone, unless it was handed in again.
    """
    if force and regrade:
        raise click.UsageError(
            "Say --force (new random inputs) or --regrade (the same ones), not both."
        )
    if scheduler is not None and jobs is not None:
        raise click.UsageError("--jobs is for this machine; a cluster grades with what it has.")
    try:
        quarantined = _grade(
            assignment,
            unsafe,
            students=student,
            jobs=jobs,
            scheduler=scheduler,
            force=force,
            dry_run=dry_run,
            regrade=regrade,
            seed=seed,
        )
    except click.exceptions.Exit:
        raise
    except Exception as error:
        if not hasattr(error, "exit_code"):
            error.exit_code = FAILED  # type: ignore[attr-defined]
        raise
    raise click.exceptions.Exit(1 if quarantined else 0)


def engines_for(course: Course, unsafe: bool) -> SandboxedEngines:
    """Return what makes engines, as nbgrader_config.py and --unsafe say."""
    from course_utils.grading.engines import SandboxedEngines
    from course_utils.grading.settings import settings

    grading = settings(course.config)
    return SandboxedEngines("none" if unsafe else grading.sandbox, grading.container)


def _grade(wanted: str, unsafe: bool, **options: Any) -> int:
    """Grade and print; return the number of submissions in quarantine."""
    from course_utils.grading import engines

    here = options["scheduler"] is None and (options["regrade"] or not options["dry_run"])
    begun = engines.begin("none" if unsafe else "auto") if here else None
    try:
        return _grade_with(begun, wanted, unsafe, **options)
    finally:
        if begun is not None:
            begun.close()


def _grade_with(begun: Begun | None, wanted: str, unsafe: bool, **options: Any) -> int:
    """Grade with the engine that was begun, unless the course asks for another."""
    from course_utils.grading.job import QUARANTINED
    from course_utils.grading.runner import StoppedError, grade_class

    course = _course.find()
    name = find_assignment(wanted, course)
    with _screen(options["dry_run"], options["regrade"]) as screen:
        try:
            engines = engines_for(course, unsafe)
            chosen = begun if begun is not None and begun.fits(engines) else engines
            summary = grade_class(course, name, chosen, on_event=screen.tell, **options)
        except StoppedError as stopped:
            screen.end(stopped.summary)
            raise
        screen.end(summary)
        if not options["dry_run"] and any(entry.now for entry in summary.entries.values()):
            screen.say(_report(course, name))
    if options["dry_run"] and not options["regrade"]:
        return 0
    return summary.count(QUARANTINED)


def _report(course: Course, name: str) -> str:
    """Write the report; return the line that says where it is, or why it is not."""
    from course_utils.grading.report import write_report
    from course_utils.grading.runner import processors

    try:
        return f"How it went, with pictures: {write_report(course, name, jobs=processors())}"
    except Exception as error:  # the grades are safe; a page about them must not end the command
        return (
            f"Warning: the report was not written ({error}). All grades are. To try again: "
            f"course report {name}"
        )


def find_assignment(wanted: str, course: Course) -> str:
    """Return the assignment that a number or a name means.

    Raises UnknownChapterError, naming the nearest one.
    """
    from course_utils.grading.gradebook import GradebookError, assignments, open_gradebook

    known = {path.name for path in course.source("x").parent.glob("*") if path.is_dir()}
    try:
        with open_gradebook(course) as gradebook:
            known |= set(assignments(gradebook))
    except GradebookError:
        if wanted not in known:
            raise
    text = wanted.rstrip("/")
    if text in known:
        return text
    return find_chapter(wanted, sorted(name for name in known if CHAPTER.fullmatch(name)))


# --- what is printed ----------------------------------------------------------------------------


def points(value: float | None) -> str:
    """Return points without zeros behind the point; a dash when there are none."""
    return "–" if value is None else f"{value:.6g}"


def line_of(entry: Entry) -> str:
    """Return the line of a submission that was graded or put into quarantine."""
    from course_utils.grading.job import QUARANTINED
    from course_utils.grading.scan import shown

    name = f"{shown(entry.student):<20}"
    if entry.status == QUARANTINED:
        return f"{name} {'–':>9}  quarantined: {entry.reason}"
    status = ", ".join(entry.remarks) or entry.status
    return f"{name} {points(entry.score) + '/' + points(entry.points):>9}  {status}"


def change_line(change: Change) -> str:
    """Return the line of one cell whose points change."""
    from course_utils.grading.scan import shown

    by_hand = "" if change.manual is None else f"; {points(change.manual)} given by hand stays"
    why = f"  ({change.message})" if change.message else ""
    return (
        f"  {shown(change.student)}: {change.cell} {points(change.old)} → {points(change.new)}"
        f"{by_hand}{why}"
    )


class Screen:
    """Prints what happens: plain lines, and on a terminal a progress bar below them."""

    def __init__(self, console: Any, progress: Any, dry_run: bool, regrade: bool) -> None:
        self._console = console
        self._progress = progress
        self._task: Any = None
        self._dry_run = dry_run
        self._regrade = regrade

    def say(self, text: str) -> None:
        """Print a line as it is: nothing in it is markup, since students chose parts of it."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True, emoji=False)

    def tell(self, event: Event) -> None:
        """Show an event of the runner."""
        if event.kind == "warning":
            self.say(f"Warning: {event.text}")
        elif event.kind == "planned":
            self._planned(event.plan)
        elif event.kind == "stopping":
            self.say("Stopping: what is done is being written. Ctrl-C once more ends at once.")
        elif event.kind == "finished" and event.entry is not None:
            self.say(line_of(event.entry))
            if self._progress is not None:
                self._progress.advance(self._task)

    def _planned(self, plan: Sequence[Planned]) -> None:
        from course_utils.grading.runner import KEEP, STALE
        from course_utils.grading.scan import shown

        if self._dry_run and not self._regrade:
            for planned in plan:
                if planned.action not in (KEEP, STALE):
                    why = planned.why
                    self.say(f"{shown(planned.student):<20} {planned.action}: {why}")
            return
        todo = sum(planned.action not in (KEEP, STALE) for planned in plan)
        if kept := len(plan) - todo:
            self.say(f"{kept} of {len(plan)} submissions are up to date.")
        if self._progress is not None and todo:
            self._task = self._progress.add_task("grading", total=todo)
            self._progress.start()

    def end(self, summary: Summary) -> None:
        """Print the table, what changes, what is in quarantine, and the line that adds up."""
        if self._progress is not None:
            self._progress.stop()
        if self._dry_run and not self._regrade:
            self._table("would", Counter(planned.action for planned in summary.plan), {})
            self.say("Nothing was written.")
            return
        self._statuses(list(summary.entries.values()))
        if self._regrade:
            self._changes(summary)
        self._quarantine(list(summary.entries.values()), summary.assignment)
        self.say(summary.reconciliation)
        if self._dry_run:
            self.say("Nothing was written.")

    def _statuses(self, entries: Sequence[Entry]) -> None:
        from course_utils.grading.scan import shown

        counts = Counter(entry.status for entry in entries)
        remarks = Counter(remark for entry in entries for remark in entry.remarks)
        self._table("status", counts, remarks)
        for entry in entries:
            for note in entry.notes if entry.now else ():
                self.say(f"{shown(entry.student)}: {shown_text(note)}")

    def _table(self, title: str, counts: Counter[str], parts: dict[str, int]) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column(title, no_wrap=True)
        table.add_column("submissions", justify="right")
        for name, count in sorted(counts.items()):
            table.add_row(Text(name), str(count))
        for name, count in sorted(parts.items()):
            table.add_row(Text(f"  of which {name}"), str(count))
        self._console.print(table)

    def _changes(self, summary: Summary) -> None:
        students = {change.student for change in summary.changes}
        would = "would change" if self._dry_run else "changed"
        if not students:
            self.say(f"No points {would}.")
            return
        self.say(f"Points that {would}, for {len(students)} of {summary.submitted} students:")
        for change in sorted(summary.changes, key=lambda c: (c.student, c.notebook)):
            self.say(change_line(change))

    def _quarantine(self, entries: Sequence[Entry], assignment: str) -> None:
        from course_utils.grading.job import QUARANTINED
        from course_utils.grading.scan import shown

        bad = [entry for entry in entries if entry.status == QUARANTINED]
        if not bad:
            return
        self.say(f"In quarantine, not graded (a grade from before stays): {len(bad)}")
        for entry in sorted(bad, key=lambda item: item.student):
            self.say(f"  {shown(entry.student)}: {shown_text(entry.reason)}")
        self.say(f"Then run again: course grade {assignment}")


def shown_text(text: str) -> str:
    """Return a sentence on one line, without characters that would steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


@contextmanager
def _screen(dry_run: bool, regrade: bool) -> Iterator[Screen]:
    """Make the screen: with a progress bar where there is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 120)
    progress = None
    if terminal:
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("time left"),
            TimeRemainingColumn(),
            TextColumn("so far"),
            TimeElapsedColumn(),
            console=console,
        )
    try:
        yield Screen(console, progress, dry_run, regrade)
    finally:
        if progress is not None:
            progress.stop()
