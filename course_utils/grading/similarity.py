"""Which submissions of a class are nearly identical: a reason to look, not a proof.

Answers are compared as streams of Python tokens, without what changes nothing: comments, layout,
the text of strings, names that the author has chosen. Lines that were released with the
assignment do not count. The comparison is rapidfuzz's normalised indel similarity: 1 minus the
share of tokens to insert or delete to get from one answer to the other (Hyyrö, Pinzon & Shinohara
2005, "Fast bit-vector algorithms for approximate string matching under indel distance").

Short answers are alike by chance, and an answer that half of the class has given is the expected
one. So an agreement weighs as many tokens as the answer has, times the share of the class that
has *not* given the same answer; a pair is reported when enough of this comes together.
"""

from __future__ import annotations

import builtins
import io
import keyword
import symtable
import token
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist

THRESHOLD = 0.9
"""Answers at least so similar count as the same."""
TOKENS = 60
"""Uncommon tokens that a pair must share to be reported."""
LONGEST = 4_000
"""Tokens of one answer that are compared."""
BLOCK = 128
"""Rows compared at a time, so that memory stays flat."""

_LAYOUT = {
    token.NEWLINE,
    token.NL,
    token.INDENT,
    token.DEDENT,
    token.ENDMARKER,
    token.COMMENT,
    token.ENCODING,
}
_KNOWN = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)


@dataclass(frozen=True)
class Answer:
    """What one student wrote in one solution cell."""

    student: str
    task: str
    source: str


@dataclass(frozen=True)
class Pair:
    """Two submissions that are nearly identical."""

    first: str
    second: str
    similarity: float  # of the tasks named, weighted by length: 0 to 1
    tasks: tuple[tuple[str, float], ...]  # tasks that are the same, and how similar each is
    weight: float  # uncommon tokens in common


# --- tokens -------------------------------------------------------------------------------------


def lines_of(source: str) -> list[tuple[str, ...]]:
    """The logical lines of a piece of Python as tuples of normalised tokens.

    Names bound in `source` become "v", strings "s"; comments, docstrings and layout go. Source
    that Python cannot read is taken as far as it can be split into tokens.

    >>> lines_of("total = x + 1  # sum")
    [('v', '=', 'x', '+', '1')]
    """
    chosen = _chosen_names(source)
    lines: list[tuple[str, ...]] = []
    current: list[str] = []
    depth = 0
    try:
        for item in tokenize.generate_tokens(io.StringIO(source).readline):
            if item.type == token.NEWLINE:
                lines.append(tuple(current))
                current = []
            elif item.type == token.INDENT:
                depth += 1
            elif item.type == token.DEDENT:
                depth -= 1
            elif item.type not in _LAYOUT:
                current.append(_normal(item, current, chosen))
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass
    lines.append(tuple(current))
    return [line for line in lines if line and set(line) != {"s"}]


def _normal(item: tokenize.TokenInfo, before: list[str], chosen: set[str] | None) -> str:
    if item.type == token.STRING or item.type in _STRING_PARTS:
        return "s"
    if item.type != token.NAME:
        return item.string
    name = item.string
    if name in _KNOWN:
        return name
    if chosen is None:  # not a program: every name that is no attribute may be the author's own
        return name if before[-1:] == ["."] else "v"
    return "v" if name in chosen else name


_STRING_PARTS = {
    getattr(token, name)
    for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if hasattr(token, name)
}


