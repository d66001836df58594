"""Checks on models, training and results: right answers pass, each misconception is named."""

from __future__ import annotations

import os
import pickle
import re
from functools import partial

from course_utils import checks
from course_utils.checks import CheckFailed, seeds

import numpy as np
import pytest

LR = 0.3


@pytest.fixture(autouse=True)
def _fresh_state(monkeypatch):
    monkeypatch.setattr(seeds, "_states", [seeds.State()])
    monkeypatch.setenv("COURSE_CHECK_SEED", "13")


def message_of(check, *args, **kwargs) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


# --- one step of training -------------------------------------------------------------------


def gradients(params, X, y):
    """Gradients of the mean squared error of X @ W + b."""
    error = X @ params["W"] + params["b"] - y
    return {"W": 2 * X.T @ error / len(X), "b": 2 * error.mean(axis=0)}


def reference(params, X, y, lr):
    return {k: params[k] - lr * g for k, g in gradients(params, X, y).items()}


def stepped(params, X, y, lr, **factors):
    """A step with another factor in front of each gradient."""
    found = gradients(params, X, y)
    return {k: params[k] - lr * factors.get(k, factors.get("all", 1)) * found[k] for k in found}


def problem(seed=0, dtype=np.float64):
    r = np.random.default_rng(seed)
    params = {"W": r.normal(size=(3, 2)), "b": r.normal(size=2)}
    params = {k: v.astype(dtype) for k, v in params.items()}
    return params, r.normal(size=(7, 3)).astype(dtype), r.normal(size=(7, 2)).astype(dtype), LR


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_right_steps_pass(seed, dtype):
    given = problem(seed, dtype)
    checks.training_step(reference, *given, reference=reference)
    checks.training_step(
        lambda p, X, y, lr: {k: v.astype(np.float32) for k, v in reference(p, X, y, lr).items()},
        *given,
        reference=reference,
    )
    listed = lambda p, X, y, lr: list(  # noqa: E731
        reference(dict(zip("Wb", p, strict=True)), X, y, lr).values()
    )
    params, X, y, lr = given
    checks.training_step(listed, list(params.values()), X, y, lr, reference=listed)
    checks.training_step(listed, tuple(params.values()), X, y, lr, reference=listed)
    one = lambda w, X, lr: w - lr * X.T @ (X @ w - 1) / len(X)  # noqa: E731
    checks.training_step(one, params["W"], X, lr, reference=one)


def uphill(p, X, y, lr):
    return stepped(p, X, y, -lr)


def swapped(p, X, y, lr):
    found = gradients(p, X, y)
    return {"W": p["W"] - lr * found["W"], "b": p["b"] - lr * found["W"][0]}


class Accumulates:
    """Keeps the gradients of the step before, as without zero_grad."""

    def __init__(self):
        self.kept = None

    def __call__(self, p, X, y, lr):
        found = gradients(p, X, y)
        if self.kept is not None:
            found = {k: found[k] + self.kept[k] for k in found}
        self.kept = found
        return {k: p[k] - lr * found[k] for k in p}


def in_place(p, X, y, lr):
    for k, g in gradients(p, X, y).items():
        p[k] -= lr * g
    return p


