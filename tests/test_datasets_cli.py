"""`course data`: what it prints and how it ends."""

from __future__ import annotations

from pathlib import Path

from course_utils.cli.data import data
from course_utils.datasets import cache, registry
from course_utils.datasets.errors import CacheUnusable

import pytest
from click.testing import CliRunner, Result

from tests.test_datasets import damage, stored


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(data, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("command", [(), ("list",), ("fetch",), ("verify",), ("path",)])
def test_help_has_examples(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0 and "course data" in result.output
    assert "Example" in result.output


def test_list_shows_every_data_set_with_licence_and_presence() -> None:
    result = run("list")
    assert result.exit_code == 0
    rows: dict[str, str] = {}
    for line in result.stdout.splitlines():
        if line[1:2].strip():  # a long licence goes on in the lines below its row
            rows[name := line.split()[0]] = line
        elif rows:
            rows[name] += " " + line.strip()
    for entry in registry.entries().values():
        assert entry.title in rows[entry.name]
        assert entry.licence in " ".join(rows[entry.name].split())
    assert " yes " in rows["digits"]
    assert " no " in rows["mnist"] and "11.5 MB" in rows["mnist"]


def test_fetch_of_bundled_data_has_nothing_to_do() -> None:
    result = run("fetch", "digits")
    assert (result.exit_code, result.stdout) == (
        0,
        "digits: comes with scikit-learn, nothing to fetch\n",
    )


def test_fetch_of_nothing_asks_for_names() -> None:
    result = run("fetch")
    assert result.exit_code == 2 and "--all" in result.stderr


@pytest.mark.parametrize("command", ["fetch", "verify", "path"])
def test_an_unknown_name_ends_with_status_1_and_a_suggestion(command: str) -> None:
    result = run(command, "mnits")
    assert result.exit_code == 1
    assert "did you mean 'mnist'?" in result.stderr and not result.stdout


def test_one_failure_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(entry: registry.Entry) -> Path:
        if entry.name == "mnist":
            raise CacheUnusable("MNIST was not stored: the disk is full.")
        return Path("/there")

    monkeypatch.setattr("course_utils.cli.data.fetch_one", fetch)
    result = run("fetch", "--all")
    assert result.exit_code == 1
    assert result.stderr == "MNIST was not stored: the disk is full.\n"
    assert "fashion-mnist: /there" in result.stdout and "moons: comes with" in result.stdout


def test_verify_passes_over_what_is_not_fetched() -> None:
    result = run("verify")
    assert result.exit_code == 0
    assert "digits: verified" in result.stdout and "mnist: not fetched" in result.stdout


def test_verify_of_a_named_data_set_that_is_absent_fails() -> None:
    result = run("verify", "mnist")
    assert result.exit_code == 1 and "course data fetch mnist" in result.stderr


def test_verify_of_damaged_data_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    entry = stored({"X": np.zeros((50, 50)), "y": np.zeros(50)})
    monkeypatch.setattr(registry, "entries", lambda: {"made": entry})
    assert run("verify", "made").exit_code == 0
    damage(cache.path(entry), "one bit")
    result = run("verify")
    assert result.exit_code == 1 and "is damaged" in result.stderr


def test_path_prints_the_folder(data_folder: Path) -> None:
    assert run("path").stdout == f"{data_folder}\n"


@pytest.mark.parametrize(
    ("name", "words"), [("digits", "comes with scikit-learn"), ("mnist", "course data fetch mnist")]
)
def test_path_of_what_has_no_file_fails(name: str, words: str) -> None:
    result = run("path", name)
    assert result.exit_code == 1 and words in result.stderr and not result.stdout
