"""Measure grading: plain nbgrader, nbgrader with our plugins, and `course grade`, in one run.

    make bench-grading                                      # everything, about 20 minutes
    python tools/bench_grading.py --students 12 --no-big    # a quick look
    python tools/bench_grading.py --assignment 02-toolbox --no-dask

For each assignment a class of honest students is generated from the right and wrong answers in
tests/answers/, handed in, and graded three times from the same start; scores are compared cell by
cell. Then the same class over two Dask workers on this machine, and a class of 1,000 on this
machine alone. Nothing here passes or fails; read it side by side.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import nbformat  # noqa: E402
import psutil  # noqa: E402
from nbgrader.api import Gradebook  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from tools import answers, bench_assignment, notebooks  # noqa: E402
from tools.scratch_course import ScratchCourse  # noqa: E402

console = Console(width=100)
ASSIGNMENTS = ("02-toolbox", bench_assignment.NAME)
WRONG = 0.3  # share of wrong answers in the class
PLAIN = """
c = get_config()
c.CourseDirectory.course_id = "build-deep"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.Execute.timeout = 120
"""


@dataclass
class Run:
    """One way of grading a class: wall seconds, peak memory of all processes, scores by cell."""

    way: str
    seconds: float
    memory: int
    scores: dict[tuple[str, str], float | None]
    students: int
    first: float = 0.0  # seconds until the first submission is graded, where it is known


def known(name: str) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, str]]:
    """Right, wrong and own answers of an assignment: task → texts of the solution cell."""
    if name == bench_assignment.NAME:
        return bench_assignment.answers()
    source = notebooks.read(ROOT / "solutions" / name / f"{name}.ipynb")
    right, wrong = answers.load(ROOT / "tests/answers" / f"{name}.py")
    own = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in source.cells
        if notebooks.is_solution(cell)
    }
    texts = [{task: [a.source for a in found] for task, found in t.items()} for t in (right, wrong)]
    return texts[0], texts[1], own


def hand_in(folder: Path, name: str, released: Path, count: int, seed: int = 0) -> None:
    """Write submissions of `count` students: each task right or wrong, by a fixed lot."""
    rng = random.Random(seed)
    public = notebooks.read(released)
    right, wrong, own = known(name)
    for number in range(count):
        nb = nbformat.from_dict(json.loads(json.dumps(public)))
        for cell in nb.cells:
            task = notebooks.nbgrader_of(cell).get("grade_id", "")
            if not notebooks.is_solution(cell):
                continue
            if rng.random() < WRONG and wrong.get(task):
                cell.source = rng.choice(wrong[task])
            elif right.get(task) and rng.random() < 0.5:
                cell.source = rng.choice(right[task])
            else:
                cell.source = own.get(task, cell.source)
        place = folder / f"student{number:04}" / name
        place.mkdir(parents=True)
        nbformat.write(nb, place / f"{name}.ipynb")


def course_for(root: Path, name: str, plain: bool = False) -> ScratchCourse:
    """Make a course with the assignment generated."""
    course = ScratchCourse(root)
    source = ROOT / "solutions" / name
    if name == bench_assignment.NAME:
        source = bench_assignment.write(root / "source")
    course.create([source], cell_seconds=120)
    if plain:
        (course.course / "nbgrader_config.py").write_text(PLAIN)
    course.nbgrader("generate_assignment", name)
    return course


def released(course: ScratchCourse, name: str) -> Path:
    """The notebook that students of this course got."""
    return course.course / "exercises" / name / f"{name}.ipynb"


def scores(course: ScratchCourse, name: str) -> dict[tuple[str, str], float | None]:
    """The automatic score of each student's code cells."""
    found = {}
    with Gradebook(course.db_url, "build-deep") as gradebook:
        for submission in gradebook.assignment_submissions(name):
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    if grade.cell_type == "code":
                        found[submission.student.id, grade.name] = grade.auto_score
    return found


