"""Every check takes NumPy, PyTorch and TensorFlow values alike, and refuses odd ones in words.

TensorFlow is imported here and in test_checks.py only, and these tests stay in one process.
"""

from __future__ import annotations

import re
from functools import partial

from course_utils import checks
from course_utils.checks import CheckFailed, seeds

import numpy as np
import pytest

torch = pytest.importorskip("torch")
tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.xdist_group("checks-tensorflow")


@pytest.fixture(autouse=True)
def _fresh_state(monkeypatch):
    monkeypatch.setattr(seeds, "_states", [seeds.State()])
    monkeypatch.setenv("COURSE_CHECK_SEED", "14")


def message_of(check, *args, **kwargs) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


MAKERS = {
    "numpy": np.asarray,
    "torch": lambda v: torch.tensor(np.asarray(v)),
    "torch float32": lambda v: torch.tensor(np.asarray(v)).float().requires_grad_(),
    "tensorflow": lambda v: tf.constant(np.asarray(v)),
    "tensorflow float32": lambda v: tf.Variable(np.asarray(v).astype(np.float32)),
}
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(5, 3))
Z = RANDOM.normal(size=(2, 6, 4))
LABELS = RANDOM.integers(0, 3, size=12)
LONG = RANDOM.normal(size=(2, 16))


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def masked(x, diagonal=0):
    scores = x @ x.swapaxes(-1, -2)
    return softmax(np.where(np.tri(x.shape[-2], k=diagonal) > 0, scores, -1e9)) @ x


def step(w, X, scale=1.0):
    return w - 0.5 * scale * X.T @ (X @ w - 1) / len(X)


def given(make, f):
    """A learner's function that returns its result as a value of a framework."""
    return lambda *a, **k: make(f(*a, **k))


