"""Build a JupyterLite of what runs in a browser: exercises and chapters that need no PyTorch.

    make lite                   _build/lite, then the book's site with it: its pages offer it
    make lite PYODIDE=1         with Python itself (tools/pyodide.py): readers need no other host

It needs the package index once, for JupyterLite itself, which gets an environment of its own in
_build/lite-tools. Without PYODIDE=1 a reader needs the network as well: the browser loads Python
(Pyodide) and NumPy from JupyterLite's usual address. The book is complete without any of it.

Each notebook is a copy with one cell before it that installs what it imports from the course:
course_utils.checks, .datasets and .devices, as a wheel that needs NumPy only. A chapter goes in
when nothing hangs on the cells that need more; these are text in the copy, and say so.
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
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
TOOLS = (
    "jupyterlite-core>=0.8",
    "jupyterlite-pyodide-kernel>=0.8",
    "jupyter-server",
    "jupyterlab-myst>=2.4",
)
CARRIED = ("comm",)  # what the kernel asks of a package index when it starts
NAME = "build_deep_notebooks"
PARTS = ("checks", "datasets", "devices", "__init__.py", "errors.py", "book.mplstyle")
# What Pyodide brings, and the data sets that scikit-learn carries.
PACKAGES = {
    "numpy", "matplotlib", "sklearn", "scipy", "pandas", "threadpoolctl", "course_utils",
}  # fmt: skip
DATA = {"digits", "breast-cancer", "moons"}
INSTALL = f"%pip install -q {NAME.replace('_', '-')}"
TITLES = {
    "torch": "PyTorch", "tensorflow": "TensorFlow", "keras": "Keras", "tensorboard": "TensorBoard",
}  # fmt: skip
RECORD = "lite.json"  # in the built folder: what is in it, and the digest of what it was made of
SHELF = {"chapters": "book", "exercises": "exercises"}
START = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><meta name="color-scheme" content="light dark">
<title>Run in the browser</title>
<style>body{{font:1.1rem/1.5 Georgia,serif;max-width:36rem;margin:15vh auto;padding:0 1rem}}</style>
<main><h1>Run in the browser</h1><p id="told">This needs scripts, which are switched off here.</p>
<p><a href="../index.html">Back to the book</a></p></main>
<script>
const wanted = decodeURIComponent(location.search.slice(1)), there = {there};
const told = (text) => {{ document.getElementById("told").textContent = text; }};
if (location.protocol === "file:") told("A page opened as a file cannot start Python. Type " +
  "`make serve` in your copy of the course and open the book at the address that it prints.");
else if (!there.includes(wanted)) told(`There is no notebook “${{wanted}}” here. Go back to ` +
  "the chapter and choose it again.");
else if (!navigator.onLine && !{alone}) told("Python comes from the network, and this browser " +
  "is offline. The book is complete without it.");
else location.replace(`notebooks/index.html?path=${{encodeURIComponent(wanted)}}`);
</script></html>
"""


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


def names(code: str, kind: type[ast.expr_context]) -> set[str]:
    """Return the names that code reads (ast.Load) or binds (ast.Store)."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, kind):
            found.add(node.id)
        elif kind is ast.Store and isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif kind is ast.Store and isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return found


def apart(notebook: dict[str, Any]) -> dict[str, set[str]] | None:
    """Return the cells that need more than a browser has: {id: packages}.

    None when the notebook is not for a browser: its data are large, or other cells use what only
    these cells bind.
    """
    cells = {c["id"]: code_of({"cells": [c]}) for c in notebook["cells"]}
    found = {name: needs(code)[0] - PACKAGES for name, code in cells.items()}
    found = {name: packages for name, packages in found.items() if packages}
    if needs("\n".join(cells.values()))[1] - DATA:
        return None
    rest = [code for name, code in cells.items() if name not in found]
    bound = set().union(*(names(cells[name], ast.Store) for name in found))
    bound -= set().union(*(names(code, ast.Store) for code in rest))
    return None if bound & set().union(*(names(code, ast.Load) for code in rest)) else found


def chapters(folder: Path) -> Iterator[Path]:
    """Yield the chapters that run in a browser, but for cells on which nothing hangs."""
    for path in sorted(folder.glob("[0-9][0-9]-*.ipynb")):
        if apart(json.loads(path.read_text(encoding="utf-8"))) is not None:
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


def shown_only(cell: dict[str, Any], packages: set[str]) -> dict[str, Any]:
    """Return a cell that needs these packages as text, which says that it does not run here."""
    listed = " and ".join(sorted(TITLES.get(name, name) for name in packages))
    text = (
        f"**Not in the browser.** This cell needs {listed}, which no browser has. Nothing later "
        "needs it; in your own copy of the course it runs.\n\n"
        f"```python\n{''.join(cell['source'])}\n```"
    )
    return {"cell_type": "markdown", "id": cell["id"], "metadata": {}, "source": text}


def prepared(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with a cell before it that installs what it imports.

    A cell that a browser cannot run is text there, which says so.
    """
    data = needs(code_of(notebook))[1]  # the small data sets come out of scikit-learn
    first: dict[str, Any] = {
        "cell_type": "code", "id": "install-in-the-page", "metadata": {}, "outputs": [],
        "execution_count": None, "source": INSTALL + " scikit-learn" * bool(data),
    }  # fmt: skip
    kernel = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
    metadata = {**notebook["metadata"], "kernelspec": kernel}
    without = apart(notebook) or {}
    cells = [shown_only(cell, without[cell["id"]]) if cell["id"] in without else cell
             for cell in notebook["cells"]]  # fmt: skip
    return {**notebook, "metadata": metadata, "cells": [first, *cells]}


