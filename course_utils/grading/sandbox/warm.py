"""Imports done once, so that a process forked from this one need not do them."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import sys
import warnings
from collections.abc import Iterable

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


def imports(names: Iterable[str]) -> list[str]:
    """Import what is known of `names`; return what was imported. No code of a course runs here."""
    os.environ.update(ONE_THREAD)
    done = []
    data = []
    for name in names:
        if name.startswith("data:"):
            data.append(name.removeprefix("data:"))
            continue
        if name.split(".")[0] not in KNOWN:
            continue
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(name)
            done.append(name)
    for name, prepare in _PREPARE.items():
        if name in sys.modules:
            with contextlib.suppress(Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                prepare()
    for name in data:  # what reads it is imported, and the disk's cache is warm
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("course_utils.datasets").load(name)
    return done


def _torch() -> None:
    """PyTorch imports much at its first optimiser; one thread, so that a fork is whole."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    weight = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(weight.parameters())
    torch.nn.functional.cross_entropy(weight(torch.ones(1, 2)), torch.zeros(1).long()).backward()
    optimiser.step()


def _matplotlib() -> None:
    """Reads the fonts of the machine, once."""
    importlib.import_module("matplotlib.pyplot")
    importlib.import_module("matplotlib.font_manager")


_PREPARE = {"torch": _torch, "matplotlib": _matplotlib}


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
