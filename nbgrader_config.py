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

# Model answers (course compare): shown for a task after an "attempt" or a "pass" of its visible
# checks; from solutions/ where a learner has that folder, or only once you publish them
# (course answers).
c.ModelAnswers.after = "attempt"
c.ModelAnswers.solutions = True

# Validate, the learner's button: time of a cell, and a kernel whose output is capped.
c.Execute.timeout = 60
c.Execute.shutdown_kernel = "immediate"
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.outstream_class=course_utils.grading.kernel.GradedStream",
]

# Grading: what one submission may use, and where it runs. Every option
# is explained in course_utils/grading/settings.py.
c.Grading.cell_seconds = 60
c.Grading.test_seconds = 60
c.Grading.notebook_seconds = 600
c.Grading.memory_mb = 2048
c.Grading.sandbox = "auto"  # bubblewrap on Linux; elsewhere set c.Grading.container

# The steps of nbgrader autograde: repair, then run and judge in the sandbox, then save.
# CheckCellMetadata comes last, as in nbgrader's own lists.
c.Autograde.sanitize_preprocessors = [
    "course_utils.grading.plugins.RepairCells",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "course_utils.grading.plugins.ExecuteSubmission",
    "nbgrader.preprocessors.LimitOutput",
    "course_utils.grading.plugins.SaveGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.post_convert_hook = "course_utils.grading.plugins.finish"

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
    "course_utils.grading.feedback.ReadGrades",
    "course_utils.grading.feedback.RedactHiddenTests",
]

# Deadlines: the time zone of your course, and what handing in late costs (here: nothing).
c.AssignLatePenalties.plugin_class = "course_utils.grading.deadlines.Deadlines"
c.Deadlines.timezone = "UTC"  # "Europe/Berlin"
# c.Deadlines.grace_minutes = 15
# c.Deadlines.percent_per_day = 10  # of the score, for each day that has begun
# c.Deadlines.cap_percent = 50
# c.Deadlines.zero_after_days = 7

# The grades as a table (course export, nbgrader export), for Canvas and for Moodle.
c.ExportApp.plugin_class = "course_utils.grading.export.GradesCSV"
# c.CanvasCSV.columns = {"03-perceptron": "Week 3 (4711)"}  # what the columns are called there
# c.MoodleCSV.identifier = "ID number"  # by which Moodle finds a student; else the e-mail address
