"""Wisconsin breast cancer (diagnostic), bundled with scikit-learn."""

from __future__ import annotations

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import Bundled
from course_utils.datasets.split import stratified

import numpy as np

FORMS = ("mean {}", "{} error", "worst {}")
MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


def _read() -> Arrays:
    from sklearn.datasets import load_breast_cancer

    cancer = load_breast_cancer()
    malignant = (cancer.target == 0).astype(np.int64)  # scikit-learn codes malignant as 0
    return {"X": cancer.data, "y": malignant}


def _split(arrays: Arrays) -> Split:
    features = [form.format(measure) for form in FORMS for measure in MEASURES]
    return stratified(
        arrays["X"],
        arrays["y"],
        feature_names=tuple(features),
        target_names=("benign", "malignant"),
    )


ENTRY = Entry(
    name="breast-cancer",
    title="Breast cancer, Wisconsin (diagnostic)",
    description=(
        "569 tumours, 30 measurements of the cell nuclei in an image of each (mean, standard "
        "error and worst value of ten measures, float64, raw units); the target is 1 for a "
        "malignant tumour (212) and 0 for a benign one (357). "
        "Split: 20 % for testing, stratified, seed 0."
    ),
    licence="CC BY 4.0",
    citation=(
        "W. Wolberg, O. Mangasarian, N. Street and W. Street (1993). Breast Cancer Wisconsin "
        "(Diagnostic). UCI Machine Learning Repository. https://doi.org/10.24432/C5DW2B"
    ),
    homepage="https://archive.ics.uci.edu/dataset/17",
    arrays={"X": ArraySpec((569, 30), "float64"), "y": ArraySpec((569,), "int64")},
    sha256="f234fa0bff44d47cde4a0636d419a996f43ed4317a703411b4c96686c8cdc7aa",
    sources=(Bundled("scikit-learn", _read),),
    split=_split,
)
