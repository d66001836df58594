"""The checks themselves: right values pass in every form, wrong ones fail and say why."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from course_utils import checks
from course_utils.checks import CheckFailed, data, seeds, suspicions

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _fresh_state():
    seeds._states[:] = [seeds.State()]
    yield
    seeds._states[:] = [seeds.State()]


def message_of(check, *args, **kwargs) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


# --- documentation --------------------------------------------------------------------------


def test_importing_checks_imports_no_framework():
    code = (
        "import sys; import course_utils.checks; "
        "print([m for m in ('torch', 'tensorflow', 'pandas', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


# --- what counts as data --------------------------------------------------------------------

WANT = np.array([[0.1, 0.2, 0.3], [1 / 3, -2 / 7, 5.0]])


def frozen(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flags.writeable = False
    return values


def torch_of(values, **options):
    torch = pytest.importorskip("torch")
    return torch.tensor(values, **options)


def tensorflow_of(values, dtype=None):
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.constant(values, dtype=dtype)


FORMS = {
    "float64": lambda v: v.copy(),
    "float32": lambda v: v.astype(np.float32),
    "longdouble": lambda v: v.astype(np.longdouble),
    "Fortran order": np.asfortranarray,
    "big-endian": lambda v: v.astype(">f8"),
    "read-only": frozen,
    "a view with negative strides": lambda v: v[::-1, ::-1].copy()[::-1, ::-1],
    "a broadcast-free slice": lambda v: np.repeat(v, 2, axis=1)[:, ::2],
    "lists": lambda v: v.tolist(),
    "tuples of lists": lambda v: tuple(v.tolist()),
    "a list of arrays": lambda v: list(v),
    "lists of NumPy scalars": lambda v: [[np.float32(x) for x in row] for row in v],
    "an object array": lambda v: v.astype(object),
    "np.matrix": lambda v: np.asmatrix(v),
    "a masked array without masks": lambda v: np.ma.array(v),
    "a data frame": lambda v: pd.DataFrame(v),
    "torch float64": lambda v: torch_of(v),
    "torch float32 with grad": lambda v: torch_of(v.astype(np.float32), requires_grad=True),
    "a transposed torch view": lambda v: torch_of(v.T.copy()).T,
    "torch in lists": lambda v: [
        [torch_of(x, requires_grad=True) for x in row] for row in v.tolist()
    ],
    "a sparse torch tensor": lambda v: torch_of(v).to_sparse(),
    "tensorflow": lambda v: tensorflow_of(v, "float64"),
    "a tensorflow variable": lambda v: pytest.importorskip("tensorflow").Variable(
        v.astype(np.float32)
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_right_values_pass_in_every_form(form):
    got = FORMS[form](WANT)
    found = checks.array(got, shape=(2, 3), dtype="float", name="got")
    assert type(found) is np.ndarray
    assert found.dtype == np.float64
    checks.close(got, WANT, name="got")
    checks.close(found, WANT, name="got")


@pytest.mark.parametrize("form", FORMS)
def test_wrong_values_fail_in_every_form(form):
    off = WANT.copy()
    off[1, 2] += 0.01
    got = FORMS[form](off)
    said = message_of(checks.close, got, WANT, name="got")
    assert "`got` is 5.01 at index (1, 2), expected 5" in said
    assert "1 of 6 entries differ" in said


SCALARS = {
    "float": lambda v: v,
    "np.float64": np.float64,
    "np.float32": np.float32,
    "0-d array": np.array,
    "torch 0-d": lambda v: torch_of(v, requires_grad=True),
    "torch float32": lambda v: torch_of(v, dtype=pytest.importorskip("torch").float32),
    "tensorflow 0-d": lambda v: tensorflow_of(v),
}


@pytest.mark.parametrize("form", SCALARS)
def test_scalars_in_every_form(form):
    got = SCALARS[form](1 / 3)
    assert type(checks.number(got)) is float
    checks.close(got, 1 / 3)
    checks.at_least(got, 0.33)
    checks.at_most(got, 0.34)
    assert "expected at least 0.5" in message_of(checks.at_least, got, 0.5, name="accuracy")
    assert "expected at most 0.2" in message_of(checks.at_most, got, 0.2, name="loss")


class AlwaysEqual:
    """An object that says yes to everything."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def _yes(self, *_):
        return self

    __sub__ = __rsub__ = __add__ = __abs__ = __le__ = __ge__ = __lt__ = __gt__ = _yes
    __array_ufunc__ = lambda self, *_, **__: True  # noqa: E731

    def __bool__(self):
        return True

    __hash__ = object.__hash__


