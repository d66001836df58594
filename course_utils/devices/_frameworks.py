"""What PyTorch and TensorFlow can use, asked without importing them into this process."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from course_utils.devices._choose import first_sentence, torch_available, tried
from course_utils.devices._imports import imported

NAMES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
PROBE_SECONDS = 120
_MARK = "course-devices-report:"


@dataclass(frozen=True)
class Accelerator:
    """One device a framework can compute on; memory in bytes where the framework tells it."""

    kind: str  # CUDA, ROCm, MPS, XPU, TPU
    device: str  # what the framework calls it: cuda:0, /GPU:0
    name: str
    memory: int | None = None
    driver: str | None = None


@dataclass(frozen=True)
class Framework:
    """One framework as installed here.

    `backends` are the kinds of accelerator that this build was made for, whether or not there is
    one; `problem` says what went wrong, in the framework's own words where it has some.
    """

    name: str
    version: str | None
    backends: tuple[str, ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    problem: str | None = None


def frameworks() -> tuple[Framework, ...]:
    """Report on both frameworks, side by side."""
    with ThreadPoolExecutor(len(NAMES)) as pool:
        return tuple(pool.map(report, NAMES))


def report(module_name: str) -> Framework:
    """Report on one framework: in this process when it is imported here, else in another.

    Another process, because importing a framework takes seconds and hundreds of megabytes, and
    because one that crashes should cost a line of the table and not the notebook.
    """
    name = NAMES[module_name]
    module = imported(module_name)
    if module is not None:
        return REPORTERS[module_name](module)
    try:
        absent = importlib.util.find_spec(module_name) is None
    except (ImportError, ValueError):
        absent = True
    if absent:
        return Framework(name, None, problem="it is not installed")
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "course_utils.devices._frameworks", module_name],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        return Framework(name, None, problem=f"importing it took over {PROBE_SECONDS} seconds")
    except OSError as error:
        return Framework(name, None, problem=f"no process could be started to ask it ({error})")
    for line in done.stdout.splitlines():
        if line.startswith(_MARK):
            return from_json(line.removeprefix(_MARK))
    return Framework(name, None, problem=failure(done.returncode, done.stderr))


def from_json(text: str) -> Framework:
    """Read what the other process printed."""
    fields = json.loads(text)
    fields["backends"] = tuple(fields["backends"])
    fields["accelerators"] = tuple(Accelerator(**item) for item in fields["accelerators"])
    return Framework(**fields)


def failure(code: int, stderr: str) -> str:
    """Say in a clause why a framework could not even be imported."""
    if code < 0:
        name = signal.Signals(-code).name
        why = ": this processor lacks instructions that it needs" if name == "SIGILL" else ""
        return f"importing it ends the process with {name}{why}"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return f"it cannot be imported ({first_sentence(lines[-1]) if lines else f'status {code}'})"


def torch_report(torch: Any) -> Framework:
    """Ask PyTorch, given as the module, which accelerators it was built for and can use."""
    version = torch.version
    hip = getattr(version, "hip", None)
    built = {
        "CUDA": getattr(version, "cuda", None) and not hip,
        "ROCm": hip,
        "XPU": getattr(version, "xpu", None),
        "MPS": hasattr(torch.backends, "mps") and torch.backends.mps.is_built(),
    }
    backends = tuple(kind for kind, there in built.items() if there)
    found: list[Accelerator] = []
    problems: list[str] = []
    for accelerator in _torch_accelerators(torch, "ROCm" if hip else "CUDA"):
        try:
            if accelerator.kind != "TPU":
                tried(torch, torch.device(accelerator.device))
            found.append(accelerator)
        except Exception as error:
            problems.append(f"{accelerator.name} cannot compute ({first_sentence(error)})")
    if not found and not problems and ("CUDA" in backends or "ROCm" in backends):
        problems += _cuda_complaint(torch)
    return Framework(
        "PyTorch", str(torch.__version__), backends, tuple(found), "; ".join(problems) or None
    )


def _torch_accelerators(torch: Any, cuda_kind: str) -> Iterator[Accelerator]:
    for attribute, kind in (("cuda", cuda_kind), ("xpu", "XPU")):
        if not torch_available(torch, attribute):
            continue
        part = getattr(torch, attribute)
        for index in range(part.device_count()):
            card = part.get_device_properties(index)
            driver = getattr(card, "driver_version", None)
            yield Accelerator(kind, f"{attribute}:{index}", card.name, card.total_memory, driver)
    if torch_available(torch, "mps"):
        ask = getattr(torch.mps, "recommended_max_memory", None)
        yield Accelerator("MPS", "mps", "Apple GPU", ask() if ask else None)
    yield from _torch_tpus()


def _torch_tpus() -> Iterator[Accelerator]:
    if imported("torch_xla") is None and importlib.util.find_spec("torch_xla") is None:
        return
    try:
        import torch_xla
        import torch_xla.runtime as runtime

        if runtime.device_type() != "TPU":
            return
        count = torch_xla.device_count()
    except Exception:  # an installed torch_xla with no TPU raises many kinds of error
        return
    for index in range(count):
        yield Accelerator("TPU", f"xla:{index}", "Google TPU")


def _cuda_complaint(torch: Any) -> list[str]:
    """Return what CUDA says when it does not start, such as that the driver is too old."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.cuda.init()
        except Exception as error:
            return [first_sentence(error)]
    return []


def tensorflow_report(tf: Any) -> Framework:
    """Ask TensorFlow, given as the module, which accelerators it was built for and can use."""
    build = tf.sysconfig.get_build_info()
    rocm, cuda = build.get("is_rocm_build", False), build.get("is_cuda_build", False)
    kind = "ROCm" if rocm else "CUDA" if cuda else "MPS" if sys.platform == "darwin" else "GPU"
    backends = (kind,) if rocm or cuda else ()
    found = []
    for device in tf.config.list_physical_devices():
        if device.device_type in {"CPU", "XLA_CPU", "XLA_GPU"}:
            continue
        try:
            details = tf.config.experimental.get_device_details(device)
        except (ValueError, RuntimeError, AttributeError):
            details = {}
        short = device.name.removeprefix("/physical_device:")
        found.append(
            Accelerator(
                kind if device.device_type == "GPU" else device.device_type,
                f"/{short}",
                details.get("device_name") or f"{device.device_type} {short.partition(':')[2]}",
            )
        )
    return Framework("TensorFlow", str(tf.__version__), backends, tuple(found))


REPORTERS: dict[str, Callable[[Any], Framework]] = {
    "torch": torch_report,
    "tensorflow": tensorflow_report,
}


def main(module_name: str) -> None:
    """Import one framework and print the report on it; the parent process reads the line."""
    module = importlib.import_module(module_name)
    line = _MARK + json.dumps(asdict(REPORTERS[module_name](module)))
    sys.stdout.write(f"\n{line}\n")


if __name__ == "__main__":
    main(sys.argv[1])
