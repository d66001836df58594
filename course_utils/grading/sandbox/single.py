"""Starts and watches one candidate that is no fork of a warm process.

For machines where a sandbox cannot be nested in another (one bubblewrap for each candidate), and
for the configured container command. Slower, since each candidate imports its libraries itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import socket
import subprocess
import sys
from typing import Any

from course_utils.grading.job import Limits
from course_utils.grading.sandbox.keeper import Ending, memory
from course_utils.grading.sandbox.spawn import container_command

import psutil


def main() -> None:
    """`python -m course_utils.grading.sandbox.single CHANNEL LIFELINE OPTIONS`."""
    channel, lifeline = int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    options: dict[str, Any] = json.loads(sys.argv[3])
    limits = Limits(**options["limits"])
    imports = ",".join(options["imports"])
    stop: list[str] = []
    if options["kind"] == "container":
        name = f"candidate-{secrets.token_hex(8)}"
        argv = container_command(options["container"], name, limits, imports)
        stop = [argv[0], "kill", name]
        child = subprocess.Popen(argv, stdin=channel, stdout=channel, stderr=subprocess.DEVNULL)
    else:
        argv = [sys.executable, "-m", "course_utils.grading.sandbox.bubblewrap", options["data"]]
        argv += ["alone", sys.executable, "-m", "course_utils.grading.sandbox.alone"]
        argv += [str(channel), imports, json.dumps(options["limits"])]
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(channel,)
        )
    os.close(channel)
    ending = _watch(child, lifeline, limits, stop)
    with contextlib.suppress(OSError):
        lifeline.sendall(json.dumps(ending.to_data()).encode())


def _watch(
    child: subprocess.Popen[bytes], lifeline: socket.socket, limits: Limits, stop: list[str]
) -> Ending:
    peak, reason = 0, ""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN | select.POLLHUP)
    while child.poll() is None:
        if poll.poll(50):
            reason = "asked"
        elif not stop:
            used = _used(child.pid)
            peak = max(peak, used)
            reason = "memory" if used > limits.memory else ""
        if reason:
            if stop:
                subprocess.run(stop, capture_output=True, check=False)
            child.kill()  # bubblewrap's own child dies with it, and all behind it
            child.wait()
            break
    code = child.returncode or 0
    return Ending(reason, max(code, 0), max(-code, 0), peak)


def _used(number: int) -> int:
    """Bytes of memory that the sandbox uses, shared memory and what it imported included."""
    with contextlib.suppress(psutil.Error):
        found = [child.pid for child in psutil.Process(number).children(recursive=True)]
        return memory(found)
    return 0


if __name__ == "__main__":
    main()
