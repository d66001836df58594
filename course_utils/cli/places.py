"""Where the clone of the course is, and what the chapters in it are called."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import course_utils
from course_utils.errors import CourseError

CHAPTER = re.compile(r"(\d\d)-([a-z0-9]+(?:-[a-z0-9]+)*)")


class NotInCourseError(CourseError):
    """There is no clone of the course around the current folder."""


class UnknownChapterError(CourseError):
    """No chapter has this number or name."""


def clone(start: Path | None = None) -> Path | None:
    """Return the clone around `start` (the current folder), else the one this package is in.

    A clone is a folder that holds requirements.lock and course_utils/.
    """
    here = (start or Path.cwd()).absolute()
    package = Path(course_utils.__file__).resolve().parents[1]
    for folder in (here, *here.parents, package):
        if (folder / "requirements.lock").is_file() and (folder / "course_utils").is_dir():
            return folder
    return None


def clone_or_error() -> Path:
    """Return the clone; raise NotInCourseError with the way out when there is none."""
    folder = clone()
    if folder is None:
        raise NotInCourseError(
            "There is no clone of the course here. Change to the folder that you cloned "
            "(it holds requirements.lock) and run the command again."
        )
    return folder


def chapters(folder: Path) -> list[str]:
    """Return the names NN-name of the folders in `folder`, in the order of their numbers."""
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and CHAPTER.fullmatch(p.name))


def find_chapter(wanted: str, known: list[str]) -> str:
    """Return the chapter that "3", "03", "perceptron" or "03-perceptron" means.

    Raises UnknownChapterError: none is called so, or several begin so; the message names the
    nearest one.
    """
    text = wanted.strip().lower().replace("_", "-").replace(" ", "-").rstrip("/\\")
    text = re.split(r"[/\\]", text)[-1].removesuffix(".ipynb")
    names = {name.partition("-")[2]: name for name in known}
    if text in known:
        return text
    if text.isdigit():
        matches = [name for name in known if int(name[:2]) == int(text)]
    else:
        matches = [name for short, name in names.items() if short == text]
        if not matches and text:
            matches = [name for short, name in names.items() if short.startswith(text)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UnknownChapterError(f"{wanted!r} may mean {' or '.join(matches)}. Write one of them.")
    candidates = [*known, *names]
    near = difflib.get_close_matches(text, candidates, n=1, cutoff=0.5)
    nearest = f"The nearest is {names.get(near[0], near[0])}. " if near else ""
    there = f"There are exercises for {', '.join(known)}." if known else "There are no exercises."
    raise UnknownChapterError(f"No exercise is called {wanted!r}. {nearest}{there}")
