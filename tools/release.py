"""Make exercises/ again from solutions/, with nbgrader itself.

    python tools/release.py            rewrite what changed
    python tools/release.py --check    change nothing, fail if exercises/ is not current

nbgrader takes the solutions and the hidden tests out; it works on a copy in a scratch folder,
without a gradebook. A file in exercises/ that a person edited is never overwritten unless --force
is given: only what this program wrote last, or what git keeps, is replaced.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from tools import notebooks
from tools.notebooks import ROOT, NotebookError

SKIPPED = ("__pycache__", ".ipynb_checkpoints", ".DS_Store", "*.pyc")


def assignments(root: Path = ROOT) -> list[str]:
    """Return the names of the assignments: the folders of solutions/ that hold a notebook."""
    folder = root / "solutions"
    if not folder.is_dir():
        return []
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and any(path.glob("*.ipynb"))
    )


def configuration(course: Path, root: Path = ROOT) -> Config:
    """Return the course's nbgrader configuration, moved to the folder `course`."""
    config = Config()
    if (root / "nbgrader_config.py").exists():
        config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.release_directory = "exercises"
    config.SaveCells.enabled = False
    config.GenerateAssignment.no_database = True
    return config


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def generate(names: list[str], root: Path = ROOT) -> dict[Path, bytes]:
    """Return the released files of these assignments: path below exercises/ → content."""
    made: dict[Path, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        course = Path(folder).resolve()
        for name in names:
            shutil.copytree(
                root / "solutions" / name,
                course / "solutions" / name,
                ignore=shutil.ignore_patterns(*SKIPPED),
            )
            for path in sorted((course / "solutions" / name).glob("*.ipynb")):
                where = f"solutions/{name}/{path.name}"
                try:
                    nbformat.validate(notebooks.read(path))
                except NotebookError as error:
                    text = str(error).replace(str(path), where)
                    raise NotebookError(text) from None
                except nbformat.ValidationError as error:
                    first = str(error).splitlines()[0]
                    raise NotebookError(
                        f"{where}: this is not a valid notebook ({first}); run 'make format'."
                    ) from None
            config = configuration(course, root)
            config.CourseDirectory.assignment_id = name
            records = _Records()
            log = logging.getLogger(f"release.{name}")
            log.propagate = False
            log.handlers = [records]
            try:
                converter = GenerateAssignment(
                    coursedir=CourseDirectory(config=config, log=log), config=config, log=log
                )
                converter.start()
            except (NbGraderException, SystemExit) as error:
                cause = _last_line(records.texts) or str(error)
                raise NotebookError(
                    f"solutions/{name}: nbgrader cannot release it: {cause}"
                ) from None
        released = course / "exercises"
        for path in sorted(released.rglob("*")) if released.is_dir() else []:
            if path.is_file():
                data = path.read_bytes()
                if path.suffix == ".ipynb":
                    data = notebooks.text_of(notebooks.read(path)).encode()
                made[path.relative_to(released)] = data
    return made


def _last_line(texts: list[str]) -> str:
    """Return the line of nbgrader's log that tells the cause."""
    for text in texts:
        lines = [line for line in text.splitlines() if line.strip()]
        if lines and lines[0].startswith("Traceback"):
            return lines[-1].strip()
    return texts[0].strip() if texts else ""


# --- what may be overwritten ----------------------------------------------------------------


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _record_file(root: Path) -> Path:
    return root / "_build" / "release.json"


def _record(root: Path) -> dict[str, str]:
    """Return what this program wrote last: path below exercises/ → sha256."""
    try:
        found = json.loads(_record_file(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _git(root: Path, *arguments: str, data: bytes | None = None) -> str | None:
    """Return what git answers, None where it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, input=data, capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def _kept_by_git(data: bytes, root: Path) -> bool:
    """Tell whether git has this content, so that overwriting it loses nothing."""
    blob = _git(root, "hash-object", "--no-filters", "--stdin", data=data)
    return bool(blob) and _git(root, "cat-file", "-e", str(blob)) is not None


@dataclass
class Plan:
    """What a release would do; paths are below exercises/."""

    write: dict[Path, bytes] = field(default_factory=dict)
    remove: list[Path] = field(default_factory=list)
    edited: list[Path] = field(default_factory=list)  # a person's work, in the way
    made: dict[Path, bytes] = field(default_factory=dict)

    @property
    def current(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.write or self.remove or self.edited)


def plan(root: Path = ROOT, force: bool = False) -> Plan:
    """Compare exercises/ with what solutions/ give."""
    names = assignments(root)
    found = Plan(made=generate(names, root))
    record = _record(root)
    exercises = root / "exercises"
    tracked = (_git(root, "ls-files", "--", "exercises") or "").splitlines()
    ours = {Path(line).relative_to("exercises") for line in tracked} | {Path(p) for p in record}

    def replaceable(path: Path, data: bytes) -> bool:
        known = record.get(path.as_posix()) == _sha(data)
        return force or known or _kept_by_git(data, root)

    for path, data in found.made.items():
        present = exercises / path
        before = present.read_bytes() if present.is_file() else None
        if before == data:
            continue
        if before is None or replaceable(path, before):
            found.write[path] = data
        else:
            found.edited.append(path)
    for path in sorted(ours - set(found.made)):
        present = exercises / path
        if not present.is_file() or len(path.parts) < 2:
            continue
        if replaceable(path, present.read_bytes()):
            found.remove.append(path)
        else:
            found.edited.append(path)
    return found


def carry_out(todo: Plan, root: Path = ROOT) -> None:
    """Write and remove what the plan says, and remember what was written."""
    exercises = root / "exercises"
    record = _record(root)
    for path, data in todo.write.items():
        if path.suffix == ".ipynb":
            notebooks.write_text(exercises / path, data.decode())
        else:
            (exercises / path).parent.mkdir(parents=True, exist_ok=True)
            (exercises / path).write_bytes(data)
    for path in todo.remove:
        (exercises / path).unlink()
        record.pop(path.as_posix(), None)
        folder = (exercises / path).parent
        if folder != exercises and not any(folder.iterdir()):
            folder.rmdir()
    for path, data in todo.made.items():
        if path not in todo.edited:
            record[path.as_posix()] = _sha(data)
    notebooks.write_text(_record_file(root), json.dumps(record, indent=1, sort_keys=True) + "\n")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Make exercises/ again from solutions/.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if any would")
    parser.add_argument(
        "--force", action="store_true", help="overwrite files in exercises/ that were edited"
    )
    options = parser.parse_args(arguments)
    try:
        todo = plan(root, force=options.force)
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        for path in [*todo.write, *todo.edited]:
            print(f"exercises/{path.as_posix()}: not what solutions/ gives")
        for path in todo.remove:
            print(f"exercises/{path.as_posix()}: its source in solutions/ is gone")
        if not todo.current:
            print("Cure: make release")
        return 0 if todo.current else 1
    carry_out(todo, root)
    for path in todo.write:
        print(f"exercises/{path.as_posix()}: released")
    for path in todo.remove:
        print(f"exercises/{path.as_posix()}: removed, its source is gone")
    for path in todo.edited:
        print(
            f"exercises/{path.as_posix()}: not overwritten, because it was edited here and neither "
            f"git nor solutions/ has that work. Move the change to solutions/{path.as_posix()} (or "
            "copy the file elsewhere), then run: python tools/release.py --force",
            file=sys.stderr,
        )
    if todo.current:
        print(f"exercises/ is current ({len(todo.made)} files).")
    return 1 if todo.edited else 0


if __name__ == "__main__":
    sys.exit(main())
