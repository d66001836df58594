"""How values cross between the examiner and a candidate: data, never code.

A small binary encoding with a tag byte for each value. It carries None, truth values, numbers,
text, bytes, lists, tuples, dictionaries, sets, slices, NumPy arrays and scalars, PyTorch and
TensorFlow tensors (as raw buffers), pandas tables, names of public library objects (`np.float32`,
`torch.relu`: the name crosses, not the object), and handles: numbers that stand for an object that
stays where it is. There is no pickle and nothing that runs code while it is read, and everything
is bounded: the size of a message, its depth, the number of its items.
"""

from __future__ import annotations

import collections
import keyword
import math
import os
import select
import struct
import sys
import types
from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np

MAX_DEPTH = 60
MAX_ITEMS = 2_000_000
MAX_DIGITS = 4_000
MAX_HANDLES = 20_000
MAX_KINDS = 100  # of named tuples
MAX_SECONDS = 30.0  # to read one message: keys can be made so that a dictionary is slow
_HEADER = struct.Struct("<Q")
_LIBRARIES = frozenset(
    [
        "builtins",
        "math",
        "cmath",
        "operator",
        "statistics",
        "numpy",
        "torch",
        "tensorflow",
        "keras",
        "scipy",
        "sklearn",
        "pandas",
        "course_utils",
    ]
)
_DTYPES = frozenset("?bhilqBHILQefdgFDG")  # numpy's character codes of numbers


class WireError(Exception):
    """A message is not what the encoding allows: too large, cut short, or malformed."""


class NotData(Exception):
    """A value cannot cross: it is not data. The text says what it is."""


class Gone(WireError):
    """The other side closed the connection."""


class TooSlow(WireError):
    """The other side did not answer in time."""


class Handle:
    """A number that stands for an object of the candidate, with what may be known about it."""

    def __init__(self, number: int, about: dict[str, Any]) -> None:
        self.number = number
        self.about = about


# --- writing -----------------------------------------------------------------------------------


