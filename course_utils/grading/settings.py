"""What an instructor can set about grading, in nbgrader_config.py: `c.Grading.memory_mb = 4096`."""

from __future__ import annotations

from course_utils.grading.job import Limits

from traitlets import Enum, Float, Integer, Unicode
from traitlets.config import Config, Configurable

_USUAL = Limits()


class Grading(Configurable):
    """Limits and sandbox of the autograder, the same for nbgrader and `course grade`."""

    cell_seconds = Float(_USUAL.cell_seconds, help="Time for one cell of a student.").tag(
        config=True
    )
    test_seconds = Float(
        _USUAL.test_seconds, help="Time for one test cell, with all that it asks of the answer."
    ).tag(config=True)
    notebook_seconds = Float(_USUAL.notebook_seconds, help="Time for a whole notebook.").tag(
        config=True
    )
    memory_mb = Integer(
        _USUAL.memory // 1024**2, help="Memory for one submission, beyond imported libraries."
    ).tag(config=True)
    disk_mb = Integer(
        _USUAL.disk // 1024**2, help="What one submission may write; it is kept in memory."
    ).tag(config=True)
    processes = Integer(_USUAL.processes, help="Processes and threads of one submission.").tag(
        config=True
    )
    restarts = Integer(
        _USUAL.restarts, help="Fresh processes for a submission whose process died."
    ).tag(config=True)
    sandbox = Enum(
        ("auto", "bubblewrap", "container", "none"),
        "auto",
        help="Where answers run. 'none' gives them all that you may do: for code you trust.",
    ).tag(config=True)
    container = Unicode(
        "",
        help="Command that starts a candidate in a container, for instance: docker run --rm -i "
        "--name {name} --network none --read-only --tmpfs /tmp --memory {memory} "
        "--pids-limit {processes} --cap-drop ALL build-deep {agent}",
    ).tag(config=True)

    def limits(self) -> Limits:
        """Return the limits of one candidate."""
        return Limits(
            memory=self.memory_mb * 1024**2,
            processes=self.processes,
            disk=self.disk_mb * 1024**2,
            cell_seconds=self.cell_seconds,
            test_seconds=self.test_seconds,
            notebook_seconds=self.notebook_seconds,
            restarts=self.restarts,
        )


def settings(config: Config) -> Grading:
    """Read what a loaded configuration says about grading."""
    return Grading(config=config)
