"""One task's checks: from whatever goes wrong to one clear sentence."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from course_utils.errors import CourseError

from . import seeds
from .calls import is_ours, stopped
from .failures import CheckFailed, not_written
from .scope import Scope

_told = False


@dataclass
class Report:
    """How much of one task is right: the share of its named parts, and how many it has."""

    share: float = 0.0
    parts: int = 0


REPORTS: list[Report] = []
"""What the tasks of this process found, newest last. Grading reads and clears it."""


class task:  # noqa: N801 - used as `with checks.task("…"):`
    """The checks of one task: `with checks.task("Task 2 · sigmoid"):`.

    Whatever stops them becomes one sentence: a difference that a check found (CheckFailed), an
    error in the learner's code (CheckFailed), a name that is missing or a function that is not
    written (NotImplementedError). Warnings go to the normal output, so that they cost nothing. The
    variables of the check are gone when it ends: see scope.py.

    >>> with task("Task 1 · one"):
    ...     that(1 + 1 == 2, "One and one is two: count again.")
    ✓ Task 1 · one: these checks pass...
    >>> with task("Task 2 · sigmoid"):
    ...     sigmoid(0)
    Traceback (most recent call last):
    ...
    NotImplementedError: `sigmoid` is not defined: run the cell that defines it, above, then run \
this one again. If you deleted that cell, take it from a fresh copy of this notebook.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[tuple[str, float, str]] = []  # name, weight, what was said
        self._unwritten = 0

    @contextlib.contextmanager
    def part(self, name: str, weight: float = 1.0) -> Iterator[None]:
        """Check one named part of the task; a later part is checked even if this one fails.

        With parts, an answer that is half right earns its half: in grading the cell is worth the
        share of the weights that passed. `weight` is a number above 0.

        >>> with task("Task 3 · both ways") as both:
        ...     with both.part("forward", weight=2):
        ...         that(1 + 1 == 2, "One and one is two: count again.")
        ...     with both.part("backward"):
        ...         that(2 - 1 == 0, "Two less one is one: count again.")
        Traceback (most recent call last):
        ...
        course_utils.checks.CheckFailed: 1 of 2 parts is right.
        ✓ forward
        ✗ backward: Two less one is one: count again.
        """
        if not weight > 0:
            raise ValueError(f"The weight of the part {name!r} is {weight}; it must be above 0.")
        said = ""
        try:
            yield
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            found = self._said(error, outer=1)
            self._unwritten += isinstance(found, NotImplementedError)
            said = str(found)
        self._parts.append((name, float(weight), said))

    def __enter__(self) -> task:
        seeds.enter()
        seeds.current().title = self.title
        seeds.current().scope = Scope.of(sys._getframe(1))
        self._stderr = contextlib.redirect_stderr(sys.stdout)
        self._stderr.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stderr.__exit__(None, None, None)
        try:
            if error is None:
                self._report(1.0)
                self._judge_parts()
                self._passed()
            elif (said := self._said(error)) is not error:
                raise said from None
        finally:
            if scope := seeds.current().scope:
                scope.restore()
            seeds.leave()

    def _report(self, share: float) -> None:
        total = sum(weight for _, weight, _ in self._parts)
        if total:
            share *= sum(weight for _, weight, said in self._parts if not said) / total
        REPORTS.append(Report(share, len(self._parts)))
        del REPORTS[:-100]

    def _judge_parts(self) -> None:
        """Raise one error that tells of every part, unless all of them passed."""
        failed = [said for _, _, said in self._parts if said]
        if not failed:
            return
        if self._unwritten == len(self._parts):
            raise not_written(failed[0], self.title)
        right = len(self._parts) - len(failed)
        lines = [f"{right} of {len(self._parts)} parts {'is' if right == 1 else 'are'} right."]
        lines += [f"✗ {name}: {said}" if said else f"✓ {name}" for name, _, said in self._parts]
        error = CheckFailed("\n".join(lines))
        error.title = self.title
        raise error

    def _passed(self) -> None:
        global _told
        print(f"✓ {self.title}: these checks pass")  # noqa: T201
        if not _told and os.environ.get("NBGRADER_EXECUTION") != "autograde":
            _told = True
            print(  # noqa: T201
                "  (Grading runs further checks, on other shapes and fresh random inputs.)"
            )

    def _said(self, error: BaseException, outer: int = 0) -> BaseException:
        """Return what to raise in place of `error`, which passed through `outer` frames of ours."""
        if isinstance(error, CheckFailed):
            error.title = self.title
            return error
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            return error
        if isinstance(error, CourseError) and "course_place" not in vars(error):
            return error  # such as data that are not on this computer: nobody's answer is wrong
        frames = traceback.extract_tb(error.__traceback__)[outer:]
        if isinstance(error, NotImplementedError):
            if "_render_traceback_" in vars(error):
                return error
            return not_written(
                "This task is not written yet: put your answer in place of `raise "
                "NotImplementedError`, run that cell, then run this one again.",
                self.title,
            )
        if isinstance(error, NameError) and len(frames) == 1 and error.name:
            return not_written(
                f"`{error.name}` is not defined: run the cell that defines it, above, then run "
                "this one again. If you deleted that cell, take it from a fresh copy of this "
                "notebook.",
                self.title,
            )
        what = "A check itself" if is_ours(frames[-1].filename) else "Your code"
        if len(frames) == 1:
            what = "This check"
        note = seeds.note()
        failed = CheckFailed(stopped(what, error) + (f"\n{note}" if note else ""))
        failed.title = self.title
        return failed
