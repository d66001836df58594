"""Candidates know nothing of each other, keep to their limits, and leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_utils.grading.engine import Engine
from course_utils.grading.job import (
    CRASHED,
    FAILED,
    NOT_RUN,
    OUT_OF_MEMORY,
    PASSED,
    TIMED_OUT,
    Job,
    Result,
)
from course_utils.grading.sandbox.spawn import Spawner

import psutil
import pytest

from tests import grading_assignment as small
from tests.grading_assignment import FULL, LIMITS, grade, judged, notebook, scores, shown

ROOT = Path(__file__).resolve().parent.parent
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these walls are Linux's")
# what is not warm is imported while it is waited for
PATIENT = replace(LIMITS, cell_seconds=60.0, test_seconds=60.0, notebook_seconds=200.0)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(["numpy", "torch"]) as found:
        yield found


def own(*cells: str, before: str = "double", **answers: str) -> dict[str, Any]:
    """A right notebook with cells of the learner's own."""
    texts = [textwrap.dedent(text).strip("\n") for text in cells]
    return small.with_cell(notebook(answers), before, *texts)


def survivors(processes: list[psutil.Process], seconds: float = 10.0) -> list[psutil.Process]:
    """Those of these processes that still run after a while."""
    end = time.monotonic() + seconds
    left = processes
    while left and time.monotonic() < end:
        time.sleep(0.1)
        left = [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    return left


# --- a warm start is as isolated as a cold one ---------------------------------------------------

LEAVE = """
import os, signal, socket, sys, threading, time, multiprocessing.shared_memory as shared
np.mean = lambda *a, **k: 42.0
np.random.seed(99)
torch.set_default_dtype(torch.float64)
import builtins, course_utils.checks, course_utils.grading.wire as wire, json
builtins.left_behind = json.left_behind = wire.left_behind = sys.left_behind = "left"
os.environ["LEFT_BEHIND"] = "left"
wrote = []
for folder in (".", "/tmp", "/dev/shm", "/dev", "/dev/mqueue", os.path.expanduser("~"), "/var/tmp"):
    try:
        with open(os.path.join(folder, "left-behind"), "w") as file:
            wrote.append(file.write("left"))
    except OSError:
        pass
segment = shared.SharedMemory("left-behind-2", create=True, size=4096)
server = socket.socket(socket.AF_UNIX); server.bind("\\0left-behind"); server.listen()
other = socket.socket(socket.AF_UNIX); other.bind("/tmp/left-behind.sock"); other.listen()
os.mkfifo("/tmp/left-behind.fifo")
hold = bytearray(100_000_000)
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.umask(0o077); os.nice(5)
sys.path.insert(0, "/left-behind")
get_ipython().user_ns["left_behind"] = "left"
try:
    pty = os.openpty()
except OSError:
    pass
print("LEFT", len(wrote))
"""
LOOK = """
import builtins, gc, json, os, signal, socket, sys, threading
import course_utils.grading.wire as wire, multiprocessing.shared_memory as shared
found = [m.__name__ for m in (builtins, json, wire, sys) if hasattr(m, "left_behind")]
found += ["mean"] * bool(np.mean([1.0, 3.0]) != 2.0)
found += ["dtype"] * (torch.get_default_dtype() != torch.float32)
found += ["environment"] * ("LEFT_BEHIND" in os.environ)
found += ["name"] * ("left_behind" in globals())
found += ["path"] * ("/left-behind" in sys.path)
found += ["threads"] * (threading.active_count() != 1)
found += ["signal"] * (signal.getsignal(signal.SIGTERM) == signal.SIG_IGN)
found += ["nice"] * (os.nice(0) != 0)
for folder in (".", "/tmp", "/dev/shm", "/dev", "/dev/mqueue", "/dev/pts", os.path.expanduser("~")):
    try:
        found += [name for name in os.listdir(folder) if "left" in name or name.isdigit()]
    except OSError:
        pass
for address in ("\\0left-behind", "/tmp/left-behind.sock"):
    try:
        socket.socket(socket.AF_UNIX).connect(address)
        found.append("socket")
    except OSError:
        pass
try:
    shared.SharedMemory("left-behind-2")
    found.append("shared memory")
except FileNotFoundError:
    pass
found += [n for n in os.listdir("/proc") if n.isdigit() and n != "1"]
rss = int(open("/proc/self/status").read().split("RssAnon:")[1].split()[0]) / 1024
found += ["large"] * any(type(o) is bytearray and len(o) > 10**7 for o in gc.get_objects())
print("FOUND", found, np.random.get_state()[1][0] == 99)
"""


@linux
def test_nothing_of_one_submission_is_seen_by_the_next(engine: Engine) -> None:
    left = grade(engine, own(LEAVE))
    assert "LEFT 4" in shown(left, "own-0")  # its own folder, /tmp, /dev/shm, its home
    result = grade(engine, own(LOOK))
    assert "FOUND [] False" in shown(result, "own-0")
    assert scores(result) == FULL


@linux
def test_nothing_of_one_submission_is_seen_by_one_beside_it(engine: Engine) -> None:
    staying = own(LEAVE, "import time\ntime.sleep(60)", before="triple")
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(grade, engine, staying, limits=replace(LIMITS, cell_seconds=6.0))
        time.sleep(1.0)
        for _ in range(2):
            result = grade(engine, own(LOOK))
            assert "FOUND [] False" in shown(result, "own-0")
            assert scores(result) == FULL
        assert "LEFT 4" in shown(beside.result(), "own-0")


@linux
def test_a_candidate_of_a_restart_is_fresh_too(engine: Engine) -> None:
    nb = own(LEAVE, "import os; os._exit(1)", LOOK, before="triple")
    # the first cell is run again after the crash: its own traces are all there is to see
    text = shown(grade(engine, nb), "own-2")
    assert "left-behind" in text and "'mean'" in text


def test_a_patched_frameworks_of_one_notebook_leaves_the_tests_alone(engine: Engine) -> None:
    """What a test cell changes in its process ends with its job, too."""
    test = "import numpy as np\nnp.patched = True\nnp.testing.assert_allclose(triple(1), 3)"
    assert judged(grade(engine, checks={"triple-check": test}), "triple-check").status == PASSED
    test = "import numpy as np\nassert not hasattr(np, 'patched')\ntriple(1)"
    assert judged(grade(engine, checks={"triple-check": test}), "triple-check").status == PASSED


# --- limits --------------------------------------------------------------------------------------


@linux
def test_a_candidate_may_use_what_it_is_allowed(engine: Engine) -> None:
    code = "x = bytearray(200_000_000)\nx[::4096] = b'x' * len(x[::4096])\nprint('HELD', len(x))"
    result = grade(engine, own(code), limits=replace(LIMITS, cell_seconds=20.0))
    assert "HELD 200000000" in shown(result, "own-0")
    assert scores(result) == FULL
    assert 150 * small.MB < result.memory < LIMITS.memory


@linux
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = bytearray(10**10)", "MemoryError"),
        (
            "import os, time\nfor n in range(40):\n    if not os.fork(): time.sleep(60)",
            "BlockingIOError",
        ),
        ("open('big', 'wb').write(b'x' * 10**8)", "OSError"),
        ("held = [open('/dev/null') for _ in range(1000)]", "OSError"),
        ("for n in range(20_000): open(f'{n}', 'w').close()", "OSError"),
    ],
    ids=["memory", "processes", "disk", "open files", "files"],
)
def test_a_limit_is_an_error_of_the_cell_that_exceeds_it(
    engine: Engine, code: str, said: str
) -> None:
    result = grade(engine, own(code), limits=replace(LIMITS, cell_seconds=15.0))
    assert said in shown(result, "own-0")
    assert any("'own-0'" in note and said in note for note in result.accidents)
    assert scores(result) == FULL


