"""The grades as CSV: every field quoted as CSV wants it, and no zero that nobody gave."""

import csv
from pathlib import Path
from typing import Any

from nbgrader.api import Assignment, Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.plugins.export import ExportPlugin

FIELDS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
    "status",
)


def gradebook_status(submission: SubmittedAssignment) -> str:
    """What the gradebook knows: 'graded', 'needs manual grading' or 'not graded'."""
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    automatic = [grade for grade in grades if grade.cell_type == "code"]
    if not grades or (automatic and all(_open(grade) for grade in automatic)):
        return "not graded"
    if any(grade.needs_manual_grade for grade in grades):
        return "needs manual grading"
    return "graded"


def _open(grade: Any) -> bool:
    return grade.auto_score is None and grade.manual_score is None


def safe_field(value: Any) -> str:
    """A field as text. One that a spreadsheet would run as a formula gets an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" and text else text


class GradesCSV(ExportPlugin):
    """nbgrader's columns plus `status`; a submission that was not graded has no score."""

    def export(self, gradebook: Gradebook) -> None:
        """Write grades.csv, or the file named by --to."""
        target = Path(self.to or "grades.csv")
        students = {str(name) for name in self.student}
        assignments = {str(name) for name in self.assignment}
        self.log.info("Exporting grades to %s", target)
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            for assignment in gradebook.assignments:
                if assignments and assignment.name not in assignments:
                    continue
                for student in gradebook.students:
                    if not students or student.id in students:
                        row = _row(gradebook, assignment, student)
                        writer.writerow({key: safe_field(row.get(key)) for key in FIELDS})


def _row(gradebook: Gradebook, assignment: Assignment, student: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "assignment": assignment.name,
        "duedate": assignment.duedate,
        "student_id": student.id,
        "last_name": student.last_name,
        "first_name": student.first_name,
        "email": student.email,
        "max_score": assignment.max_score,
    }
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        nothing = {"raw_score": 0.0, "late_submission_penalty": 0.0, "score": 0.0}
        return row | nothing | {"status": "not submitted"}
    row |= {"timestamp": submission.timestamp, "status": gradebook_status(submission)}
    if row["status"] != "not graded":
        penalty = submission.late_submission_penalty
        row |= {
            "raw_score": submission.score,
            "late_submission_penalty": penalty,
            "score": max(0.0, submission.score - penalty),
        }
    return row
