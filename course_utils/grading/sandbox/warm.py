"""Imports done once, so that a process forked from this one need not do them."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import sys
import warnings
from collections.abc import Iterable
from typing import Any

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)
"""One thread for each candidate: several run at a time, and a fork keeps one thread only."""

KNOWN = frozenset(
    [
        "numpy",
        "torch",
        "tensorflow",
        "keras",
        "matplotlib",
        "pandas",
        "sklearn",
        "scipy",
        "course_utils",
    ]
)
"""What is worth importing before a notebook asks for it. Anything else it imports by itself."""


def imports(names: Iterable[str], *, first_use: bool = True) -> list[str]:
    """Import what is known of `names`; return what was imported. No code of a course runs here.

    With `first_use`, also what a library imports only when it is first used.
    """
    os.environ.update(ONE_THREAD)
    done = []
    data = []
    for name in names:
        if name.startswith("data:"):
            data.append(name.removeprefix("data:"))
        elif name.split(".")[0] in KNOWN and _quietly(name) is not None:
            done.append(name)
    if "numpy" in sys.modules:
        _quietly("numpy.ma")  # numpy imports it when somebody lists its names
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # so that a fork is whole
    for name, use in _FIRST_USE.items():
        if first_use and name in {found.split(".")[0] for found in done}:
            with contextlib.suppress(Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                use()
    for name in data:  # what reads it is imported, and the disk's cache is warm
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("course_utils.datasets").load(name)
    return done


def _quietly(name: str) -> Any:
    """Import a module; None if it cannot be imported."""
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)
    return None


def _torch() -> None:
    """PyTorch imports much at its first optimiser."""
    torch = importlib.import_module("torch")
    weight = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(weight.parameters())
    torch.nn.functional.cross_entropy(weight(torch.ones(1, 2)), torch.zeros(1).long()).backward()
    optimiser.step()


def _matplotlib() -> None:
    """Reads the fonts of the machine, once."""
    importlib.import_module("matplotlib.pyplot")
    importlib.import_module("matplotlib.font_manager")


_FIRST_USE = {"torch": _torch, "matplotlib": _matplotlib}


def seed(number: int) -> None:
    """Seed every generator that is imported, so that a run can be repeated exactly."""
    random.seed(number)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(number % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(number)
    if "keras" in sys.modules:  # sets a number, starts nothing of TensorFlow
        with contextlib.suppress(Exception):
            sys.modules["keras"].utils.set_random_seed(number % 2**32)
