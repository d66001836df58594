"""Checks on what must not change: right functions pass, and each misconception is named."""

from __future__ import annotations

import re

from course_utils import checks
from course_utils.checks import CheckFailed, seeds

import numpy as np
import pytest

SEEDS = range(5)


@pytest.fixture(autouse=True)
def _fresh_state(monkeypatch):
    monkeypatch.setattr(seeds, "_states", [seeds.State()])
    monkeypatch.setenv("COURSE_CHECK_SEED", "11")


def message_of(check, *args, **kwargs) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# --- permutations ---------------------------------------------------------------------------

POOLS = {
    "mean": lambda x: x.mean(axis=0),
    "largest": lambda x: x.max(axis=0),
    "in float32": lambda x: x.astype(np.float32).mean(axis=0),
    "sorted": lambda x: np.sort(x, axis=0),
    "a number": lambda x: float((x**2).sum()),
    "a list": lambda x: x.sum(axis=0).tolist(),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pool", POOLS)
def test_set_functions_are_permutation_invariant(pool, seed):
    found = checks.permutation_invariant(POOLS[pool], drawn(6, 3, seed=seed))
    assert np.allclose(found, POOLS[pool](drawn(6, 3, seed=seed)), atol=1e-5)


@pytest.mark.parametrize(
    ("pool", "says"),
    [
        (lambda x: x[-1], "only one place along axis 0 counts, number 5"),
        (lambda x: x[0] * 2, "number 0"),
        (lambda x: np.tanh(x), "sum or mean over axis 0 is missing"),
        (lambda x: (x * np.arange(6)[:, None]).sum(0), "place of an entry along axis 0 plays a"),
        (lambda x: x.reshape(-1) @ np.arange(18.0), "place of an entry"),
    ],
)
def test_a_pool_that_looks_at_places_fails(pool, says):
    said = message_of(checks.permutation_invariant, pool, drawn(6, 3), name="pool")
    assert said.startswith("`pool` of the same entries in another order along axis 0 is ")
    assert re.search(f"It looks as if .*{says}", said), said


def test_the_axis_of_a_permutation_is_used():
    checks.permutation_invariant(lambda x: x.sum(axis=1), drawn(4, 5), axis=1)
    message_of(checks.permutation_invariant, lambda x: x.sum(axis=1), drawn(4, 5), axis=0)


def attention(x):
    return softmax(x @ x.swapaxes(-1, -2) / np.sqrt(x.shape[-1])) @ x


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_and_attention_are_permutation_equivariant(seed):
    W = drawn(3, 4, seed=99)
    checks.permutation_equivariant(lambda x: np.tanh(x @ W), drawn(5, 3, seed=seed))
    checks.permutation_equivariant(attention, drawn(2, 5, 3, seed=seed), axis=1)
    checks.permutation_equivariant(lambda x: x.mean(axis=1), drawn(5, 3, seed=seed))
    checks.permutation_equivariant(lambda x: (x @ W).T, drawn(5, 3, seed=seed), out_axis=1)


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x + np.arange(5)[:, None], "the place of an entry along axis 0 plays a part"),
        (lambda x: np.cumsum(x, axis=0), "the place of an entry"),
        (lambda x: np.sort(x, axis=0), "the same for every order: it is sorted"),
        (lambda x: (x @ x.T @ x).T, "transposed"),
    ],
)
def test_functions_that_are_not_equivariant_fail(f, says):
    said = message_of(checks.permutation_equivariant, f, drawn(5, 5), name="f")
    assert re.search(says, said), said


def test_an_axis_that_is_gone_is_said():
    said = message_of(checks.permutation_equivariant, lambda x: x.sum(axis=0), drawn(5, 3))
    assert "expected 5 along axis 0" in said


def again(monkeypatch, seed):
    monkeypatch.setenv("COURSE_CHECK_SEED", str(seed))
    monkeypatch.setattr(seeds, "_states", [seeds.State()])


def test_one_place_is_always_found(monkeypatch):
    for seed in range(200):
        again(monkeypatch, seed)
        x = drawn(2 + seed % 5, 3, seed=seed)
        message_of(checks.permutation_invariant, lambda x, s=seed: x[s % len(x)], x)
        message_of(
            checks.permutation_equivariant, lambda x: x * (np.arange(len(x)) < 1)[:, None], x
        )


# --- shifts ---------------------------------------------------------------------------------


def smooth(x, kernel=(1.0, 2.0, 3.0)):
    return np.apply_along_axis(lambda row: np.convolve(row, kernel, "same"), -1, x)


