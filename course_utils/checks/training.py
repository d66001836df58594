"""Checks on training: one step equals the reference, and one batch can be learned by heart."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import beside, seeds, suspicions
from .calls import call, name_of, stopped
from .data import NotDataError, is_data, kind_of, precision, to_array, to_plain
from .failures import fail, quoted, sentence
from .results import quality
from .values import _check_finite, _check_shape, _taken, apart

Arrays = dict[str, np.ndarray]
Reference = Callable[..., Any]


def training_step(
    step: Callable[..., Any],
    params: Any,
    *batch: Any,
    reference: Reference,
    steps: int = 2,
    name: str = "the parameters after one step",
    why: str = "",
    suspects: Mapping[str, Reference] | None = None,
    rtol: float = 1e-3,
) -> Any:
    """Check that a step of training changes the parameters as the reference does.

    `params` is an array, or a list or dictionary of arrays: then `step(params, *batch)` returns the
    new ones in the same form, and leaves the old ones alone. Or it is a model that the learner's
    code made (PyTorch or Keras): then `step(model, *batch)` changes it, and its parameters are read
    before and after. `reference(params, *batch)` is the test's own step: it gets float64 copies
    (for a model a dictionary by the parameters' names) and returns the new ones. So do `suspects`,
    words → such a function. `steps` steps are made with the same batch, so that gradients that were
    not set to zero show in the second; give steps=1 if the reference keeps a state.

    The changes are compared, not the parameters: they agree within `rtol` of the largest change,
    plus what rounding costs. In grading a model stays with the answer's process, which lists its
    parameters as arrays. Returns what the last step returned. Raises CheckFailed.

    >>> X, y = np.ones((4, 2)), np.arange(4.0)
    >>> def reference(w, X, y):
    ...     return w - 0.1 * 2 * X.T @ (X @ w - y) / len(y)
    >>> w = training_step(lambda w, X, y: reference(w, X, y), np.zeros(2), X, y,
    ...                   reference=reference)
    >>> w = training_step(lambda w, X, y: w - 0.1 * 2 * X.T @ (X @ w - y), np.zeros(2), X, y,
    ...                   reference=reference)
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: the parameters after one step: the change is 1.2 at index 0, \
expected 0.3. 2 of 2 entries differ; the largest error is 0.9 at index 0. It looks as if the \
gradient is summed instead of averaged: the step is 4 times too large, and there are 4 examples.
    """
    opaque = not isinstance(params, dict | list | tuple | np.ndarray) and not is_data(params)
    given = _named(params, "the parameters", opaque)
    if opaque and not given:
        fail(
            f"{quoted(name_of(params, 'the model'))} has no parameters: assign its layers in "
            "__init__, and call a Keras model once before it is trained."
        )
    form: Any = {k: v.copy() for k, v in given.items()} if opaque else params
    current: Any = params
    result: Any = None
    before: Arrays = given
    earlier: Arrays | None = None
    for number in range(1, steps + 1):
        result = call(step, current, *batch)
        label = name if number == 1 else f"{name}, made for the {_ordinal(number)} time"
        after = _named(params if opaque else result, f"{name_of(step)}(…)", opaque, before)
        wanted = _stepped(reference, form, before, batch, opaque)
        _judge(before, after, wanted, batch, label, why, rtol, suspects, earlier, form, opaque)
        earlier = {key: wanted[key] - before[key] for key in before}
        before = after
        current = params if opaque else _given_again(params, after)
    return result


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def _named(value: Any, name: str, opaque: bool, like: Arrays | None = None) -> Arrays:
    """Return parameters as float64 arrays by name; fail if they are not in the form of `like`."""
    if opaque:
        return _of_model(value, name, like)
    if isinstance(value, dict):
        named = {str(key): item for key, item in dict.items(value)}
    elif isinstance(value, list | tuple) and not _plain_numbers(value):
        named = {f"[{place}]": item for place, item in enumerate(list(value))}
    else:
        named = {"": value}
    if like is not None and set(named) != set(like):
        want = "one array" if "" in like else f"{len(like)} arrays ({', '.join(like)})"
        parts = "" if "" in named else f" with {', '.join(named) or 'nothing'}"
        fail(
            sentence(
                f"{quoted(name)} returned {kind_of(value)}{parts}",
                f"expected the new parameters in the form of the old ones, {want}",
            )
        )
    found = {}
    for key in named if like is None else like:
        place = key if not key or key.startswith("[") else f"[{key!r}]"
        found[key] = _floats(named[key], f"{name}{place}")
    return found


def _of_model(model: Any, name: str, like: Arrays | None) -> Arrays:
    """Return the trained parameters that a model lists, or fail with the reason."""
    found: Arrays = {}
    try:
        for row in list(beside.ask("parameters", model, True)):
            if row[2]:
                found[str(to_plain(row[0]))] = to_array(row[3]).astype(np.float64)
    except (NotDataError, TypeError, ValueError, IndexError) as error:
        fail(sentence(f"{quoted(name)} does not tell its parameters", str(error)[:300]))
    except Exception as error:
        fail(stopped(f"listing the parameters of {quoted(name)}", error))
    if like is not None and list(found) != list(like):
        fail(
            f"{quoted(name)} leaves other parameters than there were: a step changes their values, "
            "not which ones there are. It looks as if some were frozen or replaced."
        )
    return found


def _plain_numbers(value: Any) -> bool:
    return bool(len(value)) and all(isinstance(item, int | float) for item in value)


def _floats(value: Any, name: str) -> np.ndarray:
    found = _taken(value, name)
    if found.dtype.kind not in "fi":
        fail(f"{quoted(name)} does not hold real numbers.")
    return found.astype(np.float64)


def _stepped(
    reference: Reference, form: Any, before: Arrays, batch: tuple[Any, ...], opaque: bool
) -> Arrays:
    """Return what the reference makes of the parameters, in the same names."""
    found = reference(_shaped(form, before), *batch)
    if opaque or isinstance(form, dict):
        return {key: to_array(found[key]).astype(np.float64) for key in before}
    if "" in before:
        return {"": to_array(found).astype(np.float64)}
    return {key: to_array(item).astype(np.float64) for key, item in zip(before, found, strict=True)}


def _shaped(form: Any, values: Arrays) -> Any:
    """Return float64 copies in the form that the parameters were given in."""
    if isinstance(form, dict):
        return {key: values[str(key)].copy() for key in form}
    if "" in values:
        return values[""].copy()
    copies = [value.copy() for value in values.values()]
    return tuple(copies) if isinstance(form, tuple) else copies


def _given_again(form: Any, values: Arrays) -> Any:
    """Return new parameters in the form, the framework and the dtype that the old ones had."""
    if isinstance(form, dict):
        return {key: _like(old, values[str(key)]) for key, old in form.items()}
    if "" in values:
        return _like(form, values[""])
    found = [_like(old, new) for old, new in zip(form, values.values(), strict=True)]
    return tuple(found) if isinstance(form, tuple) else found


def _like(old: Any, new: np.ndarray) -> Any:
    """Return an array as what `old` is: a NumPy array, a tensor, a list or a number."""
    module = type(old).__module__.split(".")[0]
    if module == "torch":
        tensor = importlib.import_module("torch").tensor(new, dtype=old.dtype)
        return tensor.requires_grad_(old.requires_grad)
    if module in ("tensorflow", "keras"):
        return importlib.import_module("tensorflow").constant(new, dtype=old.dtype)
    if isinstance(old, np.ndarray | np.generic):
        return new.astype(old.dtype)
    return new.tolist()


def _judge(
    before: Arrays,
    after: Arrays,
    wanted: Arrays,
    batch: tuple[Any, ...],
    name: str,
    why: str,
    rtol: float,
    suspects: Mapping[str, Reference] | None,
    earlier: Arrays | None,
    form: Any,
    opaque: bool,
) -> None:
    largest = max((float(np.abs(wanted[k] - before[k]).max(initial=0)) for k in before), default=0)
    if largest == 0:
        raise ValueError("The reference step changes nothing: give other inputs.")
    wrong = ""
    agreed: dict[str, np.ndarray] = {}
    for key, old in before.items():
        label = name if not key else f"{name}, `{key}`"
        _check_shape(after[key], old.shape, label, why or "a step keeps the shape")
        _check_finite(after[key], label)
        scale = float(np.abs(old).max(initial=0))
        rounding = 5e-7 if "single" in (precision(after[key]), precision(old)) else 1e-13
        if 8 * rounding * scale > 0.1 * largest:
            raise ValueError(
                "The reference step is too small to be told from rounding: use a larger lr."
            )
        allowed = rtol * largest + 8 * rounding * max(scale, largest)
        agreed[key] = np.abs(after[key] - wanted[key]) <= allowed
        if not agreed[key].all() and not wrong:
            wrong = key or "the array"
    if not wrong:
        return
    key = next(k for k in before if not agreed[k].all())
    label = f"{name}: the change" if not key else f"{name}: the change of `{key}`"
    change, want = after[key] - before[key], wanted[key] - before[key]
    said = ""
    for words, other in (suspects or {}).items():
        try:
            with np.errstate(all="ignore"):
                guess = _stepped(other, form, before, batch, opaque)
        except Exception:  # a suspect that cannot be computed here is no suspect
            continue
        if all(_near(after[k] - before[k], guess[k] - before[k], largest) for k in before):
            said = words.strip().rstrip(".")
            break
    said = said or _suspicion(before, after, wanted, batch, earlier, agreed)
    if not said:
        said = suspicions.of_value(change, want, seeds.current().arguments, 1e-3)
    # shown to four digits of the largest change: beyond that there is only rounding
    digits = max(0, 5 - int(np.ceil(np.log10(largest))))
    fail(
        *apart(np.round(change, digits), np.round(want, digits), agreed[key], label, why),
        f"It looks as if {said}." if said else "",
    )


def _near(first: np.ndarray, second: np.ndarray, scale: float) -> bool:
    return first.shape == second.shape and bool(np.all(np.abs(first - second) <= 2e-3 * scale))


def _suspicion(
    before: Arrays,
    after: Arrays,
    wanted: Arrays,
    batch: tuple[Any, ...],
    earlier: Arrays | None,
    agreed: Arrays,
) -> str:
    """Say what a wrong step looks like, from the changes of all parameters together."""
    got = {k: after[k] - before[k] for k in before}
    want = {k: wanted[k] - before[k] for k in before}
    scale = max(float(np.abs(change).max(initial=0)) for change in want.values())
    still = [k for k in got if want[k].any() and not got[k].any()]
    if len(still) == len([k for k in want if want[k].any()]):
        return (
            "nothing was changed: the update (optimiser.step) is missing, the gradient is detached "
            "from the parameters, or the old ones were returned"
        )
    if all(_near(after[k], want[k], scale) for k in before) and any(
        v.any() for v in before.values()
    ):
        return "the change is returned, not the changed parameters: add the old ones"
    if still and all(agreed[k].all() for k in got if k not in still):
        return (
            f"`{still[0]}` was not changed: it is detached, or the update leaves it out"
            if still[0]
            else "nothing was changed"
        )
    if earlier is not None and all(_near(got[k], want[k] + earlier[k], scale) for k in got):
        return (
            "the gradient of the step before was added: set gradients to zero before each backward "
            "pass (zero_grad)"
        )
    mine = np.concatenate([got[k].ravel() for k in got])
    theirs = np.concatenate([want[k].ravel() for k in got])
    ratio = float(mine @ theirs / (theirs @ theirs))
    if abs(ratio) > 1e-9 and _near(mine / ratio, theirs, scale):
        return _of_ratio(ratio, batch)
    for k in got:
        for other in want:
            pair = k != other and not agreed[k].all() and got[k].shape == want[other].shape
            if pair and _near(got[k], want[other], scale):
                return f"`{k}` gets the step that belongs to `{other}`"
    fine = [k for k in got if agreed[k].all()]
    if fine and len(got) > 1:
        bad = [k for k in got if k not in fine]
        if len(bad) == 1 and (size := float(np.vdot(want[bad[0]], want[bad[0]]))) > 0:
            factor = float(np.vdot(got[bad[0]], want[bad[0]]) / size)
            if abs(factor) > 1e-9 and _near(got[bad[0]] / factor, want[bad[0]], scale):
                return f"for `{bad[0]}` alone, {_of_ratio(factor, batch)}"
    return ""


def _of_ratio(ratio: float, batch: tuple[Any, ...]) -> str:
    def is_(value: float) -> bool:
        return value != 0 and abs(abs(ratio) / abs(value) - 1) < 2e-3

    if ratio < 0 and is_(1):
        return "the step goes uphill: the gradient must be subtracted"
    uphill = "the step goes uphill, and " if ratio < 0 else ""
    counts, rates = [], []
    for value in batch:
        try:
            found = to_array(value)
        except NotDataError:
            continue
        if found.ndim and len(found) > 1:
            counts.append(len(found))
        elif not found.ndim and found.dtype.kind == "f" and 0 < float(found) != 1:
            rates.append(float(found))
    for count in counts:
        if is_(count):
            return (
                f"{uphill}the gradient is summed instead of averaged: the step is {count} times "
                f"too large, and there are {count} examples"
            )
        if is_(1 / count):
            return (
                f"{uphill}the gradient is averaged twice: the step is {count} times too small, and "
                f"there are {count} examples"
            )
    for rate in rates:
        if is_(1 / rate):
            return f"{uphill}a factor is missing: the step is not multiplied by {rate:g}"
        if is_(rate):
            return f"{uphill}the step is multiplied by {rate:g} twice"
    if is_(2):
        return f"{uphill}a factor 2 is too many, or two steps were made"
    if is_(0.5):
        return f"{uphill}a factor 2 is missing"
    return f"{uphill}a factor is wrong: the step is {abs(ratio):.4g} times the expected"


def overfits_batch(
    fit: Callable[..., Any],
    X: Any,
    y: Any,
    *args: Any,
    predict: Callable[..., Any] | None = None,
    low: float = 0.95,
    name: str | None = None,
    why: str = "",
) -> float:
    """Check that training can learn one small batch by heart; return how well it does.

    `fit(X, y, *args)` trains and returns its predictions for X or, with `predict`, whatever
    `predict(fitted, X)` takes (a list of arrays, a model). Draw the labels at random, so that
    nothing but training can know them. Whole-numbered y are classes: predictions are classes (N,)
    or scores (N, K), and their accuracy must be at least `low`. Other y are values: the share of
    their variance that is explained (R²) must be. Both are computed here, from the predictions.
    Raises CheckFailed.

    >>> X, y = np.eye(6), np.array([0, 1, 2, 0, 1, 2])
    >>> overfits_batch(lambda X, y: y.copy(), X, y)
    1.0
    >>> overfits_batch(lambda X, y: np.zeros(6, dtype=int), X, y, name="fit")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: the accuracy of `fit` on the 6 examples it was trained on is \
33.3%, expected at least 95.0%. It looks as if every example gets the same answer, class 0...
    """
    name = name or name_of(fit)
    targets = to_array(y)
    fitted = call(fit, X, y, *args)
    predictions = fitted if predict is None else call(predict, fitted, X)
    measure = "accuracy" if targets.dtype.kind in "ib" else "R²"
    return quality(
        predictions,
        y,
        low=low,
        measure=measure,
        name=f"the {measure} of {quoted(name)} on the {len(targets)} examples it was trained on",
        why=why,
        trained=True,
    )
