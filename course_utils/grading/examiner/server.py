"""The warm process of the examiner: it imports once and forks a child for each job.

Run as `python -m course_utils.grading.examiner.server FD IMPORTS`. Over the local socket FD comes
first what else to import and where candidates come from, then descriptors; over each of those one
job, and back one result. A child per job keeps jobs
apart: what a test cell leaves behind ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable

from course_utils import startup
from course_utils.grading import wire
from course_utils.grading.job import Job, Result, quarantined
from course_utils.grading.sandbox import keeper, walls, warm
from course_utils.grading.sandbox.forkserver import receive
from course_utils.grading.sandbox.spawn import Spawner

_JOB = 1024**3
_VERSIONS = ((4, 5), (4, 4), (4, 2), (4, 0))
"""Of notebooks, as JupyterLab, VS Code and Colab write them."""


def main() -> None:
    """Serve until the control socket closes."""
    startup.skip_address_grammar()
    from course_utils.grading.examiner.examine import examine

    from nbformat.validator import get_validator

    control = socket.socket(fileno=int(sys.argv[1]))
    always = sys.argv[2].split(",")
    warm.imports([*always, "course_utils.checks", "course_utils.datasets"], first_use=False)
    for version in _VERSIONS:  # each is compiled at its first use, else by every child anew
        get_validator(*version)
    told = receive(control)
    if told is None:
        return
    options, _ = told
    warm.imports(options["imports"], first_use="torch.optim" in options["imports"])
    spawner = Spawner(**{**options["spawner"], "imports": tuple(options["imports"])})
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (request := receive(control)) is not None:
        _, numbers = request
        with contextlib.suppress(OSError):  # no process to be had: the asker hears that it ended
            if numbers and os.fork() == 0:
                _grade(control, numbers[0], lambda job: examine(job, spawner))
        for number in numbers:
            os.close(number)


def _grade(control: socket.socket, number: int, examine: Callable[[Job], Result]) -> None:
    """Grade one job. Never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            walls.die_with_parent()
        line = wire.Line(number)
        job = Job.from_data(wire.loads(line.receive(_JOB, 60.0)))
        _limit(job)
        try:
            result = examine(job)
        except BaseException as error:
            result = quarantined(
                job, f"Grading stopped with {type(error).__name__}: {error}. Report this as a bug."
            )
        with contextlib.suppress(wire.WireError):
            line.send(wire.dumps(result.to_data()), 60.0)
    finally:
        os._exit(0)


def _limit(job: Job) -> None:
    """Limit this process too: a test may do much work on little data of a student."""
    walls.limit(resource.RLIMIT_CPU, int(job.limits.notebook_seconds) + 120)
    if sys.platform == "linux":
        room = 1024**3 + 2 * job.limits.memory
        walls.limit(resource.RLIMIT_DATA, keeper.data_size() + room)


if __name__ == "__main__":
    main()
