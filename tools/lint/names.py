"""Names in prose: what stands in backticks and looks like Python must exist."""

from __future__ import annotations

import ast
import builtins
import importlib
import io
import json
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools import notebooks
from tools.lint import text
from tools.lint.core import Course, Page, Problem, rule

# Prose may speak of these by their full name, such as `torch.nn.Linear`, without an import.
LIBRARIES = (
    "numpy",
    "torch",
    "tensorflow",
    "keras",
    "sklearn",
    "matplotlib",
    "pandas",
    "scipy",
)
KEPT = notebooks.ROOT / "_build" / "lint-names.json"
# Their methods may be named alone, as in "`fit` calls `train_step`", where the library is imported.
CLASSES = ("numpy.ndarray", "torch.Tensor", "torch.nn.Module", "keras.Model")
_FILE = re.compile(r"\.(py|ipynb|csv|npz|npy|json|txt|png|svg|md|zip|pt|keras|toml|lock|yml|bib)$")


@cache
def _python(source: str) -> str:
    return str(TransformerManager().transform_cell(source))


def python_of(cell: NotebookNode) -> str:
    """Return the source of a code cell with IPython's magics written as Python."""
    return _python(cell.source)


def known_names(cells: Iterable[NotebookNode]) -> tuple[set[str], dict[str, str]]:
    """Return every name and word of a string in the code, and alias → module."""
    known = set(dir(builtins)) | set(keyword.kwlist) | {"nan", "inf"}
    modules = {name: name for name in [*LIBRARIES, "course_utils"]}
    for cell in cells:
        if cell.cell_type != "code":
            continue
        code = python_of(cell)
        try:
            for token in tokenize.generate_tokens(io.StringIO(code).readline):
                if token.type == tokenize.NAME:
                    known.add(token.string)
                elif token.type == tokenize.STRING:
                    known.update(re.findall(r"[A-Za-z_]\w*", token.string))
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        modules[alias.asname or alias.name] = alias.name
                elif isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        except (SyntaxError, tokenize.TokenError):
            continue
    return known, modules


def exists(name: str, known: set[str], modules: dict[str, str]) -> bool:
    """Tell whether a dotted name is used in the code, or leads into an imported module."""
    pieces = name.split(".")
    if all(piece in known for piece in pieces):
        return True
    if pieces[0] in modules:
        return resolves(".".join([modules[pieces[0]], *pieces[1:]]))
    homes = [of for of in CLASSES if of.split(".")[0] in known]
    return len(pieces) == 1 and any(resolves(f"{of}.{name}") for of in homes)


def resolves(path: str) -> bool:
    """Tell whether Python finds something by a full name such as `torch.nn.Module.train`.

    Starting the frameworks takes seconds, so answers about libraries are kept in
    _build/lint-names.json for as long as their versions stay.
    """
    if path.split(".")[0] not in LIBRARIES:
        return _found(path)
    kept = _kept()
    if path not in kept:
        kept[path] = _found(path)
        notebooks.write_text(KEPT, json.dumps({"of": _versions(), "names": kept}, indent=1))
    return bool(kept[path])


def _found(path: str) -> bool:
    importlib.import_module("course_utils.devices")  # keeps the frameworks quiet when they start
    pieces = path.split(".")
    for length in range(len(pieces), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(pieces[:length]))
        except ImportError:
            continue
        for piece in pieces[length:]:
            if not hasattr(found, piece):
                return False
            found = getattr(found, piece)
        return True
    return False


@cache
def _versions() -> dict[str, str]:
    packages = {"sklearn": "scikit-learn"}
    return {name: version(packages.get(name, name)) for name in LIBRARIES}


@cache
def _kept() -> dict[str, bool]:
    try:
        kept = json.loads(KEPT.read_text(encoding="utf-8"))
        return dict(kept["names"]) if kept["of"] == _versions() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def unknown(source: str, known: set[str], modules: dict[str, str]) -> Iterator[str]:
    """Yield what Markdown writes as code, looks like a Python name or call, and exists nowhere."""
    for code in text.names(source):
        name = re.fullmatch(r"\.?([A-Za-z_][\w.]*)(\(.*\))?", code)
        if name is None or _FILE.search(name[1]):
            continue
        if not exists(name[1].strip("."), known, modules):
            yield code


@rule("names", "chapter", "assignment")
def names(page: Page, course: Course) -> Iterator[Problem]:
    """A name in backticks exists: in the notebook's code, in Python or in an imported library.

    Why: prose that calls a variable by an old name sends the reader looking for it.
    Cure: write the name that the cell uses, or plain words without backticks.
    """
    known, modules = known_names(page.cells)
    for cell in page.markdown:
        if notebooks.is_solution(cell):
            continue
        for code in unknown(cell.source, known, modules):
            yield Problem(
                f"it speaks of `{code}` in its text, and nothing in the notebook is called so",
                "write the name that the code uses, or plain words",
                cell.id,
            )
