"""Seconds to 98 % on MNIST: four programs side by side, in one run on the same data.

    make bench-training                                    # all of it, about 10 minutes
    python tools/bench_training.py mnist --starter-seeds 1  # one section, shorter
    python tools/bench_training.py --one numpy --seed 3     # one run, printed as JSON

The programs of section mnist:

* starter: the Keras program of chapter 06, the text of its cell `starter-program`;
* numpy: the program of chapter 05, the text of its cell `mnist-program`;
* pytorch, keras: the network of numpy with the same start, optimiser, schedule and batches, written
  for each framework.

Each run has a process of its own. Its clock starts when the imports are done (they are timed
apart) and covers everything else: loading, preparing, training. It stands still while the test
accuracy is measured after each epoch. Section fashion runs chapter 07's cell `fashion-cnn-train`
with several seeds. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import contextlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

GOAL = 0.98
FASHION_GOAL = 0.92
# What NumPy's BLAS, PyTorch and TensorFlow read.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
console = Console(width=None if sys.stdout.isatty() else 170)  # a log has no width


class ProgramMissing(Exception):
    """A chapter has no cell of the name that is asked for."""


@dataclass
class Clock:
    """Seconds of a program, without those in which it is looked at."""

    began: float = field(default_factory=time.perf_counter)
    out: float = 0.0
    cpu_began: float = field(default_factory=time.process_time)
    cpu_out: float = 0.0
    marks: list[tuple[float, float]] = field(default_factory=list)  # seconds, test accuracy

    def seconds(self) -> float:
        return time.perf_counter() - self.began - self.out

    def cpu_seconds(self) -> float:
        """Processor time of all threads: on a busy machine it says more than the wall clock."""
        return time.process_time() - self.cpu_began - self.cpu_out

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        start, cpu_start = time.perf_counter(), time.process_time()
        yield
        self.out += time.perf_counter() - start
        self.cpu_out += time.process_time() - cpu_start

    def mark(self, accuracy: Callable[[], float]) -> None:
        """Measure the test accuracy while the clock stands still, and remember both."""
        at = self.seconds()
        with self.paused():
            self.marks.append((at, float(accuracy())))


@dataclass
class Run:
    """What one run of one program cost and reached; `to_goal` is None if it never got there."""

    program: str
    seed: int
    imports: float
    seconds: float
    cpu_seconds: float
    to_goal: float | None
    accuracy: float
    peak_mb: float


def cell_source(chapter: str, cell_id: str) -> str:
    """Return the text of a chapter's code cell.

    Raises:
        ProgramMissing: there is no such chapter, or no such cell in it.
    """
    for path in sorted((ROOT / "book").glob(f"{chapter}-*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and cell.id == cell_id:
                return str(cell.source)
        raise ProgramMissing(
            f"{path.name} has no code cell {cell_id!r}: give its training program that id."
        )
    raise ProgramMissing(f"There is no chapter {chapter} in book/ yet.")


# --- the programs ----------------------------------------------------------------------------


def numpy_program(clock: Clock, seed: int, **options: Any) -> float:
    """Run the program of chapter 05 as it stands there; `options` go to its `train_mnist`.

    Its text is not edited. It finds another `range`, which looks at the program's variables when an
    epoch ends.
    """
    import numpy as np

    def watched(*arguments: int) -> Iterator[int]:
        for step in builtins.range(*arguments):
            yield step
            seen = sys._getframe(1)
            if "num_steps" not in seen.f_code.co_varnames:
                continue
            found = seen.f_locals
            if (step + 1) % (len(found["X"]) // found["batch"]) == 0:
                W1, b1, W2, b2 = found["params"]
                X, y = found["X_test"], found["mnist"].y_test
                clock.mark(
                    lambda: ((np.maximum(X @ W1 + b1, 0) @ W2 + b2).argmax(axis=1) == y).mean()  # noqa: B023
                )

    namespace: dict[str, Any] = {"__name__": "alone", "range": watched}
    exec(compile(cell_source("05", "mnist-program"), "mnist-program", "exec"), namespace)
    return float(namespace["train_mnist"](seed, **options))


def starter_program(clock: Clock, seed: int, limit: int | None = None) -> float:
    """Run the starter program of chapter 06 as it stands there.

    `fit` gets a callback that measures after each epoch. With `limit`, it trains on so many rows
    for one epoch (for tests).
    """
    import keras

    keras.utils.set_random_seed(seed)
    source = cell_source("06", "starter-program")
    namespace: dict[str, Any] = {"__name__": "alone"}
    original = keras.Model.fit

    def fit(model: Any, X: Any, y: Any, **given: Any) -> Any:
        if limit is not None:
            X, y, given["epochs"] = X[:limit], y[:limit], 1

        def accuracy() -> float:
            p = model.predict(namespace["test_images"], batch_size=1000, verbose=0)
            return float((p.argmax(axis=1) == namespace["mnist"].y_test).mean())

        watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: clock.mark(accuracy))
        return original(model, X, y, callbacks=[watch], **given)

    keras.Model.fit = fit
    try:
        exec(compile(source, "starter-program", "exec"), namespace)
    finally:
        keras.Model.fit = original
    return float(namespace["test_accuracy"])


def _ready(halve: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return the data as the NumPy program prepares them: X, y, X_test, y_test."""
    from course_utils import datasets

    import numpy as np

    mnist = datasets.load("mnist")
    X, X_test = halve(mnist.X_train), halve(mnist.X_test)
    mean, std = X.mean(axis=0), X.std()
    return (
        ((X - mean) / std).astype(np.float32),
        mnist.y_train,
        ((X_test - mean) / std).astype(np.float32),
        mnist.y_test,
    )