# check, right function, wrong function, what the message says
CASES = {
    "permutation_invariant": (
        lambda f: checks.permutation_invariant(f, X),
        lambda x: x.mean(axis=0),
        lambda x: x[1],
        "only one place",
    ),
    "permutation_equivariant": (
        lambda f: checks.permutation_equivariant(f, X),
        np.tanh,
        lambda x: np.sort(x, axis=0),
        "same for every order",
    ),
    "shift_equivariant": (
        lambda f: checks.shift_equivariant(f, LONG, margin=0),
        lambda x: np.maximum(x, 0),
        lambda x: x * np.arange(16),
        "the place along axis -1",
    ),
    "shift_invariant": (
        lambda f: checks.shift_invariant(f, LONG),
        lambda x: x.max(axis=-1),
        lambda x: x[:, 0],
        "an index, a stride",
    ),
    "batch_independent": (
        lambda f: checks.batch_independent(f, X),
        lambda x: softmax(x, 1),
        lambda x: softmax(x, 0),
        "goes over the batch",
    ),
    "causal": (
        lambda f: checks.causal(f, Z),
        masked,
        partial(masked, diagonal=1),
        "off by one",
    ),
    "sums_to_one": (
        lambda f: checks.sums_to_one(f(Z), axis=1, name="p"),
        lambda z: softmax(z, 1),
        softmax,
        "wrong axis",
    ),
    "deterministic": (
        lambda f: checks.deterministic(f, 4),
        lambda n, seed: np.random.default_rng(seed).normal(size=n),
        lambda n, seed: np.random.default_rng(0).normal(size=n),
        "the seed is not used",
    ),
    "distribution": (
        lambda f: checks.distribution(f(1), "normal", std=0.5),
        lambda seed: np.random.default_rng(seed).normal(0, 0.5, size=(20, 100)),
        lambda seed: np.random.default_rng(seed).normal(0, 0.25, size=(20, 100)),
        "variance was given",
    ),
    "training_step": (
        lambda f: checks.training_step(f, np.ones(3), X, reference=step),
        step,
        partial(step, scale=5),
        "summed instead of averaged: the step is 5 times too large",
    ),
    "overfits_batch": (
        lambda f: checks.overfits_batch(f, X, LABELS[:5]),
        lambda X, y: np.eye(3)[y],
        lambda X, y: np.eye(5)[y + 1],
        "off by one",
    ),
    "quality": (
        lambda f: checks.quality(f(LABELS), LABELS, low=0.9),
        lambda y: np.eye(3)[y],
        lambda y: np.eye(3)[np.zeros(12, dtype=int)],
        "every example gets the same answer",
    ),
    "parameter_count": (
        lambda f: checks.parameter_count({"W": f(4)}, [(4, 2)]),
        lambda n: np.ones((n, 2)),
        lambda n: np.ones((2, n)),
        "the weights are transposed",
    ),
    "frameworks_agree": (
        lambda f: checks.frameworks_agree(f(X[:3]), X[:3] @ X[:3]),
        lambda x: x @ x,
        lambda x: (x @ x).T,
        "a weight is transposed",
    ),
    "items": (
        lambda f: [checks.array(v, shape=(3,)) for v in checks.items((f(3), f(3)), ["a", "b"])],
        lambda n: np.ones(n),
        lambda n: np.ones((n, 1)),
        "axis of length 1 is left over",
    ),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("case", CASES)
def test_right_values_pass(case, make):
    check, right, _, _ = CASES[case]
    check(given(MAKERS[make], right))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("case", CASES)
def test_wrong_values_fail_and_the_cause_is_named(case, make):
    check, _, wrong, says = CASES[case]
    said = message_of(check, given(MAKERS[make], wrong))
    assert says in said, said


# --- hostile values -------------------------------------------------------------------------


class Liar:
    """Says yes to everything, and has whatever shape is asked for."""

    shape, ndim, dtype, size = (5, 3), 2, np.dtype(float), 15
    __hash__ = object.__hash__

    def __eq__(self, other):
        return True

    def _self(self, *_):
        return self

    __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = __le__ = __lt__ = __getitem__ = (
        _self
    )

    def __bool__(self):
        return True

    def __len__(self):
        return 5


class Explodes:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no luck")

    def __getattr__(self, name):
        raise RuntimeError("no luck")


class Empty(np.ndarray):
    def __array_function__(self, *_, **__):
        return True

    def __array_ufunc__(self, *_, **__):
        return True


HOSTILE = {
    "None": lambda: None,
    "a liar": Liar,
    "an explosion": Explodes,
    "a lying array": lambda: np.zeros((1, 1)).view(Empty),
    "nan": lambda: np.full((5, 3), np.nan),
    "huge": lambda: np.full((5, 3), 1e308),
    "inf": lambda: float("inf"),
    "text": lambda: "0.5",
    "a dictionary": lambda: {"a": 1},
    "a generator": lambda: (x for x in [1.0]),
    "a ragged list": lambda: [[1.0], [1.0, 2.0]],
    "objects": lambda: np.array([None, {}], dtype=object),
    "a function": lambda: np.sum,
    "a class": lambda: Liar,
    "empty": lambda: np.zeros((0, 3)),
    "complex": lambda: np.full((5, 3), 1j),
    "many axes": lambda: np.zeros((1,) * 20),
    "a symbolic tensor": lambda: tf.keras.Input((3,)),
    "a ragged tensor": lambda: tf.ragged.constant([[1.0], [1.0, 2.0]]),
}


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("case", CASES)
def test_hostile_values_fail_with_a_sentence(case, value):
    check = CASES[case][0]
    made = HOSTILE[value]
    said = message_of(check, lambda *_, **__: made())
    first = said.split("\n")[0]
    assert first.endswith((".", "?")), said
    assert "Traceback" not in said
    assert " at 0x" not in said


@pytest.mark.parametrize("case", CASES)
def test_errors_of_the_learner_are_told_in_a_sentence(case):
    def broken(*args, **kwargs):
        return {}["gone"]

    check = CASES[case][0]
    with pytest.raises(CheckFailed, match="stopped with KeyError: 'gone'"), checks.task("Task"):
        check(broken)


# --- autograd -------------------------------------------------------------------------------


def t_loss(x, w):
    return ((x @ w) ** 2).mean()


def t_inplace(x, w):
    h = torch.sigmoid(x @ w)
    out = h * 2
    h.mul_(3)
    return out + h


TORCH = {
    "detached": (lambda x, w: t_loss(x.detach(), w.detach()), r"cuts the graph.*detached"),
    "item": (lambda x, w: t_loss(x, w).item(), "what it returns is not a tensor.*detached"),
    "a new tensor": (lambda x, w: torch.tensor(float(t_loss(x, w))), "does not know how it was"),
    "numpy": (lambda x, w: np.mean((x @ w).numpy() ** 2), "NumPy is outside of the graph"),
    "one input": (lambda x, w: t_loss(x.detach(), w), "no gradient of `loss` reaches `x`"),
    "unused": (lambda x, w: (x**2).mean(), "`w` is not used, or is detached"),
    "a part": (lambda x, w: t_loss(x, w) + (x.detach() * x).sum(), "with respect to `x` is "),
    "in place": (lambda x, w: x.mul_(2) @ w, "changed in place|changed its argument"),
    "in place, inside": (t_inplace, "needs is changed in place"),
    "no_grad": (torch.no_grad()(t_loss), "cuts the graph"),
    "nothing": (lambda x, w: None, "is None: is the `return` line missing"),
}


def arrays(dtype=np.float64):
    r = np.random.default_rng(3)
    return r.normal(size=(4, 3)).astype(dtype), r.normal(size=(3, 2)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_differentiable_functions_pass(dtype):
    checks.differentiable(t_loss, *arrays(dtype))
    checks.differentiable(lambda x, w: torch.relu(x @ w), *arrays(dtype), wrt=1)
    checks.differentiable(
        lambda x, w: tf.reduce_mean((x @ w) ** 2, axis=0), *arrays(dtype), framework="tensorflow"
    )
    labels = np.array([0, 1, 1, 0])
    checks.differentiable(
        lambda z, y: torch.nn.functional.cross_entropy(z, y), arrays(dtype)[0][:, :2], labels
    )


@pytest.mark.parametrize("case", TORCH)
def test_what_autograd_cannot_follow_fails(case):
    f, says = TORCH[case]
    said = message_of(checks.differentiable, f, *arrays(), name="loss")
    assert re.search(says, said), said


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x, w: tf.reduce_mean(tf.stop_gradient(x) @ w), "reaches `x`.*tf.stop_gradient"),
        (lambda x, w: tf.constant((x @ w).numpy()), "cuts the graph.*detached"),
        (lambda x, w: float(tf.reduce_sum(x @ w)), "what it returns is not a tensor"),
        (lambda x, w: x @ w + tf.stop_gradient(x @ w), "2 times too small|a factor 2 is missing"),
    ],
)
def test_what_tensorflow_cannot_follow_fails(f, says):
    said = message_of(checks.differentiable, f, *arrays(), framework="tensorflow", name="loss")
    assert re.search(says, said), said


