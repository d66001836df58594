"""Tables with words in them, as numbers: each category gets a code, each gap a NaN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

Columns = Mapping[str, Iterable[object]]
MISSING = ("", "?", "nan", "NA", "None")


def encode(columns: Columns, categories: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Return float64 (N, d), one column a feature, in the order of `columns`.

    A feature named in `categories` is coded by its place there; the others are numbers. What is
    missing becomes NaN. Raises ValueError for a category or a number that is neither.
    """
    coded = []
    for name, values in columns.items():
        texts = [str(value).strip() for value in values]
        if name in categories:
            codes = {category: float(code) for code, category in enumerate(categories[name])}
            unknown = set(texts) - set(codes) - set(MISSING)
            if unknown:
                raise ValueError(f"{name} has an unknown category, {min(unknown)!r}")
            coded.append([codes.get(text, np.nan) for text in texts])
        else:
            coded.append([np.nan if text in MISSING else float(text) for text in texts])
    return np.array(coded).T.copy()


def rows_of(text: str, separator: str = ",") -> list[list[str]]:
    """Return the cells of each row of plain CSV text (no quotes), leaving empty lines out."""
    return [line.split(separator) for line in text.splitlines() if line.strip()]