class Writer:
    """Turns one value into bytes.

    `keep` is called with each object that is not data and returns a Handle for it, or raises
    NotData; without it such an object raises NotData. With `kinds_only` the names of dtypes and
    plain types cross, those of functions and modules do not (they become handles).
    """

    def __init__(
        self,
        keep: Callable[[Any], Handle] | None = None,
        limit: int = 2**62,
        kinds_only: bool = False,
    ) -> None:
        self.keep = keep
        self.kinds_only = kinds_only
        self.limit = limit
        self.parts: list[bytes] = []
        self.size = 0
        self.items = 0
        self.handles = 0

    def put(self, part: bytes) -> None:
        """Append raw bytes."""
        self.size += len(part)
        if self.size > self.limit:
            raise NotData(f"is larger than {self.limit // 1024**2} MB")
        self.parts.append(part)

    def counted(self, tag: bytes, content: bytes) -> None:
        """Append a tag, a length and as many bytes."""
        self.put(tag + struct.pack("<Q", len(content)))
        self.put(content)

    def write(self, value: Any, depth: int = 0) -> None:
        """Append one value."""
        if depth > MAX_DEPTH:
            raise NotData(f"is nested more than {MAX_DEPTH} levels deep, or contains itself")
        self.items += 1
        if self.items > MAX_ITEMS:
            raise NotData(f"has more than {MAX_ITEMS} items")
        kind = type(value)
        if value is None:
            self.put(b"N")
        elif kind is bool:
            self.put(b"T" if value else b"F")
        elif kind is Handle:
            self.put(b"H" + struct.pack("<Q", value.number))
            self.write(value.about, depth + 1)
        elif isinstance(value, np.generic):
            self._array(np.asarray(value), b"g", depth)
        elif isinstance(value, int):
            self._int(int(value))
        elif isinstance(value, float):
            self.put(b"d" + struct.pack("<d", float(value)))
        elif isinstance(value, complex):
            self.put(b"c" + struct.pack("<dd", value.real, value.imag))
        elif isinstance(value, str):
            self.counted(b"s", str.__str__(value).encode("utf-8", "surrogatepass"))
        elif isinstance(value, bytes | bytearray):
            self.counted(b"b", bytes(value))
        elif isinstance(value, tuple) and _fields(kind):
            self.put(b"n" + struct.pack("<I", len(value)))
            self.write(kind.__name__, depth + 1)
            for name, item in zip(_fields(kind), tuple.__iter__(value), strict=True):
                self.write(name, depth + 1)
                self.write(item, depth + 1)
        elif isinstance(value, list):
            self._sequence(b"l", list.copy(value), depth)
        elif isinstance(value, tuple):
            self._sequence(b"t", list(tuple.__iter__(value)), depth)
        elif isinstance(value, dict):
            items = list(dict.items(value))
            self.put(b"m" + struct.pack("<I", len(items)))
            for key, item in items:
                self.write(key, depth + 1)
                self.write(item, depth + 1)
        elif isinstance(value, set | frozenset):
            self._sequence(b"e" if isinstance(value, set) else b"E", list(value), depth)
        elif kind is slice:
            self._sequence(b":", [value.start, value.stop, value.step], depth)
        elif kind is range:
            self._sequence(b"r", [value.start, value.stop, value.step], depth)
        elif value is Ellipsis:
            self.put(b".")
        elif isinstance(value, np.ndarray):
            self._array(np.asarray(value), b"a", depth)
        elif _of("torch", "Tensor", value):
            self._torch(value, depth)
        elif _of("tensorflow", "Tensor", value) or _of("tensorflow", "Variable", value):
            self._tensorflow(value, depth)
        elif _is_keras_variable(value):
            self._tensorflow(value.value, depth)
        elif _of("pandas", "DataFrame", value):
            self._frame(value, depth)
        elif _of("pandas", "Series", value):
            self.put(b"S")
            self._column(value, depth)
            self._column(value.index, depth)
            self.write(value.name if isinstance(value.name, str | int) else None, depth + 1)
        elif isinstance(value, type({}.keys()) | type({}.values()) | type({}.items())):
            self._sequence(b"l", list(value), depth)
        elif (not self.kinds_only or is_kind(value)) and (known := library_name(value)):
            self.counted(b"R", known.encode())
        elif self.keep is not None:
            self.handles += 1
            if self.handles > MAX_HANDLES:
                raise NotData(f"holds more than {MAX_HANDLES} objects that are not data")
            self.write(self.keep(value), depth)
        else:
            raise NotData(f"is {type(value).__name__!r}, which is not data")

    def _int(self, value: int) -> None:
        if -(2**63) <= value < 2**63:
            self.put(b"i" + struct.pack("<q", value))
            return
        if value.bit_length() > MAX_DIGITS * 3:
            raise NotData(f"is a whole number of more than {MAX_DIGITS} digits")
        self.counted(b"I", format(value, "x").encode())

    def _sequence(self, tag: bytes, items: list[Any], depth: int) -> None:
        self.put(tag + struct.pack("<I", len(items)))
        for item in items:
            self.write(item, depth + 1)

    def _array(self, value: np.ndarray, tag: bytes, depth: int) -> None:
        kind = value.dtype
        if kind.char in _DTYPES:
            code = kind.newbyteorder("<").str
            if kind.char in "gG":  # long double differs between machines
                value, code = value.astype("<c16" if kind.char == "G" else "<f8"), ""
                code = value.dtype.str
            value = np.array(value, dtype=np.dtype(code), order="C", copy=None)
        elif (kind.kind in "SU" and kind.itemsize <= 4096) or kind.kind in "mM":
            code = kind.newbyteorder("<").str
            value = np.array(value, dtype=np.dtype(code), order="C", copy=None)
        elif kind.name == "bfloat16":
            code, value = "bfloat16", np.array(value, order="C").view("<u2")
        elif kind.hasobject and kind.names is None and tag == b"a":
            self.put(b"o" + _shape(value.shape))
            for item in value.ravel():
                self.write(item, depth + 1)
            return
        else:
            raise NotData(f"is an array of dtype {kind}")
        name = code.encode()
        self.put(tag + struct.pack("<B", len(name)) + name + _shape(value.shape))
        self.put(struct.pack("<Q", value.nbytes))
        self.put(value.tobytes())

    def _torch(self, value: Any, depth: int) -> None:
        torch = sys.modules["torch"]
        leaf = value.detach()
        if leaf.layout is not torch.strided:
            leaf = leaf.to_dense()
        if leaf.is_quantized:
            leaf = leaf.dequantize()
        leaf = leaf.resolve_conj().resolve_neg().cpu().contiguous()
        self.put(b"P" + (b"\1" if value.requires_grad else b"\0"))
        if leaf.dtype is torch.bfloat16:
            self.put(b"\1")
            self._array(leaf.view(torch.int16).numpy().view("<u2"), b"a", depth)
        else:
            self.put(b"\0")
            self._array(leaf.numpy(), b"a", depth)

    def _tensorflow(self, value: Any, depth: int) -> None:
        if not hasattr(value, "numpy"):
            raise NotData("is a symbolic TensorFlow tensor, which has no value yet")
        self.put(b"K")
        self._array(np.asarray(value.numpy()), b"a", depth)

    def _frame(self, value: Any, depth: int) -> None:
        self.put(b"D" + struct.pack("<I", value.shape[1]))
        self._column(value.index, depth)
        for place in range(value.shape[1]):
            name = value.columns[place]
            self.write(name if isinstance(name, str | int) else str(name), depth + 1)
            self._column(value.iloc[:, place], depth)

    def _column(self, column: Any, depth: int) -> None:
        found = column.to_numpy()
        if found.dtype.char in _DTYPES or found.dtype.kind in "mM":
            self._array(found, b"a", depth)
        else:
            self._sequence(b"l", [None if item is not item else item for item in found], depth)


