"""The gradient check: what backpropagation says against what the function does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import seeds, suspicions
from .calls import _argument_names, call, name_of
from .data import NotDataError, precision, to_array
from .failures import fail, quoted, sentence
from .values import _at, _both, _check_finite, _check_shape, _number, _taken

MOST = 200  # entries of one input that are tried; more are sampled


def gradient(
    f: Callable[..., Any],
    df: Callable[..., Any],
    *arrays: Any,
    wrt: int | Sequence[int] | None = 0,
    name: str = "the gradient",
    names: Sequence[str] | None = None,
    why: str = "",
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Check a backward function against central differences of the forward function.

    `f(*arrays)` returns an array or a number y. `df(u, *arrays)` returns, for an upstream gradient
    u of the shape of y, the gradient of sum(u · y) with respect to `arrays[wrt]`; where `wrt` is a
    list (or None: every input), a tuple with one gradient for each. u is drawn at random, so that
    an answer that ignores it is found. Differences are taken in float64 (step 6e-6, the cube root
    of its precision); at a kink, such as relu at 0, any slope between both sides is right. Of an
    input with more than 200 entries a random 200 are tried.

    >>> f = lambda x, w: x @ w
    >>> x, w = rng().normal(size=(4, 3)), rng().normal(size=(3, 2))
    >>> gradient(f, lambda u, x, w: (u @ w.T, x.T @ u), x, w, wrt=None)
    >>> gradient(lambda x: x**2, lambda u, x: 2 * x, np.ones(3), name="square_backward")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `square_backward` with respect to `x` is 2 at index \
0, expected ...: central differences of the forward function give this. ... It looks as if the \
upstream gradient is ignored, as though it were all ones...
    """
    inputs = [_input(value, number) for number, value in enumerate(arrays)]
    wanted = (
        list(range(len(inputs))) if wrt is None else [wrt] if isinstance(wrt, int) else list(wrt)
    )
    labels = list(names) if names is not None else _labels(f, df, len(inputs))
    random = seeds.rng()

    def forward(*values: np.ndarray) -> np.ndarray:
        return _taken(call(f, *values), f"{name_of(f, 'the forward function')}(…)")

    base = forward(*inputs)
    _check_finite(base, f"{name_of(f, 'the forward function')}(…)")
    upstream = np.asarray(random.normal(size=base.shape))
    result = call(df, upstream if base.shape else float(upstream), *inputs)
    seeds.current().arguments = list(zip(labels, inputs, strict=True))
    several = len(wanted) > 1
    if several:
        if not isinstance(result, tuple | list) or len(result) != len(wanted):
            found = f"{len(result)}" if isinstance(result, tuple | list) else "one value"
            fail(
                sentence(
                    f"{quoted(name)} returns {found}, expected {len(wanted)} gradients: one each "
                    f"for {', '.join(f'`{labels[k]}`' for k in wanted)}"
                )
            )
        results = list(result)
    else:
        single = isinstance(result, tuple) and len(result) == 1
        results = [result[0] if single else result]

    for value, which in zip(results, wanted, strict=True):
        label = f"{quoted(name)} with respect to `{labels[which]}`"
        received = _taken(value, label)
        reason = why or "a gradient has the shape of what it is taken with respect to"
        _check_shape(received, inputs[which].shape, label, reason)
        _check_finite(received, label)
        _compare(forward, inputs, which, base, upstream, received, label, why, rtol, atol, random)


def _input(value: Any, number: int) -> np.ndarray:
    try:
        return to_array(value).astype(np.float64)
    except NotDataError as reason:
        raise TypeError(f"Input {number} of checks.gradient {reason}.") from None


def _labels(f: Any, df: Any, count: int) -> list[str]:
    for function, skip in ((f, 0), (df, 1)):
        found = _argument_names(function, count + skip)[skip:]
        if not any(name.startswith("argument ") for name in found):
            return found
    return [f"input {number}" for number in range(count)]


def _compare(
    forward: Callable[..., np.ndarray],
    inputs: list[np.ndarray],
    which: int,
    base: np.ndarray,
    upstream: np.ndarray,
    received: np.ndarray,
    label: str,
    why: str,
    rtol: float,
    atol: float,
    random: np.random.Generator,
) -> None:
    point = inputs[which]
    step = 6e-6
    if precision(base) == "single":  # the learner computes in float32: larger steps, less exact
        step, rtol, atol = 1e-2, max(rtol, 3e-2), max(atol, 1e-2)
    chosen = np.arange(point.size)
    if point.size > MOST:
        chosen = np.sort(random.choice(point.size, MOST, replace=False))

    expected, low, high, plain = (np.empty(len(chosen)) for _ in range(4))
    for number, flat in enumerate(chosen):
        width = step * max(1.0, abs(float(point.flat[flat])))
        sides = []
        for sign in (1.0, -1.0):
            moved = [value.copy() for value in inputs]
            moved[which].flat[flat] += sign * width
            value = forward(*moved)
            if value.shape != base.shape:
                fail(f"The forward function of {label} returns another shape when entries change.")
            sides.append(value)
        slopes = [np.sum(upstream * (sides[0] - base)), np.sum(upstream * (base - sides[1]))]
        slopes = [float(slope) / width for slope in slopes]
        expected[number] = sum(slopes) / 2
        low[number], high[number] = min(slopes), max(slopes)
        plain[number] = float(np.sum(sides[0] - sides[1])) / (2 * width)

    found = received.reshape(-1)[chosen].astype(np.float64)
    scale = float(np.abs(expected).max(initial=0.0))
    allowed = atol * max(1.0, scale) + rtol * np.abs(expected)
    wrong = (np.abs(found - expected) > allowed) & (
        (found < low - allowed) | (found > high + allowed)
    )
    # away from a kink both slopes agree up to the curvature times the step
    kink = high - low > 1e-2 * max(scale, 1e-12)
    wrong |= (np.abs(found - expected) > allowed) & ~kink
    if not wrong.any():
        return
    first = int(np.argmax(wrong))
    index = tuple(int(i) for i in np.unravel_index(int(chosen[first]), point.shape))
    there, here = _both(expected[first], found[first])
    errors = np.where(wrong, np.abs(found - expected), 0)
    worst = int(np.argmax(errors))
    where = tuple(int(i) for i in np.unravel_index(int(chosen[worst]), point.shape))
    reason = why or "central differences of the forward function give this"
    parts = [sentence(f"{label} is {here}{_at(index)}, expected {there}", reason)]
    if point.size > 1:
        parts.append(
            f"{int(wrong.sum())} of {len(chosen)} entries tried differ; the largest error is "
            f"{_number(float(errors[worst]))}{_at(where)}."
        )
    loose = 1e-3 if step < 1e-3 else 3e-2
    exactness = suspicions.LOOSE if step < 1e-3 else 1e-2
    remembered = seeds.current().arguments
    if suspicions.alike(found, plain, loose) and not suspicions.alike(plain, expected, loose):
        said = "the upstream gradient is ignored, as though it were all ones: multiply by it"
    elif len(chosen) == point.size:
        exact = np.where(np.isclose(found, expected, rtol=1e-4, atol=1e-7), found, expected)
        said = suspicions.of_value(
            received.astype(np.float64), exact.reshape(point.shape), remembered, exactness
        )
    else:
        said = suspicions.of_value(found, expected, remembered, exactness)
    fail(*parts, f"It looks as if {said}." if said else "")
