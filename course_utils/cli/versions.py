"""Compare what is installed with requirements.lock."""

from __future__ import annotations

import importlib.metadata as metadata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.cli.findings import Finding, ok, problem, warning

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

COURSE = "build-deep"
SHOWN = 8  # further differences are counted
Installed = Callable[[str], str | None]
Requires = Callable[[str], list[str]]


@dataclass(frozen=True)
class Pin:
    """One line of the lock that holds for this machine."""

    name: str
    version: Version


class BadLockError(ValueError):
    """A line of the lock is not NAME==VERSION."""


def read_lock(path: Path) -> list[Pin]:
    """Return the pins whose environment marker holds here; raise BadLockError for another line."""
    pins = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith(("#", "--")):
            continue
        try:
            requirement = Requirement(text)
            (exact,) = requirement.specifier
            if exact.operator != "==":
                raise InvalidVersion(text)
            version = Version(exact.version)
        except (InvalidRequirement, InvalidVersion, ValueError):
            raise BadLockError(
                f"line {number} of {path.name} is not NAME==VERSION: {text}"
            ) from None
        if requirement.marker is None or requirement.marker.evaluate():
            pins.append(Pin(canonicalize_name(requirement.name), version))
    return pins


def installed_version(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def requires(name: str) -> list[str]:
    """Return the requirements that an installed package declares."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def ranges(root: str = COURSE, requires: Requires = requires) -> dict[str, SpecifierSet]:
    """Return every package a learner needs, with the versions that its users accept.

    These are the requirements of the course, without its extras, and theirs in turn.
    """
    found: dict[str, SpecifierSet] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(root, "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in requires(name):
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            needed = canonicalize_name(requirement.name)
            found[needed] = found.get(needed, SpecifierSet()) & requirement.specifier
            waiting += [(needed, option) for option in ("", *requirement.extras)]
    return found


def version_findings(
    lock: Path,
    installed: Installed = installed_version,
    requires: Requires = requires,
) -> Iterator[Finding]:
    """Yield what differs between the lock and what is installed, the worst first.

    A missing package that a learner needs, or a version outside the ranges that the course and
    its packages accept, is a problem; any other difference is a warning.
    """
    try:
        pins = read_lock(lock)
    except (OSError, UnicodeDecodeError, BadLockError) as error:
        yield problem(
            "versions", f"The lock cannot be read: {error}.", "git checkout -- " + lock.name
        )
        return
    needed = ranges(requires=requires)
    differences = [f for pin in pins if (f := _difference(pin, installed(pin.name), needed))]
    differences.sort(key=lambda finding: finding.status != "problem")
    if not differences:
        yield ok("versions", f"All {len(pins)} packages have the versions of {lock.name}.")
        return
    yield from differences[:SHOWN]
    if len(differences) > SHOWN:
        rest = differences[SHOWN:]
        make = problem if any(f.status == "problem" for f in rest) else warning
        yield make(
            "versions",
            f"{len(rest)} more of the {len(pins)} packages differ from {lock.name}.",
            f"python -m pip install -r {lock.name}",
        )


def _difference(pin: Pin, found: str | None, needed: dict[str, SpecifierSet]) -> Finding | None:
    """Compare one pin; a local part such as the "+cpu" of torch does not count."""
    cure = f"python -m pip install {pin.name}=={pin.version}"
    if found is None:
        if pin.name in needed:
            return problem("versions", f"{pin.name} is not installed.", cure)
        return warning(
            "versions", f"{pin.name} is not installed; building and testing need it.", cure
        )
    try:
        version = Version(found)
    except InvalidVersion:
        return warning("versions", f"{pin.name} has the unreadable version {found}.", cure)
    if version == pin.version or Version(version.public) == pin.version:
        return None
    message = f"{pin.name} {found} is installed, and the lock says {pin.version}."
    accepted = needed.get(pin.name, SpecifierSet())
    if not accepted.contains(Version(version.public), prereleases=True):
        return problem("versions", f"{message} The course needs {accepted}.", cure)
    return warning("versions", f"{message} Results may differ from the book.", cure)
