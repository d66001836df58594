"""Every check says the same to a learner, in one process, and in grading, across the examiner.

One small assignment: a task for each check. Each *layer* hands in another answer to every task.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from course_utils import checks
from course_utils.checks import CheckFailed, seeds
from course_utils.grading import job as jobs
from course_utils.grading.engine import Engine
from course_utils.grading.examiner import judge
from course_utils.grading.examiner.namespace import Given
from course_utils.grading.job import Job, Limits, ReleasedCell, Result

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these walls are Linux's"),
    pytest.mark.xdist_group("checks-examiner"),
]
SEED = 21
SETUP = "import numpy as np\nimport torch\nimport tensorflow as tf"
LIMITS = Limits(
    memory=4000 * 1024**2, cell_seconds=120, test_seconds=120, notebook_seconds=600, processes=200
)

# task → (what the check cell does, a right answer, wrong answers)
TASKS: dict[str, tuple[str, str, list[str]]] = {
    "items": (
        """
        X = checks.rng().normal(size=(4, 3))
        dW, db = checks.items(checks.call(both, X), ["dW", "db"], name="both(X)")
        checks.array(dW, shape=(4, 3), axes=("N", "D"), name="dW")
        checks.array(db, shape=("D",), name="db")
        """,
        "def both(X):\n    return X * 2, X.sum(axis=0)",
        [
            "def both(X):\n    return X",
            "def both(X):\n    return X.T, X.sum(axis=0)",
            "def both(X):\n    return {'dW': X}",
            "class Pair:\n    pass\ndef both(X):\n    return Pair()",
        ],
    ),
    "sums": (
        """
        z = checks.rng().normal(size=(4, 3))
        checks.sums_to_one(checks.call(softmax, z), axis=1, name="softmax(z)")
        """,
        "def softmax(z):\n    return np.exp(z) / np.exp(z).sum(1, keepdims=True)",
        [
            "def softmax(z):\n    return np.exp(z) / np.exp(z).sum(0)",
            "def softmax(z):\n    return torch.tensor(z)",
            "class Liar(list):\n    def sum(self, *a): return 1\n"
            "def softmax(z):\n    return Liar([[2.0, 3.0], [1.0, 1.0]])",
            "def softmax(z):\n    return (x for x in z)",
        ],
    ),
    "seeded": (
        """
        checks.deterministic(start, 5)
        """,
        "def start(n, seed):\n    return [np.random.default_rng(seed).normal(size=n)]",
        [
            "def start(n, seed):\n    return np.random.default_rng(0).normal(size=n)",
            "kept = np.random.default_rng(0)\ndef start(n, seed):\n    return kept.normal(size=n)",
            "class Model:\n    pass\ndef start(n, seed):\n    return Model()",
            "def start(n, seed):\n    return np.random.default_rng(seed).nomal(size=n)",
        ],
    ),
    "drawn": (
        """
        seed = int(checks.rng().integers(1000))
        W = checks.array(checks.call(draw, 80, 20, seed), shape=(80, 20), name="draw(...)")
        checks.distribution(W, "normal", std=80**-0.5, name="draw(80, 20, seed)",
                            suspects={"n_out is used for n_in": {"std": 20**-0.5}})
        """,
        "def draw(a, b, seed):\n    return np.random.default_rng(seed).normal(0, a**-0.5, (a, b))",
        [
            "def draw(a, b, seed):\n"
            "    return np.random.default_rng(seed).normal(0, 1 / a, (a, b))",
            "def draw(a, b, seed):\n"
            "    return np.random.default_rng(seed).normal(0, b**-0.5, (a, b))",
            "def draw(a, b, seed):\n"
            "    return np.tile(np.random.default_rng(seed).normal(0, a**-0.5, b), (a, 1))",
            "def draw(a, b, seed):\n    return np.zeros((b, a))",
        ],
    ),
    "pool": (
        """
        x = checks.rng().normal(size=(5, 3))
        checks.permutation_invariant(pool, x)
        """,
        "def pool(x):\n    return x.mean(axis=0)",
        [
            "def pool(x):\n    return x[-1]",
            "def pool(x):\n    return x",
            "def pool(x):\n    return 7.0",
            "def pool(x):\n    x[0] = 0\n    return x.sum()",
        ],
    ),
    "each": (
        """
        x = checks.rng().normal(size=(5, 3))
        checks.permutation_equivariant(lambda x: each(x, 2.0), x, name="each")
        checks.batch_independent(each, x, 2.0)
        """,
        "def each(x, a):\n    return torch.tanh(torch.tensor(x) * a).numpy()",
        [
            "def each(x, a):\n    return x - x.mean(axis=0)",
            "def each(x, a):\n    return x * np.arange(len(x))[:, None]",
            "def each(x, a):\n    return np.squeeze(x[:, :1]) * a",
            "def each(x, a):\n    return x.reshape(5, 3) * a",
        ],
    ),
    "moved": (
        """
        x = checks.rng().normal(size=(2, 12))
        checks.shift_equivariant(blur, x, margin=1)
        checks.shift_invariant(lambda x: blur(x).sum(axis=-1), np.pad(x, ((0, 0), (3, 3))))
        """,
        "def blur(x):\n    p = np.pad(x, ((0, 0), (1, 1)))\n"
        "    return p[:, :-2] + p[:, 1:-1] + p[:, 2:]",
        [
            "def blur(x):\n    return x * np.arange(x.shape[1])",
            "def blur(x):\n    return np.sort(x)",
            "def blur(x):\n    return x.ravel()",
            "def blur(x):\n    return x / 0 * np.inf",
        ],
    ),
    "attend": (
        """
        x = checks.rng().normal(size=(2, 5, 3))
        checks.causal(attend, x)
        """,
        "def attend(x, k=0):\n"
        "    s = np.where(np.tri(x.shape[1], k=k) > 0, x @ x.swapaxes(1, 2), -1e9)\n"
        "    e = np.exp(s - s.max(-1, keepdims=True))\n"
        "    return e / e.sum(-1, keepdims=True) @ x",
        [
            "def attend(x):\n    return x + x.mean(axis=1, keepdims=True)",
            "def attend(x):\n    return x + np.roll(x, -1, axis=1)",
            "def attend(x):\n    return np.cumsum(x, axis=1) - x",
            "def attend(x):\n    return np.cumsum(x[:, ::-1], axis=1)[:, ::-1]",
        ],
    ),
    "count": (
        """
        checks.parameter_count(make_net(), [(4, 3), (4,)], name="make_net()")
        checks.parameter_count(make_keras(), [(3, 4), (4,)], name="make_keras()")
        """,
        "def make_net():\n    return torch.nn.Linear(3, 4)\n"
        "def make_keras():\n    return tf.keras.Sequential("
        "[tf.keras.Input((3,)), tf.keras.layers.Dense(4)])",
        [
            "def make_net():\n    return torch.nn.Linear(3, 4, bias=False)\ndef make_keras():\n"
            "    return 1",
            "def make_net():\n    return torch.nn.Linear(3, 4)\n"
            "def make_keras():\n    return tf.keras.Sequential([tf.keras.layers.Dense(4)])",
            "class Odd:\n    pass\ndef make_net():\n    return Odd()\ndef make_keras():\n    pass",
            "class Bad(torch.nn.Module):\n    def named_parameters(self):\n        return 1 / 0\n"
            "def make_net():\n    return Bad()\ndef make_keras():\n    pass",
        ],
    ),
    "plain-step": (
        """
        rng = checks.rng()
        X, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=3)

        def reference(w, X, y, lr):
            return w - lr * X.T @ (X @ w - y) / len(y)

        checks.training_step(step, w, X, y, 0.1, reference=reference)
        checks.training_step(lambda p, *b: [step(p[0], *b)], [w], X, y, 0.1,
                             reference=lambda p, *b: [reference(p[0], *b)])
        """,
        "def step(w, X, y, lr):\n    return w - lr * X.T @ (X @ w - y) / len(y)",
        [
            "def step(w, X, y, lr):\n    return w - lr * X.T @ (X @ w - y)",
            "def step(w, X, y, lr):\n    return w + lr * X.T @ (X @ w - y) / len(y)",
            "def step(w, X, y, lr):\n    w -= lr * X.T @ (X @ w - y) / len(y)\n    return w",
            "def step(w, X, y, lr):\n    return None",
        ],
    ),
    "model-step": (
        """
        rng = checks.rng()
        X, y = rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=(6, 1))
        model = checks.call(make_model)

        def reference(p, X, y, lr):
            error = X @ p["weight"].T + p["bias"] - y
            return {"weight": p["weight"] - lr * 2 * (error * X).mean(axis=0, keepdims=True),
                    "bias": p["bias"] - lr * 2 * error.mean(axis=0)}

        checks.training_step(train, model, X, y.astype(np.float32), 0.1, reference=reference)
        """,
        "def make_model():\n    torch.manual_seed(0)\n    return torch.nn.Linear(3, 1)\n"
        "def train(model, X, y, lr):\n"
        "    o = torch.optim.SGD(model.parameters(), lr)\n"
        "    o.zero_grad()\n"
        "    ((model(torch.tensor(X)) - torch.tensor(y)) ** 2).mean().backward()\n    o.step()",
        [
            "def make_model():\n    torch.manual_seed(0)\n    return torch.nn.Linear(3, 1)\n"
            "def train(model, X, y, lr):\n"
            "    o = torch.optim.SGD(model.parameters(), lr)\n"
            "    ((model(torch.tensor(X)) - torch.tensor(y)) ** 2).mean().backward()\n    o.step()",
            "def make_model():\n    torch.manual_seed(0)\n    return torch.nn.Linear(3, 1)\n"
            "def train(model, X, y, lr):\n"
            "    ((model(torch.tensor(X)) - torch.tensor(y)) ** 2).mean().backward()",
            "def make_model():\n    torch.manual_seed(0)\n    return torch.nn.Linear(3, 1)\n"
            "def train(model, X, y, lr):\n"
            "    o = torch.optim.SGD(model.parameters(), lr)\n"
            "    ((model(torch.tensor(X)).detach() - torch.tensor(y)) ** 2).mean().backward()",
            "class Bag:\n    pass\ndef make_model():\n    return Bag()\n"
            "def train(model, X, y, lr):\n    pass",
        ],
    ),
    "learned": (
        """
        rng = checks.rng()
        X, y = rng.normal(size=(12, 20)), rng.integers(0, 3, size=12)
        checks.overfits_batch(fit, X, y, predict=predict)
        """,
        "class Model:\n    pass\n"
        "def fit(X, y):\n    m = Model()\n    m.W = np.linalg.lstsq(X, np.eye(3)[y])[0]\n"
        "    return m\n"
        "def predict(m, X):\n    return X @ m.W",
        [
            "def fit(X, y):\n    return y\ndef predict(m, X):\n    return m + 1",
            "def fit(X, y):\n    return y\ndef predict(m, X):\n    return m * 0",
            "def fit(X, y):\n    return y\ndef predict(m, X):\n    return np.eye(3)[m].T",
            "class M:\n    pass\ndef fit(X, y):\n    return y\ndef predict(m, X):\n    return M()",
        ],
    ),
    "same": (
        """
        X = checks.rng().normal(size=(4, 3)).astype(np.float32)
        checks.frameworks_agree(in_torch, in_keras, X, want=np.tanh(X))
        """,
        "def in_torch(X):\n    return torch.tanh(torch.tensor(X))\n"
        "def in_keras(X):\n    return tf.tanh(tf.constant(X))",
        [
            "def in_torch(X):\n    return torch.tanh(torch.tensor(X))\n"
            "def in_keras(X):\n    return tf.transpose(tf.tanh(tf.constant(X)))",
            "def in_torch(X):\n    return torch.tensor(X)\n"
            "def in_keras(X):\n    return tf.tanh(tf.constant(X))",
            "def in_torch(X):\n    return torch.tensor(X)\ndef in_keras(X):\n    return None",
            "def in_torch(X):\n    return torch.tensor(X)\ndef in_keras(X):\n"
            "    return tf.constant(X)",
        ],
    ),
    "graph": (
        """
        rng = checks.rng()
        x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
        checks.differentiable(loss, x, w)
        checks.differentiable(tf_loss, x, w, framework="tensorflow")
        """,
        "def loss(x, w):\n    return ((x @ w) ** 2).mean()\n"
        "def tf_loss(x, w):\n    return tf.reduce_mean((x @ w) ** 2)",
        [
            "def loss(x, w):\n    return ((x.detach() @ w) ** 2).mean()\ndef tf_loss(x, w):\n"
            "    return 0",
            "def loss(x, w):\n    return ((x @ w) ** 2).mean().item()\ndef tf_loss(x, w):\n"
            "    return 0",
            "def loss(x, w):\n    x *= 2\n    return (x @ w).sum()\n"
            "def tf_loss(x, w):\n    return 0",
            "def loss(x, w):\n    return ((x @ w) ** 2).mean()\n"
            "def tf_loss(x, w):\n    return tf.stop_gradient(tf.reduce_mean(x @ w))",
        ],
    ),
    "gradient": (
        """
        x = checks.rng().normal(size=(4, 3))
        checks.gradient(square, square_backward, x, name="square_backward")
        """,
        "def square(x):\n    return x**2\ndef square_backward(u, x):\n    return 2 * u * x",
        [
            "def square(x):\n    return x**2\ndef square_backward(u, x):\n    return 2 * x",
            "def square(x):\n    return x**2\ndef square_backward(u, x):\n    return u * x",
            "def square(x):\n    return x**2\ndef square_backward(u, x):\n    return (2 * u * x).T",
            "def square(x):\n    return x**2\ndef square_backward(u, x):\n    x *= 2\n    return x",
        ],
    ),
    "saved": (
        """
        rng = np.random.default_rng(5)
        y = rng.integers(0, 2, size=50)
        found = checks.saved_result("result.npz", {"predictions": (50,)})
        checks.quality(found["predictions"], y, low=0.8, name="the saved accuracy")
        """,
        "y = np.random.default_rng(5).integers(0, 2, size=50)\n"
        "np.savez('result.npz', predictions=y)",
        [
            "y = np.random.default_rng(5).integers(0, 2, size=50)\n"
            "np.savez('result.npz', predictions=1 - y)",
            "np.savez('result.npz', np.zeros(50))",
            "np.savez('result.npz', predictions=np.array([{}] * 50))",
            "import os\nif os.path.exists('result.npz'):\n    os.remove('result.npz')",
        ],
    ),
}
LAYERS = 1 + max(len(wrong) for _, _, wrong in TASKS.values())


def answer(task: str, layer: int) -> str:
    _, right, wrong = TASKS[task]
    return right if layer == 0 else wrong[(layer - 1) % len(wrong)]


def check(task: str) -> str:
    body = textwrap.indent(textwrap.dedent(TASKS[task][0]).strip(), "    ")
    return (
        "from course_utils import checks\nimport numpy as np\n\n"
        f"with checks.task({task!r}):\n{body}"
    )


def about(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"grade_id": name, "task": False, "schema_version": 3}
    found |= {"grade": name.endswith("-check"), "solution": name in TASKS}
    found["locked"] = name not in TASKS
    return found | ({"points": 1} if found["grade"] else {})


def cells(layer: int, tasks: list[str]) -> Iterator[tuple[str, str]]:
    yield "setup", SETUP
    for task in tasks:
        yield task, answer(task, layer)
        yield f"{task}-check", check(task)


def job(layer: int, tasks: list[str]) -> Job:
    found = list(cells(layer, tasks))
    nb = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "id": name,
                "metadata": {"nbgrader": about(name)},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for name, source in found
        ],
    }
    released = tuple(
        ReleasedCell(
            name,
            answer(name, 0).split("\n")[0] if name in TASKS else source,
            about(name) | {"cell_type": "code"},
        )
        for name, source in found
    )
    return Job("ada", "all", "all", json.dumps(nb).encode(), released, seed=SEED, limits=LIMITS)


def alone(layer: int, tasks: list[str]) -> dict[str, str]:
    """Return what each check cell says in this process: nothing, or kind and words."""
    space: dict[str, Any] = {"__name__": "__main__"}
    said = {}
    for name, source in cells(layer, tasks):
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                exec(compile(source, f"<{name}>", "exec"), space)
                said[name] = ""
            except (CheckFailed, NotImplementedError) as error:
                said[name] = str(error)
    return said


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(["numpy", "torch", "tensorflow"]) as found:
        yield found


@pytest.mark.parametrize("layer", range(LAYERS))
def test_a_learner_and_the_grader_are_told_the_same(engine, layer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_CHECK_SEED", str(SEED))
    monkeypatch.setattr(seeds, "_states", [seeds.State()])
    tasks = list(TASKS)
    said = alone(layer, tasks)
    result: Result = engine.grade(job(layer, tasks))
    assert result.status == jobs.GRADED, result.reason
    graded = {cell.name: cell for cell in result.cells}
    for task in tasks:
        name = f"{task}-check"
        found = graded[name]
        place = " See line"  # which line it is, a plain `exec` does not know
        assert found.status == (jobs.FAILED if said[name] else jobs.PASSED), (name, found.message)
        assert bool(said[name]) == (layer > 0), (name, said[name])
        assert found.message.split(place)[0] == said[name].split(place)[0], name


def test_right_answers_pass_with_two_hundred_seeds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(seeds, "_states", [seeds.State()])
    space: dict[str, Any] = {"__name__": "__main__"}
    cells_of = dict(cells(0, list(TASKS)))
    for source in [SETUP, *(cells_of[task] for task in TASKS)]:
        exec(source, space)
    compiled = {task: compile(check(task), task, "exec") for task in TASKS}
    said = {}
    for seed in range(200):
        monkeypatch.setenv("COURSE_CHECK_SEED", str(seed))
        for task, code in compiled.items():
            with contextlib.redirect_stdout(io.StringIO()):
                try:
                    exec(code, space)
                except CheckFailed as error:
                    said[task, seed] = str(error)
    assert said == {}


CANNOT_CROSS = """
x = checks.rng().normal(size=(4, 3))
checks.differentiable(lambda x: loss(x, x.T), x)
"""


def test_what_cannot_cross_goes_to_a_person(engine, monkeypatch):
    monkeypatch.setitem(TASKS, "graph", (CANNOT_CROSS, *TASKS["graph"][1:]))
    assert alone(0, ["graph"])["graph-check"] == ""
    result = engine.grade(job(0, ["graph"]))
    found = next(cell for cell in result.cells if cell.name == "graph-check")
    assert found.status == jobs.MANUAL
    assert found.score is None
    assert "A test can hand over data only" in found.message


FORGED = {
    "count": "import course_utils.checks.beside as beside\n"
    "class Fake:\n    pass\n"
    "beside.HELPERS['parameters'] = lambda model, values: {made}\n"
    "def make_net():\n    return Fake()\ndef make_keras():\n    return Fake()",
    "graph": "import course_utils.checks.beside as beside\n"
    "beside.HELPERS['differentiated'] = lambda *a: {made}\n" + TASKS["graph"][1],
    "saved": "import course_utils.checks.beside as beside\n"
    "beside.HELPERS['read'] = lambda path: {made}",
}
LIES = {
    "None": "None",
    "a number": "7",
    "text": "'full marks'",
    "an object": "object()",
    "a class that agrees": "type('Yes', (), {'__eq__': lambda *a: True, '__len__': lambda s: 0})()",
    "an empty list": "[]",
    "odd rows": "[[object(), [-3], True, None], [1]]",
    "gradients of zero": "{'gradients': [np.zeros((4, 3)), np.zeros((3, 2))]}",
    "too few": "{'gradients': []}",
    "objects in a dictionary": "{'gradients': [object(), None], 'data': object()}",
    "nan": "{'data': {'predictions': np.full(50, np.nan)}}",
    "endless": "[0] * 100000",
    "an error": "1 / 0",
    "an assertion": "(_ for _ in ()).throw(AssertionError('passed'))",
}


@pytest.mark.parametrize("lie", LIES)
def test_forged_helpers_score_nothing(engine, lie, monkeypatch):
    for task, source in FORGED.items():
        made = source.replace("{made}", LIES[lie])
        monkeypatch.setitem(TASKS, task, (TASKS[task][0], made, []))
    result = engine.grade(job(0, list(FORGED)))
    assert result.status == jobs.GRADED
    for cell in result.cells:
        assert not cell.score, (cell.name, cell.message)
        assert cell.status in {jobs.FAILED, jobs.ERROR, jobs.MANUAL}, (cell.name, cell.message)
        assert cell.status == jobs.FAILED or lie in {
            "an object",
            "a class that agrees",
            "odd rows",
            "objects in a dictionary",
        }, (cell.name, cell.status, cell.message)


def test_a_helper_is_not_called_in_the_examiner(engine, tmp_path, monkeypatch):
    """`saved_result` sees the answer's folder, never a file of whoever grades."""
    secret = tmp_path / "result.npz"
    np.savez(secret, predictions=np.zeros(3))
    body = f"checks.saved_result({str(secret)!r})"
    monkeypatch.setitem(TASKS, "saved", (body, "pass", []))
    assert alone(0, ["saved"])["saved-check"] == ""
    result = engine.grade(job(0, ["saved"]))
    assert result.cells[0].status == jobs.FAILED
    assert "is not there" in result.cells[0].message


def test_without_a_process_of_the_answer_a_person_judges(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("result.npz", predictions=np.random.default_rng(5).integers(0, 2, size=50))
    assert alone(0, ["saved"])["saved-check"] == ""
    verdict = judge.judge(check("saved"), 1.0, None, Given(()), 10.0)
    assert verdict.status == jobs.MANUAL
    assert verdict.score is None


def test_every_check_is_judged_both_ways():
    used = "".join(check(task) for task in TASKS)
    known = {"CheckFailed", "equal", "number", "close", "that", "at_least", "at_most", "function"}
    assert {n for n in checks.__all__ if f"checks.{n}(" not in used} <= known  # the course's own
