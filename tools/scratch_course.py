"""A whole nbgrader course in a temporary folder: instructor, exchange, students.

The instructor's steps are the real `nbgrader` command in a process of its own; students use the
classes behind `nbgrader fetch_assignment` and `nbgrader submit`, each with a folder and a name.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeFactory
from traitlets.config import Config
from traitlets.log import get_logger

ROOT = Path(__file__).resolve().parents[1]
COURSE_ID = "build-deep"


class NbgraderError(Exception):
    """An nbgrader command ended with an error; the message carries its last lines."""


@dataclass
class ScratchCourse:
    """Folders under `root`: course/ (the instructor's), exchange/, students/NAME/, jupyter/."""

    root: Path
    log: list[str] = field(default_factory=list)

    @property
    def course(self) -> Path:
        """The instructor's folder, with nbgrader_config.py and solutions/."""
        return self.root / "course"

    @property
    def exchange(self) -> Path:
        """The folder through which assignments travel."""
        return self.root / "exchange"

    @property
    def db_url(self) -> str:
        """Address of the gradebook."""
        return f"sqlite:///{self.course / 'gradebook.db'}"

    def create(self, assignments: Iterable[Path], cell_seconds: int = 10) -> None:
        """Make the folders; copy the project's own configuration and the given assignments."""
        for folder in (self.course / "solutions", self.exchange, self.root / "jupyter"):
            folder.mkdir(parents=True, exist_ok=True)
        self.exchange.chmod(0o777)
        for source in assignments:
            shutil.copytree(source, self.course / "solutions" / source.name)
        config = (ROOT / "nbgrader_config.py").read_text()
        config += (
            "\n# For this scratch course.\n"
            f"c.Execute.timeout = {cell_seconds}\n"
            f"c.Grading.cell_seconds = c.Grading.test_seconds = {cell_seconds}\n"
            "c.ExchangeCollect.check_owner = False  # one user plays all students\n"
        )
        (self.course / "nbgrader_config.py").write_text(config)

    def environment(self, user: str = "instructor") -> dict[str, str]:
        """Environment variables for a process that belongs to this course only."""
        mine = self.root / "jupyter" / user
        env = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
        path = [str(Path(sys.executable).parent), env.get("PATH", "")]
        return env | {
            "PATH": os.pathsep.join(path),
            "COURSE_EXCHANGE": str(self.exchange),
            "JUPYTER_CONFIG_DIR": str(mine / "config"),
            "JUPYTER_DATA_DIR": str(mine / "data"),
            "JUPYTER_RUNTIME_DIR": str(mine / "runtime"),
            "IPYTHONDIR": str(mine / "ipython"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH", "")])),
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def nbgrader(
        self, *arguments: str, on_line: Callable[[str], None] | None = None, check: bool = True
    ) -> str:
        """Run an nbgrader command as the instructor; return its log.

        Raises NbgraderError with the end of the log if the command fails and `check` holds.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=self.course,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if on_line is not None:
                on_line(line.rstrip())
        code = process.wait()
        text = "".join(lines)
        self.log.append(f"$ nbgrader {' '.join(arguments)}\n{text}[exit status {code}]\n")
        if check and code != 0:
            raise NbgraderError(f"nbgrader {' '.join(arguments)} failed:\n{text[-3000:]}")
        return text

    def gradebook(self) -> Gradebook:
        """Open the gradebook; close it, or use it in a with statement."""
        return Gradebook(self.db_url, COURSE_ID)

    def student(self, name: str) -> Student:
        """The desk of one student; made at first use."""
        desk = Student(name, self.root / "students" / name, self)
        desk.folder.mkdir(parents=True, exist_ok=True)
        return desk

    def submitted(self, student: str, assignment: str) -> Path:
        """Folder of a collected submission."""
        return self.course / "submitted" / student / assignment

    def autograded(self, student: str, assignment: str) -> Path:
        """Folder of a graded submission."""
        return self.course / "autograded" / student / assignment

    def feedback(self, student: str, assignment: str) -> Path:
        """Folder of the feedback that the instructor generated."""
        return self.course / "feedback" / student / assignment


@dataclass(frozen=True)
class Student:
    """One student: a name, a folder to work in, and the exchange."""

    name: str
    folder: Path
    course: ScratchCourse

    def _config(self, assignment: str) -> Config:
        return Config(
            {
                "CourseDirectory": {
                    "course_id": COURSE_ID,
                    "root": str(self.folder),
                    "student_id": self.name,
                    "assignment_id": assignment,
                },
                "Exchange": {
                    "root": str(self.course.exchange),
                    "cache": str(self.folder / ".cache"),
                    "assignment_dir": str(self.folder),
                },
            }
        )

    def _exchange(self, action: str, assignment: str) -> None:
        get_logger().setLevel(logging.ERROR)
        config = self._config(assignment)
        maker = getattr(ExchangeFactory(config=config), action)
        coursedir = CourseDirectory(config=config)
        maker(
            coursedir=coursedir, authenticator=Authenticator(config=config), config=config
        ).start()

    def fetch(self, assignment: str) -> None:
        """Get a released assignment out of the exchange."""
        self._exchange("FetchAssignment", assignment)

    def submit(self, assignment: str) -> None:
        """Hand the assignment in."""
        self._exchange("Submit", assignment)

    def fetch_feedback(self, assignment: str) -> list[Path]:
        """Get the feedback; return the pages received."""
        self._exchange("FetchFeedback", assignment)
        return sorted((self.folder / assignment / "feedback").rglob("*.html"))

    def notebook(self, assignment: str) -> Path:
        """The student's copy of the assignment's notebook."""
        return self.folder / assignment / f"{assignment}.ipynb"

    def edit(self, assignment: str, change: Callable[[NotebookNode], None]) -> None:
        """Apply `change` to the student's copy of the notebook."""
        path = self.notebook(assignment)
        nb = nbformat.read(path, as_version=4)
        change(nb)
        nbformat.write(nb, path)