def _halve() -> Callable[[Any], Any]:
    namespace: dict[str, Any] = {"__name__": "alone"}
    exec(cell_source("05", "mnist-program"), namespace)
    return namespace["halve"]


def _starts(seed: int, hidden: int) -> list[Any]:
    """Return the NumPy program's start weights: W1, b1, W2, b2."""
    import numpy as np

    rng = np.random.default_rng(seed)
    starts = [rng.normal(0, np.sqrt(2 / 196), (196, hidden)), np.zeros(hidden)]
    starts += [rng.normal(0, np.sqrt(2 / hidden), (hidden, 10)), np.zeros(10)]
    return [start.astype(np.float32) for start in starts]


def pytorch_program(
    clock: Clock,
    seed: int,
    hidden: int = 512,
    batch: int = 512,
    epochs: int = 5,
    peak: float = 0.012,
) -> float:
    """Train the NumPy program's network in PyTorch: same start, Adam, schedule, smoothing."""
    from course_utils import devices

    import numpy as np
    import torch
    from torch import nn

    devices.seed_everything(seed)
    device = devices.torch_device()
    X, y, X_test, y_test = (torch.from_numpy(np.asarray(a)).to(device) for a in _ready(_halve()))
    model = nn.Sequential(nn.Linear(196, hidden), nn.ReLU(), nn.Linear(hidden, 10)).to(device)
    with torch.no_grad():
        for own, start in zip(model.parameters(), _starts(seed, hidden), strict=True):
            own.copy_(torch.from_numpy(start.T))
    per_epoch = len(X) // batch
    num_steps = epochs * per_epoch
    optimiser = torch.optim.Adam(model.parameters(), lr=peak)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda t: min((t + 1) / (0.2 * num_steps), (1 - t / num_steps) / 0.8)
    )
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)

    def accuracy() -> float:
        with torch.no_grad():
            return float((model(X_test).argmax(dim=1) == y_test).float().mean())

    for _ in range(epochs):
        order = torch.randperm(len(X), device=device)
        for first in range(0, per_epoch * batch, batch):
            rows = order[first : first + batch]
            optimiser.zero_grad()
            loss_fn(model(X[rows]), y[rows]).backward()
            optimiser.step()
            schedule.step()
        clock.mark(accuracy)
    return accuracy()


