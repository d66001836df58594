"""A check on causal masks: no position sees the future."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .calls import name_of
from .failures import fail, quoted, sentence
from .invariances import TRIES, _given, _result, _same, _touched
from .values import _shape

MOST = 16  # positions that are changed one by one


def causal(
    f: Callable[..., Any],
    x: Any,
    *args: Any,
    axis: int = 1,
    out_axis: int | None = None,
    sees_itself: bool = True,
    name: str | None = None,
    why: str = "",
) -> np.ndarray:
    """Check that no position of a sequence sees the future.

    `f(x, *args)` takes sequences with the positions along `axis`, (N, T) tokens or (N, T, D)
    vectors, and returns one result for each along `out_axis` (`axis` if None). Position by
    position x is changed (whole numbers into others that x holds), and the results before it must
    stay. With `sees_itself` its own result must change: a mask that hides the present, too, is off
    by one. At most 16 positions are changed, spread over the sequence. Returns f(x). Raises
    CheckFailed.

    >>> x = np.random.default_rng(0).normal(size=(2, 5, 3))
    >>> y = causal(lambda x: np.cumsum(x, axis=1), x)
    >>> causal(lambda x: x + x.mean(axis=1, keepdims=True), x, name="attention")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `attention` lets position 0 see position 1: its result \
changes when that input changes. It looks as if there is no mask: every position sees every other...
    """
    name = name or name_of(f)
    out_axis = axis if out_axis is None else out_axis
    given = _given(x, "causal")
    length = given.shape[axis]
    if length < 3:
        raise ValueError("causal needs at least three positions.")
    base = _result(f, given, args, name)
    if not -base.ndim <= out_axis < base.ndim or base.shape[out_axis] != length:
        fail(
            sentence(
                f"{quoted(name)} has shape {_shape(base.shape)}, expected {length} positions along "
                f"axis {out_axis}",
                why,
            )
        )
    changed = np.unique(np.linspace(0, length - 1, min(length, MOST)).round().astype(int))
    sees = np.zeros((length, length), dtype=bool)  # [t, s]: the result at t depends on input s
    for s in changed.tolist():
        moved = _result(f, _touched(given, axis, s), args, name)
        if moved.shape != base.shape:
            fail(f"{quoted(name)} returns another shape when entries change.")
        for t in range(length):
            sees[t, s] = not _same(np.take(moved, t, out_axis), np.take(base, t, out_axis))

    def sees_anew(t: int) -> bool:
        moved = _result(f, _touched(given, axis, t), args, name)
        return not _same(np.take(moved, t, out_axis), np.take(base, t, out_axis))

    future = np.triu(np.ones_like(sees), 1)
    ahead = sees & future
    if ahead.any():
        t, s = (int(k) for k in np.argwhere(ahead)[0])
        fail(
            sentence(
                f"{quoted(name)} lets position {t} see position {s}: its result changes when that "
                "input changes",
                why,
            ),
            f"It looks as if {_of_leak(sees, changed)}.",
        )
    if not sees_itself:
        return base
    blind = [
        t
        for t in changed.tolist()
        if not sees[t, t] and not any(sees_anew(t) for _ in range(TRIES))
    ]
    if blind:
        said = "the result does not depend on the sequence at all"
        if (sees & ~np.eye(length, dtype=bool)).any():
            said = "the mask hides the present, too: off by one, the diagonal must stay visible"
        fail(
            sentence(f"{quoted(name)} does not let position {blind[0]} see itself", why),
            f"It looks as if {said}.",
        )
    return base


def _of_leak(sees: np.ndarray, changed: np.ndarray) -> str:
    """Say what a leak into the past looks like."""
    length = len(sees)
    tried = np.zeros(length, dtype=bool)
    tried[changed] = True
    places = np.arange(length)
    rows, columns = places[:, None], places[None, :]
    above = tried[columns] & (columns > rows)
    below = tried[columns] & (columns < rows)
    if (sees[above]).all() and not sees[below].any():
        return "the mask is transposed: each position sees the future and not the past"
    if sees[above].all():
        return (
            "there is no mask: every position sees every other one. A mask that is set after the "
            "softmax, or a softmax over the wrong axis, does the same"
        )
    ahead = np.broadcast_to(columns - rows, sees.shape)
    reach = int(ahead[sees].max())
    if sees[above & (ahead <= reach)].all():
        if reach == 1:
            return "the mask is off by one: each position sees the next one"
        return f"each position sees {reach} places ahead, as a window around it does: shift it back"
    return "the mask lets some of the future through"
