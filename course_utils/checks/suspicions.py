"""What a wrong value looks like: the usual misconceptions, recognised from the numbers.

Each function looks at plain arrays and returns a clause that completes “It looks as if …”, or
nothing. They only speak once a check has failed and never decide whether one does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .data import to_array

MOST = 1_000_000  # entries; beyond, a diagnosis would take longer than it is worth
LOOSE = 1e-5  # relative: a suspicion needs no more than this


def alike(left: np.ndarray, right: np.ndarray, tolerance: float = LOOSE) -> bool:
    """Tell whether two arrays agree loosely, relative to the larger one's scale."""
    if left.shape != right.shape:
        return False
    if not left.size:
        return True
    finite = np.isfinite(right)
    if not np.array_equal(finite, np.isfinite(left)):
        return False
    scale = float(np.abs(right[finite]).max(initial=0.0))
    return bool(
        np.allclose(left[finite], right[finite], rtol=tolerance, atol=tolerance * scale + 1e-300)
    )


def of_shape(got: tuple[int, ...], want: tuple[int, ...]) -> str:
    """Return what a wrong shape suggests, or nothing."""
    if got == want:
        return ""
    if not got:
        return "a sum or mean went over every axis: name the axis it should go over"
    if len(want) >= 2 and got == want[::-1]:
        return "the axes are transposed"
    if [n for n in got if n != 1] == [n for n in want if n != 1]:
        if len(got) > len(want):
            return "an axis of length 1 is left over: drop it with reshape, squeeze or [:, 0]"
        if len(got) < len(want):
            return "an axis of length 1 is missing: keepdims=True or reshape keeps it"
        return "an axis of length 1 is in the wrong place"
    if len(want) == 1 and got == want * 2:
        n = want[0]
        return f"an array of shape ({n}, 1) met one of shape ({n},), which broadcasts to ({n}, {n})"
    if len(want) > 1 and got == want[1:]:
        return "the first axis, one entry per example, is missing"
    if len(got) == len(want) + 1 and got[1:] == want:
        return "a sum or mean over the first axis is missing"
    if len(got) == len(want) + 1 and got[:-1] == want:
        return "a sum or mean over the last axis is missing"
    if math.prod(got) == math.prod(want):
        if sorted(got) == sorted(want):
            return "the axes are in another order"
        return "the entries are all there, in another layout: a reshape is missing or wrong"
    if len(got) == len(want):
        wrong = [axis for axis in range(len(want)) if got[axis] != want[axis]]
        if all(want[axis] == 1 for axis in wrong):
            axes = " and ".join(map(str, wrong))
            return f"a sum or mean over axis {axes} is missing (keepdims=True keeps the axis)"
        if len(wrong) == 1 and abs(got[wrong[0]] - want[wrong[0]]) == 1:
            more = "long" if got[wrong[0]] > want[wrong[0]] else "short"
            return f"axis {wrong[0]} is one too {more}: off by one"
    if len(got) == len(want) - 1:
        for axis in range(len(want)):
            if got == want[:axis] + want[axis + 1 :]:
                return f"a sum or mean went over axis {axis}, which should stay"
    return ""


def of_named_shape(got: tuple[int, ...], want: tuple[int, ...], axes: Sequence[str]) -> str:
    """Return what a wrong shape suggests where the axes have names, or nothing.

    >>> of_named_shape((8, 3, 5), (3, 8, 5), ("C", "H", "W"))
    'the axes stand in the order (H, C, W)'
    """
    if sorted(got) == sorted(want) and len(got) <= 6:
        orders = [
            order
            for order in itertools.permutations(range(len(want)))
            if tuple(want[k] for k in order) == got
        ]
        if len(orders) > 1:  # of (N, H, W, C) and (N, W, H, C), that which keeps more together
            orders.sort(key=lambda order: -sum(b - a == 1 for a, b in itertools.pairwise(order)))
        return f"the axes stand in the order ({', '.join(axes[k] for k in orders[0])})"
    if len(got) == len(want) - 1:
        for place, axis in enumerate(axes):
            if got == want[:place] + want[place + 1 :]:
                return f"the axis {axis} is missing"
    if len(got) == len(want):
        wrong = [place for place in range(len(want)) if got[place] != want[place]]
        off = [got[place] - want[place] for place in wrong]
        if all(abs(n) == 1 for n in off):
            listed = " and ".join(axes[place] for place in wrong)
            more = "long" if off[0] > 0 else "short"
            return f"{listed} {'are' if len(wrong) > 1 else 'is'} one too {more}: off by one"
    return ""


Arguments = list[tuple[str, Any]]