def keras_program(
    clock: Clock,
    seed: int,
    hidden: int = 512,
    batch: int = 512,
    epochs: int = 5,
    peak: float = 0.012,
) -> float:
    """Train the NumPy program's network with Keras's `fit`, as a reader of its guide would.

    One difference: `fit` also trains on the last, smaller batch of an epoch.
    """
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(seed)
    X, y, X_test, y_test = _ready(_halve())
    num_steps = epochs * -(-len(X) // batch)

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        """A rise for a fifth of the run, then a fall to 0."""

        def __call__(self, step: Any) -> Any:
            t = tf.cast(step, tf.float32)
            return peak * tf.minimum((t + 1) / (0.2 * num_steps), (1 - t / num_steps) / 0.8)

    hidden_layer = layers.Dense(hidden, activation="relu")
    model = keras.Sequential([layers.Input((196,)), hidden_layer, layers.Dense(10)])
    model.set_weights(_starts(seed, hidden))
    model.compile(
        optimizer=keras.optimizers.Adam(Schedule(), epsilon=1e-8),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    )

    def accuracy() -> float:
        answers = model.predict(X_test, batch_size=1000, verbose=0).argmax(axis=1)
        return float((answers == y_test).mean())

    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: clock.mark(accuracy))
    targets = np.eye(10, dtype=np.float32)[y]
    model.fit(X, targets, batch_size=batch, epochs=epochs, verbose=0, callbacks=[watch])
    return accuracy()


def fashion_namespace() -> dict[str, Any]:
    """Return the names that chapter 07's training cell needs and defines, without training.

    The cell says in its first line which cells of the chapter it needs. The one called setup is run
    whole; of the others, and of the cell itself, only the definitions.
    """
    namespace: dict[str, Any] = {"__name__": "alone"}
    first = cell_source("07", "fashion-cnn-train").splitlines()[0]
    needed = re.findall(r"`([\w-]+)`", first if first.startswith("# needs") else "")
    for name in [*needed, "fashion-cnn-train"]:
        tree = ast.parse(cell_source("07", name))
        if name != "setup":
            kept = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
            tree.body = [statement for statement in tree.body if isinstance(statement, kept)]
        exec(compile(tree, name, "exec"), namespace)
    if "train_fashion" not in namespace:
        raise ProgramMissing(
            "Chapter 07's cell 'fashion-cnn-train' does not define train_fashion(seed)."
        )
    return namespace


def fashion_program(clock: Clock, seed: int) -> float:
    """Run chapter 07's `train_fashion(seed)`; the clock shows the seconds that it says it took."""
    with contextlib.redirect_stdout(sys.stderr):
        result = fashion_namespace()["train_fashion"](seed)
    clock.out += clock.seconds() - result["seconds"]
    accuracy = float(result["accuracy"])
    clock.mark(lambda: accuracy)
    return accuracy


# Enough to see that a program is found and runs, in seconds.
TINY: dict[str, dict[str, Any]] = {
    "starter": {"limit": 256},
    "numpy": {"hidden": 8, "batch": 20000, "epochs": 1},
    "pytorch": {"hidden": 8, "batch": 20000, "epochs": 1},
    "keras": {"hidden": 8, "batch": 20000, "epochs": 1},
}

PROGRAMS: dict[str, tuple[Callable[..., float], str, tuple[str, ...]]] = {
    "starter": (starter_program, "starter program, chapter 06 (Keras)", ("keras", "tensorflow")),
    "numpy": (numpy_program, "program of chapter 05 (NumPy)", ("numpy",)),
    "pytorch": (pytorch_program, "the same network in PyTorch", ("torch",)),
    "keras": (keras_program, "the same network in Keras", ("keras", "tensorflow")),
    "fashion": (fashion_program, "network of chapter 07 (Fashion-MNIST)", ("torch",)),
}


