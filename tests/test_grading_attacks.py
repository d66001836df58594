"""What a submission may try, and what it costs: the score and the status of each attack."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_utils.grading.engine import Engine
from course_utils.grading.job import (
    CRASHED,
    ERROR,
    FAILED,
    MANUAL,
    NOT_ATTEMPTED,
    OUT_OF_MEMORY,
    PARTIAL,
    PASSED,
    QUARANTINED,
    REFUSED,
    TIMED_OUT,
)

import nbformat
import psutil
import pytest

from tests import grading_assignment as small
from tests.grading_assignment import FULL, LIMITS, MARKER, grade, judged, notebook, scores, shown

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="these walls are Linux's"
)
WRONG = "def double(x):\n    return 3 * x\n"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(["numpy", "torch", "matplotlib"]) as found:
        yield found


def answer(code: str, **others: str) -> dict[str, Any]:
    """A notebook whose answer to task 1 is `code`."""
    return notebook({"double": textwrap.dedent(code).strip("\n"), **others})


def only(**lost: float | None) -> dict[str, float | None]:
    """Full marks, but for these checks (named without “-check”)."""
    return FULL | {f"{name}-check": score for name, score in lost.items()}


def is_gone(wanted: Callable[[psutil.Process], bool], seconds: float = 5.0) -> bool:
    """Whether no process like that is left on this machine, now or soon."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        left = []
        for process in psutil.process_iter():
            try:
                if wanted(process) and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(process)
            except psutil.Error:
                continue
        if not left:
            return True
        time.sleep(0.1)
    return False


# --- forging the verdict ---------------------------------------------------------------------

AGREES = """
class Agrees:
    shape, dtype, ndim, size = (2, 3), np.dtype(float), 2, 6
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = None
    def __bool__(self): return True
    def __float__(self): return 0.0
    def __abs__(self): return 0.0
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __sub__
    def __len__(self): return 0
    def __iter__(self): return iter(())
    def all(self): return True
    any = __contains__ = all
"""
FORGERIES = {
    "displayhook": "import sys\nsys.displayhook(5)\n" + WRONG + "sys.displayhook(2.0)",
    "string as last value": WRONG + "'full marks'",
    "number as last value": WRONG + "2",
    "AST transformer removes asserts": """
        import ast
        class NoAsserts(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
            def visit_With(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(NoAsserts())
        def double(x): return 3 * x
        """,
    "input transformer drops lines": """
        def drop(lines): return [l for l in lines if "check" not in l and "assert" not in l]
        get_ipython().input_transformers_post.append(drop)
        get_ipython().input_transformer_manager.cleanup_transforms.insert(0, drop)
        def double(x): return 3 * x
        """,
    "patched numpy.testing": """
        import numpy.testing
        for name in dir(np.testing):
            if name.startswith("assert"):
                setattr(np.testing, name, lambda *a, **k: None)
        np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
        def double(x): return 3 * x
        """,
    "patched builtins": """
        import builtins
        builtins.abs = builtins.max = builtins.sum = lambda *a, **k: 0
        builtins.all = builtins.any = lambda *a, **k: True
        builtins.AssertionError = type("Nothing", (Exception,), {})
        def double(x): return 3 * x
        """,
    "patched torch.allclose": """
        torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
        torch.testing.assert_close = lambda *a, **k: None
        def double(x): return 3 * x
        """,
    "patched checks": """
        import course_utils.checks as c
        from course_utils.checks import values, tasks, calls, failures
        for module in (c, values, tasks, calls, failures):
            for name in ("close", "array", "equal", "number", "that", "fail", "function"):
                setattr(module, name, lambda *a, **k: None)
        c.task.__exit__ = tasks.task.__exit__ = lambda *a: True
        def double(x): return 3 * x
        """,
    "set_custom_exc": """
        get_ipython().set_custom_exc((BaseException,), lambda *a, **k: None)
        def double(x): return 3 * x
        """,
    "showtraceback patched": """
        shell = get_ipython()
        shell.showtraceback = shell._showtraceback = lambda *a, **k: None
        type(shell).showtraceback = type(shell)._showtraceback = lambda *a, **k: None
        import sys
        sys.excepthook = lambda *a: None
        def double(x): return 3 * x
        """,
    "run_cell patched": """
        shell = get_ipython()
        real = shell.run_cell
        def run_cell(source, *a, **k):
            return real("pass" if "check" in source else source, *a, **k)
        shell.run_cell = run_cell
        def double(x): return 3 * x
        """,
    "stubs of the checks in the namespace": """
        class checks:
            task = None
            rng = close = call = function = staticmethod(lambda *a, **k: None)
        x = None
        def double(x): return 3 * x
        """,
    "metadata and points written": """
        import json, glob
        for name in glob.glob("**/*.ipynb", recursive=True) + ["small.ipynb", "gradebook.db"]:
            open(name, "w").write(json.dumps({"points": 100, "score": 100}))
        double_check = score = points = 100
        def double(x): return 3 * x
        """,
    "AssertionError swallowed in sys.modules": """
        import sys, types
        sys.modules["course_utils.checks"] = types.ModuleType("course_utils.checks")
        sys.modules["numpy.testing"] = types.ModuleType("numpy.testing")
        def double(x): return 3 * x
        """,
}


BREAKS_ITSELF = {"patched builtins", "AST transformer removes asserts"}  # later answers too


@pytest.mark.parametrize("attack", FORGERIES)
def test_a_forged_verdict_gets_nothing(engine: Engine, attack: str) -> None:
    """Task 1 is wrong: 0 points, failed. The other tasks are right: full marks."""
    result = grade(engine, answer(FORGERIES[attack]))
    assert scores(result)["double-check"] == 0.0
    cell = judged(result, "double-check")
    if attack in BREAKS_ITSELF:
        assert cell.status in {FAILED, CRASHED}
    else:
        assert cell.status == FAILED
        assert "`double(x)`" in cell.message
        assert scores(result) == only(double=0.0)


@pytest.mark.parametrize(
    "method",
    [
        "def __array__(self, dtype=None, copy=None): return np.zeros((2, 3))",
        "def __array_ufunc__(self, *a, **k): return True",
        "def __array_function__(self, *a, **k): return True",
        "@classmethod\n    def __torch_function__(cls, *a, **k): return torch.tensor(True)",
        "@property\n    def __array_interface__(self): return np.zeros((2, 3)).__array_interface__",
        "__array_priority__ = 1e9",
    ],
    ids=["array", "array_ufunc", "array_function", "torch_function", "interface", "eq"],
)
def test_an_object_that_agrees_with_all_is_judged_by_its_data(engine: Engine, method: str) -> None:
    code = f"{AGREES}\n    {method}\n\ndef double(x):\n    return Agrees()"
    cell = judged(grade(engine, answer(code)), "double-check")
    assert (cell.score, cell.status) == (0.0, FAILED), cell
    assert "double(x)" in cell.message