class LyingArray(np.ndarray):
    """An array whose operations all answer with the expected."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.array(True)

    def __array_function__(self, func, types, args, kwargs):
        return True

    def __eq__(self, other):
        return np.ones(self.shape, dtype=bool)

    __hash__ = None

    def all(self, *_, **__):
        return True


class ChangingArray:
    """Other numbers at every reading: the wanted ones from the second on."""

    def __init__(self, want):
        self.want, self.readings = np.asarray(want), 0

    def __array__(self, dtype=None, copy=None):
        self.readings += 1
        return self.want * 0 if self.readings == 1 else self.want


class LyingFloat(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__

    def __float__(self):
        return 1 / 3


class LyingInt(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class LyingStr(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class LyingList(list):
    def __eq__(self, other):
        return True

    __hash__ = None


def test_no_verdict_rests_on_what_a_value_says_of_itself():
    message_of(checks.close, AlwaysEqual(), 1.0)
    message_of(checks.equal, AlwaysEqual(), 1)
    message_of(checks.number, AlwaysEqual(), low=0)
    lying = np.zeros((2, 3)).view(LyingArray)
    message_of(checks.close, lying, WANT)
    message_of(checks.equal, lying, WANT)
    message_of(checks.close, [lying, lying], np.ones((2, 2, 3)))
    message_of(checks.close, ChangingArray(WANT), WANT)
    message_of(checks.close, [[AlwaysEqual()] * 3] * 2, WANT)
    message_of(checks.equal, LyingInt(3), 4)
    message_of(checks.equal, LyingStr("a"), "b")
    message_of(checks.equal, LyingList([1]), [2])
    message_of(checks.equal, {LyingStr("a"): 1}, {"b": 1})
    message_of(checks.equal, {LyingInt(1)}, {2})
    message_of(checks.close, LyingFloat(0.5), 1 / 4)
    message_of(checks.number, LyingFloat(0.5), low=0.6)


def test_array_returns_a_copy_that_shares_nothing():
    got = np.zeros(3)
    found = checks.array(got)
    got[:] = 7
    assert found.tolist() == [0, 0, 0]


NOT_NUMBERS = {
    "None": (lambda: None, "is None: is the `return` line missing?"),
    "a string": (lambda: "1.0", "is a string"),
    "a dictionary": (lambda: {"a": 1.0}, "is a dictionary"),
    "a set": (lambda: {1.0}, "is a set"),
    "a generator": (lambda: (x for x in [1.0]), "is an iterator.*list"),
    "a map": (lambda: map(float, [1]), "is an iterator"),
    "a function": (lambda: np.sum, "parentheses"),
    "a method": (lambda: np.zeros(3).sum, "is a function.*parentheses"),
    "a class": (lambda: float, "is a class"),
    "a ragged list": (lambda: [[1.0, 2.0], [3.0]], "rows of different sizes .*2 entries.*1 has 1"),
    "a ragged object array": (
        lambda: np.array([[1.0, 2.0], [3.0]], dtype=object),
        "rows of different sizes",
    ),
    "a list with None": (lambda: [1.0, None], "holds None"),
    "a list of strings": (lambda: ["a", "b"], "holds text"),
    "a list with a string": (lambda: [1.0, "b"], "holds text"),
    "an array of strings": (lambda: np.array(["a"]), "holds text"),
    "dates": (lambda: np.array(["2024-01-01"], dtype="datetime64[D]"), "dates"),
    "records": (lambda: np.zeros(2, dtype=[("a", float)]), "dtype"),
    "an object": (lambda: object(), "is an object"),
    "a masked array": (lambda: np.ma.array([1.0, 2.0], mask=[0, 1]), "masked"),
    "a column of text": (lambda: pd.Series(["a", "b"]), "text|object"),
    "a huge int": (lambda: 10**30, "too large"),
    "a sequence without end": (lambda: Endless(), "is an Endless, not numbers"),
    "a list of such": (lambda: [Endless(), Endless()], "is an Endless, not numbers"),
    "nested without end": (lambda: endless(), "nested|cannot be read"),
    "an object that breaks": (lambda: Breaking(), "cannot be read as numbers .*no luck"),
}


def endless():
    loop: list = []
    loop.append(loop)
    return loop


class Endless:
    """As long as it likes, and made of itself: NumPy would walk through it for years."""

    def __len__(self):
        return 5

    def __getitem__(self, place):
        return self


class Breaking:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no luck")


@pytest.mark.parametrize("case", NOT_NUMBERS)
@pytest.mark.parametrize(
    "check",
    [
        lambda v: checks.array(v, name="f(x)"),
        lambda v: checks.close(v, 1.0, name="f(x)"),
        lambda v: checks.number(v, name="f(x)"),
    ],
    ids=["array", "close", "number"],
)
def test_what_is_no_number_is_said_in_a_sentence(case, check):
    make, says = NOT_NUMBERS[case]
    said = message_of(check, make())
    assert said.startswith("`f(x)` ")
    assert re.search(says, said, re.DOTALL), said
    assert said.rstrip().endswith((".", "?"))


def test_kinds_of_numbers():
    assert checks.array([1, 2], dtype="float").dtype == np.float64  # Python's ints are numbers
    assert checks.array(3, dtype="float").dtype == np.float64
    assert checks.array(np.uint8([1, 2]), dtype="int").dtype == np.int64
    assert checks.array(np.array([True]), dtype="bool").dtype == np.bool_
    assert checks.array([True, False], dtype="bool").dtype == np.bool_
    assert checks.array(np.array([1j]), dtype="complex").dtype == np.complex128
    assert checks.array([], shape=(0,), dtype="float").shape == (0,)
    assert checks.array(np.uint64(2**64 - 1)).dtype == np.float64
    said = message_of(checks.array, np.array([1, 2]), dtype="float", name="grad")
    assert "`grad` holds whole numbers, expected floating-point numbers" in said
    assert "dtype=float" in said
    assert "astype(int)" in message_of(checks.array, np.array([1.0]), dtype="int")
    assert "z > 0" in message_of(checks.array, np.array([1]), dtype="bool")
    assert "truth values" in message_of(checks.array, True, dtype="float")
    assert "complex numbers" in message_of(checks.array, np.array([1j]), dtype="float")
    with pytest.raises(ValueError, match="choose one of"):
        checks.array(1.0, dtype="double")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(bad):
    values = np.array([[1.0, bad], [bad, 2.0]])
    said = message_of(checks.array, values, name="loss")
    assert f"`loss` is {bad} at index (0, 1) (2 of 4 entries are not finite): look for " in said
    assert checks.array(values, finite=False).shape == (2, 2)
    checks.close(values, values)
    assert str(bad) in message_of(checks.close, values, np.ones((2, 2)))
    message_of(checks.close, np.ones((2, 2)), values)
    message_of(checks.number, bad)


def test_inf_of_the_wrong_sign_differs():
    message_of(checks.close, np.array([np.inf, 1.0]), np.array([-np.inf, 1.0]))


SHAPES = [
    ((3, 5), (5, 3), "transposed"),
    ((), (4,), "every axis"),
    ((4, 1), (4,), "axis of length 1 is left over"),
    ((4,), (4, 1), "keepdims"),
    ((4, 4), (4,), r"broadcasts to \(4, 4\)"),
    ((28, 28), (8, 28, 28), "one entry per example, is missing"),
    ((8, 3), (3,), "over the first axis is missing"),
    ((2, 8, 3), (2, 8), "over the last axis is missing"),
    ((6, 2), (3, 4), "another layout"),
    ((2, 4, 3), (2, 3, 4), "another order"),
    ((25, 28), (26, 28), "axis 0 is one too short: off by one"),
    ((26, 29), (26, 28), "axis 1 is one too long: off by one"),
    ((5, 7), (5, 6, 7), "went over axis 1"),
    ((4, 3), (4, 1), "over axis 1 is missing"),
]


@pytest.mark.parametrize(("got", "want", "says"), SHAPES)
def test_what_a_wrong_shape_looks_like(got, want, says):
    for check in (
        lambda: checks.array(np.ones(got), shape=want, name="y"),
        lambda: checks.close(np.ones(got), np.ones(want), name="y"),
    ):
        said = message_of(check)
        assert f"`y` has shape {got}" in said
        assert re.search(says, said), said


def test_free_and_named_lengths():
    checks.array(np.ones((4, 3)), shape=(None, 3))
    checks.array(np.ones((4, 4)), shape=("N", "N"))
    assert "expected (any, 3)" in message_of(checks.array, np.ones((4, 2)), shape=(None, 3))
    assert "expected (N, N)" in message_of(checks.array, np.ones((4, 2)), shape=("N", "N"))
    message_of(checks.array, np.ones(4), shape=(None, 3))


def test_the_reason_completes_the_sentence():
    said = message_of(
        checks.array,
        np.ones((1, 26, 26)),
        shape=(1, 28, 28),
        name="conv2d(x)",
        why="with padding=1 a 3×3 kernel keeps height and width. See Convolution, padding.",
    )
    assert said == (
        "`conv2d(x)` has shape (1, 26, 26), expected (1, 28, 28): with padding=1 a 3×3 kernel "
        "keeps height and width. See Convolution, padding."
    )


# --- close ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.lists(st.integers(1, 5), max_size=3).map(tuple),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_float32_answers_pass_and_small_mistakes_do_not(seed, shape, scale):
    random = np.random.default_rng(seed)
    a = random.normal(size=(*shape, 30)) * scale
    b = random.normal(size=(30,))
    want = np.tanh(a / scale) @ b * scale
    got = (
        np.tanh(a.astype(np.float32) / np.float32(scale)) @ b.astype(np.float32) * np.float32(scale)
    )
    checks.close(got, want)
    checks.close(got.tolist(), want)
    checks.close(checks.array(got), want)
    message_of(checks.close, want + 1e-3 * max(scale, np.abs(want).max()), want)
    message_of(checks.close, got + np.float32(1e-2 * np.abs(want).max()), want)


def test_double_precision_stays_strict():
    want = np.random.default_rng(0).normal(size=10)
    message_of(checks.close, want * (1 + 1e-5), want)
    checks.close(want * (1 + 1e-7), want)


def test_whole_numbers_get_no_slack():
    message_of(checks.close, np.array([100001.0, 3.0]), np.array([100000.0, 3.0]))
    message_of(checks.close, np.float32([100001.0, 3.0]), np.array([100000.0, 3.0]))


def test_scalars_are_not_arrays_of_one():
    message_of(checks.close, np.array([1.0]), 1.0)
    message_of(checks.close, 1.0, np.array([1.0]))
    said = message_of(checks.number, np.array([[0.5]]), name="loss")
    assert "take it out with [0] or .item()" in said


def test_bool_and_complex_values():
    checks.close(np.array([True, False]), [1, 0])
    message_of(checks.close, np.array([True, True]), [1, 0])
    checks.close(np.array([1 + 2j]), np.array([1 + 2j]))
    message_of(checks.close, np.array([1 + 2j]), np.array([1 - 2j]))
    message_of(checks.close, np.array([1 + 2j]), np.array([1.0]))
    assert "real number" in message_of(checks.number, 1j)
    assert "real number" in message_of(checks.number, True)


def test_empty_arrays():
    checks.close([], np.zeros(0))
    message_of(checks.close, [], np.zeros(1))
    checks.equal([], [])


def test_a_huge_array_is_judged_in_time():
    want = np.random.default_rng(0).normal(size=3_000_000)
    got = want.copy()
    got[1_234_567] += 1
    said = message_of(checks.close, got, want)
    assert "at index 1234567" in said
    assert "1 of 3000000 entries differ" in said


def test_the_numbers_shown_differ():
    said = message_of(checks.close, 1.00000200002, 1.0, name="x")
    assert "`x` is 1.00000200002, expected 1.0" in said


def test_suspects_name_the_misconception():
    z = np.random.default_rng(1).normal(size=(3, 2))
    said = message_of(
        checks.close,
        1 / (1 + np.exp(z)),
        1 / (1 + np.exp(-z)),
        name="sigmoid(z)",
        suspects={
            "this cannot be computed": lambda: 1 / 0,
            "it is tanh": lambda: np.tanh(z),
            "the minus sign in exp(-z) is missing": lambda: 1 / (1 + np.exp(z)),
        },
    )
    assert said.endswith("It looks as if the minus sign in exp(-z) is missing.")


def test_a_suspect_may_have_the_wrong_shape_or_be_a_plain_value():
    want = np.arange(3.0)
    said = message_of(checks.close, 3.0, want, suspects={"everything is summed": lambda: 3.0})
    assert "everything is summed" in said
    assert "twice" in message_of(checks.close, 2.0, 1.0, suspects={"it ran twice": 2.0})


def test_a_suspect_that_equals_the_expected_is_none():
    said = message_of(checks.close, [1.0, 2.5], [1.0, 2.0], suspects={"nonsense": [1.0, 2.0]})
    assert "nonsense" not in said


Z = np.random.default_rng(5).normal(size=(4, 4)) * 2 + 0.3
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
LOOKS = {
    "transposed": (Z.T, Z, "transposed"),
    "flipped sign": (-Z, Z, "sign is flipped"),
    "lost sign": (np.abs(Z), Z, "sign is lost"),
    "twice": (2 * Z, Z, "factor 2 too many"),
    "half": (Z / 2, Z, "a factor 2 is missing"),
    "half, flipped": (-Z / 2, Z, "sign flipped, a factor 2 is missing"),
    "some factor": (3.7 * Z, Z, "3.7 times"),
    "log2": (np.log2(P), np.log(P), "base 2 instead of e"),
    "log10": (np.log10(P), np.log(P), "base 10 instead of e"),
    "offset": (Z + 0.25, Z, "every entry is 0.25 too large"),
    "reversed": (Z[::-1], Z, "order along axis 0 is reversed"),
    "shifted": (np.roll(Z, 1, axis=1), Z, "off by one along axis 1: .* too late"),
    "shifted back": (np.roll(Z, -1, axis=0), Z, "off by one along axis 0: .* too early"),
    "another order": (Z.ravel()[::-1].reshape(4, 4)[[1, 0, 2, 3]], Z, "wrong places"),
    "softmax over rows": (
        np.exp(Z) / np.exp(Z).sum(axis=0),
        P,
        "wrong axis: the result sums to one along axis 0, and should along axis 1",
    ),
    "softmax over all": (np.exp(Z) / np.exp(Z).sum(), P, "over all entries at once"),
    "centred over the wrong axis": (
        Z - Z.mean(axis=1, keepdims=True),
        Z - Z.mean(axis=0),
        "wrong axis",
    ),
    "zeros": (np.zeros_like(Z), Z, "nothing was ever written"),
    "constant": (np.full_like(Z, 0.3), Z, "every entry is the same"),
    "whole numbers": (np.trunc(Z), Z, "whole numbers"),
    "one minus": (1 - P, P, "one minus"),
    "squared": (P**2, P, "square of the expected"),
    "rooted": (np.sqrt(P), P, "square root is too many"),
    "logarithm left": (np.log(P), P, "exp is missing"),
    "exp left": (np.exp(Z), Z, "logarithm is missing"),
    "inverse": (1 / Z, Z, "1/x"),
    "cut at zero": (np.maximum(Z, 0), Z, "cut to 0"),
    "half precision": (Z.astype(np.float16), Z, "float16"),
    "two decimals": (np.round(Z, 2), Z, "rounded to 2 decimals"),
    "negative ones": (np.where(Z < 0, 0.1 * Z, Z), Z, "should be negative are wrong"),
    "border": (np.vstack([Z[:-1], Z[-1:] * 3 + 1]), Z, "only the last entry along axis 0"),
    "diagonal": (Z + np.diag([1.0, 2, 3, 4]), Z, "only the diagonal"),
}


@pytest.mark.parametrize("case", LOOKS)
def test_what_a_wrong_value_looks_like(case):
    got, want, says = LOOKS[case]
    said = message_of(checks.close, got, want, name="y")
    assert re.search(f"It looks as if .*{says}", said), said


def test_sums_and_means_are_recognised_from_the_arguments():
    X = np.random.default_rng(2).normal(size=(7, 3))
    for got, want, says in (
        (X.sum(0), X.mean(0), "summed instead of averaged: 7 times too large, and 7 is the length"),
        (X.mean(0), X.sum(0), "averaged where it should be summed"),
        (X.sum() / 7, X.sum(), "averaged where it should be summed"),
        (X.mean(), X.sum() / 7, "3 times too small, and 3 is the length of axis 1 of `X`"),
        (X.mean(), X.sum(), "21 is the number of entries of `X`"),
    ):
        checks.call(lambda X: None, X)
        said = message_of(checks.close, got, want)
        assert says in said, said


def test_an_input_that_comes_back_is_recognised():
    X = np.random.default_rng(3).normal(size=(4, 3))
    got = checks.call(lambda X: X, X)
    assert "the input `X` came back unchanged" in message_of(checks.close, got, np.tanh(X) + X)


def test_random_numbers_raise_no_suspicion():
    random = np.random.default_rng(4)
    for shape in ((), (3,), (4, 4), (2, 3, 4)):
        for _ in range(50):
            assert suspicions.of_value(random.normal(size=shape), random.normal(size=shape)) == ""


# --- equal ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (np.array([1, 2]), [1, 2]),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        ([np.int64(1), 2.0], [1, 2]),
        (np.bool_(True), True),
        ({"a": np.array([1])}, {"a": [1]}),
        ({1, 2}, frozenset({2, 1})),
        ({(1, 2): 3}, {(1, 2): 3}),
        (np.str_("a"), "a"),
        (np.array(["a", "b"]), ["a", "b"]),
        (None, None),
        ({"a": 1}.keys(), ["a"]),
        (float("nan"), float("nan")),
    ],
)
def test_equal_in_every_form(got, want):
    checks.equal(got, want)


@pytest.mark.parametrize(
    ("got", "want", "says"),
    [
        ([1, 2], [1, 3], r"`v\[1\]` is 2, expected 3\."),
        ([1], [1, 3], "has 1 item, expected 2"),
        ([1, 3, 4], [1, 3], "has 3 items, expected 2"),
        ({"a": 1}, {"b": 1}, "no entry for 'b'"),
        ({"a": 1, "b": 2}, {"a": 1}, "entry for 'b', which should not"),
        ({1, 2}, {1, 3}, "lacks 3"),
        ({1, 3, 4}, {1, 3}, "holds 4, which should not"),
        ("cat", "dog", "is 'cat', expected 'dog'"),
        (1, "1", "is 1, expected '1'"),
        ("1", 1, "is a string '1', expected 1"),
        (None, [1], "is None"),
        (object(), [1], "is an object"),
        ((x for x in [1]), [1], "is an iterator"),
        ([1, 2, 3, 4], [2, 3, 4, 5], "every entry is 1 too small"),
        ([3, 1, 4, 2], [2, 4, 1, 3], "reversed"),
    ],
)
def test_equal_says_what_differs(got, want, says):
    assert re.search(says, message_of(checks.equal, got, want, name="v"))


def test_whole_numbers():
    assert checks.number(3, integer=True) == 3.0
    assert checks.number(3.0, integer=True) == 3.0
    assert "expected a whole number" in message_of(checks.number, 3.5, integer=True)
    assert checks.number(2, low=2, high=2) == 2


def test_that():
    checks.that(np.True_, "no")
    checks.that([True], "no")
    assert message_of(checks.that, np.bool_(False), "It is false.") == "It is false."
    with pytest.raises(TypeError, match=r"\.all\(\)"):
        checks.that(np.array([True, False]), "no")
    with pytest.raises(TypeError, match="one bool"):
        checks.that(None, "no")


# --- functions ------------------------------------------------------------------------------


def test_function_accepts_other_names_and_defaults():
    checks.function(lambda x: x, parameters=["z"])
    checks.function(lambda x, y=2: x, parameters=["z"])
    checks.function(lambda *args: args, parameters=["x", "y"])
    checks.function(lambda x, *, lr: x, parameters=["x", "*", "lr"])
    checks.function(lambda x, lr: x, parameters=["x", "*", "lr"])
    checks.function(np.tanh, parameters=["z"])
    checks.function(len)


def test_function_says_what_is_wrong():
    sigmoid = 0.5
    with pytest.raises(CheckFailed, match="`sigmoid` is a float, expected a function"):
        checks.function(sigmoid)
    said = message_of(checks.function, lambda x, y, z: x, parameters=["x", "y"], name="f")
    assert "`f` takes (x, y, z), expected (x, y)" in said
    assert "is None" in message_of(checks.function, None, name="f")


def test_call_says_where_the_code_stopped():
    def divide(x, y):
        return {}["gone"]

    said = message_of(checks.call, divide, np.ones((5, 3)), 0.1)
    assert (
        "`divide(x, y)` with x of shape (5, 3) and y = 0.1 stopped with KeyError: 'gone'." in said
    )
    assert '`return {}["gone"]`' in said


CELL = """
half = lambda v: v / 0
def inner(x):
    return {k: half(v) for k, v in x.items()}
