"""`load`: from a name to arrays."""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.datasets import cache, registry

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """A data set, split for training and testing, with what one must know to use it."""

    name: str
    title: str
    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    description: str
    licence: str
    citation: str

    def __repr__(self) -> str:
        parts = (
            f"{name} {getattr(self, name).shape} {getattr(self, name).dtype}"
            for name in ("X_train", "y_train", "X_test", "y_test")
        )
        return f"Dataset({self.name!r}: {', '.join(parts)})"


def load(name: str, *, fetch: bool = False, **options: object) -> Dataset:
    """Return the data set called `name`, from this computer.

    Nothing is downloaded unless `fetch=True`. Further options are the data set's own
    (`moons` takes n, noise and seed). The arrays are yours to change.

    Raises UnknownDataset, BadOption, DataNotFound (not fetched yet; says how), DataCorrupt, and
    with `fetch=True` what `course_utils.datasets.fetch` raises.
    """
    entry = registry.find(name)
    if fetch:
        from course_utils.datasets.fetch import fetch as fetch_entry

        fetch_entry(entry)
    split = entry.split_with(cache.read(entry), options)
    return Dataset(
        name=entry.name,
        title=entry.title,
        X_train=split.X_train,
        y_train=split.y_train,
        X_test=split.X_test,
        y_test=split.y_test,
        feature_names=split.feature_names,
        target_names=split.target_names,
        description=entry.description,
        licence=entry.licence,
        citation=entry.citation,
    )
