"""`course start`: the learner's own copy of an exercise, which nothing ever overwrites."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.cli.places import chapters, clone_or_error, find_chapter
from course_utils.errors import CourseError

import click

SKIPPED = {".ipynb_checkpoints", "__pycache__"}


class CannotStartError(CourseError):
    """The exercise cannot be copied to the folder that was asked for."""


@dataclass
class Copied:
    """What a copy did: paths relative to the chapter's folder."""

    written: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)


@click.command(
    epilog="""\b
Examples:
  course start 3                      exercise 03, to work/03-perceptron
  course start perceptron             the same
  course start 3 --to ~/deep          to ~/deep/03-perceptron
  course start 3 --fresh              one more copy beside yours: work/03-perceptron-2
"""
)
@click.argument("chapter")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Your folder; the chapter's folder is made inside it.  [default: work, in the clone]",
)
@click.option("--fresh", is_flag=True, help="Make a new copy beside the one you have.")
def start(chapter: str, to: Path | None, fresh: bool) -> None:
    """Copy the exercise of CHAPTER into your own folder.

    CHAPTER is a number or a name: 3, 03, perceptron or 03-perceptron. What is already in your
    folder is never changed.
    """
    root = clone_or_error()
    exercises = root / "exercises"
    name = find_chapter(chapter, chapters(exercises))
    home = (to.expanduser() if to else root / "work").absolute()
    check_home(home, root)
    target = next_free(home / name) if fresh else home / name
    done = copy(exercises / name, target)
    for line in said(done, name, target, to):
        click.echo(line)


def check_home(home: Path, root: Path) -> None:
    """Raise CannotStartError when `home` is in a folder that the course itself writes."""
    for owned in ("exercises", "solutions", "book", "course_utils"):
        if home.resolve().is_relative_to((root / owned).resolve()):
            raise CannotStartError(
                f"{owned}/ belongs to the course and is written anew by it. "
                "Choose a folder of your own with --to, or leave --to out."
            )


def next_free(target: Path) -> Path:
    """Return `target`, or the first of target-2, target-3, … that is not there."""
    number, free = 1, target
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{target.name}-{number}")
    return free


def copy(source: Path, target: Path) -> Copied:
    """Copy every file of `source` that `target` does not have; change none that it has.

    A file gets its name when it is complete, so a copy that was interrupted can be run again.
    """
    done = Copied()
    for path in sorted(source.rglob("*")):
        part = path.relative_to(source)
        if not path.is_file() or SKIPPED & set(part.parts):
            continue
        destination = target / part
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise CannotStartError(
                f"{error.filename} is a file, and a folder is needed in its place. "
                "Rename it, or choose another folder with --to."
            ) from error
        (done.written if place(path, destination) else done.kept).append(part)
    return done


def place(source: Path, destination: Path) -> bool:
    """Copy one file unless something has its name already; return whether it was copied."""
    if os.path.lexists(destination):
        return False
    handle, temporary = tempfile.mkstemp(prefix=".start-", dir=destination.parent)
    try:
        with os.fdopen(handle, "wb") as file, source.open("rb") as original:
            shutil.copyfileobj(original, file)
        Path(temporary).chmod(0o666 & ~_umask())
        try:
            os.link(temporary, destination)  # unlike a rename, this fails when the name is taken
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            return _write_new(source, destination)
        return True
    finally:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()


def said(done: Copied, name: str, target: Path, to: Path | None) -> list[str]:
    """Return the lines that tell a learner what happened and what to do next."""
    shown = _short(target)
    lines = []
    if done.written:
        files = "1 file" if len(done.written) == 1 else f"{len(done.written)} files"
        lines.append(f"Copied {files} to {shown}")
    if done.kept:
        one = len(done.kept) == 1
        what = str(done.kept[0]) if one else f"{len(done.kept)} files ({done.kept[0]}, …)"
        verb = "is already there and stays as it is" if one else "are already there and stay so"
        where = f" --to {to}" if to else ""
        lines.append(f"In {shown}, {what} {verb}.")
        lines.append(f"For a fresh copy beside it: course start {name}{where} --fresh")
    notebook = target / f"{name}.ipynb"
    if notebook.exists():
        lines.append(f"Open it: jupyter lab {_short(notebook)}")
    return lines


def _write_new(source: Path, destination: Path) -> bool:
    try:
        with destination.open("xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        return False
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _short(path: Path) -> str:
    """Return the path as seen from the current folder when it is below it."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
