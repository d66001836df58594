"""One seed for Python, NumPy, PyTorch, TensorFlow and Keras, in whatever order they arrive."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from course_utils.errors import CourseError

LARGEST_SEED = 2**32 - 1  # numpy.random.seed takes 32 bits

_asked: dict[str, int] = {}  # {"seed": n} once seed_everything was called


def seed_everything(seed: int = 0) -> None:
    """Seed Python's `random`, NumPy's legacy global state, PyTorch, TensorFlow and Keras.

    A framework that is not imported yet stays so, and is seeded at the moment it is imported:
    the numbers are the same in either order. All devices of a framework get the seed.

    The seed makes a run repeatable on one machine with the same versions. It does not make a GPU
    repeat a CPU, or one library version another: some sums are added in another order there.
    `PYTHONHASHSEED`, the order of sets of strings, can only be set before Python starts.

    Args:
        seed: 0 to 2**32 - 1.

    Raises:
        CourseError: `seed` is not such an integer.
    """
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise CourseError(f"seed_everything takes a whole number, and {seed!r} is none.")
    seed = seed.__index__()
    if not 0 <= seed <= LARGEST_SEED:
        raise CourseError(f"seed_everything takes 0 to {LARGEST_SEED}, not {seed}.")
    import numpy as np

    _asked["seed"] = seed
    for name in ("torch", "tensorflow", "keras"):
        if name in sys.modules:
            seed_framework(sys.modules[name])
    random.seed(seed)
    np.random.seed(seed)


def seed_framework(module: ModuleType) -> None:
    """Seed one framework with the seed last asked for; before any was asked for, do nothing."""
    if "seed" not in _asked:
        return
    seed = _asked["seed"]
    name = module.__name__
    if name == "torch" and hasattr(module, "manual_seed"):
        module.manual_seed(seed)  # CPU, CUDA or ROCm, MPS, XPU
    elif name == "tensorflow" and hasattr(module, "random"):
        module.random.set_seed(seed)
    elif name == "keras" and hasattr(module, "utils"):
        with streams_kept():  # set_random_seed would start Python's and NumPy's streams again
            module.utils.set_random_seed(seed)


@contextmanager
def streams_kept() -> Iterator[None]:
    """Leave Python's and NumPy's global random state as it was, whatever runs inside."""
    python_state = random.getstate()
    numpy: Any = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy_state is not None:
            numpy.random.set_state(numpy_state)
