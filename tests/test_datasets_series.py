"""Sequences: two monthly series, spoken vowels, and tunes in letters."""

from __future__ import annotations

from pathlib import Path

from course_utils import datasets
from course_utils.datasets.entries import co2, japanese_vowels, sunspots, tunes
from course_utils.datasets.series import decode_monthly, split_at

import numpy as np
import pytest

# --- monthly series -----------------------------------------------------------------------------

CO2 = (
    '"rownames","Year","Month","CO2","t"\n1,1988,11,350.39,1\n2,1988,12,351.64,2\n3,1989,1,352,3\n'
)
SUNSPOTS = "rownames,time,value\n1,1749,58\n2,1749.0833333,62.6\n3,1749.1666667,70\n"


def written(text: str, folder: Path) -> dict[str, Path]:
    (folder / "csv").write_text(text)
    return {"csv": folder / "csv"}


def test_years_and_months_become_one_time_in_twelfths(tmp_path: Path) -> None:
    arrays = co2.ENTRY.decode(written(CO2, tmp_path))
    np.testing.assert_array_equal(12 * arrays["time"], [12 * 1988 + 10, 12 * 1988 + 11, 12 * 1989])
    assert arrays["value"].tolist() == [350.39, 351.64, 352.0]


def test_rounded_fractions_of_years_become_exact_months(tmp_path: Path) -> None:
    arrays = sunspots.ENTRY.decode(written(SUNSPOTS, tmp_path))
    assert (np.round(12 * arrays["time"]) == 12 * 1749 + np.arange(3)).all()
    assert arrays["time"][1] == (12 * 1749 + 1) / 12  # not 1749.0833333


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CO2.replace("1988,12", "1988,11"), "not one for each month"),
        ("<html>login</html>\n", "has no column"),
    ],
)
def test_other_files_in_place_of_a_series_are_refused(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        decode_monthly(written(text, tmp_path), "CO2", "Year", "Month")


def test_bytes_that_are_not_compressed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pickle").write_bytes(b"not xz")
    with pytest.raises(ValueError, match="cannot be decompressed"):
        decode_monthly({"pickle": tmp_path / "pickle"}, "value", "time")


def test_no_month_of_the_test_part_is_earlier_than_one_of_training() -> None:
    time = 1930 + np.arange(120) / 12
    split = split_at({"time": time, "value": np.arange(120.0)}, 1934)
    assert split.X_train.shape == (48, 1) and split.X_test[0, 0] == 1934
    assert split.y_train.max() < split.y_test.min()


# --- Japanese Vowels ----------------------------------------------------------------------------


def utterance(length: int, start: float) -> np.ndarray:
    return start + np.arange(length * 12, dtype=float).reshape(length, 12) / 100


def as_ts(frames: np.ndarray, speaker: int) -> str:
    return ":".join(",".join(map(str, column)) for column in frames.T) + f":{speaker}\n"


def as_blocks(utterances: list[np.ndarray]) -> str:
    return "".join(
        "".join(" ".join(map(str, frame)) + " \n" for frame in frames) + "\n"
        for frames in utterances
    )


def test_both_forms_of_the_vowels_give_the_same_arrays() -> None:
    spoken = [utterance(7, 1.0), utterance(29, -2.0), utterance(8, 0.5)]
    ts = "# remark\n@classLabel true 1 2\n@data\n" + "".join(map(as_ts, spoken, [1, 1, 2]))
    X, y = japanese_vowels._from_ts(ts)
    again, speakers = japanese_vowels._from_blocks(as_blocks(spoken), [2, 1, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(X, again)
    assert y.tolist() == speakers.tolist() == [0, 0, 1]
    assert X.shape == (3, 29, 12) and X[0, 6, 11] == spoken[0][6, 11]
    assert np.isnan(X[0, 7:]).all() and not np.isnan(X[1]).any()


def test_a_file_with_other_utterances_is_refused() -> None:
    with pytest.raises(ValueError, match="1 utterances, not 270"):
        japanese_vowels._from_blocks(as_blocks([utterance(7, 0)]), japanese_vowels.COUNTS["train"])
    with pytest.raises(ValueError, match=r"shape \(30, 12\)"):
        japanese_vowels._padded([utterance(30, 0)])


def test_the_counts_are_those_of_the_published_split() -> None:
    assert sum(japanese_vowels.COUNTS["train"]) == 270
    assert sum(japanese_vowels.COUNTS["test"]) == 370


# --- tunes --------------------------------------------------------------------------------------

TUNE = (
    'X: 12\nT: The "Test"\nM: 6/8\nL: 1/8\n% remark\nK: E m\n'
    '|: "Em"{a}B2.E E~FG |(3ABc [EB]2 z- [1 uEFG :|[2 E3 ||\n'
    "vE>F G/A/B ^c_d=e|d'D,d def :|\n"
)


def test_a_tune_keeps_its_notes_and_loses_its_ornaments() -> None:
    assert tunes.simplified(TUNE) == (
        12,
        "6/8",
        "K:Em\nB2EEFG|(3ABcE2z|EFG|E3|E>FG/A/B^c_d=e|d'D,ddef|\n",
    )


@pytest.mark.parametrize(
    ("change", "into"),
    [
        ("L: 1/8", "L: 1/16"),
        ("L: 1/8\n", ""),
        ("vE>F", "M: 9/8\nvE>F"),
        ("vE>F", "[K:G]E>F"),
        ("M: 6/8", "M: 5/4"),
        ("K: E m", "K: Hp?"),
        ("X: 12", "X:"),
        ("E~FG", "E&FG"),
        (TUNE[TUNE.index("(3ABc") :], "\n"),
    ],
)
def test_what_would_need_other_signs_is_left_out(change: str, into: str) -> None:
    assert change in TUNE
    assert tunes.simplified(TUNE.replace(change, into)) is None


def test_a_tune_that_is_in_two_files_is_taken_once_and_tens_are_held_out(tmp_path: Path) -> None:
    other = TUNE.replace("X: 12", "X: 20").replace("M: 6/8", "M: C")
    (tmp_path / "a").write_text(TUNE + "\n" + other)
    copy = TUNE.replace("X: 12", "X: 30")  # another number, the same letters
    (tmp_path / "b").write_text(TUNE.replace("B2.E", "A2.A") + "\n" + copy)
    arrays = tunes._decode({"b": tmp_path / "b", "a": tmp_path / "a"})
    assert arrays["number"].tolist() == [12, 20]
    split = tunes._split(arrays)
    assert split.X_train[0].startswith("M:6/8\nK:Em\nB2EEFG|") and split.X_train[0].endswith("|\n")
    assert split.X_test[0].startswith("M:C\n") and split.y_test.tolist() == [2]
    assert split.target_names[2] == "C"


# --- what has been fetched ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sunspots", "co2", "japanese-vowels", "tunes"])
def test_fetched_sequences_are_as_documented(name: str) -> None:
    try:
        data = datasets.load(name)
    except datasets.DataNotFound:
        pytest.skip(f"{name} is not on this computer; `course data fetch {name}` brings it")
    assert len(data.X_train) == len(data.y_train) and len(data.X_test) == len(data.y_test)
    if name in ("sunspots", "co2"):
        assert data.X_train.max() < data.X_test.min() and np.diff(data.X_train[:, 0]).max() < 0.084
    elif name == "tunes":
        assert all(text.count("\n") == 3 for text in data.X_test)
        assert not set(data.X_train) & set(data.X_test)
    else:
        assert (np.bincount(data.y_train) == 30).all() and data.X_test.shape == (370, 29, 12)
