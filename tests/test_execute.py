"""tools/execute.py: one run is the test and the published copy."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

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


def test_inline_values_may_stand_in_the_json_of_an_interactive_part():
    rows = [{"tokens": ["a", " ", '"', "`"], "maps": [[[1000], [250, 750]]]}]
    text = (
        ':::{anywidget} widgets/x.js\n{"label": "x", "rows": {eval}`dumps(rows)`, '
        '"count": {eval}`len(rows)`}\n:::\n\nThere is {eval}`len(rows)`.'
    )
    nb = execute.instrument(new_notebook(cells=[new_markdown_cell(text)]))
    state = {"rows": rows, "dumps": json.dumps}
    for cell in nb.cells[:1]:  # what a kernel does with the inserted cell
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(cell.source, state)
        cell.outputs = [new_output("stream", name="stdout", text=printed.getvalue())]
    nb.cells = nb.cells[:2]

    done, _ = execute.collect(nb)

    body, _, after = (
        done.cells[0].source.removeprefix(":::{anywidget} widgets/x.js\n").partition("\n:::\n\n")
    )
    assert json.loads(body) == {"label": "x", "rows": rows, "count": 1}
    assert after == "There is 1."


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


def export(name: str = "net.npz", text: str = "x = 1") -> nbformat.NotebookNode:
    """A cell that exports a file, as a chapter does for its interactive part."""
    source = "from pathlib import Path\nPath('exports').mkdir(exist_ok=True)\n"
    return new_code_cell(f"{source}Path('exports/{name}').write_text({text!r})")


def test_what_a_run_exports_is_kept_with_its_copy_and_named_in_its_record(course, monkeypatch):
    write(course, export())
    write(course, export("other.json"), name="02-two")

    assert run(monkeypatch) == 0

    kept = course / "executed" / "book" / "exports"
    assert sorted(f.name for f in kept.iterdir()) == ["net.npz", "other.json"]
    runs = json.loads((course / "executed" / "runs.json").read_text())
    assert runs["01-one"]["exports"] == {"net.npz": hashlib.sha256(b"x = 1").hexdigest()}
    assert list(runs["02-two"]["exports"]) == ["other.json"]
    assert not (course / "book" / "exports").exists()


def test_an_export_that_is_gone_is_made_again_and_an_old_one_goes(course, monkeypatch, capsys):
    write(course, export())
    run(monkeypatch)
    kept = course / "executed" / "book" / "exports"
    (kept / "net.npz").unlink()
    capsys.readouterr()

    run(monkeypatch)
    assert "1 of 1" in capsys.readouterr().out and (kept / "net.npz").is_file()

    run(monkeypatch)
    assert "0 of 1" in capsys.readouterr().out

    write(course, export("new.npz"))
    run(monkeypatch)
    assert [f.name for f in kept.iterdir()] == ["new.npz"]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (export(text="x" * 1_100_000), "1000 KB are allowed"),
        (new_code_cell("import os; os.makedirs('exports/a'); open('exports/a/b', 'w')"), "itself"),
    ],
    ids=["too-large", "in-a-folder"],
)
def test_an_export_that_cannot_be_published_fails_the_run(course, monkeypatch, capsys, cell, says):
    write(course, cell)

    assert run(monkeypatch) == 1

    assert says in capsys.readouterr().out
    assert not (course / "executed" / "book" / "01-one.ipynb").exists()


def test_two_notebooks_that_export_under_one_name_fail_the_run(course, monkeypatch, capsys):
    write(course, export())
    write(course, export(text="another"), name="02-two")

    assert run(monkeypatch) == 1

    assert "02-two.ipynb wrote exports/net.npz, as 01-one does" in capsys.readouterr().out
    assert (course / "executed" / "book" / "exports" / "net.npz").read_text() == "x = 1"


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