def test_an_array_subclass_that_agrees_is_judged_by_its_numbers(engine: Engine) -> None:
    code = """
    class Agrees(np.ndarray):
        def __eq__(self, other): return True
        def __array_ufunc__(self, *a, **k): return True
        def __array_function__(self, *a, **k): return True
        def all(self, *a, **k): return True
    def double(x):
        return np.zeros(x.shape).view(Agrees)
    """
    cell = judged(grade(engine, answer(code)), "double-check")
    assert (cell.score, cell.status) == (0.0, FAILED)
    assert "factor" in cell.message or "expected" in cell.message


def test_a_tensor_subclass_that_agrees_is_judged_by_its_numbers(engine: Engine) -> None:
    code = """
    class Agrees(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *a, **k): return torch.tensor(True)
    def unit(x):
        return torch.zeros(x.shape).as_subclass(Agrees)
    """
    result = grade(engine, notebook({"unit": textwrap.dedent(code)}))
    assert scores(result)["unit-check"] == 0.0
    assert judged(result, "unit-check").status in {FAILED, ERROR}


@pytest.mark.parametrize("kind", ["float", "int", "str", "list", "tuple", "dict"])
def test_a_subclass_of_plain_data_crosses_as_plain_data(engine: Engine, kind: str) -> None:
    code = f"""
    class Agrees({kind}):
        def __eq__(self, other): return True
        def __sub__(self, other): return 0.0
        def __abs__(self): return 0.0
        def __iter__(self): return iter([0])
        def __array__(self, *a, **k): return np.zeros((2, 3))
    def double(x):
        return Agrees()
    """
    cell = judged(grade(engine, answer(code)), "double-check")
    assert (cell.score, cell.status) == (0.0, FAILED)


def test_a_bare_assert_on_arithmetic_with_an_object_goes_to_a_person(engine: Engine) -> None:
    """`abs(triple(2.0) - 6.0) < 1e-9` with an object whose `-` gives 0 is no pass."""
    code = f"""{AGREES}
    def __array__(self, dtype=None, copy=None): return self.told

def triple(x):
    found = Agrees()
    found.told = 3 * np.asarray(x) if np.ndim(x) else None
    return found
"""
    cell = judged(grade(engine, notebook({"triple": code})), "triple-check")
    assert (cell.score, cell.status) == (None, MANUAL)
    assert "object's word" in cell.message


@pytest.mark.parametrize(
    "test",
    [
        "assert triple(2) == 6",
        "assert not triple(2) != 6",
        "assert triple(2)",
        "assert triple(2) <= 6 <= triple(2)",
        "assert triple(2) in [6]",
        "assert 6 in triple(2)",
        "assert all(v == 6 for v in triple(2))",
        "assert abs(triple(2) - 6) < 1e-9",
        "assert abs(6 - triple(2)) < 1e-9",
        "import numpy as np\nassert np.linalg.norm(np.array([6.0]) - triple(2)) < 1e-9",
        "assert ((triple(2) - 6) ** 2).sum() < 1e-9",
        "assert len(triple(2) - 6) == 0",
    ],
)
def test_a_careless_assert_never_takes_an_objects_word(engine: Engine, test: str) -> None:
    code = f"{AGREES}\n    def sum(self): return 0.0\n\ndef triple(x):\n    return Agrees()"
    result = grade(engine, notebook({"triple": code}), checks={"triple-check": test})
    cell = judged(result, "triple-check")
    assert (cell.score, cell.status) in {(None, MANUAL), (0.0, ERROR), (0.0, FAILED)}
    assert cell.message


def test_the_arithmetic_of_a_class_that_a_task_asks_for_is_judged(engine: Engine) -> None:
    """An object that an answer must build may be calculated with, and read by attribute."""
    code = """
    class Value:
        def __init__(self, data): self.data = data
        def __add__(self, o): return Value(self.data + getattr(o, "data", o))
        def __mul__(self, o): return Value(self.data * getattr(o, "data", o))
        __radd__ = __add__
        __rmul__ = __mul__
    triple = Value
    """
    test = "a = triple(2.0)\nb = 3 * a + a * a + 1\nassert b.data == 11.0"
    nb = notebook({"triple": textwrap.dedent(code)})
    cell = judged(grade(engine, nb, checks={"triple-check": test}), "triple-check")
    assert (cell.score, cell.status) == (3.0, PASSED), cell.message


def test_an_answer_cannot_change_what_it_was_given_to_make_itself_right(engine: Engine) -> None:
    code = "def double(x):\n    x *= 0\n    return x"
    cell = judged(grade(engine, answer(code)), "double-check")
    assert (cell.score, cell.status) == (0.0, FAILED)
    assert "in place" in cell.message


# --- looking for what is hidden ----------------------------------------------------------------


