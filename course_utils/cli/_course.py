"""The instructor's course around the current folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.errors import CourseError

if TYPE_CHECKING:
    from course_utils.grading.gradebook import Course

CONFIG = "nbgrader_config.py"


def find(start: Path | None = None) -> Course:
    """Return the course around `start` (the current folder).

    Raises CourseError with the way out when no folder above holds nbgrader_config.py.
    """
    import logging

    from course_utils.grading.gradebook import open_course

    from traitlets.log import get_logger

    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / CONFIG).is_file():
            get_logger().setLevel(logging.ERROR)
            return open_course(folder)
    raise CourseError(
        f"There is no {CONFIG} here or above. Change to the folder of your course and run the "
        "command again."
    )


def gradebook(course: Course) -> Any:
    """Open the course's gradebook; to be used in a with statement."""
    from course_utils.grading.gradebook import open_gradebook

    return open_gradebook(course)
