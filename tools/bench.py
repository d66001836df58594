"""Measure speed and memory. Nothing here passes or fails; read it side by side, in one run.

    make bench                                 # everything, a few minutes
    python tools/bench.py data book            # some sections

Sections: start (commands and imports), data (loading), chapters (running each anew), book (building
the site, page weight), grading (nbgrader, a solved submission of each assignment).
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

console = Console()


def seconds_of(command: list[str], repeat: int = 5) -> list[float]:
    """Run a command `repeat` times; return the wall times in seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return times


def spread(times: list[float]) -> str:
    """Write the median and the range: these machines are shared, one number would mislead."""
    return f"{statistics.median(times):.2f} ({min(times):.2f}–{max(times):.2f})"


def start() -> Table:
    """Time what a learner waits for before anything happens."""
    table = Table("start-up", "seconds, median of 5 (range)", title="Start-up")
    python = [sys.executable, "-c"]
    for name, command in {
        "python alone": [*python, "pass"],
        "import numpy": [*python, "import numpy"],
        "import course_utils.datasets, .devices, .checks": [
            *python,
            "from course_utils import datasets, devices, checks",
        ],
        "course --help": [sys.executable, "-m", "course_utils", "--help"],
    }.items():
        table.add_row(name, spread(seconds_of(command)))
    return table


LOAD = """\
import json, pathlib, resource, sys, time
from course_utils import datasets
name, start = sys.argv[1], time.perf_counter()
datasets.load(name)
first = time.perf_counter() - start
start = time.perf_counter()
datasets.load(name)
again = time.perf_counter() - start
status = pathlib.Path("/proc/self/status")  # ru_maxrss of a forked child can be its parent's
if status.exists():
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
else:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
print(json.dumps([first, again, peak]))
"""


def data() -> Table:
    """Time loading each data set that is on this machine, each in a process of its own."""
    from course_utils.datasets import cache, registry

    table = Table("data set", "first load (s)", "again (s)", "peak memory (MB)", title="Data")
    for name, entry in registry.entries().items():
        try:
            cache.read(entry)
        except Exception as error:
            table.add_row(name, str(error), "", "")
            continue
        runs = []
        for _ in range(5):
            done = subprocess.run(
                [sys.executable, "-c", LOAD, name], capture_output=True, text=True, check=True
            )
            runs.append(json.loads(done.stdout))
        first, again, peak = (statistics.median(column) for column in zip(*runs, strict=True))
        table.add_row(name, f"{first:.3f}", f"{again:.3f}", f"{peak:.0f}")
    return table


def chapters() -> Table:
    """Run every chapter anew and show its record."""
    subprocess.run([sys.executable, "tools/execute.py", "book", "--force"], cwd=ROOT, check=True)
    runs = json.loads((ROOT / "_build" / "executed" / "runs.json").read_text())
    table = Table("chapter", "seconds", "peak memory (MB)", "device", title="Chapters")
    for name, run in sorted(runs.items()):
        if "/" not in name:
            device = f"{run['device']}, {run['cores']} cores"
            table.add_row(name, f"{run['seconds']:.1f}", str(run["peak_mb"]), device)
    return table


def book() -> Table:
    """Time building the site from the executed copies, and weigh its pages."""
    build = [sys.executable, "tools/build_site.py"]
    table = Table("book", "value", title="Book")
    table.add_row(
        "whole site, from executed copies (s)", spread(seconds_of([*build, "--force"], 3))
    )
    table.add_row("nothing changed (s)", spread(seconds_of(build, 3)))
    site = ROOT / "_build" / "site"
    shared = sum(
        len(gzip.compress(f.read_bytes()))
        for f in (site / "assets").rglob("*")
        if f.suffix in {".css", ".js"}
    )
    table.add_row("style sheets and scripts, all, compressed (KB)", f"{shared / 1024:.0f}")
    for page in sorted(site.glob("*.html")):
        raw = page.read_bytes()
        weight = f"{len(gzip.compress(raw)) / 1024:.0f} of {len(raw) / 1024:.0f}"
        table.add_row(f"{page.relative_to(site)}, compressed of whole (KB)", weight)
    return table


def grading(submissions: int = 4) -> Table:
    """Time `nbgrader autograde` on solved submissions, one at a time, start-up included."""
    from tools.grade_demo import read_assignment, solve
    from tools.scratch_course import ScratchCourse

    table = Table(
        "assignment", "seconds a submission", title=f"nbgrader, {submissions} submissions"
    )
    for source in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        assignment = read_assignment(source)
        with tempfile.TemporaryDirectory() as scratch:
            course = ScratchCourse(Path(scratch))
            course.create([source.parent], cell_seconds=60)
            name = source.stem
            course.nbgrader("generate_assignment", name)
            course.nbgrader("release_assignment", name)
            for number in range(submissions):
                student = course.student(f"student{number}")
                student.fetch(name)
                student.edit(name, functools.partial(solve, assignment=assignment))
                student.submit(name)
            course.nbgrader("collect", name)
            begin = time.perf_counter()
            course.nbgrader("autograde", name)
            table.add_row(name, f"{(time.perf_counter() - begin) / submissions:.2f}")
    return table


SECTIONS: dict[str, Callable[[], Table]] = {
    "start": start,
    "data": data,
    "chapters": chapters,
    "book": book,
    "grading": grading,
}


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on."""
    import psutil

    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?",
        "python": platform.python_version(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog="example: python tools/bench.py data"
    )
    parser.add_argument("sections", nargs="*", help=f"some of: {', '.join(SECTIONS)}")
    chosen = parser.parse_args().sections or list(SECTIONS)
    if unknown := [s for s in chosen if s not in SECTIONS]:
        parser.error(f"no section {unknown[0]!r}; choose from {', '.join(SECTIONS)}")
    console.print(", ".join(f"{k} {v}" for k, v in machine().items()), highlight=False)
    for name in chosen:
        console.print(SECTIONS[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