STEPS = {
    "nothing": (lambda p, X, y, lr: p, "nothing was changed: the update"),
    "uphill": (uphill, "the step goes uphill: the gradient must be subtracted"),
    "summed": (partial(stepped, all=7), "summed instead of averaged: the step is 7 times too lar"),
    "summed, uphill": (partial(stepped, all=-7), "uphill, and the gradient is summed instead of"),
    "averaged twice": (partial(stepped, all=1 / 7), "averaged twice"),
    "no learning rate": (partial(stepped, all=1 / LR), "is not multiplied by 0.3"),
    "learning rate twice": (partial(stepped, all=LR), "multiplied by 0.3 twice"),
    "factor 2": (partial(stepped, all=2), "a factor 2 is too many, or two steps"),
    "half": (partial(stepped, all=0.5), "a factor 2 is missing"),
    "some factor": (partial(stepped, all=1.7), "the step is 1.7 times the expected"),
    "bias forgotten": (partial(stepped, b=0), "`b` was not changed: it is detached"),
    "bias summed": (partial(stepped, b=7), "for `b` alone, the gradient is summed instead of"),
    "zero_grad": (Accumulates(), "made for the second time.*set gradients to zero"),
    "the change": (
        lambda p, X, y, lr: {k: reference(p, X, y, lr)[k] - p[k] for k in p},
        "the change is returned",
    ),
    "in place": (in_place, "changed its argument `p` in place"),
    "one array": (lambda p, X, y, lr: p["W"], "returned a NumPy array: .*form of the old ones"),
    "a tuple": (lambda p, X, y, lr: (p["W"], p["b"]), "2 arrays \\(W, b\\)|returned a tuple"),
    "missing name": (lambda p, X, y, lr: {"W": p["W"]}, "a dictionary with W"),
    "none": (lambda p, X, y, lr: None, "None"),
    "transposed": (
        lambda p, X, y, lr: {**reference(p, X, y, lr), "W": reference(p, X, y, lr)["W"].T},
        "shape.*transposed",
    ),
    "nan": (lambda p, X, y, lr: {k: v * np.nan for k, v in p.items()}, "is nan"),
    "text": (lambda p, X, y, lr: {"W": "a", "b": "b"}, "is a string"),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", STEPS)
def test_wrong_steps_fail(case, seed):
    step, says = STEPS[case]
    if isinstance(step, Accumulates):
        step.kept = None
    said = message_of(checks.training_step, step, *problem(seed), reference=reference)
    assert re.search(says, said, re.DOTALL), said


def test_wrong_steps_in_float32_are_named_too():
    for case in ("summed", "uphill", "no learning rate", "bias forgotten"):
        step, says = STEPS[case]
        said = message_of(checks.training_step, step, *problem(1, np.float32), reference=reference)
        assert re.search(says, said), said


def test_a_suspect_is_another_step():
    def decayed(p, X, y, lr):
        return {k: v - lr * 0.1 * p[k] for k, v in reference(p, X, y, lr).items()}

    said = message_of(
        checks.training_step,
        decayed,
        *problem(),
        reference=reference,
        suspects={"cannot be": lambda *_: 1 / 0, "weight decay is left on": decayed},
    )
    assert said.rstrip().endswith("It looks as if weight decay is left on.")


def test_steps_that_belong_to_another_parameter():
    one = lambda p, X: {"a": p["a"] - X.mean(0), "b": p["b"] + X.std(0)}  # noqa: E731
    other = lambda p, X: {"a": p["a"] + X.std(0), "b": p["b"] - X.mean(0)}  # noqa: E731
    X = np.random.default_rng(0).normal(size=(5, 3))
    params = {"a": np.ones(3), "b": np.zeros(3)}
    said = message_of(checks.training_step, other, params, X, reference=one, steps=1)
    assert "`a` gets the step that belongs to `b`" in said


def test_a_step_that_shows_nothing_is_refused():
    params, X, y, _ = problem()
    with pytest.raises(ValueError, match="changes nothing"):
        checks.training_step(reference, params, X, y, 0.0, reference=reference)
    tiny = {k: v.astype(np.float32) for k, v in params.items()}
    with pytest.raises(ValueError, match="use a larger lr"):
        checks.training_step(
            lambda p, X, y, lr: {
                k: v.astype(np.float32) for k, v in reference(p, X, y, lr).items()
            },
            tiny,
            X,
            y,
            1e-7,
            reference=reference,
        )


# --- one batch by heart ---------------------------------------------------------------------


def batch(seed=0, classes=3, count=12):
    r = np.random.default_rng(seed)
    return r.normal(size=(count, 20)), r.integers(0, classes, size=count)


def least_squares(X, y):
    onehot = np.eye(int(y.max()) + 1)[y]
    return np.linalg.lstsq(X, onehot, rcond=None)[0]


@pytest.mark.parametrize("seed", range(5))
def test_what_learns_the_batch_passes(seed):
    X, y = batch(seed)
    assert checks.overfits_batch(lambda X, y: X @ least_squares(X, y), X, y) == 1.0
    assert checks.overfits_batch(lambda X, y: (X @ least_squares(X, y)).argmax(1).tolist(), X, y)
    assert checks.overfits_batch(least_squares, X, y, predict=lambda W, X: X @ W) == 1.0
    values = np.random.default_rng(seed).normal(size=12)
    fit = lambda X, y: X @ np.linalg.lstsq(X, y, rcond=None)[0]  # noqa: E731
    assert checks.overfits_batch(fit, X, values) > 0.999


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        (lambda X, y: np.zeros(len(y), dtype=int), "every example gets the same answer, class 0"),
        (lambda X, y: y + 1, "off by one: each prediction is 1 too large"),
        (lambda X, y: y - 1, "off by one: each prediction is 1 too small"),
        (lambda X, y: (y + 1) % 3, "the classes have other names"),
        (lambda X, y: np.roll(y, 1), "one row too late"),
        (lambda X, y: y[::-1].copy(), "in the reverse order"),
        (lambda X, y: np.eye(3)[y].T, "the scores are transposed"),
        (lambda X, y: np.eye(3)[y].argmax(axis=0), "argmax went over the wrong axis"),
        (lambda X, y: y * 0.5, "expected classes, which are whole numbers"),
        (lambda X, y: np.full(len(y), np.nan), "is nan"),
        (lambda X, y: None, "is None"),
        (lambda X, y: {"W": 1}, "is a dictionary"),
        (lambda X, y: object(), "came back as predictions is an object"),
        (lambda X, y: np.where(np.arange(len(y)) < 24, y, (y + 1) % 3), "it is on its way"),
    ],
)
def test_what_does_not_learn_the_batch_fails(fit, says):
    X, y = batch(count=30)
    said = message_of(checks.overfits_batch, fit, X, y, name="fit")
    assert re.search(says, said), said


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        (lambda X, y: np.full(12, y.mean()), "every example gets the same answer"),
        (lambda X, y: 3 * y, "on another scale, 3 times the expected spread"),
        (lambda X, y: y + 5, "a constant is added"),
        (lambda X, y: -y, "the sign is flipped"),
        (lambda X, y: y[np.random.default_rng(0).permutation(12)], "rows of X and y are torn"),
        (lambda X, y: y[:, None], r"shape \(12, 1\).*axis of length 1"),
        (lambda X, y: y + np.random.default_rng(0).normal(size=12), "on its way"),
    ],
)
def test_values_that_are_not_learned_fail(fit, says):
    X, _ = batch()
    y = np.random.default_rng(5).normal(size=12)
    assert re.search(says, message_of(checks.overfits_batch, fit, X, y)), says


