"""A small PyTorch assignment for `make bench-grading`: what a chapter on PyTorch would ask.

Four tasks with an optimiser and a small convolutional network in them, so that grading pays what
PyTorch costs (its import, the first optimiser, a backward pass), and little computing besides: the
course's own assignments 06 and 07 train for seconds, which no grader can make faster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME = "60-torch"

SETUP = "import numpy as np\nimport torch\nfrom torch import nn"

TASKS: dict[str, tuple[str, str, str, list[str], list[str]]] = {
    # name: (head of the function, answer, check, other right answers, wrong answers)
    "linear": (
        "def linear(x, weight, bias):\n",
        "    return x @ weight.T + bias",
        """
x, w, b = torch.tensor(rng.normal(size=(5, 3))), torch.tensor(rng.normal(size=(4, 3))), None
b = torch.tensor(rng.normal(size=4))
got = checks.array(checks.call(linear, x, w, b), (5, 4), "float", "linear(x, weight, bias)")
checks.close(got, (x @ w.T + b).numpy(), name="linear(x, weight, bias)")
""",
        ["    return nn.functional.linear(x, weight, bias)"],
        ["    return x @ weight.T", "    return x @ weight.T - bias"],
    ),
    "cross_entropy": (
        "def cross_entropy(logits, labels):\n",
        "    return nn.functional.cross_entropy(logits, labels)",
        """
logits, labels = torch.tensor(rng.normal(size=(6, 4))), torch.tensor(rng.integers(0, 4, size=6))
got = checks.number(checks.call(cross_entropy, logits, labels), name="the loss")
checks.close(got, nn.functional.cross_entropy(logits, labels).item(), name="the loss")
""",
        ["    return -torch.log_softmax(logits, 1)[range(len(labels)), labels].mean()"],
        [
            "    return nn.functional.cross_entropy(logits, labels, reduction='sum')",
            "    return -torch.softmax(logits, 1)[range(len(labels)), labels].mean()",
        ],
    ),
    "step": (
        "def step(w, x, y, lr):\n",
        "    w = w.clone().requires_grad_(True)\n"
        "    optimiser = torch.optim.SGD([w], lr=lr)\n"
        "    ((x @ w - y) ** 2).mean().backward()\n"
        "    optimiser.step()\n"
        "    return w.detach()",
        """
w, x, y = (torch.tensor(rng.normal(size=shape)) for shape in [(3,), (8, 3), (8,)])
want = w - 0.1 * 2 * x.T @ (x @ w - y) / 8
got = checks.array(checks.call(step, w, x, y, 0.1), (3,), "float", "step(w, x, y, lr)")
checks.close(got, want.numpy(), name="step(w, x, y, lr)")
""",
        ["    return w - lr * 2 * x.T @ (x @ w - y) / len(y)"],
        ["    return w - lr * 2 * x.T @ (x @ w - y)", "    return w"],
    ),
    "train": (
        "def train(images, labels, steps):\n",
        "    torch.manual_seed(0)\n"
        "    layers = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(4)]\n"
        "    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 10))\n"
        "    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)\n"
        "    losses = []\n"
        "    for _ in range(steps):\n"
        "        optimiser.zero_grad()\n"
        "        loss = nn.functional.cross_entropy(net(images), labels)\n"
        "        loss.backward()\n"
        "        optimiser.step()\n"
        "        losses.append(loss.item())\n"
        "    return losses",
        """
images = torch.tensor(rng.normal(size=(32, 1, 16, 16)), dtype=torch.float32)
losses = checks.array(checks.call(train, images, torch.tensor(rng.integers(0, 10, size=32)), 12),
                      (12,), "float", "train(images, labels, steps)")
checks.that(losses[-1] < losses[0], "The loss does not fall: does each step use the gradient?")
""",
        [],
        ["    return [2.3] * steps", "    return [2.3 + 0.01 * i for i in range(steps)]"],
    ),
}


def meta(name: str, **changes: Any) -> dict[str, Any]:
    """nbgrader's metadata of a cell, schema 3."""
    base = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": base | {"schema_version": 3, "grade_id": name} | changes}


def write(folder: Path) -> Path:
    """Write the source notebook to folder/NAME/NAME.ipynb; return the folder of the assignment."""
    cells = [
        new_markdown_cell("# Assignment 60 · PyTorch", id="title"),
        new_code_cell(SETUP, id="setup", metadata=meta("setup", locked=True)),
    ]
    for name, (head, answer, check, _, _) in TASKS.items():
        source = f"{head}    ### BEGIN SOLUTION\n{answer}\n    ### END SOLUTION"
        cells.append(new_code_cell(source, id=name, metadata=meta(name, solution=True)))
        body = "".join(f"    {line}\n" for line in check.strip().split("\n"))
        text = (
            "import torch\nfrom torch import nn\nfrom course_utils import checks\n\n"
            f'with checks.task("{name}"):\n    rng = checks.rng()\n{body}'
            f"    ### BEGIN HIDDEN TESTS\n{body}    ### END HIDDEN TESTS"
        )
        about = meta(f"{name}-check", grade=True, locked=True, points=5)
        cells.append(new_code_cell(text, id=f"{name}-check", metadata=about))
    place = folder / NAME
    place.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells), place / f"{NAME}.ipynb")
    return place


def answers() -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, str]]:
    """Right, wrong and own answers: name of the task → texts of the solution cell."""
    right = {name: [head + text for text in more] for name, (head, _, _, more, _) in TASKS.items()}
    wrong = {name: [head + text for text in bad] for name, (head, _, _, _, bad) in TASKS.items()}
    return right, wrong, {name: head + own for name, (head, own, _, _, _) in TASKS.items()}
