"""Run notebooks once, with nbmake, and keep the executed copies: the test and the published book.

    python tools/execute.py book solutions      # what `make book` and `make test` call
    python tools/execute.py book --only 03      # one chapter
    python tools/execute.py book --force        # run again even if nothing changed

A copy is kept under a key made of all that can change its outputs: the notebook, the parts of
course_utils that a notebook can import (the data registry among them), requirements.lock, the
Python version and this file. Unchanged notebooks are not run again.

Each executed copy gets what only a run can know:

* every inline ``{eval}`` in its text, evaluated in the state that the cells above have left;
* figures as SVG, so that the theme can fit them to light and dark pages;
* the files that its cells wrote into ``exports/`` beside it, for the chapter's interactive parts:
  kept in ``_build/executed/book/exports/`` and valid as long as the copy is;
* a record in ``_build/executed/runs.json``: seconds, peak memory, cores, device, versions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
EXECUTED = ROOT / "_build" / "executed"
RUNS = EXECUTED / "runs.json"
GROUPS = {"book": "book/*.ipynb", "solutions": "solutions/*/*.ipynb"}
# What notebooks may import from us. Grading and the command line can change the outputs of a page
# about grading only (see key_of).
IMPORTABLE = ["datasets", "devices", "devices.py", "checks", "__init__.py", "errors.py"]

MAX_SECONDS = 300  # of a chapter or an assignment on two cores; more is said aloud
PATIENCE = 2  # times the budget: more fails the run (other programs can double any time)
MAX_MEMORY_MB = 4096
CELL_TIMEOUT = MAX_SECONDS * PATIENCE
MAX_EXPORT_KB = 1000  # of 1,024 bytes, of one file that a reader's browser loads

LOADED = re.compile(r"""datasets\.load\(\s*["']([\w-]+)["']""")
INLINE = re.compile(r"\{eval\}`([^`]+)`")
INSERTED = "course-inserted"  # the tag of cells that this program adds and takes out again

KERNEL_CONFIG = """\
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
"""

# Runs in the notebook's own kernel, after its last cell.
REPORT_SOURCE = """\
def _course_report():
    import importlib.metadata, json, os, platform, sys
    try:
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak_mb = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
    except ImportError:
        import psutil
        peak_mb = psutil.Process().memory_info().peak_wset / 2**20
    device = "CPU"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        device = torch.cuda.get_device_name()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = ["numpy", "torch", "tensorflow", "scikit-learn", "matplotlib"]
    modules = {"scikit-learn": "sklearn"}
    used = [n for n in names if modules.get(n, n) in sys.modules]
    versions = {"python": platform.python_version()}
    versions |= {n: importlib.metadata.version(n) for n in used}
    print(json.dumps({"peak_mb": round(peak_mb), "cores": cores, "device": device,
                      "versions": versions}))
_course_report()
"""


@dataclass(frozen=True)
class Notebook:
    """One notebook of the course: its group ("book" or "solutions") and its file."""

    group: str
    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def run_id(self) -> str:
        """The notebook's key in runs.json."""
        return self.name if self.group == "book" else f"{self.group}/{self.name}"

    @property
    def executed(self) -> Path:
        return EXECUTED / self.group / self.path.name

    @property
    def exports(self) -> Path:
        """The folder of the files that notebooks of this group left for interactive parts."""
        return self.executed.parent / "exports"


def find(groups: list[str], only: str | None = None) -> list[Notebook]:
    """Return the notebooks of `groups`, in order; `only` keeps names that contain it."""
    found = [Notebook(g, p) for g in groups for p in sorted(ROOT.glob(GROUPS[g]))]
    return [n for n in found if only is None or only in n.name]


def _environment_digest() -> bytes:
    """Digest everything but the notebook itself that can change what a notebook prints."""
    digest = hashlib.sha256(platform.python_version().encode())
    files = [ROOT / "requirements.lock", Path(__file__), ROOT / "course_utils" / "book.mplstyle"]
    for name in IMPORTABLE:
        part = ROOT / "course_utils" / name
        files += sorted(part.rglob("*.py")) if part.is_dir() else [part]
    for file in files:
        if file.exists():
            digest.update(file.relative_to(ROOT).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.digest()


def key_of(notebook: Notebook, environment: bytes) -> str:
    """Return the key under which this notebook's executed copy is valid."""
    source = notebook.path.read_bytes()
    digest = hashlib.sha256(environment + source)
    if b"course_utils.grading" in source:
        parts = [ROOT / "nbgrader_config.py", *sorted((ROOT / "course_utils").rglob("*"))]
        for part in parts:
            if part.is_file() and part.suffix != ".pyc":
                digest.update(part.relative_to(ROOT).as_posix().encode())
                digest.update(part.read_bytes())
    return digest.hexdigest()


def read_runs() -> dict[str, Any]:
    """Return the records of earlier runs; an unreadable file counts as none."""
    try:
        return json.loads(RUNS.read_text())
    except (OSError, ValueError):
        return {}


def _inserted(source: str) -> NotebookNode:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [INSERTED]})
    return cell


def _inline_source(expressions: list[str]) -> str:
    listed = ", ".join(f"str({e})" for e in expressions)
    return f"print(__import__('json').dumps([{listed}]))"


def instrument(nb: NotebookNode) -> NotebookNode:
    """Return a copy with a cell before each text that has ``{eval}``, and the report at the end."""
    out = nb.copy()
    cells: list[NotebookNode] = []
    for cell in nb.cells:
        if cell.cell_type == "markdown" and (found := INLINE.findall(cell.source)):
            cells.append(_inserted(_inline_source(found)))
        cells.append(cell.copy())
    cells.append(_inserted(REPORT_SOURCE))
    out.cells = cells
    return out


def _printed(cell: NotebookNode) -> Any:
    text = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")
    return json.loads(text)


def _seconds(cells: list[NotebookNode]) -> float:
    """Return the wall time from the first cell's start to the last one's end, in seconds."""
    stamps = []
    for cell in cells:
        times = cell.metadata.get("execution", {})
        stamps += [datetime.fromisoformat(t.replace("Z", "+00:00")) for t in times.values()]
    return (max(stamps) - min(stamps)).total_seconds() if stamps else 0.0


def _filled(text: str, values: Iterator[str]) -> str:
    """Replace each ``{eval}`` of `text` by the next value."""
    return INLINE.sub(lambda _: next(values), text)


def collect(nb: NotebookNode) -> tuple[NotebookNode, dict[str, Any]]:
    """Take the inserted cells out again; return the finished copy and the record of its run."""
    code = [c for c in nb.cells if c.cell_type == "code"]
    seconds = _seconds([c for c in code if INSERTED not in c.metadata.get("tags", [])])
    record: dict[str, Any] = {"seconds": round(seconds, 1)}
    values: Iterator[str] = iter(())
    cells = []
    for cell in nb.cells:
        if INSERTED in cell.metadata.get("tags", []):
            printed = _printed(cell)
            if isinstance(printed, dict):
                record |= printed
            else:
                values = iter(printed)
            continue
        if cell.cell_type == "markdown":
            cell.source = _filled(cell.source, values)
        cell.metadata.pop("execution", None)
        cells.append(cell)
    nb.cells = cells
    record["when"] = datetime.now(UTC).isoformat(timespec="seconds")
    return nb, record


def fetch_data(notebooks: list[Notebook]) -> None:
    """Fetch the data sets that these notebooks load by name, if they are not here yet."""
    names: set[str] = set()
    for notebook in notebooks:
        nb = nbformat.read(notebook.path, as_version=4)
        code = "\n".join(c.source for c in nb.cells if c.cell_type == "code")
        names |= set(LOADED.findall(code))
    if names:
        from course_utils.datasets import registry
        from course_utils.datasets.fetch import fetch

        for name in sorted(names & registry.entries().keys()):
            fetch(name)


def run_nbmake(folder: Path, workers: int) -> int:
    """Run the notebooks in the folders of `folder` in place with nbmake; return pytest's exit code.

    A notebook's working folder is its own, so that what it writes is known to be its.
    """
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL_CONFIG)
    environment = os.environ | {
        "IPYTHONDIR": str(folder / "ipython"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-q", "--no-summary"]
    command += [f"--nbmake-timeout={CELL_TIMEOUT}", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", str(folder), "-o", "addopts="]
    if workers > 1:
        command += ["-n", str(workers)]
    if sys.stdout.isatty():
        command += ["--color=yes"]
    notebooks = sorted(folder.glob("*/*.ipynb"))
    return subprocess.run([*command, *map(str, notebooks)], cwd=folder, env=environment).returncode


def first_error(nb: NotebookNode) -> str | None:
    """Return "cell ID: error" of the first cell that failed, or None."""
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                if INSERTED in cell.metadata.get("tags", []):
                    return f"an inline {{eval}} failed ({cell.source}): {output.evalue}"
                return f"cell {cell.id}: {output.ename}: {output.evalue}"
    return None


def keep_exports(
    notebook: Notebook, written: Path, runs: dict[str, Any]
) -> tuple[dict[str, str], list[str]]:
    """Keep what a run wrote into its folder `written`; return {file: sha256} and the problems.

    Files of the notebook's run before this one go. With a problem nothing is changed.
    """
    files = sorted(p for p in written.rglob("*") if p.is_file()) if written.is_dir() else []
    problems = []
    for file in files:
        name = file.relative_to(written).as_posix()
        others = [r for r, run in runs.items()
                  if r != notebook.run_id and name in run.get("exports", {})]  # fmt: skip
        if file.parent != written:
            problems.append(f"wrote exports/{name}; write it into exports/ itself.")
        elif others:
            problems.append(f"wrote exports/{name}, as {others[0]} does; give it another name.")
        elif file.stat().st_size > MAX_EXPORT_KB * 1024:
            problems.append(
                f"wrote exports/{name} of {file.stat().st_size // 1024} KB; readers load it, and "
                f"{MAX_EXPORT_KB} KB are allowed. Export less."
            )
    if problems:
        return {}, problems
    for name in runs.get(notebook.run_id, {}).get("exports", {}):
        (notebook.exports / name).unlink(missing_ok=True)
    digests = {}
    for file in files:
        notebook.exports.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, notebook.exports / file.name)
        digests[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return digests, []


def is_stale(notebook: Notebook, key: str, runs: dict[str, Any]) -> bool:
    """Tell whether the notebook must run: no copy, an old one, or one whose exports are gone."""
    record = runs.get(notebook.run_id, {})
    kept = [notebook.executed, *(notebook.exports / name for name in record.get("exports", {}))]
    return record.get("key") != key or not all(file.is_file() for file in kept)


def execute(group: str, stale: list[Notebook], keys: dict[Notebook, str]) -> list[str]:
    """Run the stale notebooks of one group and keep those that succeed; return the problems.

    Chapters run one after the other, so that their times mean something; solutions two at a time.
    """
    problems = []
    fetch_data(stale)
    with tempfile.TemporaryDirectory(prefix="course-run-") as scratch:
        folder = Path(scratch)
        for notebook in stale:
            nb = nbformat.read(notebook.path, as_version=4)
            (folder / notebook.name).mkdir()
            nbformat.write(instrument(nb), folder / notebook.name / notebook.path.name)
        workers = 1 if group == "book" else min(2, len(stale))
        code = run_nbmake(folder, workers)
        runs = read_runs()
        for notebook in stale:
            where = notebook.path.relative_to(ROOT)
            nb = nbformat.read(folder / notebook.name / notebook.path.name, as_version=4)
            if error := first_error(nb):
                problems.append(f"{where}, {error}")
                continue
            try:
                finished, record = collect(nb)
            except (ValueError, StopIteration):
                problems.append(f"{where}: stopped before its last cell (see above)")
                continue
            fails, said = over_budget(record)
            problems += [f"{where} {p}" for p in fails]
            for sentence in said:
                print(f"Attention: {where} {sentence}")
            exports, wrong = keep_exports(notebook, folder / notebook.name / "exports", runs)
            if wrong:
                problems += [f"{where} {p}" for p in wrong]
                continue
            if exports:
                record["exports"] = exports
            notebook.executed.parent.mkdir(parents=True, exist_ok=True)
            partial = notebook.executed.with_suffix(".part")
            nbformat.write(finished, partial)
            partial.replace(notebook.executed)
            runs[notebook.run_id] = record | {"key": keys[notebook]}
            partial = RUNS.with_suffix(".part")
            partial.write_text(json.dumps(runs, indent=1, sort_keys=True))
            partial.replace(RUNS)
        if code != 0 and not problems:
            problems.append(f"nbmake stopped with exit code {code} (see above)")
    return problems


def over_budget(record: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return what fails this run, and what is only said, about its time and memory."""
    fails: list[str] = []
    said: list[str] = []
    if record["seconds"] > MAX_SECONDS:
        sentence = f"took {record['seconds']:.0f} s; the budget is {MAX_SECONDS} s."
        (fails if record["seconds"] > PATIENCE * MAX_SECONDS else said).append(sentence)
    if record["peak_mb"] > MAX_MEMORY_MB:
        fails.append(f"used {record['peak_mb']} MB; the budget is {MAX_MEMORY_MB} MB.")
    return fails, said


def main() -> int:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="example: python tools/execute.py book --only 04 --force",
    )
    parser.add_argument("groups", nargs="+", choices=list(GROUPS), help="which notebooks")
    parser.add_argument("--only", metavar="TEXT", help="only notebooks whose name contains TEXT")
    parser.add_argument("--force", action="store_true", help="run even if nothing changed")
    arguments = parser.parse_args()

    console = Console()
    notebooks = find(arguments.groups, arguments.only)
    if not notebooks:
        print(f"No notebook matches {arguments.only!r} in {', '.join(arguments.groups)}.")
        return 1
    environment = _environment_digest()
    keys = {n: key_of(n, environment) for n in notebooks}
    runs = read_runs()
    problems: list[str] = []
    for group in arguments.groups:
        mine = [n for n in notebooks if n.group == group]
        stale = [n for n in mine if arguments.force or is_stale(n, keys[n], runs)]
        console.print(f"{group}: {len(stale)} of {len(mine)} notebooks to run", highlight=False)
        if group == "solutions":
            fetch_data(mine)  # the tests run them again, also when none is stale
        if stale:
            problems += execute(group, stale, keys)
    runs = read_runs()
    for notebook in notebooks:
        if record := runs.get(notebook.run_id):
            console.print(
                f"  {notebook.run_id:32} {record['seconds']:6.1f} s  {record['peak_mb']:5d} MB  "
                f"{record['device']}, {record['cores']} cores",
                highlight=False,
            )
    if problems:
        print("\n".join(["", "Not all notebooks ran:", *(f"  {p}" for p in problems)]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
