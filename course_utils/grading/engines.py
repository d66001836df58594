"""What grades a notebook, here or on another machine: engines, and what makes them.

Light on purpose: nothing of nbgrader is imported, so that an engine can start while the rest is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from course_utils.errors import CourseError
from course_utils.grading.job import Job, Result, quarantined

if TYPE_CHECKING:
    from course_utils.grading.engine import Engine as RealEngine


class Engine(Protocol):
    """Grades notebooks: course_utils.grading.engine.Engine, or a stand-in."""

    def grade(self, job: Job) -> Result:
        """Grade one notebook; called from several threads at once."""
        ...

    def close(self) -> None:
        """End every process that it has started."""
        ...


class Engines(Protocol):
    """Makes engines, here or on another machine: plain data, so that it can travel."""

    @property
    def version(self) -> str:
        """The version of the grading rules."""
        ...

    def imports(self, job: Job) -> tuple[str, ...]:
        """Return the modules that the notebook of a job imports."""
        ...

    def make(self, imports: Sequence[str]) -> Engine:
        """Start an engine that has imported these."""
        ...

    def share(self, imports: Sequence[str], run: str) -> Engine:
        """Return the engine of this machine for a run, for one of several processes."""
        ...


@dataclass(frozen=True)
class SandboxedEngines:
    """The real engines. `sandbox="none"` grades without any protection."""

    sandbox: str = "auto"
    container: str = ""

    @property
    def version(self) -> str:
        """The version of the grading rules."""
        from course_utils.grading.engine import VERSION

        return VERSION

    def imports(self, job: Job) -> tuple[str, ...]:
        """Return the modules that the released notebook imports."""
        from course_utils.grading.engine import warm_imports

        return warm_imports([job])

    def make(self, imports: Sequence[str]) -> RealEngine:
        """Start an engine; raises a CourseError where there is no sandbox."""
        from course_utils.datasets import cache
        from course_utils.grading.engine import Engine as RealEngine

        return RealEngine(
            imports, sandbox=self.sandbox, container=self.container, data=cache.folder()
        )

    def share(self, imports: Sequence[str], run: str) -> Engine:
        """Return the engine of this machine for a run; start it if no other process has."""
        from course_utils.grading.host import HostEngine

        return HostEngine(run, lambda: self.make(imports))


@dataclass(frozen=True)
class Begun:
    """Engines of which one is starting already, while others still read what is to be graded."""

    sandbox: str
    engine: RealEngine

    @property
    def version(self) -> str:
        """The version of the grading rules."""
        return SandboxedEngines().version

    def imports(self, job: Job) -> tuple[str, ...]:
        """Return the modules that the released notebook imports."""
        return SandboxedEngines().imports(job)

    def make(self, imports: Sequence[str]) -> Engine:
        """Return the engine that was begun, with these imported; to be called once."""
        self.engine.warm(imports)
        return self.engine

    def share(self, imports: Sequence[str], run: str) -> Engine:
        """Return the engine that was begun: it is this process's alone."""
        return self.make(imports)

    def fits(self, engines: SandboxedEngines) -> bool:
        """Whether `engines` would make such an engine, too."""
        if self.sandbox == "none" or engines.sandbox == "none":
            return self.sandbox == engines.sandbox
        return engines.sandbox == "bubblewrap" or (
            engines.sandbox == "auto" and not engines.container
        )

    def close(self) -> None:
        """End the engine; it may have been ended already."""
        self.engine.close()


def begin(sandbox: str = "auto") -> Begun | None:
    """Begin to start an engine; None where there is no such sandbox: `make` says what is wrong."""
    from course_utils.datasets import cache
    from course_utils.grading.engine import Engine as RealEngine

    try:
        return Begun(sandbox, RealEngine(None, sandbox=sandbox, data=cache.folder()))
    except (CourseError, OSError):
        return None


def grade_all(engine: Engine, jobs: Sequence[Job]) -> list[Result]:
    """Grade the notebooks of one submission. A failure of ours becomes a quarantined result."""
    results = []
    for job in jobs:
        try:
            results.append(engine.grade(job))
        except Exception as error:  # one submission must not end the class
            reason = (
                f"The grader itself failed ({type(error).__name__}: {error}). Grade it again; if "
                "it fails again, report it."
            )
            results.append(quarantined(job, reason))
    return results
