"""Checks on what must not change: under permutations, under shifts, with other examples beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import seeds, suspicions
from .calls import call, name_of
from .data import NotDataError, to_array
from .failures import CheckFailed, fail, quoted, sentence
from .values import _agrees, _check_finite, _shape, _taken, apart

RTOL, ATOL = 1e-6, 1e-8
TRIES = 40  # changes of an input; a first one may show nothing, as with a ReLU or an argmax


def _given(x: Any, check: str) -> np.ndarray:
    """Return a test's own input as an array, in the precision that it was given in."""
    try:
        found = to_array(x)
    except NotDataError as reason:
        raise TypeError(f"The input of checks.{check} {reason}.") from None
    single = isinstance(x, np.ndarray) and x.dtype == np.float32
    return found.astype(np.float32) if single else found


def _result(f: Callable[..., Any], x: Any, args: tuple[Any, ...], name: str) -> np.ndarray:
    found = _taken(call(f, x, *args), f"{name}(…)")
    if found.dtype.kind in "fc":
        _check_finite(found, f"{name}(…)")
    return found


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and bool(_agrees(first, second, RTOL, ATOL).all())


def _compare(
    found: np.ndarray, expected: np.ndarray, name: str, why: str, suspicion: Callable[[], str]
) -> None:
    """Fail unless the two agree; `suspicion` is asked only then."""
    if _same(found, expected):
        return
    if found.shape != expected.shape:
        parts = [
            sentence(
                f"{name} has shape {_shape(found.shape)}, before {_shape(expected.shape)}", why
            )
        ]
    else:
        agrees = _agrees(found, expected, RTOL, ATOL)
        parts = apart(found, expected, agrees, name, why, against="before")
    said = suspicion()
    fail(*parts, f"It looks as if {said}." if said else "")


def _must_depend(
    f: Callable[..., Any],
    x: np.ndarray,
    args: tuple[Any, ...],
    base: np.ndarray,
    name: str,
    why: str,
) -> None:
    """Fail if the result is the same whatever the input: nothing can be said of a constant."""
    for _ in range(TRIES):
        changed = x
        for place in range(x.shape[0] if x.ndim else 0):
            changed = _touched(changed, 0, place)
        if not _same(_result(f, changed, args, name), base):
            return
    fail(sentence(f"{quoted(name)} gives the same result whatever its input is", why))


def _shuffle(length: int) -> np.ndarray:
    """Return a random order in which no entry stays, and which (from 3 on) is no own inverse.

    One cycle through all places: S. Sattolo, Information Processing Letters 22(6), 1986.
    """
    if length < 2:
        raise ValueError("An axis of length 1 cannot be permuted: give a longer input.")
    cycle = seeds.rng().permutation(length)
    order = np.empty(length, dtype=np.int64)
    order[cycle] = np.roll(cycle, 1)
    return order


def permutation_invariant(
    f: Callable[..., Any],
    x: Any,
    *args: Any,
    axis: int = 0,
    name: str | None = None,
    why: str = "",
) -> np.ndarray:
    """Check that f(x) stays the same when the entries of x along `axis` are put in another order.

    `f(x, *args)` takes an array of any shape and returns one. The order is drawn by `rng`. So must
    a set function be, such as a mean over points, or a metric over examples. Returns f(x). Raises
    CheckFailed.

    >>> x = np.arange(12.0).reshape(4, 3)
    >>> permutation_invariant(lambda x: x.mean(axis=0), x, name="pool")
    array([4.5, 5.5, 6.5])
    >>> permutation_invariant(lambda x: x[-1], x, name="pool")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `pool` of the same entries in another order along axis 0 is \
... It looks as if only one place along axis 0 counts...
    """
    name = name or name_of(f)
    given = _given(x, "permutation_invariant")
    base = _result(f, given, args, name)
    order = _shuffle(given.shape[axis])
    moved = _result(f, np.take(given, order, axis), args, name)

    def suspicion() -> str:
        single = [
            k
            for k in range(given.shape[axis])
            if not _same(_result(f, _touched(given, axis, k), args, name), base)
        ]
        if len(single) == 1 and given.shape[axis] > 1:
            return f"only one place along axis {axis} counts, number {single[0]}"
        if moved.shape == base.shape and base.ndim:
            for k in range(base.ndim):
                if base.shape[k] == len(order) and _same(np.take(base, order, k), moved):
                    return (
                        f"a sum or mean over axis {axis} is missing: the result moves along with "
                        "the entries"
                    )
        return f"the place of an entry along axis {axis} plays a part"

    _compare(
        moved,
        base,
        f"{quoted(name)} of the same entries in another order along axis {axis}",
        why,
        suspicion,
    )
    _must_depend(f, given, args, base, name, why)
    return base


