"""What a check does beside the learner's objects: list parameters, differentiate, read a file.

When a learner runs a check, these functions are called. In grading the learner's objects live in
another process: the examiner has them run there, and data come back (`elsewhere`). What they return
is an answer of the learner's process like any other: a check judges it with values of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .data import to_array, to_plain

Runner = Callable[[str, list[Any]], Any]
_runners: list[Runner] = []


@contextlib.contextmanager
def elsewhere(runner: Runner) -> Iterator[None]:
    """Have `runner(name, arguments)` do what `ask` asks for, in place of this process."""
    _runners.append(runner)
    try:
        yield
    finally:
        _runners.remove(runner)


def ask(name: str, *arguments: Any) -> Any:
    """Do one of HELPERS where the learner's objects are; return the data that it returns."""
    if _runners:
        return _runners[-1](name, list(arguments))
    return HELPERS[name](*arguments)


def parameters(model: Any, values: bool) -> list[list[Any]]:
    """Return [name, shape, trainable, array or None] for each parameter of a model.

    Takes PyTorch modules, Keras models and layers, and (nested) dictionaries and lists of arrays.
    With `values` the arrays are copies. Raises TypeError for anything else.
    """
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    found: list[tuple[str, Any, bool]] = []
    if torch is not None and isinstance(model, torch.nn.Module):
        found = [(n, p, bool(p.requires_grad)) for n, p in model.named_parameters()]
    elif keras is not None and isinstance(model, keras.Layer):
        trainable = {id(weight) for weight in model.trainable_weights}
        found = [(str(w.path), w, id(w) in trainable) for w in model.weights]
    else:
        _collect(model, "", found)
    return [
        [name, [int(n) for n in value.shape], trains, to_array(value) if values else None]
        for name, value, trains in found
    ]


def _collect(value: Any, name: str, found: list[tuple[str, Any, bool]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _collect(item, f"{name}.{key}" if name else str(key), found)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            _collect(item, f"{name}[{place}]", found)
    elif hasattr(type(value), "shape") and hasattr(type(value), "dtype"):
        found.append((name or "the array", value, True))
    else:
        kind = type(value).__name__
        raise TypeError(
            f"parameters are asked for, and a value of type {kind!r} has none: give a model of "
            "PyTorch or Keras, or a dictionary or list of arrays"
        )


def differentiated(
    f: Callable[..., Any], arrays: list[Any], wrt: list[int], upstream: Any, framework: str
) -> dict[str, Any]:
    """Return the gradients that the framework finds: d sum(upstream · f(*arrays)) / d arrays[k].

    {"gradients": [array, or None where nothing arrives]}, or {"cut": what the result is} if the
    result is not part of a graph at all, or {"failed": what the framework said}.
    """
    if framework == "tensorflow":
        return _tensorflow_gradients(f, arrays, wrt, upstream)
    torch = importlib.import_module("torch")
    leaves = [torch.tensor(value) for value in arrays]
    for place in wrt:
        leaves[place].requires_grad_(True)
    with torch.enable_grad():
        result = f(*leaves)
    if not isinstance(result, torch.Tensor):
        return {"cut": "no tensor"}
    if not result.requires_grad:
        return {"cut": "a tensor without a graph"}
    try:
        found = torch.autograd.grad(
            result,
            [leaves[place] for place in wrt],
            grad_outputs=torch.as_tensor(upstream, dtype=result.dtype).reshape(result.shape),
            allow_unused=True,
        )
    except RuntimeError as error:
        return {"failed": str(error)[:1000]}
    return {"gradients": [None if g is None else to_array(g) for g in found]}


def _tensorflow_gradients(
    f: Callable[..., Any], arrays: list[Any], wrt: list[int], upstream: Any
) -> dict[str, Any]:
    tf = importlib.import_module("tensorflow")
    leaves = [tf.constant(value) for value in arrays]
    watched = [leaves[place] for place in wrt]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        result = f(*leaves)
    if not tf.is_tensor(result):
        return {"cut": "no tensor"}
    weights = tf.reshape(tf.cast(tf.constant(upstream), result.dtype), tf.shape(result))
    found = tape.gradient(result, watched, output_gradients=weights)
    return {"gradients": [None if g is None else to_array(tf.convert_to_tensor(g)) for g in found]}


def read(path: str) -> dict[str, Any]:
    """Read a file of results: {"data": arrays by name, one array or plain values} or {"failed"}.

    .npz and .npy (without pickles), .csv of numbers (a line of names is left out), and .json.
    """
    place = Path(path)
    readers = {".npz": _npz, ".npy": _npy, ".csv": _csv, ".json": _json}
    reader = readers.get(place.suffix.lower())
    if reader is None:
        return {"failed": "ending"}
    if not place.is_file():
        return {"failed": "missing"}
    try:
        return {"data": reader(place)}
    except Exception as error:
        said = str(error)
        return {"failed": "pickle" if "allow_pickle" in said else "unreadable"}


def _npz(place: Path) -> dict[str, np.ndarray]:
    with np.load(place, allow_pickle=False) as found:
        return {name: np.array(found[name]) for name in found.files}


def _npy(place: Path) -> np.ndarray:
    return np.array(np.load(place, allow_pickle=False))


def _csv(place: Path) -> np.ndarray:
    lines = [line for line in place.read_text("utf-8-sig").splitlines() if line.strip()]
    try:
        return np.loadtxt(lines, delimiter=",", ndmin=2)
    except ValueError:
        return np.loadtxt(lines[1:], delimiter=",", ndmin=2)


def _json(place: Path) -> Any:
    return to_plain(json.loads(place.read_text("utf-8-sig")))


HELPERS: dict[str, Callable[..., Any]] = {
    "parameters": parameters,
    "differentiated": differentiated,
    "read": read,
}