@contextlib.contextmanager
def watched(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Sample the memory (PSS where the system tells it) of a process and all below it."""
    samples: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            total = 0
            with contextlib.suppress(psutil.Error):
                main = psutil.Process(process.pid)
                for one in [main, *main.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        info = one.memory_full_info()
                        total += getattr(info, "pss", info.rss)
            samples.append(total)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def timed(course: ScratchCourse, way: str, argv: list[str], name: str, count: int) -> Run:
    """Run one command that grades the class."""
    begun = time.perf_counter()
    with (course.root / f"{way.replace(' ', '-')}.log").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=course.course, env=course.environment(), stdout=log, stderr=log
        )
        with watched(process) as samples:
            process.wait()
    seconds = time.perf_counter() - begun
    if process.returncode not in (0, 1):
        tail = Path(log.name).read_text(errors="replace")[-1500:]
        sys.exit(f"{' '.join(argv)} ended with status {process.returncode}:\n{tail}")
    halves = [samples[: len(samples) // 2], samples[len(samples) // 2 :]]
    if count >= 500 and all(halves):
        first, second = (statistics.median(half) / 1024**2 for half in halves)
        console.print(f"  memory: median {first:.0f} MB in the first half, {second:.0f} MB after")
    return Run(way, seconds, max(samples, default=0), scores(course, name), count)


def candidates(course: ScratchCourse, name: str) -> str:
    """Memory of candidates beyond what they share, from the stored results."""
    found = []
    for path in (course.course / "grading" / name / "results").glob("*.json"):
        for notebook in json.loads(path.read_text())["notebooks"]:
            found.append(notebook["memory"] / 1024**2)
    if not found:
        return "no results"
    return f"median {statistics.median(found):.0f} MB, most {max(found):.0f} MB"


def compare(one: Run, other: Run) -> str:
    """Say whether two runs gave the same scores."""
    keys = one.scores.keys() | other.scores.keys()
    different = [key for key in keys if one.scores.get(key) != other.scores.get(key)]
    if not different:
        return f"identical in all {len(keys)} cells"
    student, cell = sorted(different)[0]
    return (
        f"{len(different)} of {len(keys)} differ, for instance {cell} of {student}: "
        f"{one.scores.get((student, cell))} and {other.scores.get((student, cell))}"
    )


def command(*words: str) -> list[str]:
    """The course command in this environment."""
    return [str(Path(sys.executable).parent / "course"), *words]


def bench(name: str, count: int, root: Path, dask: bool) -> None:
    """Grade one class in every way, and print the table."""
    nbgrader = [sys.executable, "-m", "nbgrader", "autograde", name]
    runs = []
    for way, plain, argv in (
        ("plain nbgrader", True, nbgrader),
        ("nbgrader with our plugins", False, nbgrader),
        ("course grade", False, command("grade", name, "--seed", "1")),
    ):
        console.print(f"{name}: {way} …")
        course = course_for(root / way.replace(" ", "-"), name, plain)
        hand_in(course.course / "submitted", name, released(course, name), count)
        runs.append(timed(course, way, argv, name, count))
        memory = candidates(course, name)
    if dask:
        console.print(f"{name}: course grade over two Dask workers …")
        course = course_for(root / "dask", name)
        hand_in(course.course / "submitted", name, released(course, name), count)
        with cluster(course) as address:
            argv = command("grade", name, "--seed", "1", "--scheduler", address)
            runs.append(timed(course, "course grade, 2 Dask workers", argv, name, count))
    table = Table(title=f"{name}: {count} submissions")
    for head in ("way", "seconds", "per submission", "times as fast", "peak memory", "scores"):
        table.add_column(head, justify="left" if head in ("way", "scores") else "right")
    for run in runs:
        table.add_row(
            run.way,
            f"{run.seconds:.1f}",
            f"{run.seconds / run.students:.3f} s",
            f"{runs[0].seconds / run.seconds:.1f}",
            f"{run.memory / 1024**2:.0f} MB",
            "" if run is runs[0] else compare(runs[0], run),
        )
    console.print(table)
    console.print(f"Memory of a candidate beyond what it shares: {memory}\n")


@contextlib.contextmanager
def cluster(course: ScratchCourse) -> Iterator[str]:
    """A Dask scheduler with two workers of one thread each, as processes of this machine."""
    environment = course.environment()
    address = course.root / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    dask += ["--port", "0", "--no-dashboard", "--scheduler-file", str(address)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    running = [subprocess.Popen(dask, **quiet)]  # type: ignore[call-overload]
    try:
        while not address.exists():
            time.sleep(0.1)
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard"]
        worker += ["--scheduler-file", str(address), "--nworkers", "2", "--nthreads", "1"]
        running.append(
            subprocess.Popen(worker, cwd=course.root, **quiet)  # type: ignore[call-overload]
        )
        time.sleep(5)
        yield json.loads(address.read_text())["address"]
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


def big(name: str, count: int, root: Path) -> None:
    """Grade a class of 1,000, generated from 60; then ask for formgrader's list of it."""
    console.print(f"{name}: a class of {count} …")
    course = course_for(root / "big", name)
    sixty = root / "sixty"
    hand_in(sixty, name, released(course, name), 60)
    for number in range(count):
        source = sixty / f"student{number % 60:04}" / name
        shutil.copytree(source, course.submitted(f"student{number:04}", name))
    run = timed(course, "course grade", command("grade", name, "--seed", "1"), name, count)
    rate = run.seconds / count
    console.print(
        f"  {count} submissions: {run.seconds / 60:.1f} minutes ({rate:.3f} s each), peak memory "
        f"of all processes {run.memory / 1024**2:.0f} MB, graded cells {len(run.scores)}"
    )
    code = (
        "import time; from nbgrader.apps.api import NbGraderAPI;"
        "from traitlets.config import Config;"
        "c = Config(); c.CourseDirectory.course_id = 'build-deep';"
        "c.CourseDirectory.source_directory = 'solutions';"
        "c.CourseDirectory.release_directory = 'exercises';"
        "api = NbGraderAPI(config=c); t = time.perf_counter();"
        f"n = len(api.get_submissions({name!r}));"
        "print(f'  formgrader: list of {n} submissions {time.perf_counter() - t:.2f} s', end='');"
        "t = time.perf_counter(); n = len(api.get_students());"
        "print(f', of {n} students {time.perf_counter() - t:.2f} s')"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=course.course,
        env=course.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    console.print(out.stdout.rstrip())


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", type=int, default=60, help="size of the class (60)")
    parser.add_argument(
        "--assignment", action="append", help=f"may be repeated ({', '.join(ASSIGNMENTS)})"
    )
    parser.add_argument("--no-dask", action="store_true", help="leave the cluster out")
    parser.add_argument("--big", type=int, default=1000, help="size of the big class (1000)")
    parser.add_argument("--no-big", action="store_true", help="leave the big class out")
    options = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    memory = psutil.virtual_memory().total / 1024**3
    console.print(
        f"{os.cpu_count()} cores, {memory:.0f} GB, {machine}; load {os.getloadavg()[0]:.1f} before"
    )
    names = options.assignment or ASSIGNMENTS
    for name in names:
        with tempfile.TemporaryDirectory() as root:
            bench(name, options.students, Path(root), not options.no_dask)
    if not options.no_big:
        with tempfile.TemporaryDirectory() as root:
            big(names[0], options.big, Path(root))
    console.print(f"load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
