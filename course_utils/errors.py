"""The base of every exception that the course expects."""

from __future__ import annotations


class CourseError(Exception):
    """Something a person can put right; its message is one sentence that says what and how.

    The `course` command prints the message and ends with status 1, and IPython shows it alone: a
    traceback would only hide the sentence. Modules raise subclasses of this one.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]
