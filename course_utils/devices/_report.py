"""The whole machine in one table: `describe()`, and why a GPU that is there is not used."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from course_utils.devices._frameworks import Accelerator, Framework, frameworks
from course_utils.devices._hardware import Graphics, Processor, graphics, processor

KIND_OF_VENDOR = {
    "NVIDIA": ("CUDA",),
    "AMD": ("ROCm",),
    "Intel": ("XPU",),
    "Apple": ("MPS",),
    "Google": ("TPU",),
}
VISIBLE = {
    "CUDA": ("CUDA_VISIBLE_DEVICES",),
    "ROCm": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    "XPU": ("ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR"),
}
CHOOSER = "pytorch.org/get-started"


@dataclass(frozen=True, repr=False)
class Description:
    """This machine as a learner needs to know it; prints as a table.

    `notes` holds one sentence for each GPU and framework that do not come together, and how they
    would. Memory everywhere is in bytes.
    """

    processor: Processor
    graphics: tuple[Graphics, ...]
    frameworks: tuple[Framework, ...]
    notes: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        """Return the table's rows, (heading, text); a heading is empty in a row's further lines."""
        cpu = self.processor
        rows = [
            ("Processor", cpu.model),
            ("Cores", _cores(cpu)),
            ("Memory", f"{size(cpu.memory)}, {size(cpu.memory_available)} of it free"),
        ]
        rows += _several("Graphics", [_card(card) for card in self.graphics] or ["none found"])
        for framework in self.frameworks:
            rows += _several(framework.name, list(_framework(framework)))
        return rows + _several("Note", list(self.notes))

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain dictionaries, for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        rows = self.rows()
        width = max(len(heading) for heading, _ in rows)
        return "\n".join(f"{heading:<{width}}  {text}" for heading, text in rows)

    def _repr_html_(self) -> str:
        groups: list[tuple[str, list[str]]] = []
        for heading, text in self.rows():
            if heading:
                groups.append((heading, []))
            groups[-1][1].append(html.escape(text))
        lines = [
            f'<tr><th scope="row" style="text-align:left;vertical-align:top">{heading}</th>'
            f'<td style="text-align:left">{"<br>".join(texts)}</td></tr>'
            for heading, texts in groups
        ]
        return "<table><tbody>" + "".join(lines) + "</tbody></table>"


def describe() -> Description:
    """Describe the processor, the memory, and each accelerator that the frameworks can use.

    A framework that is not imported is asked in a process of its own, so this takes as long as
    importing the slower one (3 to 6 seconds) and leaves nothing behind.
    """
    cards = graphics()
    found = tuple(with_drivers(framework, cards) for framework in frameworks())
    return Description(processor(), cards, found, tuple(why_unused(cards, found, os.environ)))


def with_drivers(framework: Framework, cards: tuple[Graphics, ...]) -> Framework:
    """Fill in, from what the operating system says, the driver and memory a framework left out."""

    def filled(accelerator: Accelerator) -> Accelerator:
        same_vendor = [
            card for card in cards if accelerator.kind in KIND_OF_VENDOR.get(card.vendor, ())
        ]
        named = [card for card in same_vendor if card.name == accelerator.name]
        card = next(iter(named or same_vendor), None)
        if card is None:
            return accelerator
        return replace(
            accelerator,
            driver=accelerator.driver or card.driver,
            memory=accelerator.memory or (named[0].memory if named else None),
        )

    return replace(framework, accelerators=tuple(map(filled, framework.accelerators)))


def why_unused(
    cards: tuple[Graphics, ...],
    found: tuple[Framework, ...],
    env: Mapping[str, str],
    platform: str = sys.platform,
) -> Iterator[str]:
    """Yield a sentence, with the way out, for each GPU that an installed framework cannot use."""
    vendors = dict.fromkeys(card.vendor for card in cards)
    for vendor in vendors:
        card = next(card for card in cards if card.vendor == vendor)
        kinds = KIND_OF_VENDOR.get(vendor, ())
        for framework in found:
            used = {accelerator.kind for accelerator in framework.accelerators}
            if framework.version is None or used & {*kinds, "GPU"}:
                continue
            explain = _why_torch if framework.name == "PyTorch" else _why_tensorflow
            reason = explain(card, framework, env, platform)
            yield f"{framework.name} does not use the {card.name}: {reason}"


def _why_torch(card: Graphics, framework: Framework, env: Mapping[str, str], platform: str) -> str:
    version = framework.version
    (kind,) = KIND_OF_VENDOR[card.vendor]
    if kind == "TPU":
        return f"torch_xla is missing or finds no TPU. Install the torch_xla for torch {version}."
    if reason := _no_driver(card):
        return reason
    if kind not in framework.backends:
        if kind == "ROCm" and platform != "linux":
            return "PyTorch's ROCm build exists for Linux only. The course runs on the processor."
        if kind == "MPS":
            return "this build lacks MPS. Install the arm64 Python and PyTorch for macOS."
        built = " and ".join(framework.backends) or "CPU"
        return (
            f"torch {version} is a {built} build. To use this GPU, install the {kind} build of "
            f"the same version ({CHOOSER})."
        )
    if reason := _hidden(kind, env):
        return reason
    if kind == "MPS":
        return "MPS is not available. It needs macOS 14 or newer."
    if framework.problem:
        return f"{framework.problem}. {_cure(kind, framework.problem)}"
    return f"{kind} finds no device. {_cure(kind, '')}"


def _why_tensorflow(
    card: Graphics, framework: Framework, env: Mapping[str, str], platform: str
) -> str:
    version = framework.version
    (kind,) = KIND_OF_VENDOR[card.vendor]
    if kind == "MPS":
        return "TensorFlow for macOS has no GPU support of its own. PyTorch can use this GPU."
    if platform == "win32":
        return "TensorFlow has no GPU build for Windows since 2.11. Use it inside WSL 2."
    if kind == "TPU":
        return f"tensorflow {version} lists no TPU. Install tensorflow-tpu of the same version."
    if reason := _no_driver(card):
        return reason
    if kind not in framework.backends:
        if kind == "XPU":
            return "TensorFlow has no support for Intel graphics of its own. It uses the processor."
        built = " and ".join(framework.backends) or "CPU"
        return f"tensorflow {version} is a {built} build. To use this GPU, use its {kind} build."
    if reason := _hidden(kind, env):
        return reason
    if kind == "CUDA":
        return (
            "its CUDA libraries are missing or the driver is too old for them. Install them with: "
            f"python -m pip install 'tensorflow[and-cuda]=={version}'"
        )
    return f"{kind} finds no device. {_cure(kind, '')}"


def _no_driver(card: Graphics) -> str | None:
    if card.vendor == "NVIDIA" and (card.driver is None or card.driver.startswith("nouveau")):
        return "no NVIDIA driver is loaded. Install NVIDIA's own driver and restart the machine."
    if card.driver is None and card.vendor in {"AMD", "Intel"}:
        return f"no driver for it is loaded. Install {card.vendor}'s driver."
    return None


def _hidden(kind: str, env: Mapping[str, str]) -> str | None:
    for variable in VISIBLE.get(kind, ()):
        value = env.get(variable)
        if value is not None and value.strip() in {"", "-1"}:
            state = "empty" if not value.strip() else value.strip()
            return f"the environment variable {variable} is {state}, which hides it. Unset it."
    return None


def _cure(kind: str, problem: str) -> str:
    if "driver" in problem and "too old" in problem:
        return "Install a newer driver."
    if kind == "ROCm":
        return "Check that you may open /dev/kfd (groups render and video)."
    if "capability" in problem or "no kernel image" in problem:
        return f"Install a PyTorch build that still supports this GPU ({CHOOSER})."
    return "In a container, start it with the GPU passed in; otherwise reinstall the driver."


def size(amount: int) -> str:
    """Return bytes as GiB, three digits."""
    gib = amount / 2**30
    return f"{gib:.0f} GiB" if gib >= 99.5 else f"{gib:.3g} GiB"


def _cores(cpu: Processor) -> str:
    physical = "" if cpu.physical_cores is None else f"{cpu.physical_cores} physical, "
    text = f"{physical}{cpu.logical_cores} logical"
    if cpu.usable_cores < cpu.logical_cores:
        text += f"; this process may use {cpu.usable_cores:g}"
    return text


def _card(card: Graphics) -> str:
    parts = [
        card.name,
        size(card.memory) if card.memory else "",
        f"driver {card.driver}" if card.driver else "no driver",
    ]
    return ", ".join(filter(None, parts))


def _framework(framework: Framework) -> Iterator[str]:
    if framework.version is None:
        yield f"cannot be used: {framework.problem}"
        return
    built = " and ".join(framework.backends) or "CPU"
    where = "" if framework.accelerators else "; runs on the processor"
    yield f"{framework.version}, {built} build{where}"
    for item in framework.accelerators:
        parts = [
            f"{item.device}: {item.name} ({item.kind})",
            size(item.memory) if item.memory else "",
            f"driver {item.driver}" if item.driver else "",
        ]
        yield ", ".join(filter(None, parts))
    if framework.problem and framework.accelerators:
        yield framework.problem


def _several(heading: str, texts: list[str]) -> list[tuple[str, str]]:
    return [(heading if not index else "", text) for index, text in enumerate(texts)]