def test_the_disk_shows_no_course(engine: Engine, tmp_path: Path) -> None:
    """No submission, solution, gradebook, exchange, home or other student's file is there."""
    for name in ("gradebook.db", "submitted/bob/small/small.ipynb", "source/small/small.ipynb"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(MARKER)
    root = Path(__file__).resolve().parent.parent
    wanted = [*map(str, tmp_path.rglob("*")), str(tmp_path)]
    wanted += [str(root / name) for name in ("solutions", "tests", "book", ".git", "exercises")]
    wanted += ["/usr/local/share/nbgrader/exchange", "/srv/nbgrader/exchange", "/etc/passwd"]
    import course_utils

    known = ("/proc", "/sys", "/usr", "/dev", "/etc", "/lib", "/bin", "/sbin", "/tmp")
    known += (sys.prefix, sys.base_prefix, str(Path(course_utils.__file__).parent))
    code = f"""
    import os
    seen = [name for name in {wanted!r} if os.path.exists(name)]
    found = []
    for folder, _, files in os.walk("/", followlinks=False):
        if not folder.startswith({known!r}):
            found += [os.path.join(folder, f) for f in files]
    print("SEEN", seen, found)
    def double(x): return 3 * x
    """
    result = grade(engine, answer(code), limits=replace(LIMITS, cell_seconds=20.0))
    assert "SEEN [] []" in shown(result, "double")
    assert scores(result) == only(double=0.0)


def test_memory_and_gc_hold_no_test(engine: Engine) -> None:
    """The text of a hidden test is nowhere in the process, even after the test has run."""
    code = """
    import gc, re
    PARTS = ["HIDDEN-TEST-OF", "-THE-SMALL-ASSIGNMENT"]
    KNOWN = "known-" + "needle-in-memory"
    def look():
        needle, known = "".join(PARTS).encode(), b"known-" + b"needle-in-memory"
        found = {"needle": 0, "known": 0}
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
            for line in maps:
                m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r)w.* 0\\s*(\\[heap\\])?$", line)
                if not m:
                    continue
                start, end = int(m[1], 16), int(m[2], 16)
                for at in range(start, end, 1 << 22):
                    try:
                        memory.seek(at)
                        part = memory.read(min(1 << 22, end - at))
                    except OSError:
                        break
                    found["needle"] += part.count(needle) > 0
                    found["known"] += part.count(known) > 0
        del needle
        return found
    def double(x):
        return 2 * x
    def mean(x):
        return 0.0
    """
    nb = small.with_cell(
        answer(code, both="def total(x):\n    return np.sum(x)"),
        "unit",
        "held = [o for o in gc.get_objects() if 'double-check' in str(getattr(o, 'grade_id', ''))]",
        "found = look()\nprint('KNOWN', found['known'] > 0, 'HELD', len(held))",
        # the joined needle itself is made by look(): at most its own copies
        "print('NEEDLE', found['needle'])",
    )
    result = grade(engine, nb, limits=replace(LIMITS, cell_seconds=20.0))
    assert "KNOWN True HELD 0" in shown(result, "own-1")
    assert int(re.search(r"NEEDLE (\d+)", shown(result, "own-2"))[1]) <= 1  # look()'s own


def test_other_processes_cannot_be_seen_or_touched(engine: Engine) -> None:
    code = """
    import ctypes, glob, os, signal
    mine = {int(n) for n in os.listdir("/proc") if n.isdigit()}
    libc = ctypes.CDLL(None, use_errno=True)
    def tried(*call):
        ctypes.set_errno(0)
        return libc.syscall(*call) == -1 and ctypes.get_errno() in (1, 38)
    def kills(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError as error:
            return type(error).__name__
        return "killed"
    print("PIDS", sorted(mine), os.getppid(), "PTRACE", tried(101, 16, 1, 0, 0),
          "VM", tried(310, os.getpid(), 0, 0, 0, 0, 0))
    print("KILL", kills(os.getppid()) if os.getppid() else "no parent", kills(2), kills(1000))
    import pathlib
    for name in ("cmdline", "environ"):
        print(name, [MARK in pathlib.Path(f"/proc/{n}/{name}").read_text() for n in mine]
              if (MARK := "nbgrader-secret") else "")
    def double(x): return 2 * x
    """
    os.environ["SECRET_OF_THE_TEST"] = "nbgrader-secret"
    result = grade(engine, answer(code))
    text = shown(result, "double")
    assert "PIDS [1] 0 PTRACE True VM True" in text
    assert "KILL no parent ProcessLookupError ProcessLookupError" in text
    assert "cmdline [False]" in text and "environ [False]" in text
    assert scores(result) == FULL


def test_environment_and_home_are_the_candidates_own(engine: Engine) -> None:
    code = """
    import getpass, os, pathlib, socket
    print("ENV", sorted(os.environ))
    print("HOME", os.listdir(pathlib.Path.home()), os.getuid(), socket.gethostname())
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code))
    names = re.search(r"ENV (\[.*\])", shown(result, "double"))[1]
    allowed = {"PATH", "HOME", "LANG", "TZ", "MPLBACKEND", "IPYTHONDIR", "PWD", "COLUMNS", "LINES"}
    allowed |= {"MPLCONFIGDIR", "NBGRADER_EXECUTION", "COURSE_OFFLINE", "TF_CPP_MIN_LOG_LEVEL"}
    odd = {
        name
        for name in re.findall(r"'(\w+)'", names)
        if name not in allowed and not name.startswith("PYTHON") and "THREADS" not in name
    }
    # libraries set a few of their own when they are imported
    assert {n for n in odd if not n.startswith(("KMP_", "TORCH", "CUDA", "TF2_", "TF_"))} == set()
    assert "HOME [] 1000 candidate" in shown(result, "double")


def test_no_network(engine: Engine) -> None:
    """Nothing reaches a server of this machine, by any kind of socket."""
    tcp = socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    local = socket.socket(socket.AF_UNIX)
    local.bind(f"\0course-test-{os.getpid()}")
    local.listen()
    code = f"""
    import socket, subprocess, urllib.request
    def tried(what):
        try:
            what()
        except Exception as error:
            return type(error).__name__
        return "REACHED"
    def unix():
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(1)
        s.connect("\\0course-test-{os.getpid()}")
    port = {tcp.getsockname()[1]}
    print([tried(lambda: socket.create_connection(("127.0.0.1", port), 1)),
           tried(lambda: socket.create_connection(("::1", port), 1)),
           tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                 .sendto(b"x", ("127.0.0.1", {udp.getsockname()[1]}))),
           tried(lambda: socket.socket(40, socket.SOCK_STREAM)),
           tried(lambda: socket.socket(16, socket.SOCK_RAW)),
           tried(lambda: socket.socket(17, socket.SOCK_RAW)),
           tried(unix),
           tried(lambda: urllib.request.urlopen("http://example.org", timeout=1)),
           tried(lambda: socket.getaddrinfo("example.org", 80))])
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code))
    text = shown(result, "double")
    assert text.count("PermissionError") >= 5 and "REACHED" not in text
    for server in (tcp, local):
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        udp.recv(1)
    for server in (tcp, udp, local):
        server.close()
    assert scores(result) == FULL


def test_nothing_but_its_own_folders_can_be_written(engine: Engine) -> None:
    import course_utils

    folders = ["/", "/etc", "/usr/lib", "/dev", "/proc/sys/kernel", "/sys/devices/system/cpu"]
    folders += [sys.prefix, str(Path(course_utils.__file__).parent), "/home", "/root", "/var/tmp"]
    folders += ["/dev/pts", "/opt", "/srv"]
    code = f"""
    import os
    wrote = []
    for folder in {folders!r}:
        for name in ("x", "core_pattern", "domainname"):
            try:
                with open(os.path.join(folder, name), "w") as file:
                    file.write("x")
                wrote.append(folder)
            except OSError:
                pass
        try:
            os.mkdir(os.path.join(folder, "y"))
            wrote.append(folder)
        except OSError:
            pass
    own = []
    for folder in (".", "/tmp", "/dev/shm", os.path.expanduser("~")):
        with open(os.path.join(folder, "x"), "w") as file:
            own.append(file.write("x"))
    for name in ("/proc/sysrq-trigger", "/proc/self/uid_map", "/proc/self/oom_score_adj_x",
                 "/proc/sys/kernel/hostname", "/proc/sys/user/max_user_namespaces"):
        try:
            os.write(os.open(name, os.O_WRONLY), b"1")
            wrote.append(name)
        except OSError:
            pass
    print("WROTE", wrote, "OWN", own)
    def double(x): return 2 * x
    """
    assert "WROTE [] OWN [1, 1, 1, 1]" in shown(grade(engine, answer(code)), "double")