def test_a_wrong_backward_is_found():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, upstream):
            return ctx.saved_tensors[0] * 2  # the upstream gradient is forgotten

    said = message_of(checks.differentiable, Square.apply, arrays()[0], name="square")
    assert "upstream gradient is ignored" in said


# --- models ---------------------------------------------------------------------------------


def t_model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))


def k_model():
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.Dense(4, activation="tanh"), tf.keras.layers.Dense(2)]
    return tf.keras.Sequential([tf.keras.Input((3,)), *layers])


SHAPES = {"torch": [(4, 3), (4,), (2, 4), (2,)], "keras": [(3, 4), (4,), (4, 2), (2,)]}


def test_parameters_of_models_are_counted():
    assert checks.parameter_count(t_model(), SHAPES["torch"]) == 26
    assert checks.parameter_count(k_model(), SHAPES["keras"]) == 26
    assert checks.parameter_count(k_model(), 26) == 26
    assert checks.parameter_count(tf.keras.layers.BatchNormalization(), 0) == 0


def test_wrong_models_are_told_apart():
    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [torch.nn.Linear(3, 4)]

    said = message_of(checks.parameter_count, Hidden(), SHAPES["torch"], name="net")
    assert "a plain list hides them, ModuleList does not" in said
    frozen = t_model()
    frozen[0].requires_grad_(False)
    said = message_of(checks.parameter_count, frozen, SHAPES["torch"], name="net")
    assert "a part is frozen: 0.weight is not trained" in said
    said = message_of(
        checks.parameter_count, torch.nn.Linear(3, 4, bias=False), [(4, 3), (4,)], name="net"
    )
    assert "the bias is missing" in said
    unbuilt = tf.keras.Sequential([tf.keras.layers.Dense(2)])
    assert "call a Keras model once" in message_of(checks.parameter_count, unbuilt, 8)
    said = message_of(checks.parameter_count, k_model(), SHAPES["torch"], name="net")
    assert "the weights are transposed: (3, 4) instead of (4, 3)" in said


DATA = np.random.default_rng(8).normal(size=(6, 3)).astype(np.float32), LABELS[:6] % 2


def reference(params, X, y, lr):
    """One step of gradient descent on the mean cross-entropy of the small model, in NumPy."""
    names = list(params)
    W1, b1, W2, b2 = (params[n] for n in names)
    torch_layout = W1.shape == (4, 3)
    if torch_layout:
        W1, W2 = W1.T, W2.T
    h = np.tanh(X @ W1 + b1)
    d = (softmax(h @ W2 + b2) - np.eye(2)[y]) / len(y)
    back = d @ W2.T * (1 - h**2)
    found = [X.T @ back, back.sum(0), h.T @ d, d.sum(0)]
    if torch_layout:
        found = [found[0].T, found[1], found[2].T, found[3]]
    return {n: params[n] - lr * g for n, g in zip(names, found, strict=True)}


