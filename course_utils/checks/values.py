"""Checks on values: type, shape, kind, finiteness and the numbers themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import seeds, suspicions
from .data import NotDataError, precision, to_array, to_plain
from .failures import fail, quoted, sentence

Shape = Sequence[int | str | None]
Suspects = Mapping[str, Callable[[], Any] | Any]

_KINDS = {
    "float": ("f", "floating-point numbers"),
    "int": ("i", "whole numbers (an integer dtype)"),
    "bool": ("b", "truth values (dtype bool)"),
    "complex": ("c", "complex numbers"),
    "number": ("fi", "real numbers"),
}
_KIND_NAMES = {"f": "floats", "i": "whole numbers", "b": "truth values", "c": "complex numbers"}


def _taken(value: Any, name: str) -> np.ndarray:
    """Return the value as an array of its own, or fail with the reason."""
    try:
        return to_array(value)
    except NotDataError as reason:
        return fail(sentence(f"{quoted(name)} {reason}"))


def _number(value: float) -> str:
    """Write a number as short as tells it.

    >>> _number(0.5), _number(1 / 3), _number(3.0), _number(True)
    ('0.5', '0.333333', '3', 'True')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, complex):
        return f"{value:.6g}"
    return str(int(value)) if value == int_or_none(value) else f"{value:.6g}"


def int_or_none(value: float) -> int | None:
    """Return the value as an int if it is a whole number of moderate size."""
    return int(value) if np.isfinite(value) and abs(value) < 1e15 and value == int(value) else None


def _both(expected: Any, received: Any) -> tuple[str, str]:
    """Write two different numbers so that the difference shows."""
    first, second = _number(expected), _number(received)
    if first == second:
        first, second = repr(expected.item()), repr(received.item())
    return first, second


def _at(index: tuple[int, ...]) -> str:
    """Name a place in an array.

    >>> _at((3,)), _at((0, 2)), _at(())
    (' at index 3', ' at index (0, 2)', '')
    """
    if not index:
        return ""
    return f" at index {index[0]}" if len(index) == 1 else f" at index {index}"


def _shape(shape: Sequence[Any]) -> str:
    """Write a shape; an unnamed length is “any”."""
    if not len(shape):
        return "() (a single number)"
    parts = ["any" if n is None else str(n) for n in shape]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _fits(found: tuple[int, ...], wanted: Sequence[Any]) -> bool:
    if len(found) != len(wanted):
        return False
    named: dict[str, int] = {}
    for length, want in zip(found, wanted, strict=True):
        if want is None:
            continue
        if isinstance(want, str):
            if named.setdefault(want, length) != length:
                return False
        elif length != int(want):
            return False
    return True


def _check_shape(
    found: np.ndarray,
    wanted: Sequence[Any],
    name: str,
    why: str,
    axes: Sequence[str] | None = None,
) -> None:
    if _fits(found.shape, wanted):
        return
    suspicion = ""
    if all(isinstance(n, int | np.integer) for n in wanted):
        lengths = tuple(int(n) for n in wanted)
        if axes is not None:
            suspicion = suspicions.of_named_shape(found.shape, lengths, axes)
        suspicion = suspicion or suspicions.of_shape(found.shape, lengths)
    named = f", the axes {_shape(axes)}" if axes is not None else ""
    fail(
        sentence(
            f"{quoted(name)} has shape {_shape(found.shape)}, expected {_shape(wanted)}{named}", why
        ),
        f"It looks as if {suspicion}." if suspicion else "",
    )


def _check_finite(found: np.ndarray, name: str) -> None:
    bad = ~np.isfinite(found)
    if not bad.any():
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    value = found[index]
    if np.isnan(value):
        what, cause = "nan", "0/0, inf − inf, or the logarithm or root of a negative number"
    else:
        what = "inf" if value > 0 else "-inf"
        cause = (
            "a division by 0, or exp or a product that grew too large"
            if value > 0
            else "log(0), or a division by 0"
        )
    count = int(bad.sum())
    many = f" ({count} of {found.size} entries are not finite)" if found.size > 1 else ""
    fail(f"{quoted(name)} is {what}{_at(index)}{many}: look for {cause}.")


