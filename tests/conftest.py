"""Fixtures and settings that every test shares."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
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


def group(item: pytest.Item) -> str:
    """Return the name that pytest-xdist's marks give to the tests that must share a process."""
    return "_".join(sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")}))


def pytest_configure(config: pytest.Config) -> None:
    """Let groups be handed out in the order of the tests, which is that of `in_groups`."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def in_groups(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests with each group side by side: slow groups first, then large ones.

    What is long begins early, so that no core waits for the other at the end. Tests without
    a group stay with their file, whose fixtures they share.
    """
    units = [group(item) or item.nodeid.partition("::")[0] for item in items]
    sizes = Counter(units)
    slow = {
        unit for unit, item in zip(units, items, strict=True) if item.get_closest_marker("slow")
    }
    order = sorted(sizes, key=lambda unit: (unit not in slow, -sizes[unit]))
    place = {unit: number for number, unit in enumerate(order)}
    pairs = sorted(zip(units, items, strict=True), key=lambda pair: place[pair[0]])
    return [item for _, item in pairs]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests, and tell pytest-xdist their groups: to it they are the ends of their ids.

    pytest-xdist 3.8 writes them itself, but to where pytest 9.2 no longer looks for them, and each
    test is handed out by itself then (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """
    items[:] = in_groups(items)
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        end = f"@{group(item)}"
        if end == "@" or item.nodeid.endswith(end):
            continue
        if not hasattr(item, "_id"):
            raise pytest.UsageError(
                "Tests of a group would be torn apart: this pytest-xdist cannot group with this "
                "pytest. Install the versions of requirements.lock."
            )
        item._id = type(item._id).parse(item.nodeid + end)


@pytest.fixture(autouse=True)
def _absl_leaves_the_capture_open() -> None:
    """Give TensorFlow's logger the real stderr.

    It holds the stream that it found when it was imported, which is pytest's capture, and closes it
    when logging is set up anew, as nbgrader's applications do; every later test would then fail.
    """
    absl = sys.modules.get("absl.logging")
    if absl is not None:
        absl.get_absl_handler().python_handler.stream = sys.__stderr__
