"""Fixtures and settings that every test shares."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests import tools.* and tests.answers

# nbgrader starts `alembic`, jupyter-book starts `node`: both live beside this Python.
_bin = str(Path(sys.executable).parent)
if _bin not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = _bin + os.pathsep + os.environ.get("PATH", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A program started in the background (nohup, some CI) inherits an ignored Ctrl-C, and so would
# the programs that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _absl_leaves_the_capture_open() -> None:
    """Give TensorFlow's logger the real stderr.

    It holds the stream that it found when it was imported, which is pytest's capture, and closes it
    when logging is set up anew, as nbgrader's applications do; every later test would then fail.
    """
    absl = sys.modules.get("absl.logging")
    if absl is not None:
        absl.get_absl_handler().python_handler.stream = sys.__stderr__