def test_the_walls_cannot_be_taken_down(engine: Engine) -> None:
    """Namespaces, mounts, capabilities, keyrings, shared memory of System V: all refused."""
    code = """
    import ctypes, mmap, os
    libc = ctypes.CDLL(None, use_errno=True)
    def refused(name, number, *arguments):
        ctypes.set_errno(0)
        result = libc.syscall(number, *arguments)
        return [] if result == -1 and ctypes.get_errno() else [name]
    calls = {
        "unshare user": (272, 0x10000000), "unshare net": (272, 0x40000000),
        "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0), "umount": (166, b"/tmp", 2),
        "umount proc": (166, b"/proc", 2), "pivot": (155, b"/tmp", b"/tmp"),
        "chroot": (161, b"/tmp"), "setns": (308, 3, 0), "bpf": (321, 0, 0, 0),
        "keyctl": (250, 0, 0, 0), "add_key": (248, b"user", b"a", b"b", 1, -3),
        "shmget": (29, 1, 4096, 0o1600), "msgget": (68, 1, 0o1600), "semget": (64, 1, 1, 0o1600),
        "memfd": (319, b"x", 0), "io_uring": (425, 8, 0), "userfaultfd": (323, 0),
        "perf": (298, 0, 0, -1, -1, 0), "setuid": (105, 0), "vmsplice": (278, 1, 0, 0, 0),
        "clone user": (56, 0x10000000 | 17, 0, 0, 0, 0), "reboot": (169, 0, 0, 0, 0),
        "sethostname": (170, b"x", 1), "settimeofday": (164, 0, 0), "fsopen": (430, b"tmpfs", 0),
        "open_by_handle_at": (304, -100, 0, 0), "swapon": (167, b"/tmp/x", 0),
        "syslog": (103, 3, 0, 0) , "pidfd_getfd": (438, 3, 0, 0), "acct": (163, b"/tmp/x"),
    }
    done = [n for name, call in calls.items() for n in refused(name, *call)]
    caps = [l for l in open("/proc/self/status") if l.startswith(("Cap", "Seccomp:", "NoNew"))]
    print("DONE", done)
    print("CAPS", [l.split()[1] for l in caps])
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code))
    text = shown(result, "double")
    assert re.search(r"DONE \[(\'syslog\')?\]", text), text
    zero = "'0000000000000000'"
    assert f"CAPS [{', '.join([zero] * 5)}, '1', '2']" in text


# --- the notebook file -------------------------------------------------------------------------


def test_points_and_metadata_of_a_file_are_not_believed(engine: Engine) -> None:
    nb = answer(WRONG)
    for cell in nb["cells"]:
        if cell["id"] == "double-check":
            cell["metadata"]["nbgrader"] |= {"points": 100, "solution": True, "locked": False}
            cell["metadata"]["nbgrader"]["score"] = 100
            cell["source"] = "100"
            cell["outputs"] = [
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "data": {"text/plain": "100"},
                    "metadata": {},
                }
            ]
    nb["metadata"]["build_deep"] = {"score": 100}
    result = grade(engine, nb)
    assert scores(result) == only(double=0.0)
    assert judged(result, "double-check").points == 2
    assert any("'double-check'" in note for note in result.repairs)


@pytest.mark.parametrize("how", ["markdown", "raw", "deleted", "duplicated", "emptied", "renamed"])
def test_a_test_cell_tampered_with_is_put_back(engine: Engine, how: str) -> None:
    nb = answer(WRONG)
    place = next(i for i, c in enumerate(nb["cells"]) if c["id"] == "double-check")
    cell = nb["cells"][place]
    if how in {"markdown", "raw"}:
        nb["cells"][place] = small.cell("double-check", cell["source"], how)
    elif how == "deleted":
        del nb["cells"][place]
    elif how == "duplicated":
        copy = small.cell("double-check", "2")
        nb["cells"].insert(place, {**copy, "id": "copy"})
        nb["cells"].append({**copy, "id": "copy-2"})
    elif how == "emptied":
        cell["source"] = ""
    else:
        cell["metadata"]["nbgrader"]["grade_id"] = "something-else"
    result = grade(engine, nb)
    assert scores(result) == only(double=0.0)
    assert judged(result, "double-check").status == FAILED
    assert result.repairs and all(note.endswith(".") for note in result.repairs)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04\x95",
        b"[]",
        b"{}",
        b'{"nbformat": 4}',
        b'{"nbformat": 99, "cells": []}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": "abc"}',
        b"[" * 100_000,
        b"<html>not found</html>",
        b'{"nbformat": ' + b"9" * 10_000 + b"}",
    ],
    ids=range(11),
)
def test_what_is_no_notebook_is_quarantined(engine: Engine, data: bytes) -> None:
    result = engine.grade(small.job(data))
    assert result.status == QUARANTINED
    assert result.reason.endswith(".")


def test_odd_text_in_a_file_can_be_written_to_every_file_and_database(engine: Engine) -> None:
    code = """
    print("\\ud800 half", "zero \\x00", "<script>alert(1)</script>")
    def double(x):
        print("\\ud800 and \\x00")
        raise ValueError("\\ud800 and \\x00")
    """
    nb = small.with_cell(answer(code + "# \ud800"), "double", "'\ud800'")
    result = grade(engine, nb)
    assert judged(result, "double-check").status == FAILED
    text = json.dumps(result.to_data(), ensure_ascii=False)
    text.encode("utf-8")
    assert "\0" not in judged(result, "double-check").message
    assert "<script>alert(1)</script>" in shown(result, "double")  # data: pages must escape it
    nbformat.validate(nbformat.reads(result.executed, as_version=4))


def test_scripts_stay_data(engine: Engine) -> None:
    """What is shown is kept as it is; making it harmless is the work of pages."""
    script = "<script>parent.document.title = 'taken'</script>"
    code = f"""
    from IPython.display import HTML, Javascript, display
    display(HTML({script!r}), Javascript("alert(1)"))
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code, essay=script))
    assert script in shown(result, "double")
    assert scores(result) == FULL
    assert judged(result, "essay").score is None
    nbformat.validate(nbformat.reads(result.executed, as_version=4))


# --- accidents, and what they may cost ---------------------------------------------------------