@pytest.mark.parametrize("by", [1, 2, -3])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_convolution_is_shift_equivariant(seed, by):
    checks.shift_equivariant(smooth, drawn(2, 16, seed=seed), by=by, margin=1)
    checks.shift_equivariant(lambda x: smooth(x)[:, ::2], drawn(2, 16), by=2, stride=2, margin=1)
    checks.shift_equivariant(np.tanh, drawn(6, 4, seed=seed), by=by, axis=0)


@pytest.mark.parametrize(
    ("f", "options", "says"),
    [
        (lambda x: x * np.arange(16), {}, "the place along axis -1 plays a part"),
        (lambda x: np.sort(x, axis=-1), {}, "does not move at all"),
        (lambda x: x[:, ::-1].copy(), {}, "moves the other way"),
        (lambda x: np.repeat(x[:, ::2], 2, axis=1), {"by": 2, "stride": 2}, "stride 2 is not used"),
    ],
)
def test_what_does_not_shift_along_fails(f, options, says):
    said = message_of(checks.shift_equivariant, f, drawn(2, 16), name="conv", **options)
    assert "shifted back," in said
    assert re.search(says, said), said


def test_a_shift_along_the_wrong_axis_is_named():
    x = drawn(6, 6)
    said = message_of(checks.shift_equivariant, lambda x: x.T.copy(), x, axis=0, name="conv")
    assert "axes are exchanged" in said


def test_a_flattened_result_has_no_places():
    said = message_of(checks.shift_equivariant, lambda x: x.ravel(), drawn(2, 8))
    assert "expected 2 axes" in said


def test_the_margin_is_not_judged():
    x = drawn(1, 12)

    def bordered(x):
        return smooth(x) + (np.arange(12) < 3)  # as if another padding reached three places in

    checks.shift_equivariant(bordered, x, margin=3)
    assert "shifted back" in message_of(checks.shift_equivariant, bordered, x, margin=1)


def test_global_pooling_is_shift_invariant():
    x = np.pad(drawn(2, 5), ((0, 0), (4, 4)))
    checks.shift_invariant(lambda x: smooth(x).max(axis=-1), x, by=2)
    checks.shift_invariant(lambda x: x.mean(axis=-1), drawn(2, 9), by=4)
    said = message_of(checks.shift_invariant, smooth, x, by=2)
    assert "a maximum, sum or mean over the places is missing" in said
    said = message_of(checks.shift_invariant, lambda x: x.reshape(2, -1) @ np.arange(13.0), x)
    assert "an index, a stride or a flatten sees it" in said


# --- examples of a batch --------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_treat_each_example_by_itself(seed):
    W = drawn(3, 2, seed=7)
    for f in (
        lambda x: np.tanh(x @ W),
        lambda x: softmax(x),
        lambda x: (x @ W).argmax(axis=1),
        lambda x: x.sum(axis=1),
        lambda x: (x - x.mean(axis=1, keepdims=True)).astype(np.float32),
    ):
        checks.batch_independent(f, drawn(5, 3, seed=seed))
    checks.batch_independent(lambda t: t * 2, np.arange(12).reshape(4, 3))


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x - x.mean(axis=0), "normalisation goes over the batch, axis 0"),
        (lambda x: softmax(x, axis=0), "goes over the batch"),
        (lambda x: x / len(x), "divided or multiplied by the number of examples"),
        (lambda x: x * len(x), "divided or multiplied by the number of examples"),
        (lambda x: x + len(x), "depends on how many examples there are"),
        (lambda x: np.cumsum(x, axis=0), "goes over the batch"),
        (lambda x: np.squeeze(x @ np.ones((3, 2))), "squeeze drops every axis of length 1"),
        (lambda x: x.mean(axis=0), "forgot the batch dimension"),
        (lambda x: x.T, "the axes are transposed"),
        (lambda x: x.reshape(5, 3) + 1, "a fixed number of examples is written into it"),
        (lambda x: x + x[::-1].mean(axis=0) * (len(x) > 1), "goes over the batch"),
    ],
)
def test_mixed_examples_fail(f, says):
    said = message_of(checks.batch_independent, f, drawn(5, 3), name="f")
    assert re.search(f"It looks as if .*{says}", said), said


def test_examples_that_see_only_their_neighbours_are_found():
    def f(x):
        out = x.copy()
        if len(x) > 1:
            out[0] += 0 * out[0]
            out[-1] = x[-1] + 1e-3 * x[0]
        return out

    assert "batch" in message_of(checks.batch_independent, f, drawn(5, 3))


# --- the future -----------------------------------------------------------------------------


