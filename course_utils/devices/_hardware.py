"""What the operating system says about processor, memory and graphics, with no framework."""

from __future__ import annotations

import csv
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel", "0x1ae0": "Google"}
DISPLAY_CLASS, ACCELERATOR_CLASS = "0x03", "0x12"  # PCI base classes, PCI Code and ID Assignment
NO_LIMIT = 1 << 60  # cgroup v1 writes "no limit" as a number near 2**63


@dataclass(frozen=True)
class Processor:
    """The processor and the memory this process may use.

    `usable_cores` is what affinity and container quota leave of `logical_cores`, and may be a
    fraction; memory is in bytes, the smaller of the machine's and the container's.
    """

    model: str
    physical_cores: int | None
    logical_cores: int
    usable_cores: float
    memory: int
    memory_available: int


@dataclass(frozen=True)
class Graphics:
    """One graphics processor or TPU that the operating system knows; memory in bytes."""

    vendor: str
    name: str
    memory: int | None = None
    driver: str | None = None


def processor(root: Path = Path("/")) -> Processor:
    """Describe processor and memory; `root` is where /proc and /sys are looked for."""
    import psutil

    logical = psutil.cpu_count(logical=True) or 1
    usable: float = allowed_cores() or logical
    quota, memory_limit = cgroup_limits(root)
    if quota is not None:
        usable = min(usable, quota)
    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    if memory_limit is not None:
        total, available = min(total, memory_limit), min(available, memory_limit)
    return Processor(
        model=processor_model(root),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=logical,
        usable_cores=usable,
        memory=total,
        memory_available=available,
    )