@dataclass(frozen=True)
class Contents:
    """What goes into a JupyterLite: its files, and the names of the notebooks among them."""

    files: dict[str, bytes]
    chapters: list[str]
    exercises: list[str]

    @property
    def key(self) -> str:
        """A digest of the files, the course's wheel and this program."""
        digest = hashlib.sha256(Path(__file__).read_bytes())
        with tempfile.TemporaryDirectory() as folder:
            digest.update(wheel(Path(folder)).read_bytes())
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
        return digest.hexdigest()


def contents(root: Path = ROOT) -> Contents:
    """Return what of the course goes into a JupyterLite."""
    found = {"chapters": [*chapters(root / "book")], "exercises": [*suitable(root / "exercises")]}
    files = {}
    for kind, paths in found.items():
        for path in paths:
            text = path.read_text(encoding="utf-8")
            notebook = json.dumps(prepared(json.loads(text)), ensure_ascii=False, indent=1)
            files[f"{SHELF[kind]}/{path.name}"] = notebook.encode()
            for picture in sorted(set(re.findall(r"\bimages/[\w./-]+\.(?:svg|png|jpg)", text))):
                if (path.parent / picture).is_file():
                    files[f"{SHELF[kind]}/{picture}"] = (path.parent / picture).read_bytes()
    return Contents(files, **{kind: [p.stem for p in paths] for kind, paths in found.items()})


def record(folder: Path) -> dict[str, Any] | None:
    """Return what a built JupyterLite says it holds, None when there is none."""
    try:
        return json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_current(folder: Path, root: Path = ROOT) -> bool:
    """Tell whether the JupyterLite in a folder holds the notebooks as they are now."""
    made = record(folder)
    return made is not None and made["key"] == contents(root).key


def entries(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Return what the pages of a site with this JupyterLite offer, by the chapter's stem."""
    made = record(folder) or {}
    found: dict[str, list[dict[str, str]]] = {}
    for kind, shelf in SHELF.items():
        for stem in made.get(kind, []):
            name = f"{kind.removesuffix('s').capitalize()} in the browser"
            url = f"lite/start.html?{shelf}/{quote(stem)}.ipynb"
            found.setdefault(stem, []).append({"name": name, "url": url})
    return found


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
    if carried(program, fetch=True) is None:
        raise LiteError(
            f"{', '.join(CARRIED)} could not be had, which needs the package index. The book is "
            "complete without JupyterLite. Try again with the network: make lite"
        )
    return program


def carried(program: Path, fetch: bool = False) -> list[Path] | None:
    """Return the wheels that the kernel needs beside Pyodide's, None when one is not here."""
    folder = program.parent.parent / "carried"
    found = [path for name in CARRIED for path in sorted(folder.glob(f"{name}-*.whl"))[:1]]
    if len(found) < len(CARRIED) and fetch:
        command = [str(program.with_name("python")), "-m", "pip", "download", "--quiet",
                   "--no-deps", "--dest", str(folder), *CARRIED]  # fmt: skip
        subprocess.run(command, capture_output=True)
        return carried(program)
    return found if len(found) == len(CARRIED) else None


def build(out: Path, program: Path, pyodide: Path | None = None, root: Path = ROOT) -> Contents:
    """Build the JupyterLite into `out`, with a Pyodide or without; return its contents.

    A build that fails leaves the folder as it was.
    """
    if pyodide and not (pyodide / "pyodide.mjs").is_file():
        raise LiteError(f"{pyodide} holds no Pyodide. Make one: python tools/pyodide.py")
    work = BUILD / "lite-work"
    shutil.rmtree(work, ignore_errors=True)
    inside = contents(root)
    for name, content in inside.files.items():
        target = work / "contents" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    wheels = [wheel(work / "wheels"), *(carried(program) or [])]
    if pyodide:
        (work / "static").mkdir()
        (work / "static" / "pyodide").symlink_to(pyodide.resolve(), target_is_directory=True)
    command = [str(program), "build", "--contents", str(work / "contents"), "--output-dir",
               str(work / "out"), "--apps", "notebooks", "--no-sourcemaps",
               "--no-unused-shared-packages"]  # fmt: skip
    for path in wheels:
        command += ["--piplite-wheels", str(path)]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if done.returncode:
        raise LiteError(f"JupyterLite was not built:\n{(done.stdout + done.stderr)[-2000:]}")
    made = {"key": inside.key, "chapters": inside.chapters, "exercises": inside.exercises}
    (work / "out" / RECORD).write_text(json.dumps(made), encoding="utf-8")
    there = [name for name in inside.files if name.endswith(".ipynb")]
    page = START.format(there=json.dumps(there), alone=json.dumps(pyodide is not None))
    (work / "out" / "start.html").write_text(page, encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work / "out", out)
    shutil.rmtree(work)
    return inside


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Build a JupyterLite of the exercises and chapters that run in a browser."
    )
    parser.add_argument("--out", type=Path, default=BUILD / "lite", help="_build/lite")
    parser.add_argument("--program", type=Path, help="a jupyter-lite that is there already")
    parser.add_argument("--pyodide", type=Path, help="a Pyodide that goes into the folder")
    options = parser.parse_args()
    try:
        program = options.program or environment(BUILD / "lite-tools")
        inside = build(options.out, program, options.pyodide)
    except LiteError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file()) / 1e6
    print(f"{options.out}, {size:.0f} MB: exercises {', '.join(inside.exercises)}; "
          f"chapters {', '.join(inside.chapters) or 'none'}.")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
