"""Which notebook a learner means by a path, by a chapter or by nothing at all."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.cli import _records
from course_utils.cli._assignment import Assignment, Notebook, UnusableFileError, read, released
from course_utils.cli._match import identify
from course_utils.cli.places import clone_or_error, find_chapter

OWNED = ("exercises", "solutions", "book")


@dataclass
class Found:
    """A learner's notebook, its assignment, and how many others it was chosen from."""

    notebook: Notebook
    assignment: Assignment
    others: int = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self.notebook.path


def find(wanted: str | None) -> Found:
    """Return the notebook meant: a file, a folder, a chapter, or the newest one in work/.

    Raises UnusableFileError: there is none, it cannot be read, or it is no assignment of ours.
    """
    known = released()
    if wanted:
        path = Path(wanted).expanduser()
        if path.is_file():
            return _sure(path, known)
        if path.is_dir() and (found := _newest(_below(path, 2), known)):
            return found
        if path.suffix == ".ipynb" and "*" not in wanted:
            raise UnusableFileError(f"There is no file {wanted}.{_near(path)}")
        name = find_chapter(wanted, list(known))
        if found := _newest(in_work(), known, name) or _newest(recorded(), known, name):
            return found
        raise UnusableFileError(
            f"You have no notebook of assignment {name[:2]} yet. Take a copy first: "
            f"course start {name[:2]}"
        )
    for paths in (_here, in_work, recorded):
        if found := _newest(paths(), known):
            return found
    first = min(known)[:2]
    raise UnusableFileError(
        f"There is no notebook of yours in work/ yet. Take a copy first: course start {first}"
    )


def in_work() -> list[Path]:
    """Return the notebooks in work/, and in folders that nbgrader has fetched beside it."""
    root = clone_or_error()
    fetched = [p for p in root.glob("[0-9][0-9]-*/*.ipynb") if p.is_file()]
    return [*_below(root / "work", 2), *fetched]


def recorded() -> list[Path]:
    """Return the notebooks that were checked before, wherever they are."""
    paths = [Path(record.path) for record in _records.every()]
    return [path for path in paths if path.is_file() and not owned(path)]


def owned(path: Path, root: Path | None = None) -> bool:
    """Tell whether a notebook is the course's own rather than a learner's."""
    root = (root or clone_or_error()).resolve()
    return any(path.resolve().is_relative_to(root / folder) for folder in OWNED)


def by_assignment(known: dict[str, Assignment]) -> dict[str, list[Found]]:
    """Return the learner's notebooks of each assignment: those in work/ first, by age."""
    found: dict[str, list[Found]] = {name: [] for name in known}
    for path in [*_by_age(in_work()), *_by_age(recorded())]:
        try:
            notebook = read(path)
        except (UnusableFileError, OSError):
            continue
        if (assignment := identify(notebook, known.values())) is not None:
            found[assignment.name].append(Found(notebook, assignment))
    return found


def _here() -> list[Path]:
    """Return the notebooks of the current folder, unless it is one of the course's own."""
    here = Path.cwd()
    return [] if here == clone_or_error() or owned(here) else list(_below(here, 1))


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the notebooks in a folder and, with depth 2, in the folders in it."""
    for pattern in ("*.ipynb", "*/*.ipynb")[:depth]:
        for path in folder.glob(pattern):
            inside = path.relative_to(folder).parts
            if path.is_file() and not any(part.startswith(".") for part in inside):
                yield path


def _by_age(paths: list[Path]) -> list[Path]:
    """Return the paths, the one that was saved last first."""
    return sorted(paths, key=lambda path: (-path.stat().st_mtime, str(path)))


def _newest(
    paths: list[Path] | Iterator[Path], known: dict[str, Assignment], name: str | None = None
) -> Found | None:
    """Return the newest of the paths that is an assignment of ours (called `name`)."""
    best: Found | None = None
    broken: UnusableFileError | None = None
    for path in _by_age(list(paths)):
        try:
            notebook = read(path)
        except UnusableFileError as error:
            by_name = path.stem.startswith(name) if name else path.stem[:2].isdigit()
            if best is None and by_name:
                broken = broken or error
            continue
        assignment = identify(notebook, known.values())
        if assignment is None or (name and assignment.name != name):
            continue
        if best is None:
            if broken is not None:  # the newest one is damaged: do not check another in silence
                raise broken
            best = Found(notebook, assignment)
        else:
            best.others += 1
    if best is None and broken is not None:
        raise broken
    return best


def _sure(path: Path, known: dict[str, Assignment]) -> Found:
    notebook = read(path)
    assignment = identify(notebook, known.values())
    if assignment is None:
        raise UnusableFileError(
            f"{path.name} is none of the course's assignments ({', '.join(known)}): none of their "
            "cells is in it. Take a copy with course start and work in that."
        )
    return Found(notebook, assignment)


def _near(path: Path) -> str:
    """Return a sentence that names the file that may have been meant, or the way out."""
    there = {p.name: p for p in [*_below(path.parent, 1), *in_work(), *recorded()]}
    near = difflib.get_close_matches(path.name, there, n=1, cutoff=0.5)
    if near:
        return f" Did you mean {short(there[near[0]])}?"
    return " Give the path of your notebook, or the number of its chapter."


def short(path: Path) -> str:
    """Return the path as seen from the current folder when it is below it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