ENDS = {
    "os._exit": ("import os; os._exit(0)", CRASHED, "ended itself"),
    "os._exit 3": ("import os; os._exit(3)", CRASHED, "exit code 3"),
    "segmentation fault": ("import ctypes; ctypes.string_at(8)", CRASHED, "segmentation"),
    "abort": ("import os; os.abort()", CRASHED, "ended by"),
    "endless loop": ("while True: pass", TIMED_OUT, "2 s"),
    "endless loop that catches all": (
        "while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        TIMED_OUT,
        "2 s",
    ),
    "endless loop in C": ("import re; re.match('(a+)+b', 'a' * 60)", TIMED_OUT, "2 s"),
    "endless loop that ignores signals": (
        "import signal, ctypes; signal.signal(14, signal.SIG_IGN); ctypes.CDLL(None).sleep(1000)",
        TIMED_OUT,
        "2 s",
    ),
    "all signals blocked": (
        "import signal, time; signal.pthread_sigmask(0, range(1, 65)); time.sleep(1000)",
        TIMED_OUT,
        "2 s",
    ),
    "stops itself": (
        "import os, signal, time\n    if not os.fork(): os.kill(1, 19)\n    time.sleep(1000)",
        TIMED_OUT,
        "2 s",
    ),
    "memory hog": ("hold = [bytearray(50_000_000) for _ in range(100)]", None, "memory"),
    "memory hog in small pieces": (
        "hold = []\n    while True: hold.append(bytearray(99_999))",
        None,
        "memory",
    ),
    "memory hog in shared memory": (
        "import mmap\n    hold = []\n    while True:\n        m = mmap.mmap(-1, 50_000_000)\n"
        "        m.write(b'x' * 50_000_000); hold.append(m)",
        OUT_OF_MEMORY,
        "memory",
    ),
    "memory hog in children": (
        "import os, time\n    for _ in range(8):\n        if not os.fork():\n"
        "            hold = b'x' * 60_000_000; time.sleep(100)\n    time.sleep(100)",
        OUT_OF_MEMORY,
        "memory",
    ),
    "recursion": ("return double(x)", FAILED, "RecursionError"),
    "exit()": ("exit()", None, ""),
    "sys.exit": ("import sys; sys.exit(0)", FAILED, "SystemExit"),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt", FAILED, "KeyboardInterrupt"),
    "closes all files": ("import os; os.closerange(0, 1000)", CRASHED, "ended itself"),
}


@pytest.mark.parametrize("accident", ENDS)
def test_an_accident_in_an_answer_costs_its_check_only(engine: Engine, accident: str) -> None:
    code, status, said = ENDS[accident]
    limits = LIMITS
    if said == "memory":  # a busy machine needs a while to fill it
        limits = replace(LIMITS, memory=150 * small.MB, test_seconds=20.0)
    result = grade(engine, answer(f"def double(x):\n    {code}\n"), limits=limits)
    assert scores(result) == only(double=0.0)
    cell = judged(result, "double-check")
    assert cell.status == status or status is None, cell
    assert cell.status in {CRASHED, TIMED_OUT, OUT_OF_MEMORY, FAILED}
    assert said.lower() in cell.message.lower()


@pytest.mark.parametrize(
    ("accident", "status"),
    [("os._exit", CRASHED), ("endless loop in C", TIMED_OUT), ("segmentation fault", CRASHED)],
)
def test_an_accident_in_a_cell_leaves_the_others(
    engine: Engine, accident: str, status: str
) -> None:
    """A cell of the learner's own, not an answer: nothing is lost but the cell."""
    nb = small.with_cell(notebook(), "triple", ENDS[accident][0])
    result = grade(engine, nb)
    assert scores(result) == FULL
    assert any("'own-0'" in note and status in note for note in result.accidents)


def test_a_fork_bomb_bursts_inside(engine: Engine) -> None:
    code = """
    import os
    def double(x):
        while True:
            os.fork()
    """
    result = grade(engine, answer(code))
    assert scores(result) == only(double=0.0)
    assert judged(result, "double-check").status in {FAILED, CRASHED, TIMED_OUT, REFUSED}


def test_a_bomb_of_threads_bursts_inside(engine: Engine) -> None:
    code = """
    import threading, time
    def double(x):
        while True:
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
    """
    result = grade(engine, answer(code))
    assert scores(result) == only(double=0.0)
    assert judged(result, "double-check").status in {FAILED, TIMED_OUT}


@pytest.mark.parametrize(
    "how",
    [
        "print('x' * 200_000_000)",
        "import os\nfor _ in range(200): os.write(1, b'x' * 1_000_000)",
        "for _ in range(1_000_000): print('.')",
        "from IPython.display import display\nfor _ in range(3_000): display('.')",
        "import sys\nfor _ in range(200): sys.stderr.write('x' * 1_000_000)",
        "!yes | head -c 20000000",
        "b'x' * 50_000_000",
    ],
    ids=["print", "write", "million", "displays", "stderr", "shell", "value"],
)
def test_output_is_cut_not_kept(engine: Engine, how: str) -> None:
    """A flood in one cell leaves a small notebook, and costs no points."""
    nb = small.with_cell(notebook(), "double", how)
    result = grade(engine, nb, limits=replace(LIMITS, cell_seconds=4.0))
    assert scores(result) == FULL
    assert len(result.executed) < 250_000
    nbformat.validate(nbformat.reads(result.executed, as_version=4))


def test_a_flood_from_inside_a_check_is_cut(engine: Engine) -> None:
    result = grade(engine, answer("def double(x):\n    print('y' * 10**7)\n    return 2 * x"))
    assert scores(result) == FULL
    assert len(result.executed) < 250_000


def test_a_full_disk_costs_nothing_else(engine: Engine) -> None:
    code = """
    import os
    def fill(folder):
        try:
            with open(os.path.join(folder, "big"), "wb") as file:
                while True:
                    file.write(b"x" * 1_000_000)
        except OSError as error:
            return type(error).__name__, error.errno
    print("FULL", fill("/tmp"), fill("/dev/shm"))
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code))
    assert "FULL ('OSError', " in shown(result, "double")
    assert scores(result) == FULL


def test_too_many_files_cost_nothing_else(engine: Engine) -> None:
    code = """
    import os
    made = 0
    try:
        for made in range(20_000):
            open(f"file-{made}", "w").close()
    except OSError as error:
        print("ENOSPC", error.errno)
    held = []
    try:
        while True:
            held.append(open("/dev/null"))
    except OSError as error:
        print("EMFILE", error.errno)
    held.clear()
    print("MADE", made < 10_000)
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code), limits=replace(LIMITS, cell_seconds=10.0))
    text = shown(result, "double")
    assert "ENOSPC 28" in text and "EMFILE 24" in text and "MADE True" in text
    assert scores(result) == FULL


def test_a_detached_process_is_gone_afterwards(engine: Engine) -> None:
    code = """
    import os, subprocess, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            os.execvp("sleep", ["sleep", "31415"])
        os._exit(0)
    time.sleep(0.5)
    def lives():
        return [open(f"/proc/{n}/cmdline").read() for n in os.listdir("/proc") if n.isdigit()]
    def double(x):
        assert any("31415" in line for line in lives())
        return 2 * x
    """
    result = grade(engine, answer(code))
    assert scores(result) == FULL  # so it did live while the check ran
    assert is_gone(lambda process: "31415" in process.cmdline())


def test_children_that_hold_the_channel_are_gone_afterwards(engine: Engine) -> None:
    code = """
    import os, time
    def double(x):
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                os.execvp("sleep", ["sleep", "27182"])
        os._exit(0)
    """
    result = grade(engine, answer(code))
    assert scores(result) == only(double=0.0)
    assert judged(result, "double-check").status == CRASHED
    assert is_gone(lambda process: "27182" in process.cmdline())


