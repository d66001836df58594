"""Right and wrong answers to the assignments: what tests the tests.

`NN-name.py` beside this file holds two dictionaries, from the grade_id of a solution cell to a
list of answers: RIGHT (written in different ways; each must pass every check) and WRONG (each a
named misconception; each must lose the points, with a message that names the cause).
`python tools/answers.py NN` runs them and prints a table; `tests/test_answers.py` does so in CI.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Source text that takes the place of a solution cell, and what should become of it."""

    name: str
    source: str
    is_right: bool
    says: str | None = None  # a word or regular expression that the failure must contain


def right(name: str, source: str) -> Answer:
    """Return an answer that must score full points, whatever numbers are drawn."""
    return Answer(name, textwrap.dedent(source).strip("\n"), is_right=True)


def wrong(name: str, source: str, says: str | None = None) -> Answer:
    """Return an answer that must lose points; the message must match `says` (any case)."""
    if says is not None:
        re.compile(says)
    return Answer(name, textwrap.dedent(source).strip("\n"), is_right=False, says=says)
