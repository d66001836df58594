"""Fashion-MNIST: articles of clothing in the format of MNIST."""

from __future__ import annotations

from course_utils.datasets.content import Arrays
from course_utils.datasets.entries.mnist import GZIPPED, SHAPES, decode, split_as_published
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import DebianPackage, Urls

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def _split(arrays: Arrays) -> Split:
    return split_as_published(arrays, CLASSES)


ENTRY = Entry(
    name="fashion-mnist",
    title="Fashion-MNIST",
    description=(
        "70,000 photographs of articles of clothing in ten classes, 28 × 28 pixels, grey levels "
        "0 to 255 as uint8, 7,000 of each class. Split as published: 60,000 for training, "
        "10,000 for testing."
    ),
    licence="MIT",
    citation=(
        "H. Xiao, K. Rasul and R. Vollgraf (2017). Fashion-MNIST: a Novel Image Dataset for "
        "Benchmarking Machine Learning Algorithms. https://arxiv.org/abs/1708.07747"
    ),
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    arrays=SHAPES,
    sha256="c6985ba6956c8814aabf9248e77b58b97f5f9b68bd68fd9a2b2f7554e7ef916a",
    sources=(
        DebianPackage(
            "dataset-fashion-mnist",
            size=30_900_652,
            members={
                role: f"usr/share/datasets/fashion-mnist/{name}" for role, name in GZIPPED.items()
            },
        ),
        Urls(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            GZIPPED,
            size=30_878_645,
        ),
        Urls(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            GZIPPED,
            size=30_878_645,
        ),
    ),
    split=_split,
    decode=decode,
)
