"""A check on how several results come back: so many in a row, or under these names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .data import kind_of
from .failures import fail, quoted, sentence


def items(
    got: Any, names: Sequence[str], name: str = "the result", why: str = "", keyed: bool = False
) -> list[Any]:
    """Check that several results came back, and return them as a list in the order of `names`.

    A tuple or a list must have one item for each name; with `keyed`, or where a dictionary came
    back, each name must be a key. The items themselves are not judged: give each to `array`,
    `number` or another check. Raises CheckFailed.

    >>> dW, db = items((np.ones((3, 2)), np.ones(2)), ["dW", "db"], name="backward(...)")
    >>> db.shape
    (2,)
    >>> items(np.ones((3, 2)), ["dW", "db"], name="backward(...)")
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `backward(...)` is a NumPy array, expected 2 results (dW, \
db): return them with commas between them.
    """
    listed = ", ".join(names)
    if isinstance(got, dict):
        for key in names:
            if key not in dict.keys(got):
                has = ", ".join(repr(k) for k in list(dict.keys(got))[:10]) or "nothing"
                fail(
                    sentence(
                        f"{quoted(name)} has no entry {key!r}; it has {has}",
                        why or f"it must be a dictionary with the keys {listed}",
                    )
                )
        return [dict.__getitem__(got, key) for key in names]
    if keyed:
        fail(
            sentence(
                f"{quoted(name)} is {kind_of(got)}, expected a dictionary with the keys {listed}",
                why,
            )
        )
    if got is None:
        fail(f"{quoted(name)} is None: is the `return` line missing?")
    many = f"{len(names)} results ({listed})"
    if not isinstance(got, tuple | list):
        fail(
            sentence(
                f"{quoted(name)} is {kind_of(got)}, expected {many}",
                why or "return them with commas between them",
            )
        )
    found = list(tuple.__iter__(got) if isinstance(got, tuple) else list.__iter__(got))
    if len(found) != len(names):
        suspicion = ""
        if len(found) == 1 and isinstance(found[0], tuple | list):
            suspicion = "It looks as if they stand in one more pair of brackets."
        fail(
            sentence(
                f"{quoted(name)} returned {len(found)} result{'' if len(found) == 1 else 's'}, "
                f"expected {many}",
                why,
            ),
            suspicion,
        )
    return found