def of_value(
    got: np.ndarray,
    want: np.ndarray,
    arguments: Arguments | None = None,
    tolerance: float = LOOSE,
) -> str:
    """Return what a wrong value of the right shape suggests, or nothing.

    `arguments` are the names and values that the learner's function was called with; `tolerance`
    says how exact the numbers are.
    """
    if got.shape != want.shape or not 0 < got.size <= MOST:
        return ""
    if got.dtype.kind == "c" or want.dtype.kind == "c":
        return ""
    got, want = got.astype(np.float64), want.astype(np.float64)
    if not np.isfinite(want).all() or not np.isfinite(got).all():
        return ""
    taken = [(name, found) for name, value in arguments or [] for found in _numbers(value)]
    like = partial(alike, tolerance=tolerance)
    with np.errstate(all="ignore"):
        for suspicion in _SUSPICIONS:
            if said := suspicion(got, want, taken, like):
                return said
    return ""


def _numbers(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, str | bytes | dict | set) or value is None or callable(value):
        return
    try:
        found = to_array(value)
    except Exception:
        return
    if found.dtype.kind != "c" and found.size <= MOST:
        yield found


Taken = list[tuple[str, np.ndarray]]
Alike = Callable[..., bool]


def _constant(got: np.ndarray, want: np.ndarray, _: Taken, alike: Alike) -> str:
    if got.size > 1 and np.ptp(want) > 1e-9:
        if not got.any():
            return "nothing was ever written into the result: all its entries are 0"
        if np.ptp(got) <= 1e-12 * np.abs(got).max():
            return f"every entry is the same ({got.flat[0]:.4g})"
    return ""


def _argument(got: np.ndarray, want: np.ndarray, taken: Taken, alike: Alike) -> str:
    for name, value in taken:
        if value.size > 1 and alike(got, value):
            return f"the input `{name}` came back unchanged"
    return ""


def _sign(got: np.ndarray, want: np.ndarray, _: Taken, alike: Alike) -> str:
    if want.any() and alike(got, -want):
        return "the sign is flipped"
    if want.any() and (want < 0).any() and alike(got, np.abs(want)):
        return "the sign is lost: every entry is positive"
    return ""


def _ratio(got: np.ndarray, want: np.ndarray, taken: Taken, alike: Alike) -> str:
    scale = np.abs(want).max()
    if scale == 0 or not got.any():
        return ""
    ratio = float(np.vdot(want, got) / np.vdot(want, want))
    if abs(ratio) < 1e-12 or not alike(got, ratio * want):
        return ""
    signed, size = ("with the sign flipped, ", -ratio) if ratio < 0 else ("", ratio)

    def is_(number: float) -> bool:
        return abs(size / number - 1) < 1e-4

    lengths: dict[int, str] = {}
    for name, value in taken:
        for axis, length in enumerate(value.shape):
            lengths.setdefault(length, f"the length of axis {axis} of `{name}`")
        if value.ndim > 1:
            lengths.setdefault(value.size, f"the number of entries of `{name}`")
    for length, meaning in lengths.items():
        if length > 1 and is_(length):
            return (
                f"{signed}it is summed instead of averaged: {length} times too large, and "
                f"{length} is {meaning}"
            )
        if length > 1 and is_(1 / length):
            return (
                f"{signed}it is averaged where it should be summed, or averaged twice: {length} "
                f"times too small, and {length} is {meaning}"
            )
    for above, over in lengths.items():
        for below, under in lengths.items():
            if above != below and min(above, below) > 1 and is_(above / below):
                return (
                    f"{signed}it is averaged over the wrong axis: {above}/{below} times the "
                    f"expected, where {above} is {over} and {below} is {under}"
                )
    for base, said in ((2.0, "base 2"), (10.0, "base 10")):
        if is_(1 / math.log(base)):
            return f"{signed}the logarithm has {said} instead of e"
    if is_(2):
        return f"{signed}there is a factor 2 too many: every entry is twice the expected"
    if is_(0.5):
        return f"{signed}a factor 2 is missing: every entry is half of the expected"
    if got.size > 1:
        return f"{signed}a factor is wrong: every entry is {size:.6g} times the expected"
    if signed and is_(1):
        return "the sign is flipped"
    return ""


def _offset(got: np.ndarray, want: np.ndarray, _: Taken, alike: Alike) -> str:
    if got.size < 2 or np.ptp(want) == 0:
        return ""
    offset = float(np.mean(got - want))
    if abs(offset) > 1e-9 and alike(got - offset, want):
        more = "too large" if offset > 0 else "too small"
        return f"a constant is added: every entry is {abs(offset):.6g} {more}"
    return ""