def _touched(x: np.ndarray, axis: int, place: int) -> np.ndarray:
    """Return a copy with other numbers at one place along an axis."""
    copy = x.copy()
    line = [slice(None)] * x.ndim
    line[axis] = slice(place, place + 1)
    random = seeds.rng()
    part = copy[tuple(line)]
    if x.dtype.kind in "fc":
        scale = float(np.std(x)) or 1.0
        moves = random.uniform(1, 2, size=part.shape) * random.choice([-1, 1], size=part.shape)
        copy[tuple(line)] = part + (scale * moves).astype(x.dtype)
    elif x.dtype.kind == "b":
        copy[tuple(line)] = ~part
    else:
        values = np.unique(x)
        if len(values) < 2:
            raise ValueError("All whole numbers of the input are the same: give different ones.")
        step = random.integers(1, len(values), size=part.shape)
        copy[tuple(line)] = values[(np.searchsorted(values, part) + step) % len(values)]
    return copy


def permutation_equivariant(
    f: Callable[..., Any],
    x: Any,
    *args: Any,
    axis: int = 0,
    out_axis: int | None = None,
    name: str | None = None,
    why: str = "",
) -> np.ndarray:
    """Check that the entries of f(x) move along when those of x are put in another order.

    f(x in another order along `axis`) must be f(x) in that order along `out_axis` (`axis` if None):
    so treat a layer its examples, and attention without positions its tokens. The order is drawn by
    `rng`. Returns f(x). Raises CheckFailed.

    >>> x = np.arange(12.0).reshape(4, 3)
    >>> y = permutation_equivariant(lambda x: x - x.mean(axis=0), x, name="centre")
    >>> permutation_equivariant(lambda x: x + np.arange(4)[:, None], x, name="embed")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `embed` of the entries in another order along axis 0, put \
back, is ... It looks as if the place of an entry along axis 0 plays a part...
    """
    name = name or name_of(f)
    out_axis = axis if out_axis is None else out_axis
    given = _given(x, "permutation_equivariant")
    base = _result(f, given, args, name)
    length = given.shape[axis]
    if not -base.ndim <= out_axis < base.ndim or base.shape[out_axis] != length:
        fail(
            sentence(
                f"{quoted(name)} has shape {_shape(base.shape)}, expected {length} along axis "
                f"{out_axis}: one for each entry along axis {axis} of the input",
                why,
            )
        )
    order = _shuffle(length)
    moved = _result(f, np.take(given, order, axis), args, name)
    if moved.shape != base.shape:
        fail(f"{quoted(name)} returns another shape when entries change places.")
    back = np.take(moved, np.argsort(order), out_axis)

    def suspicion() -> str:
        if _same(moved, base):
            return "the result is the same for every order: it is sorted, or summed up"
        if _same(np.take(base, np.argsort(order), out_axis), moved):
            return "the entries move the other way: the permutation is inverted"
        for k in range(base.ndim):
            other = k != out_axis % base.ndim and base.shape[k] == length
            if other and _same(np.take(base, order, k), moved):
                return f"the result is transposed: entries move along axis {k}"
        return f"the place of an entry along axis {axis} plays a part"

    _compare(
        back,
        base,
        f"{quoted(name)} of the entries in another order along axis {axis}, put back,",
        why,
        suspicion,
    )
    _must_depend(f, given, args, base, name, why)
    return base


