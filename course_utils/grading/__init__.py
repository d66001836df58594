"""What Build Deep adds behind nbgrader's plugin points.

nbgrader stays the instructor's tool; `nbgrader_config.py` plugs these in:

- `kernel`: what a graded kernel prints is capped, and stderr costs no points;
- `execute`: time limits, dead kernels and floods of output end one cell, not a submission;
- `repair`: duplicated, missing and renamed cells are put right, and it is said so;
- `grades`: what one executed cell scores, written to the gradebook in one go;
- `feedback`: no hidden test and no live script in what a learner or an instructor opens;
- `export`: a CSV that survives commas, formulas and submissions not graded yet;
- `status`: what happened to one submission, read from what grading left behind.

This package knows nbgrader; `course_utils.checks` knows neither.
"""
