"""The instructor's pages say what is true: commands, options, settings, expressions, tests."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from course_utils import cli
from course_utils.grading import deadlines, export, settings

import click
import pytest
from nbgrader.apps import NbGraderApp
from nbgrader.plugins.zipcollect import FileNameCollectorPlugin

from tools import execute, notebooks

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "book" / "instructor-guide.ipynb"
THREATS = ROOT / "book" / "threat-model.md"
CELLS = notebooks.read(GUIDE).cells
TEXT = "\n".join(cell.source for cell in CELLS) + THREATS.read_text(encoding="utf-8")
OURS = [settings.Grading, deadlines.Deadlines, export.CanvasCSV, export.MoodleCSV]


def command(name: str) -> click.Command:
    module, _, attribute = cli.COMMANDS[name][0].partition(":")
    return getattr(importlib.import_module(module), attribute)


def test_every_course_command_and_option_on_the_pages_exists() -> None:
    found = re.findall(r"\bcourse (grade|report|export|deadline|submit|check)\b([^`|\n]*)", TEXT)
    assert len(found) > 20
    for name, rest in found:
        known = {option for item in command(name).params for option in item.opts}
        for option in re.findall(r"(?<![\w-])--[a-z-]+", rest):
            assert option in known, f"course {name} has no {option}"


def test_every_nbgrader_command_on_the_pages_exists() -> None:
    found = set(re.findall(r"\bnbgrader ([a-z]+(?:_[a-z]+)+|collect|submit|autograde|db)\b", TEXT))
    assert len(found) > 5
    assert found <= set(NbGraderApp().subcommands)


def test_every_setting_of_ours_on_the_pages_exists() -> None:
    found = set(re.findall(r"\bc\.(\w+)\.(\w+)", TEXT))
    ours = {kind.__name__: set(kind.class_trait_names(config=True)) for kind in OURS}
    named = {(kind, name) for kind, name in found if kind in ours}
    assert len(named) > 5
    assert {(kind, name) for kind, name in named if name not in ours[kind]} == set()


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", THREATS.read_text(encoding="utf-8")))
    assert len(named) > 5
    assert {name for name in named if not (ROOT / "tests" / f"{name}.py").is_file()} == set()


def expression(platform: str) -> FileNameCollectorPlugin:
    (part,) = re.findall(rf":::{{tab-item}} {platform}\n(.*?)\n:::", TEXT, re.DOTALL)
    (found,) = re.findall(r"named_regexp='([^']+)'", part)
    return FileNameCollectorPlugin(named_regexp=found)


UNPACKED = "/srv/course/downloaded/99-metrics/extracted/all"


@pytest.mark.parametrize(
    ("platform", "path", "student"),
    [
        ("Canvas", "okoyeada_1001_20021_99-metrics.ipynb", "1001"),
        ("Canvas", "okoyeada_LATE_1001_20021_99-metrics-2.ipynb", "1001"),
        ("Canvas", "okoyeada_1001_20021_99-metrics-ada-2026-12-01.ipynb", "1001"),
        ("Moodle", "Ada Okoye_4711_assignsubmission_file_/99-metrics.ipynb", "Ada Okoye"),
        ("Moodle", "Ada Okoye_4711_assignsubmission_file/99-metrics-ada.ipynb", "Ada Okoye"),
    ],
)
def test_a_downloaded_file_is_its_owners(platform: str, path: str, student: str) -> None:
    found = expression(platform).collect(f"{UNPACKED}/{path}")
    assert found is not None
    assert (found["student_id"], found["file_id"]) == (student, "99-metrics")


@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("Canvas", "okoyeada_1001_20021_x/benlin_1002_20022_99-metrics.ipynb"),
        ("Canvas", "okoyeada_1001_20021_x/extracted/all/benlin_1002_20022_99-metrics.ipynb"),
        ("Canvas", "okoyeada_1001_20021_benlin_1002_20022_99-metrics.ipynb"),
        ("Moodle", "Ada_1_assignsubmission_file_/x/Ben_2_assignsubmission_file_/99-metrics.ipynb"),
        (
            "Moodle",
            "Ada_1_assignsubmission_file_/extracted/x/Ben_2_assignsubmission_file_/99-metrics.ipynb",
        ),
    ],
)
def test_a_learner_cannot_name_an_upload_after_somebody_else(platform: str, path: str) -> None:
    assert expression(platform).collect(f"{UNPACKED}/{path}") is None


def test_the_guide_is_run_again_when_grading_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "course_utils" / "grading" / "engine.py"
    rules.parent.mkdir(parents=True)
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    guide, chapter = (execute.Notebook("book", tmp_path / f"{name}.ipynb") for name in "gc")
    guide.path.write_text("from course_utils.grading.engine import Engine")
    chapter.path.write_text("from course_utils import checks")

    def keys(version: str) -> tuple[Any, Any]:
        rules.write_text(f'VERSION = "{version}"')
        return execute.key_of(guide, b"same"), execute.key_of(chapter, b"same")

    before, after = keys("1"), keys("2")
    assert before[0] != after[0]
    assert before[1] == after[1]
