"""The `course` command: help, errors as sentences, and `course start`, which overwrites nothing."""

from __future__ import annotations

import ast
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import course_utils
from course_utils import cli
from course_utils.cli import places, start
from course_utils.errors import CourseError

import click
import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "tensorflow", "keras", "sklearn", "numpy", "pandas", "matplotlib", "requests")


def course(*args: str) -> Result:
    return CliRunner().invoke(cli.main, args, prog_name="course")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small clone of the course, and the current folder in it."""
    root = tmp_path / "clone"
    (root / "course_utils").mkdir(parents=True)
    (root / "requirements.lock").touch()
    for name in ("03-perceptron", "04-backprop", "11-language-models", "12-sentiment"):
        folder = root / "exercises" / name
        (folder / "images").mkdir(parents=True)
        (folder / f"{name}.ipynb").write_text(f"the exercise {name}")
        (folder / "images/plot.svg").write_text("a picture")
    (root / "exercises/03-perceptron/.ipynb_checkpoints").mkdir()
    (root / "exercises/03-perceptron/.ipynb_checkpoints/old.ipynb").write_text("old")
    monkeypatch.chdir(root)
    return root


# --- help and speed --------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["start", "--help"], ["nonsense"]])
def test_the_command_line_starts_without_heavy_imports(args: list[str]) -> None:
    code = (
        "import sys\n"
        "from course_utils.cli import main\n"
        "try:\n    main(sys.argv[1:], prog_name='course')\n"
        "except SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_help_lists_every_command_and_gives_examples() -> None:
    text = course("--help").output
    for name in ("doctor", "data", "start"):
        assert f"\n  {name}" in text
        assert f"course {name}" in text


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_there_and_its_help_has_examples(name: str) -> None:
    result = course(name, "--help")
    assert result.exit_code == 0
    assert f"course {name}" in result.output
    assert "Example" in result.output


def test_version() -> None:
    assert course("--version").output == f"Build Deep {course_utils.__version__}\n"


def test_the_version_is_the_packages_own() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == course_utils.__version__


def test_an_unknown_command_names_the_nearest() -> None:
    result = course("docter")
    assert result.exit_code == 2
    assert "Did you mean 'doctor'?" in result.output


def test_python_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "course_utils", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.startswith("Usage: course ")


# --- errors ----------------------------------------------------------------------------------


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make `course start` raise what the test gives."""

    def install(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(start, "start", command)

    return install


def os_error(number: int, name: str | None = "/x/y") -> OSError:
    return OSError(number, os.strerror(number), name)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CourseError("The data are not here: fetch them."), "The data are not here: fetch them.\n"),
        (os_error(errno.ENOSPC), "The disk is full: /x/y. Free some space"),
        (os_error(errno.EACCES), "You may not write: /x/y. Choose a folder of your own."),
        (os_error(errno.ENOSPC, None), "The disk is full. Free some space"),
        (os_error(errno.EROFS), "Read-only file system: /x/y. Put this right"),
        (TypeError("bad"), "mistake in the course itself (TypeError: bad)"),
    ],
)
def test_an_error_is_a_sentence_on_stderr_and_status_1(
    failing: Any, error: Exception, said: str
) -> None:
    failing(error)
    result = course("start")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_the_errors_of_data_sets_are_expected_errors() -> None:
    from course_utils.datasets import DatasetError

    assert issubclass(DatasetError, CourseError)


def test_an_unknown_data_set_is_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "course_utils", "data", "fetch", "mnits"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "mnist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [["--debug", "start"], ["start", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_is_written(failing: Any, args: list[str]) -> None:
    failing(CourseError("no"))
    assert isinstance(course(*args).exception, CourseError)


