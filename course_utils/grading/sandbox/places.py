"""What a candidate may see of this machine's disk: Python, its libraries, the data sets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import course_utils

_SYSTEM = [
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/bin",
    "/usr/sbin",
    "/usr/share/fonts",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/usr/share/fontconfig",
    "/usr/local/lib",
    "/usr/local/bin",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
    "/etc/timezone",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
]
_LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
_PARTS = ("bin", "lib", "lib64", "include", "libexec")


def visible(data: Path | None = None) -> list[Path]:
    """Return the folders and files that are bound into the sandbox, read-only.

    A whole environment is bound where it stands in a folder of its own; of /usr and /usr/local,
    where other things live too (the exchange of nbgrader, for one), only programs and libraries.
    """
    found = [Path(name) for name in _SYSTEM]
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix}:
        place = Path(prefix)
        if place in {Path("/usr"), Path("/usr/local"), Path("/")}:
            found += [place / part for part in _PARTS]
        else:
            found.append(place)
    found.append(Path(course_utils.__file__).parent)
    found += _elsewhere(found)
    if data is not None:
        found.append(data)
    return [place for place in dict.fromkeys(found) if place.exists()]


def _elsewhere(known: Iterable[Path]) -> list[Path]:
    """Folders of libraries on sys.path that stand elsewhere (a user's site-packages)."""
    places = [Path(name) for name in sys.path if name.endswith(("site-packages", "dist-packages"))]
    return [place for place in places if not any(_inside(place, other) for other in known)]


def _inside(place: Path, other: Path) -> bool:
    return place == other or other in place.parents


def links() -> list[tuple[str, str]]:
    """Return (path, target) for system folders that are links, such as /bin → usr/bin."""
    return [(name, str(Path(name).readlink())) for name in _LINKS if Path(name).is_symlink()]


def folders() -> list[Path]:
    """Return system folders of old systems where /lib and others are no links."""
    return [Path(name) for name in _LINKS if Path(name).is_dir() and not Path(name).is_symlink()]


def environment(data: Path | None) -> dict[str, str]:
    """Return the only environment variables that a candidate gets."""
    from .warm import ONE_THREAD

    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp/home",
        "LANG": "C.UTF-8",
        "TZ": os.environ.get("TZ", "UTC"),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "IPYTHONDIR": "/tmp/ipython",
        "NBGRADER_EXECUTION": "autograde",
        "COURSE_OFFLINE": "1",
        **({"COURSE_DATA": str(data)} if data is not None else {}),
        **ONE_THREAD,
    }