def _shape(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f"<B{len(shape)}Q", len(shape), *shape)


def _fields(kind: type) -> tuple[str, ...]:
    """The field names of a named tuple's type, or nothing."""
    fields = kind.__dict__.get("_fields", ())
    if not isinstance(fields, tuple) or not all(isinstance(name, str) for name in fields):
        return ()
    return fields


def _of(module: str, name: str, value: Any) -> bool:
    """Whether `value` is of a class of a framework, without importing the framework."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(value, found)


def _is_keras_variable(value: Any) -> bool:
    module = type(value).__module__
    return module.startswith("keras.") and type(value).__name__ in {"Variable", "KerasVariable"}


def is_kind(value: Any) -> bool:
    """Whether `value` is a dtype or a plain type: harmless even when a stranger names it."""
    if isinstance(value, np.dtype) or _of("torch", "dtype", value):
        return True
    plain = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type(None))
    return isinstance(value, type) and (value in plain or issubclass(value, np.generic))


def library_name(value: Any) -> str | None:
    """Return "module:name" of a public object of a known library, None for anything else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, getattr(torch, "dtype", ())):
        return f"torch:{str(value).removeprefix('torch.')}"
    if isinstance(value, np.dtype):
        return f"numpy:{value.name}" if hasattr(np, value.name) else None
    if isinstance(value, types.ModuleType):
        name = getattr(value, "__name__", "")
        known = isinstance(name, str) and name.split(".")[0] in _LIBRARIES
        return f"{name}:" if known and sys.modules.get(name) is value else None
    if not isinstance(
        value, type | types.FunctionType | types.BuiltinFunctionType | np.ufunc
    ) and type(value).__module__ not in {"numpy", "torch"}:
        return None
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    module = getattr(value, "__module__", None) or ("numpy" if isinstance(value, np.ufunc) else "")
    for place in (module, str(module).split(".")[0], f"{module}.functional", "torch"):
        if not isinstance(place, str) or place.split(".")[0] not in _LIBRARIES:
            continue
        if isinstance(name, str) and _look_up(f"{place}:{name}") is value:
            return f"{place}:{name}"
    return None


def _look_up(name: str) -> Any:
    """Find a public object of a known library that is imported already; None if it is not there."""
    module, _, path = name.partition(":")
    if module.split(".")[0] not in _LIBRARIES:
        return None
    found: Any = sys.modules.get(module)
    for part in path.split(".") if path else ():
        if part.startswith("_"):
            return None
        found = getattr(found, part, None)
    return found


