"""Read a table out of a pickle of pandas without pandas, and without running the pickle.

A pickle is a program: whoever loads it runs it. This reader knows the names that a pickled
DataFrame of numbers and strings refers to, replaces those of pandas by records that do nothing,
and refuses every other name. So a pickle yields arrays or an error, and nothing else happens.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np


class PickleRefused(ValueError):
    """The bytes are not a pickled table of numbers and strings."""


class _Record:
    """Stands in for a class of pandas: keeps what the pickle gives it, and does nothing."""

    def __new__(cls, *args: Any) -> _Record:
        record = super().__new__(cls)
        record.args, record.state = args, {}
        return record

    def __init__(self, *args: Any) -> None:
        self.args: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _from_buffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    """What numpy's function of this name does, for buffers without objects."""
    return np.frombuffer(buffer, dtype).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(kind: type, shape: tuple[int, ...], code: bytes) -> np.ndarray:
    """Make the empty array that the pickle then fills."""
    if kind is not np.ndarray:
        raise PickleRefused("it makes an array that is not a plain one")
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def _new_index(kind: type, content: dict[str, Any]) -> dict[str, Any]:
    return content


ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("pandas.core.frame", "DataFrame"): _Record,
    ("pandas.core.internals.managers", "BlockManager"): _Record,
    ("pandas._libs.internals", "_unpickle_block"): _Record,
    ("pandas.core.indexes.base", "Index"): _Record,
    ("pandas.core.indexes.base", "_new_Index"): _new_index,
    ("pandas.core.indexes.range", "RangeIndex"): _Record,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("builtins", "slice"): slice,
}


class _TableReader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise PickleRefused(f"it refers to {module}.{name}, which no table needs") from None


def read_table(data: bytes) -> dict[str, np.ndarray]:
    """Return the columns of a pickled DataFrame (pandas 1.3 to 2.2), by name, in order.

    Numbers come as float64 or int64, strings and missing values as an array of objects.
    Raises PickleRefused for anything else.
    """
    try:
        manager = _TableReader(BytesIO(data)).load().state["_mgr"]
        blocks, axes = manager.args
        everything = np.arange(len(axes[0]["data"]))
        columns: dict[int, np.ndarray] = {}
        for block in blocks:
            values, placement, _ = block.args
            columns.update(zip(everything[placement], values, strict=True))
        return {str(name): columns[number] for number, name in enumerate(axes[0]["data"])}
    except PickleRefused:
        raise
    except Exception as error:  # a malformed pickle can fail in any way at all
        raise PickleRefused(f"it is not a pickled table ({type(error).__name__})") from error
