"""Hand in through nbgrader's exchange, as `nbgrader submit` does."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError


class ExchangeRefusedError(CourseError):
    """nbgrader did not take a submission; the message says why."""


@dataclass
class Exchange:
    """The exchange as nbgrader is configured on this machine."""

    config: Any
    root: Path
    course: str

    def unusable(self, assignment: str) -> str:
        """Return why an assignment cannot be handed in here; empty when it can."""
        if sys.platform == "win32":
            return "nbgrader's exchange does not work on Windows"
        if not self.root.is_dir():
            return f"there is no nbgrader exchange on this machine ({self.root} does not exist)"
        if not os.access(self.root / self.course / "inbound", os.W_OK | os.X_OK):
            return f"the nbgrader exchange {self.root} has no place for the course {self.course}"
        if not (self.root / self.course / "outbound" / assignment).is_dir():
            return f"{assignment} has not been released in the nbgrader exchange {self.root}"
        return ""

    def submit(self, assignment: str, parent: Path) -> str:
        """Hand in the folder `parent`/`assignment`; return nbgrader's time stamp.

        Raises ExchangeRefusedError with what nbgrader said.
        """
        import logging

        from nbgrader.auth import Authenticator
        from nbgrader.coursedir import CourseDirectory
        from nbgrader.exchange import ExchangeFactory
        from traitlets.config import Config
        from traitlets.log import get_logger

        get_logger().setLevel(logging.CRITICAL + 1)  # its messages come as our own sentences
        config = Config(self.config)
        config.CourseDirectory.assignment_id = assignment
        config.Exchange.assignment_dir = str(parent)
        config.Exchange.path_includes_course = False
        try:
            made = ExchangeFactory(config=config).Submit(
                coursedir=CourseDirectory(config=config),
                authenticator=Authenticator(config=config),
                config=config,
            )
            made.start()
        except Exception as error:  # nbgrader's plugins raise what they like
            said = " ".join(str(error).split()) or type(error).__name__
            raise ExchangeRefusedError(f"nbgrader did not take it ({said})") from error
        return str(made.timestamp)


def configured(root: Path) -> Exchange | None:
    """Return the exchange that nbgrader's configuration names; None without nbgrader.

    The configuration is read as nbgrader reads it in the folder of the course.
    """
    try:
        from nbgrader.apps import NbGrader
        from nbgrader.coursedir import CourseDirectory
        from nbgrader.exchange import ExchangeFactory
    except ImportError:
        return None
    with contextlib.chdir(root):
        app = NbGrader()
        app.config_file_paths.append(str(root))
        app.load_config_file()
        coursedir = CourseDirectory(config=app.config)
        submit = ExchangeFactory(config=app.config).Submit(coursedir=coursedir, config=app.config)
        place = getattr(submit, "root", None)  # another exchange than the usual one has no folder
        if not isinstance(place, str):
            return None
        return Exchange(app.config, Path(place).absolute(), coursedir.course_id)
