"""The warm process inside the sandbox: it imports once and forks a candidate when asked.

Run as `python -m course_utils.grading.sandbox.forkserver FD IMPORTS WALLS`. Over the local socket
FD it is told what else to import, and says what it can do; then it takes requests: the limits as
JSON, together with two descriptors, the candidate's channel and its lifeline. It holds no secret:
no test, no solution and no submission ever reaches it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from typing import Any

from course_utils.grading.sandbox import keeper, warm


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next request and its descriptors, None when nobody asks any more."""
    size = array.array("i", [0]).itemsize
    try:
        data, extra, _, _ = control.recvmsg(65536, socket.CMSG_SPACE(2 * size))
    except OSError:
        return None
    if not data:
        return None
    numbers = array.array("i")
    for level, kind, content in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(content[: len(content) - len(content) % size])
    return json.loads(data), list(numbers)


def main() -> None:
    """Serve until the control socket closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    walls = sys.argv[3] == "walls"
    warm.imports(sys.argv[2].split(","))
    from course_utils.grading.candidate import agent

    told = receive(control)
    if told is None:
        return
    warm.imports(told[0]["imports"])

    agent.prepare()
    gc.collect()
    gc.freeze()  # so that collecting in a candidate does not copy what it shares
    trouble = _try_walls() if walls else ""
    threads = len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 1  # noqa: PTH208
    control.sendall(json.dumps({"trouble": trouble, "threads": threads}).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (request := receive(control)) is not None:
        limits, numbers = request
        with contextlib.suppress(OSError):  # no process to be had: the asker hears that it ended
            if len(numbers) == 2 and os.fork() == 0:
                _keep(control, limits, numbers, walls, agent.serve)
        for number in numbers:
            os.close(number)


def _keep(
    control: socket.socket, limits: dict[str, Any], numbers: list[int], walls: bool, serve: Any
) -> None:
    """Be the keeper of one candidate. Never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        lifeline = socket.socket(fileno=numbers[1])
        keeper.keep(numbers[0], lifeline, limits, walls, serve)
    except BaseException as error:
        with contextlib.suppress(Exception):
            print(f"keeper: {type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        os._exit(0)


def _try_walls() -> str:
    """Build the walls once for nobody; return what went wrong, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = ""
        try:
            keeper._build(1024 * 1024)
            inner = os.fork()
            if inner == 0:
                from course_utils.grading.sandbox import walls as linux

                try:
                    linux.mount_proc()
                    linux.drop_capabilities()
                    linux.filter_system_calls()
                except OSError as error:
                    os.write(writing, str(error).encode())
                os._exit(0)
            os.waitpid(inner, 0)
        except OSError as error:
            said = str(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        trouble = pipe.read().decode()
    os.waitpid(child, 0)
    return trouble


if __name__ == "__main__":
    main()
