"""A check on probabilities: not negative, and adding up to one over the right axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import precision
from .failures import fail, quoted, sentence
from .values import _at, _check_finite, _number, _taken


def sums_to_one(got: Any, axis: int = -1, name: str = "the value", why: str = "") -> np.ndarray:
    """Check that numbers are probabilities: none negative, sum 1 along `axis`; return a copy.

    `got` has any shape of at least one axis. The sums may be off by 1e-6, by 1e-4 if the numbers
    were computed in float32. It proves no more than that: compare the values with `close`, too.
    Raises CheckFailed, which says whether they sum to one along another axis, over everything, or
    are scores, logarithms or sigmoids.

    >>> p = sums_to_one([[0.2, 0.8], [0.5, 0.5]], axis=1, name="softmax(z)")
    >>> sums_to_one(np.array([[0.2, 0.5], [0.8, 0.5]]), axis=1, name="softmax(z)")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `softmax(z)` adds up to 0.7 along axis 1 in line 0, expected \
1. It looks as if it goes over the wrong axis: the sums are 1 along axis 0.
    """
    found = _taken(got, name)
    if found.dtype.kind not in "fi":
        fail(sentence(f"{quoted(name)} does not hold real numbers", why))
    found = found.astype(np.float64)
    if not -found.ndim <= axis < found.ndim:
        fail(
            sentence(
                f"{quoted(name)} has shape {found.shape}, which has no axis {axis} to add up over",
                why,
            )
        )
    axis %= found.ndim
    if not found.size:
        fail(sentence(f"{quoted(name)} is empty: it has shape {found.shape}", why))
    _check_finite(found, name)
    allowed = 1e-4 if precision(found) == "single" else 1e-6

    def ones(values: np.ndarray, along: int | None = axis) -> bool:
        with np.errstate(over="ignore"):
            return bool(np.all(np.abs(values.sum(axis=along) - 1) <= allowed))

    negative = found < -allowed
    if ones(found) and not negative.any():
        return found
    suspicion = ""
    other = [k for k in range(found.ndim) if k != axis and found.shape[k] > 1 and ones(found, k)]
    size = found.shape[axis]
    with np.errstate(over="ignore", invalid="ignore"):
        if ones(np.exp(found)):
            suspicion = "these are logarithms of probabilities: exp is missing"
        elif other and not negative.any():
            suspicion = f"it goes over the wrong axis: the sums are 1 along axis {other[0]}"
        elif found.ndim > 1 and ones(found, None) and not negative.any():
            suspicion = "it goes over all entries at once: only the whole array adds up to 1"
        elif ones(found / size) and size > 1:
            suspicion = f"it is averaged where it should be summed: each sum is {size}"
        elif ones(found**2):
            suspicion = "it is divided by the length of the vector: the squares add up to 1"
        elif negative.any() or found.max(initial=0) > 1 + allowed:
            suspicion = "these are scores (logits): the softmax is missing"
        elif np.all((found > 0) & (found < 1)):
            suspicion = "each score went through a sigmoid by itself: a softmax divides by the sum"
    suspicion = f"It looks as if {suspicion}." if suspicion else ""
    if negative.any():
        place = tuple(int(k) for k in np.argwhere(negative)[0])
        fail(
            sentence(
                f"{quoted(name)} is {_number(float(found[place]))}{_at(place)}: a probability is "
                "never negative",
                why,
            ),
            suspicion,
        )
    sums = np.atleast_1d(found.sum(axis=axis))
    wrong = np.abs(sums - 1) > allowed
    place = tuple(int(k) for k in np.argwhere(wrong)[0])
    line = ""
    if found.ndim > 1:
        line = f" in line {place[0] if len(place) == 1 else place}"
    fail(
        sentence(
            f"{quoted(name)} adds up to {_number(float(sums[place]))} along axis {axis}{line}, "
            "expected 1",
            why,
        ),
        suspicion,
    )