def allowed_cores() -> int | None:
    """Return how many cores this process is allowed on, or None where the system has no say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return None


def processor_model(root: Path = Path("/")) -> str:
    """Return the name the processor goes by, such as "Apple M3" or "Intel(R) Core(TM) i5-…"."""
    if sys.platform == "darwin":
        name = _output(["sysctl", "-n", "machdep.cpu.brand_string"])
    elif sys.platform == "win32":
        name = _windows_processor()
    else:
        match = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", _text(root / "proc/cpuinfo"), re.M)
        name = match.group(1) if match else ""
    return " ".join(name.split()) or platform.processor() or platform.machine()


def cgroup_limits(root: Path = Path("/")) -> tuple[float | None, int | None]:
    """Return the container's limits (cores, bytes of memory), each None where there is none.

    Reads version 2 (`cpu.max`, `memory.max`) and version 1 of Linux control groups, in the
    process's own group and every group above it; the smallest limit holds.
    Source: Linux kernel documentation, admin-guide/cgroup-v2 and cgroup-v1.
    """
    groups = _groups(root)
    base = root / "sys/fs/cgroup"
    cores: list[float] = []
    memory: list[int] = []
    for folder in _upwards(base, groups.get("", "/")):
        quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
        if quota.isdigit() and period.isdigit():
            cores.append(int(quota) / int(period))
        memory += _numbers(folder / "memory.max")
    for folder in _upwards(base / "cpu", groups.get("cpu", "/")):
        quotas = _numbers(folder / "cpu.cfs_quota_us")
        periods = _numbers(folder / "cpu.cfs_period_us")
        if quotas and periods:
            cores.append(quotas[0] / periods[0])
    for folder in _upwards(base / "memory", groups.get("memory", "/")):
        memory += _numbers(folder / "memory.limit_in_bytes")
    memory = [limit for limit in memory if limit < NO_LIMIT]
    return min(cores, default=None), min(memory, default=None)


def graphics(root: Path = Path("/")) -> tuple[Graphics, ...]:
    """List every GPU and TPU that the operating system knows, whether or not it can be used."""
    if sys.platform == "darwin":
        return _apple_graphics()
    found = _nvidia_graphics(root)
    if sys.platform == "win32":
        return found + _windows_graphics(bool(found))
    for device in sorted((root / "sys/bus/pci/devices").glob("*")):
        kind = _text(device / "class").strip()
        vendor = VENDORS.get(_text(device / "vendor").strip())
        if vendor is None or not kind.startswith((DISPLAY_CLASS, ACCELERATOR_CLASS)):
            continue
        if vendor == "NVIDIA" and any(card.vendor == "NVIDIA" for card in found if card.driver):
            continue  # its driver has told more about it already
        found += (_pci_graphics(device, vendor, root),)
    return found


def nvidia_present(root: Path = Path("/")) -> bool:
    """Say whether there is an NVIDIA GPU, without starting a program."""
    if (root / "proc/driver/nvidia").exists() or (root / "dev/dxg").exists():
        return True
    if sys.platform == "win32":
        return shutil.which("nvidia-smi") is not None
    vendors = (root / "sys/bus/pci/devices").glob("*/vendor")
    return any(_text(vendor).strip() == "0x10de" for vendor in vendors)


def _pci_graphics(device: Path, vendor: str, root: Path) -> Graphics:
    bound = (device / "driver").resolve().name if (device / "driver").exists() else None
    version = _text(root / "sys/module" / bound / "version").strip() if bound else ""
    number = _text(device / "device").strip().removeprefix("0x")
    name = _text(device / "product_name").strip()
    what = "TPU" if vendor == "Google" else "graphics"
    return Graphics(
        vendor=vendor,
        name=name or f"{vendor} {what} (PCI {number})",
        memory=next(iter(_numbers(device / "mem_info_vram_total")), None),  # amdgpu writes it
        driver=f"{bound} {version}".strip() if bound else None,
    )


def _nvidia_graphics(root: Path) -> tuple[Graphics, ...]:
    """Ask the driver: `nvidia-smi` first, then the files of the Linux driver."""
    program = shutil.which("nvidia-smi")
    wsl = root / "usr/lib/wsl/lib/nvidia-smi"
    if program is None and wsl.exists():
        program = str(wsl)
    if program is not None:
        query = "--query-gpu=name,memory.total,driver_version"
        text = _output([program, query, "--format=csv,noheader,nounits"])
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
        cards = tuple(
            Graphics("NVIDIA", name, int(mib) << 20 if mib.isdigit() else None, driver)
            for name, mib, driver in (row for row in rows if len(row) == 3)
        )
        if cards:
            return cards
    version = re.search(r"Kernel Module\D*([\d.]+)", _text(root / "proc/driver/nvidia/version"))
    if version is None:
        return ()
    models = []
    for info in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        model = re.search(r"Model:\s*(.+)", _text(info))
        models.append(model.group(1).strip() if model else "NVIDIA graphics")
    return tuple(Graphics("NVIDIA", model, None, version.group(1)) for model in models)


def _apple_graphics() -> tuple[Graphics, ...]:
    if platform.machine() != "arm64":
        return ()
    release = platform.mac_ver()[0]
    name = f"{processor_model()} (its memory is the machine's)"
    return (Graphics("Apple", name, None, f"macOS {release}" if release else None),)


def _windows_graphics(nvidia_known: bool) -> tuple[Graphics, ...]:
    script = (
        "Get-CimInstance Win32_VideoController | "
        "ForEach-Object { $_.Name + '|' + $_.DriverVersion }"
    )
    found = []
    for line in _output(["powershell", "-NoProfile", "-Command", script]).splitlines():
        name, _, driver = line.strip().partition("|")
        vendor = next((v for v in ("NVIDIA", "AMD", "Intel") if v.lower() in name.lower()), None)
        if vendor and not (vendor == "NVIDIA" and nvidia_known):
            found.append(Graphics(vendor, name, None, driver or None))
    return tuple(found)


def _windows_processor() -> str:
    import winreg

    path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:  # type: ignore[attr-defined]
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])  # type: ignore[attr-defined]
    except OSError:
        return ""


def _groups(root: Path) -> dict[str, str]:
    """Return the control groups of this process: controller → path, "" for version 2."""
    groups = {}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


def _upwards(base: Path, path: str) -> list[Path]:
    """Return the group's folder under `base` and every folder above it, `base` included."""
    folder = base / path.strip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(base))]


def _numbers(path: Path) -> list[int]:
    text = _text(path).strip()
    return [int(text)] if text.isdigit() else []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _output(command: list[str]) -> str:
    """Return what a program prints, or nothing when it is absent, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=15, check=True, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