@linux
def test_memory_that_is_no_errors_ends_the_candidate_and_says_so(engine: Engine) -> None:
    code = "import mmap, time\nm = mmap.mmap(-1, 10**9)\nfor n in range(40): m.write(b'x' * 10**7)"
    code += "\ntime.sleep(5)"
    limits = replace(LIMITS, memory=150 * small.MB, cell_seconds=15.0)
    result = grade(engine, own(code), limits=limits)
    assert any("'own-0'" in note and OUT_OF_MEMORY in note for note in result.accidents)
    assert "150 MB" in shown(result, "own-0")
    assert scores(result) == FULL


@linux
def test_page_tables_count_as_memory(engine: Engine) -> None:
    """Terabytes that are only read cost tables of the kernel, and no memory of the process."""
    code = """
    import ctypes, mmap, time
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    size = 1 << 40
    place = libc.mmap(None, ctypes.c_size_t(size), 1, 0x4022, -1, ctypes.c_size_t(0))
    libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(size), 15)  # no huge pages
    libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(size), 22)  # read every page
    """
    limits = replace(LIMITS, memory=150 * small.MB, cell_seconds=10.0)
    result = grade(engine, own(code), limits=limits)
    assert result.status == "graded"
    assert any(OUT_OF_MEMORY in n or TIMED_OUT in n for n in result.accidents), result.accidents
    assert result.memory < 400 * small.MB
    assert scores(result) == FULL


