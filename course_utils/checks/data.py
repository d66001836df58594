"""Turn what a learner's code returned into plain data, once, before anything is judged.

Nothing here asks the value to compare itself: a number, a list, an array or a tensor becomes a
plain `numpy.ndarray` (or plain Python objects) of its own, and only that copy is looked at.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator, KeysView, Mapping, Set, ValuesView
from typing import Any, TypeGuard

import numpy as np

SEQUENCES = (list, tuple, range)
# in grading an iterator stays with the answer: of what stands for it, the name is known
_ITERATORS = {"generator", "map", "zip", "filter", "enumerate", "reversed", "list_iterator"}


class NotDataError(Exception):
    """A value is not the data asked for; the message completes the words “it …”."""


def article(noun: str) -> str:
    """Return the noun with “a” or “an”.

    >>> article("int"), article("list")
    ('an int', 'a list')
    """
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def kind_of(value: Any) -> str:
    """Name the type of a value as a learner knows it."""
    if value is None:
        return "None"
    kind = type(value)
    module = str(kind.__dict__.get("__module__", ""))
    if module == "torch" or module.startswith("torch."):
        return "a PyTorch tensor"
    if module.startswith("tensorflow"):
        return "a TensorFlow tensor"
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    if isinstance(value, str):
        return "a string"
    if kind is dict:
        return "a dictionary"
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return "a function"
    if isinstance(value, type):
        return "a class"
    return article(kind.__name__)


def _is_tensor(value: Any) -> TypeGuard[Any]:
    """Tell whether a value is a PyTorch tensor, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def _framework_array(value: Any) -> Any:
    """Return a PyTorch or TensorFlow value as something NumPy understands, others unchanged."""
    if _is_tensor(value):
        torch = sys.modules["torch"]
        value = value.detach()
        if value.layout is not torch.strided:
            value = value.to_dense()
        if value.is_quantized:
            value = value.dequantize()
        if value.dtype is torch.bfloat16:
            value = value.float()
        return value.resolve_conj().resolve_neg().cpu().numpy()
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and type(value).__module__.startswith("tensorflow"):
        if isinstance(value, getattr(tensorflow, "SparseTensor", ())):
            value = tensorflow.sparse.to_dense(value)
        if isinstance(value, getattr(tensorflow, "RaggedTensor", ())):
            raise NotDataError("is a ragged TensorFlow tensor, with rows of different sizes")
        if not hasattr(value, "numpy"):
            raise NotDataError("is a symbolic TensorFlow tensor, which has no value yet")
        return value.numpy()
    return value


def is_data(value: Any) -> bool:
    """Tell whether `to_array` takes a value: numbers or an array, of any shape and library."""
    try:
        to_array(value)
    except NotDataError:
        return False
    return True


def to_array(value: Any) -> np.ndarray:
    """Return a value as a plain array of its own: bool, int64, float64 or complex128.

    Takes numbers, (nested) lists and tuples of them, NumPy, PyTorch and TensorFlow arrays, pandas
    columns, and whatever else offers itself to NumPy. Raises NotDataError with the reason.

    >>> to_array([[1, 2], (3, 4)]).shape
    (2, 2)
    """
    return _widened(_raw(value, depth=0))


def _widened(found: np.ndarray) -> np.ndarray:
    kind = found.dtype.kind
    if kind == "b":
        return np.array(found, dtype=np.bool_)
    if kind in "iu":
        if kind == "u" and found.size and found.max() > np.iinfo(np.int64).max:
            return np.array(found, dtype=np.float64)
        return np.array(found, dtype=np.int64)
    if kind == "f":
        with np.errstate(over="ignore"):
            return np.array(found, dtype=np.float64)
    if kind == "c":
        return np.array(found, dtype=np.complex128)
    if kind == "V" and found.dtype.names is None:  # bfloat16 and its like, from ml_dtypes
        try:
            return np.array(found.astype(np.float64))
        except (TypeError, ValueError):
            pass
    if kind in "US":
        raise NotDataError("holds text, not numbers")
    if kind in "mM":
        raise NotDataError("holds dates or times, not numbers")
    raise NotDataError(f"has dtype {found.dtype}, which is not numbers")


