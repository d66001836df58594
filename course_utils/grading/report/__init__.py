"""The instructor's report on an assignment: one page that says where to look.

`gather` reads what grading has stored and the gradebook, `statistics` and `messages` work it out,
`page` draws it. The page needs nothing else: no script, no request, everything from students
escaped.
"""

from __future__ import annotations

from pathlib import Path

from course_utils.grading.gradebook import Course
from course_utils.grading.report.gather import ReportError, gather
from course_utils.grading.report.page import render

__all__ = ["ReportError", "write_report"]


def write_report(
    course: Course, assignment: str, to: Path | None = None, *, similar: bool = True, jobs: int = 1
) -> Path:
    """Write the report on an assignment; return its file, grading/ASSIGNMENT/report.html.

    `similar=False` leaves out the comparison of all submissions with each other; `jobs` threads
    work on it. Raises ReportError when nothing was graded yet.
    """
    found = gather(course, assignment, similar=similar, jobs=jobs)
    target = to or course.results(assignment) / "report.html"
    beside = target.with_name(f".{target.name}.new")
    try:
        beside.write_text(render(found), encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target