def test_the_time_of_a_notebook_is_limited(engine: Engine) -> None:
    slow = ["import time\ntime.sleep(1.5)"] * 4
    result = grade(engine, own(*slow, before="both"), limits=replace(LIMITS, notebook_seconds=4.0))
    assert scores(result)["double-check"] == 2.0
    assert scores(result)["unit-check"] == 0.0
    cell = judged(result, "unit-check")
    assert cell.status == TIMED_OUT
    assert "4 s" in cell.message


# --- restarts ------------------------------------------------------------------------------------


def test_a_restart_leaves_out_the_harmful_cell_and_keeps_the_rest(engine: Engine) -> None:
    nb = own("base = 2", "base = 7\nimport os\nos._exit(1)", double="def double(x): return base*x")
    result = grade(engine, nb)
    assert scores(result) == FULL
    assert [note for note in result.accidents if "'own-1': crashed" in note]
    assert "stopped while this cell was running" in shown(result, "own-1")


def test_a_crash_in_a_check_loses_that_check_only(engine: Engine) -> None:
    nb = notebook({"triple": "def triple(x):\n    import os; os._exit(1)"})
    result = grade(engine, nb)
    assert scores(result) == FULL | {"triple-check": 0.0}
    assert judged(result, "triple-check").status == CRASHED


def test_what_a_dead_cell_defines_is_blamed_on_it(engine: Engine) -> None:
    nb = notebook({"triple": "def triple(x): return 3 * x\nimport os; os._exit(1)"})
    cell = judged(grade(engine, nb), "triple-check")
    assert (cell.score, cell.status) == (0.0, CRASHED)
    assert "did not run to its end (crashed)" in cell.message


def test_a_cell_out_of_time_keeps_what_it_defined_before(engine: Engine) -> None:
    nb = notebook({"triple": "def triple(x): return 3 * x\nwhile True: pass"})
    result = grade(engine, nb)
    assert scores(result) == FULL
    assert any("'triple': timed out" in note for note in result.accidents)


def test_the_number_of_restarts_is_bounded(engine: Engine) -> None:
    end = "def {0}(x):\n    import os; os._exit(1)"
    nb = notebook({"double": end.format("double"), "triple": end.format("triple")})
    result = grade(engine, nb, limits=replace(LIMITS, restarts=1))
    assert scores(result) == dict.fromkeys(FULL, 0.0)
    found = [judged(result, name).status for name in FULL]
    assert found == [CRASHED, CRASHED, NOT_RUN, NOT_RUN]
    assert judged(result, "unit-check").message.endswith(".")


def test_every_cell_a_crash_ends_in_the_end(engine: Engine) -> None:
    nb = own(*["import os\nos._exit(1)"] * 10)
    result = grade(engine, nb, limits=replace(LIMITS, restarts=3))
    assert result.status == "graded"
    assert {judged(result, name).status for name in FULL} == {NOT_RUN}


# --- seeds ---------------------------------------------------------------------------------------

DRAWS = "import random\nprint('DREW', np.random.rand(), random.random(), torch.rand(1).item())"


def test_a_seed_repeats_a_run_exactly_and_another_one_does_not(engine: Engine) -> None:
    nb = own(DRAWS, double="def double(x): return 2 * x + 1e-3")
    one, again, other = (grade(engine, nb, seed=seed) for seed in (5, 5, 6))

    def what(result: Result) -> list[Any]:
        cells = [replace(cell, seconds=0.0) for cell in result.cells]
        return [cells, shown(result, "own-0"), result.executed, result.seed]

    assert what(one) == what(again)
    assert judged(one, "double-check").message != judged(other, "double-check").message
    assert shown(one, "own-0") != shown(other, "own-0")