def _rearranged(got: np.ndarray, want: np.ndarray, _: Taken, alike: Alike) -> str:
    if got.size < 2 or np.ptp(want) == 0:
        return ""
    if got.ndim == 2 and got.shape[0] == got.shape[1] and alike(got, want.T):
        return "the result is transposed"
    for axis in range(got.ndim):
        if got.shape[axis] > 1 and alike(got, np.flip(want, axis)):
            return f"the order along axis {axis} is reversed"
    for axis in range(got.ndim):
        length = got.shape[axis]
        if length < 3:
            continue
        early, late = np.arange(length - 1), np.arange(1, length)
        for mine, theirs, said in ((early, late, "early"), (late, early, "late")):
            part = np.take(want, theirs, axis)
            if np.ptp(part) > 0 and alike(np.take(got, mine, axis), part):
                return f"it is off by one along axis {axis}: each entry stands one place too {said}"
    if alike(np.sort(got, axis=None), np.sort(want, axis=None)):
        return "the right numbers stand in the wrong places: check axes, order and reshape"
    return ""


def _axis(got: np.ndarray, want: np.ndarray, _: Taken, alike: Alike) -> str:
    if got.ndim < 2:
        return ""
    for what, target, summary in (
        ("sums to one", 1.0, np.sum),
        ("has mean zero", 0.0, np.mean),
    ):
        scale = max(1.0, float(np.abs(want).max()))

        def holds(
            values: np.ndarray,
            axis: int,
            summary: Callable[..., Any] = summary,
            target: float = target,
            scale: float = scale,
        ) -> bool:
            if values.shape[axis] < 2:
                return False
            return bool(np.allclose(summary(values, axis=axis), target, atol=1e-5 * scale))

        right = [axis for axis in range(want.ndim) if holds(want, axis)]
        mine = [axis for axis in range(got.ndim) if holds(got, axis)]
        if right and not set(right) & set(mine):
            if mine:
                return (
                    f"it goes over the wrong axis: the result {what} along axis {mine[0]}, and "
                    f"should along axis {right[0]}"
                )
            if alike(summary(got), np.asarray(target)):
                return (
                    f"it goes over all entries at once: the whole result {what}, and each line "
                    f"along axis {right[0]} should"
                )
    return ""


def _function(got: np.ndarray, want: np.ndarray, _: Taken, alike: Alike) -> str:
    if want.size > 1 and np.ptp(want) == 0:
        return ""
    informative = np.abs(want - np.round(want)).max() > 1e-9
    candidates: list[tuple[str, np.ndarray]] = [
        ("it is one minus the expected: the two cases are swapped", 1 - want)
    ]
    if informative:
        candidates += [
            ("it is the square of the expected: a square root is missing", want**2),
            ("it is the logarithm of the expected: exp is missing", np.log(want)),
            ("it is exp of the expected: the logarithm is missing", np.exp(want)),
            ("it is the inverse (1/x) of the expected", 1 / want),
            ("a square root is too many, or a square is missing", np.sqrt(want)),
            ("negative entries were cut to 0", np.maximum(want, 0)),
            ("the fraction was cut off: the result was stored in whole numbers", np.trunc(want)),
            ("the result was rounded to whole numbers", np.round(want)),
        ]
    for said, candidate in candidates:
        if np.isfinite(candidate).all() and candidate.any() and alike(got, candidate):
            return said
    if informative and got.dtype.kind == "f":
        with np.errstate(over="ignore"):
            halved = got.astype(np.float16).astype(np.float64)
        if np.array_equal(halved, got) and alike(got, want, tolerance=4e-3):
            return "it was computed in float16, which keeps three digits"
    if got.size > 1 and want.dtype.kind == "f":
        for digits in (1, 2, 3, 4):
            if alike(got, np.round(want, digits), tolerance=1e-12) and not alike(want, got):
                return f"the result was rounded to {digits} decimals"
    return ""


def _part(got: np.ndarray, want: np.ndarray, _: Taken, alike: Alike) -> str:
    if got.size < 4:
        return ""
    scale = float(np.abs(want).max())
    wrong = ~np.isclose(got, want, rtol=LOOSE, atol=LOOSE * scale)
    if not wrong.any() or wrong.all() or wrong.sum() > 0.75 * wrong.size:
        return ""
    for axis in range(got.ndim):
        length = got.shape[axis]
        if length < 3:
            continue
        lines = np.moveaxis(wrong, axis, 0).reshape(length, -1).any(axis=1)
        if lines.sum() == 1:
            where = int(np.argmax(lines))
            place = {0: "the first", length - 1: "the last"}.get(where)
            if place:
                return f"only {place} entry along axis {axis} is wrong: off by one at the border"
    if got.ndim == 2 and got.shape[0] == got.shape[1] and wrong.diagonal().sum() == wrong.sum():
        return "only the diagonal is wrong"
    if (want < 0).any() and np.array_equal(wrong, want < 0):
        return "exactly the entries that should be negative are wrong"
    return ""


_SUSPICIONS = (
    _constant,
    _sign,
    _ratio,
    _offset,
    _rearranged,
    _axis,
    _function,
    _argument,
    _part,
)