def rows(x):
    return [row / 0 for row in x]
def total(x):
    return sum((lambda v: v / 0)(v) for v in x)
def table(x):
    return {v: {v / 0} for v in x}
def by_size(x):
    return sorted(x, key=lambda v: v / 0)
"""


@pytest.mark.parametrize(
    ("name", "cell", "line"),
    [
        ("rows", "`rows`'s cell", 6),
        ("total", "`total`'s cell", 8),
        ("table", "`table`'s cell", 10),
        ("by_size", "`by_size`'s cell", 12),
        ("half", "its cell", 2),
    ],
)
def test_a_comprehension_or_a_lambda_is_named_by_the_function_it_stands_in(name, cell, line):
    names = {}
    exec(compile(CELL, "<a cell of a notebook>", "exec"), names)
    value = 3.0 if name == "half" else [3.0, 4.0]
    said = message_of(checks.call, names[name], value)
    assert f"See line {line} of {cell}." in said
    assert "<" not in said


def test_an_error_in_the_course_s_own_code_is_told_by_the_line_that_called_it(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    names = {}
    source = "from course_utils import datasets\ndef f(x):\n    return datasets.load('mnist')\n"
    exec(compile(source, "<a cell of a notebook>", "exec"), names)
    said = message_of(checks.call, names["f"], 1.0)
    assert "course data fetch mnist" in said
    assert "See line 3 of `f`'s cell." in said


def test_a_lambda_of_another_cell_is_not_named_by_the_function_that_called_it():
    names = {}
    first, second = CELL.split("def inner", 1)
    for number, part in enumerate((first, "def inner" + second)):
        exec(compile(part, f"<cell {number}>", "exec"), names)
    said = message_of(checks.call, names["inner"], {"a": 3.0})
    assert "See line 2 of its cell." in said


def test_call_survives_whatever_is_raised():
    class Odd(BaseException):
        def __str__(self):
            raise RuntimeError

    def odd():
        raise Odd

    def leave():
        sys.exit(0)

    def deep(n=0):
        return deep(n + 1)

    assert "stopped with Odd" in message_of(checks.call, odd)
    assert "exit" in message_of(checks.call, leave)
    assert "without an end" in message_of(checks.call, deep)
    assert "stopped with TypeError" in message_of(checks.call, lambda x: x)

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.call(interrupted)


def test_an_unwritten_function_raises_not_implemented():
    def sigmoid(z):
        raise NotImplementedError  # write your answer here

    with pytest.raises(NotImplementedError, match="`sigmoid` is not written yet") as caught:
        checks.call(sigmoid, 1.0)
    assert type(caught.value) is NotImplementedError
    assert caught.value._render_traceback_() == [f"✗ {caught.value}"]


def test_the_unwritten_function_is_named_even_inside_another():
    def inner(z):
        raise NotImplementedError

    def outer(z):
        return inner(z) + 1

    with pytest.raises(NotImplementedError, match="`inner` is not written yet"):
        checks.call(outer, 1.0)


def test_functions_that_answer_oddly():
    class Odd:
        __signature__ = 3
        __module__ = 7

        @property
        def __name__(self):
            raise RuntimeError

        def __call__(self, z):
            return z + 1

    odd = Odd()
    checks.function(odd, parameters=["z"])
    assert checks.call(odd, 1) == 2
    assert "`f(x)` is an Odd: were the parentheses" in message_of(checks.array, odd, name="f(x)")


MUTATIONS = {
    "a list": ([1, 2], lambda v: v.append(3)),
    "a nested list": ([[1], [2]], lambda v: v[0].append(3)),
    "a dictionary": ({"W": np.zeros(2)}, lambda v: v["W"].__iadd__(1)),
    "a set": ({1}, lambda v: v.add(2)),
    "an array": (np.zeros(3), lambda v: v.__iadd__(1)),
    "an array with nan": (np.array([np.nan, 1.0]), lambda v: v.__setitem__(1, 2)),
    "a shape": (np.zeros((2, 3)), lambda v: v.resize((3, 2), refcheck=False)),
    "sorting": (np.array([2, 1]), lambda v: v.sort()),
}


@pytest.mark.parametrize("case", MUTATIONS)
def test_call_finds_arguments_that_were_changed(case):
    value, change = MUTATIONS[case]

    def f(v):
        change(v)

    before = data.copied(value)
    assert "`f` changed its argument `v` in place" in message_of(checks.call, f, value)
    assert data.same(before, value), "the caller's own value was touched"
    checks.call(f, value, inplace_ok=True)
    checks.call(lambda v: None, value)
    assert "`v`" in message_of(checks.call, f, v=value)


def test_call_finds_a_changed_tensor():
    torch = pytest.importorskip("torch")
    assert "in place" in message_of(checks.call, lambda v: v.add_(1), torch.zeros(3))
    checks.call(lambda v: v + 1, torch.zeros(3))


def test_call_hands_objects_through():
    class Model:
        count = 0

    model = Model()
    checks.call(lambda m: setattr(m, "count", 5), model)
    assert model.count == 5


# --- gradient -------------------------------------------------------------------------------


def layer(x, W, b):
    return np.tanh(x @ W + b)


def layer_backward(u, x, W, b):
    d = u * (1 - np.tanh(x @ W + b) ** 2)
    return d @ W.T, x.T @ d, d.sum(axis=0)


def inputs(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(5, 3)), random.normal(size=(3, 2)), random.normal(size=2)


@pytest.mark.parametrize("seed", range(5))
def test_right_gradients_pass(seed):
    arrays = inputs(seed)
    checks.gradient(layer, layer_backward, *arrays, wrt=None)
    for which in range(3):
        checks.gradient(layer, lambda *a, k=which: layer_backward(*a)[k], *arrays, wrt=which)
    checks.gradient(
        lambda z: np.maximum(z, 0), lambda u, z: u * (z > 0), np.array([-1.0, 0.0, 2.0])
    )
    checks.gradient(lambda w: float(np.sum(w**2)), lambda u, w: u * 2 * w, arrays[1])
    checks.gradient(np.exp, lambda u, z: (u * np.exp(z)).tolist(), np.ones((2, 2)))


def test_float32_and_torch_gradients_pass():
    torch = pytest.importorskip("torch")

    def f(x):
        return torch.tanh(torch.tensor(x, dtype=torch.float32)).sum(dim=0)

    def df(u, x):
        t = torch.tensor(x, dtype=torch.float32, requires_grad=True)
        torch.tanh(t).sum(dim=0).backward(torch.tensor(u, dtype=torch.float32))
        return t.grad

    checks.gradient(f, df, np.random.default_rng(0).normal(size=(4, 3)))
    said = message_of(
        checks.gradient, f, lambda u, x: -df(u, x), np.random.default_rng(0).normal(size=(4, 3))
    )
    assert "sign is flipped" in said


WRONG_GRADIENTS = {
    "ignores the upstream gradient": (
        lambda u, x, W, b: layer_backward(np.ones_like(u), x, W, b)[0],
        0,
        "upstream gradient is ignored",
    ),
    "forgot the derivative of tanh": (lambda u, x, W, b: u @ W.T, 0, "`x` is"),
    "averages over the batch": (
        lambda u, x, W, b: layer_backward(u, x, W, b)[1] / 5,
        1,
        "5 is the length of axis 0 of `x`",
    ),
    "averages the bias": (
        lambda u, x, W, b: layer_backward(u, x, W, b)[2] / 5,
        2,
        "averaged where it should be summed",
    ),
    "flips the sign": (lambda u, x, W, b: -layer_backward(u, x, W, b)[0], 0, "sign is flipped"),
    "keeps the batch": (
        lambda u, x, W, b: u * (1 - np.tanh(x @ W + b) ** 2),
        2,
        "over the first axis is missing",
    ),
    "transposes": (lambda u, x, W, b: layer_backward(u, x, W, b)[1].T, 1, "transposed"),
    "wrong input": (lambda u, x, W, b: layer_backward(u, x, W, b)[0], 1, "has shape"),
    "zero": (lambda u, x, W, b: np.zeros((5, 3)), 0, "entries are 0"),
    "nan": (lambda u, x, W, b: np.full((5, 3), np.nan), 0, "is nan"),
    "none": (lambda u, x, W, b: None, 0, "return"),
}


@pytest.mark.parametrize("case", WRONG_GRADIENTS)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_gradients_fail(case, seed):
    df, which, says = WRONG_GRADIENTS[case]
    said = message_of(checks.gradient, layer, df, *inputs(seed), wrt=which, name="layer_backward")
    assert says in said, said
    assert f"`layer_backward` with respect to `{'xWb'[which]}`" in said
    assert "seed" in said


def test_several_gradients_are_counted_and_named():
    said = message_of(
        checks.gradient, layer, lambda *a: layer_backward(*a)[:2], *inputs(), wrt=None, name="df"
    )
    assert "returns 2, expected 3 gradients: one each for `x`, `W`, `b`" in said
    swapped = message_of(
        checks.gradient, layer, lambda *a: layer_backward(*a)[::-1], *inputs(), wrt=None
    )
    assert "with respect to `x` has shape (2,)" in swapped


def test_a_large_input_is_sampled():
    x = np.random.default_rng(0).normal(size=(100, 50))
    calls = []

    def f(x):
        calls.append(1)
        return (x**2).sum()

    checks.gradient(f, lambda u, x: 2 * u * x, x)
    assert len(calls) < 500
    message_of(checks.gradient, f, lambda u, x: u * x, x)


def test_a_gradient_that_changes_its_input_is_found():
    def df(u, x):
        x *= 2
        return u * x

    assert "in place" in message_of(checks.gradient, lambda x: x**2, df, np.ones(3))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 5), m=st.integers(1, 5))
def test_gradients_of_softmax_cross_entropy_on_any_shape(seed, n, m):
    random = np.random.default_rng(seed)
    y = random.integers(0, m, size=n)

    def loss(z):
        z = z - z.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(n), y]))

    def backward(u, z):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(n), y] -= 1
        return u * p / n

    z = random.normal(size=(n, m)) * 3
    checks.gradient(loss, backward, z)
    if n > 1 and m > 1:
        said = message_of(checks.gradient, loss, lambda u, z: backward(u, z) * n, z)
        assert "summed instead of averaged" in said or "factor 2" in said


# --- seeds and tasks ------------------------------------------------------------------------


def test_inputs_are_fresh_in_every_run_and_repeat_with_the_seed(monkeypatch):
    def drawn():
        with checks.task("t"):
            return checks.rng().normal(size=3).tolist() + checks.rng().normal(size=3).tolist()

    monkeypatch.delenv("COURSE_CHECK_SEED", raising=False)
    assert drawn() != drawn()
    monkeypatch.setenv("COURSE_CHECK_SEED", "7")
    first = drawn()
    assert first == drawn()
    assert first[:3] != first[3:]
    monkeypatch.setenv("COURSE_CHECK_SEED", "8")
    assert first != drawn()


def test_the_seed_in_the_message_repeats_the_inputs(monkeypatch):
    monkeypatch.delenv("COURSE_CHECK_SEED", raising=False)

    def failed():
        with checks.task("t"):
            z = checks.rng().normal(size=3)
            checks.close(z, np.zeros(3))

    said = message_of(failed)
    seed = re.search(r"COURSE_CHECK_SEED=(\d+)", said)
    assert seed
    monkeypatch.setenv("COURSE_CHECK_SEED", seed[1])
    assert message_of(failed) == said


def test_a_seed_that_is_no_number_is_said(monkeypatch):
    monkeypatch.setenv("COURSE_CHECK_SEED", "abc")
    with pytest.raises(ValueError, match="must be a whole number"):
        checks.rng()


def test_rng_leaves_the_global_generator_alone():
    np.random.seed(0)
    want = np.random.random()
    np.random.seed(0)
    checks.rng().normal()
    assert np.random.random() == want


def test_a_task_that_passes_says_so(capsys, monkeypatch):
    monkeypatch.setattr("course_utils.checks.tasks._told", False)
    for _ in range(2):
        with checks.task("Task 2 · sigmoid"):
            pass
    out = capsys.readouterr().out
    assert out.count("✓ Task 2 · sigmoid: these checks pass") == 2
    assert out.count("Grading runs further checks") == 1


def test_a_task_under_grading_does_not_speak_of_grading(capsys, monkeypatch):
    monkeypatch.setattr("course_utils.checks.tasks._told", False)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with checks.task("t"):
        pass
    assert "further checks" not in capsys.readouterr().out


def test_a_task_turns_every_error_into_a_sentence():
    def in_task(body):
        with checks.task("Task 1"):
            body()

    assert "stopped with ValueError: too bad" in message_of(in_task, lambda: int_of_nothing())
    with pytest.raises(NotImplementedError, match="not written yet"):
        in_task(not_written)
    with pytest.raises(KeyboardInterrupt):
        in_task(interrupt)
    with pytest.raises(CheckFailed) as caught:
        in_task(lambda: checks.that(False, "It is false."))
    assert caught.value._render_traceback_() == ["✗ Task 1: It is false."]
    assert len(seeds._states) == 1


def int_of_nothing():
    raise ValueError("too bad")


def not_written():
    raise NotImplementedError


def interrupt():
    raise KeyboardInterrupt


def test_a_missing_name_is_not_written_and_a_typo_inside_is_wrong():
    with (
        pytest.raises(NotImplementedError, match="`sigmoid` is not defined: run the cell"),
        checks.task("t"),
    ):
        sigmoid(1.0)  # noqa: F821

    def typo():
        return nmupy.exp(1)  # noqa: F821

    with pytest.raises(CheckFailed, match="NameError"), checks.task("t"):
        typo()
    with pytest.raises(CheckFailed, match="NameError"), checks.task("t"):
        checks.call(typo)


def test_warnings_in_a_task_do_not_reach_stderr(capfd):
    with checks.task("t"):
        checks.call(lambda: sys.stderr.write("careful"))
        checks.call(lambda: __import__("warnings").warn("overflow", stacklevel=1))
    out, err = capfd.readouterr()
    assert err == ""
    assert "careful" in out


# --- in Jupyter -----------------------------------------------------------------------------

CELLS = [
    "def f(x):\n    return 2 * x",
    "def g(x):\n    raise NotImplementedError  # write your answer here",
    "def h(x):\n    y = x + 1\n    return y / 0",
    "from course_utils import checks",
    "with checks.task('Task f'):\n    checks.close(checks.call(f, 3.0), 3.0, name='f(3)')",
    "with checks.task('Task g'):\n    checks.call(g, 3.0)",
    "with checks.task('Task h'):\n    checks.call(h, 3.0)",
    "with checks.task('Task k'):\n    k(3.0)",
    "with checks.task('Task fine'):\n    checks.call(f, 3.0)",
]


def test_jupyter_shows_the_sentence_alone():
    nbclient = pytest.importorskip("nbclient")
    from nbformat.v4 import new_code_cell, new_notebook

    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    client = nbclient.NotebookClient(notebook, timeout=60, allow_errors=True)
    with client.setup_kernel(env=environment):
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
    errors = {
        number: output
        for number, cell in enumerate(notebook.cells)
        for output in cell.outputs
        if output.output_type == "error"
    }
    assert sorted(errors) == [4, 5, 6, 7]
    assert [errors[number].ename for number in sorted(errors)] == [
        "CheckFailed",
        "NotImplementedError",
        "CheckFailed",
        "NotImplementedError",
    ]
    shown = {number: "\n".join(output.traceback) for number, output in errors.items()}
    assert shown[4].startswith("✗ Task f: `f(3)` is 6, expected 3.")
    assert shown[5].startswith("✗ Task g: `g` is not written yet")
    assert shown[6] == (
        "✗ Task h: `h(x)` with x = 3.0 stopped with ZeroDivisionError: float division by zero. See "
        "line 3 of `h`'s cell: `return y / 0`."
    )
    assert shown[7].startswith("✗ Task k: `k` is not defined")
    assert not any("Traceback" in text for text in shown.values())
    assert "✓ Task fine: these checks pass" in json.dumps(
        notebook.cells[8].outputs, ensure_ascii=False
    )


def test_data_that_are_missing_are_not_the_learners_mistake():
    from course_utils.datasets import UnknownDataset, load

    with pytest.raises(UnknownDataset, match="no-such-data"), checks.task("Task 1 · any"):
        load("no-such-data")


def test_data_that_are_missing_in_an_answer_are_told_with_its_name():
    from course_utils.datasets import load

    def train(x):
        load("no-such-data")

    with pytest.raises(CheckFailed, match="`train"), checks.task("Task 1 · any"):
        checks.call(train, 1)