def test_a_candidate_cannot_foretell_the_inputs_of_a_test(engine: Engine) -> None:
    """Neither the seed nor a generator in the same state as a test's is on the other side."""
    code = """
    import gc
    from course_utils.checks import seeds
    import os
    print("SEED", os.environ.get("COURSE_CHECK_SEED"), seeds.current().seed)
    drawn = np.random.default_rng([424242, 1]).normal(size=(2, 3))
    first = np.random.rand()
    def double(x):
        print("SAME", bool(np.allclose(x, drawn)), "STATE", 424242 in np.random.get_state()[1])
        return 2 * x
    """
    result = grade(engine, notebook({"double": textwrap.dedent(code)}), seed=424242)
    assert "SEED None None" in shown(result, "double")
    # the generator of the checks is documented, so the seed would be enough: see the first line
    assert "STATE False" in shown(result, "double-check")


# --- in-place answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "params[0] -= grads[0]",
        "params[0][:] = params[0] - grads[0]",
        "np.subtract(*(params + grads), out=params[0])",
    ],
)
def test_an_answer_that_works_in_place_changes_what_the_test_holds(
    engine: Engine, body: str
) -> None:
    test = """
import numpy as np
W, G = np.ones((2, 2)), np.full((2, 2), 0.25)
params = [W]
assert triple(params, [G]) is None
np.testing.assert_allclose(W, 0.75)
np.testing.assert_allclose(params[0], 0.75)
"""
    nb = notebook({"triple": f"def triple(params, grads):\n    {body}"})
    cell = judged(grade(engine, nb, checks={"triple-check": test}), "triple-check")
    assert (cell.score, cell.status) == (3.0, PASSED), cell.message


# --- nothing is left -----------------------------------------------------------------------------

PROGRAM = """
import sys, threading
sys.path.insert(0, {root!r})
from dataclasses import replace
from tests import grading_assignment as small
from course_utils.grading.engine import Engine
import json
with Engine(["numpy"]) as engine:
    code = "import os, time\\nif not os.fork(): time.sleep(500)\\nprint('x')\\ntime.sleep(500)"
    nb = small.with_cell(small.notebook(), "double", code)
    limits = replace(small.LIMITS, cell_seconds=300.0, notebook_seconds=300.0)
    thread = threading.Thread(target=small.grade, args=(engine, nb), kwargs=dict(limits=limits))
    thread.start()
    print(json.dumps([process.pid for process, _ in engine._running]), flush=True)
    thread.join()
"""


@linux
@pytest.mark.parametrize("victim", ["engine", "examiner", "sandbox", "both servers"])
def test_nothing_survives_a_kill(victim: str) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(root=str(ROOT))], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    servers = json.loads(program.stdout.readline())
    whole = psutil.Process(program.pid)
    end = time.monotonic() + 30
    processes: list[psutil.Process] = []
    while time.monotonic() < end:  # program, bwrap twice, two servers, examiner, keeper, two of it
        processes = [whole, *whole.children(recursive=True)]
        if len(processes) >= 9:
            break
        time.sleep(0.2)
    assert len(processes) >= 9, processes
    sandbox, examiner = servers
    victims = {"engine": [program.pid], "examiner": [examiner], "sandbox": [sandbox]}
    for number in victims.get(victim, servers):
        os.kill(number, signal.SIGKILL)
    if victim != "engine":  # the engine finds out, and ends in good order
        program.wait(60)
    assert survivors(processes) == []
    program.wait(10)
    program.stdout.close()


@linux
def test_closing_an_engine_leaves_no_process() -> None:
    found = Engine(["numpy"])
    mine = [psutil.Process(process.pid) for process, _ in found._running]
    processes = [*mine, *(child for one in mine for child in one.children(recursive=True))]
    assert len(processes) >= 4
    found.close()
    assert survivors(processes) == []


def test_an_engine_outlives_the_thread_that_made_it() -> None:
    made: list[Engine] = []
    thread = threading.Thread(target=lambda: made.append(Engine(["numpy"])))
    thread.start()
    thread.join()
    time.sleep(0.5)
    with made[0] as found:
        assert scores(grade(found, limits=PATIENT)) == FULL


