"""Stop `make` with one clear sentence when this machine cannot install the course."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

NEEDED_GB = 6
OLDEST, NEWEST = (3, 11), (3, 13)


def problems() -> list[str]:
    """Return a sentence, with its cure, for each thing that would make the installation fail."""
    found = []
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        found.append(
            f"Python {version[0]}.{version[1]} is running, and the course's packages exist for "
            "3.11 to 3.13. Install one of these and run: make PYTHON=python3.12 book"
        )
    if importlib.util.find_spec("ensurepip") is None:
        found.append(
            "This Python cannot make virtual environments. On Debian and Ubuntu: "
            "apt install python3-venv"
        )
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if not Path(".venv").exists() and free < NEEDED_GB:
        found.append(
            f"{free:.1f} GB of disk are free here and the installation takes up to {NEEDED_GB} GB. "
            "Free some space, or clone to a larger disk."
        )
    return found


if __name__ == "__main__":
    if found := problems():
        sys.exit("\n".join(["This machine cannot install the course yet:", *found]))
