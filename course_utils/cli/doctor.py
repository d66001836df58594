"""`course doctor`: look at this machine, and say for every problem how it is cured."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils import OLDEST_PYTHON, __version__
from course_utils.cli.findings import Finding, Status, ok, problem, warning, worst
from course_utils.cli.places import clone

import click

if TYPE_CHECKING:
    from course_utils.devices import Description

NEWEST_PYTHON = (3, 13)  # the newest one that all packages of the lock are built for
FULL_DISK, TIGHT_DISK = 0.5e9, 3e9  # bytes
COLOURS: dict[Status, str] = {"ok": "green", "warning": "yellow", "problem": "red"}
Check = Callable[[], Iterable[Finding]]


@click.command(
    epilog="""\b
Examples:
  course doctor                       a report to read
  course doctor --json                the same for a program, or to send to who helps you

Ends with status 1 when something would stop a learner, and 0 otherwise.
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check Python, versions, devices, data, disk, Jupyter and nbgrader."""
    from course_utils.devices import describe

    root = clone()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(describe)  # takes seconds: the other checks run meanwhile
        findings = [finding for check in checks(root) for finding in safely(check)]
        description = asked.result()
    findings += device_findings(description)
    if as_json:
        click.echo(json.dumps(as_dict(findings, description, root), indent=2))
    else:
        report(findings, description)
    if worst(findings) == "problem":
        sys.exit(1)


def checks(root: Path | None) -> list[Check]:
    """Return every check but that of the devices, in the order of the report."""
    from course_utils.cli.jupyter import extension_findings, kernel_findings, program_findings

    return [
        python_findings,
        lambda: lock_findings(root),
        data_findings,
        lambda: disk_findings(root or Path.cwd()),
        kernel_findings,
        extension_findings,
        program_findings,
        lambda: config_findings(root),
    ]


def safely(check: Check) -> list[Finding]:
    """Run a check; one that fails is itself a finding, so that the others are still seen."""
    try:
        return list(check())
    except ImportError as error:
        return [
            problem(
                "versions",
                f"{error.name or error} cannot be imported.",
                "python -m pip install -r requirements.lock",
            )
        ]
    except OSError as error:
        return [
            warning(
                "files",
                f"{error.filename or 'A file'} cannot be read ({error.strerror or error}).",
                "give yourself permission to read it, and run course doctor again",
            )
        ]


def python_findings(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Iterator[Finding]:
    """Yield whether this Python is one that the lock was made for."""
    text = ".".join(map(str, version))
    if version < OLDEST_PYTHON:
        cure = "install Python 3.12, then: make clean-all && make PYTHON=python3.12 setup"
        yield problem("python", f"Python {text} is too old for the course.", cure)
    elif version[:2] > NEWEST_PYTHON:
        cure = "install Python 3.13, then: make clean-all && make PYTHON=python3.13 setup"
        yield warning("python", f"Python {text} is newer than the lock was made for.", cure)
    else:
        yield ok("python", f"Python {text}")


def lock_findings(root: Path | None) -> Iterator[Finding]:
    """Yield how the installed versions compare with the lock of the clone at `root`."""
    from course_utils.cli.versions import version_findings

    if root is None:
        yield warning(
            "versions",
            "This is no clone of the course, so there is no lock to compare the versions with.",
            "change to the folder that you cloned and run course doctor there",
        )
        return
    yield from version_findings(root / "requirements.lock")


def data_findings() -> Iterator[Finding]:
    """Yield whether each data set can be loaded with no network, and whether the cache works."""
    from course_utils.datasets import cache, registry
    from course_utils.datasets.progress import size_text

    entries = registry.entries().values()
    missing = [entry for entry in entries if not cache.present(entry)]
    for entry in missing:
        yield warning(
            "data",
            f"{entry.title} is not on this machine ({size_text(entry.download_size)} to fetch).",
            f"course data fetch {entry.name}",
        )
    if len(missing) < len(entries):
        there = [entry.name for entry in entries if entry not in missing]
        yield ok("data", f"On this machine: {', '.join(there)}.")
    folder = existing(cache.folder())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        yield warning(
            "data",
            f"The folder for data, {cache.folder()}, cannot be written.",
            f"choose another one: export {cache.VARIABLE}=~/course-data",
        )


def disk_findings(root: Path) -> Iterator[Finding]:
    """Yield how much room there is where the course and its data are."""
    from course_utils.datasets import cache

    folders = {"the course": root, "the data": existing(cache.folder())}
    seen: set[int] = set()
    for name, folder in folders.items():
        device = folder.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(folder).free
        message = f"{free / 1e9:.1f} GB free on the disk of {name}"
        cure = "free some space there, or move the course to a larger disk"
        if free < FULL_DISK:
            yield problem("disk", f"Only {message}.", cure)
        elif free < TIGHT_DISK:
            yield warning("disk", f"Only {message}; all data sets may not fit.", cure)
        else:
            yield ok("disk", message)


def config_findings(root: Path | None) -> Iterator[Finding]:
    """Yield whether nbgrader's configuration is where nbgrader looks for it."""
    if root is None:
        return
    if not (root / "nbgrader_config.py").is_file():
        yield warning(
            "nbgrader",
            f"nbgrader_config.py is missing in {root}; nbgrader does not know the course.",
            "git checkout -- nbgrader_config.py",
        )
    else:
        yield ok("nbgrader", "nbgrader_config.py found.")


def device_findings(description: Description) -> Iterator[Finding]:
    """Yield which framework cannot be used, and why a GPU is not."""
    for framework in description.frameworks:
        if framework.version is None:
            name = framework.name
            cure = f"python -m pip install --force-reinstall --no-deps {name.lower()}"
            if name == "PyTorch":
                cure = cure.replace("pytorch", "torch")
            yield problem("devices", f"{name} cannot be used: {framework.problem}.", cure)
    for note in description.notes:
        # The last sentence of a note is its way out.
        message, _, cure = note.removesuffix(".").rpartition(". ")
        yield (
            warning("devices", f"{message}.", cure)
            if message
            else warning("devices", note, "the course runs on the processor too")
        )
    if not description.notes:
        used = [a.kind for f in description.frameworks for a in f.accelerators]
        yield ok("devices", f"Computing on {', '.join(dict.fromkeys(used)) or 'the processor'}.")


def report(findings: list[Finding], description: Description) -> None:
    """Print the table of the machine, one line per finding, and a closing line."""
    click.echo(f"Build Deep {__version__}\n\n{description!r}\n")
    for finding in findings:
        status = click.style(f"{finding.status:<8}", fg=COLOURS[finding.status], bold=True)
        click.echo(f"{status} {finding.line}")
    problems = sum(finding.status == "problem" for finding in findings)
    warnings = sum(finding.status == "warning" for finding in findings)
    if problems:
        closing = f"{_count(problems, 'problem')} to repair before you start"
    else:
        closing = "Everything a learner needs is here"
    also = f"; {_count(warnings, 'warning')}" if warnings else ""
    click.echo(f"\n{closing}{also}.")


def as_dict(
    findings: list[Finding], description: Description, root: Path | None
) -> dict[str, object]:
    """Return the report as plain data."""
    return {
        "course": __version__,
        "clone": str(root) if root else None,
        "status": worst(findings),
        "findings": [asdict(finding) for finding in findings],
        "devices": description.as_dict(),
    }


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
