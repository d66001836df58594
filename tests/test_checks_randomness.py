"""Checks on random numbers and probabilities: no false alarm, and each misconception is named."""

from __future__ import annotations

import re

from course_utils import checks
from course_utils.checks import CheckFailed, seeds

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _fresh_state(monkeypatch):
    monkeypatch.setattr(seeds, "_states", [seeds.State()])
    monkeypatch.setenv("COURSE_CHECK_SEED", "12")


def message_of(check, *args, **kwargs) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


def rng(seed=0):
    return np.random.default_rng(seed)


# --- distributions --------------------------------------------------------------------------

DRAWS = {
    "normal": (lambda r, n: r.normal(2, 0.3, n), {"mean": 2, "std": 0.3}),
    "uniform": (lambda r, n: r.uniform(-1, 3, n), {"low": -1, "high": 3}),
    "bernoulli": (lambda r, n: r.random(n) < 0.1, {"p": 0.1}),
    "categorical": (lambda r, n: r.choice(4, n, p=[0.5, 0.3, 0.2, 0]), {"p": [0.5, 0.3, 0.2, 0]}),
}


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("count", [200, 5000])
def test_two_hundred_right_samples_raise_no_alarm(kind, count):
    draw, given = DRAWS[kind]
    for seed in range(200):
        sample = draw(rng(seed), count)
        checks.distribution(sample, kind, **given)
        checks.distribution(sample.reshape(20, -1).astype(np.float32), kind, **given)


@pytest.mark.parametrize("kind", DRAWS)
def test_the_false_alarms_are_fewer_than_the_bound_allows(kind):
    draw, given = DRAWS[kind]
    alarms = 0
    for seed in range(400):
        try:
            checks.distribution(draw(rng(seed), 500), kind, alpha=0.2, **given)
        except CheckFailed:
            alarms += 1
    assert alarms < 0.2 * 400


def cells(*shape, seed=3):
    return rng(seed).normal(size=shape)