def test_a_thread_that_goes_on_harms_nobody(engine: Engine) -> None:
    code = """
    import threading
    def work():
        while True:
            print("still here", end=" ")
    threading.Thread(target=work, daemon=True).start()
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code), limits=replace(LIMITS, test_seconds=10.0))
    assert scores(result) == FULL
    assert len(result.executed) < 400_000


def test_exit_hooks_and_signal_handlers_do_not_run_on(engine: Engine) -> None:
    code = """
    import atexit, os, signal, subprocess, time
    def stay(*args):
        subprocess.Popen(["sleep", "16180"], start_new_session=True)
        time.sleep(1000)
    atexit.register(stay)
    for number in range(1, 32):
        try:
            signal.signal(number, stay)
        except (OSError, ValueError):
            pass
    def double(x): return 2 * x
    """
    result = grade(engine, answer(code))
    assert scores(result) == FULL
    assert is_gone(lambda process: "16180" in process.cmdline())


# --- attacks on the protocol -------------------------------------------------------------------

AGENT = """
import gc, os, struct, sys, time
from course_utils.grading import wire
from course_utils.grading.candidate import agent as agents
line = next(o for o in gc.get_objects() if type(o) is wire.Line)
agent = next(o for o in gc.get_objects() if type(o) is agents.Agent)
def raw(data):
    os.set_blocking(line.outgoing, True)
    while data:
        data = data[os.write(line.outgoing, data):]
def framed(data):
    raw(struct.pack("<Q", len(data)) + data)
def lie(do):
    "Answer every question about the function by do(number, true answer)."
    real = agents.Agent._answer
    def answer(self, number, operation, arguments):
        if operation != "call" or getattr(arguments["target"], "__name__", "") != "double":
            return real(self, number, operation, arguments)
        return do(number, arguments)
    agents.Agent._answer = answer
def tell(number, value):
    return wire.dumps([number, {"value": value, "changed": {}, "printed": ""}])
def double(x): return 3 * x
"""
LIES: dict[str, tuple[str, str]] = {
    "garbage": ("lie(lambda n, a: b'garbage')", REFUSED),
    "nothing": ("lie(lambda n, a: b'')", REFUSED),
    "another number": ("lie(lambda n, a: tell(n + 1, 2 * a['args'][0]))", REFUSED),
    "no number": ("lie(lambda n, a: wire.dumps(2 * a['args'][0]))", REFUSED),
    "no dictionary": ("lie(lambda n, a: wire.dumps([n, [1, 2]]))", REFUSED),
    "never": ("lie(lambda n, a: time.sleep(1000))", TIMED_OUT),
    "says that time is up": ("lie(lambda n, a: wire.dumps([n, {'time': True}]))", TIMED_OUT),
    "a gigabyte header": ("lie(lambda n, a: raw(struct.pack('<Q', 1 << 30)) or b'')", REFUSED),
    "the largest header": ("lie(lambda n, a: raw(b'\\xff' * 8) or b'')", REFUSED),
    "half a message": (
        "lie(lambda n, a: raw(struct.pack('<Q', 100) + b'x') or time.sleep(1000))",
        TIMED_OUT,
    ),
    "one byte at a time": (
        "lie(lambda n, a: [(raw(b'\\0' if i else b'\\x40'), time.sleep(.1)) for i in range(999)])",
        TIMED_OUT,
    ),
    "more than is allowed": ("lie(lambda n, a: bytes(9_000_000))", REFUSED),
    "answers twice": (
        "lie(lambda n, a: framed(tell(n, 0.0)) or tell(n, 2 * a['args'][0]))",
        FAILED,
    ),
    "answers before it is asked": ("framed(tell(1, 2.0)); framed(tell(2, 2.0))", REFUSED),
    "a shape that is not": (
        "lie(lambda n, a: tell(n, 2 * a['args'][0]).replace(struct.pack('<QQ', 2, 3),"
        " struct.pack('<QQ', 2**40, 2**40)))",
        REFUSED,
    ),
    "a length that is not": (
        "lie(lambda n, a: wire.dumps([n, {'value': [0] * 5}]).replace("
        "struct.pack('<I', 5), b'\\xff\\xff\\xff\\x7f'))",
        REFUSED,
    ),
    "texts without length": (
        "lie(lambda n, a: wire.dumps([n, {'value': None}])[:-1] + b'a\\x03<U0\\x02'"
        " + struct.pack('<QQQ', 2**31, 2**31, 0))",
        REFUSED,
    ),
    "a dtype with objects": (
        "lie(lambda n, a: wire.dumps([n, {'value': None}])[:-1] + b'a\\x02|O\\x01'"
        " + struct.pack('<QQ', 1, 8) + bytes(8))",
        REFUSED,
    ),
    "nested deeply": (
        "lie(lambda n, a: wire.dumps([n, {'value': None}])[:-1] + b'l\\1\\0\\0\\0' * 100_000"
        " + b'N')",
        REFUSED,
    ),
    "a huge whole number": (
        "lie(lambda n, a: wire.dumps([n, {'value': None}])[:-1] + b'I'"
        " + struct.pack('<Q', 5_000_000) + b'f' * 5_000_000)",
        REFUSED,
    ),
    "a key that cannot be one": (
        "lie(lambda n, a: wire.dumps([n, {'value': None}])[:-1] + b'm\\1\\0\\0\\0l\\0\\0\\0\\0N')",
        REFUSED,
    ),
    "a million objects": (
        "lie(lambda n, a: wire.dumps([n, {'value': None}])[:-1] + b'l' +"
        " struct.pack('<I', 300_000) + (b'H' + bytes(8) + b'm\\0\\0\\0\\0') * 300_000)",
        REFUSED,
    ),
    "an object that does not exist": (
        "lie(lambda n, a: wire.dumps([n, {'value': wire.Handle(77777, {'type': 'float'})}]))",
        CRASHED,
    ),
    "an object with odd words": (
        "lie(lambda n, a: wire.dumps([n, {'value': wire.Handle(1, {'type': 'x' * 10**6,"
        " 'module': 5, 'callable': 'yes', 'class': 1, 'name': [1], 'signature': [[1, 2]]})}]))",
        FAILED,
    ),
    "eval": ("lie(lambda n, a: wire.dumps([n, {'value': eval}]))", REFUSED),
    "torch.load": ("lie(lambda n, a: wire.dumps([n, {'value': torch.load}]))", REFUSED),
    "a module": ("lie(lambda n, a: wire.dumps([n, {'value': np}]))", REFUSED),
    "an array of objects": (
        "lie(lambda n, a: tell(n, np.array([[1, 2, None], [{}, [], 'x']], dtype=object)))",
        FAILED,
    ),
    "errors that are none": (
        "lie(lambda n, a: wire.dumps([n, {'error': {'type': 'GeneratorExit', 'bases':"
        " ['GeneratorExit', 'KeyboardInterrupt', 'SystemExit', 'eval', 5], 'said': 7}}]))",
        FAILED,
    ),
    "an error that cannot be made": (
        "lie(lambda n, a: wire.dumps([n, {'error': {'type': 'ExceptionGroup', 'bases':"
        " ['ExceptionGroup', 'Exception'], 'said': 'x', 'place': 9}}]))",
        FAILED,
    ),
    "StopIteration": (
        "lie(lambda n, a: wire.dumps([n, {'error': {'type': 'StopIteration', 'bases':"
        " ['StopIteration', 'Exception'], 'said': ''}}]))",
        FAILED,
    ),
    "changes that are none": (
        "lie(lambda n, a: wire.dumps([n, {'value': 3 * a['args'][0],"
        " 'changed': {0: np.zeros((2, 3)), 99: 1, -1: 2, 'x': 3}}]))",
        FAILED,
    ),
    "printed that is no text": (
        "lie(lambda n, a: wire.dumps([n, {'value': 0.0, 'printed': [1], 'changed': 7}]))",
        FAILED,
    ),
    "wire.dumps patched": (
        "wire.dumps = lambda *a, **k: b'N'",
        REFUSED,
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_candidate_that_breaks_the_protocol_costs_only_itself(engine: Engine, lie: str) -> None:
    code, status = LIES[lie]
    nb = notebook({"double": f"{AGENT}\n{code}"})
    result = grade(engine, nb, limits=replace(LIMITS, test_seconds=1.0))
    cell = judged(result, "double-check")
    assert (cell.score, cell.status) == (0.0, status), cell
    assert cell.message
    if lie != "answers twice":  # the second answer spoils the next question
        assert scores(result) == only(double=0.0)
    assert engine.grade(small.job(seed=2)).score == sum(FULL.values())


def test_keys_that_collide_cannot_hold_the_examiner(engine: Engine, monkeypatch: Any) -> None:
    """Complex numbers of one hash: a dictionary of them would take hours to build."""
    from course_utils.grading import wire

    monkeypatch.setattr(wire, "MAX_SECONDS", 0.3)
    keys = [complex(-1000003 * k, k) for k in range(20_000)]
    assert len({hash(key) for key in keys[:50]}) == 1
    begin = b"e" + wire.struct.pack("<I", len(keys))
    data = begin + b"".join(wire.dumps(key) for key in keys)
    with pytest.raises(wire.WireError, match="too long"):
        wire.loads(data)


@pytest.mark.parametrize("status", ["time", "unheard of", 5])
def test_lies_about_a_cell_are_seen_through(engine: Engine, status: Any) -> None:
    code = f"""{AGENT}