# --- quality --------------------------------------------------------------------------------


def test_quality_measures_here():
    y = np.array([0, 1, 1, 0])
    assert checks.quality([0, 1, 0, 0], y, low=0.7) == 0.75
    assert checks.quality(np.eye(2)[y], y, low=1.0) == 1.0
    assert checks.quality([1.0, 2.0], [1.0, 4.0], high=3, measure="mean squared error") == 2.0
    assert checks.quality([1.0, 2.0], [1.0, 4.0], high=3, measure="mean absolute error") == 1.0
    assert checks.quality([1.0, 4.0], [1.0, 4.0], low=0.9, measure="R²") == 1.0


def test_quality_says_what_guessing_gives():
    r = np.random.default_rng(0)
    y = r.integers(0, 10, size=500)
    said = message_of(checks.quality, r.integers(0, 10, size=500), y, low=0.9, name="accuracy")
    assert re.search(r"it guesses \(always the most frequent class gives 1\d\.\d%\)", said)
    said = message_of(checks.quality, r.permutation(y), y, low=0.9)
    assert "rows of X and y are torn apart" in said
    two = r.integers(0, 2, size=100)
    assert "the two classes are exchanged" in message_of(checks.quality, 1 - two, two, low=0.9)
    said = message_of(checks.quality, np.roll(y, 1), y, low=0.9)
    assert "one row too late" in said
    assert "reverse order" in message_of(checks.quality, y[::-1].copy(), y, low=0.9)
    good = np.where(np.arange(500) < 420, y, (y + r.integers(1, 10, 500)) % 10)
    assert "It looks" not in message_of(checks.quality, good, y, low=0.9)


def test_quality_needs_one_bound():
    with pytest.raises(ValueError, match="either low or high"):
        checks.quality([1], [1])
    with pytest.raises(ValueError, match="choose one of accuracy"):
        checks.quality([1], [1], low=1, measure="f1")


# --- parameters -----------------------------------------------------------------------------

SHAPES = [(4, 3), (3,), (3, 2), (2,)]


def made(*shapes):
    return {f"p{k}": np.ones(shape) for k, shape in enumerate(shapes)}


def test_counts_of_parameters():
    for model in (made(*SHAPES), list(made(*SHAPES).values()), {"a": made(*SHAPES)}, 23, 23.0):
        assert checks.parameter_count(model, SHAPES) == 23
        assert checks.parameter_count(model, 23) == 23
    assert checks.parameter_count(made(*SHAPES[::-1]), SHAPES) == 23
    assert checks.parameter_count(np.int64(23), 23) == 23