NORMAL = {
    "variance for standard deviation": (
        lambda r: r.normal(0, 0.2**2, 4000),
        {"std": 0.2},
        "variance was given where the standard deviation belongs",
    ),
    "root too many": (lambda r: r.normal(0, 0.2**0.5, 4000), {"std": 0.2}, "a square root is"),
    "not shifted": (lambda r: r.normal(0, 0.2, 4000), {"mean": 1, "std": 0.2}, "shift by the mean"),
    "not scaled": (lambda r: r.normal(0, 1, 4000), {"std": 0.2}, "factor std is missing"),
    "standard": (lambda r: r.normal(0, 1, 4000), {"mean": 3, "std": 0.2}, "neither scaled nor"),
    "twice": (lambda r: r.normal(0, 0.6, 4000), {"std": 0.3}, "factor 2 is too many"),
    "half": (lambda r: r.normal(0, 0.15, 4000), {"std": 0.3}, "factor 2 is missing"),
    "uniform": (lambda r: r.uniform(-0.2, 0.2, 4000), {"std": 0.2}, "uniform, between mean − std"),
    "uniform, same moments": (
        lambda r: r.uniform(-(3**0.5), 3**0.5, 4000),
        {},
        "it is uniform, with the right mean and standard deviation",
    ),
    "from 0 to 1": (lambda r: r.random(4000), {}, "uniform from 0 to 1"),
    "absolute values": (lambda r: np.abs(r.normal(size=4000)), {}, "sign is lost"),
    "sign of the mean": (lambda r: r.normal(-1, 0.5, 4000), {"mean": 1, "std": 0.5}, "is flipped"),
    "1/sqrt(n_out) for 1/sqrt(n_in)": (
        lambda r: r.normal(0, 64**-0.5, (100, 64)),
        {"std": 0.1, "suspects": {"n_out is used for n_in": {"std": 64**-0.5}}},
        "It looks as if n_out is used for n_in",
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", NORMAL)
def test_what_is_not_normal_fails(case, seed):
    draw, given, says = NORMAL[case]
    said = message_of(checks.distribution, draw(rng(seed)), "normal", name="W", **given)
    assert said.startswith("`W` is not normal with mean ")
    assert says in said, said


UNIFORM = {
    "not scaled": (lambda r: r.random(4000), (-0.5, 0.5), "neither scaled nor shifted"),
    "not shifted": (lambda r: r.uniform(0, 4, 4000), (-2, 2), "shift is missing"),
    "upper half": (lambda r: r.uniform(0, 2, 4000), (-2, 2), "only the upper half"),
    "twice as wide": (lambda r: r.uniform(-4, 4, 4000), (-2, 2), "twice as wide"),
    "half as wide": (lambda r: r.uniform(-1, 1, 4000), (-2, 2), "half as wide"),
    "whole": (lambda r: r.integers(0, 2, 4000), (0, 2), "rounded to whole ones"),
    "normal": (lambda r: r.normal(0, 2, 4000), (-2, 2), "normal, with half of the width"),
    "standard normal": (lambda r: r.normal(0, 1, 4000), (-5, 5), "normal with standard deviation"),
}


@pytest.mark.parametrize("case", UNIFORM)
def test_what_is_not_uniform_fails(case):
    draw, (low, high), says = UNIFORM[case]
    said = message_of(checks.distribution, draw(rng()), "uniform", low=low, high=high, name="u")
    assert says in said, said


P = [0.6, 0.3, 0.1]
CHANCES = {
    "from 1": (lambda r: 1 + r.choice(3, 4000, p=P), P, "off by one"),
    "argmax": (lambda r: np.zeros(4000), P, r"all 4000 numbers are 0"),
    "uniform": (lambda r: r.integers(0, 3, 4000), P, "all are equally likely"),
    "reversed": (lambda r: r.choice(3, 4000, p=P[::-1]), P, "reverse order"),
    "squared": (
        lambda r: r.choice(3, 4000, p=np.square(P) / np.square(P).sum()),
        P,
        "are squared",
    ),
    "root": (
        lambda r: r.choice(3, 4000, p=np.sqrt(P) / np.sqrt(P).sum()),
        P,
        "square root of the probabilities",
    ),
    "swapped": (lambda r: r.random(4000) < 0.8, 0.2, "the two are swapped"),
    "not compared": (lambda r: r.random(4000), 0.2, "compare them with p"),
    "negative": (lambda r: -r.integers(0, 2, 4000), 0.5, "none of 0 … 1"),
}


@pytest.mark.parametrize("case", CHANCES)
def test_wrong_chances_fail(case):
    draw, p, says = CHANCES[case]
    kind = "bernoulli" if isinstance(p, float) else "categorical"
    said = message_of(checks.distribution, draw(rng()), kind, p=p, name="sample")
    assert re.search(says, said), said


def test_a_chance_that_is_a_little_off_is_found_with_enough_numbers():
    draws = rng().random(20_000) < 0.13
    said = message_of(checks.distribution, draws, "bernoulli", p=0.1)
    assert re.search(r"1[23]\.\d% of its 20000 numbers are 1, expected 10\.0%|are 0, exp", said)


def test_rows_that_repeat_are_found():
    row = rng().normal(size=50)
    said = message_of(checks.distribution, np.tile(row, (40, 1)), "normal", name="mask")
    assert "all 40 lines along axis 0 are the same" in said
    assert "drawn once and copied" in said
    said = message_of(checks.distribution, np.full(300, 0.5), "normal")
    assert "all 300 numbers are 0.5" in said
    mask = rng().random(60) < 0.5
    assert "the same" in message_of(checks.distribution, np.tile(mask, (9, 1)).T, "bernoulli")
    checks.distribution(np.zeros((30, 30)), "bernoulli", p=0.0)


def test_what_distribution_needs():
    assert "at least 200" in message_of(checks.distribution, np.zeros(10), "normal")
    with pytest.raises(ValueError, match="choose one of normal, uniform"):
        checks.distribution(cells(300), "gaussian")
    with pytest.raises(ValueError, match="add up to 1"):
        checks.distribution(cells(300), "categorical", p=[0.5, 0.2])
    message_of(checks.distribution, cells(300) + 0j, "normal")


# --- the same seed, the same numbers -----------------------------------------------------------


class Kept:
    """A generator that is made once, outside of the function."""

    def __init__(self):
        self.rng = rng()

    def __call__(self, n, seed):
        return self.rng.normal(size=n)


def first_only(n, seed, memory={}):  # noqa: B006 - the mistake under test
    memory.setdefault("x", rng(seed).normal(size=n))
    return memory["x"]


def test_functions_with_a_seed_are_deterministic():
    def draw(n, seed):
        return rng(seed).normal(size=n)

    def several(n, seed):
        r = rng(seed)
        return [(r.normal(size=n), r.normal(size=2)), {"b": r.random()}, 1]

    def global_generator(n, seed):
        np.random.seed(seed % 2**32)
        return np.random.normal(size=n)

    assert checks.deterministic(draw, 4).shape == (4,)
    checks.deterministic(draw, 4, seed="last")
    checks.deterministic(several, 3)
    checks.deterministic(global_generator, 3)
    checks.deterministic(lambda x: x * 2, np.ones(3), seed=None)
    checks.deterministic(lambda n, seed: draw(n, seed).astype(np.float32).tolist(), 4)


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda n, seed: rng().normal(size=n), "the same numbers for two different seeds"),
        (lambda n, seed: np.ones(n), "the seed is not used"),
        (Kept(), "it draws from a generator that does not get the seed"),
        (lambda n, seed: np.random.default_rng().normal(size=n), "again with the same seed"),
        (lambda n, seed: None, "is None: is the `return` line missing"),
        (lambda n, seed: object(), "this check compares numbers"),
        (lambda n, seed: iter([1.0]), "is an iterator"),
    ],
)
def test_numbers_that_do_not_follow_the_seed_fail(f, says):
    said = message_of(checks.deterministic, f, 4, name="start")
    assert re.search(says, said), said


