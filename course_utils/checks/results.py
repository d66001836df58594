"""Checks on results: read what was saved, and measure how good predictions are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import beside, suspicions
from .data import NotDataError, kind_of, to_array, to_plain
from .failures import fail, quoted, sentence
from .values import _check_finite, _check_shape, _number, _shape, _taken

ENDINGS = (".npz", ".npy", ".csv", ".json")


def saved_result(
    path: str,
    entries: Mapping[str, Sequence[int | str | None] | None] | None = None,
    name: str | None = None,
    why: str = "",
) -> Any:
    """Check that a file of results is there and can be read; return what it holds.

    `path` is a relative path in the notebook's folder that ends with .npz (a dictionary of arrays
    comes back), .npy (an array), .csv of numbers (an array (rows, columns); a first line of names
    is left out) or .json (plain values). Nothing is unpickled. `entries` are the names that an .npz
    must have, with their shapes or None. In grading the file is read in the answer's process, from
    the folder that its cells have written to and its other files were put in; arrays come back.
    What they are worth is for `quality` or `close` to say. Raises CheckFailed.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.savez(os.path.join(folder, "result.npz"), predictions=np.array([1, 0, 1]))
    >>> found = saved_result(os.path.join(folder, "result.npz"), {"predictions": (3,)})
    >>> found["predictions"]
    array([1, 0, 1])
    >>> saved_result("another.npz")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `another.npz` is not there: run the cell that saves it, \
above, and mind the name and the folder.
    """
    name = name or path
    if not path.lower().endswith(ENDINGS):
        raise ValueError(f"{path!r} ends with none of {', '.join(ENDINGS)}.")
    answer = beside.ask("read", path)
    failed = answer.get("failed") if isinstance(answer, dict) else "unreadable"
    if failed is not None:
        fail(
            {
                "missing": f"{quoted(name)} is not there: run the cell that saves it, above, and "
                "mind the name and the folder.",
                "pickle": f"{quoted(name)} holds Python objects (a pickle): save plain arrays, as "
                "in np.savez(path, predictions=predictions).",
            }.get(
                failed if isinstance(failed, str) else "",
                f"{quoted(name)} cannot be read: it is cut short, or holds something else than its "
                "name says. Save it again.",
            )
        )
    data = answer.get("data")
    if path.lower().endswith(".json"):
        try:
            return to_plain(data)
        except NotDataError as reason:
            fail(sentence(f"{quoted(name)} {reason}"))
    if not path.lower().endswith(".npz"):
        return _taken(data, name)
    if not isinstance(data, dict):
        fail(f"{quoted(name)} is {kind_of(data)}, expected arrays by name: use np.savez.")
    found: dict[str, np.ndarray] = {}
    for key, value in dict.items(data):
        found[str(key)] = _taken(value, f"{name}[{str(key)!r}]")
    for key, shape in (entries or {}).items():
        if key not in found:
            suspicion = ""
            if any(other.startswith("arr_") for other in found):
                suspicion = (
                    "It looks as if the arrays were saved without names: np.savez(path, "
                    f"{key}={key})."
                )
            has = ", ".join(sorted(found)) or "nothing"
            fail(sentence(f"{quoted(name)} has no array {key!r}; it has {has}", why), suspicion)
        if shape is not None:
            _check_shape(found[key], shape, f"{name}[{key!r}]", why)
    return found


MEASURES = ("accuracy", "R²", "mean squared error", "mean absolute error")


def quality(
    predictions: Any,
    targets: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    measure: str = "accuracy",
    name: str | None = None,
    why: str = "",
    trained: bool = False,
) -> float:
    """Check that predictions are good enough, measured here; return the measure.

    `measure` is "accuracy" (predictions are classes (N,) or scores (N, K), targets classes (N,)),
    "R²", "mean squared error" or "mean absolute error" (both of one shape). It must be `low` or
    more, or `high` or less. Set a margin that holds for other random draws, and keep the targets in
    the test. `trained` says that these are the examples that were trained on. Raises CheckFailed,
    which says if it looks like guessing, one answer for all, exchanged or shifted classes, or
    predictions in another order.

    >>> quality([1, 0, 1, 1], [1, 0, 1, 0], low=0.7)
    0.75
    >>> quality([2, 1, 3, 2, 3, 1], [1, 0, 2, 1, 2, 0], low=0.7, name="the accuracy")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: the accuracy is 0.0%, expected at least 70.0%. It looks as if \
the classes are off by one: each prediction is 1 too large.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; choose one of {', '.join(MEASURES)}.")
    if (low is None) == (high is None):
        raise ValueError("Give either low or high.")
    name = name or f"the {measure}"
    wanted = to_array(targets)
    found = _taken(predictions, "what came back as predictions")
    if found.dtype.kind not in "fib":
        fail("The predictions are not real numbers.")
    if measure == "accuracy":
        found = _classes(found, wanted, why)
        value = float(np.mean(found == wanted))
    else:
        _check_shape(found, wanted.shape, "the predictions", why)
        found, wanted = found.astype(np.float64), wanted.astype(np.float64)
        _check_finite(found, "the predictions")
        with np.errstate(over="ignore"):
            if measure == "mean absolute error":
                value = float(np.mean(np.abs(found - wanted)))
            else:
                value = float(np.mean((found - wanted) ** 2))
                if measure == "R²":
                    value = 1 - value / float(np.var(wanted))
    if (low is None or value >= low) and (high is None or value <= high):
        return value
    if measure == "accuracy":
        said = _of_classes(found, wanted, value, trained)
    else:
        said = _of_values(found, wanted, trained)
    bound = f"at least {_as(measure, low)}" if low is not None else f"at most {_as(measure, high)}"
    fail(
        sentence(f"{quoted(name)} is {_as(measure, value)}, expected {bound}", why),
        f"It looks as if {said}." if said else "",
    )


