"""Draw the still pictures of the book's interactive parts: book/images/part-NAME.svg.

    python tools/widget_pictures.py            draw all of them
    python tools/widget_pictures.py playground draw one

Those of `digit` and `teach` need the network that chapter 07 exports, that of `attention` what
chapter 10 found: run the chapters first.
They are what readers without scripts, on paper and in JupyterLab see in the place of the part.
The pictures are committed; run this when a part's first view changes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "book" / "images"
EXPORTS = ROOT / "_build" / "executed" / "book" / "exports"
TRANSFORMERS = ROOT / "_build" / "executed" / "book" / "10-transformers.ipynb"


def perceptron() -> None:
    """The six points of chapter 03 and the line that the rule finds."""
    points = np.array([[3, 1, 0], [2, 3, 1], [5, 2, 0], [0, 3, 1], [5, 3, 0], [0, 2, 1]])
    w, b = np.zeros(2), 0
    for _ in range(20):
        for *x, y in points:
            error = y - int(np.dot(w, x) + b >= 0)
            w, b = w + error * np.array(x), b + error
    _, ax = plt.subplots(figsize=(5.6, 3.4))
    ticks = np.linspace(-1, 7, 2)
    ax.fill_between(ticks, -(w[0] * ticks + b) / w[1], 5, color="C1", alpha=0.13, lw=0)
    ax.plot(ticks, -(w[0] * ticks + b) / w[1], color="C2")
    for label, marker in enumerate("so"):
        chosen = points[points[:, 2] == label]
        ax.plot(chosen[:, 0], chosen[:, 1], marker, color=f"C{label}", ms=8)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-1, 7), ylim=(-1, 5))


def backprop() -> None:
    """The three nodes of chapter 04, with a gradient still to be found."""
    nodes = {
        "$w$": (0, 1, "0.5", "?"),
        "$x$": (0, -1, "4", "?"),
        "$a = wx$": (1.7, 0, "2", "?"),
        "$y$": (1.7, -1.6, "5", "?"),
        "$e = a - y$": (3.5, 0, "−3", "−6"),
        "$L = e^2$": (5.2, 0, "9", "1"),
    }
    edges = [(0, 2), (1, 2), (2, 4), (3, 4), (4, 5)]
    _, ax = plt.subplots(figsize=(6.4, 3.4))
    boxes = []
    for text, (x, y, value, gradient) in nodes.items():
        style = {"boxstyle": "round,pad=0.45", "facecolor": "none", "edgecolor": "C4"}
        drawn = ax.text(x, y, text, ha="center", va="center", bbox=style)
        boxes.append((drawn.get_bbox_patch(), (x, y)))
        ax.text(x, y + 0.36, value, ha="center", va="bottom", color="C0", weight="bold")
        ax.text(x, y - 0.36, gradient, ha="center", va="top", color="C1", weight="bold")
    for start, end in edges:
        (a, p), (b, q) = boxes[start], boxes[end]
        arrow = {"arrowstyle": "->", "patchA": a, "patchB": b, "color": "C4"}
        ax.annotate("", q, p, arrowprops=arrow | {"shrinkA": 4, "shrinkB": 4})
    ax.set(xlim=(-0.5, 5.8), ylim=(-2.3, 1.8))
    ax.axis("off")


def optimisers() -> None:
    """Thirty steps of four optimisers in the ravine of chapter 05."""
    slope, start = np.array([1.0, 25.0]), np.array([-5.0, 1.5])
    _, ax = plt.subplots(figsize=(6.4, 3.6))
    x, y = np.meshgrid(np.linspace(-6, 3, 80), np.linspace(-2.4, 2.4, 60))
    levels = 75 * (np.arange(1, 9) / 9) ** 2.5
    ax.contour(x, y, (x**2 + 25 * y**2) / 2, levels, colors="C4", linewidths=0.5)
    for name, lr, line in [("SGD", 0.07, "-"), ("momentum", 0.02, "--"), ("RMSprop", 0.2, ":"),
                           ("Adam", 0.5, "-.")]:  # fmt: skip
        path, m, s = [start], np.zeros(2), np.zeros(2)
        for t in range(1, 31):
            g = slope * path[-1]
            if name == "SGD":
                move = g
            elif name == "momentum":
                m = 0.9 * m + g
                move = m
            elif name == "RMSprop":
                s = 0.99 * s + 0.01 * g**2
                move = g / (np.sqrt(s) + 1e-8)
            else:
                m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
                move = m / (1 - 0.9**t) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
            path.append(path[-1] - lr * move)
        ax.plot(*np.array(path).T, line, lw=1.6, label=name)
    ax.plot(0, 0, "*", ms=11, color="C5")
    ax.legend(loc="lower right")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-6, 3), ylim=(-2.4, 2.4))


def convolution() -> None:
    """The step picture, the kernel's window on it, and the map of a border kernel."""
    picture = np.zeros((28, 28))
    rows, columns = np.mgrid[:28, :28] - 13.5
    picture[:] = np.clip(3 - np.abs(np.hypot(rows, columns) - 9), 0, 1)
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3))
    _, axes = plt.subplots(1, 2, figsize=(6, 3.1))
    axes[0].imshow(picture, cmap="gray")
    axes[0].add_patch(plt.Rectangle((5.5, 12.5), 3, 3, fill=False, ec="C5", lw=2))
    axes[1].imshow((windows * kernel).sum(axis=(2, 3)), cmap="PuOr_r", vmin=-4, vmax=4)
    axes[1].add_patch(plt.Rectangle((5.5, 12.5), 1, 1, fill=False, ec="C5", lw=2))
    for ax, title in zip(axes, ["the picture, 28 × 28", "the map, 26 × 26"], strict=True):
        ax.set_title(title)
        ax.axis("off")