def test_what_was_drawn_first_and_kept_is_named():
    message = message_of(checks.deterministic, first_only, 4)
    assert "same numbers for two different seeds" in message


def test_dropout_that_is_still_on_is_named():
    kept = rng()
    said = message_of(
        checks.deterministic, lambda x: x * (kept.random(x.shape) > 0.5), np.ones(20), seed=None
    )
    assert "dropout in training mode" in said


def test_a_result_that_changes_its_size_is_said():
    sizes = iter([3, 3, 4])
    said = message_of(checks.deterministic, lambda seed: rng(seed).normal(size=next(sizes)))
    assert "has shape (4,), then (3,)" in said or "has shape (3,), then (4,)" in said


# --- probabilities --------------------------------------------------------------------------


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


Z = cells(4, 5, 3)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_a_softmax_sums_to_one(axis):
    checks.sums_to_one(softmax(Z, axis), axis=axis)
    checks.sums_to_one(softmax(Z, axis).astype(np.float32), axis=axis)
    checks.sums_to_one([0.25, 0.75])
    checks.sums_to_one([1, 0, 0])
    checks.sums_to_one(np.eye(3))


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (softmax(Z, 0), "wrong axis: the sums are 1 along axis 0"),
        (softmax(Z, 1), "wrong axis: the sums are 1 along axis 1"),
        (np.exp(Z) / np.exp(Z).sum(), "over all entries at once"),
        (Z, "these are scores"),
        (np.exp(Z), "the softmax is missing"),
        (np.log(softmax(Z)), "exp is missing"),
        (1 / (1 + np.exp(-Z)), "went through a sigmoid"),
        (Z / np.linalg.norm(Z, axis=-1, keepdims=True), "the squares add up to 1"),
        (softmax(Z) * 3, "averaged where it should be summed: each sum is 3"),
        (softmax(Z) + 1e-3, "adds up to 1.003"),
        (np.where(np.arange(3) == 0, np.nan, softmax(Z)), "is nan"),
        (0.5, "no axis"),
        (softmax(Z) + 0j, "real numbers"),
    ],
)
def test_what_is_no_probability_fails(got, says):
    said = message_of(checks.sums_to_one, got, name="p")
    assert re.search(says, said), said


def test_a_negative_probability_fails_although_the_sum_is_one():
    said = message_of(checks.sums_to_one, [1.5, -0.5], name="p")
    assert "`p` is -0.5 at index 1: a probability is never negative" in said


# --- several results ------------------------------------------------------------------------


def test_several_results_come_back_in_order():
    assert checks.items((1, 2), ["a", "b"]) == [1, 2]
    assert checks.items([1, 2], ["a", "b"]) == [1, 2]
    assert checks.items({"b": 2, "a": 1, "c": 3}, ["a", "b"], keyed=True) == [1, 2]


@pytest.mark.parametrize(
    ("got", "keyed", "says"),
    [
        (None, False, "is None: is the `return` line missing"),
        (np.ones(2), False, "is a NumPy array, expected 2 results (dW, db)"),
        ((1, 2, 3), False, "returned 3 results, expected 2 results (dW, db)"),
        (([1, 2],), False, "in one more pair of brackets"),
        ((1,), False, "returned 1 result, expected"),
        ({"dW": 1}, False, "has no entry 'db'; it has 'dW'"),
        ((1, 2), True, "is a tuple, expected a dictionary with the keys dW, db"),
        ((x for x in [1, 2]), False, "is a generator, expected 2 results"),
        (object(), True, "is an object"),
    ],
)
def test_other_results_fail(got, keyed, says):
    said = message_of(checks.items, got, ["dW", "db"], name="backward(x)", keyed=keyed)
    assert says in said, said


# --- named axes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "says"),
    [
        ((2, 8, 9, 3), r"expected \(2, 3, 8, 9\), the axes \(N, C, H, W\).* order \(N, H, W, C\)"),
        ((2, 3, 9, 8), r"order \(N, C, W, H\)"),
        ((3, 8, 9), "the axis N is missing"),
        ((2, 8, 9), "the axis C is missing"),
        ((2, 3, 7, 8), "H and W are one too short: off by one"),
        ((2, 3, 8, 10), "W is one too long: off by one"),
    ],
)
def test_axes_are_named(got, says):
    axes = ("N", "C", "H", "W")
    said = message_of(checks.array, np.ones(got), shape=(2, 3, 8, 9), axes=axes, name="conv(X)")
    assert re.search(says, said), said


def test_equal_lengths_keep_the_likelier_order():
    axes = ("N", "C", "H", "W")
    said = message_of(checks.array, np.ones((2, 8, 8, 3)), shape=(2, 3, 8, 8), axes=axes)
    assert "order (N, H, W, C)" in said
    checks.array(np.ones((2, 3, 8, 8)), shape=(2, 3, 8, 8), axes=axes)
    with pytest.raises(ValueError, match="axes names 4 axes and shape has 2"):
        checks.array(np.ones((2, 2)), shape=(2, 2), axes=axes)