def t_step(model, X, y, lr, zero=True, update=True, reduction="mean", only=None):
    loss = torch.nn.functional.cross_entropy(
        model(torch.tensor(X)), torch.tensor(y), reduction=reduction
    )
    if zero:
        model.zero_grad()
    loss.backward()
    if update:
        with torch.no_grad():
            for name, p in model.named_parameters():
                if only is None or only in name:
                    p -= lr * p.grad


def k_step(model, X, y, lr, factor=1.0):
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(X))
        loss = factor * tf.reduce_mean(losses)
    for weight, g in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        weight.assign_sub(lr * g)


def test_steps_of_models_pass():
    checks.training_step(t_step, t_model(), *DATA, 0.5, reference=reference)
    checks.training_step(k_step, k_model(), *DATA, 0.5, reference=reference)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"zero": False}, "made for the second time.*zero_grad"),
        ({"update": False}, "nothing was changed: the update \\(optimiser.step\\) is missing"),
        ({"reduction": "sum"}, "summed instead of averaged: the step is 6 times"),
        ({"only": "weight"}, "`0.bias` was not changed: it is detached"),
    ],
)
def test_wrong_steps_of_models_fail(options, says):
    said = message_of(
        checks.training_step,
        partial(t_step, **options),
        t_model(),
        *DATA,
        0.5,
        reference=reference,
    )
    assert re.search(says, said), said


def test_a_wrong_step_of_keras_fails():
    said = message_of(
        checks.training_step,
        partial(k_step, factor=-6),
        k_model(),
        *DATA,
        0.5,
        reference=reference,
    )
    assert "uphill, and the gradient is summed instead of averaged" in said


def test_a_model_without_parameters_cannot_be_trained():
    said = message_of(
        checks.training_step, t_step, torch.nn.ReLU(), *DATA, 0.5, reference=reference
    )
    assert "has no parameters" in said
    said = message_of(checks.training_step, t_step, object(), *DATA, 0.5, reference=reference)
    assert "does not tell its parameters" in said


def test_models_learn_a_batch_by_heart():
    def fit(X, y):
        model = t_model()
        for _ in range(400):
            t_step(model, X, y, 2.0)
        return model

    def predict(model, X):
        return model(torch.tensor(X))

    assert checks.overfits_batch(fit, *DATA, predict=predict, low=0.99) == 1.0
    said = message_of(
        checks.overfits_batch, lambda X, y: t_model(), *DATA, predict=predict, low=0.99
    )
    assert "accuracy of" in said


# --- both frameworks ------------------------------------------------------------------------


def test_frameworks_that_agree_pass():
    linear = X @ np.ones((3, 2))
    checks.frameworks_agree(
        lambda x: torch.tensor(x) @ torch.ones(3, 2, dtype=torch.float64),
        lambda x: tf.constant(x) @ tf.ones((3, 2), dtype=tf.float64),
        X,
        want=linear,
    )
    checks.frameworks_agree(torch.tensor(X).float(), tf.constant(X), want=X)


@pytest.mark.parametrize(
    ("one", "two", "says"),
    [
        (X[:3], X[:3].T, "a weight is transposed"),
        (Z, np.moveaxis(Z, 1, -1), "channels come first in the one and last in the other"),
        (Z, softmax(Z), "PyTorch gives logits and the other one probabilities"),
        (softmax(Z), Z, "Keras gives logits"),
        (Z, 1 / (1 + np.exp(-Z)), "their sigmoid"),
        (Z, Z * (1 + 1e-3), "a factor is wrong|a default differs"),
        (Z, Z + 1e-3 * np.sin(9 * Z), "a default differs: epsilon"),
        (Z, Z[:, :5], "off by one"),
        (Z, 2 * Z, "factor 2 too many"),
    ],
)
def test_frameworks_that_differ_fail(one, two, says):
    said = message_of(checks.frameworks_agree, torch.tensor(one), tf.constant(two))
    assert re.search(says, said), said


def test_the_framework_that_is_wrong_is_named():
    said = message_of(checks.frameworks_agree, torch.tensor(X), tf.constant(X + 1), want=X)
    assert "Keras is the one that differs from the expected" in said
    said = message_of(checks.frameworks_agree, torch.tensor(X + 1), tf.constant(X), want=X)
    assert "PyTorch is the one that differs" in said
    said = message_of(checks.frameworks_agree, torch.tensor(X + 1), tf.constant(X + 1), want=X)
    assert "what both give is" in said
    said = message_of(checks.frameworks_agree, torch.tensor(X), tf.constant(X), want=X[:2])
    assert "Both give shape (5, 3), expected (2, 3)" in said