def array(
    got: Any,
    shape: Shape | None = None,
    dtype: str | None = None,
    name: str = "the value",
    why: str = "",
    finite: bool = True,
    axes: Sequence[str] | None = None,
) -> np.ndarray:
    """Check type, then shape, then kind of number, then finiteness; return a plain copy.

    Takes lists, NumPy, PyTorch and TensorFlow values of any precision, views and read-only ones.
    `shape` may hold None, or a name such as "N", for a length that is free. `axes` names the axes
    of a fixed shape, as in ("N", "C", "H", "W"), for the message. `dtype` is "float", "int",
    "bool", "complex", "number" (real) or None (any); Python's own ints count as floats. The copy is
    float64, int64, bool or complex128. `why` is the reason for shape and kind. Raises CheckFailed.

    >>> array([[0.5, 0.5]], shape=(1, 2), dtype="float", name="softmax(z)").dtype
    dtype('float64')
    >>> array(np.zeros((26, 28)), shape=(28, 26), name="conv2d(x)", why="height comes first")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `conv2d(x)` has shape (26, 28), expected (28, 26): \
height comes first. It looks as if the axes are transposed.
    >>> array(np.zeros((2, 8, 8, 3)), shape=(2, 3, 8, 8), name="conv(X)", axes=("N", "C", "H", "W"))
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `conv(X)` has shape (2, 8, 8, 3), expected (2, 3, 8, 8), \
the axes (N, C, H, W). It looks as if the axes stand in the order (N, H, W, C).
    """
    found = _taken(got, name)
    if shape is not None:
        if axes is not None and len(axes) != len(shape):
            raise ValueError(f"axes names {len(axes)} axes and shape has {len(shape)}.")
        _check_shape(found, shape, name, why, axes)
    if dtype is not None:
        if dtype not in _KINDS:
            raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(_KINDS)}.")
        kinds, meaning = _KINDS[dtype]
        kind = found.dtype.kind
        untyped = isinstance(got, int | float | list | tuple | range) and not isinstance(got, bool)
        if kind not in kinds and found.size:
            if dtype == "float" and kind == "i" and untyped:
                found = found.astype(np.float64)
            else:
                cure = {
                    ("float", "i"): "An integer array cuts off every fraction that is written "
                    "into it; make it with dtype=float.",
                    ("int", "f"): "Convert with .astype(int), or use //.",
                    ("int", "b"): "Convert with .astype(int).",
                    ("bool", "i"): "A comparison such as z > 0 gives truth values.",
                    ("bool", "f"): "A comparison such as z > 0 gives truth values.",
                }.get((dtype, kind), "")
                fail(
                    sentence(f"{quoted(name)} holds {_KIND_NAMES[kind]}, expected {meaning}", why),
                    cure,
                )
        elif not found.size and dtype == "float":
            found = found.astype(np.float64)
    if finite and found.dtype.kind in "fc":
        _check_finite(found, name)
    return found


def _suspected(
    suspects: Suspects | None,
    matches: Callable[[Any], bool],
) -> str:
    """Return the sentence of the first suspect whose value matches."""
    for said, suspect in (suspects or {}).items():
        try:
            with np.errstate(all="ignore"):
                value = suspect() if callable(suspect) else suspect
                if matches(value):
                    return f"It looks as if {said.strip().rstrip('.')}."
        except Exception:  # a suspect that cannot be computed here is no suspect
            continue
    return ""


def close(
    got: Any,
    want: Any,
    name: str = "the value",
    rtol: float = 1e-6,
    atol: float = 1e-8,
    why: str = "",
    suspects: Suspects | None = None,
) -> None:
    """Check that numbers agree: |got − want| ≤ atol + rtol·|want|, entry by entry.

    Numbers that were computed in float32 are allowed float32's error. On a difference the message
    gives the first place, expected and received, how many differ, the largest error, and what it
    looks like: one of `suspects` (words → a value, or a function that computes it), or one of the
    misconceptions that show in the numbers (transposed, summed instead of averaged, …).

    >>> close(np.float32([0.1, 0.2]), [0.1, 0.2])
    >>> close([2.0, 4.0], [1.0, 2.0], name="grad")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `grad` is 2 at index 0, expected 1. 2 of 2 entries \
differ; the largest error is 2 at index 1. It looks as if there is a factor 2 too many: every \
entry is twice the expected.
    """
    expected = to_array(want)
    found = _taken(got, name)

    def matches(value: Any) -> bool:
        other = to_array(value)
        return bool(
            other.shape == found.shape
            and _agrees(found, other, max(rtol, 1e-6), atol).all()
            and not (other.shape == expected.shape and _agrees(other, expected, rtol, atol).all())
        )

    if found.shape != expected.shape:
        suspicion = _suspected(suspects, matches)
        if not suspicion and (said := suspicions.of_shape(found.shape, expected.shape)):
            suspicion = f"It looks as if {said}."
        fail(
            sentence(
                f"{quoted(name)} has shape {_shape(found.shape)}, expected "
                f"{_shape(expected.shape)}",
                why,
            ),
            suspicion,
        )
    if np.isfinite(expected).all():
        suspicion = ""
        if found.dtype.kind in "fc" and not np.isfinite(found).all():
            suspicion = _suspected(suspects, matches)
            if not suspicion:
                _check_finite(found, name)
    agrees = _agrees(found, expected, rtol, atol)
    if agrees.all():
        return
    parts = apart(found, expected, agrees, name, why)
    suspicion = _suspected(suspects, matches)
    if not suspicion:
        said = suspicions.of_value(found, expected, seeds.current().arguments)
        suspicion = f"It looks as if {said}." if said else ""
    fail(*parts, suspicion)


