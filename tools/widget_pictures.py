"""Draw the still pictures of the book's interactive parts: book/images/part-NAME.svg.

    python tools/widget_pictures.py            draw all of them
    python tools/widget_pictures.py playground draw one

They are what readers without scripts, on paper and in JupyterLab see in the place of the part.
The pictures are committed; run this when a part's first view changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "book" / "images"


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


PICTURES: dict[str, Callable[[], None]] = {
    f.__name__: f for f in (perceptron, backprop, optimisers, convolution, playground, bits)
}


def main() -> int:
    sys.path.insert(0, str(ROOT))
    plt.style.use("course_utils.book")
    plt.rcParams["svg.hashsalt"] = "build-deep"
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
        file = OUT / f"part-{name}.svg"
        plt.savefig(file, metadata={"Date": None}, bbox_inches="tight")
        plt.close("all")
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