def _as(measure: str, value: float | None) -> str:
    number = float(value or 0)
    return f"{number:.1%}" if measure == "accuracy" else _number(float(f"{number:.4g}"))


def _classes(found: np.ndarray, wanted: np.ndarray, why: str) -> np.ndarray:
    """Return predicted classes, the largest score of each row where scores are given."""
    count = len(wanted)
    if found.ndim == 2 and found.shape[0] == count and found.shape[1] > 1:
        _check_finite(found.astype(np.float64), "the predictions")
        return np.asarray(found.argmax(axis=1))
    if found.shape != (count,):
        said = suspicions.of_shape(found.shape, (count,))
        if found.ndim == 2 and found.shape[1] == count:
            said = "the scores are transposed: examples stand along axis 0"
        elif found.ndim == 1 and len(found) == int(wanted.max(initial=0)) + 1:
            said = "argmax went over the wrong axis: there is one entry for each class"
        fail(
            sentence(
                f"The predictions have shape {_shape(found.shape)}, expected ({count},) classes or "
                f"({count}, K) scores",
                why,
            ),
            f"It looks as if {said}." if said else "",
        )
    found = found.astype(np.float64)
    _check_finite(found, "the predictions")
    if (found != np.round(found)).any():
        place = int(np.argmax(found != np.round(found)))
        fail(
            sentence(
                f"The predictions hold {_number(float(found[place]))} at index {place}, expected "
                "classes, which are whole numbers",
                why,
            ),
            "It looks as if these are probabilities: compare them with 0.5, or take the largest.",
        )
    return found.astype(np.int64)


def _of_classes(found: np.ndarray, wanted: np.ndarray, value: float, trained: bool) -> str:
    """Say what wrong classes look like."""
    classes, counts = np.unique(wanted, return_counts=True)
    if np.ptp(found) == 0 and len(classes) > 1:
        return (
            f"every example gets the same answer, class {found[0]}: the inputs do not reach the "
            "result, or the step is much too large"
        )
    good = max(0.8, value + 0.3)
    for off in (1, -1):
        if np.mean(found - off == wanted) >= good:
            more = "large" if off > 0 else "small"
            return f"the classes are off by one: each prediction is 1 too {more}"
    for off in (1, -1):
        if np.mean(np.roll(found, -off) == wanted) >= good:
            return "the predictions stand one row too " + ("late" if off > 0 else "early")
    if np.mean(found[::-1] == wanted) >= good:
        return "the predictions stand in the reverse order"
    best = _exchanged(found, wanted, classes) if len(classes) > 1 else 0.0
    if best >= (good if len(wanted) >= 10 * len(classes) else 1.0):
        if len(classes) == 2:
            return "the two classes are exchanged"
        return f"the classes have other names: with the names exchanged {best:.0%} are right"
    guess = float(counts.max() / counts.sum())
    if value <= max(guess, 1 / len(classes)) + 3 * np.sqrt(guess * (1 - guess) / len(wanted)):
        exact = np.array_equal(np.sort(found), np.sort(wanted))
        if exact and len(wanted) > 10:
            return "the right answers stand in another order: rows of X and y are torn apart"
        return (
            f"it guesses (always the most frequent class gives {guess:.1%}): does the loss fall, "
            "and do rows of X and y belong together"
        )
    if trained:
        return "it is on its way: train longer, or with another step size"
    return ""


def _exchanged(found: np.ndarray, wanted: np.ndarray, classes: np.ndarray) -> float:
    """Return the accuracy if each predicted class had its best name, a different one for each."""
    taken: set[int] = set()
    right = 0
    for name in np.unique(found):
        votes = [(int(np.sum(wanted[found == name] == k)), int(k)) for k in classes]
        count, best = max((vote for vote in votes if vote[1] not in taken), default=(0, -1))
        taken.add(best)
        right += count
    return right / len(wanted)


def _of_values(found: np.ndarray, wanted: np.ndarray, trained: bool) -> str:
    """Say what wrong values look like."""
    if wanted.size > 1 and np.ptp(found) <= 1e-9 * max(1.0, float(np.abs(found).max())):
        return "every example gets the same answer: the inputs do not reach the result"
    spread = float(np.std(wanted))
    if wanted.size > 2 and spread > 0 and float(np.std(found)) > 0:
        both = float(np.corrcoef(found.ravel(), wanted.ravel())[0, 1])
        if both > 0.99:
            slope = float(np.std(found)) / spread
            if abs(slope - 1) < 0.05:
                return "a constant is added to every prediction"
            return (
                f"the predictions are on another scale, {slope:.3g} times the expected spread: "
                "were they standardised, and not scaled back"
            )
        if both < -0.99:
            return "the sign is flipped"
        if np.allclose(np.sort(found.ravel()), np.sort(wanted.ravel()), atol=0.05 * spread):
            return "the right answers stand in another order: rows of X and y are torn apart"
    return "it is on its way: train longer, or with another step size" if trained else ""
