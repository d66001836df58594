"""Texts: what is kept of a play, and how characters become numbers."""

from __future__ import annotations

from pathlib import Path

from course_utils.datasets.entries import shakespeare
from course_utils.datasets.load import Dataset
from course_utils.datasets.registry import Split

import numpy as np
import pytest

PLAY = """THE TRAGEDY

PERSONS REPRESENTED.
ACT, a person

ACT I.

SCENE I. A street.

[Enter A and B [aloft],
with torches.]

FIRST CITIZEN.
Speak,  speak.   [Aside
We know't.



ALL.
{To B] Away!

THE END
"""


def split_of(text: str) -> Split:
    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return shakespeare.ENTRY.split_with({"text": codes}, {})


def test_only_speeches_and_who_speaks_are_kept() -> None:
    want = "FIRST CITIZEN.\nSpeak, speak.\nWe know't.\n\nALL.\nAway!\n\n"
    assert shakespeare.speeches(PLAY) == want


def test_a_text_without_acts_is_refused() -> None:
    with pytest.raises(ValueError, match="no line begins with ACT I"):
        shakespeare.speeches("Shall I compare thee to a summer's day?")


def test_a_file_that_is_another_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("not a play")
    with pytest.raises(ValueError, match="coriolanus is not the text that is expected"):
        shakespeare.ENTRY.decode(dict.fromkeys(shakespeare.PLAYS, tmp_path / "other"))


def test_the_split_is_in_order_and_leaves_nothing_out() -> None:
    text = "abracadabra and hocus pocus"
    split = split_of(text)
    assert split.text_train + split.text_test == text
    assert len(split.text_train) == int(0.9 * len(text))


def test_inputs_are_characters_and_targets_the_next_ones() -> None:
    split = split_of("to be or not to be, that is it")
    for X, y, text in (
        (split.X_train, split.y_train, split.text_train),
        (split.X_test, split.y_test, split.text_test),
    ):
        assert "".join(split.target_names[i] for i in X) == text[:-1]
        assert "".join(split.target_names[i] for i in y) == text[1:]
        assert X.dtype == y.dtype == np.int64


def test_a_text_prints_shapes_not_its_text() -> None:
    split = split_of("to be or not to be, that is it")
    data = Dataset(
        name="made",
        title="Made",
        X_train=split.X_train,
        y_train=split.y_train,
        X_test=split.X_test,
        y_test=split.y_test,
        feature_names=(),
        target_names=split.target_names,
        description="",
        licence="",
        citation="",
        text_train=split.text_train,
        text_test=split.text_test,
    )
    assert "to be" not in repr(data) and "X_train (26,) int64" in repr(data)