def apart(
    found: np.ndarray,
    expected: np.ndarray,
    agrees: np.ndarray,
    name: str,
    why: str = "",
    against: str = "expected",
) -> list[str]:
    """Say where two arrays of one shape first differ, how many entries do, and by how much."""
    index = tuple(int(i) for i in np.argwhere(~agrees)[0])
    first, second = _both(expected[index], found[index])
    parts = [sentence(f"{quoted(name)} is {second}{_at(index)}, {against} {first}", why)]
    if found.size > 1:
        with np.errstate(invalid="ignore"):
            error = np.abs(
                found - expected.astype(found.dtype if found.dtype.kind == "c" else float)
            )
        error = np.where(agrees, 0, np.nan_to_num(error, nan=0.0, posinf=np.inf))
        worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(error)), error.shape))
        parts.append(
            f"{int((~agrees).sum())} of {found.size} entries differ; the largest error is "
            f"{_number(float(error[worst]))}{_at(worst)}."
        )
    return parts


def _agrees(found: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Return, entry by entry, whether the numbers agree; nan agrees with nan."""
    if found.dtype.kind == "b":
        found = found.astype(np.int64)
    if expected.dtype.kind == "b":
        expected = expected.astype(np.int64)
    if "single" in (precision(found), precision(expected)):
        finite = expected[np.isfinite(expected)]
        scale = float(np.abs(finite).max(initial=0.0))
        rtol, atol = max(rtol, 1e-4), max(atol, 1e-5 * scale)
    return np.asarray(np.isclose(found, expected, rtol=rtol, atol=atol, equal_nan=True))


def equal(
    got: Any,
    want: Any,
    name: str = "the value",
    why: str = "",
    suspects: Suspects | None = None,
) -> None:
    """Check that whole numbers, text, truth values, or lists, sets and dicts of them are the same.

    A list, a tuple and an array with the same items are the same, and so are 1, 1.0 and True.

    >>> equal(np.array([1, 0]), [1, 0])
    >>> equal({"a": [1, 2]}, {"a": [1, 3]}, name="vocabulary")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `vocabulary['a'][1]` is 2, expected 3.
    """
    expected = to_plain(want)
    try:
        found = to_plain(got)
    except NotDataError as reason:
        fail(sentence(f"{quoted(name)} {reason}"))
    difference = _difference(found, expected, name)
    if difference is None:
        return

    def matches(value: Any) -> bool:
        other = to_plain(value)
        return (
            _difference(found, other, "") is None and _difference(other, expected, "") is not None
        )

    suspicion = _suspected(suspects, matches)
    parts = [sentence(difference, why)]
    try:
        numbers, wanted = to_array(got), to_array(want)
    except NotDataError:
        numbers = wanted = np.zeros(0)
    if wanted.size > 1 and wanted.shape == numbers.shape:
        parts.append(f"{int((numbers != wanted).sum())} of {wanted.size} entries differ.")
        if not suspicion:
            said = suspicions.of_value(numbers, wanted, seeds.current().arguments)
            suspicion = f"It looks as if {said}." if said else ""
    elif wanted.size and not suspicion and wanted.shape != numbers.shape:
        said = suspicions.of_shape(numbers.shape, wanted.shape)
        suspicion = f"It looks as if {said}." if said else ""
    fail(*parts, suspicion)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _difference(found: Any, expected: Any, path: str) -> str | None:
    """Return the first difference of two plain values as words, None when they are equal."""
    numbers = (bool, int, float, complex)
    if isinstance(expected, numbers) and isinstance(found, numbers):
        if found == expected or (found != found and expected != expected):
            return None
        return f"{quoted(path)} is {found!r}, expected {expected!r}"
    if type(found) is not type(expected):
        kinds: dict[type, str] = {
            list: "a list",
            dict: "a dictionary",
            set: "a set",
            str: "a string",
        }
        kind = kinds.get(type(found), "")
        shown = _short(found)
        return f"{quoted(path)} is {kind + ' ' if kind else ''}{shown}, expected {_short(expected)}"
    if isinstance(expected, list):
        for number, (mine, theirs) in enumerate(zip(found, expected, strict=False)):
            if difference := _difference(mine, theirs, f"{path}[{number}]"):
                return difference
        if len(found) != len(expected):
            return (
                f"{quoted(path)} has {len(found)} item{'' if len(found) == 1 else 's'}, expected "
                f"{len(expected)}"
            )
        return None
    if isinstance(expected, dict):
        for key in expected:
            if key not in found:
                return f"{quoted(path)} has no entry for {key!r}"
            if difference := _difference(found[key], expected[key], f"{path}[{key!r}]"):
                return difference
        for key in found:
            if key not in expected:
                return f"{quoted(path)} has an entry for {key!r}, which should not be there"
        return None
    if isinstance(expected, set):
        if missing := sorted(map(repr, expected - found)):
            return f"{quoted(path)} lacks {missing[0]}"
        if extra := sorted(map(repr, found - expected)):
            return f"{quoted(path)} holds {extra[0]}, which should not be there"
        return None
    if found == expected:
        return None
    return f"{quoted(path)} is {_short(found)}, expected {_short(expected)}"


def number(
    got: Any,
    name: str = "the value",
    low: float | None = None,
    high: float | None = None,
    integer: bool = False,
    why: str = "",
) -> float:
    """Check that a value is one finite real number, `low` ≤ value ≤ `high`; return it as float.

    Takes Python's numbers and NumPy, PyTorch and TensorFlow values of shape (). With `integer` it
    must be whole (3.0 is).

    >>> number(np.float32(0.25), low=0, high=1)
    0.25
    >>> number([0.25], name="loss")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `loss` is a list of shape (1,), expected a single \
number: take it out with [0] or .item().
    """
    found = _taken(got, name)
    if found.shape != ():
        kind = "a list" if isinstance(got, list) else "an array"
        fail(
            sentence(
                f"{quoted(name)} is {kind} of shape {_shape(found.shape)}, expected a single "
                "number",
                "take it out with [0] or .item()" if found.size == 1 else why,
            )
        )
    if found.dtype.kind not in "fi":
        fail(sentence(f"{quoted(name)} is {_short(found.item())}, expected a real number", why))
    _check_finite(found.astype(float), name)
    value = float(found)
    if integer and value != int(value):
        fail(sentence(f"{quoted(name)} is {_number(value)}, expected a whole number", why))
    if low is not None and value < low:
        fail(sentence(f"{quoted(name)} is {_number(value)}, expected at least {low:g}", why))
    if high is not None and value > high:
        fail(sentence(f"{quoted(name)} is {_number(value)}, expected at most {high:g}", why))
    return value


def at_least(value: Any, low: float, name: str = "the value", why: str = "") -> float:
    """Check that a number is `low` or more, for instance a measured accuracy; return it.

    >>> at_least(0.97, 0.95, name="accuracy")
    0.97
    >>> at_least(0.91, 0.95, name="accuracy", why="a linear model reaches 0.95")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `accuracy` is 0.91, expected at least 0.95: a \
linear model reaches 0.95.
    """
    return number(value, name=name, low=low, why=why)


def at_most(value: Any, high: float, name: str = "the value", why: str = "") -> float:
    """Check that a number is `high` or less, for instance a loss; return it.

    >>> at_most(np.float64(0.1), 0.2, name="loss")
    0.1
    >>> at_most(0.9, 0.2, name="loss", why="100 steps bring it below 0.2")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `loss` is 0.9, expected at most 0.2: 100 steps bring it \
below 0.2.
    """
    return number(value, name=name, high=high, why=why)


def that(condition: Any, otherwise: str) -> None:
    """Fail with the sentence `otherwise` unless the condition holds.

    For what the other checks do not say. Compute the condition from data that `array` or `number`
    returned, and write a sentence with the cause and the way out.

    >>> that(2 + 2 == 4, "Addition is broken: count again.")
    >>> that(np.array([1, 2]).sum() == 4, "The sum is not 4: an entry is missing.")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: The sum is not 4: an entry is missing.
    """
    try:
        holds = to_array(condition)
    except NotDataError as reason:
        raise TypeError(f"The condition given to checks.that {reason}; give it one bool.") from None
    if holds.size != 1:
        raise TypeError(
            f"The condition given to checks.that has shape {holds.shape}; use .all() or .any()."
        )
    if not holds.item():
        fail(otherwise)
