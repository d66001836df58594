"""What conftest.py does for all tests: groups stay together, and what is long begins early."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_alone(number):
    pass

@pytest.mark.xdist_group("small")
@pytest.mark.parametrize("number", range(3))
def test_small(number):
    pass

@pytest.mark.xdist_group("large")
@pytest.mark.parametrize("number", range(5))
def test_large(number):
    pass

@pytest.mark.slow
@pytest.mark.xdist_group("long")
def test_long():
    pass

@pytest.mark.xdist_group("small")
def test_one_more():
    pass
"""


def ran(folder: Path, *options: str) -> list[tuple[str, str]]:
    """Run the tests above beside our conftest.py; return (worker, test) in the order they ended."""
    (folder / "tests").mkdir()
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "tests")
    (folder / "tests" / "test_groups.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: takes long\n")
    command = [sys.executable, "-m", "pytest", "-v", "--import-mode=importlib", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = re.findall(r"^(?:\[(gw\d)\].*PASSED )?\S+::test_(\w+)(?:.*PASSED)?", done.stdout, re.M)
    return [(worker, name) for worker, name in lines if worker or "-n" not in options]


def test_a_group_stays_on_one_worker(tmp_path):
    tests = ran(tmp_path, "-n", "2", "--dist", "loadgroup")
    assert len(tests) == 13
    for members in ({"large"}, {"small", "one_more"}):
        assert len({worker for worker, name in tests if name in members}) == 1


def test_slow_groups_come_first_then_large_ones_and_each_is_whole(tmp_path):
    names = [name for _, name in ran(tmp_path)]
    assert names == ["long", *["large"] * 5, *["small"] * 3, "one_more", *["alone"] * 3]
