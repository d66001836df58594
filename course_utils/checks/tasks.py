"""One task's checks: from whatever goes wrong to one clear sentence."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from types import TracebackType

from . import seeds
from .calls import is_ours, stopped
from .failures import CheckFailed, not_written

_told = False


class task:  # noqa: N801 - used as `with checks.task("…"):`
    """The checks of one task: `with checks.task("Task 2 · sigmoid"):`.

    Whatever stops them becomes one sentence: a difference that a check found (CheckFailed), an
    error in the learner's code (CheckFailed), a name that is missing or a function that is not
    written (NotImplementedError). Warnings go to the normal output, so that they cost nothing.

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

    def __enter__(self) -> task:
        seeds.enter()
        seeds.current().title = self.title
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
                self._passed()
            elif (said := self._said(error)) is not error:
                raise said from None
        finally:
            seeds.leave()

    def _passed(self) -> None:
        global _told
        print(f"✓ {self.title}: these checks pass")  # noqa: T201
        if not _told and os.environ.get("NBGRADER_EXECUTION") != "autograde":
            _told = True
            print(  # noqa: T201
                "  (Grading runs further checks, on other shapes and fresh random inputs.)"
            )

    def _said(self, error: BaseException) -> BaseException:
        """Return what to raise in place of `error`."""
        if isinstance(error, CheckFailed):
            error.title = self.title
            return error
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            return error
        frames = traceback.extract_tb(error.__traceback__)
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
