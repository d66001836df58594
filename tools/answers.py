"""Run the right and the wrong answers of tests/answers/ against the assignments' check cells.

    python tools/answers.py            every assignment
    python tools/answers.py 03         assignment 03: the table and what each wrong answer is told
    python tools/answers.py 03 -t sigmoid --seeds 20

The solution notebook runs once, cell by cell, in a plain namespace. At each task the process forks
for each answer: the child puts the answer in place of the solution cell, runs on to
the task's check cells (hidden parts included), and reports. Nothing it does touches the others. The
check cells run once for each seed, as when a learner runs them again.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import json
import linecache
import math
import os
import re
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.answers import Answer
from tools import notebooks
from tools.notebooks import ROOT, NotebookError

if TYPE_CHECKING:
    from nbformat import NotebookNode

SECONDS = 60  # for one answer
SEEDS = 5
MEMORY = 6 * 2**30  # bytes, for one answer


@dataclass
class Verdict:
    """What became of one answer with one seed."""

    task: str
    answer: str
    is_right: bool
    seed: int
    passed: bool
    says: str | None = None
    named: bool = True  # the message matches `says`
    kind: str = ""  # the exception's name, "time" or "crash"
    message: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Tell whether the check cells judged this answer as they should."""
        return self.passed if self.is_right else not self.passed and self.named


@dataclass
class Report:
    """All verdicts of one assignment, and what its answers lack."""

    assignment: str
    tasks: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def failures(self) -> list[str]:
        """Return a sentence for each answer that was judged wrongly, and for each problem."""
        found = list(self.problems)
        for verdict in self.verdicts:
            if verdict.good:
                continue
            what = f"{self.assignment}, {verdict.task}: "
            told = f" It says: {verdict.message}" if verdict.message else ""
            if verdict.is_right:
                found.append(
                    f"{what}the right answer “{verdict.answer}” is rejected with seed "
                    f"{verdict.seed} ({verdict.kind}).{told}"
                )
            elif verdict.passed:
                found.append(
                    f"{what}the wrong answer “{verdict.answer}” passes with seed {verdict.seed}."
                )
            else:
                found.append(
                    f"{what}the message to “{verdict.answer}” does not match {verdict.says!r} "
                    f"(seed {verdict.seed}, {verdict.kind}).{told}"
                )
        return found

    def table(self) -> str:
        """Return one line per task: how many right answers pass, how many wrong ones lose."""
        head = f"{'task':<28}{'right pass':>12}{'wrong lose':>12}{'cause named':>13}{'seconds':>9}"
        lines = [self.assignment, head, "-" * len(head)]
        for task in [*self.tasks, None]:
            mine = [v for v in self.verdicts if task is None or v.task == task]
            good = [v for v in mine if v.is_right]
            bad = [v for v in mine if not v.is_right]
            said = [v for v in bad if v.says]
            lines.append(
                f"{task or 'all':<28}"
                f"{_share(sum(v.passed for v in good), len(good)):>12}"
                f"{_share(sum(not v.passed for v in bad), len(bad)):>12}"
                f"{_share(sum(v.named and not v.passed for v in said), len(said)):>13}"
                f"{sum(v.seconds for v in mine):>9.1f}"
            )
        return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole}" if whole else "-"


# --- finding --------------------------------------------------------------------------------


def answer_files(root: Path = ROOT) -> dict[str, Path]:
    """Return the answers there are: name of the assignment → file."""
    return {path.stem: path for path in sorted((root / "tests/answers").glob("[0-9]*.py"))}


def notebook_of(name: str, root: Path = ROOT) -> Path:
    """Return where the solution notebook of an assignment stands."""
    return root / "solutions" / name / f"{name}.ipynb"