def dumps(
    value: Any,
    keep: Callable[[Any], Handle] | None = None,
    limit: int = 2**62,
    kinds_only: bool = False,
) -> bytes:
    """Return one value as bytes. Raises NotData for what cannot cross."""
    writer = Writer(keep, limit, kinds_only)
    writer.write(value)
    return b"".join(writer.parts)


# --- reading -----------------------------------------------------------------------------------


class Reader:
    """Reads one value from bytes that a stranger wrote; raises WireError for anything odd.

    `handle` makes the object that stands for a Handle; without it a handle is an error. With
    `kinds_only` the only names that are looked up are those of dtypes and plain types: a candidate
    that could name `eval` would have the examiner run what it likes.
    """

    def __init__(
        self,
        data: bytes | bytearray | memoryview,
        handle: Callable[[int, dict[str, Any]], Any] | None = None,
        kinds_only: bool = True,
    ) -> None:
        self.data = memoryview(data)
        self.place = 0
        self.items = 0
        self.handles = 0
        self.kinds: dict[tuple[str, ...], Any] = {}
        self.until = monotonic() + MAX_SECONDS
        self.handle = handle
        self.kinds_only = kinds_only

    def take(self, count: int) -> memoryview:
        """Return the next bytes."""
        if count < 0 or self.place + count > len(self.data):
            raise WireError("a message was cut short")
        part = self.data[self.place : self.place + count]
        self.place += count
        return part

    def number(self, form: str) -> Any:
        """Return the next number."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def text(self) -> str:
        """Return the next counted text."""
        return bytes(self.take(self.number("Q"))).decode("utf-8", "surrogatepass")

    def read(self, depth: int = 0) -> Any:
        """Return the next value."""
        if depth > MAX_DEPTH + 1:
            raise WireError("a message is nested too deeply")
        self.items += 1
        if self.items > 2 * MAX_ITEMS:
            raise WireError("a message has too many items")
        if self.items % 1024 == 0 and monotonic() > self.until:
            raise WireError("a message takes too long to read")
        tag = bytes(self.take(1))
        if tag == b"N":
            return None
        if tag in b"TF":
            return tag == b"T"
        if tag == b"i":
            return self.number("q")
        if tag == b"I":
            digits = bytes(self.take(min(self.number("Q"), MAX_DIGITS))).decode("ascii")
            return int(digits, 16)
        if tag == b"d":
            return self.number("d")
        if tag == b"c":
            return complex(self.number("d"), self.number("d"))
        if tag == b"s":
            return self.text()
        if tag == b"b":
            return bytes(self.take(self.number("Q")))
        if tag in b"lteE:r":
            return self._sequence(tag, depth)
        if tag == b"m":
            return self._dict(depth)
        if tag == b"n":
            return self._named(depth)
        if tag == b".":
            return Ellipsis
        if tag in b"ag":
            found = self._array()
            return found if tag == b"a" else found[()]
        if tag == b"o":
            return self._objects(depth)
        if tag == b"P":
            return self._torch()
        if tag == b"K":
            return self._tensorflow(depth)
        if tag == b"D":
            return self._frame(depth)
        if tag == b"S":
            values, index, name = (self.read(depth + 1) for _ in range(3))
            import pandas

            return pandas.Series(values, index=index, name=name)
        if tag == b"R":
            found = _look_up(self.text())
            if found is None or (self.kinds_only and not is_kind(found)):
                raise WireError("a message names a library object that is not there")
            return found
        if tag == b"H" and self.handle is not None:
            self.handles += 1
            if self.handles > MAX_HANDLES:
                raise WireError("a message holds too many objects")
            number, about = self.number("Q"), self.read(depth + 1)
            if not isinstance(about, dict):
                raise WireError("a message describes an object wrongly")
            return self.handle(number, about)
        raise WireError("a message holds an unknown mark")

    def _sequence(self, tag: bytes, depth: int) -> Any:
        count = self.number("I")
        if count > len(self.data) - self.place:
            raise WireError("a message was cut short")
        try:
            if tag in b"eE":
                unique: set[Any] = set()
                for _ in range(count):  # one by one, so that the clock is looked at
                    unique.add(self.read(depth + 1))
                return unique if tag == b"e" else frozenset(unique)
            items = [self.read(depth + 1) for _ in range(count)]
            if tag in b"lt":
                return items if tag == b"l" else tuple(items)
            return slice(*items) if tag == b":" else range(*items)
        except (TypeError, ValueError) as error:
            raise WireError(f"a message holds an impossible value ({error})") from None

    def _dict(self, depth: int) -> dict[Any, Any]:
        count = self.number("I")
        if count > len(self.data) - self.place:
            raise WireError("a message was cut short")
        found: dict[Any, Any] = {}
        for _ in range(count):
            key = self.read(depth + 1)
            try:
                found[key] = self.read(depth + 1)
            except TypeError:
                raise WireError("a dictionary has a key that cannot be one") from None
        return found

    def _named(self, depth: int) -> Any:
        count = self.number("I")
        if count > 1000:
            raise WireError("a named tuple has too many fields")
        kind = self.read(depth + 1)
        pairs = [(self.read(depth + 1), self.read(depth + 1)) for _ in range(count)]
        names = [kind, *(name for name, _ in pairs)]
        if not all(
            isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)
            for name in names
        ) or any(name.startswith("_") for name in names[1:]):
            raise WireError("a named tuple has impossible names")
        try:
            key = tuple(names)
            if key not in self.kinds:
                if len(self.kinds) >= MAX_KINDS:
                    raise WireError("a message has too many kinds of named tuples")
                self.kinds[key] = collections.namedtuple(kind, names[1:])
            return self.kinds[key](*(item for _, item in pairs))
        except ValueError as error:
            raise WireError(f"a named tuple is impossible ({error})") from None

    def _shape(self) -> tuple[int, ...]:
        count = self.number("B")
        if count > 32:
            raise WireError("an array has too many axes")
        shape = tuple(self.number("Q") for _ in range(count))
        if any(length > 2**31 for length in shape):
            raise WireError("an array has an impossible shape")
        return shape

    def _array(self) -> np.ndarray:
        code = bytes(self.take(self.number("B"))).decode("ascii", "replace")
        shape = self._shape()
        length = self.number("Q")
        if code == "bfloat16":
            raw = self._buffer(np.dtype("<u2"), shape, length)
            return (raw.astype("<u4") << 16).view("<f4").reshape(shape)
        try:
            kind = np.dtype(code)
        except (TypeError, ValueError):
            raise WireError("an array has an unknown dtype") from None
        allowed = kind.char in _DTYPES or kind.kind in "SUmM"
        if not allowed or kind.hasobject or kind.names is not None or kind.subdtype is not None:
            raise WireError("an array has a dtype that is not allowed")
        return self._buffer(kind, shape, length)

    def _buffer(self, kind: np.dtype, shape: tuple[int, ...], length: int) -> np.ndarray:
        if math.prod(shape) * kind.itemsize != length:
            raise WireError("an array's length does not fit its shape")
        if kind.itemsize == 0:  # NumPy would give each text a place of its own
            if math.prod(shape):
                raise WireError("an array holds text without a length")
            return np.zeros(shape, dtype=f"{kind.kind}1")
        if kind.kind == "U":  # code points must be real ones
            points = np.frombuffer(self.take(length), dtype="<u4")
            if points.size and points.max(initial=0) > 0x10FFFF:
                raise WireError("an array holds text that is none")
            return points.copy().view(kind).reshape(shape)
        found = np.frombuffer(self.take(length), dtype=kind).reshape(shape)
        return found.astype(kind.newbyteorder("="), copy=True)

    def _objects(self, depth: int) -> np.ndarray:
        shape = self._shape()
        if math.prod(shape) > len(self.data) - self.place:
            raise WireError("a message was cut short")
        found = np.empty(math.prod(shape), dtype=object)
        for place in range(len(found)):
            found[place] = self.read(depth + 1)
        return found.reshape(shape)

    def _torch(self) -> Any:
        import torch

        needs_gradient, halved = self.number("B"), self.number("B")
        if bytes(self.take(1)) != b"a":
            raise WireError("a tensor has no array")
        found = self._array()
        if found.dtype.kind not in "?biufc":
            raise WireError("a tensor has a dtype that is not allowed")
        if halved:
            if found.dtype != np.uint16:
                raise WireError("a tensor has a dtype that is not allowed")
            tensor = torch.from_numpy(found.view(np.int16)).view(torch.bfloat16)
        else:
            tensor = torch.from_numpy(found)
        if needs_gradient and (tensor.is_floating_point() or tensor.is_complex()):
            tensor.requires_grad_(True)
        return tensor

    def _tensorflow(self, depth: int) -> Any:
        found = self.read(depth + 1)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "?biufcSU":
            raise WireError("a tensor has no array")
        import tensorflow

        return tensorflow.constant(found)

    def _frame(self, depth: int) -> Any:
        import pandas

        count = self.number("I")
        if count > 100_000:
            raise WireError("a table has too many columns")
        index = self.read(depth + 1)
        names, columns = [], []
        for _ in range(count):
            names.append(self.read(depth + 1))
            columns.append(self.read(depth + 1))
        try:
            frame = pandas.DataFrame(dict(enumerate(columns)), index=index)
            frame.columns = pandas.Index(names)
        except (TypeError, ValueError) as error:
            raise WireError(f"a table is impossible ({error})") from None
        return frame


def loads(
    data: bytes | bytearray | memoryview,
    handle: Callable[[int, dict[str, Any]], Any] | None = None,
    kinds_only: bool = True,
) -> Any:
    """Return the one value in `data`. Raises WireError for anything that is not one value."""
    reader = Reader(data, handle, kinds_only)
    try:
        value = reader.read()
    except WireError:
        raise
    except Exception as error:  # of the libraries that build what the message describes
        raise WireError(f"a message is malformed ({type(error).__name__})") from None
    if reader.place != len(reader.data):
        raise WireError("a message is longer than its content")
    return value


# --- the line ----------------------------------------------------------------------------------


class Line:
    """Messages over two file descriptors, each with its length in front and a time limit."""

    def __init__(self, incoming: int, outgoing: int | None = None) -> None:
        self.incoming = incoming
        self.outgoing = incoming if outgoing is None else outgoing
        for number in {self.incoming, self.outgoing}:
            os.set_blocking(number, False)

    def close(self) -> None:
        """Close both ends; closing twice is harmless."""
        for number in {self.incoming, self.outgoing} - {-1}:
            os.close(number)
        self.incoming = self.outgoing = -1

    def send(self, data: bytes, seconds: float | None = None) -> None:
        """Send one message. Raises TooSlow or Gone."""
        end = None if seconds is None else monotonic() + seconds
        for part in (_HEADER.pack(len(data)), data):
            left = memoryview(part)
            while left:
                try:
                    left = left[os.write(self.outgoing, left) :]
                except BlockingIOError:
                    _wait(self.outgoing, select.POLLOUT, end)
                except OSError:
                    raise Gone("the other side is gone") from None

    def receive(self, limit: int, seconds: float | None = None) -> bytearray:
        """Return the next message. Raises TooSlow, Gone, or WireError if it exceeds `limit`."""
        end = None if seconds is None else monotonic() + seconds
        length = _HEADER.unpack(self._exactly(_HEADER.size, end))[0]
        if length > limit:
            raise WireError(f"a message of {length} bytes exceeds the {limit} that are allowed")
        return self._exactly(length, end)

    def _exactly(self, count: int, end: float | None) -> bytearray:
        found = bytearray()
        while len(found) < count:
            if end is not None and monotonic() > end:
                raise TooSlow("no answer in time")
            try:
                part = os.read(self.incoming, min(count - len(found), 1 << 20))
            except BlockingIOError:
                _wait(self.incoming, select.POLLIN, end)
                continue
            except OSError:
                raise Gone("the other side is gone") from None
            if not part:
                raise Gone("the other side is gone")
            found += part
        return found


def _wait(number: int, event: int, end: float | None) -> None:
    left = None if end is None else max(0.0, end - monotonic())
    poll = select.poll()
    poll.register(number, event)
    if not poll.poll(None if left is None else math.ceil(left * 1000)):
        raise TooSlow("no answer in time")
