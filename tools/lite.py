"""Build a JupyterLite of the exercises that need no more than NumPy: they run in the page.

    make lite                   _build/lite, beside the book; serve it or publish it with the site

It needs the package index once, for JupyterLite itself, which gets an environment of its own in
_build/lite-tools. A reader needs the network as well: the browser loads Python (Pyodide) and NumPy
from JupyterLite's usual address. The book is complete without any of it.

Each exercise is a copy with one cell before it that installs what it imports from the course:
course_utils.checks, .datasets and .devices, as a wheel that needs NumPy only.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
TOOLS = ("jupyterlite-core>=0.8", "jupyterlite-pyodide-kernel>=0.8", "jupyter-server")
NAME = "build_deep_notebooks"
PARTS = ("checks", "datasets", "devices", "__init__.py", "errors.py", "book.mplstyle")
# What Pyodide brings, and the data sets that scikit-learn carries.
PACKAGES = {"numpy", "matplotlib", "sklearn", "scipy", "pandas", "course_utils"}
DATA = {"digits", "breast-cancer", "moons"}
INSTALL = f"%pip install -q {NAME.replace('_', '-')}"


class LiteError(Exception):
    """The JupyterLite cannot be built; the message is a sentence with the way out."""


def code_of(notebook: dict[str, Any]) -> str:
    """Return the code of a notebook without IPython's own lines."""
    cells = ("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code")
    return "\n".join(re.sub(r"^\s*[%!].*$", "", source, flags=re.M) for source in cells)


def needs(code: str) -> tuple[set[str], set[str]]:
    """Return the packages that code imports, the standard library left out, and its data sets.

    >>> needs("import os, torch\\nfrom course_utils import datasets\\ndatasets.load('digits')")
    ({'course_utils', 'torch'}, {'digits'})
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    data = set(re.findall(r"""datasets\.load\(\s*["']([\w-]+)["']""", code))
    return found - set(sys.stdlib_module_names), data


def suitable(folder: Path) -> Iterator[Path]:
    """Yield the exercises that run with what Pyodide brings."""
    for path in sorted(folder.glob("*/*.ipynb")):
        packages, data = needs(code_of(json.loads(path.read_text(encoding="utf-8"))))
        if packages <= PACKAGES and data <= DATA:
            yield path


def wheel(folder: Path, root: Path = ROOT) -> Path:
    """Write the wheel with what notebooks import from the course into `folder`; return its path."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]
    info = f"{NAME}-{version}.dist-info"
    files: dict[str, bytes] = {}
    for part in PARTS:
        path = root / "course_utils" / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                files[file.relative_to(root).as_posix()] = file.read_bytes()
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {NAME.replace('_', '-')}\nVersion: {version}\n"
        "Summary: What the notebooks of Build Deep import from the course.\n"
        "License: BSD-3-Clause\nRequires-Dist: numpy\n"
    ).encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: build-deep\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{NAME}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return target


def prepared(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with a cell before it that installs what it imports."""
    first: dict[str, Any] = {
        "cell_type": "code", "id": "install-in-the-page", "metadata": {}, "outputs": [],
        "execution_count": None, "source": INSTALL,
    }  # fmt: skip
    kernel = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
    metadata = {**notebook["metadata"], "kernelspec": kernel}
    return {**notebook, "metadata": metadata, "cells": [first, *notebook["cells"]]}


def environment(folder: Path) -> Path:
    """Return the program jupyter-lite of an environment with it, made when it is not there."""
    program = folder / "bin" / "jupyter-lite"
    if not program.is_file():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *TOOLS]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            raise LiteError(
                "JupyterLite could not be installed, which needs the package index. The book is "
                f"complete without it. pip says: {done.stderr.strip()[-300:]}"
            )
    return program


def build(out: Path, program: Path, exercises: Path = ROOT / "exercises") -> list[str]:
    """Build the JupyterLite into `out`; return the names of the exercises in it."""
    work = BUILD / "lite-work"
    shutil.rmtree(work, ignore_errors=True)
    names = []
    for path in suitable(exercises):
        target = work / "contents" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        notebook = prepared(json.loads(path.read_text(encoding="utf-8")))
        target.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), encoding="utf-8")
        names.append(path.stem)
    command = [str(program), "build", "--contents", str(work / "contents"), "--output-dir",
               str(work / "out"), "--piplite-wheels", str(wheel(work / "wheels"))]  # fmt: skip
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if done.returncode:
        raise LiteError(f"JupyterLite was not built:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(work / "out", out)
    return names


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Build a JupyterLite of the exercises that need no more than NumPy."
    )
    parser.add_argument("--out", type=Path, default=BUILD / "lite", help="_build/lite")
    parser.add_argument("--program", type=Path, help="a jupyter-lite that is there already")
    options = parser.parse_args()
    try:
        names = build(options.out, options.program or environment(BUILD / "lite-tools"))
    except LiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {', '.join(names)}. Publish the folder beside the book; it opens at "
          "lab/index.html and loads Python from the network.")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