def load(path: Path) -> tuple[dict[str, list[Answer]], dict[str, list[Answer]]]:
    """Return RIGHT and WRONG of a file, whose name may begin with digits."""
    spec = importlib.util.spec_from_file_location(f"answers_{path.stem.replace('-', '_')}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RIGHT, module.WRONG


def tasks_of(notebook: NotebookNode) -> dict[str, list[int]]:
    """Return solution cell's grade_id → positions of its check cells, for tasks that have any.

    >>> from nbformat.v4 import new_notebook
    >>> tasks_of(new_notebook())
    {}
    """
    found: dict[str, list[int]] = {}
    solutions = [
        cell.metadata.nbgrader.grade_id
        for cell in notebook.cells
        if cell.cell_type == "code" and notebooks.is_solution(cell)
    ]
    for task in solutions:
        checks = [
            position
            for position, cell in enumerate(notebook.cells)
            if notebooks.is_check(cell)
            and re.fullmatch(re.escape(task) + r"-check(-\d+)?", cell.metadata.nbgrader.grade_id)
        ]
        if checks:
            found[task] = checks
    return found


# --- running --------------------------------------------------------------------------------


class Plain:
    """A namespace that runs the cells of a notebook as IPython would, without a kernel."""

    def __init__(self, folder: Path) -> None:
        from IPython.core.inputtransformer2 import TransformerManager

        self.transform = TransformerManager().transform_cell
        self.namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        self.namespace["get_ipython"] = _NoShell
        self.namespace["display"] = lambda *_, **__: None
        os.chdir(folder)

    def run(self, source: str, name: str) -> None:
        """Run one cell; errors come through."""
        code = self.transform(source)
        filename = f"<cell {name}>"
        linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
        exec(compile(code, filename, "exec"), self.namespace)


class _NoShell:
    """Stands for IPython in cells with a magic: magics do nothing here."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def _child(
    plain: Plain,
    cells: list[NotebookNode],
    task: int,
    checks: list[int],
    answer: str,
    seeds: int,
    enough: float,
    out: int,
) -> None:
    """Put the answer in place of cell `task`, run on to the checks, with one seed after another.

    Writes a line of JSON for each seed; starts no further one after `enough` seconds, and ends with
    the number of seeds it has run.
    """
    began = time.monotonic()
    between = [
        position
        for position in range(task + 1, max(checks))
        if cells[position].cell_type == "code"
        and not notebooks.is_solution(cells[position])
        and not notebooks.is_check(cells[position])
    ]
    own: list[tuple[str, str]] = []
    for position in (task, *between):
        source = answer if position == task else cells[position].source
        if (error := _tried(plain, source, cells[position].id)) is not None:
            own.append(error)
    for seed in range(seeds):
        os.environ["COURSE_CHECK_SEED"] = str(seed)
        start = time.monotonic()
        found = [_tried(plain, cells[position].source, cells[position].id) for position in checks]
        failed = [error for error in found if error is not None]
        told = [*failed, *own] if failed else []
        result = {
            "seed": seed,
            "passed": not failed,
            "kind": told[0][0] if told else "",
            "message": "\n".join(message for _, message in told),
            "seconds": time.monotonic() - start,
        }
        os.write(out, (json.dumps(result) + "\n").encode())
        if time.monotonic() - began > enough:
            break
    os.write(out, b"done\n")


def _limit_memory() -> None:
    """Let an answer that fills lists for ever end by itself, not the machine."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limit, and some machines allow no lower one


def _tried(plain: Plain, source: str, name: str) -> tuple[str, str] | None:
    """Run a cell; return the kind and the words of what stopped it."""
    try:
        plain.run(source, name)
    except BaseException as error:
        return type(error).__name__, str(error) or type(error).__name__
    return None


def _forked(
    plain: Plain,
    cells: list[NotebookNode],
    task: int,
    checks: list[int],
    answer: str,
    seeds: int,
    seconds: float,
    enough: float = math.inf,
) -> list[dict[str, Any]]:
    """Run `_child` in a fork with a time limit for each seed; return what became of each."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            sys.stdout = sys.stderr = io.StringIO()
            _limit_memory()
            _child(plain, cells, task, checks, answer, seeds, enough, write)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    results: list[dict[str, Any]] = []
    pending, end, late, done = b"", time.monotonic() + seconds, False, False
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            late = True
            os.kill(pid, signal.SIGKILL)
            break
        if not (part := os.read(read, 65536)):
            break
        pending += part
        *lines, pending = pending.split(b"\n")
        for line in lines:
            end = time.monotonic() + seconds
            if line == b"done":
                done = True
            else:
                results.append(json.loads(line))
    os.close(read)
    os.waitpid(pid, 0)
    if not done and len(results) < seeds:
        kind, message = "crash", "its process ended without a word"
        if late:
            kind, message = "time", f"it did not finish within {seconds:g} seconds"
        results.append(
            {
                "seed": len(results),
                "passed": False,
                "kind": kind,
                "message": message,
                "seconds": seconds if late else 0.0,
            }
        )
    return results


class SolutionStops(Exception):
    """The solution notebook itself cannot be run to its last task."""


@dataclass
class Stage:
    """A process that has run the notebook up to one task."""

    plain: Plain
    cells: list[NotebookNode]
    position: int
    checks: list[int]

    @property
    def solution(self) -> str:
        """The solution cell as it stands in the notebook."""
        return str(self.cells[self.position].source)

    def judge(
        self, answer: str, seeds: int, seconds: float, enough: float = math.inf
    ) -> list[dict[str, Any]]:
        """Put the answer in place of the solution cell; return a verdict for each seed.

        A seed may take `seconds`. After `enough` seconds no further seed is started.
        """
        return _forked(
            self.plain, self.cells, self.position, self.checks, answer, seeds, seconds, enough
        )


def stages(
    notebook_path: Path, notebook: NotebookNode, tasks: dict[str, list[int]]
) -> Iterator[tuple[str, Stage]]:
    """Run the notebook cell by cell in this process; yield (task, stage) in front of each task.

    `tasks` as from tasks_of. Raises SolutionStops where a cell of the solution raises.
    """
    plain = Plain(notebook_path.resolve().parent)
    last = max((max(checks) for checks in tasks.values()), default=-1)
    for position, cell in enumerate(notebook.cells[: last + 1]):
        if cell.cell_type != "code" or notebooks.is_check(cell):
            continue
        task = notebooks.nbgrader_of(cell).get("grade_id", "")
        if notebooks.is_solution(cell) and task in tasks:
            yield task, Stage(plain, notebook.cells, position, tasks[task])
        keep = sys.stdout
        sys.stdout = io.StringIO()
        try:
            plain.run(cell.source, cell.id)
        except BaseException as error:
            said = "".join(traceback.format_exception_only(error)).strip()
            raise SolutionStops(
                f"the solution notebook itself stops in cell {cell.id!r}: {said}"
            ) from error
        finally:
            sys.stdout = keep
        if "torch" in sys.modules:
            # What the first optimiser of a process imports (2 s): once here, not in each fork.
            with contextlib.suppress(ImportError):
                importlib.import_module("torch._dynamo")


def examine(
    notebook_path: Path,
    answers_path: Path,
    seeds: int = SEEDS,
    only: str | None = None,
    seconds: float = SECONDS,
    enough: float = math.inf,
    right_only: bool = False,
) -> Report:
    """Run all answers of one file. Forks: call it in a process without threads.

    After `enough` seconds an answer gets no further seed; a right one does, unless right ones alone
    are run (which is how further thread counts are tried).
    """
    notebook = notebooks.read(notebook_path)
    right, wrong = load(answers_path)
    report = Report(answers_path.stem)
    tasks = tasks_of(notebook)
    for kind, table, least in (("right", right, 3), ("wrong", wrong, 5)):
        for task in table:
            if task not in tasks:
                report.problems.append(
                    f"{report.assignment}: {kind.upper()} has answers to {task!r}, and no solution "
                    f"cell with check cells is called so; there are {', '.join(tasks)}."
                )
        for task in tasks:
            if len(table.get(task, [])) < least:
                report.problems.append(
                    f"{report.assignment}, {task}: {len(table.get(task, []))} {kind} answers; "
                    f"write at least {least}."
                )
        for task, listed in table.items():
            if any(answer.is_right != (kind == "right") for answer in listed):
                report.problems.append(
                    f"{report.assignment}, {task}: {kind.upper()} holds an answer made by the "
                    "other of right() and wrong()."
                )
    report.tasks = [task for task in tasks if only is None or task == only]
    wanted = {task: tasks[task] for task in report.tasks}
    try:
        for task, stage in stages(notebook_path, notebook, wanted):
            own = Answer("the solution itself", stage.solution, is_right=True)
            others = [] if right_only else wrong.get(task, [])
            for answer in [own, *right.get(task, []), *others]:
                # A right answer is run with every seed, once: see `enough`.
                limit = math.inf if answer.is_right and not right_only else enough
                for found in stage.judge(answer.source, seeds, seconds, limit):
                    named = answer.says is None or bool(
                        re.search(answer.says, found["message"], re.IGNORECASE)
                    )
                    verdict = Verdict(
                        task=task,
                        answer=answer.name,
                        is_right=answer.is_right,
                        says=answer.says,
                        named=named,
                        **found,
                    )
                    report.verdicts.append(verdict)
    except SolutionStops as error:
        report.problems.append(f"{report.assignment}: {error}")
    return report


def prepare_process() -> None:
    """Set what must be set before a notebook is run here; leave where nothing can be forked."""
    if not hasattr(os, "fork"):
        sys.exit("This program forks a process for each answer: run it on Linux, macOS or WSL.")
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def reports_of(text: str) -> list[Report]:
    """Return the reports that `--json` has printed."""
    found = []
    for entry in json.loads(text):
        verdicts = [Verdict(**verdict) for verdict in entry["verdicts"]]
        found.append(Report(entry["assignment"], entry["tasks"], verdicts, entry["problems"]))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Run the answers that test the tests.")
    parser.add_argument("chapter", nargs="?", default="", help="such as 03 (default: all)")
    parser.add_argument("-t", "--task", help="only this task, by the id of its solution cell")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"runs of each ({SEEDS})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time limit of an answer")
    parser.add_argument(
        "--enough",
        type=float,
        default=math.inf,
        help="seconds after which a wrong answer (with --right: any) gets no further seed",
    )
    parser.add_argument("--right", action="store_true", help="only the right answers")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--notebook", type=Path, help="the solution notebook, if not the usual")
    parser.add_argument("--answers", type=Path, help="the file of answers, if not the usual")
    options = parser.parse_args(arguments)
    prepare_process()

    if options.answers:
        files = {options.answers.stem: options.answers.resolve()}
    else:
        known = answer_files()
        files = {name: path for name, path in known.items() if name.startswith(options.chapter)}
        if not files:
            sys.exit(
                f"No answers for {options.chapter!r} in tests/answers/. There are: "
                f"{', '.join(known) or 'none'}."
            )
    status = 0
    reports = []
    for name, path in files.items():
        notebook = (options.notebook or notebook_of(name)).resolve()
        try:
            report = examine(
                notebook,
                path,
                options.seeds,
                options.task,
                options.seconds,
                options.enough,
                options.right,
            )
        except NotebookError as error:
            sys.exit(str(error))
        reports.append(report)
        status |= bool(report.failures())
    if options.json:
        print(json.dumps([asdict(r) | {"failures": r.failures()} for r in reports]))
        return status
    for report in reports:
        print(report.table(), end="\n\n")
        shown = set()
        for verdict in report.verdicts:
            key = (verdict.task, verdict.answer)
            if not verdict.is_right and key not in shown:
                shown.add(key)
                told = verdict.message.splitlines()
                print(f"  {verdict.task} · {verdict.answer}\n      {told[0] if told else 'PASSES'}")
        if failures := report.failures():
            print(f"\n{len(failures)} to mend:")
            print("\n".join(f"- {text}" for text in failures))
        print()
    return status


if __name__ == "__main__":
    sys.exit(main())
