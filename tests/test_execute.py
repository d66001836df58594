"""tools/execute.py: one run is the test and the published copy."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import execute

FIGURE = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty course in a folder of its own, in place of the repository."""
    (tmp_path / "book").mkdir()
    (tmp_path / "requirements.lock").write_text("numpy==2\n")
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    monkeypatch.setattr(execute, "EXECUTED", tmp_path / "executed")
    monkeypatch.setattr(execute, "RUNS", tmp_path / "executed" / "runs.json")
    monkeypatch.setattr(execute, "_environment_digest", lambda: b"same")
    return tmp_path


def write(course: Path, *cells: nbformat.NotebookNode, name: str = "01-one") -> Path:
    path = course / "book" / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["execute.py", "book", *arguments])
    return execute.main()


def test_an_executed_copy_has_outputs_inline_values_and_a_record(course, monkeypatch):
    source = write(
        course,
        new_code_cell("x = 2"),
        new_markdown_cell("x is {eval}`x` and its square {eval}`f'{x**2:.1f}'`."),
        new_code_cell("x = 5\nprint(x)"),
        new_markdown_cell("Now {eval}`x`."),
        new_code_cell(FIGURE),
    )
    before = source.read_bytes()

    assert run(monkeypatch) == 0

    done = nbformat.read(course / "executed" / "book" / "01-one.ipynb", as_version=4)
    assert [c.source for c in done.cells if c.cell_type == "markdown"] == [
        "x is 2 and its square 4.0.",
        "Now 5.",
    ]
    code = [c for c in done.cells if c.cell_type == "code"]
    assert len(code) == 3, "the inserted cells are taken out again"
    assert code[1].outputs[0].text == "5\n"
    assert "image/svg+xml" in code[2].outputs[-1].data
    record = json.loads((course / "executed" / "runs.json").read_text())["01-one"]
    assert record["seconds"] > 0 and record["peak_mb"] > 10 and record["cores"] >= 1
    assert "matplotlib" in record["versions"] and "tensorflow" not in record["versions"]
    assert source.read_bytes() == before


def test_unchanged_notebooks_are_not_run_again_and_changed_ones_are(course, monkeypatch, capsys):
    write(course, new_code_cell("x = 1"))
    run(monkeypatch)
    capsys.readouterr()

    run(monkeypatch)
    assert "0 of 1" in capsys.readouterr().out

    write(course, new_code_cell("x = 2"))
    run(monkeypatch)
    assert "1 of 1" in capsys.readouterr().out

    monkeypatch.setattr(execute, "_environment_digest", lambda: b"another lock")
    run(monkeypatch)
    assert "1 of 1" in capsys.readouterr().out


def test_a_failing_cell_fails_the_run_is_named_and_is_not_published(course, monkeypatch, capsys):
    good = new_code_cell("x = 1")
    bad = new_code_cell("raise ValueError('no such thing')")
    bad.id = "the-bad-one"
    write(course, good, bad)

    assert run(monkeypatch) == 1

    said = capsys.readouterr().out
    assert "01-one.ipynb, cell the-bad-one: ValueError: no such thing" in said
    assert not (course / "executed" / "book" / "01-one.ipynb").exists()


def test_an_inline_value_that_fails_is_named(course, monkeypatch, capsys):
    write(course, new_code_cell("x = 1"), new_markdown_cell("{eval}`no_such_name`"))

    assert run(monkeypatch) == 1
    assert "no_such_name" in capsys.readouterr().out


def test_a_kernel_that_dies_fails_the_run(course, monkeypatch, capsys):
    write(course, new_code_cell("import os; os._exit(3)"))

    assert run(monkeypatch) == 1
    assert "01-one" in capsys.readouterr().out


def test_the_environment_digest_covers_what_a_notebook_can_import(monkeypatch, tmp_path):
    package = tmp_path / "course_utils"
    (package / "datasets").mkdir(parents=True)
    (package / "grading").mkdir()
    (tmp_path / "requirements.lock").write_text("a==1")
    (package / "datasets" / "registry.py").write_text("1")
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    monkeypatch.setattr(execute, "__file__", str(tmp_path / "requirements.lock"))
    first = execute._environment_digest()

    (package / "grading" / "sandbox.py").write_text("cannot change an output")
    assert execute._environment_digest() == first
    (package / "datasets" / "registry.py").write_text("2")
    second = execute._environment_digest()
    assert second != first
    (tmp_path / "requirements.lock").write_text("a==2")
    assert execute._environment_digest() != second


def test_over_budget_says_by_how_much_and_fails_when_it_cannot_be_the_machine():
    assert execute.over_budget({"seconds": 10.0, "peak_mb": 100}) == ([], [])
    fails, said = execute.over_budget({"seconds": 301.0, "peak_mb": 5000})
    assert "301 s" in said[0] and "5000 MB" in fails[0] and len(fails) == 1
    fails, said = execute.over_budget({"seconds": 601.0, "peak_mb": 100})
    assert "601 s" in fails[0] and not said
