"""How the examiner asks for a candidate, whatever kind of sandbox there is."""

from __future__ import annotations

import array
import contextlib
import dataclasses
import json
import os
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from course_utils.grading.job import Limits
from course_utils.grading.sandbox.keeper import Ending
from course_utils.grading.wire import Line


@dataclass
class Spawned:
    """A candidate that runs: the line to it, and the lifeline to its keeper."""

    line: Line
    lifeline: socket.socket

    def end(self, seconds: float = 3.0) -> Ending:
        """End the candidate, if it has not ended; return how it did. Nothing of it is left."""
        with contextlib.suppress(OSError):
            self.lifeline.shutdown(socket.SHUT_WR)
        return self.ended(seconds)

    def finish(self) -> Ending:
        """Let the candidate end by itself, as it does when nobody asks any more."""
        self.line.close()
        return self.ended(0.5, "asked")

    def ended(self, seconds: float, otherwise: str = "") -> Ending:
        """Wait for the keeper's last word; close everything."""
        self.lifeline.settimeout(seconds)
        found = b""
        with contextlib.suppress(OSError):
            while part := self.lifeline.recv(4096):
                found += part
        self.lifeline.close()
        self.line.close()
        try:
            return Ending(**json.loads(found))
        except (ValueError, TypeError):
            return Ending(otherwise)


@dataclass(frozen=True)
class Spawner:
    """Where candidates come from: a warm process (`control`), or a command for each of them."""

    kind: str  # "warm", "single" or "container"
    control: int = -1
    imports: tuple[str, ...] = ()
    data: str = ""
    container: str = ""

    def spawn(self, limits: Limits) -> Spawned:
        """Start a candidate. Raises OSError when that fails."""
        if self.kind == "warm":
            return self._fork(limits)
        return self._start(limits)

    def _fork(self, limits: Limits) -> Spawned:
        ours, theirs = socket.socketpair()
        lifeline, kept = socket.socketpair()
        with theirs, kept:
            numbers = array.array("i", [theirs.fileno(), kept.fileno()])
            control = socket.socket(fileno=os.dup(self.control))
            with control:
                control.sendmsg(
                    [json.dumps(dataclasses.asdict(limits)).encode()],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)],
                )
        return Spawned(Line(ours.detach()), lifeline)

    def _start(self, limits: Limits) -> Spawned:
        """Start a process of its own, watched from outside (see `single`)."""
        ours, theirs = socket.socketpair()
        lifeline, kept = socket.socketpair()
        options: dict[str, Any] = {
            "kind": self.kind,
            "imports": list(self.imports),
            "data": self.data,
            "container": self.container,
            "limits": dataclasses.asdict(limits),
        }
        with theirs, kept:
            program = [sys.executable, "-m", "course_utils.grading.sandbox.single"]
            subprocess.Popen(
                [*program, str(theirs.fileno()), str(kept.fileno()), json.dumps(options)],
                pass_fds=(theirs.fileno(), kept.fileno()),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return Spawned(Line(ours.detach()), lifeline)


def container_command(template: str, name: str, limits: Limits, imports: str) -> list[str]:
    """Fill in the configured command: {name}, {memory}, {processes} and {agent} are replaced.

    For instance `docker run --rm -i --name {name} --network none --read-only --tmpfs /tmp
    --memory {memory} --pids-limit {processes} --cap-drop ALL image {agent}`.
    """
    agent = ["python", "-m", "course_utils.grading.candidate.agent", "-", "-", imports]
    found: list[str] = []
    for word in shlex.split(template):
        if word == "{agent}":
            found += agent
        else:
            found.append(
                word.replace("{name}", name)
                .replace("{memory}", str(limits.memory))
                .replace("{processes}", str(limits.processes))
            )
    return found