@pytest.mark.parametrize(
    ("model", "want", "says"),
    [
        (made((4, 3), (3, 2)), SHAPES, r"the biases are missing: .* shape \(3,\)"),
        (made((4, 3), (3,), (3, 2)), SHAPES, r"the bias is missing: .* shape \(2,\)"),
        (made((4, 3), (3,)), SHAPES, "a layer is missing"),
        (made(*SHAPES, (5,)), SHAPES, r"a bias too many, of shape \(5,\)"),
        (made(*SHAPES, (2, 2), (2,)), SHAPES, "a layer too many"),
        (made((3, 4), (3,), (2, 3), (2,)), SHAPES, "the weights are transposed"),
        (made((5, 3), (3,), (3, 2), (2,)), SHAPES, r"\(5, 3\) instead of \(4, 3\): off by one"),
        (made((9, 3), (3,), (3, 2), (2,)), SHAPES, r"shape \(9, 3\) instead of \(4, 3\)\."),
        (18, SHAPES, "the biases are left out"),
        (4, SHAPES, "the arrays are counted, not their entries"),
        (46, 23, "has 46 parameters, expected 23"),
        (made(*SHAPES, *SHAPES), 23, "every parameter is counted twice"),
        (made(*SHAPES), 18, "5 biases too many"),
        ({}, SHAPES, "the layers are not known to the model"),
        (None, 3, "is None"),
        ("model", 3, "has no parameters to count"),
        (object(), 3, "has no parameters to count.* 'object'"),
        ((x for x in [1]), 3, "has no parameters to count"),
        (float("nan"), 3, "is nan"),
        (-3, 3, "expected at least 0"),
        (2.5, 3, "whole number"),
    ],
)
def test_wrong_counts_fail(model, want, says):
    said = message_of(checks.parameter_count, model, want, name="net")
    assert re.search(says, said), said


# --- saved results --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_saved_results_are_read(folder):
    np.savez("a.npz", y=np.arange(3), p=np.eye(2, dtype=np.float32))
    np.save("b.npy", np.ones((2, 3)))
    (folder / "c.csv").write_text("x,y\n1,2\n3,4\n")
    (folder / "d.csv").write_text("1,2\n")
    (folder / "e.json").write_text('{"accuracy": 0.5, "losses": [1, 2]}')
    found = checks.saved_result("a.npz", {"y": (3,), "p": ("N", 2)})
    assert found["y"].tolist() == [0, 1, 2]
    assert checks.saved_result("b.npy").shape == (2, 3)
    assert checks.saved_result("c.csv").tolist() == [[1, 2], [3, 4]]
    assert checks.saved_result("d.csv").tolist() == [[1, 2]]
    assert checks.saved_result("e.json") == {"accuracy": 0.5, "losses": [1, 2]}
    checks.quality(found["y"], [0, 1, 2], low=1.0)


def test_files_that_cannot_be_had_are_said(folder):
    np.savez("objects.npz", y=np.array([{}, None]))
    np.savez("unnamed.npz", np.ones(3))
    np.savez("shape.npz", y=np.ones((3, 1)))
    (folder / "cut.npz").write_bytes((folder / "shape.npz").read_bytes()[:50])
    (folder / "cut.npy").write_bytes(b"\x93NUMPY")
    (folder / "words.csv").write_text("a,b\nc,d\n")
    (folder / "odd.json").write_text("{")
    (folder / "empty.csv").write_text("")
    (folder / "folder.npy").mkdir()
    for path, says in {
        "gone.npz": "is not there: run the cell that saves it",
        "folder.npy": "is not there",
        "objects.npz": "a pickle.*np.savez",
        "unnamed.npz": r"saved without names: np.savez\(path, y=y\)",
        "shape.npz": r"shape.npz\['y'\]` has shape \(3, 1\), expected \(3,\)",
        "cut.npz": "cannot be read: it is cut short",
        "cut.npy": "cannot be read",
        "words.csv": "cannot be read",
        "odd.json": "cannot be read",
    }.items():
        said = message_of(checks.saved_result, path, {"y": (3,)})
        assert re.search(says, said), said
    with pytest.raises(ValueError, match="ends with none of"):
        checks.saved_result("a.pkl")


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("boom",))


def test_a_pickle_is_never_loaded(folder):
    (folder / "bomb.npy").write_bytes(pickle.dumps(Bomb()))
    np.savez("bomb.npz", y=np.array([Bomb()], dtype=object))
    for path in ("bomb.npy", "bomb.npz"):
        assert "pickle" in message_of(checks.saved_result, path)
    assert not (folder / "boom").exists()
    pickle.loads((folder / "bomb.npy").read_bytes())
    assert (folder / "boom").exists(), "the bomb itself is no bomb"
