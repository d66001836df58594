"""How far a download has come, shown where a person is looking."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int], None]
"""What a source reports to: it is called with the bytes that have arrived so far."""


def size_text(size: int) -> str:
    """Return a size in bytes as a person writes it: 11.5 MB."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.1f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"


def say(message: str) -> None:
    """Print a line on stderr, if a person is watching."""
    if sys.stderr.isatty() or _in_jupyter():
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()


@contextmanager
def shown(label: str, total: int) -> Iterator[Progress]:
    """Show progress on stderr: a bar in a terminal, a line in Jupyter, nothing elsewhere."""
    if sys.stderr.isatty():
        with _bar(label, total) as progress:
            yield progress
    elif _in_jupyter():
        yield _Line(label, total)
        sys.stderr.write("\n")
    else:
        yield lambda done: None


def _in_jupyter() -> bool:
    """Return whether stderr leads to a notebook (ipykernel replaces it by a stream of its own)."""
    return type(sys.stderr).__module__.startswith("ipykernel")


@contextmanager
def _bar(label: str, total: int) -> Iterator[Progress]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=min(done, total))


class _Line:
    """One line that is rewritten at most twice a second."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.last = label, total, 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self.last >= 0.5 or done >= self.total:
            self.last = time.monotonic()
            done_text = size_text(min(done, self.total))
            sys.stderr.write(f"\r{self.label}: {done_text} of {size_text(self.total)}   ")
            sys.stderr.flush()
