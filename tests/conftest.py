"""Fixtures and settings that every test shares."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

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