def masked(x, diagonal=0, transposed=False, after=False, axis=-1):
    scores = x @ x.swapaxes(-1, -2) / np.sqrt(x.shape[-1])
    mask = np.tril(np.ones(scores.shape[-2:]), diagonal)
    mask = mask.T if transposed else mask
    if after:
        return (softmax(scores) * mask) @ x
    scores = np.where(mask > 0, scores, -1e9)
    return softmax(scores, axis) @ x


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("length", [3, 6, 20])
def test_masked_attention_is_causal(seed, length):
    checks.causal(masked, drawn(2, length, 4, seed=seed))
    checks.causal(lambda x: np.cumsum(x, axis=0), drawn(length, seed=seed), axis=0)
    checks.causal(lambda x: np.cumsum(x, axis=1).astype(np.float32), drawn(2, length, seed=seed))
    tokens = np.random.default_rng(seed).integers(0, 9, size=(2, length))
    checks.causal(lambda t: np.cumsum(t * 3 % 7, axis=1) + t, tokens)
    shifted = lambda x: np.cumsum(np.pad(x, ((0, 0), (1, 0)))[:, :-1], axis=1)  # noqa: E731
    checks.causal(shifted, drawn(2, length, seed=seed), sees_itself=False)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("f", "says"),
    [
        (attention, "position 0 see position 1.* there is no mask: every position sees"),
        (lambda x: masked(x, diagonal=1), "off by one: each position sees the next one"),
        (lambda x: masked(x, diagonal=2), "sees 2 places ahead"),
        (lambda x: masked(x, transposed=True), "the mask is transposed"),
        (lambda x: masked(x, after=True), "A mask that is set after the softmax"),
        (lambda x: masked(x, axis=-2), "softmax over the wrong axis"),
        (lambda x: smooth(x.swapaxes(1, 2)).swapaxes(1, 2), "each position sees the next one"),
        (lambda x: x[:, ::-1], "lets some of the future through"),
        (lambda x: np.cumsum(x, 1) - x, "does not let position 0 see itself.* off by one"),
        (lambda x: np.zeros_like(x), "does not depend on the sequence at all"),
        (lambda x: x.sum(axis=1), "expected 6 positions along axis 1"),
    ],
)
def test_masks_that_leak_fail(f, says, seed):
    said = message_of(checks.causal, f, drawn(2, 6, 4, seed=seed), name="attention")
    assert re.search(says, said), said


def test_causal_raises_no_false_alarm(monkeypatch):
    for seed in range(200):
        again(monkeypatch, seed)
        x = drawn(3, 5, 4, seed=seed)
        checks.causal(lambda x: np.maximum(masked(x)[..., :2], 0), x)
        checks.causal(lambda x: masked(x).argmax(axis=-1), x)
        checks.causal(lambda x: masked(x).astype(np.float32), x)


def test_a_leak_far_ahead_in_a_long_sequence_is_found():
    def f(x):
        out = np.cumsum(x, axis=1)
        out[:, 0] += x[:, 39] * 1e-2
        return out

    assert "position 0 see position 39" in message_of(checks.causal, f, drawn(1, 40))


# --- constants ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "f", "x"),
    [
        (checks.permutation_invariant, lambda x: 7.0, drawn(4, 3)),
        (checks.permutation_equivariant, lambda x: np.ones((4, 3)), drawn(4, 3)),
        (checks.shift_invariant, lambda x: x.sum() * 0, drawn(2, 9)),
        (checks.shift_equivariant, lambda x: np.zeros_like(x), drawn(2, 9)),
        (checks.batch_independent, lambda x: np.zeros(len(x)), drawn(4, 3)),
    ],
)
def test_a_constant_proves_nothing(check, f, x):
    said = message_of(check, f, x, name="f")
    assert "`f` gives the same result whatever its input is" in said


def test_a_relu_or_an_argmax_is_no_constant(monkeypatch):
    for seed in range(200):
        again(monkeypatch, seed)
        x = drawn(3, 2, seed=seed)
        checks.batch_independent(lambda x: np.maximum(x[:, :1], 0), x)
        checks.permutation_invariant(lambda x: x.max(axis=0).argmax(), x)


# --- what a test must give ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "x", "options"),
    [
        (checks.permutation_invariant, np.ones((1, 2)), {}),
        (checks.batch_independent, np.ones((1, 2)), {}),
        (checks.causal, np.ones((1, 2, 2)), {}),
        (checks.shift_equivariant, np.ones(4), {"margin": 2}),
        (checks.shift_equivariant, np.ones(4), {"by": 3, "stride": 2}),
        (checks.causal, np.ones((2, 4), dtype=int), {}),
    ],
)
def test_inputs_that_show_nothing_are_refused(check, x, options):
    with pytest.raises(ValueError, match=r"\."):
        check(lambda x: x, x, **options)


def test_an_input_that_is_no_data_is_refused():
    with pytest.raises(TypeError, match=r"The input of checks\.causal is None"):
        checks.causal(lambda x: x, None)