def _chosen_names(source: str) -> set[str] | None:
    """Names that a program binds: variables, parameters, functions; None if it is not one."""
    try:
        tables = [symtable.symtable(source, "answer", "exec")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_assigned() or symbol.is_parameter() or symbol.is_imported():
                names.add(symbol.get_name())
    return names


def own_tokens(source: str, released: str = "") -> list[str]:
    """The tokens of an answer without the lines that were released with the assignment."""
    given = Counter(_released_lines(released))
    tokens: list[str] = []
    for line in lines_of(source):
        if given[line]:
            given[line] -= 1
        else:
            tokens += [*line, "\n"]
            if len(tokens) >= LONGEST:
                break
    return tokens[:LONGEST]


@lru_cache(maxsize=64)
def _released_lines(source: str) -> tuple[tuple[str, ...], ...]:
    return tuple(lines_of(source))


# --- comparing ----------------------------------------------------------------------------------


class _Task:
    """All answers to one task: each different one once, as a string with a character a token."""

    def __init__(self, name: str, answers: Mapping[str, list[str]], alphabet: dict[str, str]):
        self.name = name
        self.students = sorted(answers)
        texts = ["".join(_letter(t, alphabet) for t in answers[s]) for s in self.students]
        self.different = list(dict.fromkeys(texts))
        number = {text: index for index, text in enumerate(self.different)}
        self.which = np.array([number[text] for text in texts])
        self.people = np.bincount(self.which, minlength=len(self.different))
        self.lengths = np.array([len(text) for text in self.different], dtype=float)

    def hits(self, threshold: float, workers: int) -> Iterator[tuple[int, int, float]]:
        """Yield the pairs of different answers that are alike, each once, itself included."""
        for start in range(0, len(self.different), BLOCK):
            block = cdist(
                self.different[start : start + BLOCK],
                self.different[start:],
                scorer=Indel.normalized_similarity,
                score_cutoff=threshold,
                dtype=np.float32,
                workers=workers,
            )
            for row, column in zip(*np.nonzero(block), strict=True):
                if column >= row:
                    yield start + int(row), start + int(column), float(block[row, column])


def _letter(word: str, alphabet: dict[str, str]) -> str:
    if word not in alphabet:
        code = 0x4E00 + len(alphabet)
        # Beyond the plane of CJK there is room enough; surrogates are no characters.
        alphabet[word] = chr(code if code < 0xD800 else code + 0x2800)
    return alphabet[word]


def similar_pairs(
    answers: Iterable[Answer],
    released: Mapping[str, str] | None = None,
    *,
    threshold: float = THRESHOLD,
    tokens: int = TOKENS,
    workers: int = 1,
) -> list[Pair]:
    """Return the pairs of submissions that share at least `tokens` uncommon tokens.

    `released` is the source of each task as students got it. The most remarkable pairs come
    first. Time grows with the square of the number of *different* answers; memory with the number
    of pairs that are alike.
    """
    released = released or {}
    streams: dict[str, dict[str, list[str]]] = {}
    for answer in answers:
        stream = own_tokens(answer.source, released.get(answer.task, ""))
        if stream:
            streams.setdefault(answer.task, {})[answer.student] = stream
    alphabet: dict[str, str] = {}
    weights: Counter[tuple[str, str]] = Counter()
    parts: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    for name, given in streams.items():
        task = _Task(name, given, alphabet)
        for first, second, similarity, length, share in _alike(task, threshold, workers):
            weight = max(length * (1 - share), length - LONG)
            if weight >= 1:
                weights[first, second] += weight  # type: ignore[assignment]
                parts.setdefault((first, second), []).append((name, similarity, length))
    pairs = [
        Pair(
            first,
            second,
            sum(s * n for _, s, n in parts[first, second])
            / sum(n for _, _, n in parts[first, second]),
            tuple((name, similarity) for name, similarity, _ in parts[first, second]),
            float(weight),
        )
        for (first, second), weight in weights.items()
        if weight >= tokens
    ]
    return sorted(pairs, key=lambda pair: (-pair.weight, pair.first, pair.second))


COMMON, LONG = 0.25, 150
"""An answer that this share of the class has given says nothing about two of them, unless it is
longer than LONG tokens: then the tokens beyond count."""


def _alike(
    task: _Task, threshold: float, workers: int
) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield pairs with the same answer: students, similarity, length, how common the answer is.

    The share of the class that gave the same answer is scaled so that it is 1 from COMMON on.
    Those answers are passed over, and with them most of the pairs; of long ones, each student is
    paired with the next one only.
    """
    members: list[list[str]] = [[] for _ in task.different]
    for student, number in zip(task.students, task.which, strict=True):
        members[number].append(student)
    others = max(len(task.students) - 2, 1)
    hits = list(task.hits(threshold, workers))
    known = np.zeros(len(task.different))  # people with the same answer, the author included
    for one, two, _ in hits:
        known[one] += task.people[two]
        if one != two:
            known[two] += task.people[one]
    shares = np.clip((known - 2) / others / COMMON, 0, 1)
    for one, two, similarity in hits:
        share = float(min(shares[one], shares[two]))
        length = float(task.lengths[one] + task.lengths[two]) / 2
        if share >= 1 and length <= LONG:
            continue
        couples = _chain if share >= 1 else _couples
        for first, second in couples(members[one], members[two], one == two):
            yield first, second, similarity, length, share


def _couples(left: Sequence[str], right: Sequence[str], same: bool) -> Iterator[tuple[str, str]]:
    for place, first in enumerate(left):
        for second in left[place + 1 :] if same else right:
            yield (first, second) if first < second else (second, first)


def _chain(left: Sequence[str], right: Sequence[str], same: bool) -> Iterator[tuple[str, str]]:
    couples = pairwise(left) if same else [(left[-1], right[0])]
    for first, second in couples:
        yield (first, second) if first < second else (second, first)
