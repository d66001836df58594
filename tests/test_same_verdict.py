"""A check cell says the same in one process and across the examiner, for every task there is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from course_utils.datasets import cache
from course_utils.grading import job as jobs
from course_utils.grading.engine import Engine, warm_imports

import pytest

from tests import both_ways
from tools import answers
from tools.notebooks import ROOT

pytestmark = [pytest.mark.slow]


def words(text: str) -> str:
    """A message without numbers and temporary folders: an answer may draw unseeded numbers."""
    return re.sub(r"\d+(\.\d+)?", "N", re.sub(r"/tmp/\w+", "/tmp/X", text))


def compare(name: str, most: int = 4) -> Iterator[str]:
    """Yield a sentence for each check cell that said something else in grading."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.both_ways", name, str(most)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    alone = json.loads(ran.stdout)
    todo = [both_ways.job(name, layer) for layer in both_ways.layers(name, most)]
    with (
        Engine(warm_imports(todo[:1]), data=cache.folder()) as engine,
        ThreadPoolExecutor(2) as pool,
    ):
        results = list(pool.map(engine.grade, todo))
    assert len(results) == len(alone)
    for number, (result, said) in enumerate(zip(results, alone, strict=True)):
        assert result.status == jobs.GRADED, result.reason
        graded = {cell.name: cell for cell in result.cells}
        for check, (kind, text) in said.items():
            found = graded[check]
            passed = found.status == jobs.PASSED
            if passed != (not kind) or (kind and words(found.message) != words(text)):
                yield (
                    f"{name}, layer {number}, {check}: alone {kind or 'passed'}: {text!r}; "
                    f"graded {found.status}: {found.message!r}"
                )


@pytest.mark.parametrize("name", list(answers.answer_files()))
def test_grading_says_what_the_learner_was_told(name: str) -> None:
    assert list(compare(name)) == []
