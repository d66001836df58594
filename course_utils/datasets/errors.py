"""What can go wrong with data, each as one sentence with a way out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from course_utils.errors import CourseError


class DatasetError(CourseError):
    """Any problem with a data set; its text is a sentence for the person at the keyboard."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: the sentence alone."""
        return [f"{type(self).__name__}: {self}"]


class UnknownDataset(DatasetError):
    """No data set of the course has this name."""


class BadOption(DatasetError):
    """`load` was given an option that the data set does not take, or a value it cannot use."""


class DataNotFound(DatasetError):
    """The data set is not on this computer yet."""


class DataCorrupt(DatasetError):
    """The copy on disk is damaged, or is not what the registry describes."""


class CacheUnusable(DatasetError):
    """The folder for data cannot be written: read-only, full, or not a folder."""


class FetchFailed(DatasetError):
    """No source delivered the data; the message lists each source and why."""

    def __init__(self, title: str, failures: Sequence[tuple[str, str]], advice: str) -> None:
        self.failures = tuple(failures)
        sources = "its only source" if len(failures) == 1 else f"any of its {len(failures)} sources"
        lines = [f"{title} could not be fetched from {sources}:"]
        for source, reason in failures:
            lines.append(f"  - {source}: {textwrap.shorten(reason, 300, placeholder=' …')}")
        super().__init__("\n".join([*lines, advice]))


class SourceFailed(Exception):
    """One source could not deliver; `fetch` notes the reason and tries the next one."""