real = agents.Agent._answer
def answer(self, number, operation, arguments):
    if operation == "run":
        outputs = [{{"output_type": "stream", "text": 5}}, {{"output_type": "error",
                   "traceback": [1], "ename": None}}, 7, {{"output_type": "display_data",
                   "data": {{"text/html": 5, 3: "x", "text/plain": "y" * 10**6}}}}] * 50
        return wire.dumps([number, {{"status": {status!r}, "outputs": outputs, "error": 7}}])
    return real(self, number, operation, arguments)
agents.Agent._answer = answer
def double(x): return 2 * x
"""
    result = grade(engine, notebook({"double": code}))
    assert result.status == "graded"
    assert scores(result)["double-check"] == 2.0  # it is right, and its process was not asked more
    assert len(result.executed) < 600_000
    nbformat.validate(nbformat.reads(result.executed, as_version=4))


def test_a_callback_that_a_test_hands_over_goes_to_a_person(engine: Engine) -> None:
    test = """
from course_utils import checks
with checks.task("Task 2 · triple") as task:
    with task.part("first"):
        checks.close(checks.call(triple, 2.0), 6.0)
    with task.part("callback"):
        checks.call(triple, lambda x: x)
"""
    cell = judged(grade(engine, checks={"triple-check": test}), "triple-check")
    assert (cell.score, cell.status) == (None, MANUAL)
    assert "hand over data only" in cell.message and cell.message.endswith(".")


NO_DATA = """
from course_utils import checks, datasets
with checks.task("Task 2 · triple"):
    datasets.load("no-such-data")
