"""The encoding between examiner and candidate: data go round, anything odd is a WireError."""

from __future__ import annotations

import math
import os
import struct
import tracemalloc
from collections import namedtuple
from typing import Any

from course_utils.grading import wire

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

numbers = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers()
words = st.text(st.characters(exclude_categories=())) | st.binary()
keys = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
plain = st.recursive(
    numbers | words,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=20,
)
dtypes = st.sampled_from([*"?bhilqBHILQefdFD", "S3", "U3", "M8[s]", "m8[us]", ">f8", ">i4"])
arrays = dtypes.flatmap(
    lambda kind: hnp.arrays(
        np.dtype(kind),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        fill=st.nothing(),
    )
)
some = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def turned(value: Any) -> Any:
    """What arrives of a value."""
    return wire.loads(wire.dumps(value))


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, nan and types included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, complex):
        return alike(one.real, other.real) and alike(one.imag, other.imag)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    return bool(one == other)


@some
@given(plain)
def test_plain_data_go_round(value: Any) -> None:
    assert alike(turned(value), value)


@some
@given(arrays)
def test_arrays_go_round(value: np.ndarray) -> None:
    found = turned(value)
    assert type(found) is np.ndarray
    assert found.shape == value.shape
    assert found.dtype == value.dtype.newbyteorder("=")
    assert np.array_equal(found, value, equal_nan=value.dtype.kind in "fcmM")
    assert found.flags.writeable or not found.size
    strided = value.T[..., ::-1] if value.ndim else value
    assert np.array_equal(turned(strided), strided, equal_nan=value.dtype.kind in "fcmM")


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int8, np.uint64, np.bool_, np.float16])
def test_scalars_keep_their_dtype(kind: Any) -> None:
    found = turned(kind(1))
    assert type(found) is kind and found == 1


@pytest.mark.parametrize(
    "kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool,
             torch.uint8, torch.complex64],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (2, 0, 3)])
def test_tensors_go_round(kind: torch.dtype, shape: tuple[int, ...]) -> None:
    value = torch.ones(shape).to(kind)
    found = turned(value)
    assert type(found) is torch.Tensor
    assert found.dtype == kind and found.shape == value.shape and not found.requires_grad
    assert torch.equal(found, value)


def test_odd_tensors_arrive_as_plain_ones() -> None:
    leaf = torch.arange(6.0).reshape(2, 3).requires_grad_()
    assert turned(leaf).requires_grad
    assert torch.equal(turned(leaf.T), leaf.T)
    assert torch.equal(turned(torch.nn.Parameter(torch.ones(2))), torch.ones(2))
    assert torch.equal(turned(torch.eye(3).to_sparse()), torch.eye(3))
    assert torch.equal(turned(torch.tensor([1j]).conj()), torch.tensor([-1j]))


def test_tables_go_round() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], 3: [0.5, np.nan]}, index=["r", "s"])
    pd.testing.assert_frame_equal(turned(frame), frame, check_dtype=False)
    series = pd.Series([1.0, 2.0], name="a")
    pd.testing.assert_series_equal(turned(series), series)


def test_other_kinds_of_data_go_round() -> None:
    pair = namedtuple("pair", "left right")
    assert turned(pair(1, [2]))._asdict() == {"left": 1, "right": [2]}
    assert turned([range(3), slice(None, 2), ...]) == [range(3), slice(None, 2), ...]
    assert turned([np.float32, torch.int64, int, np.dtype("int8")]) == [
        np.float32,
        torch.int64,
        int,
        np.dtype("int8"),
    ]
    assert turned({"a": 1}.keys()) == ["a"]
    assert turned(2**5000) == 2**5000 and turned(-(2**64)) == -(2**64)


class Own:
    pass


@pytest.mark.parametrize(
    "value",
    [Own(), Own, lambda: 1, [Own()], {1: Own()}, (n for n in ()), np.array([Own()]), 1 << 10**6,
     np.zeros(1, dtype=[("a", int)])],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_data_does_not_cross(value: Any) -> None:
    with pytest.raises(wire.NotData):
        wire.dumps(value)


def test_what_contains_itself_does_not_cross() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(wire.NotData, match="contains itself"):
        wire.dumps(value)


@pytest.mark.parametrize("value", [eval, torch.load, np, os.path, torch.nn.Linear, np.sin])
def test_a_stranger_can_name_no_function(value: Any) -> None:
    """Not even by writing the bytes itself."""
    for name in (
        f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}",
        f"{getattr(value, '__name__', '')}:",
    ):
        data = b"R" + struct.pack("<Q", len(name)) + name.encode()
        with pytest.raises(wire.WireError):
            wire.loads(data)


@pytest.mark.parametrize(
    "name",
    ["os:system", "numpy:os.system", "numpy:__loader__", "builtins:eval", "numpy:testing", ":", "",
     "course_utils.grading.wire:os", "torch:_C", "numpy:float32.__class__", "builtins:dict.keys"],
)  # fmt: skip
def test_names_lead_nowhere(name: str) -> None:
    with pytest.raises(wire.WireError):
        wire.loads(b"R" + struct.pack("<Q", len(name)) + name.encode())


def attempt(data: bytes) -> None:
    """Read a stranger's bytes: a value or a WireError, and little memory."""
    made: list[int] = []

    def handle(number: int, about: dict[str, Any]) -> Any:
        made.append(number)
        return Own()

    tracemalloc.start()
    try:
        wire.loads(data, handle=handle)
    except wire.WireError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2_000_000 + 2_000 * len(data)


@some
@given(st.binary(max_size=200))
def test_bytes_of_chance_are_a_wire_error(data: bytes) -> None:
    attempt(data)


