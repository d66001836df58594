"""8 x 8 handwritten digits, bundled with scikit-learn."""

from __future__ import annotations

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import Bundled
from course_utils.datasets.split import stratified

import numpy as np


def _read() -> Arrays:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return {"X": digits.images, "y": digits.target.astype(np.int64)}


def _split(arrays: Arrays) -> Split:
    X = (arrays["X"] / 16).astype(np.float32)  # counts 0..16 to grey levels 0..1
    return stratified(X, arrays["y"], target_names=tuple("0123456789"))


ENTRY = Entry(
    name="digits",
    title="Digits, 8 × 8",
    description=(
        "1,797 handwritten digits by 13 people, 8 × 8 pixels, grey levels 0 to 1 (float32, "
        "each a count of 0 to 16 black pixels in a 4 × 4 block, divided by 16). It is the test "
        "part of the original collection. Split: 20 % for testing, stratified, seed 0."
    ),
    licence="CC BY 4.0",
    citation=(
        "E. Alpaydin and C. Kaynak (1998). Optical Recognition of Handwritten Digits. "
        "UCI Machine Learning Repository. https://doi.org/10.24432/C50P49"
    ),
    homepage="https://archive.ics.uci.edu/dataset/80",
    arrays={"X": ArraySpec((1797, 8, 8), "float64"), "y": ArraySpec((1797,), "int64")},
    sha256="e68f44c8dc09f4bf313b17f2834f4d4750ba2112e723997b993fd7c071ab1513",
    sources=(Bundled("scikit-learn", _read),),
    split=_split,
)
