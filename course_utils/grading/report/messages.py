"""The commonest failure messages of a task: the same mistake counted once, whatever its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nbconvert.filters import strip_ansi

_NUMBER = re.compile(
    r"(?<![A-Za-z_\d])[-+−]?(?:0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?j?|nan|inf)\b"
)
_ROW = re.compile(r"#(?:\s*[,;×x]?\s*#)+,?")
_SEED = re.compile(r"[^.;(]*\bseed\b[^.;)]*", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """One message, as it is without numbers, and how many students got it."""

    message: str  # as one student read it
    students: int
    others: int  # how many different wordings were put together


def normalised(message: str) -> str:
    """A message without what differs from run to run: numbers, indices, shapes, seeds.

    >>> normalised("largest error 0.25 at [3, 4] (seed 17)")
    'largest error # at [#]'
    """
    text = strip_ansi(message)
    text = _SEED.sub("", text)
    text = _NUMBER.sub("#", text)
    text = _ROW.sub("#", text)
    text = re.sub(r"#,(?=\s*[)\]])", "#", text)
    return " ".join(re.sub(r"\(\s*\)", "", text).split())


def grouped(messages: Iterable[tuple[str, str]], most: int = 5) -> list[Group]:
    """Group (student, message) pairs; the commonest first, at most `most` groups."""
    found: dict[str, dict[str, str]] = {}
    for student, message in messages:
        key = normalised(message)
        if key:
            found.setdefault(key, {}).setdefault(student, strip_ansi(message).strip())
    groups = []
    for by_student in found.values():
        words = sorted(by_student.values(), key=lambda text: (len(text), text))
        groups.append(Group(words[0], len(by_student), len(set(words)) - 1))
    return sorted(groups, key=lambda group: (-group.students, group.message))[:most]