def playground() -> None:
    """A small network in the middle of a ring of points, after training, and its losses."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    radius = np.where(y == 1, 0.9 * np.sqrt(rng.random(120)), 1.25 + 0.7 * rng.random(120))
    angle = 2 * np.pi * rng.random(120)
    X = np.c_[radius * np.cos(angle), radius * np.sin(angle)] + 0.1 * rng.normal(size=(120, 2))
    W, b, v, c, losses = rng.normal(size=(2, 6)), np.zeros(6), rng.normal(size=6), 0.0, []
    for _ in range(400):
        hidden = np.tanh(X @ W + b)
        z = hidden @ v + c
        losses.append(np.mean(np.logaddexp(0, z) - y * z))
        up = (1 / (1 + np.exp(-z)) - y) / len(y)
        back = np.outer(up, v) * (1 - hidden**2)
        W, b, v, c = W - X.T @ back, b - back.sum(0), v - hidden.T @ up, c - up.sum()
    grid = np.stack(np.meshgrid(np.linspace(-2.2, 2.2, 90), np.linspace(-2.2, 2.2, 90)), axis=-1)
    p = 1 / (1 + np.exp(-(np.tanh(grid @ W + b) @ v + c)))
    _, axes = plt.subplots(1, 2, figsize=(6.6, 3.1), width_ratios=[1, 1.2])
    axes[0].contourf(grid[..., 0], grid[..., 1], p, [0.5, 1], colors=["C1"], alpha=0.2)
    for label, marker in enumerate("so"):
        axes[0].plot(*X[y == label].T, marker, color=f"C{label}", ms=3.5)
    axes[0].set(aspect="equal", xticks=[], yticks=[], xlabel="$x_1$", ylabel="$x_2$")
    axes[1].plot(losses)
    axes[1].set(xlabel="epoch", ylabel="training loss", ylim=(0, 0.8))


def bits() -> None:
    """Weights as they are, and on a ruler of three bits."""
    weights = np.random.default_rng(0).normal(0, 0.1, size=2000)
    scale = np.abs(weights).max() / 3
    values, counts = np.unique(np.round(weights / scale) * scale, return_counts=True)
    _, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.8), sharex=True)
    left.hist(weights, bins=50)
    left.set(title="32 bits", xlabel="weight", ylabel="how many")
    right.bar(values, counts, width=scale / 12)
    right.set(title="3 bits", xlabel="weight")


def ink(stroke: Any, pen: float = 1.25) -> np.ndarray:
    """A stroke through points (N, 2) in pixels as a picture of 28 × 28, with soft edges."""
    at = np.stack(np.meshgrid(np.arange(28) + 0.5, np.arange(28) + 0.5), axis=-1)
    far = np.full((28, 28), np.inf)
    for a, b in pairwise(np.array(stroke)):
        t = np.clip((at - a) @ (b - a) / max(1e-9, (b - a) @ (b - a)), 0, 1)
        far = np.minimum(far, np.linalg.norm(at - a - t[..., None] * (b - a), axis=-1))
    return np.clip(pen + 0.5 - far, 0, 1)


def network(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What chapter 07's network makes of pictures (N, 28, 28): 128 numbers, and ten logits."""
    import torch
    from torch.nn import functional

    with np.load(EXPORTS / "digits.npz") as file:
        given = {name: torch.tensor(file[name]) for name in file.files}
    x = torch.tensor(pictures, dtype=torch.float32)[:, None]
    for b in range(4):
        norm = f"{b}.{2 if f'{b}.2.weight' in given else 1}"
        x = functional.conv2d(x, given[f"{b}.0.weight"], padding=1)
        x = functional.max_pool2d(x, 2) if norm.endswith("2") else x
        mean, variance = given[f"{norm}.running_mean"], given[f"{norm}.running_var"]
        gain, shift = given[f"{norm}.weight"], given[f"{norm}.bias"]
        x = functional.batch_norm(x, mean, variance, gain, shift).relu()
    seen = x.amax(dim=(2, 3))
    return seen.numpy(), (seen @ given["6.weight"].T + given["6.bias"]).numpy()


THREE = [(9.2, 7), (12.5, 4.9), (16.6, 5.3), (18.5, 8), (17.3, 11), (13, 13.2), (17.5, 14.4),
         (19.3, 17.4), (18, 21), (14, 22.9), (9, 21.6)]  # fmt: skip


