"""The autograder: a student's code answers questions, our code judges, and nothing is lost.

What grades one notebook, in the order of a submission's way (DESIGN in CONTRIBUTING.md):

- `job`: what goes in and what comes out, as plain data;
- `engine`: starts the warm processes, and grades a job;
- `sandbox`: the walls around a student's code, its limits, its end;
- `candidate`: what runs behind the walls;
- `examiner`: runs the test cells against proxies of the student's functions;
- `wire`: what may cross between the two, and how;
- `repair`: duplicated, missing and renamed cells are put right, and it is said so.

What grades a class: `scan` finds submissions, `store` keeps results and a journal, `runner` grades
in parallel, `cluster` on other machines, `gradebook` is the one writer.

What stands behind nbgrader's plugin points (nbgrader_config.py): `plugins` for autograde,
`feedback` for its pages, `export` for the table of grades, `deadlines` for late work, `kernel` for
Validate. `report` and `similarity` are the instructor's look at a class, `status` at one student,
`settings` what can be set.

This package knows nbgrader; `course_utils.checks` knows neither.
"""
