"""A learner at work, for tests: a small clone of the course, a notebook, and ways to change it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.cli import main

from click.testing import CliRunner, Result

from tools.answers import load

ROOT = Path(__file__).resolve().parents[1]
NAME = "03-perceptron"
RIGHT, WRONG = load(ROOT / "tests/answers" / f"{NAME}.py")

Raw = dict[str, Any]


def course(*args: str | Path) -> Result:
    """Call the command."""
    return CliRunner().invoke(main, [str(arg) for arg in args], prog_name="course")


def flat(result: Result) -> str:
    """What a command printed, on one line: the terminal's line breaks do not matter."""
    return " ".join(result.output.split())


def make_clone(root: Path, *names: str) -> Path:
    """Make a clone of the course with the exercises `names`."""
    (root / "course_utils").mkdir(parents=True)
    (root / "requirements.lock").touch()
    shutil.copy(ROOT / "nbgrader_config.py", root)
    for name in names:
        shutil.copytree(ROOT / "exercises" / name, root / "exercises" / name)
    return root


def solutions() -> dict[str, str]:
    """The course's own answers to the assignment: grade_id → text of the cell."""
    raw = json.loads((ROOT / "solutions" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: "\n".join(
            line
            for line in source(cell).splitlines()
            if "BEGIN SOLUTION" not in line and "END SOLUTION" not in line
        )
        for cell in raw["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }


def source(cell: Raw) -> str:
    """The text of a cell, which files hold as a text or as a list of lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


@dataclass
class Work:
    """The learner's notebook."""

    path: Path

    def raw(self) -> Raw:
        """The file as JSON."""
        found: Raw = json.loads(self.path.read_text(encoding="utf-8-sig"))
        return found

    def change(self, edit: Callable[[Raw], Any]) -> Work:
        """Change the notebook and save it."""
        raw = self.raw()
        edit(raw)
        self.path.write_text(json.dumps(raw, indent=1, ensure_ascii=False), encoding="utf-8")
        return self

    def answer(self, name: str, text: str) -> Work:
        """Write into the cell called `name`."""
        return self.change(lambda raw: cell(raw, name).update(source=text))

    def solve(self, *names: str) -> Work:
        """Write the right answers into cells, by default into all."""
        known = solutions()
        for name in names or tuple(known):
            self.answer(name, known[name])
        return self


def start(home: Path, folder: str = NAME, file: str = f"{NAME}.ipynb") -> Work:
    """Take a copy of the assignment, as `course start` does, under any name."""
    (home / folder).mkdir(parents=True, exist_ok=True)
    path = home / folder / file
    shutil.copyfile(ROOT / "exercises" / NAME / f"{NAME}.ipynb", path)
    return Work(path)


def grade_id(raw_cell: Raw) -> str:
    """The name that a cell's metadata give."""
    return str(raw_cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def index(raw: Raw, name: str) -> int:
    """Where the cell called `name` is."""
    return next(i for i, c in enumerate(raw["cells"]) if grade_id(c) == name)


def cell(raw: Raw, name: str) -> Raw:
    """The cell called `name`."""
    found: Raw = raw["cells"][index(raw, name)]
    return found


def code(text: str) -> Raw:
    """A new code cell."""
    return {"cell_type": "code", "metadata": {}, "source": text, "outputs": []} | {
        "execution_count": None
    }
