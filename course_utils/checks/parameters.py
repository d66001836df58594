"""A check on the parameters of a model: how many there are, and of which shapes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import beside
from .calls import stopped
from .data import NotDataError, to_array, to_plain
from .failures import fail, quoted, sentence
from .values import number

Listed = list[tuple[str, tuple[int, ...], bool]]


def _listed(model: Any, name: str) -> Listed:
    """Return (name, shape, trainable) of each parameter, or fail with the reason."""
    if model is None:
        fail(f"{quoted(name)} is None: is the `return` line missing?")
    try:
        rows = to_plain(beside.ask("parameters", model, False))
        found = [(str(row[0])[:200], tuple(int(n) for n in row[1]), row[2] is True) for row in rows]
    except TypeError as error:
        fail(sentence(f"{quoted(name)} has no parameters to count: {str(error)[:300]}"))
    except (NotDataError, ValueError, IndexError, OverflowError):
        fail(f"{quoted(name)} does not tell its parameters as names and shapes.")
    except Exception as error:
        fail(stopped(f"listing the parameters of {quoted(name)}", error))
    if any(length < 0 for _, shape, _ in found for length in shape):
        fail(f"{quoted(name)} does not tell its parameters as names and shapes.")
    return found


def parameter_count(
    model: Any,
    want: int | Sequence[Sequence[int]],
    name: str = "the model",
    why: str = "",
    trainable: bool = True,
) -> int:
    """Check how many parameters a model has; return their number.

    `model` is a PyTorch module, a Keras model or layer, a (nested) list or dictionary of arrays, or
    the number itself. `want` is the number or, better, the shapes of all parameters in any order:
    then the message can say which are missing, left over or transposed. With `trainable` only those
    that are trained count. In grading the model stays with the answer, which lists its parameters:
    a count shows no more than that list, so pair it with a check of values. Raises CheckFailed.

    >>> parameter_count({"W": np.ones((3, 4)), "b": np.ones(4)}, [(3, 4), (4,)])
    16
    >>> parameter_count({"W": np.ones((3, 4))}, [(3, 4), (4,)], name="layer")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `layer` has 12 parameters, expected 16: W (3, 4). It looks as \
if the bias is missing: there is no parameter of shape (4,).
    """
    shapes = None if isinstance(want, int) else [tuple(int(n) for n in shape) for shape in want]
    total = want if isinstance(want, int) else sum(math.prod(shape) for shape in shapes or [])
    counted = _is_number(model)
    if counted:
        found: Listed = []
        count = int(number(model, name=name, low=0, integer=True, why=why))
    else:
        found = _listed(model, name)
        count = sum(math.prod(shape) for _, shape, trains in found if trains or not trainable)
    kept = [row for row in found if row[2] or not trainable]
    if count == total and (
        shapes is None or counted or Counter(row[1] for row in kept) == Counter(shapes)
    ):
        return count
    suspicion = _suspicion(count, total, shapes, found, kept)
    parts = ", ".join(f"{label} {shape}" for label, shape, _ in kept[:8])
    parts += ", …" if len(kept) > 8 else ""
    said = f"{quoted(name)} has {count} parameters, expected {total}"
    if count == total:
        said = f"{quoted(name)} has {count} parameters, as expected, but of other shapes"
    if parts:
        said = f"{said}: {parts}"
    fail(
        sentence(said) if parts else sentence(said, why),
        sentence(why[:1].upper() + why[1:]) if why and parts else "",
        f"It looks as if {suspicion}." if suspicion else "",
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        return False
    if isinstance(value, bool | int | float | complex | np.generic):
        return True
    try:
        return to_array(value).ndim == 0
    except NotDataError:
        return False


def _suspicion(
    count: int,
    total: int,
    shapes: list[tuple[int, ...]] | None,
    found: Listed,
    kept: Listed,
) -> str:
    if found and not kept:
        return "the parameters are frozen: none of them is trained"
    if not found and count == 0:
        return (
            "the layers are not known to the model: assign them in __init__ (a plain list hides "
            "them, ModuleList does not), and call a Keras model once before it is counted"
        )
    everything = sum(math.prod(shape) for _, shape, _ in found)
    if found and everything == total != count:
        frozen = next(label for label, _, trains in found if not trains)
        return f"a part is frozen: {frozen} is not trained"
    if shapes is None:
        biases = sum(shape[0] for _, shape, _ in kept if len(shape) == 1)
        if biases and count - biases == total:
            return f"there are {biases} biases too many"
        if total and count == 2 * total:
            return "every parameter is counted twice"
        return ""
    biases = sum(shape[0] for shape in shapes if len(shape) == 1)
    if not found:
        if biases and count == total - biases:
            return "the biases are left out"
        if count == len(shapes):
            return "the arrays are counted, not their entries"
        return ""
    have, wanted = Counter(shape for _, shape, _ in kept), Counter(shapes)
    missing, extra = list((wanted - have).elements()), list((have - wanted).elements())
    turned = [shape for shape in missing if len(shape) == 2 and shape[::-1] in extra]
    if turned and len(turned) == len(missing) == len(extra):
        return f"the weights are transposed: {turned[0][::-1]} instead of {turned[0]}"
    if missing and not extra:
        if all(len(shape) == 1 for shape in missing):
            which = "the bias is" if len(missing) == 1 else "the biases are"
            return f"{which} missing: there is no parameter of shape {missing[0]}"
        return f"a layer is missing, or not known to the model: no parameter of shape {missing[0]}"
    if extra and not missing:
        if all(len(shape) == 1 for shape in extra):
            return f"there is a bias too many, of shape {extra[0]}"
        return f"there is a layer too many, with a parameter of shape {extra[0]}"
    for lost in missing:
        for odd in extra:
            if len(lost) != len(odd):
                continue
            wrong = [k for k in range(len(lost)) if lost[k] != odd[k]]
            if len(wrong) == 1:
                near = abs(lost[wrong[0]] - odd[wrong[0]]) == 1
                return f"a parameter has shape {odd} instead of {lost}" + (
                    ": off by one" if near else ""
                )
    return ""