def _raw(value: Any, depth: int) -> np.ndarray:
    """Return the value as a plain numeric array in its own precision."""
    if value is None:
        raise NotDataError("is None: is the `return` line missing?" if depth == 0 else "holds None")
    if isinstance(value, str | bytes):
        raise NotDataError(f"is {kind_of(value)}" if depth == 0 else "holds text, not numbers")
    if isinstance(value, Mapping):
        raise NotDataError("is a dictionary" if depth == 0 else "holds a dictionary")
    if isinstance(value, Set):
        raise NotDataError("is a set, which has no order")
    if isinstance(value, Iterator) or type(value).__name__ in _ITERATORS:
        raise NotDataError(
            "is an iterator, which is used up when it is read: make a list of it with list(…)"
        )
    if isinstance(value, type) or (callable(value) and not _offers(value)):
        raise NotDataError(f"is {kind_of(value)}: were the parentheses of a call forgotten?")
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise NotDataError("has masked entries, which have no value")
    if depth > 32:
        raise NotDataError("is nested more than 32 levels deep")

    sequence = isinstance(value, SEQUENCES)
    if sequence and not _plain(value, 0):
        return _from_items(list(value), depth)
    if not sequence and not _offers(value):  # NumPy would walk through whatever has a length
        raise NotDataError(f"is {kind_of(value)}, not numbers")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            taken = np.array(_framework_array(value), subok=False, copy=True)
    except NotDataError:
        raise
    except Exception as error:
        if sequence:
            return _from_items(list(value), depth)
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NotDataError(f"is {kind_of(value)} that cannot be read as numbers ({said})") from None
    if type(taken) is not np.ndarray:
        taken = np.ndarray.copy(taken.view(np.ndarray))
    if taken.dtype.kind != "O":
        if taken.dtype.kind in "US" and sequence:
            raise NotDataError("holds text, not numbers")
        return taken
    if sequence:
        return _from_items(list(value), depth)
    if taken.ndim == 0:
        inner = taken.item()
        if isinstance(value, int):
            raise NotDataError("is a whole number too large for 64 bits")
        if inner is value or not isinstance(inner, bool | int | float | complex | np.generic):
            raise NotDataError(f"is {kind_of(value)}, not numbers")
        return _raw(inner, depth + 1)
    return _from_items(list(taken.ravel()), depth).reshape(taken.shape)


_NUMBERS = (bool, int, float, complex, np.generic)


def _offers(value: Any) -> bool:
    """Tell whether a value is a number, or offers its content to NumPy as an array."""
    if isinstance(value, _NUMBERS):
        return True
    names = ("__array__", "__array_interface__", "__array_struct__", "__buffer__")
    if any(hasattr(type(value), name) for name in names):
        return True
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


def _plain(items: Any, depth: int) -> bool:
    """Tell whether a list holds nothing but numbers, text, arrays and lists of them."""
    return depth <= 32 and all(
        isinstance(item, (*_NUMBERS, str, bytes))
        or (type(item) is np.ndarray and item.dtype.kind != "O")
        or (type(item) in (list, tuple) and _plain(item, depth + 1))
        for item in items
    )


def _from_items(items: list[Any], depth: int) -> np.ndarray:
    """Stack the items of a list that NumPy could not take as it was."""
    parts = [_raw(item, depth + 1) for item in items]
    if not parts:
        return np.zeros(0)
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        first = parts[0].shape
        at, other = next(
            (number, part.shape) for number, part in enumerate(parts) if part.shape != first
        )
        if len(first) == len(other) == 1:
            sizes = f"the first has {first[0]} entries and number {at} has {other[0]}"
        else:
            sizes = f"the first has shape {first} and number {at} has shape {other}"
        raise NotDataError(f"has rows of different sizes ({sizes})")
    return np.stack(parts)


