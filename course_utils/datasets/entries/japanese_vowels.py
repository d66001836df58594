"""Japanese Vowels: nine men say the same two vowels; who is it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import PythonPackage, Urls

import numpy as np

LONGEST = 29  # frames
COEFFICIENTS = 12
SPEAKERS = 9
# Utterances of each speaker in the authors' files, which do not name the speaker themselves.
COUNTS = {"train": (30,) * SPEAKERS, "test": (31, 35, 88, 44, 29, 24, 40, 50, 29)}


def _padded(utterances: Sequence[np.ndarray]) -> np.ndarray:
    """Return (N, 29, 12); the frames after the end of an utterance are NaN."""
    X = np.full((len(utterances), LONGEST, COEFFICIENTS), np.nan)
    for row, frames in zip(X, utterances, strict=True):
        if frames.ndim != 2 or frames.shape[1] != COEFFICIENTS or len(frames) > LONGEST:
            raise ValueError(f"an utterance has shape {frames.shape}, not (up to 29, 12)")
        row[: len(frames)] = frames
    return X


def _from_ts(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the archive's form: one utterance a line, 12 lists, colons between, the speaker last."""
    utterances, speakers = [], []
    for line in text.partition("@data")[2].split():
        *lists, speaker = line.split(":")
        utterances.append(np.array([[float(x) for x in part.split(",")] for part in lists]).T)
        speakers.append(int(speaker) - 1)
    return _padded(utterances), np.array(speakers, dtype=np.int64)


def _from_blocks(text: str, counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Read the authors' form: one frame a line, an empty line after each utterance."""
    blocks = [block for block in text.replace("\r", "").split("\n\n") if block.strip()]
    if len(blocks) != sum(counts):
        raise ValueError(f"it holds {len(blocks)} utterances, not {sum(counts)}")
    frames = [np.array([line.split() for line in b.strip().split("\n")], float) for b in blocks]
    return _padded(frames), np.repeat(np.arange(SPEAKERS), counts).astype(np.int64)


def _decode(files: Mapping[str, Path]) -> Arrays:
    arrays = {}
    for role, path in files.items():
        form, part = role.split("-")
        text = path.read_text(encoding="utf-8")
        X, y = _from_ts(text) if form == "ts" else _from_blocks(text, COUNTS[part])
        arrays[f"X_{part}"], arrays[f"y_{part}"] = X, y
    return arrays


def _split(arrays: Arrays) -> Split:
    names = tuple(f"speaker {number}" for number in range(1, SPEAKERS + 1))
    return Split(
        X_train=arrays["X_train"],
        y_train=arrays["y_train"],
        X_test=arrays["X_test"],
        y_test=arrays["y_test"],
        target_names=names,
    )


FOLDER = "aeon/datasets/data/JapaneseVowels/JapaneseVowels"

ENTRY = Entry(
    name="japanese-vowels",
    title="Japanese Vowels",
    description=(
        "640 utterances of the vowels a-e in one breath by nine men, as series of 7 to 29 frames "
        "with 12 cepstrum coefficients of a linear prediction (float64, (N, 29, 12): frames after "
        "the end of an utterance are NaN); the target is the speaker, 0 to 8. Split as published: "
        "270 for training (30 of each), 370 for testing (24 to 88 of each)."
    ),
    licence="CC BY 4.0",
    citation=(
        "M. Kudo, J. Toyama and M. Shimbo (1999). Japanese Vowels. UCI Machine Learning "
        "Repository. https://doi.org/10.24432/C5NS47"
    ),
    homepage="https://archive.ics.uci.edu/dataset/128/japanese+vowels",
    arrays={
        "X_train": ArraySpec((270, LONGEST, COEFFICIENTS), "float64"),
        "y_train": ArraySpec((270,), "int64"),
        "X_test": ArraySpec((370, LONGEST, COEFFICIENTS), "float64"),
        "y_test": ArraySpec((370,), "int64"),
    },
    sha256="0b6d4e14566eb46e9ac9b80af939b634ea6fa333ce0cb5d6181f2c493940c6d1",
    sources=(
        PythonPackage(
            "aeon",
            "1.6.0",
            sha256="d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
            size=6_421_000,
            members={f"ts-{part}": f"{FOLDER}_{part.upper()}.ts" for part in ("train", "test")},
        ),
        Urls(
            "https://archive.ics.uci.edu/ml/machine-learning-databases/JapaneseVowels-mld/",
            {"blocks-train": "ae.train", "blocks-test": "ae.test"},
            size=1_137_103,
        ),
    ),
    split=_split,
    decode=_decode,
)
