"""Write requirements.lock: the exact versions, for every platform, that pyproject.toml resolves to.

    make lock

One resolution serves Linux (x86-64, arm64), macOS (arm64) and Windows; where they differ a line
carries a marker. Two things are edited out of the resolver's answer, and why:

* The CUDA libraries that PyTorch's Linux build asks for. torch pins each of them exactly itself, so
  pip still installs the right ones with the CUDA build, and nobody who installs the CPU build is
  made to download gigabytes.
* The "+cpu" of a local torch build: ``torch==2.13.0`` accepts the CPU and the CUDA build alike.

There are no hashes for the same reason: the CPU and the CUDA build of torch have different ones,
and pip checks either all packages or none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
CUDA = re.compile(r"^(cuda-|nvidia-|triton\b)")

HEADER = """\
# The exact versions of everything, for Linux (x86-64, arm64), macOS (arm64) and Windows.
# Written by `make lock` from the ranges in pyproject.toml; do not edit by hand.
"""


def resolve(upgrade: bool) -> str:
    """Return uv's answer for pyproject.toml with every extra, one requirement a line."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal"]
    command += ["--python-version", "3.11", "--no-annotate", "--no-header", "--quiet"]
    if find_links := os.environ.get("PIP_FIND_LINKS"):
        command += ["--find-links", find_links]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "lock.txt"
        if LOCK.exists() and not upgrade:
            out.write_text(LOCK.read_text())
        subprocess.run([*command, "--output-file", str(out)], cwd=ROOT, check=True)
        return out.read_text()


def tidy(resolved: str) -> list[str]:
    """Drop the CUDA libraries, spell torch once, and keep setuptools, which builds the project."""
    lines = []
    torch = None
    for line in resolved.splitlines():
        if not line.strip() or line.startswith("#") or CUDA.match(line):
            continue
        if line.startswith("torch=="):
            torch = re.split(r"[+ ;]", line)[0]
            continue
        lines.append(line)
    if torch is None:
        raise SystemExit("lock: the resolver returned no torch; is it still in pyproject.toml?")
    return sorted([*lines, torch], key=str.lower)


def main() -> None:
    lines = tidy(resolve(upgrade="--upgrade" in sys.argv))
    LOCK.write_text(HEADER + "\n".join(lines) + "\n")
    print(f"requirements.lock: {len(lines)} packages")


if __name__ == "__main__":
    main()
