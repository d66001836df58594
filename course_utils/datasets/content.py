"""Named arrays: what a data set is made of, and the fingerprint that identifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ArraySpec:
    """Shape and dtype that an array of a data set must have."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def content_hash(arrays: Arrays, decimals: int | None = None) -> str:
    """Return the sha256 of the names, dtypes, shapes and values of `arrays`, as hex.

    It does not depend on the file format, the byte order of the machine or the order of the
    names, so any source of the same data gives the same hash. Data computed by floating-point
    functions differ between platforms in the last bit: `decimals` rounds them first.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if decimals is not None and array.dtype.kind == "f":
            array = np.round(array, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def mismatch(arrays: Arrays, expected: Mapping[str, ArraySpec]) -> str | None:
    """Return what is wrong with names, shapes or dtypes, or None if all is as expected."""
    if set(arrays) != set(expected):
        return f"it holds {sorted(arrays)}, not {sorted(expected)}"
    for name, spec in expected.items():
        found = ArraySpec(arrays[name].shape, arrays[name].dtype.name)
        if found != spec:
            return f"its {name} is {found}, not {spec}"
    return None
