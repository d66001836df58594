"""A check that two frameworks compute the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import seeds, suspicions
from .calls import call
from .data import is_data, to_array
from .failures import fail, quoted, sentence
from .values import _agrees, _check_finite, _shape, _taken, apart


def frameworks_agree(
    first: Any,
    second: Any,
    *args: Any,
    want: Any = None,
    names: Sequence[str] = ("PyTorch", "Keras"),
    why: str = "",
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> np.ndarray:
    """Check that two frameworks give the same numbers; return the first's.

    `first` and `second` are values of any framework, or functions that are both called with `args`
    (NumPy data, which each turns into tensors of its own). With `want`, the numbers by NumPy, the
    message says which of the two is wrong; without it, two that are wrong alike agree. float32
    numbers agree within 1e-4. Differences that the frameworks' conventions explain are named:
    layers' weights (out, in) and (in, out), channels first and last, logits and probabilities.
    Raises CheckFailed.

    >>> frameworks_agree(np.float32([1, 2]), [1.0, 2.0])
    array([1., 2.])
    >>> W = np.random.default_rng(0).normal(size=(3, 3))
    >>> frameworks_agree(W, W.T)
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: Keras gives 0.1049 at index (0, 1), and PyTorch -0.132105. \
6 of 9 entries differ; the largest error is 0.663577 at index (0, 2). It looks as if a \
weight is transposed: PyTorch's layers keep (out, in), Keras' keep (in, out).
    """
    results = [
        _taken(call(value, *args) if callable(value) and not is_data(value) else value, label)
        for value, label in zip((first, second), names, strict=True)
    ]
    for value, label in zip(results, names, strict=True):
        if value.dtype.kind in "fc":
            _check_finite(value, label)
    one, two = results
    expected = None if want is None else to_array(want)
    if one.shape != two.shape:
        order = _moved_axes(one, two)
        said = order or suspicions.of_shape(two.shape, one.shape)
        parts = [f"{names[1]} gives shape {_shape(two.shape)}, and {names[0]} {_shape(one.shape)}"]
        if expected is not None:
            parts[0] += f", expected {_shape(expected.shape)}"
        fail(sentence(parts[0], why), f"It looks as if {said}." if said else "")
    agrees = _agrees(two, one, rtol, atol)
    if not agrees.all():
        parts = apart(two, one, agrees, names[1], why, against=f"and {names[0]}")
        parts[0] = parts[0].replace(f"{quoted(names[1])} is", f"{names[1]} gives", 1)
        blame = ""
        if expected is not None and expected.shape == one.shape:
            right = [bool(_agrees(v, expected, rtol, atol).all()) for v in results]
            if right[0] != right[1]:
                blame = f"{names[right[0]]} is the one that differs from the expected."
            elif not right[0]:
                blame = "Both differ from the expected."
        said = _of_difference(one, two, names)
        fail(*parts, blame, f"It looks as if {said}." if said else "")
    if expected is not None:
        if expected.shape != one.shape:
            fail(
                sentence(
                    f"Both give shape {_shape(one.shape)}, expected {_shape(expected.shape)}", why
                )
            )
        agrees = _agrees(one, expected, rtol, atol)
        if not agrees.all():
            parts = apart(one, expected, agrees, "what both give", why)
            said = suspicions.of_value(one, expected, seeds.current().arguments)
            fail(*parts, f"It looks as if {said}." if said else "")
    return one


def _moved_axes(one: np.ndarray, two: np.ndarray) -> str:
    if one.ndim == two.ndim >= 3:
        for source, target, said in (
            (1, -1, "channels come first in the one and last in the other: permute the axes"),
            (-1, 1, "channels come last in the one and first in the other: permute the axes"),
        ):
            if np.moveaxis(one, source, target).shape == two.shape:
                return said
    return ""


def _of_difference(one: np.ndarray, two: np.ndarray, names: Sequence[str]) -> str:
    """Say which of the frameworks' conventions explains the difference."""

    def same(a: np.ndarray, b: np.ndarray) -> bool:
        return a.shape == b.shape and suspicions.alike(a, b, 1e-4)

    if one.ndim == 2 and same(one.T, two):
        return "a weight is transposed: PyTorch's layers keep (out, in), Keras' keep (in, out)"
    if one.ndim >= 3 and (same(np.moveaxis(one, 1, -1), two) or same(np.moveaxis(one, -1, 1), two)):
        return "channels come first in the one and last in the other: permute the axes"
    if one.ndim:
        for logits, other, label in ((one, two, names[0]), (two, one, names[1])):
            with np.errstate(over="ignore", invalid="ignore"):
                exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
                softmax = exp / exp.sum(axis=-1, keepdims=True)
                if same(softmax, other):
                    return f"{label} gives logits and the other one probabilities"
                if same(1 / (1 + np.exp(-logits)), other):
                    return f"{label} gives logits and the other one their sigmoid"
    said = suspicions.of_value(two, one, seeds.current().arguments)
    if not said and np.allclose(one, two, rtol=2e-2, atol=2e-2 * float(np.abs(one).max())):
        return (
            "a default differs: epsilon and momentum of a normalisation, the form of GELU, or the "
            "dtype"
        )
    return said
