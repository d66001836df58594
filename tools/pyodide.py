"""Bring a Pyodide with NumPy, SciPy, Matplotlib and scikit-learn to _build/pyodide.

    python tools/pyodide.py

`make test-lite` runs notebooks in it, and `make lite PYODIDE=1` publishes it with the book. Python
itself and the list of packages with their SHA-256 digests are the npm package `pyodide`. No package
index has NumPy for it; Open WebUI carries the compiled wheels in its own wheel, and only files with
the digests of Pyodide's list are taken from there. The packages of pure Python are the index's own,
of the versions in that list.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

BUILD = Path(__file__).resolve().parents[1] / "_build"
VERSION = "314.0.3"  # the one whose wheels CARRIER has
CARRIER = "open-webui==0.12.4"
CORE = ("pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide.mjs", "pyodide.js", "python_stdlib.zip")
LIST = "pyodide-lock.json"
WANTED = ("micropip", "packaging", "ipython", "jedi", "matplotlib", "scikit-learn")


class PyodideError(Exception):
    """There is no Pyodide to be had; the message is a sentence with the way out."""


def call(*command: str, cwd: Path) -> None:
    """Run a package client; raise PyodideError with its last words when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise PyodideError(
            "Pyodide could not be had, which needs npm and the Python package index; so nothing "
            "was tested in a browser's Python. The book is complete without it. Later: make "
            f"test-lite. {command[0]} says: {(done.stderr or done.stdout).strip()[-300:]}"
        )


def digest(content: bytes) -> str:
    """Return the SHA-256 digest of a file's content, as Pyodide's list writes it."""
    return hashlib.sha256(content).hexdigest()


def needed(packages: dict[str, dict[str, Any]], wanted: tuple[str, ...]) -> list[str]:
    """Return the names in Pyodide's list of these packages and of all that they depend on."""
    plain = {re.sub(r"[-_.]+", "-", name).lower(): name for name in packages}
    found: set[str] = set()
    todo = list(wanted)
    while todo:
        name = plain[re.sub(r"[-_.]+", "-", todo.pop()).lower()]
        if name not in found:
            found.add(name)
            todo += packages[name]["depends"]
    return sorted(found)


def take(carrier: Path, packages: dict[str, dict[str, Any]], folder: Path) -> None:
    """Take the wheels of these packages out of another wheel, if they are Pyodide's to the bit."""
    listed = {p["file_name"]: p["sha256"] for p in packages.values()}
    with zipfile.ZipFile(carrier) as archive:
        for member in archive.namelist():
            name = member.rpartition("/")[2]
            if name in listed and digest(content := archive.read(member)) == listed[name]:
                (folder / name).write_bytes(content)


def core(folder: Path, archive: Path) -> dict[str, Any]:
    """Unpack Python itself from the npm package into `folder`; return the list of packages."""
    with tarfile.open(archive) as package:
        for name in CORE:
            file = package.extractfile(f"package/{name}")
            assert file is not None
            (folder / name).write_bytes(file.read())
        file = package.extractfile(f"package/{LIST}")
        assert file is not None
        return json.load(file)


def fetch(folder: Path) -> None:
    """Make the folder; raise PyodideError, and leave nothing, when it cannot be made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download",
           "--no-deps")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix=".pyodide-", dir=folder.parent) as name:
        work, new = Path(name), Path(name) / "new"
        new.mkdir()
        call("npm", "pack", "--silent", f"pyodide@{VERSION}", cwd=work)
        listed = core(new, next(work.glob("pyodide-*.tgz")))
        names = needed(listed["packages"], WANTED)
        packages = {name: listed["packages"][name] for name in names}
        call(*pip, "--dest", "carrier", CARRIER, cwd=work)
        take(next((work / "carrier").glob("*.whl")), packages, new)
        rest = [p for p in packages.values() if not (new / p["file_name"]).is_file()]
        if compiled := [p["file_name"] for p in rest if "none-any" not in p["file_name"]]:
            raise PyodideError(
                f"{CARRIER} does not carry {', '.join(compiled)} of Pyodide {VERSION}. Change "
                "VERSION and CARRIER in tools/pyodide.py to two that belong together."
            )
        call(*pip, "--dest", "new", "--only-binary=:all:", "--python-version", "3.14",
             *(f"{p['name']}=={p['version']}" for p in rest), cwd=work)  # fmt: skip
        for package in rest:  # Pyodide packs these anew, without their tests
            package["sha256"] = digest((new / package["file_name"]).read_bytes())
        text = json.dumps({**listed, "packages": packages})
        (new / LIST).write_text(text, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
        folder.chmod(0o755)


def is_there(folder: Path) -> bool:
    """Tell whether the folder holds a complete Pyodide."""
    try:
        listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    files = [*CORE, *(package["file_name"] for package in listed["packages"].values())]
    return all((folder / file).is_file() for file in files)


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Bring a Pyodide with NumPy to _build/pyodide.")
    parser.parse_args()
    folder = BUILD / "pyodide"
    try:
        if not is_there(folder):
            fetch(folder)
    except PyodideError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Pyodide is in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
