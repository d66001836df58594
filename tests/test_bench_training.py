"""The programs that `make bench-training` compares are found in the chapters, and run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import bench_training as bench

ROOT = Path(__file__).resolve().parent.parent


def tiny(program: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "tools/bench_training.py", "--one", program, "--tiny"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_numpy_program_is_the_chapters_own():
    source = bench.cell_source("05", "mnist-program")
    assert "def train_mnist(" in source
    assert "num_steps" in source, "the clock finds the training loop by this name"


def test_the_starter_program_is_the_chapters_own():
    source = bench.cell_source("06", "starter-program")
    assert 'optimizer="rmsprop"' in source
    assert "epochs=5" in source
    assert "layers.Dense(512" in source


def test_a_missing_cell_is_named(tmp_path, monkeypatch):
    (tmp_path / "book").mkdir()
    notebook = new_notebook(cells=[new_code_cell("x = 1", id="other")])
    nbformat.write(notebook, tmp_path / "book" / "07-cnn.ipynb")
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    with pytest.raises(bench.ProgramMissing, match="no code cell 'fashion-cnn-train'"):
        bench.cell_source("07", "fashion-cnn-train")
    with pytest.raises(bench.ProgramMissing, match="no chapter 08"):
        bench.cell_source("08", "anything")


def test_fashion_is_left_out_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    result, runs = bench.fashion(seeds=1)
    assert "left out" in str(result)
    assert runs == []


def test_the_clock_stands_still_while_it_is_looked_at(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bench.time, "perf_counter", lambda: now[0])
    clock = bench.Clock(began=0.0)
    now[0] = 2.0

    def slow_look() -> float:
        now[0] += 100
        return 0.5

    clock.mark(slow_look)
    now[0] += 1
    assert clock.seconds() == 3.0
    assert clock.marks == [(2.0, 0.5)]


@pytest.mark.slow
def test_the_program_of_chapter_07_is_found_with_what_it_needs():
    code = (
        "import sys; sys.path.insert(0, '.'); from tools import bench_training as b; "
        "names = b.fashion_namespace(); print(callable(names['train_fashion']), 'result' in names)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["True", "False"], done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["numpy", "pytorch", "keras", "starter"])
def test_a_program_runs_for_a_few_steps(program):
    run = tiny(program)
    assert run["program"] == program
    assert run["to_goal"] is None, "a few steps do not reach 98 %"
    assert 0.05 < run["accuracy"] < 0.9
    assert run["seconds"] > 0
    assert run["peak_mb"] > 50


@pytest.mark.slow
def test_same_network_same_first_step_in_numpy_and_pytorch():
    numpy_run, torch_run = tiny("numpy"), tiny("pytorch")
    assert abs(numpy_run["accuracy"] - torch_run["accuracy"]) < 0.05
