"""Every data set of the course: real, checksummed, on disk once, then offline.

>>> from course_utils import datasets
>>> digits = datasets.load("digits")
>>> digits.X_train.shape
(1437, 8, 8)
"""

from course_utils.datasets.errors import (
    BadOption,
    CacheUnusable,
    DataCorrupt,
    DataNotFound,
    DatasetError,
    FetchFailed,
    UnknownDataset,
)
from course_utils.datasets.load import Dataset, load

__all__ = [
    "BadOption",
    "CacheUnusable",
    "DataCorrupt",
    "DataNotFound",
    "Dataset",
    "DatasetError",
    "FetchFailed",
    "UnknownDataset",
    "load",
]
