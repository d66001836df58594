"""Damaged notebooks are put back into the shape of the release, and it is said what was done."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from course_utils.grading.examiner.examine import read
from course_utils.grading.repair import name_of, public, repair

import nbformat
import pytest
from nbgrader.utils import compute_checksum

from tests import grading_assignment as small
from tests.grading_assignment import NAMES, RIGHT, cell, notebook, released


def repaired(nb: dict[str, Any]) -> tuple[Any, list[str]]:
    """The notebook as grading runs it, and what was said about it."""
    found = read(json.dumps(nb).encode())
    notes = repair(found, released())
    nbformat.validate(found)
    return found, notes


def sources(nb: Any) -> dict[str, str]:
    """Text by name, of the cells that have one."""
    return {name: c.source for c in nb.cells if (name := name_of(c)) is not None}


EXPECTED = {c.name: c.source for c in released()} | RIGHT


def place(nb: dict[str, Any], name: str) -> int:
    return next(i for i, c in enumerate(nb["cells"]) if c["id"] == name)


def test_an_honest_notebook_is_left_alone_but_for_hidden_tests() -> None:
    nb, notes = repaired(notebook())
    assert notes == []
    assert sources(nb) == EXPECTED
    assert [name_of(c) for c in nb.cells] == NAMES


def delete(nb: dict[str, Any]) -> None:
    del nb["cells"][place(nb, "double-check")]


def duplicate(nb: dict[str, Any]) -> None:
    nb["cells"].insert(place(nb, "double"), {**cell("double", "def double(x): old"), "id": "x"})


def reorder(nb: dict[str, Any]) -> None:
    cells = nb["cells"]
    cells.append(cells.pop(place(nb, "double-check")))


def rename(nb: dict[str, Any]) -> None:
    nb["cells"][place(nb, "double")]["metadata"]["nbgrader"]["grade_id"] = "solution-of-mine"


def edit_test(nb: dict[str, Any]) -> None:
    nb["cells"][place(nb, "double-check")]["source"] = "assert True"


def edit_setup(nb: dict[str, Any]) -> None:
    nb["cells"][place(nb, "setup")]["source"] = "import numpy as np\nnp.allclose = None"


def edit_points(nb: dict[str, Any]) -> None:
    nb["cells"][place(nb, "double-check")]["metadata"]["nbgrader"]["points"] = 50


def strip_metadata(nb: dict[str, Any]) -> None:
    for one in nb["cells"]:
        one["metadata"] = {}


def strip_metadata_and_ids(nb: dict[str, Any]) -> None:
    strip_metadata(nb)
    for number, one in enumerate(nb["cells"]):
        one["id"] = f"a{number}"


def change_type(nb: dict[str, Any]) -> None:
    at = place(nb, "double-check")
    nb["cells"][at] = cell("double-check", nb["cells"][at]["source"], "markdown")


def odd_metadata(nb: dict[str, Any]) -> None:
    nb["cells"][place(nb, "double")]["metadata"]["nbgrader"] = ["grade"]
    nb["cells"][place(nb, "triple")]["metadata"]["nbgrader"] = {"grade_id": 7}
    nb["metadata"] = {"kernelspec": {"name": "bash", "language": "bash"}, "nbgrader": 5}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (delete, "'double-check' was missing; it was put back"),
        (duplicate, "'double' was there twice; the last copy counts"),
        (reorder, "put back in order"),
        (rename, "'double' had lost its name"),
        (edit_test, "text of the cell 'double-check' was changed"),
        (edit_setup, "text of the cell 'setup' was changed"),
        (edit_points, "'double-check' says about grading was changed"),
        (strip_metadata, "'double-check' had lost its name"),
        (strip_metadata_and_ids, "'double' had lost its name"),
        (change_type, "type of the cell 'double-check' was changed"),
        (odd_metadata, "'triple' had lost its name"),
    ],
)
def test_damage_is_repaired_and_told(damage: Callable[[dict[str, Any]], None], said: str) -> None:
    nb = notebook()
    damage(nb)
    found, notes = repaired(nb)
    assert sources(found) == EXPECTED
    assert [name for c in found.cells if (name := name_of(c))] == NAMES
    assert any(said in note for note in notes), notes
    for one in found.cells:
        if (name := name_of(one)) is not None:
            original = next(c for c in released() if c.name == name)
            assert one.metadata.nbgrader == original.metadata
            assert one.cell_type == original.metadata["cell_type"]


def test_an_answer_that_was_deleted_is_not_invented() -> None:
    nb = notebook()
    del nb["cells"][place(nb, "double")]
    found, notes = repaired(nb)
    assert "double" not in sources(found)
    assert "The cell 'double' was missing; it was not answered." in notes


def test_a_copy_of_an_answer_stays_as_a_cell_of_the_learners_own() -> None:
    nb = notebook()
    duplicate(nb)
    found, _ = repaired(nb)
    assert [c.source for c in found.cells if name_of(c) is None] == ["def double(x): old"]


def test_an_answer_that_takes_the_name_of_a_test_gains_nothing() -> None:
    nb = notebook()
    nb["cells"][place(nb, "double")]["metadata"]["nbgrader"]["grade_id"] = "double-check"
    found, _ = repaired(nb)
    assert sources(found)["double-check"] == EXPECTED["double-check"]
    assert [name_of(c) for c in found.cells].count("double-check") == 1


def colab(nb: dict[str, Any]) -> dict[str, Any]:
    """As Colab saves: format 4.0, ids in the metadata, its own keys, outputs with outputId."""
    nb = copy.deepcopy(nb)
    for one in nb["cells"]:
        one["metadata"] |= {"id": one.pop("id"), "colab": {"base_uri": "https://localhost/"}}
        one["source"] = one["source"].splitlines(keepends=True)
        if one["cell_type"] == "code":
            one["metadata"]["outputId"] = "0b6c"
            one["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x"]}]
    nb["metadata"] = {"colab": {"provenance": []}, "accelerator": "GPU"}
    return nb | {"nbformat_minor": 0}


def vscode(nb: dict[str, Any]) -> dict[str, Any]:
    """As VS Code saves: new ids, its own metadata."""
    nb = copy.deepcopy(nb)
    for number, one in enumerate(nb["cells"]):
        one["id"] = f"{number:08x}"
        one["metadata"] |= {"vscode": {"languageId": "python"}}
    return nb


def without_names(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    def changed(nb: dict[str, Any]) -> dict[str, Any]:
        nb = change(nb)
        for one in nb["cells"]:
            one["metadata"].pop("nbgrader", None)
        return nb

    return changed


def version_3(nb: dict[str, Any]) -> dict[str, Any]:
    """As an old IPython saved."""
    cells = []
    for one in nb["cells"]:
        kind = one["cell_type"]
        text = {"input" if kind == "code" else "source": one["source"].splitlines(keepends=True)}
        extra = {"language": "python", "collapsed": False, "outputs": []} if kind == "code" else {}
        cells.append({"cell_type": kind, "metadata": one["metadata"], **text, **extra})
    sheet = [{"cells": cells, "metadata": {}}]
    return {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": sheet}


def windows(nb: dict[str, Any]) -> dict[str, Any]:
    nb = copy.deepcopy(nb)
    for one in nb["cells"]:
        one["source"] = one["source"].replace("\n", "\r\n")
    return nb


def same_ids(nb: dict[str, Any]) -> dict[str, Any]:
    nb = copy.deepcopy(nb)
    for one in nb["cells"]:
        one["id"] = "same id!"
    return nb


@pytest.mark.parametrize(
    "editor",
    [colab, vscode, version_3, windows, same_ids, without_names(colab), without_names(vscode)],
    ids=["colab", "vscode", "version 3", "windows", "ids", "colab nameless", "vscode nameless"],
)
def test_what_other_editors_save_is_understood(editor: Any) -> None:
    found, notes = repaired(editor(notebook()))
    assert sources(found) == EXPECTED
    assert [c.id for c in found.cells] == list(dict.fromkeys(c.id for c in found.cells))
    assert all(note.endswith("it was recognised.") for note in notes)


def test_a_mark_of_an_editor_is_no_change() -> None:
    _, notes = repaired(vscode(notebook()))
    assert notes == []


def test_a_byte_order_mark_is_no_trouble() -> None:
    found = read(b"\xef\xbb\xbf" + json.dumps(notebook()).encode())
    assert len(found.cells) == len(NAMES)


def test_hidden_parts_are_left_out_of_what_is_public() -> None:
    assert small.MARKER not in public(EXPECTED["double-check"])
    assert public("a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc") == "a\nc"


def test_many_large_cells_take_no_time_to_recognise() -> None:
    """Likeness is looked for in few of them: comparing long texts is slow."""
    nb = notebook()
    nb["cells"] = [c for c in nb["cells"] if c["id"] != "essay"]
    nb["cells"] += [cell(f"m{n}", "a b " * 2000, "markdown", graded=False) for n in range(300)]
    found, _ = repaired(nb)
    assert sources(found)["double"] == RIGHT["double"]


def test_a_test_that_the_instructor_changed_since_is_replaced_in_silence() -> None:
    """The submission has the earlier test, with the checksum that nbgrader wrote for it."""
    nb = nbformat.from_dict(notebook())
    check = next(c for c in nb.cells if name_of(c) == "double-check")
    check.source = "assert double(1) == 2  # an earlier release"
    check.metadata.nbgrader["checksum"] = compute_checksum(check)
    found, notes = repaired(nb)
    assert notes == []
    assert sources(found)["double-check"] == EXPECTED["double-check"]
