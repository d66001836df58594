"""Keeps one candidate: starts it behind its walls, watches its memory, ends it.

The keeper stays outside of the walls. The *lifeline* is a socket to whoever asked for the
candidate: when its other end closes (the asker is done, or was killed), the candidate and all that
it started die. When the candidate ends, the keeper says over the lifeline how.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSIDE_USER = 1000
WORK = "/tmp/work"  # where the notebook runs, inside the walls
_TICK = 0.05  # seconds between two looks at the memory
_FILES = 10_000  # a candidate may make


@dataclass(frozen=True)
class Ending:
    """How a candidate ended: `reason` is "" (by itself), "memory" or "asked"."""

    reason: str = ""
    code: int = 0
    signal: int = 0
    peak: int = 0  # bytes beyond what it shared with the warm process

    def to_data(self) -> dict[str, Any]:
        """Return the record as a dictionary."""
        return dict(self.__dict__)


def keep(
    channel: int,
    lifeline: socket.socket,
    limits: dict[str, Any],
    walls: bool,
    serve: Callable[[int], None],
) -> None:
    """Run `serve(channel)` in a new process behind walls; return when it has ended.

    Called in a process of its own, forked from the warm one. `limits` are the fields of
    `job.Limits`. Without `walls` (asked for, or not Linux) only the resource limits hold.
    """
    if sys.platform == "linux":
        from . import walls as linux

        linux.die_with_parent()
    else:
        walls = False
    if walls:
        _build(limits["disk"])
    else:
        os.setpgid(0, 0)
    baseline = memory([os.getpid()]) if sys.platform == "linux" else 0
    child = os.fork()
    if child == 0:
        lifeline.close()
        _begin(channel, limits, walls, serve)
    os.close(channel)
    ending = watch(child, lifeline, limits["memory"], baseline, walls)
    with contextlib.suppress(OSError):
        lifeline.sendall(json.dumps(ending.to_data()).encode())


def _build(disk: int) -> None:
    """Leave all namespaces and put empty folders over everything that could be written to."""
    from . import walls as linux

    was = (os.getuid(), os.getgid())
    everything = linux.NEWUSER | linux.NEWNS | linux.NEWPID
    linux.unshare(everything | linux.NEWNET | linux.NEWIPC | linux.NEWUTS)
    linux.become(INSIDE_USER, was)
    linux.keep_mounts_private()
    linux.forbid_user_namespaces()
    _own_tmp(disk)
    if Path("/dev/shm").is_dir():
        linux.mount_tmpfs("/dev/shm", disk // 4, 1000)
    if Path("/dev/pts").is_dir():  # terminals are shared by all who see this folder
        linux.mount_tmpfs("/dev/pts", 4096, 1, "0555")


def _own_tmp(disk: int) -> None:
    """Put an empty folder over /tmp, with what is bound below /tmp bound there again."""
    from . import walls as linux
    from .bubblewrap import OUTER

    bound = sorted(place for place in linux.mount_points() if place.startswith("/tmp/"))
    if bound:
        linux.bind("/tmp", OUTER)
    linux.mount_tmpfs("/tmp", disk, _FILES)
    for name in bound:
        source, place = Path(OUTER + name.removeprefix("/tmp")), Path(name)
        if place.exists():  # inside one that is bound already
            continue
        if source.is_dir():
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        linux.bind(str(source), name)
    if bound:
        linux.detach(OUTER)


def _begin(channel: int, limits: dict[str, Any], walls: bool, serve: Callable[[int], None]) -> None:
    """Be the candidate: the last steps behind the walls, then its work. Never returns."""
    code = 1
    try:
        if walls:
            from . import walls as linux

            linux.die_with_parent()
            linux.mount_proc()
            os.chdir("/")
            _close_all_but(channel)
            for folder in (WORK, "/tmp/home"):
                Path(folder).mkdir(parents=True)
            os.chdir(WORK)
            _limit(limits)
            with contextlib.suppress(OSError):  # if memory is short, this is who has to go
                Path("/proc/self/oom_score_adj").write_text("1000")
            linux.drop_capabilities()
            linux.filter_system_calls()
        else:
            _limit(limits)
        os.setsid()
        serve(channel)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _limit(limits: dict[str, Any]) -> None:
    """Set the resource limits of this process and of all that it starts."""
    from . import walls as linux

    linux.limit(resource.RLIMIT_CORE, 0)
    linux.limit(resource.RLIMIT_NOFILE, int(limits["open_files"]))
    linux.limit(resource.RLIMIT_FSIZE, int(limits["disk"]))
    linux.limit(resource.RLIMIT_CPU, int(limits["notebook_seconds"] * 2) + 60)
    if sys.platform == "linux":
        linux.limit(resource.RLIMIT_DATA, data_size() + int(limits["memory"]))
        linux.limit(resource.RLIMIT_NPROC, int(limits["processes"]))


def _close_all_but(channel: int) -> None:
    """Close every file that the warm process had open, the channel excepted."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        if number != channel:
            os.dup2(nothing, number)
    os.closerange(3, channel)
    os.closerange(channel + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def watch(child: int, lifeline: socket.socket, allowed: int, baseline: int, walls: bool) -> Ending:
    """Wait until the candidate has ended or must end; then nothing of it is left."""
    ended = os.pidfd_open(child) if hasattr(os, "pidfd_open") else -1
    poll = select.poll()
    poll.register(lifeline, select.POLLIN | select.POLLHUP)
    if ended >= 0:
        poll.register(ended, select.POLLIN)
    peak, reason = 0, ""
    while True:
        events = dict(poll.poll(int(_TICK * 1000)))
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            break
        if lifeline.fileno() in events:  # it closed: nobody says anything on it
            reason = "asked"
        else:
            used = _used(child, baseline, walls)
            peak = max(peak, used)
            if used > allowed:
                reason = "memory"
        if reason:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
    if not walls:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    return Ending(reason, max(code, 0), max(-code, 0), peak)


def _used(child: int, baseline: int, walls: bool) -> int:
    """Bytes that the candidate uses beyond what it shares with the warm process."""
    if sys.platform != "linux":
        return 0
    if not walls:
        return max(0, memory([child]) - baseline)
    # /proc shows the candidate's own processes since it was mounted by the candidate.
    numbers: list[int] = []
    with contextlib.suppress(OSError):  # it has just ended
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    used = max(0, memory(numbers) - baseline * len(numbers))
    for folder in ("/tmp", "/dev/shm"):
        with contextlib.suppress(OSError):
            room = os.statvfs(folder)
            used += (room.f_blocks - room.f_bfree) * room.f_frsize
    return used


def memory(numbers: list[int]) -> int:
    """Bytes of memory of these processes that no file on disk stands behind, page tables too."""
    total = 0
    for number in numbers:
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{number}/status").read_text().splitlines():
                if line.startswith(("RssAnon:", "RssShmem:", "VmPTE:")):
                    total += int(line.split()[1]) * 1024
    return total


def data_size() -> int:
    """Bytes of private memory that this process has asked for (what RLIMIT_DATA counts)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