def test_debug_shows_the_traceback_on_the_terminal(clone: Path) -> None:
    command = [sys.executable, "-m", "course_utils", "start", "no-such-chapter"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    plain = subprocess.run(command, capture_output=True, text=True, cwd=clone, env=env)
    debug = subprocess.run(
        [*command, "--debug"], capture_output=True, text=True, cwd=clone, env=env
    )
    assert (plain.returncode, debug.returncode) == (1, 1)
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


def test_ctrl_c_is_one_line_and_status_130(failing: Any) -> None:
    failing(KeyboardInterrupt())
    result = course("start")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Stopped.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_real_ctrl_c(tmp_path: Path) -> None:
    code = (
        "import click, sys, time\n"
        "from course_utils import cli\n"
        "from course_utils.cli import start\n"
        "@click.command()\n"
        "def slow():\n    print('ready', flush=True); time.sleep(60)\n"
        "start.start = slow\n"
        "cli.main(['start'], prog_name='course')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr.strip()) == (130, "Stopped.")


def test_a_course_error_in_a_notebook_is_its_sentence() -> None:
    assert CourseError("Do this.")._render_traceback_() == ["CourseError: Do this."]


# --- old Pythons -----------------------------------------------------------------------------

FIRST_FILE = ROOT / "course_utils/__init__.py"


def test_an_old_python_is_told_which_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    fake = SimpleNamespace(version_info=(3, 9, 18), exit=said.append)
    code = compile(FIRST_FILE.read_text(), "course_utils", "exec")
    monkeypatch.setitem(sys.modules, "sys", fake)
    exec(code, {})
    monkeypatch.undo()
    (text,) = said
    assert "needs Python 3.11 or newer, and this is Python 3.9" in text


def test_the_first_file_has_no_syntax_that_an_old_python_lacks() -> None:
    source = FIRST_FILE.read_bytes()
    assert source.isascii()  # Python 2 refuses other characters without a declaration
    tree = ast.parse(source, feature_version=(3, 4))
    modern = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.AsyncFunctionDef, ast.Match)
    assert not [node for node in ast.walk(tree) if isinstance(node, modern)]
    assert "__future__" not in source.decode()


OLD_PYTHONS = [
    found
    for name in ("2.7", "3.6", "3.8", "3.9", "3.10")
    if (found := shutil.which(f"python{name}"))
]


def test_the_old_pythons_of_this_machine_say_it_too() -> None:
    for python in OLD_PYTHONS:  # the two tests above stand where there is none
        probe = subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info >= (3, 11))"])
        if probe.returncode:
            continue  # a launcher with no such Python behind it
        done = subprocess.run([python, "-B", "-m", "course_utils"], capture_output=True, cwd=ROOT)
        assert done.returncode == 1, python
        assert done.stderr.decode().startswith("Build Deep needs Python 3.11"), python
        assert b"Traceback" not in done.stderr, python


# --- names of chapters -----------------------------------------------------------------------

KNOWN = ["03-perceptron", "04-backprop", "11-language-models", "12-sentiment"]


@pytest.mark.parametrize(
    ("wanted", "chapter"),
    [
        ("3", "03-perceptron"),
        ("03", "03-perceptron"),
        ("perceptron", "03-perceptron"),
        ("Perceptron", "03-perceptron"),
        ("03-perceptron", "03-perceptron"),
        ("perc", "03-perceptron"),
        ("11", "11-language-models"),
        ("language models", "11-language-models"),
        ("language_models", "11-language-models"),
        ("exercises/04-backprop/", "04-backprop"),
        ("04-backprop.ipynb", "04-backprop"),
    ],
)
def test_what_people_call_a_chapter(wanted: str, chapter: str) -> None:
    assert places.find_chapter(wanted, KNOWN) == chapter


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("perzeptron", "The nearest is 03-perceptron"),
        ("3-perceptron", "The nearest is 03-perceptron"),
        ("99", "There are exercises for 03-perceptron, 04-backprop"),
        ("", "No exercise is called ''"),
        ("..", "No exercise is called"),
    ],
)
def test_an_unknown_chapter_is_answered_with_the_nearest(wanted: str, message: str) -> None:
    with pytest.raises(CourseError, match=message):
        places.find_chapter(wanted, KNOWN)


def test_an_ambiguous_beginning_names_both() -> None:
    with pytest.raises(CourseError, match="may mean 03-perceptron or 05-perception"):
        places.find_chapter("perce", ["03-perceptron", "05-perception"])


def test_the_clone_is_found_from_a_folder_inside_it(clone: Path) -> None:
    assert places.clone(clone / "exercises/03-perceptron") == clone


def test_outside_a_clone_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(course_utils, "__file__", str(tmp_path / "site/course_utils/__init__.py"))
    result = course("start", "3")
    assert result.exit_code == 1
    assert "There is no clone of the course here. Change to the folder" in result.stderr


# --- course start ----------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_start_copies_the_exercise_to_work(clone: Path) -> None:
    result = course("start", "3")
    assert result.exit_code == 0, result.output
    assert contents(clone / "work") == {
        "03-perceptron/03-perceptron.ipynb": "the exercise 03-perceptron",
        "03-perceptron/images/plot.svg": "a picture",
    }
    assert "Copied 2 files to work/03-perceptron" in result.output.replace("\\", "/")
    assert "jupyter lab work/03-perceptron/03-perceptron.ipynb" in result.output.replace("\\", "/")


def test_the_real_exercises_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    known = places.chapters(ROOT / "exercises")
    assert known, "exercises/ is empty"
    for name in known:
        result = course("start", name, "--to", str(tmp_path))
        assert result.exit_code == 0, result.output
        source = ROOT / "exercises" / name / f"{name}.ipynb"
        assert (tmp_path / name / f"{name}.ipynb").read_bytes() == source.read_bytes()