def shift_invariant(
    f: Callable[..., Any],
    x: Any,
    *args: Any,
    by: int = 1,
    axis: int = -1,
    name: str | None = None,
    why: str = "",
) -> np.ndarray:
    """Check that f(x) stays the same when x is shifted by `by` places along `axis`.

    Entries that leave at one end come in at the other; give an x with a border of equal entries
    (zeros) where the shift is meant to be into nothing. Returns f(x). Raises CheckFailed.

    >>> x = np.array([0.0, 0, 3, 1, 0, 0])
    >>> shift_invariant(lambda x: x.max(), x, by=2, name="pool")
    array(3.)
    >>> shift_invariant(lambda x: x[::2].max(), x, by=1, name="pool")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `pool` of the input shifted by 1 along axis -1 is 1, before \
3. It looks as if the place along axis -1 plays a part...
    """
    name = name or name_of(f)
    given = _given(x, "shift_invariant")
    base = _result(f, given, args, name)
    moved = _result(f, np.roll(given, by, axis), args, name)

    def suspicion() -> str:
        for k in range(base.ndim):
            if moved.shape == base.shape and _same(np.roll(base, by, k), moved):
                return "the result moves along: a maximum, sum or mean over the places is missing"
        return f"the place along axis {axis} plays a part: an index, a stride or a flatten sees it"

    _compare(
        moved,
        base,
        f"{quoted(name)} of the input shifted by {by} along axis {axis}",
        why,
        suspicion,
    )
    _must_depend(f, given, args, base, name, why)
    return base


def shift_equivariant(
    f: Callable[..., Any],
    x: Any,
    *args: Any,
    by: int = 1,
    axis: int = -1,
    stride: int = 1,
    margin: int = 0,
    name: str | None = None,
    why: str = "",
) -> np.ndarray:
    """Check that f(x) shifts along when x is shifted by `by` places along `axis`.

    The output has as many axes as x and is shifted by `by / stride` along the same one. `margin`
    entries of the output at either end (the reach of the padding), and those that the shift brings
    in, are not judged. A convolution must pass. Returns f(x). Raises CheckFailed.

    >>> x = np.random.default_rng(0).normal(size=12)
    >>> y = shift_equivariant(lambda x: np.convolve(x, [1, 2, 3], "same"), x, margin=1)
    >>> y = shift_equivariant(lambda x: x * np.arange(12), x, name="smooth")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `smooth` of the input shifted by 1 along axis -1, shifted \
back, is ... It looks as if the place along axis -1 plays a part...
    """
    name = name or name_of(f)
    given = _given(x, "shift_equivariant")
    if by == 0 or by % stride:
        raise ValueError(f"The shift {by} must be a multiple of the stride {stride}, and not 0.")
    base = _result(f, given, args, name)
    moved = _result(f, np.roll(given, by, axis), args, name)
    if base.ndim != given.ndim:
        fail(
            sentence(
                f"{quoted(name)} has shape {_shape(base.shape)}, expected {given.ndim} axes, as "
                "the input has",
                why or "the places must not be summed up or flattened",
            )
        )
    if moved.shape != base.shape:
        fail(f"{quoted(name)} returns another shape when the input is shifted.")
    step = by // stride
    length = base.shape[axis]
    inside = np.arange(margin + max(-step, 0), length - margin - max(step, 0))
    if given.shape[axis] // stride - 2 * margin - abs(step) < 1:
        raise ValueError(
            f"Nothing is left to judge: the input has {given.shape[axis]} places along axis "
            f"{axis}, the margin is {margin} and the shift {by}. Give a longer input."
        )
    if len(inside) < 1:
        fail(
            sentence(
                f"{quoted(name)} has shape {_shape(base.shape)}: too few places along axis {axis}, "
                f"of {given.shape[axis]} in the input",
                why,
            )
        )

    def part(values: np.ndarray, offset: int, along: int = axis) -> np.ndarray:
        return np.take(values, inside + offset, along)

    def suspicion() -> str:
        if _same(moved, base):
            return "the result does not move at all"
        words = {
            0: "the result does not move at all",
            -step: "the result moves the other way",
            by: f"the result moves by {by} places: the stride {stride} is not used",
        }
        reach = margin + 2 * abs(by)
        inner = np.arange(reach, length - reach)
        for other in (0, step - 1, step + 1, -step, by):
            rolled = np.roll(base, other, axis)
            fits = other != step and len(inner) > 0
            if fits and _same(np.take(moved, inner, axis), np.take(rolled, inner, axis)):
                return words.get(other, f"the result moves by {other} places: off by one")
        for k in range(base.ndim):
            if k != axis % base.ndim and _same(np.roll(base, step, k), moved):
                return f"the result moves along axis {k}: the axes are exchanged"
        return f"the place along axis {axis} plays a part"

    _compare(
        part(moved, step),
        part(base, 0),
        f"{quoted(name)} of the input shifted by {by} along axis {axis}, shifted back,",
        why,
        suspicion,
    )
    _must_depend(f, given, args, base, name, why)
    return base


