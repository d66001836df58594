"""`python -m course_utils` is the same as `course`."""

from course_utils.cli import main

main(prog_name="course")
