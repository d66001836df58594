"""A check on what autograd sees: a function that gradients flow through, back to each input."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import beside, seeds
from .calls import guarded, name_of
from .data import to_array
from .failures import CheckFailed, fail, quoted, sentence
from .gradients import _compare, _input, _labels
from .values import _check_finite, _check_shape, _taken

FRAMEWORKS = ("torch", "tensorflow")
_CUTS = {
    "torch": ".detach(), .item(), .numpy(), float(…), torch.tensor(…) and torch.no_grad()",
    "tensorflow": ".numpy(), float(…), tf.constant(…), tf.stop_gradient and NumPy's functions",
}


def differentiable(
    f: Callable[..., Any],
    *arrays: Any,
    framework: str = "torch",
    wrt: int | Sequence[int] | None = None,
    name: str | None = None,
    why: str = "",
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Check that autograd goes through a function of tensors, and finds the right gradients.

    `f(*arrays)` gets tensors of `framework` ("torch" or "tensorflow"), float64 where the arrays
    are float64 and float32 where they are float32 (whole numbers, such as labels, stay), and
    returns one tensor. It is differentiated with a random upstream gradient with respect to
    `arrays[wrt]` (None: every floating-point one), and compared with central differences. It finds
    a result or an input that is detached, and values changed in place. Give the learner's function
    itself: it is differentiated where it lives, and a function of the test's own cannot cross in
    grading (that goes to a person). Raises CheckFailed.

    >>> import torch
    >>> x = np.random.default_rng(0).normal(size=(3, 2))
    >>> differentiable(lambda x: torch.tanh(x).sum(dim=0), x)
    >>> differentiable(lambda x: torch.tanh(x.detach()).sum(), x, name="loss")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `loss` cuts the graph: what it returns does not know how it \
was computed, so no gradient reaches `x`. It looks as if a value is detached: .detach(), .item(), \
.numpy(), float(…), torch.tensor(…) and torch.no_grad() do that...
    """
    if framework not in FRAMEWORKS:
        raise ValueError(f"framework is {framework!r}; choose one of {', '.join(FRAMEWORKS)}.")
    name = name or name_of(f)
    own = [
        np.array(value) if isinstance(value, np.ndarray) else to_array(value) for value in arrays
    ]
    floats = [place for place, value in enumerate(own) if value.dtype.kind == "f"]
    wanted = floats if wrt is None else [wrt] if isinstance(wrt, int) else list(wrt)
    labels = _labels(f, f, len(own))
    random = seeds.rng()
    tensor = _maker(framework)

    def forward(*values: np.ndarray) -> np.ndarray:
        given = [tensor(value.astype(mine.dtype)) for value, mine in zip(values, own, strict=True)]
        return _taken(guarded(f, given, {}, f), f"{name}(…)")

    wide = [_input(value, number) for number, value in enumerate(own)]
    base = forward(*wide)
    _check_finite(base, f"{name}(…)")
    upstream = np.asarray(random.normal(size=base.shape))

    def differentiated(*values: Any) -> Any:
        return beside.ask("differentiated", f, list(values), wanted, upstream, framework)

    answer = guarded(f, own, {}, differentiated)
    seeds.current().arguments = list(zip(labels, wide, strict=True))
    found = _gradients(answer, len(wanted), framework, name, [labels[k] for k in wanted], why)
    for value, which in zip(found, wanted, strict=True):
        label = f"the gradient of {quoted(name)} with respect to `{labels[which]}`"
        if value is None:
            fail(
                sentence(f"no gradient of {quoted(name)} reaches `{labels[which]}`", why),
                f"It looks as if `{labels[which]}` is not used, or is detached on the way: "
                f"{_CUTS[framework]} do that.",
            )
        received = _taken(value, label)
        _check_shape(received, wide[which].shape, label, why)
        _check_finite(received, label)
        try:
            _compare(forward, wide, which, base, upstream, received, label, why, rtol, atol, random)
        except CheckFailed as error:
            said = str(error)
            note = seeds.note()
            said = said.removesuffix(f"\n{note}") if note else said
            suspicion = "A part of the computation may be detached from its input."
            fail(
                said, "" if "It looks as if" in said and "entries are 0" not in said else suspicion
            )


def _maker(framework: str) -> Callable[[np.ndarray], Any]:
    """Return the function that makes a tensor of the test's own array."""
    if framework == "torch":
        from_numpy: Callable[[np.ndarray], Any] = importlib.import_module("torch").tensor
        return from_numpy
    constant: Callable[[np.ndarray], Any] = importlib.import_module("tensorflow").constant
    return constant


def _gradients(
    answer: Any, count: int, framework: str, name: str, labels: list[str], why: str
) -> list[Any]:
    """Return the gradients in an answer, or fail with what stands in their place."""
    if isinstance(answer, dict):
        found = answer.get("gradients")
        if isinstance(found, list) and len(found) == count:
            if any(value is not None for value in found):
                return found
            answer = {"cut": "nothing arrives"}
        if "cut" in answer:
            listed = " or ".join(f"`{label}`" for label in labels)
            kind = "what it returns does not know how it was computed"
            if answer["cut"] == "no tensor":
                kind = "what it returns is not a tensor"
            fail(
                sentence(
                    f"{quoted(name)} cuts the graph: {kind}, so no gradient reaches {listed}", why
                ),
                f"It looks as if a value is detached: {_CUTS[framework]} do that.",
            )
        if isinstance(failed := answer.get("failed"), str):
            in_place = "inplace" in failed or "in-place" in failed
            fail(
                sentence(f"{quoted(name)} cannot be differentiated", why),
                "It looks as if a value that the backward pass needs is changed in place: write "
                "x = x * 2 rather than x *= 2, and no names that end in _."
                if in_place
                else f"The framework says: {' '.join(failed.split())[:300]}",
            )
    fail(f"{quoted(name)} cannot be differentiated: no gradients came back.")