@some
@given(
    plain | arrays,
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=0, max_size=9)), max_size=6),
    st.integers(0, 40),
)
def test_messages_that_were_tampered_with_are_a_wire_error(
    value: Any, changes: list[tuple[int, bytes]], cut: int
) -> None:
    try:
        data = bytearray(wire.dumps([value, np.ones(3), (1, "two"), {3: None}]))
    except wire.NotData:
        return
    for place, part in changes:
        place %= len(data)
        data[place : place + len(part)] = part
    attempt(bytes(data[: len(data) - cut]))


tags = st.sampled_from([*(bytes([n]) for n in b"NTFiIdcsblteE:rmn.agoPKDSRH")])
lengths = st.sampled_from([0, 1, 2, 3, 255, 2**31, 2**32 - 1]).map(lambda n: struct.pack("<I", n))
wide = st.sampled_from([0, 1, 2, 8, 2**31, 2**40, 2**63]).map(lambda n: struct.pack("<Q", n))
pieces = tags | lengths | wide | st.binary(max_size=3) | st.just(b"\x03<f8") | st.just(b"\x03<U0")


@settings(parent=some, max_examples=600)
@given(st.lists(pieces, max_size=25).map(b"".join))
def test_messages_made_of_marks_are_a_wire_error(data: bytes) -> None:
    attempt(data)


def packed(tag: bytes, *sizes: int) -> bytes:
    return tag + b"".join(struct.pack("<Q", size) for size in sizes)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"l\xff\xff\xff\xff",
        b"m\xff\xff\xff\xff",
        packed(b"s", 2**62),
        packed(b"I", 4) + b"0x+_",
        packed(b"I", 0),
        b"l\1\0\0\0" * 1000 + b"N",
        b"a\x03<f8" + packed(b"\2", 2**40, 2**40, 0),
        b"a\x03<f8" + packed(b"\2", 2**31, 2**31, 8) + bytes(8),
        b"a\x03<U0" + packed(b"\2", 2**31, 2**31, 0),
        b"a\x03|V8" + packed(b"\1", 1, 8) + bytes(8),
        b"a\x02|O" + packed(b"\1", 1, 8) + bytes(8),
        b"a\x09i4,(2,)f8" + packed(b"\1", 1, 20) + bytes(20),
        b"a\x03<U1" + packed(b"\1", 1, 4) + b"\xff\xff\xff\xff",
        b"o" + packed(b"\2", 2**31, 2**31),
        b"P\1\0N",
        b"P\0\1a\x03<f8" + packed(b"\1", 1, 8) + bytes(8),
        b"D\xff\xff\xff\xffNN",
        b"D\1\0\0\0Ni\0\0\0\0\0\0\0\0N",
        b"SNN",
        b"e\1\0\0\0l\0\0\0\0",
        b"n\1\0\0\0" + packed(b"s", 3) + b"ifs" + packed(b"s", 5) + b"__a__N",
        b"H" + bytes(8) + b"N",
        b"r\3\0\0\0NNN",
        b"NN",
        b"?",
    ],
    ids=range(26),
)
def test_a_message_that_cannot_be_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.loads(data, handle=lambda number, about: None)


def test_a_message_holds_few_kinds_of_named_tuples() -> None:
    """Each makes a class, which takes much more than its bytes."""

    def kind(number: int) -> bytes:
        name = f"k{number}".encode()
        return b"n\0\0\0\0" + packed(b"s", len(name)) + name

    data = b"l" + struct.pack("<I", 5000) + b"".join(map(kind, range(5000)))
    with pytest.raises(wire.WireError, match="kinds"):
        wire.loads(data)


def test_a_message_holds_few_objects() -> None:
    count = wire.MAX_HANDLES + 1
    data = b"l" + struct.pack("<I", count) + (b"H" + bytes(8) + b"m\0\0\0\0") * count
    with pytest.raises(wire.WireError, match="too many objects"):
        wire.loads(data, handle=lambda number, about: None)
    with pytest.raises(wire.NotData, match="objects"):
        wire.dumps([Own()] * count, keep=lambda value: wire.Handle(1, {}))


def test_a_writer_keeps_to_its_limit() -> None:
    with pytest.raises(wire.NotData, match="larger than"):
        wire.dumps(np.zeros(10**6), limit=10**6)


# --- the line ----------------------------------------------------------------------------------


def pair() -> tuple[wire.Line, int, int]:
    """A line, and the two ends of what it is connected to."""
    reading, theirs = os.pipe()
    other, writing = os.pipe()
    return wire.Line(reading, writing), theirs, other


def test_a_header_is_believed_only_up_to_the_limit() -> None:
    line, theirs, other = pair()
    os.write(theirs, struct.pack("<Q", 2**40))
    with pytest.raises(wire.WireError, match="exceeds"):
        line.receive(1000, 1.0)
    line.close()
    line.close()
    os.close(theirs)
    os.close(other)


def test_silence_and_half_a_message_are_too_slow() -> None:
    line, theirs, other = pair()
    with pytest.raises(wire.TooSlow):
        line.receive(1000, 0.05)
    os.write(theirs, struct.pack("<Q", 10) + b"half")
    with pytest.raises(wire.TooSlow):
        line.receive(1000, 0.05)
    with pytest.raises(wire.TooSlow):  # nobody reads: the pipe fills
        line.send(bytes(10**6), 0.05)
    os.close(theirs)
    with pytest.raises(wire.Gone):
        line.receive(1000, 1.0)
    os.close(other)
    with pytest.raises(wire.Gone):
        line.send(b"x", 1.0)
    line.close()
