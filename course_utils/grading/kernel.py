"""The output stream of a kernel that grades or validates (loaded inside that kernel)."""

import os
from collections import defaultdict
from typing import Any

from ipykernel.iostream import OutStream

LIMIT = 100_000
"""Characters one cell may print on each stream. COURSE_OUTPUT_LIMIT in the environment wins."""


class GradedStream(OutStream):
    """An output stream that stops at a limit per cell and reports as stdout.

    A 200 MB line is cut where it is printed, so that it never reaches the grader's memory.
    nbgrader (0.9.6, `utils.determine_grade`) gives no points to a cell that wrote anything on
    stderr, a warning of a library included; here the text stays visible and costs nothing.
    """

    def __init__(self, session: Any, pub_thread: Any, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(session, pub_thread, name, *args, **kwargs)
        self.name = "stdout"
        self.topic = b"stream.stdout"
        limit = int(os.environ.get("COURSE_OUTPUT_LIMIT", LIMIT))
        # One count per cell: a thread left over from an earlier cell spends that cell's room.
        self._room: dict[str, int] = defaultdict(lambda: limit)

    def write(self, string: str) -> int | None:  # type: ignore[override]
        """Publish as much of `string` as the running cell may still print; return its length."""
        if not isinstance(string, str):
            return super().write(string)
        cell = str(self.parent_header.get("msg_id", ""))
        room = self._room[cell]
        if room > 0:
            kept = string[:room]
            self._room[cell] = room - len(kept)
            super().write(kept)
            if len(kept) < len(string) or self._room[cell] == 0:
                self._room[cell] = 0
                super().write("\n[output cut here: this cell printed too much]\n")
        return len(string)
