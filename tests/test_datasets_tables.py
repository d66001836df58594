"""Tables: codes for words, `frame`, and reading a pickle without running it."""

from __future__ import annotations

import lzma
import os
import pickle
import sys
from pathlib import Path
from types import ModuleType

from course_utils import datasets
from course_utils.datasets import Dataset
from course_utils.datasets.entries import adult, credit
from course_utils.datasets.pickled import PickleRefused, read_table
from course_utils.datasets.table import encode, rows_of

import numpy as np
import pytest

# --- codes ------------------------------------------------------------------------------------


def test_categories_become_codes_in_the_order_of_their_names() -> None:
    table = encode({"size": ["3", " 4 "], "colour": ["red", " blue"]}, {"colour": ("blue", "red")})
    assert table.tolist() == [[3.0, 1.0], [4.0, 0.0]] and table.dtype == np.float64


@pytest.mark.parametrize("gap", ["", "?", " ? ", "NA", "nan", None, float("nan")])
def test_a_gap_becomes_nan_in_numbers_and_in_categories(gap: object) -> None:
    table = encode({"size": [gap, 1], "colour": [gap, "red"]}, {"colour": ("red",)})
    assert np.isnan(table[0]).all() and table[1].tolist() == [1.0, 0.0]


def test_an_unknown_category_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="colour has an unknown category, 'green'"):
        encode({"colour": ["red", "green"]}, {"colour": ("red",)})


def test_rows_leave_empty_lines_out() -> None:
    assert rows_of("a,b\n\n1,2\n") == [["a", "b"], ["1", "2"]]


# --- frame ------------------------------------------------------------------------------------


def made() -> Dataset:
    return Dataset(
        name="made",
        title="Made",
        X_train=np.array([[1.5, 0.0], [np.nan, 1.0]]),
        y_train=np.array([0, 1]),
        X_test=np.array([[2.5, np.nan]]),
        y_test=np.array([1]),
        feature_names=("size", "colour"),
        target_names=("no", "yes"),
        description="",
        licence="",
        citation="",
        categories={"colour": ("red", "blue")},
    )


def test_frame_gives_names_to_features_and_categories() -> None:
    frame = made().frame()
    assert list(frame.columns) == ["size", "colour"]
    assert frame.colour.tolist() == ["red", "blue"]
    assert frame["size"].isna().tolist() == [False, True]


def test_frame_of_all_rows_puts_the_test_rows_last_and_keeps_gaps() -> None:
    frame = made().frame("all")
    assert len(frame) == 3 and frame.colour.isna().tolist() == [False, False, True]
    assert list(frame.colour.cat.categories) == ["red", "blue"]
    assert made().frame("test")["size"].tolist() == [2.5]


def test_frame_names_its_parts_when_asked_for_another() -> None:
    with pytest.raises(datasets.BadOption, match='"train", "test" or "all", not \'valid\''):
        made().frame("valid")


def test_frame_of_pictures_says_that_they_are_no_table() -> None:
    with pytest.raises(datasets.BadOption, match="digits is not a table"):
        datasets.load("digits").frame()


# --- the two tables ---------------------------------------------------------------------------

ADULT = {
    "train": "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, "
    "White, Male, 2174, 0, 40, United-States, <=50K\n\n",
    "test": "|1x3 Cross validator\n25, ?, 226802, 11th, 7, Never-married, ?, Own-child, Black, "
    "Female, 0, 0, 40, ?, >50K.\n",
}


def test_adult_is_decoded_as_published(tmp_path: Path) -> None:
    for part, text in ADULT.items():
        (tmp_path / part).write_text(text)
    arrays = adult._decode({part: tmp_path / part for part in ADULT})
    assert arrays["y_train"].tolist() == [0] and arrays["y_test"].tolist() == [1]
    train, test = arrays["X_train"][0], arrays["X_test"][0]
    assert train[0] == 39 and train[3] == 12  # Bachelors: education-num 13 counts from 1
    assert np.isnan(test[[1, 6, 13]]).all() and test[9] == 0


def test_education_is_in_the_order_of_its_number() -> None:
    assert len(adult.NAMES["education"]) == 16
    assert adult.NAMES["education"][8] == "HS-grad"  # education-num 9