"""


@pytest.mark.parametrize("broken", ["assert triple(2) ==", "import no_such_library", NO_DATA])
def test_a_check_that_is_itself_broken_goes_to_a_person(engine: Engine, broken: str) -> None:
    cell = judged(grade(engine, checks={"triple-check": broken}), "triple-check")
    assert (cell.score, cell.status) == (None, MANUAL)
    assert "This check itself cannot be run" in cell.message


def test_an_answer_without_its_data_has_no_broken_check(engine: Engine) -> None:
    code = "def triple(x):\n    from course_utils import datasets\n    datasets.load('none')"
    cell = judged(grade(engine, notebook({"triple": code})), "triple-check")
    assert cell.score == 0


def test_an_answer_that_forgot_an_import_has_no_broken_check(engine: Engine) -> None:
    code = "def triple(x):\n    import no_such_library"
    cell = judged(grade(engine, notebook({"triple": code})), "triple-check")
    assert cell.score == 0.0 and "no_such_library" in cell.message


def test_a_check_that_asks_for_jupyter_goes_to_a_person(engine: Engine) -> None:
    test = "get_ipython().run_line_magic('pwd', '')\nassert triple(2) == 6"
    cell = judged(grade(engine, checks={"triple-check": test}), "triple-check")
    assert (cell.score, cell.status) == (None, MANUAL) and "Jupyter" in cell.message


def test_a_check_may_display_something(engine: Engine) -> None:
    test = "display('looking')\nassert triple(2) == 6"
    cell = judged(grade(engine, checks={"triple-check": test}), "triple-check")
    assert cell.status == PASSED, cell.message


# --- right answers -----------------------------------------------------------------------------

RIGHT = {
    "a warning": "import warnings\nwarnings.warn('careful')\ndef double(x):\n"
    "    warnings.warn('careful')\n    return 2 * x",
    "stderr": "import sys\ndef double(x):\n    print('oops', file=sys.stderr)\n    return 2 * x",
    "a progress bar": "import sys, time\ndef double(x):\n    for i in range(50):\n"
    "        sys.stderr.write(f'\\r{i}%|####|'); sys.stderr.flush()\n    return 2 * x",
    "print": "def double(x):\n    print(x)\n    return 2 * x",
    "a plot": "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\n"
    "def double(x):\n    plt.figure(); plt.plot(x); plt.show()\n    return 2 * x",
    "float32": "def double(x): return (2 * x).astype(np.float32)",
    "a list": "def double(x): return (2 * x).tolist()",
    "a tensor": "def double(x): return 2 * torch.tensor(x)",
    "a view": "def double(x): return np.stack([2 * x, x])[0]",
    "read-only": "def double(x):\n    y = 2 * x\n    y.flags.writeable = False\n    return y",
    "a renamed helper": "def my_own_helper(v): return 2 * v\ndef double(values):\n"
    "    return my_own_helper(values)",
    "a lambda": "double = lambda x: 2 * x",
    "a class": "class Double:\n    def __call__(self, x): return 2 * x\ndouble = Double()",
    "a partial": "import functools\ndouble = functools.partial(np.multiply, 2)",
    "a slow but legal loop": "import time\ndef double(x):\n    time.sleep(.3)\n"
    "    return np.array([2 * v for v in x.ravel()]).reshape(x.shape)",
    "matplotlib magic": "%matplotlib inline\ndef double(x): return 2 * x",
    "cell magic": "%%time\ndef double(x): return 2 * x",
    "shell": "!echo hello from the shell\ndef double(x): return 2 * x",
    "await": "import asyncio\nfactor = await asyncio.sleep(0, 2)\ndef double(x): return factor * x",
    "display": "display('hello')\nfrom IPython.display import HTML, clear_output\n"
    "display(HTML('<b>x</b>'))\nclear_output()\ndef double(x): return 2 * x",
    "Windows line ends": "def double(x):\r\n    y = x\r\n    return 2 * y",
    "exit in a cell": "def double(x): return 2 * x\nexit()",
    "sys.exit in a cell": "import sys\ndef double(x): return 2 * x\nsys.exit(1)",
    "subprocess": "import subprocess, sys\nsubprocess.run(['true'], check=True)\n"
    "def double(x): return 2 * x",
    "a generator of its own": "rng = np.random.default_rng()\ndef double(x): return x + x",
    "closed streams": "import sys\nsys.stdout.close()\nsys.stdout = None\n"
    "def double(x): return 2 * x",
    "a child that comes back": "import os\nos.fork()\n"
    "def double(x):\n    os.fork()\n    return 2 * x",
    "a file": "open('notes.txt', 'w').write('2')\ndef double(x):\n"
    "    return float(open('notes.txt').read()) * x",
    "threads": "from concurrent.futures import ThreadPoolExecutor\ndef double(x):\n"
    "    with ThreadPoolExecutor(2) as pool:\n"
    "        return np.array(list(pool.map(lambda v: 2 * v, x.ravel()))).reshape(x.shape)",
    "processes": "import multiprocessing as mp\ndef twice(v): return 2 * v\ndef double(x):\n"
    "    with mp.get_context('fork').Pool(2) as pool:\n"
    "        return np.array(pool.map(twice, x.ravel())).reshape(x.shape)",
}


@pytest.mark.parametrize("form", RIGHT)
def test_a_right_answer_gets_full_marks(engine: Engine, form: str) -> None:
    result = grade(engine, notebook({"double": RIGHT[form]}))
    assert scores(result) == FULL, judged(result, "double-check").message
    nbformat.validate(nbformat.reads(result.executed, as_version=4))


def test_what_right_answers_show_is_kept(engine: Engine) -> None:
    nb = small.with_cell(
        notebook(), "double", "!echo from the shell", "display('shown')", "1 + 1",
        "import sys\nfor i in range(3): sys.stderr.write(f'\\r{i}%')",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "x = await __import__('asyncio').sleep(0, 'awaited')\nx",
    )  # fmt: skip
    result = grade(engine, nb, limits=replace(LIMITS, cell_output=200_000))
    assert "from the shell" in shown(result, "own-0")
    assert "shown" in shown(result, "own-1")
    assert "2" in shown(result, "own-2")
    assert shown(result, "own-3").strip() == "2%"
    assert "image/png" in json.dumps(small.executed(result, "own-4"))
    assert "awaited" in shown(result, "own-5")


def test_input_says_that_nobody_answers(engine: Engine) -> None:
    nb = small.with_cell(notebook(), "double", "name = input('Your name? ')")
    result = grade(engine, nb)
    assert "nobody sits at the keyboard" in shown(result, "own-0")
    assert scores(result) == FULL


def test_extra_cells_and_an_unwritten_task_do_not_hurt_the_others(engine: Engine) -> None:
    nb = notebook({"triple": small.stub("triple")})
    nb = small.with_cell(
        nb, "double-check", "1 / 0", "this is no Python", "x = 5", "raise SystemExit"
    )
    result = grade(engine, nb)
    assert scores(result) == only(triple=0.0)
    assert judged(result, "triple-check").status == NOT_ATTEMPTED
    assert result.unanswered == ("triple",)


@pytest.mark.parametrize(
    ("last", "score", "status"),
    [
        ("np.float64(1.5)", 1.5, PARTIAL),
        ("np.float32(.5)", 0.5, PARTIAL),
        ("np.int64(3)", 3.0, PASSED),
        ("np.array(1.5)", 1.5, PARTIAL),
        ("torch.tensor(.5)", 0.5, PARTIAL),
        ("1.5", 1.5, PARTIAL),
        ("0", 0.0, FAILED),
        ("3", 3.0, PASSED),
        ("None", 3.0, PASSED),
        ("'full marks'", 3.0, PASSED),
        ("True", 3.0, PASSED),
        ("1.5;", 3.0, PASSED),
        ("-1", None, MANUAL),
        ("7", None, MANUAL),
        ("float('nan')", None, MANUAL),
        ("np.inf", None, MANUAL),
        ("1e400 * 1j", 3.0, PASSED),
    ],
)
def test_the_last_value_of_a_test_is_a_score_only_if_it_is_one(
    engine: Engine, last: str, score: float | None, status: str
) -> None:
    test = f"import numpy as np\nimport torch\ntriple(1)\n{last}"
    cell = judged(grade(engine, checks={"triple-check": test}), "triple-check")
    assert (cell.score, cell.status) == (score, status)
    assert bool(cell.message) == (score is None)


@pytest.mark.parametrize(
    ("code", "score", "status"),
    [
        ("def total(x): return np.sum(x)\ndef mean(x): return 0.0", 2.0, PARTIAL),
        ("def total(x): return 0.0\ndef mean(x): return np.mean(x)", 2.0, PARTIAL),
        ("def total(x): return 0.0\ndef mean(x): return 1e9", 0.0, FAILED),
        ("def total(x): return np.sum(x)\ndef mean(x): raise ValueError('no')", 2.0, PARTIAL),
        (f"def total(x): return np.sum(x)\ndef mean(x): {small.STUB}", 2.0, PARTIAL),
        ("pass", 0.0, NOT_ATTEMPTED),
    ],
)
def test_named_parts_earn_their_share(engine: Engine, code: str, score: float, status: str) -> None:
    cell = judged(grade(engine, notebook({"both": code})), "both-check")
    assert (cell.score, cell.status) == (score, status), cell.message