# --- one run, and many -----------------------------------------------------------------------


def peak_mb() -> float:
    """Return the largest memory that this process has held, in MB."""
    status = Path("/proc/self/status")  # ru_maxrss of a child can be its parent's
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def run_here(program: str, seed: int, **options: Any) -> Run:
    """Run one program in this process."""
    run, _, modules = PROGRAMS[program]
    began = time.perf_counter()
    from course_utils import datasets, devices  # noqa: F401

    for name in modules:
        __import__(name)
    imports = time.perf_counter() - began
    clock = Clock()
    accuracy = run(clock, seed, **options)
    goal = FASHION_GOAL if program == "fashion" else GOAL
    seconds, cpu_seconds = clock.seconds(), clock.cpu_seconds()
    reached = next((at for at, value in clock.marks if value >= goal), None)
    if reached is None and accuracy >= goal:
        reached = seconds
    return Run(program, seed, imports, seconds, cpu_seconds, reached, accuracy, peak_mb())


def run_apart(program: str, seed: int, threads: int | None = None) -> Run:
    """Run one program in a process of its own, with the library's own choice of threads or ours.

    Raises:
        RuntimeError: it failed; the message is the end of what it printed.
    """
    command = [sys.executable, __file__, "--one", program, "--seed", str(seed)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "Agg"}
    if threads is not None:
        environment |= dict.fromkeys(THREADS, str(threads))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{program}, seed {seed}, failed: {done.stderr[-800:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _middle(values: list[float], places: int = 1) -> str:
    """Write median and range: the machine may be shared, and one number would mislead."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.{places}f}"
    middle, low, high = (f(values) for f in (statistics.median, min, max))
    return f"{middle:.{places}f} ({low:.{places}f}–{high:.{places}f})"


def _row(runs: list[Run], base: float | None, base_cpu: float | None) -> list[str]:
    reached = [run.to_goal for run in runs if run.to_goal is not None]
    times = "–"
    if base and reached:
        times = f"{base / statistics.median(reached):.1f}"
    cpu = statistics.median(run.cpu_seconds for run in runs)
    return [
        PROGRAMS[runs[0].program][1],
        f"{_middle(reached)} [{len(reached)} of {len(runs)}]".replace("[", "\\["),
        times,
        _middle([run.seconds for run in runs]),
        _middle([run.cpu_seconds for run in runs]),
        f"{base_cpu / cpu:.1f}" if base_cpu else "–",
        _middle([100 * run.accuracy for run in runs], 2),
        _middle([run.imports for run in runs]),
        f"{statistics.median(run.peak_mb for run in runs):.0f}",
        str(len(runs)),
    ]


def _table(title: str, goal: float) -> Table:
    return Table(
        "program",
        f"s to {goal:.0%} [runs]".replace("[", "\\["),
        "times as fast",
        "s in all",
        "CPU s in all",
        "times less CPU",
        "test accuracy %",
        "s of imports",
        "peak MB",
        "seeds",
        title=title,
    )


def mnist(seeds: int, starter_seeds: int, threads: int | None) -> tuple[Table, list[Run]]:
    """Run the four programs in turns, so that a busy minute hits all of them alike."""
    runs: dict[str, list[Run]] = {n: [] for n in ("starter", "numpy", "pytorch", "keras")}
    for seed in range(max(seeds, starter_seeds)):
        for name, found in runs.items():
            if seed < (starter_seeds if name == "starter" else seeds):
                found.append(run_apart(name, seed, threads))
                run = found[-1]
                console.print(
                    f"  {name} seed {seed}: {run.seconds:.1f} s, {run.accuracy:.2%}", style="dim"
                )
    reached = [run.to_goal for run in runs["starter"] if run.to_goal is not None]
    base = statistics.median(reached) if reached else None
    base_cpu = statistics.median(run.cpu_seconds for run in runs["starter"])
    table = _table("MNIST: median (range)", GOAL)
    for found in runs.values():
        if found:
            table.add_row(*_row(found, base, base_cpu))
    return table, [run for found in runs.values() for run in found]


def fashion(seeds: int, threads: int | None = None) -> tuple[Table | str, list[Run]]:
    """Run the network of chapter 07 with several seeds, if the chapter is there."""
    try:
        cell_source("07", "fashion-cnn-train")
    except ProgramMissing as missing:
        return f"Section fashion is left out: {missing}", []
    runs = []
    for seed in range(seeds):
        runs.append(run_apart("fashion", seed, threads))
        last = runs[-1]
        console.print(
            f"  fashion seed {seed}: {last.seconds:.1f} s, {last.accuracy:.2%}", style="dim"
        )
    table = _table("Fashion-MNIST: median (range)", FASHION_GOAL)
    table.add_row(*_row(runs, None, None))
    return table, runs


def machine(threads: int | None) -> str:
    """Name what the figures were measured on."""
    from course_utils import devices

    described = dict(devices.describe().rows()[:3])
    wanted = threads or os.environ.get("OMP_NUM_THREADS", "each library's own choice")
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{described.get('Processor', platform.machine())}; {cores} cores; threads: {wanted}; "
        f"memory {described.get('Memory', '?')}; load at the start {load}; "
        f"Python {platform.python_version()}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="examples: python tools/bench_training.py mnist --seeds 3 --starter-seeds 1; "
        "python tools/bench_training.py fashion; "
        "python tools/bench_training.py --one numpy --seed 3",
    )
    parser.add_argument("sections", nargs="*", help="mnist, fashion (default: both)")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each program (5)")
    parser.add_argument(
        "--starter-seeds",
        type=int,
        default=3,
        help="runs of the starter program, which is slow (3)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        help="threads of every library (default: its own choice; on a busy machine use 1, since "
        "threads that wait for each other measure the other programs)",
    )
    parser.add_argument("--one", choices=PROGRAMS, help="run one program here, print JSON")
    parser.add_argument("--seed", type=int, default=0, help="the seed of --one")
    parser.add_argument("--tiny", action="store_true", help="with --one: a few steps only")
    parser.add_argument("--json", type=Path, help="also write every run to this file")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.starter_seeds < 1:
        parser.error("at least one run of each program is needed")
    if options.one:
        little = TINY.get(options.one, {}) if options.tiny else {}
        print(json.dumps(asdict(run_here(options.one, options.seed, **little))))
        return 0
    chosen = options.sections or ["mnist", "fashion"]
    if unknown := [name for name in chosen if name not in ("mnist", "fashion")]:
        parser.error(f"no section {unknown[0]!r}; choose from mnist, fashion")
    described = machine(options.threads)
    console.print(described, highlight=False)
    results: list[Table | str] = []
    runs: list[Run] = []
    if "mnist" in chosen:
        if options.starter_seeds < options.seeds:
            console.print(
                f"The starter program runs with {options.starter_seeds} seeds, the others with "
                f"{options.seeds}; --starter-seeds changes that."
            )
        table, found = mnist(options.seeds, options.starter_seeds, options.threads)
        results.append(table)
        runs += found
    if "fashion" in chosen:
        result, found = fashion(options.seeds, options.threads)
        results.append(result)
        runs += found
    for result in results:
        console.print(result)
    console.print(
        "“s to …” counts from the end of the imports until the epoch after which the test accuracy "
        "was reached, with the number of runs that reached it; “times as fast” compares these with "
        "the starter program, and “times less CPU” compares the processor time of whole runs, "
        "which other programs on the machine disturb less.",
        style="dim",
    )
    console.print(f"Measured on: {described}", highlight=False)
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
