"""Notebooks have one normal form, and no program's marks are ever committed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from tools import normalise, notebooks
from tools.normalise import normalised
from tools.notebooks import NotebookError, is_readable, name_for, slug

ROOT = Path(__file__).resolve().parent.parent


def graded(grade_id: str) -> dict:
    return {
        "nbgrader": {
            "grade": False,
            "grade_id": grade_id,
            "locked": False,
            "schema_version": 3,
            "solution": True,
            "task": False,
        }
    }


def ids(*cells: NotebookNode) -> list[str]:
    return [cell.id for cell in normalised(new_notebook(cells=list(cells))).cells]


def test_the_notebooks_of_the_course_are_normal(capsys):
    assert normalise.main(["--check"]) == 0, capsys.readouterr().out


# --- ids ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell_id",
    [
        "1f0c9a2b",
        "deadbeef",
        "3f2b7c1e-9d4a-4b6f-8e2d-1a2b3c4d5e6f",
        "3f2b7c1e9d4a4b6f8e2d1a2b3c4d5e6f",
        "cell-3f2b7c1e9d4a4b6f",
        "aZ3kTb9xQqLm",
        "Xk_3-aBcDeFg",
        "a b",
        "",
        "x" * 65,
        None,
        7,
    ],
)
def test_ids_that_a_program_drew_are_not_readable(cell_id):
    assert not is_readable(cell_id)


@pytest.mark.parametrize("cell_id", ["sigmoid", "sigmoid-check-2", "what-we-saw", "a", "Setup"])
def test_ids_that_a_person_chose_are_kept(cell_id):
    assert is_readable(cell_id)
    assert ids(new_markdown_cell("# Another text", id=cell_id)) == [cell_id]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (
            new_markdown_cell("Now\n\n## Why *one* neuron can't: XOR\n"),
            "why-one-neuron-cant-xor",
        ),
        (new_markdown_cell("The loss falls, and then it stays where it is."), None),
        (new_markdown_cell(":::{admonition} Claim check\nBody"), "claim-check"),
        (new_markdown_cell("$$ x $$"), "x"),
        (new_markdown_cell(""), "text"),
        (new_markdown_cell("中文"), "text"),
        (new_raw_cell(""), "raw"),
        (new_code_cell(""), "code"),
        (new_code_cell("import x\n\ndef train_one(x):\n    pass"), "train-one"),
        (new_code_cell("class Value:\n    def f(self): ..."), "value"),
        (new_code_cell("async def go(): ..."), "go"),
        (new_code_cell("# draw the margin\nplt.plot(x)"), "draw-the-margin"),
        (new_code_cell("x = np.zeros(3)"), "x-np-zeros-3"),
        (new_markdown_cell("# Deadbeef"), "cell-deadbeef-x"),
    ],
)
def test_names_come_from_the_text(cell, name):
    found = name_for(cell)
    assert found == (name or "the-loss-falls-and-then-it")
    assert is_readable(found)


def test_drawn_missing_and_repeated_ids_are_replaced_and_stay_unique():
    found = ids(
        new_markdown_cell("# Title", id="1f0c9a2b"),
        new_markdown_cell("# Title", id="2f0c9a2b"),
        new_code_cell("f()", id="twice"),
        new_code_cell("g()", id="twice"),
        new_markdown_cell("# Title", id="title-2"),
    )
    assert found == ["title", "title-3", "twice", "g", "title-2"]


def test_a_graded_cell_is_called_by_its_grade_id_and_comes_first():
    found = ids(
        new_code_cell("x", id="sigmoid"),
        new_code_cell("def s(): ...", id="1f0c9a2b", metadata=graded("sigmoid")),
    )
    assert found == ["x", "sigmoid"]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([graded("a"), graded("a")], "more than one cell has the grade_id 'a'"),
        ([graded("a b")], "the grade_id 'a b'"),
        ([{"nbgrader": {"grade": True}}], "the grade_id None"),
    ],
)
def test_what_only_a_person_can_settle_is_said(cells, says):
    notebook = new_notebook(cells=[new_code_cell("x", metadata=found) for found in cells])
    with pytest.raises(NotebookError, match=says):
        normalised(notebook, "here")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_a_slug_is_a_valid_id_or_empty(text):
    found = slug(text)
    assert found == "" or re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found)
    assert len(found) <= 40


CELL = st.builds(
    lambda kind, source, cell_id: kind(source, **({"id": cell_id} if cell_id else {})),
    st.sampled_from([new_markdown_cell, new_code_cell, new_raw_cell]),
    st.text(max_size=40),
    st.sampled_from([None, "same", "1f0c9a2b", "title", "title-2", "x" * 64]),
)


@pytest.mark.filterwarnings("ignore:Non-unique cell id")
@settings(max_examples=150, deadline=None)
@given(st.lists(CELL, max_size=8))
def test_normal_form_is_unique_stable_and_valid(cells):
    once = normalised(new_notebook(cells=cells))
    nbformat.validate(once)
    found = [cell.id for cell in once.cells]
    assert len(set(found)) == len(found)
    assert notebooks.text_of(normalised(once)) == notebooks.text_of(once)
    again = nbformat.reads(notebooks.text_of(once), as_version=4)
    assert notebooks.text_of(normalised(again)) == notebooks.text_of(once)


# --- what goes and what stays ---------------------------------------------------------------


def messy() -> NotebookNode:
    code = new_code_cell(
        "x = 1\r\nx\n\n",
        id="one",
        execution_count=3,
        outputs=[new_output("stream", text="hello")],
        metadata={
            "tags": ["hide-input"],
            "mystnb": {"image": {"alt": "a line"}},
            "slideshow": {"slide_type": "slide"},
            "editable": False,
            "deletable": False,
            "collapsed": True,
            "jupyter": {"outputs_hidden": True},
            "vscode": {"languageId": "python"},
            "colab": {"base_uri": "x"},
            "id": "x",
            "execution": {"iopub.execute_input": "2026"},
            "ExecuteTime": {"end_time": "x"},
            "trusted": True,
            "user_expressions": [],
        },
    )
    text = new_markdown_cell("# A", id="a", metadata={"tags": [], "user_expressions": [1]})
    text.attachments = {"p.png": {"image/png": "aGVsbG8="}}
    metadata = {
        "kernelspec": {"name": "my-env", "display_name": "mine", "language": "python"},
        "language_info": {"name": "python", "version": "3.11.4"},
        "colab": {"provenance": []},
        "celltoolbar": "Create Assignment",
    }
    return new_notebook(cells=[text, code], metadata=metadata)


def test_marks_of_programs_go_and_choices_of_people_stay():
    text, code = normalised(messy()).cells
    assert code.source == "x = 1\nx"
    assert code.outputs == []
    assert code.execution_count is None
    assert set(code.metadata) == {"tags", "mystnb", "slideshow", "editable", "deletable"}
    assert text.metadata == {}
    assert text.attachments == {"p.png": {"image/png": "aGVsbG8="}}
    assert normalised(messy()).metadata == notebooks.METADATA


def test_the_file_is_what_nbformat_writes(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(messy()).replace("\n", "\r\n"))
    assert normalise.normalise(path) == [
        "outputs",
        "cell metadata: ExecuteTime, colab, collapsed, execution, id, jupyter, tags, trusted, "
        "user_expressions, vscode",
        "notebook metadata",
        "line ends",
    ]
    written = path.read_bytes()
    nbformat.write(nbformat.read(path, as_version=4), path)
    assert path.read_bytes() == written
    assert written.endswith(b"}\n")
    assert b"\r" not in written


def test_old_minor_versions_get_ids(tmp_path):
    path = tmp_path / "a.ipynb"
    old = {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# Hello\n", "you"]},
            {"cell_type": "code", "metadata": {}, "source": "f()", "outputs": []},
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 2,
    }
    path.write_text("\ufeff" + json.dumps(old))
    normalise.normalise(path)
    found = nbformat.read(path, as_version=4)
    assert found.nbformat_minor == 5
    assert [cell.id for cell in found.cells] == ["hello", "f"]


# --- the program ----------------------------------------------------------------------------


def test_check_changes_nothing_and_names_the_cure(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(messy()))
    before = path.read_bytes()
    assert normalise.main(["--check", str(path)]) == 1
    said = capsys.readouterr().out
    assert "a.ipynb: not in normal form (outputs; " in said
    assert said.endswith("Cure: make format\n")
    assert path.read_bytes() == before
    assert normalise.main([str(path)]) == 0
    assert normalise.main(["--check", str(path)]) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "this is not JSON"),
        (b"[]", "not a notebook"),
        (b'{"cells": {}}', "not a notebook"),
        (b'{"cells": [], "nbformat": 3}', "format 3 is not 4"),
        (b'{"cells": [{}], "nbformat": 4}', "cell 1 has no source"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"<<<<<<< HEAD\n", "conflict markers"),
    ],
)
def test_a_broken_file_is_said_in_a_sentence_and_left(tmp_path, capsys, content, says):
    path, fine = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    path.write_bytes(content)
    fine.write_text(json.dumps(messy()))
    assert normalise.main([str(path), str(fine), str(tmp_path / "none.ipynb")]) == 1
    said = capsys.readouterr()
    assert says in said.err
    assert "there is no such file" in said.err
    assert "b.ipynb: normalised" in said.out
    assert path.read_bytes() == content


def test_exercises_are_never_touched(capsys):
    assert normalise.main(["exercises/03-perceptron/03-perceptron.ipynb"]) == 1
    assert "edit the one there and run 'make release'" in capsys.readouterr().err


def test_the_program_runs_from_the_command_line(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(messy()))
    done = subprocess.run(
        [sys.executable, "tools/normalise.py", "--check", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Cure: make format" in done.stdout
