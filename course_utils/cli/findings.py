"""What `course doctor` found: one line each, a problem always with its cure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    A "problem" would stop a learner; a "warning" would stop something less, and says what.
    `cure` is what to do or to type; only "ok" has none.
    """

    about: str
    status: Status
    message: str
    cure: str = ""

    def __post_init__(self) -> None:
        if (self.status == "ok") == bool(self.cure):
            raise ValueError(f"a finding has a cure exactly when it is not ok: {self}")

    @property
    def line(self) -> str:
        """The finding and its cure on one line."""
        return f"{self.message} Cure: {self.cure}" if self.cure else self.message


def ok(about: str, message: str) -> Finding:
    """Make a finding that needs nothing."""
    return Finding(about, "ok", message)


def warning(about: str, message: str, cure: str) -> Finding:
    """Make a finding that a learner can live with."""
    return Finding(about, "warning", message, cure)


def problem(about: str, message: str, cure: str) -> Finding:
    """Make a finding that would stop a learner."""
    return Finding(about, "problem", message, cure)


def worst(findings: Iterable[Finding]) -> Status:
    """Return the worst status among the findings; "ok" when there are none."""
    found = {finding.status for finding in findings}
    return "problem" if "problem" in found else "warning" if "warning" in found else "ok"