CREDIT = (
    "rownames,Status,Seniority,Home,Time,Age,Marital,Records,Job,Expenses,Income,Assets,Debt,"
    "Amount,Price\n1,good,9,rent,60,30,married,no,freelance,73,129,0,0,800,846\n"
    "30,bad,0,,48,37,single,no,,35,,,,1500,1850\n"
)


def test_credit_is_decoded_from_the_published_csv(tmp_path: Path) -> None:
    (tmp_path / "csv").write_text(CREDIT)
    arrays = credit._decode({"csv": tmp_path / "csv"})
    assert arrays["y"].tolist() == [0, 1]
    assert arrays["X"][0].tolist() == [9, 0, 60, 30, 1, 0, 1, 73, 129, 0, 0, 800, 846]
    assert np.isnan(arrays["X"][1]).tolist() == [i in (1, 6, 8, 9, 10) for i in range(13)]


def test_another_file_in_place_of_credit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "csv").write_text("<html>login</html>\n")
    with pytest.raises(ValueError, match="it has no column"):
        credit._decode({"csv": tmp_path / "csv"})
    (tmp_path / "pickle").write_bytes(b"not xz")
    with pytest.raises(ValueError, match="cannot be decompressed"):
        credit._decode({"pickle": tmp_path / "pickle"})


# --- pickles ----------------------------------------------------------------------------------


def old_pickle() -> bytes:
    """A pickled table as pandas 2.2 with NumPy 1 wrote it, made without them."""
    modules = {name: ModuleType(name) for name in ("frame", "internals.managers", "indexes.base")}
    names = {key: f"pandas.core.{key}" for key in modules}

    class Reduced:
        def __init__(self, call: object, *args: object) -> None:
            self.call, self.args = call, args

        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return self.call, self.args  # type: ignore[return-value]

    def stub(module: str, name: str) -> object:
        function = type(name, (), {"__module__": module, "__qualname__": name})
        sys.modules.setdefault(module, ModuleType(module))
        setattr(sys.modules[module], name, function)
        return function

    saved = dict(sys.modules)
    try:
        for name in [*names.values(), "pandas._libs.internals", "numpy.core.numeric"]:
            sys.modules[name] = ModuleType(name)
        block = stub("pandas._libs.internals", "_unpickle_block")
        manager = stub(names["internals.managers"], "BlockManager")
        index, new = stub(names["indexes.base"], "Index"), stub(names["indexes.base"], "_new_Index")
        buffer = stub("numpy.core.numeric", "_frombuffer")
        frame = stub(names["frame"], "DataFrame")
        ages = np.array([[30, 58]])
        number = Reduced(buffer, ages.tobytes(), ages.dtype, ages.shape, "C")
        blocks = (
            Reduced(block, number, slice(1, 2, 1), 2),
            Reduced(block, [["good", "bad"]], slice(0, 1, 1), 2),
        )
        axes = [Reduced(new, index, {"data": ["Status", "Age"]}), None]
        table = frame()  # type: ignore[operator]
        table._mgr = Reduced(manager, blocks, axes)
        return pickle.dumps(table)
    finally:
        for name in set(sys.modules) - set(saved):
            del sys.modules[name]
        sys.modules.update(saved)


def test_a_table_is_read_without_pandas() -> None:
    table = read_table(old_pickle())
    assert list(table) == ["Status", "Age"]
    assert list(table["Status"]) == ["good", "bad"] and table["Age"].tolist() == [30, 58]


class Harm:
    def __init__(self, call: object, *args: object) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call, self.args  # type: ignore[return-value]


@pytest.mark.parametrize("call", [os.system, eval, getattr, np.load, pickle.loads])
def test_a_pickle_that_would_run_something_is_refused(call: object, tmp_path: Path) -> None:
    data = pickle.dumps(Harm(call, f"touch {tmp_path}/harm"))
    with pytest.raises(PickleRefused, match="which no table needs"):
        read_table(data)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("data", [b"", b"\x80", pickle.dumps([1, 2]), lzma.compress(b"x")])
def test_bytes_that_are_no_table_are_refused(data: bytes) -> None:
    with pytest.raises(PickleRefused, match="not a pickled table"):
        read_table(data)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_table_that_was_cut_off_is_refused(cut: float) -> None:
    data = old_pickle()
    with pytest.raises(PickleRefused):
        read_table(data[: int(cut * len(data))])
