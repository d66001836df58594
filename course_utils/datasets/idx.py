"""The IDX file format: the one in which MNIST and its successors are published.

Two zero bytes, a type code, the number of dimensions, each dimension as a big-endian 32-bit
integer, then the values in C order. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database
of handwritten digits" (section "The IDX file format").
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"
LARGEST = 2**30  # bytes: no IDX file of the course comes near; a gzip bomb goes beyond


class IdxError(ValueError):
    """The bytes are not a whole, well-formed IDX file."""


def parse(data: bytes) -> np.ndarray:
    """Return the array in `data`, in the byte order of this machine; raise IdxError if broken."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES:
        raise IdxError("it does not start like an IDX file")
    dtype, ndim = np.dtype(TYPES[data[2]]), data[3]
    start = 4 + 4 * ndim
    if len(data) < start:
        raise IdxError("its header is cut off")
    shape = struct.unpack(f">{ndim}I", data[4:start])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise IdxError(f"it has {len(data):,} bytes and its header promises {expected:,}")
    try:
        array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    except ValueError as error:  # more dimensions than NumPy allows, or (0, 2**32 - 1, …)
        raise IdxError(f"its dimensions cannot be used ({error})") from error
    return array.astype(dtype.newbyteorder("="))


def read(path: Path) -> np.ndarray:
    """Return the array in the IDX file at `path`, compressed with gzip or not."""
    with path.open("rb") as file:
        compressed = file.read(2) == GZIP_MAGIC
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IdxError(f"{path.name} cannot be decompressed ({error})") from error
    if len(data) > LARGEST:
        raise IdxError(f"{path.name} is larger than {LARGEST:,} bytes")
    try:
        return parse(data)
    except IdxError as error:
        raise IdxError(f"{path.name} cannot be read: {error}") from error
