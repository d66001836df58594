"""`course submit`: hand in an assignment through nbgrader, or pack it for upload."""

from __future__ import annotations

import getpass
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from course_utils.cli import _exchange, _find, _records
from course_utils.cli._match import Match, match, restored
from course_utils.cli.check import points
from course_utils.cli.places import clone_or_error
from course_utils.cli.start import place
from course_utils.errors import CourseError

import click

LARGEST = 50e6  # bytes of other files that are packed along


@click.command(
    epilog="""\b
Examples:
  course submit 3                     through nbgrader where it is set up, else a .zip
  course submit 3 --pack              a .zip to upload, even where nbgrader is set up
  course submit 3 --plain             the notebook alone, under a name that says whose it is
  course submit "my copy.ipynb"       a file, whatever it is called

You may hand in as often as you like until the deadline; the last one counts.
"""
)
@click.argument("notebook", metavar="CHAPTER|FILE")
@click.option("--pack", is_flag=True, help="Make a .zip for upload; do not ask nbgrader.")
@click.option("--plain", is_flag=True, help="Make a named copy of the .ipynb instead of a .zip.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to put the .zip or copy.  [default: beside the folder of the notebook]",
)
def submit(notebook: str, pack: bool, plain: bool, to: Path | None) -> None:
    """Hand in your notebook of CHAPTER, as it was saved last.

    Unfinished work is handed in too. Your own file is not changed, and nothing is overwritten.
    """
    found = _find.find(notebook)
    fit = match(found.notebook, found.assignment)
    for line in warnings(found, fit):
        click.echo(line)
    name = found.assignment.name
    with tempfile.TemporaryDirectory(prefix="course-submit-") as scratch:
        stage = Path(scratch) / name
        files = staged(found.path, fit, stage)
        if "repaired" in files:
            click.echo("In what is handed in, the marks that grading needs were put back.")
        why_not = "you asked for a file" if pack or plain or to else ""
        exchange = None if why_not else _exchange.configured(clone_or_error())
        if not why_not:
            why_not = exchange.unusable(name) if exchange else "nbgrader has no exchange here"
        if exchange is not None and not why_not:
            try:
                stamp = exchange.submit(name, stage.parent)
            except _exchange.ExchangeRefusedError as error:
                why_not = str(error)
            else:
                click.echo(f"Handed in {name} to the course {exchange.course}, {stamp}.")
                click.echo("To see it: nbgrader list --inbound. Hand in again at any time.")
                remember(found, f"nbgrader, {stamp}")
                return
        packed = packed_file(found.path, stage, name, plain, to)
    remember(found, str(packed))
    count = len(list_of(files))
    what = "the notebook" if plain or count == 1 else f"{count} files"
    click.echo(f"Nothing was sent: {why_not}. Packed {what}:")
    click.echo(f"  {_find.short(packed)}")
    click.echo("Upload that file where your instructor asks for it.")


def warnings(found: _find.Found, fit: Match) -> Iterator[str]:
    """Yield what the learner should know before it is handed in; nothing of it blocks."""
    assignment = found.assignment
    saved = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.path.stat().st_mtime))
    more = f", the newest of {found.others + 1}" if found.others else ""
    yield f"{_find.short(found.path)}, as saved {saved}{more}."
    open_ = [task for task in assignment.tasks if not fit.started(task)]
    if open_:
        lost = sum(sum(map(assignment.points, (*t.checks, *t.written))) for t in open_)
        which = ", ".join(str(task.number) for task in open_)
        word = "Task" if len(open_) == 1 else "Tasks"
        verb = "is" if len(open_) == 1 else "are"
        yield f"Warning: {word} {which} {verb} not started ({points(lost)})."
    half = [t for t in assignment.tasks if t not in open_ and fit.unanswered(t)]
    for task in half:
        cells = ", ".join(f"“{name}”" for name in fit.unanswered(task))
        yield f"Warning: Task {task.number} is not complete: nothing is written in {cells}."
    record = _records.load(found.path, found.notebook.digest)
    again = f"course check {assignment.name[:2]}"
    if not record.checked:
        yield f"You have not checked it with: {again}"
    elif record.digest != found.notebook.digest:
        yield f"It has changed since you checked it last with: {again}"
    else:
        wrong = [n for n, r in record.tasks.items() if r["status"] not in ("passes", "written")]
        wrong = [n for n in wrong if int(n) not in [t.number for t in open_]]
        if wrong:
            which = f"task{'' if len(wrong) == 1 else 's'} {', '.join(wrong)}"
            yield f"Warning: visible checks of {which} do not pass: {again}"
    for note in fit.notes:
        yield f"Note: {note}"


# --- what is handed in ----------------------------------------------------------------------


def staged(notebook: Path, fit: Match, stage: Path) -> dict[str, Path]:
    """Copy what is handed in to the folder `stage`; return its files by their name there.

    The notebook gets the name that the course knows; where an editor has removed the marks of
    grading they are put back (the key "repaired" is there then). Other files of the folder come
    along when it is the assignment's own folder.
    """
    stage.mkdir(parents=True)
    name = fit.assignment.name
    target = stage / f"{name}.ipynb"
    files = {target.name: target}
    repaired = restored(fit)
    if repaired is not None:
        target.write_bytes(repaired)
        files["repaired"] = target
    else:
        shutil.copyfile(notebook, target)
    folder = notebook.absolute().parent
    if folder.name.startswith(name):
        for path in companions(folder):
            part = path.relative_to(folder)
            (stage / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, stage / part)
            files[part.as_posix()] = stage / part
    return files


def list_of(files: dict[str, Path]) -> list[str]:
    """Return the names of the files, sorted."""
    return sorted(set(files) - {"repaired"})


def companions(folder: Path) -> list[Path]:
    """Return the other files of an assignment's folder: data and pictures that belong to it."""
    chosen, size = [], 0
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "_")) for part in parts)
        if hidden or path.is_symlink() or not path.is_file():
            continue
        if path.suffix in (".ipynb", ".zip", ".pyc"):
            continue
        size += path.stat().st_size
        chosen.append(path)
    if size > LARGEST:
        raise CourseError(
            f"The other files in {folder} have {size / 1e6:.0f} MB, too much to hand in. "
            "Move those that your notebook does not need out of the folder."
        )
    return chosen


def packed_file(notebook: Path, stage: Path, name: str, plain: bool, to: Path | None) -> Path:
    """Make the .zip or the named copy; return it. A name that is taken is never used."""
    folder = notebook.absolute().parent
    inside = folder.name.startswith(name)
    home = to.expanduser().absolute() if to else folder.parent if inside else folder
    home.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{user()}-{time.strftime('%Y-%m-%d')}"
    source = stage / f"{name}.ipynb"
    suffix = ".ipynb"
    if not plain:
        source, suffix = stage.parent / "packed.zip", ".zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in sorted(stage.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(stage).as_posix())
    number, target = 1, home / f"{stem}{suffix}"
    while not place(source, target):
        number += 1
        target = home / f"{stem}-{number}{suffix}"
    return target


def user() -> str:
    """Return the user's name as part of a file name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        name = ""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "me"


def remember(found: _find.Found, how: str) -> None:
    """Write down that the notebook was handed in, for course progress."""
    if _find.owned(found.path):
        return
    record = _records.load(found.path, found.notebook.digest)
    record.assignment = found.assignment.name
    record.submitted.append({"when": time.strftime("%Y-%m-%dT%H:%M:%S"), "how": how})
    _records.save(record)