def to_plain(value: Any, depth: int = 0) -> Any:
    """Return a value as exact built-in objects; arrays and tuples become lists.

    Raises NotDataError for what is not made of numbers, text, None and containers of them.

    >>> to_plain({"a": (1, np.int64(2)), "b": np.array([True])})
    {'a': [1, 2], 'b': [True]}
    """
    if depth > 32:
        raise NotDataError("is nested more than 32 levels deep")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, np.generic):
        if value.dtype.kind in "biufc":
            return to_array(value).item()
        if value.dtype.kind == "U":
            return np.str_.__str__(value) if type(value) is np.str_ else str(value)
    if isinstance(value, str):
        return str.encode(value, "utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return bytes(memoryview(value))
    if isinstance(value, int):
        return int.__add__(value, 0)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, complex):
        return complex.__add__(value, 0)
    if isinstance(value, list):
        return [to_plain(item, depth + 1) for item in list.__iter__(value)]
    if isinstance(value, tuple):
        return [to_plain(item, depth + 1) for item in tuple.__iter__(value)]
    if isinstance(value, range):
        return list(value)
    if isinstance(value, dict):
        return {
            _key(to_plain(key, depth + 1)): to_plain(item, depth + 1)
            for key, item in dict.items(value)
        }
    if isinstance(value, set):
        return {_key(to_plain(item, depth + 1)) for item in set.copy(value)}
    if isinstance(value, frozenset):
        return {_key(to_plain(item, depth + 1)) for item in frozenset.copy(value)}
    if isinstance(value, KeysView | ValuesView):
        return [to_plain(item, depth + 1) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "US":
        return np.array(value, subok=False).tolist()
    if isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim:
        return [to_plain(item, depth + 1) for item in np.array(value, subok=False)]
    return to_array(value).tolist()


def _key(key: Any) -> Any:
    """Return a plain value in a form that may be a key: lists become tuples."""
    if isinstance(key, list):
        return tuple(_key(item) for item in key)
    if isinstance(key, set):
        return frozenset(key)
    return key


def precision(values: np.ndarray) -> str:
    """Tell whether float64 numbers were computed in “single” or “double” precision.

    A number that came from float32 is still exactly a float32. Whole and short numbers (0.5, 3)
    are so by chance and prove nothing.

    >>> precision(np.float64(np.float32(1 / 3))), precision(np.array(1 / 3))
    ('single', 'double')
    """
    values = np.asarray(values)
    if values.dtype.kind != "f":
        return "double"
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", under="ignore"):
        if not np.array_equal(finite.astype(np.float32).astype(np.float64), finite):
            return "double"
        mantissa, _ = np.frexp(finite)
        short = np.ldexp(mantissa, 11) % 1 == 0
    return "single" if np.any(~short & (finite % 1 != 0)) else "double"


def copied(value: Any) -> Any:
    """Return a copy of data that shares no memory with it; what is not data is handed through."""
    if isinstance(value, np.ndarray):
        return np.array(value, copy=True, order="K", subok=True)
    if _is_tensor(value):
        copy = value.detach().clone()
        return copy.requires_grad_(value.requires_grad) if value.requires_grad else copy
    if type(value) is list:
        return [copied(item) for item in value]
    if type(value) is tuple:
        return tuple(copied(item) for item in value)
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    if type(value) is set:
        return set(value)
    return value


def same(left: Any, right: Any) -> bool:
    """Tell whether two values made by `copied` still hold the same data."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        if not (isinstance(left, np.ndarray) and isinstance(right, np.ndarray)):
            return False
        if left.shape != right.shape or left.dtype != right.dtype:
            return False
        return bool(np.array_equal(left, right, equal_nan=left.dtype.kind in "fc"))
    if type(left) is not type(right):
        return False
    if _is_tensor(left):
        return same(_framework_array(left), _framework_array(right))
    if type(left) in (list, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is dict:
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if type(left) is set:
        return bool(left == right)
    if type(left) in (bool, int, float, complex, str, bytes, type(None)):
        return bool(left == right) or (left != left and right != right)
    return left is right  # not data: not judged


def size_of(value: Any) -> str:
    """Say in a few words what an argument was: “of shape (5, 3)”, “= 0.1”."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"of shape {tuple(int(n) for n in shape)}"
    if isinstance(value, list | tuple | dict | set):
        return f"of length {len(value)}"
    if isinstance(value, bool | int | float | str | np.generic):
        text = repr(value.item() if isinstance(value, np.generic) else value)
        return f"= {text if len(text) <= 30 else text[:27] + '…'}"
    return ""
