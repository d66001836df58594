"""A check's variables stay its own: a learner's code neither sees them nor finds them afterwards.

A check cell runs in the learner's notebook, in one process with it. Without care its `rng` or `X`
would replace the learner's, and an answer that forgot to define a name would find the check's by
that name, pass here, and stop in grading, where the check runs elsewhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Scope:
    """The names of a notebook as they stood when a check began."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._before = dict(names)

    @classmethod
    def of(cls, frame: FrameType) -> Scope | None:
        """Return the scope of a cell, or None where the check does not stand in a cell."""
        at_top = frame.f_locals is frame.f_globals
        return cls(frame.f_globals) if at_top and type(frame.f_globals) is dict else None

    def restore(self) -> dict[str, Any]:
        """Give the names back as they were; return the ones that the check had made or changed."""
        before = self._before
        own = {
            name: value
            for name, value in self._names.items()
            if name not in before or before[name] is not value
        }
        for name in own:
            if name in before:
                self._names[name] = before[name]
            else:
                del self._names[name]
        return own

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Put the check's own variables aside while the learner's code runs.

        What that code itself makes global stays.
        """
        own = self.restore()
        try:
            yield
        finally:
            self._before = dict(self._names)
            self._names.update(own)
