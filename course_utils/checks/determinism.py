"""A check on randomness that is under control: the same seed, the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import seeds
from .calls import call, name_of
from .data import NotDataError, to_array
from .failures import fail, quoted, sentence
from .values import _agrees, _at, _shape


def deterministic(
    f: Callable[..., Any],
    *args: Any,
    seed: str | None = "seed",
    name: str | None = None,
    why: str = "",
) -> Any:
    """Check that a function gives the same numbers for the same seed, and others for another.

    It is called three times, as `f(*args, seed=a)`, with b, and with a again, where a and b are
    whole numbers drawn by `rng`. `seed` is the keyword; "last" hands the seed over as the last
    argument in place; None calls `f(*args)` twice, for a function that must not be random at all,
    such as a model in evaluation mode. What comes back may be numbers, arrays, or lists, tuples
    and dictionaries of them. Numbers agree within 1e-6, float32 ones within 1e-4, since the order
    of additions may differ between two runs on several threads. Returns the first result. Raises
    CheckFailed.

    >>> def start(n, seed):
    ...     return np.random.default_rng(seed).normal(size=n)
    >>> deterministic(start, 5).shape
    (5,)
    >>> deterministic(lambda n, seed: np.random.default_rng().normal(size=n), 5, name="start")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `start` gives other numbers when it is called again with the \
same seed (at index 0). It looks as if it draws from a generator that does not get the seed. ...
    """
    name = name or name_of(f)
    first_seed, second_seed = (int(n) for n in seeds.rng().choice(2**31, 2, replace=False))

    def run(value: int) -> Any:
        if seed is None:
            return call(f, *args)
        if seed == "last":
            return call(f, *args, value)
        keyword: dict[str, Any] = {seed: value}
        return call(f, *args, **keyword)

    first = run(first_seed)
    once = _flat(first, name)
    other = _flat(run(second_seed), name) if seed is not None else {}
    again = _flat(run(first_seed), name)
    if (place := _differs(once, again)) is not None:
        if seed is None:
            fail(
                sentence(
                    f"{quoted(name)} gives other numbers when it is called again with the same "
                    f"input{place}",
                    why,
                ),
                "It looks as if something random is still on, such as dropout in training mode, or "
                "as if it keeps something from one call to the next.",
            )
        suspicion = "it draws from a generator that does not get the seed"
        if _differs(other, again) is None:
            suspicion = "it keeps what it has drawn first, whatever the seed"
        fail(
            sentence(
                f"{quoted(name)} gives other numbers when it is called again with the same "
                f"seed{place}",
                why,
            ),
            f"It looks as if {suspicion}. Make a generator with that seed inside of the function.",
        )
    if seed is not None and _differs(once, other) is None:
        fail(
            sentence(f"{quoted(name)} gives the same numbers for two different seeds", why),
            "It looks as if the seed is not used: a fixed number stands in its place, or nothing "
            "is random.",
        )
    return first


Flat = dict[str, np.ndarray]


def _flat(value: Any, name: str) -> Flat:
    """Return the arrays in a result by their place, or fail with what is no data."""
    return dict(_walked(value, name, "", 0))


def _walked(value: Any, name: str, place: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
    if depth > 20:
        fail(f"{quoted(name)} returns something nested more than 20 levels deep.")
    if isinstance(value, dict):
        for key in dict.keys(value):
            yield from _walked(dict.__getitem__(value, key), name, f"{place}[{key!r}]", depth + 1)
        return
    try:
        yield place, to_array(value)
        return
    except NotDataError as reason:
        if not isinstance(value, list | tuple):
            whole = f"{name}(…){place}"
            fail(
                sentence(
                    f"{quoted(whole)} {reason}",
                    "this check compares numbers: have it return arrays",
                )
            )
    for number, item in enumerate(list(value)):
        yield from _walked(item, name, f"{place}[{number}]", depth + 1)


def _differs(first: Flat, second: Flat) -> str | None:
    """Say at which place two results differ; None where they agree."""
    if list(first) != list(second):
        return " (in how many they are)"
    for place, mine in first.items():
        theirs = second[place]
        if mine.shape != theirs.shape:
            return f" ({place or 'it'} has shape {_shape(theirs.shape)}, then {_shape(mine.shape)})"
        agrees = _agrees(mine, theirs, 1e-6, 1e-8)
        if not agrees.all():
            index = tuple(int(k) for k in np.argwhere(~agrees)[0])
            inside = " of " + place if place else ""
            where = f"{_at(index)}{inside}".strip()
            return f" ({where})" if where else ""
    return None
