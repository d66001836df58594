"""Which accelerator there is, which one a framework should use, and one seed for everything.

Importing this imports no framework. It waits for them instead: when TensorFlow is imported later,
its start-up chatter is dropped and its GPUs get their memory as they need it; when PyTorch,
TensorFlow or Keras is imported after `seed_everything`, it is seeded then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from course_utils.devices._choose import (
    DeviceError,
    limit_memory,
    tensorflow_device,
    torch_device,
)
from course_utils.devices._hardware import nvidia_present
from course_utils.devices._imports import ImportWatcher, imported
from course_utils.devices._quiet import quiet_stderr
from course_utils.devices._report import Description, describe
from course_utils.devices._seeding import seed_everything, seed_framework, streams_kept

__all__ = [
    "Description",
    "DeviceError",
    "describe",
    "seed_everything",
    "tensorflow_device",
    "torch_device",
]


@contextmanager
def _around_import() -> Iterator[None]:
    with streams_kept():
        yield


@contextmanager
def _around_tensorflow() -> Iterator[None]:
    with quiet_stderr(nvidia_present()), streams_kept():
        yield


def _after_tensorflow(tf: ModuleType) -> None:
    _limit_memory_quietly(tf)
    seed_framework(tf)
    if keras := imported("keras"):
        seed_framework(keras)


def _after_keras(keras: ModuleType) -> None:
    tensorflow_is_importing_it = "tensorflow" in sys.modules and imported("tensorflow") is None
    if not tensorflow_is_importing_it:  # it seeds both at its own end
        seed_framework(keras)


def _limit_memory_quietly(tf: ModuleType) -> None:
    with quiet_stderr(nvidia_present()):
        limit_memory(tf)


# Both are read by TensorFlow when it starts; a value that the reader has set stays.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # warnings and errors
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

ImportWatcher(
    {
        "torch": (_around_import, seed_framework),
        "tensorflow": (_around_tensorflow, _after_tensorflow),
        "keras": (_around_import, _after_keras),
    }
).install()
if _tf := imported("tensorflow"):
    _limit_memory_quietly(_tf)
