"""Choose the device a chapter runs on: the best one that works, or the one asked for."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from course_utils.errors import CourseError

if TYPE_CHECKING:
    import torch

TORCH_KINDS = ("cuda", "xpu", "mps", "cpu")  # ROCm calls itself cuda in PyTorch
TENSORFLOW_KINDS = ("gpu", "xpu", "cpu")
VARIABLE = "COURSE_DEVICE"


class DeviceError(CourseError):
    """The device that was asked for cannot be used."""


def torch_device(prefer: str | None = None) -> torch.device:
    """Return the device for PyTorch: CUDA or ROCm, then XPU, then MPS, then the CPU.

    A GPU counts only when a small sum on it comes out right: a card too old for this build of
    PyTorch says that it is available and fails at the first kernel.

    Args:
        prefer: "cpu", "cuda", "cuda:1", "mps", "xpu" or "tpu" (needs torch_xla). When None, the
            environment variable COURSE_DEVICE is used if set, and otherwise the best there is.

    Raises:
        DeviceError: the device asked for cannot be used; the message says why.
    """
    import torch

    asked = prefer or os.environ.get(VARIABLE) or None
    if asked is None:
        for kind in TORCH_KINDS[:-1]:
            if torch_available(torch, kind):
                try:
                    return tried(torch, torch.device(kind))
                except Exception as error:
                    warnings.warn(
                        f"PyTorch sees a {kind} device and cannot compute on it "
                        f"({first_sentence(error)}), so the CPU is used.",
                        stacklevel=2,
                    )
        return torch.device("cpu")
    kind, _, index = asked.lower().partition(":")
    kind = {"gpu": "cuda", "rocm": "cuda", "xla": "tpu"}.get(kind, kind)
    if kind == "tpu":
        return _tpu()
    if kind not in TORCH_KINDS or not (index.isdigit() or not index):
        raise DeviceError(
            f"{asked!r} is no device that PyTorch knows. Ask for one of "
            f"{', '.join(TORCH_KINDS)} or tpu, or for nothing to get the best there is."
        )
    if kind != "cpu" and not torch_available(torch, kind):
        raise DeviceError(
            f"PyTorch cannot use {asked!r} here. Run `course doctor` to see why, or call "
            "torch_device() to get the best device there is."
        )
    try:
        return tried(torch, torch.device(f"{kind}:{index}" if index else kind))
    except Exception as error:
        raise DeviceError(
            f"PyTorch cannot compute on {asked!r} ({first_sentence(error)}). Run "
            "`course doctor` to see the devices there are, or call torch_device()."
        ) from error


def tensorflow_device(prefer: str | None = None) -> str:
    """Return the name of the device for TensorFlow, to be used as `with tf.device(name):`.

    A GPU's memory is taken as it is needed, never all at once, when this is called (or
    `course_utils.devices` imported) before TensorFlow's first operation.

    Args:
        prefer: "cpu", "gpu", "gpu:1" or "xpu". When None, the environment variable
            COURSE_DEVICE is used if set, and otherwise the best there is.

    Returns:
        "/GPU:0", "/XPU:0" or "/CPU:0" (another number when one was asked for).

    Raises:
        DeviceError: the device asked for cannot be used.
    """
    import tensorflow as tf

    limit_memory(tf)
    asked = prefer or os.environ.get(VARIABLE) or None
    kind, _, index = (asked or "").lower().strip("/").partition(":")
    kind = {"cuda": "gpu", "rocm": "gpu", "mps": "gpu"}.get(kind, kind)
    if asked is not None and (kind not in TENSORFLOW_KINDS or not (index.isdigit() or not index)):
        raise DeviceError(
            f"{asked!r} is no device for TensorFlow. Ask for one of "
            f"{', '.join(TENSORFLOW_KINDS)}, or for nothing to get the best there is."
        )
    number = int(index or 0)
    for candidate in (kind,) if asked else TENSORFLOW_KINDS:
        if number < len(tf.config.list_physical_devices(candidate.upper())):
            return f"/{candidate.upper()}:{number}"
    raise DeviceError(
        f"TensorFlow cannot use {asked!r} here. Run `course doctor` to see why, or call "
        "tensorflow_device() to get the best device there is."
    )


def limit_memory(tf: Any) -> None:
    """Make TensorFlow take a GPU's memory as it needs it.

    Source: TensorFlow guide, "Use a GPU", section "Limiting GPU memory growth".
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # TensorFlow has started already and the choice is made
            with suppress(Exception):
                if tf.config.experimental.get_memory_growth(gpu):
                    continue
            warnings.warn(
                "TensorFlow started before course_utils.devices was imported and may have taken "
                "the whole GPU memory. Restart the kernel and import course_utils.devices first.",
                stacklevel=3,
            )
            return
        except ValueError:  # a device that has no such setting, such as Apple's
            continue


def torch_available(torch: Any, kind: str) -> bool:
    """Say whether PyTorch says that it has a device of this kind; its warnings are not shown."""
    part = getattr(torch.backends, "mps", None) if kind == "mps" else getattr(torch, kind, None)
    if part is None:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(part.is_available())


def first_sentence(error: BaseException | str) -> str:
    """Return the first sentence of an error's message, without its full stop."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")


def tried(torch: Any, device: Any) -> Any:
    """Return the device when 1 + 1 is 2 on it."""
    result = (torch.ones(2, device=device) + 1).sum().item()
    if result != 4:
        raise DeviceError(f"1 + 1 gave {result / 2} on {device}")
    return device


def _tpu() -> Any:
    try:
        import torch_xla
    except ImportError as error:
        raise DeviceError(
            "PyTorch reaches a TPU only through torch_xla, which is not installed. "
            "Install the torch_xla of the same version as torch."
        ) from error
    try:
        return torch_xla.device()
    except Exception as error:
        raise DeviceError(f"torch_xla finds no TPU here ({first_sentence(error)}).") from error
