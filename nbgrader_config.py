"""nbgrader for Build Deep: where things are, and defaults that are safe from the first day.

nbgrader reads this file whenever it runs in this folder (`nbgrader ...`, formgrader, Validate,
Assignment List). Change what differs at your school; https://nbgrader.readthedocs.io has all
options. `course_utils.grading` says what each of our plugins does and why it is there.
"""

import os

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# The course: our sources are in solutions/, what learners get is in exercises/.
c.CourseDirectory.course_id = "build-deep"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "submitted"
c.CourseDirectory.autograded_directory = "autograded"
c.CourseDirectory.feedback_directory = "feedback"

# The exchange: a folder that all users of one machine can write to (not on Windows).
c.Exchange.root = os.environ.get("COURSE_EXCHANGE", "/usr/local/share/nbgrader/exchange")

# Releasing: what replaces a solution.
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError  # write your answer here"}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"

# Running a submission, and Validate: time, kernel, output.
c.Execute.timeout = 60
c.Execute.shutdown_kernel = "immediate"
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.outstream_class=course_utils.grading.kernel.GradedStream",
]
c.ExecuteSubmission.notebook_timeout = 600
c.ExecuteSubmission.max_cell_bytes = 1_000_000
c.ExecuteSubmission.max_notebook_bytes = 5_000_000

# Grading: repair, run, score. CheckCellMetadata comes last, as in nbgrader's own lists.
c.Autograde.sanitize_preprocessors = [
    "course_utils.grading.repair.RepairCells",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "course_utils.grading.execute.ExecuteSubmission",
    "nbgrader.preprocessors.LimitOutput",
    "course_utils.grading.grades.SaveGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.post_convert_hook = "course_utils.grading.repair.finish"

# Pages: no script of a student runs in formgrader or in feedback; no hidden test in feedback.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.exclude_anchor_links = True
c.HTMLExporter.preprocessors = ["course_utils.grading.feedback.SafeNotebook"]
c.HTMLExporter.filters = {
    "clean_html": "course_utils.grading.feedback.clean_html",
    "markdown2html": "course_utils.grading.feedback.markdown2html",
}
c.GenerateFeedback.exporter_class = "course_utils.grading.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "course_utils.grading.feedback.RedactHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]

# The grades as a table.
c.ExportApp.plugin_class = "course_utils.grading.export.GradesCSV"
