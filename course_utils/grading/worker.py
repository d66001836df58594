"""What `course grade --scheduler` does on a worker of a Dask cluster.

The worker processes of a machine share one engine for each run. Nothing of nbgrader is imported
here: a worker has no gradebook.
"""

from __future__ import annotations

import atexit
import importlib.metadata as metadata
import platform
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils import __version__
from course_utils.errors import CourseError
from course_utils.grading.engines import Engine, Engines, grade_all
from course_utils.grading.job import Job

PACKAGES = ("numpy", "torch", "tensorflow")
SAME = (
    "Grades would depend on the machine. Install the same requirements.lock on every worker, "
    "restart them, and run the command again."
)


class ClusterError(CourseError):
    """The cluster cannot be used, or was lost."""

    exit_code = 2


def versions(engines: Engines) -> dict[str, str]:
    """Return what has to be the same on all machines, so that all students are graded alike."""
    found = {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "course_utils": __version__,
        "grading rules": engines.version,
    }
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name).partition("+")[0]  # "+cpu" is the same version
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def differences(home: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Say how the versions on a worker differ from ours; empty when they do not."""
    parts = [
        f"{name} {there.get(name, 'none')} instead of {version}"
        for name, version in home.items()
        if there.get(name) != version
    ]
    return ", ".join(parts)


_engines: dict[str, Engine] = {}
_lock = threading.Lock()


def _engine(run: str, engines: Engines, imports: Sequence[str], home: Mapping[str, str]) -> Engine:
    """Return the engine for a run; start it, or find that of this machine, at the first call."""
    with _lock:
        if run not in _engines:
            different = differences(home, versions(engines))
            if different:  # a worker that came after the check at the start
                raise ClusterError(f"A worker joined that has {different}. {SAME}")
            _engines[run] = engines.share(tuple(imports), run)
        return _engines[run]


def close(run: str | None = None) -> None:
    """Close the engine of a run, or all."""
    with _lock:
        names = list(_engines) if run is None else [run]
        closing = [_engines.pop(name) for name in names if name in _engines]
    for engine in closing:
        engine.close()


atexit.register(close)


def work(
    run: str,
    engines: Engines,
    imports: Sequence[str],
    home: Mapping[str, str],
    jobs: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Grade one submission on a worker."""
    engine = _engine(run, engines, imports, home)
    return [result.to_data() for result in grade_all(engine, [Job.from_data(j) for j in jobs])]