def test_start_never_overwrites(clone: Path) -> None:
    course("start", "3")
    mine = clone / "work/03-perceptron/03-perceptron.ipynb"
    mine.write_text("my answer")
    result = course("start", "3")
    assert mine.read_text() == "my answer"
    assert result.exit_code == 0
    assert "2 files (03-perceptron.ipynb, …) are already there and stay so" in result.output
    assert "course start 03-perceptron --fresh" in result.output


def test_start_completes_a_copy_that_was_interrupted(clone: Path) -> None:
    course("start", "3")
    mine = clone / "work/03-perceptron/03-perceptron.ipynb"
    mine.write_text("my answer")
    (clone / "work/03-perceptron/images/plot.svg").unlink()
    result = course("start", "3")
    assert contents(clone / "work/03-perceptron") == {
        "03-perceptron.ipynb": "my answer",
        "images/plot.svg": "a picture",
    }
    assert "Copied 1 file" in result.output
    assert "03-perceptron.ipynb is already there and stays as it is" in result.output


def test_fresh_copies_stand_beside_the_old_ones(clone: Path) -> None:
    course("start", "3")
    (clone / "work/03-perceptron/03-perceptron.ipynb").write_text("my answer")
    for number in (2, 3):
        result = course("start", "3", "--fresh")
        assert f"03-perceptron-{number}" in result.output
        fresh = clone / f"work/03-perceptron-{number}/03-perceptron.ipynb"
        assert fresh.read_text() == "the exercise 03-perceptron"
    assert (clone / "work/03-perceptron/03-perceptron.ipynb").read_text() == "my answer"


def test_start_copies_to_the_folder_that_was_asked_for(clone: Path, tmp_path: Path) -> None:
    result = course("start", "backprop", "--to", str(tmp_path / "my course"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "my course/04-backprop/04-backprop.ipynb").exists()
    assert not (clone / "work").exists()


@pytest.mark.parametrize("owned", ["exercises", "solutions", "exercises/deep", "book/../exercises"])
def test_start_does_not_write_where_the_course_writes(clone: Path, owned: str) -> None:
    before = contents(clone)
    result = course("start", "3", "--to", owned)
    assert result.exit_code == 1
    assert "belongs to the course" in result.stderr
    assert contents(clone) == before


def test_start_does_not_follow_a_link_that_leads_nowhere(clone: Path, tmp_path: Path) -> None:
    (clone / "work/03-perceptron").mkdir(parents=True)
    link = clone / "work/03-perceptron/03-perceptron.ipynb"
    link.symlink_to(tmp_path / "elsewhere")
    course("start", "3")
    assert link.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_the_place_of_the_folder_is_named(clone: Path) -> None:
    (clone / "work").write_text("a file")
    result = course("start", "3")
    assert result.exit_code == 1
    assert "is a file, and a folder is needed in its place" in result.stderr
    assert (clone / "work").read_text() == "a file"


def test_a_file_that_appears_meanwhile_stays(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = clone / "exercises/03-perceptron/03-perceptron.ipynb", tmp_path / "x.ipynb"
    copyfileobj = shutil.copyfileobj

    def racing(*args: Any) -> None:
        copyfileobj(*args)
        target.write_text("the other one")

    monkeypatch.setattr(start.shutil, "copyfileobj", racing)
    assert start.place(source, target) is False
    assert target.read_text() == "the other one"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["x.ipynb"]


@pytest.mark.parametrize("taken", [False, True])
def test_a_file_system_without_links(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    target = tmp_path / "x.ipynb"

    def no_links(*_: Any) -> None:
        if taken:
            target.write_text("the other one")
        raise os_error(errno.EPERM)

    monkeypatch.setattr(start.os, "link", no_links)
    source = clone / "exercises/03-perceptron/03-perceptron.ipynb"
    assert start.place(source, target) is not taken
    assert target.read_text() == ("the other one" if taken else "the exercise 03-perceptron")


def test_an_interrupted_copy_leaves_nothing_behind(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise os_error(errno.ENOSPC, "work")

    monkeypatch.setattr(start.shutil, "copyfileobj", full)
    result = course("start", "3")
    assert result.exit_code == 1
    assert "The disk is full" in result.stderr
    assert contents(clone / "work") == {}


def test_a_copy_can_be_read_by_whom_the_original_could(clone: Path) -> None:
    course("start", "3")
    ordinary = clone / "ordinary"
    ordinary.touch()
    copied = clone / "work/03-perceptron/03-perceptron.ipynb"
    assert copied.stat().st_mode == ordinary.stat().st_mode


def test_work_is_not_committed() -> None:
    assert "/work/" in (ROOT / ".gitignore").read_text().splitlines()
