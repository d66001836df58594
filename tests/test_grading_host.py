"""The worker processes of a machine share one engine, and outlive each other's."""

from __future__ import annotations

import multiprocessing
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from course_utils.grading.engine import Engine
from course_utils.grading.host import Borrowed, HostEngine, Owned

import pytest

from tests import grading_assignment as small
from tests.grading_assignment import FULL, grade, notebook, scores
from tests.test_grading_isolation import PATIENT

pytestmark = [
    pytest.mark.xdist_group("grading-host"),
    pytest.mark.skipif(sys.platform == "win32", reason="there every worker has its own engine"),
]


class Counted:
    """Makes engines, and remembers them."""

    def __init__(self) -> None:
        self.made: list[Engine] = []

    def __call__(self) -> Engine:
        self.made.append(Engine(["numpy"]))
        return self.made[-1]


@pytest.fixture
def make() -> Iterator[Counted]:
    found = Counted()
    yield found
    for engine in found.made:
        engine.close()


@pytest.fixture
def run() -> Iterator[str]:
    name = f"test-{secrets.token_hex(6)}"
    yield name
    assert not place(name).exists() or not any(place(name).iterdir())


def place(run: str) -> Path:
    return Path(tempfile.gettempdir()) / f"build-deep-{run}"


def right(engine: Any) -> bool:
    return scores(grade(engine, limits=PATIENT)) == FULL


def lose(engine: Engine) -> None:
    """End the warm processes as a kill of the worker that has them does."""
    for process, _ in engine._running:
        process.kill()
        process.wait()


def test_the_second_worker_gets_the_engine_of_the_first(make: Counted, run: str) -> None:
    first, second = HostEngine(run, make), HostEngine(run, make)
    assert isinstance(first._way, Owned) and isinstance(second._way, Borrowed)
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(right, (first, second)))
    wrong = grade(second, notebook({"double": "def double(x): return x"}), limits=PATIENT)
    assert scores(wrong) == FULL | {"double-check": 0.0}
    assert len(make.made) == 1
    second.close()
    assert right(first)
    first.close()
    assert make.made[0]._running == []


def test_another_run_has_an_engine_of_its_own(make: Counted, run: str) -> None:
    first, second = HostEngine(run, make), HostEngine(f"{run}-b", make)
    assert len(make.made) == 2
    first.close()
    second.close()


def grade_and_wait(run: str, ready: Any, go: Any) -> None:
    """A worker process that has the engine and is killed: see the test below."""
    HostEngine(run, lambda: Engine(["numpy"]))
    ready.set()
    go.wait()


def test_a_worker_that_is_killed_costs_the_others_nothing(make: Counted, run: str) -> None:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    owner = context.Process(target=grade_and_wait, args=(run, ready, go))
    owner.start()
    assert ready.wait(120)
    second = HostEngine(run, make)
    assert isinstance(second._way, Borrowed) and right(second)
    owner.kill()
    owner.join()
    assert right(second)
    assert isinstance(second._way, Owned) and len(make.made) == 1
    second.close()


def test_what_was_under_way_when_the_engine_was_lost_is_graded_again(
    make: Counted, run: str
) -> None:
    first, second = HostEngine(run, make), HostEngine(run, make)
    slow = notebook({"double": "import time; time.sleep(1.5)\ndef double(x): return 2 * x"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(grade, second, slow, limits=PATIENT)
        lose(make.made[0])
        first._way.close()
        assert scores(waiting.result()) == FULL
    second.close()
    first.close()


def test_an_engine_that_died_is_replaced_by_its_owner(make: Counted, run: str) -> None:
    only = HostEngine(run, make)
    lose(make.made[0])
    assert right(only) and len(make.made) == 2
    only.close()


def test_a_closed_engine_is_not_started_again(make: Counted, run: str) -> None:
    first, second = HostEngine(run, make), HostEngine(run, make)
    second.close()
    first.close()
    assert second.grade(small.job(notebook())).status == "quarantined"
    assert len(make.made) == 1


def test_a_folder_that_others_can_read_is_not_used(make: Counted, run: str) -> None:
    place(run).mkdir(mode=0o755)
    place(run).chmod(0o755)
    first, second = HostEngine(run, make), HostEngine(run, make)
    assert len(make.made) == 2 and right(second)
    assert list(place(run).iterdir()) == []
    first.close()
    second.close()


def test_a_file_left_by_a_worker_that_was_killed_is_replaced(make: Counted, run: str) -> None:
    place(run).mkdir(mode=0o700)
    code = (
        f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({str(place(run))!r} + '/engine')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (place(run) / "engine").exists()
    only = HostEngine(run, make)
    assert isinstance(only._way, Owned) and right(only)
    only.close()
