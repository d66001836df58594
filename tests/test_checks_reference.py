"""The reference of the checks: every example runs, and the book's page lists every public name."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

from course_utils import checks
from course_utils.checks import reference, seeds

import nbformat
import numpy as np
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(module.name for module in pkgutil.iter_modules(checks.__path__))
NAMES = {"np": np} | {name: getattr(checks, name) for name in checks.__all__}
EXAMPLES = [
    test
    for module in MODULES
    for test in doctest.DocTestFinder(exclude_empty=True).find(
        importlib.import_module(f"course_utils.checks.{module}"), extraglobs=NAMES
    )
    if test.examples
]
NO_MESSAGE = {"rng"}  # never fails


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name.removeprefix("course_utils."))
def test_the_examples_in_docstrings_run(test, monkeypatch, tmp_path):
    monkeypatch.setattr(seeds, "_states", [seeds.State()])
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False
    )
    result = runner.run(test, out=said.append, clear_globs=False)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("name", [*checks.__all__, "task.part"])
def test_every_public_name_has_an_example_and_a_message(name):
    thing = checks
    for part in name.split("."):
        thing = getattr(thing, part)
    first, _, example, message = reference.parts(thing)
    assert first.endswith(".")
    assert example.startswith(">>>")
    assert bool(message) == (name not in NO_MESSAGE)


def test_the_page_lists_every_public_name_once():
    listed = [name for names in reference.GROUPS.values() for name in names]
    assert sorted(listed) == sorted([*checks.__all__, "task.part"])
    text = reference.page()
    for name in listed:
        assert text.count(f"\n### {name}\n") == 1
        assert f"```python\nchecks.{name}" in text


def test_the_page_shows_signature_example_and_message():
    text = reference.entry("at_least")
    assert "checks.at_least(value, low, name='the value', why='')" in text
    assert '>>> at_least(0.97, 0.95, name="accuracy")\n0.97' in text
    assert "> `accuracy` is 0.91, expected at least 0.95" in text
    assert "Traceback" not in reference.page()


def test_the_text_of_the_page_is_plain_markdown():
    text = re.sub(r"```.*?```", "", reference.page(), flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    assert re.findall(r"[<$]|\*\w|\]\(|^\s*:::", text, flags=re.MULTILINE) == []


def test_the_book_takes_the_page_from_the_docstrings():
    notebook = nbformat.read(ROOT / "book" / "checks.ipynb", as_version=4)
    last = notebook.cells[-1]
    assert last.cell_type == "markdown"
    assert last.source == "{eval}`reference.page()`"
    book = yaml.safe_load((ROOT / "book" / "myst.yml").read_text())
    files = [
        page["file"] for part in book["project"]["toc"] for page in part.get("children", [part])
    ]
    assert files.count("checks.ipynb") == 1
