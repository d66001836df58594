"""Two interleaving half circles, drawn by scikit-learn."""

from __future__ import annotations

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.errors import BadOption
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import Bundled
from course_utils.datasets.split import stratified

import numpy as np


def _draw(n: int = 1000, noise: float = 0.2, seed: int = 0) -> Arrays:
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples=n, noise=noise, random_state=seed)
    return {"X": X, "y": y.astype(np.int64)}


def _split(arrays: Arrays, n: int = 1000, noise: float = 0.2, seed: int = 0) -> Split:
    if n < 10:
        raise BadOption(f"moons needs n of at least 10 points to split them, not {n}.")
    if noise < 0:
        raise BadOption(f"moons needs a noise of 0 or more (a standard deviation), not {noise}.")
    if (n, noise, seed) != (1000, 0.2, 0):
        arrays = _draw(n, noise, seed)
    return stratified(
        arrays["X"],
        arrays["y"],
        feature_names=("x1", "x2"),
        target_names=("upper moon", "lower moon"),
    )


ENTRY = Entry(
    name="moons",
    title="Two moons",
    description=(
        "Points on two interleaving half circles with Gaussian noise, drawn afresh from a seed: "
        "n=1000 points in the plane (float64), noise=0.2 (standard deviation), seed=0; all three "
        "are options of load. Split: 20 % for testing, stratified, seed 0."
    ),
    licence="none needed: computed, not collected",
    citation=(
        "F. Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. Journal of Machine "
        "Learning Research 12, 2825-2830 (function make_moons)."
    ),
    homepage="https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_moons.html",
    arrays={"X": ArraySpec((1000, 2), "float64"), "y": ArraySpec((1000,), "int64")},
    sha256="5e28bf9e8513d69d3c04cf50da7b7b01ead0c76a73cbcd58c7185eb478a07261",
    sources=(Bundled("scikit-learn", _draw),),
    split=_split,
    decimals=6,
)
