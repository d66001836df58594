"""JupyterLite: which exercises go in, the wheel they install, and that NumPy is enough for it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import pytest

from tools import lite, pyodide

# What a page has not: everything heavy, and what only a command line needs.
WITHOUT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(name + " is not in the page")
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {wheel!r})
"""
BLOCKED = {
    "torch", "tensorflow", "keras", "rich", "requests", "psutil", "tqdm", "nbformat", "nbgrader",
    "jupyter_client", "zmq", "jinja2", "filelock", "sqlalchemy",
}  # fmt: skip
USES = """
import course_utils
assert ".whl" in course_utils.__file__, course_utils.__file__
import numpy as np
from course_utils import checks, datasets, devices
devices.seed_everything(0)
with checks.task("Task 1"):
    checks.close(np.ones(3), np.ones(3), name="ones")
try:
    with checks.task("Task 2"):
        checks.close(np.ones(3), np.zeros(3), name="ones")
except checks.CheckFailed as error:
    print("told:", str(error)[:60])
assert datasets.load("digits").X_train.shape[1:] == (8, 8)
"""


def test_exercises_that_need_only_numpy_go_in_and_no_others():
    names = [path.stem for path in lite.suitable(lite.ROOT / "exercises")]
    assert "02-toolbox" in names and "04-backprop" in names
    assert not {"05-training", "06-frameworks", "07-cnn"} & set(names)  # large data, frameworks


def test_what_code_needs_is_read_from_its_imports_and_data():
    assert lite.needs("import numpy.linalg as la\nfrom torch import nn") == (
        {"numpy", "torch"}, set(),
    )  # fmt: skip
    assert lite.needs("datasets.load('mnist')")[1] == {"mnist"}


def test_the_wheel_holds_what_notebooks_import_and_asks_for_numpy_only(tmp_path):
    path = lite.wheel(tmp_path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
        record = archive.read(next(n for n in names if n.endswith("RECORD"))).decode()
    assert "course_utils/checks/__init__.py" in names
    assert not [n for n in names if "grading" in n or "cli" in n.split("/")]
    assert [x for x in metadata.splitlines() if x.startswith("Requires")] == [
        "Requires-Dist: numpy"
    ]
    assert len(record.splitlines()) == len(names)
    assert lite.wheel(tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_checks_work_from_the_wheel_with_numpy_alone(tmp_path):
    start = WITHOUT.format(blocked=BLOCKED, wheel=str(lite.wheel(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-c", start + USES], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "told: " in done.stdout and "these checks pass" in done.stdout


def test_an_exercise_installs_the_wheel_first():
    path = next(lite.suitable(lite.ROOT / "exercises"))
    notebook = lite.prepared(json.loads(path.read_text()))
    assert notebook["cells"][0]["source"].startswith("%pip install -q build-deep-notebooks")
    assert notebook["metadata"]["kernelspec"]["name"] == "python"


def chapter(*codes: str) -> dict:
    cells = [{"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": code}
             for i, code in enumerate(codes)]  # fmt: skip
    return {"cells": cells, "metadata": {}}


def test_an_exercise_with_data_installs_the_library_that_has_them():
    first = lite.prepared(chapter("datasets.load('digits')"))["cells"][0]["source"]
    assert first.split()[-1] == "scikit-learn"
    assert "scikit-learn" not in lite.prepared(chapter("import numpy"))["cells"][0]["source"]


def test_a_chapter_goes_in_when_nothing_hangs_on_what_a_browser_lacks():
    assert lite.apart(chapter("x = 1", "import torch\ny = torch.tensor(x)", "x + 1")) == {
        "c1": {"torch"}
    }
    assert lite.apart(chapter("import torch\ny = 1", "print(y)")) is None
    assert lite.apart(chapter("import torch", "torch.ones(2)")) is None
    assert lite.apart(chapter("import torch\nx = 1", "x = 2", "x")) == {"c0": {"torch"}}
    assert lite.apart(chapter("datasets.load('mnist')")) is None
    found = [path.stem for path in lite.chapters(lite.ROOT / "book")]
    assert "03-perceptron" in found and "04-backprop" not in found


def test_a_cell_that_no_browser_can_run_is_text_that_says_so():
    first, kept, told = lite.prepared(chapter("x = 1", "import torch"))["cells"]
    assert (first["cell_type"], kept["source"]) == ("code", "x = 1")
    assert told["cell_type"] == "markdown" and told["id"] == "c1"
    assert "needs PyTorch, which no browser has" in told["source"]
    assert "```python\nimport torch\n```" in told["source"]


@pytest.fixture
def built(tmp_path):
    """A folder as `make lite` leaves it, without JupyterLite itself."""
    inside = lite.contents()
    made = {"key": inside.key, "chapters": ["03-x"], "exercises": ["03-x", "04-y"]}
    (tmp_path / lite.RECORD).write_text(json.dumps(made))
    return tmp_path


def test_the_pages_offer_what_was_built_and_only_while_it_is_current(built):
    assert lite.is_current(built) and not lite.is_current(built / "none")
    assert lite.entries(built) == {
        "03-x": [
            {"name": "Chapter in the browser", "url": "lite/start.html?book/03-x.ipynb"},
            {"name": "Exercise in the browser", "url": "lite/start.html?exercises/03-x.ipynb"},
        ],
        "04-y": [
            {"name": "Exercise in the browser", "url": "lite/start.html?exercises/04-y.ipynb"}
        ],
    }
    made = json.loads((built / lite.RECORD).read_text()) | {"key": "of other notebooks"}
    (built / lite.RECORD).write_text(json.dumps(made))
    assert not lite.is_current(built)


def test_a_folder_without_pyodide_is_told(tmp_path):
    with pytest.raises(lite.LiteError, match=r"holds no Pyodide.*tools/pyodide\.py"):
        lite.build(tmp_path / "out", tmp_path / "program", tmp_path)


def test_only_wheels_with_the_digest_of_pyodides_list_are_taken(tmp_path):
    carrier = tmp_path / "carrier.whl"
    with zipfile.ZipFile(carrier, "w") as archive:
        archive.writestr("a/deep/good-1.whl", b"good")
        archive.writestr("a/deep/changed-1.whl", b"changed")
    packages = {
        name: {"file_name": f"{name}-1.whl", "sha256": pyodide.digest(name.encode() * n)}
        for name, n in (("good", 1), ("changed", 2))
    }
    pyodide.take(carrier, packages, tmp_path)
    assert (tmp_path / "good-1.whl").is_file() and not (tmp_path / "changed-1.whl").exists()


def test_without_a_network_the_program_says_that_the_book_is_complete(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(lite.venv, "create", lambda *_, **__: None)
    failed = subprocess.CompletedProcess([], 1, "", "no index")
    monkeypatch.setattr(lite.subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setattr(lite, "BUILD", tmp_path)
    monkeypatch.setattr(sys, "argv", ["lite.py"])
    assert lite.main() == 1
    assert "complete without it" in capsys.readouterr().err