def digit() -> None:
    """A three, its pixels, and the ten probabilities that the network of chapter 07 gives."""
    picture = ink(THREE)
    logits = network(picture[None])[1][0]
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    _, axes = plt.subplots(1, 3, figsize=(6.8, 2.5), width_ratios=[1, 1, 1.1])
    axes[0].plot(*np.array(THREE).T, color="C4", lw=9, solid_capstyle="round",
                 solid_joinstyle="round")  # fmt: skip
    axes[0].set(xlim=(0, 28), ylim=(28, 0), aspect="equal", title="drawn")
    axes[1].imshow(picture, cmap="gray")
    axes[1].set(title="seen, 28 × 28")
    for ax in axes[:2]:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
    axes[2].barh(range(10), 100 * shares)
    axes[2].set(yticks=range(10), ylim=(9.6, -0.6), xlim=(0, 105), xlabel="probability, %")


def teach() -> None:
    """Drawings of three classes, and the loss of softmax regression on what the network sees."""
    import torch

    rng, turn = np.random.default_rng(0), np.linspace(-1.5, 4.9, 25)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    triangle = np.array([[0, -1], [1, 0.9], [-1, 0.9], [0, -1]])
    cross = np.array([[-1, -1], [1, 1], [0, 0], [1, -1], [-1, 1]])
    sides = [circle, triangle, cross]
    shapes = [14 + 8 * (side @ (np.eye(2) + rng.normal(0, 0.12, (2, 2))))
              for side in sides for _ in range(6)]  # fmt: skip
    pictures = np.array([ink(shape) for shape in shapes])
    X = torch.tensor(network(pictures)[0])
    X = (X - X.mean(0)) / (X.std(0) + X.std(0).mean()) / 128**0.5
    y = torch.arange(18) // 6
    W, losses = torch.zeros(128, 3, requires_grad=True), []
    optimiser = torch.optim.Adam([W], lr=0.015)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(X @ W, y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    _, axes = plt.subplots(1, 2, figsize=(7.2, 2.3), width_ratios=[1.5, 1])
    sheet = pictures.reshape(3, 6, 28, 28).transpose(0, 2, 1, 3).reshape(84, 168)
    axes[0].imshow(sheet, cmap="gray")
    axes[0].set_yticks([14, 42, 70], ["circle", "triangle", "cross"])
    axes[0].set(xticks=[], title="six drawings of each class")
    axes[1].plot(losses, color="C1")
    axes[1].set(xlabel="step", ylabel="loss", ylim=(0, None))


def attention() -> None:
    """The strongest heads of chapter 10's networks that copy and reverse, from its last run."""
    chapter = json.loads(TRANSFORMERS.read_text(encoding="utf-8"))
    text = next("".join(c["source"]) for c in chapter["cells"] if c["id"] == "looks-part")
    networks = json.loads(text.partition("widgets/attention.js\n")[2].partition("\n:::")[0])["rows"]
    _, axes = plt.subplots(1, 2, figsize=(6.6, 3.5))
    for ax, network, title in zip(axes, networks, ["copying", "reversing"], strict=False):
        block, head, row = network["start"]
        num = len(network["tokens"])
        shares = np.zeros((num, num))
        for i, thousandths in enumerate(network["maps"][block][head]):
            shares[i, : i + 1] = np.array(thousandths) / 1000
            hidden = plt.Rectangle((i + 0.5, i - 0.5), num - 1 - i, 1, fill=False, hatch="////")
            hidden.set(edgecolor="C4", linewidth=0, alpha=0.35)
            ax.add_patch(hidden)
        ax.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
        ax.add_patch(plt.Rectangle((-0.5, row - 0.5), row + 1, 1, fill=False, ec="C5", lw=1.6))
        ax.set_xticks(range(num), network["tokens"])
        ax.set_yticks(range(num), network["tokens"])
        ax.tick_params(length=0, labelsize=8)
        ax.set_title(title)


PICTURES: dict[str, Callable[[], None]] = {
    f.__name__: f
    for f in (perceptron, backprop, optimisers, convolution, playground, bits, digit, teach,
              attention)
}  # fmt: skip


def main() -> int:
    sys.path.insert(0, str(ROOT))
    plt.style.use("course_utils.book")
    plt.rcParams["svg.hashsalt"] = "build-deep"
    for name in sys.argv[1:] or PICTURES:
        if name in {"digit", "teach"} and not (EXPORTS / "digits.npz").is_file():
            print(f"part-{name}.svg needs the network of chapter 07. Run: "
                  "python tools/execute.py book --only 07")  # fmt: skip
            return 1
        if name == "attention" and not TRANSFORMERS.is_file():
            print("part-attention.svg needs a run of chapter 10. Run: "
                  "python tools/execute.py book --only 10")  # fmt: skip
            return 1
        PICTURES[name]()
        file = OUT / f"part-{name}.svg"
        plt.savefig(file, metadata={"Date": None}, bbox_inches="tight")
        plt.close("all")
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
