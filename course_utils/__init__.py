"""The small library behind Build Deep: data sets, devices, checks and the `course` command.

This file must stay readable to every Python since 2.7, because its one task is to say which
Python the course needs before a newer file fails with a syntax error.
"""

import sys

OLDEST_PYTHON = (3, 11)

if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        "Build Deep needs Python %d.%d or newer, and this is Python %d.%d. "  # noqa: UP031
        "Install a newer one, then run: make PYTHON=python3.12 setup"
        % (OLDEST_PYTHON + tuple(sys.version_info[:2]))
    )

__version__ = "0.1.0"
