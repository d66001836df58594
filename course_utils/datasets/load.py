"""`load`: from a name to arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from course_utils.datasets import cache, registry
from course_utils.datasets.errors import BadOption

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Dataset:
    """A data set, split for training and testing, with what one must know to use it.

    In a table, X holds numbers only: the columns named in `categories` hold the code of a
    category (0 for the first name), and a missing value is NaN. `frame` gives the names back.

    In a text, `text_train` and `text_test` are the characters, X holds the number of each one (its
    place in `target_names`), and y the number of the character that follows it.

    Of a trained model, `file_bytes` are the bytes of its file, as numbers from 0 to 255 (uint8).
    """

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
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text_train: str = field(default="", repr=False)
    text_test: str = field(default="", repr=False)
    file_bytes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint8), repr=False)

    def frame(self, part: str = "train") -> pd.DataFrame:
        """Return the inputs as a pandas table, with the names of features and categories.

        part: "train", "test" or "all" (the training rows first, then the test rows).
        Raises BadOption for another part, and for a data set that is not a table.
        """
        import pandas as pd

        parts = {
            "train": [self.X_train],
            "test": [self.X_test],
            "all": [self.X_train, self.X_test],
        }
        if part not in parts:
            raise BadOption(f'frame takes the part "train", "test" or "all", not {part!r}.')
        if not self.feature_names:
            raise BadOption(f"{self.name} is not a table: its features have no names.")
        X = np.concatenate(parts[part])
        columns: dict[str, object] = dict(zip(self.feature_names, X.T, strict=True))
        for name, names in self.categories.items():
            codes = np.nan_to_num(X[:, self.feature_names.index(name)], nan=-1).astype(int)
            columns[name] = pd.Categorical.from_codes(codes, list(names))  # -1 is missing
        return pd.DataFrame(columns)

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
        categories=split.categories,
        text_train=split.text_train,
        text_test=split.text_test,
        file_bytes=split.file_bytes,
    )