def batch_independent(
    f: Callable[..., Any], x: Any, *args: Any, name: str | None = None, why: str = ""
) -> np.ndarray:
    """Check that each example is treated by itself: alone, and whatever stands beside it.

    `f(x, *args)` takes examples along axis 0 and returns one result for each along axis 0. The
    first and the last example must come out the same in a batch of one, and when the others are
    replaced. It finds a dropped batch axis (squeeze), sums, means and softmax over the batch, and
    normalisation in training mode. Returns f(x). Raises CheckFailed.

    >>> x = np.random.default_rng(0).normal(size=(4, 3))
    >>> y = batch_independent(np.tanh, x)
    >>> batch_independent(lambda x: x - x.mean(axis=0), x, name="normalise")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `normalise` of example 0 alone is 0 at index 0, in the \
batch of 4 it is 0.058428. 3 of 3 entries differ; the largest error is 0.555521 at index 2. It \
looks as if a sum, a mean or a normalisation goes over the batch, axis 0, or dropout is still on...
    """
    name = name or name_of(f)
    given = _given(x, "batch_independent")
    count = len(given)
    if count < 2:
        raise ValueError("batch_independent needs at least two examples.")
    base = _result(f, given, args, name)
    if not base.ndim or base.shape[0] != count:
        said = "the first axis, one entry per example, is missing: forgot the batch dimension"
        if base.ndim and base.shape[-1] == count:
            said = "the axes are transposed: the examples stand along the last axis"
        fail(
            sentence(
                f"{quoted(name)} of {count} examples has shape {_shape(base.shape)}, expected "
                f"{count} along axis 0",
                why,
            ),
            f"It looks as if {said}.",
        )
    for place in (0, count - 1):
        alone = _alone(f, given, place, args, name, why)
        if alone.shape != (1, *base.shape[1:]):
            said = suspicions.of_shape(alone.shape, (1, *base.shape[1:]))
            if alone.shape == base.shape[1:]:
                said = (
                    "the batch dimension is forgotten for a batch of one: squeeze drops every "
                    "axis of length 1, name the one that should go"
                )
            fail(
                sentence(
                    f"{quoted(name)} of a single example has shape {_shape(alone.shape)}, expected "
                    f"{_shape((1, *base.shape[1:]))}",
                    why,
                ),
                f"It looks as if {said}." if said else "",
            )
        others = given
        for k in range(count):
            if k != place:
                others = _touched(others, 0, k)
        changed = _result(f, others, args, name)
        _judge_example(alone[0], base[place], changed, place, count, name, why)
    _must_depend(f, given, args, base, name, why)
    return base


def _alone(
    f: Callable[..., Any],
    x: np.ndarray,
    place: int,
    args: tuple[Any, ...],
    name: str,
    why: str,
) -> np.ndarray:
    try:
        return _result(f, x[place : place + 1], args, name)
    except CheckFailed as error:
        said = str(error).split("\n")[0]
        fail(
            sentence(f"{quoted(name)} cannot treat a single example", why),
            said,
            "It looks as if the batch dimension is forgotten, or a fixed number of examples is "
            "written into it.",
        )


def _judge_example(
    alone: np.ndarray,
    beside: np.ndarray,
    changed: np.ndarray,
    place: int,
    count: int,
    name: str,
    why: str,
) -> None:
    mixed = changed.shape[:1] != (count,) or not _same(changed[place], beside)
    if not mixed and _same(alone, beside):
        return
    if _same(alone, beside):
        fail(
            sentence(
                f"{quoted(name)} gives another result for example {place} when other examples "
                "stand beside it",
                why,
            ),
            "It looks as if the examples of a batch are mixed: by their order, a sum, a mean or a "
            "normalisation over axis 0.",
        )
    agrees = _agrees(alone, beside, RTOL, ATOL)
    parts = apart(
        alone,
        beside,
        agrees,
        f"{quoted(name)} of example {place} alone",
        why,
        against=f"in the batch of {count} it is",
    )
    said = "a sum, a mean or a normalisation goes over the batch, axis 0, or dropout is still on"
    if not mixed:
        said = "the result depends on how many examples there are"
        with np.errstate(all="ignore"):
            ratio = float(np.vdot(beside, alone) / np.vdot(beside, beside))
        if abs(ratio / count - 1) < 1e-4 or abs(ratio * count - 1) < 1e-4:
            said = "each result is divided or multiplied by the number of examples"
    fail(*parts, f"It looks as if {said}.")