def test_a_job_that_cannot_be_sent_is_told_not_raised(engine: Engine) -> None:
    job: Job = small.job()
    odd = replace(job.released[0], metadata={**job.released[0].metadata, "odd": object()})
    result = engine.grade(replace(job, released=(odd, *job.released[1:])))
    assert result.status == "quarantined" and "cannot be sent" in result.reason


# --- other kinds of sandbox ----------------------------------------------------------------------


def answers_of_three_kinds(found: Engine, limits: Any) -> None:
    code = "def double(x):\n    import os; os._exit(3)"
    result = grade(found, notebook({"double": code, "triple": "def triple(x): return 0 * x"}),
                   limits=limits)  # fmt: skip
    assert scores(result) == FULL | {"double-check": 0.0, "triple-check": 0.0}
    assert judged(result, "double-check").status == CRASHED
    assert judged(result, "triple-check").status == FAILED


@linux
def test_one_bubblewrap_for_each_candidate_grades_the_same(monkeypatch: Any) -> None:
    """What is done where sandboxes cannot be nested: slower, and as safe."""
    monkeypatch.setattr(
        Engine, "_open", lambda self, kind, container: Spawner("single", imports=self.imports)
    )
    limits = replace(LIMITS, notebook_seconds=120.0)
    with Engine(["numpy", "torch"]) as found:
        assert found.spawner.kind == "single"
        answers_of_three_kinds(found, limits)
        code = """
        import os, socket, subprocess
        subprocess.Popen(["sleep", "17320"], start_new_session=True)
        def tried(what):
            try:
                what()
            except OSError as error:
                return type(error).__name__
            return "DONE"
        print(tried(lambda: socket.socket(socket.AF_INET)), tried(lambda: os.listdir("/home")),
              tried(lambda: open("/etc/x", "w")), len(os.environ.get("PYTEST_CURRENT_TEST", "")))
        import mmap, time
        """
        hog = "m = mmap.mmap(-1, 10**9)\nfor n in range(90): m.write(b'x' * 10**7)\ntime.sleep(5)"
        nb = own(code, hog, before="unit")
        limits = replace(limits, memory=600 * small.MB, cell_seconds=20.0)
        result = grade(found, nb, limits=limits)
        assert re.search(r"PermissionError \w+Error \w+Error 0", shown(result, "own-0"))
        assert any(OUT_OF_MEMORY in note for note in result.accidents), result.accidents
        assert scores(result) == FULL
    ours = [p for p in psutil.process_iter() if "17320" in _words(p)]
    assert survivors(ours) == []


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_no_sandbox_grades_the_same_when_it_is_asked_for() -> None:
    with Engine(["numpy", "torch"], sandbox="none") as found:
        answers_of_three_kinds(found, LIMITS)
        result = grade(found, notebook({"double": "def double(x):\n    while True: pass"}))
        assert scores(result) == FULL | {"double-check": 0.0}
        assert judged(result, "double-check").status == TIMED_OUT


def test_a_container_command_grades_the_same() -> None:
    """The command here is no container: it starts the same program over the same two streams."""
    command = "env A_CONTAINER={name} {agent}"
    with Engine(["numpy"], sandbox="container", container=command) as found:
        assert found.spawner.kind == "container"
        result = grade(found, limits=PATIENT)
        assert scores(result) == FULL


def test_what_one_answer_imports_the_next_one_does_not_have(engine: Engine) -> None:
    show = "import sys\nprint('seen:', 'pandas' in sys.modules)"
    first = grade(engine, own(show + "\nimport pandas"))
    second = grade(engine, own(show))
    assert "seen: False" in first.executed and "seen: False" in second.executed


def test_a_notebook_without_a_process_is_quarantined_and_scores_no_zero() -> None:
    """The warm process is there but cannot fork: that is not the student's fault."""
    with Engine(["numpy"]) as engine:
        sandbox = psutil.Process(engine._running[0][0].pid)
        for process in [sandbox, *sandbox.children(recursive=True)]:
            process.kill()
        engine._running[0][0].wait()
        result = grade(engine, notebook())
    assert result.status == "quarantined" and result.cells == ()
    assert "gave no process" in result.reason and "Grade it again" in result.reason


def test_files_that_do_not_fit_are_quarantined(engine: Engine) -> None:
    task = small.job(notebook(), limits=LIMITS)
    result = engine.grade(replace(task, files=(("data.bin", bytes(LIMITS.disk + 1024**2)),)))
    assert result.status == "quarantined" and "gave no process" in result.reason
