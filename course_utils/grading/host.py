"""One engine for all worker processes of a machine: what it imports is there once, not N times.

The first worker of a run starts the engine and listens on a socket that only its user can reach;
the others are handed the descriptor over which jobs go to the examiner. When that worker is lost,
its engine is lost with it: the next one that needs it starts another, and grades what was under
way again.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from course_utils.grading.engine import Engine, Examiner
from course_utils.grading.job import QUARANTINED, Job, Result

ANSWER = 30.0  # seconds for the worker that has the engine to hand over the descriptor


class HostEngine:
    """This process's way to the one engine of its machine for the run called `run`.

    `make` starts an engine; it is called where no other process has one. Raises what `make` raises.
    """

    def __init__(self, run: str, make: Callable[[], Engine]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._closed = False
        self._place = Path(tempfile.gettempdir()) / f"build-deep-{run}"
        self._way: Owned | Borrowed = self._open()

    def grade(self, job: Job) -> Result:
        """Grade one job; once more if the engine was lost while it was graded."""
        way = self._way
        result = way.examiner.grade(job)
        if result.status != QUARANTINED or way.alive():
            return result
        with self._lock:
            if self._closed:
                return result
            if self._way is way:
                way.close()
                self._way = self._open()
        return self._way.examiner.grade(job)

    def close(self) -> None:
        """End the engine, if it is this process's, or leave it."""
        with self._lock:
            self._closed = True
            self._way.close()

    def _open(self) -> Owned | Borrowed:
        if not _private(self._place):
            return Owned(self._make())
        import fcntl

        with (self._place / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # one at a time: the others wait for its engine
            address = self._place / "engine"
            with contextlib.suppress(OSError):
                return Borrowed(address)
            return Owned(self._make(), address)


class Owned:
    """An engine of this process, lent to others that ask at `address`."""

    def __init__(self, engine: Engine, address: Path | None = None) -> None:
        self.engine = engine
        self.examiner = engine.examiner
        self._lent: list[socket.socket] = []
        self._address = address
        self._listening: socket.socket | None = None
        if address is not None:
            try:
                address.unlink(missing_ok=True)
                self._listening = socket.socket(socket.AF_UNIX)
                self._listening.bind(str(address))
                self._listening.listen()
            except OSError:  # a name that is too long, say: then nobody shares it
                self._stop_listening()
            else:
                threading.Thread(target=self._lend, daemon=True, name="engine-host").start()

    def alive(self) -> bool:
        """Whether the engine's processes run."""
        return self.engine.alive()

    def close(self) -> None:
        """End the engine; those that it was lent to find out."""
        self._stop_listening()
        for connection in self._lent:
            connection.close()
        self.engine.close()
        if self._address is not None:
            with contextlib.suppress(OSError):
                self._address.unlink()
                (self._address.parent / "lock").unlink()
                self._address.parent.rmdir()

    def _lend(self) -> None:
        listening = self._listening
        while listening is not None:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                numbers = array.array("i", [self.examiner.control.fileno()])
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)]
                connection.sendmsg([b"1"], rights)
                self._lent.append(connection)  # open as long as the engine is there

    def _stop_listening(self) -> None:
        if self._listening is not None:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None


class Borrowed:
    """The engine of another process. Raises OSError: nobody has one."""

    def __init__(self, address: Path) -> None:
        self._owner = socket.socket(socket.AF_UNIX)
        try:
            self._owner.settimeout(ANSWER)
            self._owner.connect(str(address))
            said, numbers, _, _ = socket.recv_fds(self._owner, 1, 1)
            if said != b"1" or not numbers:
                raise OSError("no engine was lent")
        except OSError:
            self._owner.close()
            raise
        self.examiner = Examiner(socket.socket(fileno=numbers[0]))

    def alive(self) -> bool:
        """Whether the process that has the engine still has it."""
        try:
            return self._owner.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """Leave the engine to the others."""
        self._owner.close()
        self.examiner.control.close()


def _private(place: Path) -> bool:
    """Make a folder for this user alone; False where it is not, or where nothing can be shared."""
    if sys.platform == "win32":
        return False
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return mine and not found.st_mode & 0o077
