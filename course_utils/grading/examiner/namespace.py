"""Where a test cell finds its names: its own, Python's, those given, then the candidate's."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
from collections.abc import Iterable
from typing import Any

from course_utils.grading.job import ReleasedCell
from course_utils.grading.repair import public

from .candidate import Candidate, Refused

_STDLIB = frozenset(
    [
        "array",
        "bisect",
        "cmath",
        "collections",
        "copy",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "gzip",
        "heapq",
        "io",
        "itertools",
        "json",
        "math",
        "numbers",
        "operator",
        "os",
        "pathlib",
        "random",
        "re",
        "statistics",
        "string",
        "sys",
        "textwrap",
        "time",
        "typing",
        "warnings",
    ]
)
_LIBRARIES = frozenset(
    [
        "course_utils",
        "numpy",
        "torch",
        "tensorflow",
        "keras",
        "matplotlib",
        "pandas",
        "scipy",
        "sklearn",
        "nose",
    ]
)


class Namespace(dict[str, Any]):
    """The global names of a test cell; what it does not define itself is looked up when used.

    A name that the release defines by an import, or as a function or value in a locked cell, is
    taken from there, so that no student's redefinition of it is believed. Everything else is asked
    of the candidate (classes of locked cells too: their objects live with the student's).
    """

    def __init__(self, candidate: Candidate | None, given: Given) -> None:
        super().__init__(__name__="__main__", __builtins__=builtins)
        self.candidate = candidate
        self.given = given
        self.missing: set[str] = set()

    def __missing__(self, name: str) -> Any:
        if name.startswith("__"):
            raise KeyError(name)
        if name == "get_ipython":
            raise Refused("It asks for Jupyter, which is not there while a check is run.")
        if name == "display":
            return print
        if name in self.given.imports:
            found = self[name] = self.given.imported(name)
            return found
        if hasattr(builtins, name) and name not in self.given.answers:
            raise KeyError(name)
        if name in self.given.locked:
            source = self.given.locked[name]
            exec(compile(source, "<given cell>", "exec"), self)
            if name in self:
                return self[name]
        if self.candidate is None:
            raise KeyError(name)
        answer = self.candidate.ask("names", names=[name])
        failed = answer.get("failed")
        if isinstance(failed, dict) and isinstance(failed.get(name), str):
            raise TypeError(f"`{name}` {failed[name][:300]}")
        values = answer.get("value")
        if not isinstance(values, dict) or name not in values:
            self.missing.add(name)
            raise KeyError(name)
        found = self[name] = values[name]
        return found


class Given:
    """What the release gives: imports, locked cells, and the names that answers define."""

    def __init__(self, released: Iterable[ReleasedCell], other: str = "") -> None:
        self.imports: dict[str, tuple[str, str]] = {}
        self.locked: dict[str, str] = {}
        self.answers: set[str] = set()
        self.data: set[str] = set()
        texts = [(other, False)] if other else []
        for cell in released:
            if cell.metadata.get("cell_type", "code") != "code" or cell.metadata.get("grade"):
                continue
            if cell.metadata.get("solution"):
                self.answers.update(defined(cell.source))
            texts.append((cell.source, bool(cell.metadata.get("locked"))))
        for cell in released:
            self.data.update(
                re.findall(r"datasets\.load\(\s*[\"']([\w-]+)[\"']", public(cell.source))
            )
        for source, locked in texts:
            for node in parsed(source):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self._import(node)
                elif locked and isinstance(node, ast.FunctionDef | ast.Assign):
                    for name in _names(node):
                        self.locked.setdefault(name, ast.unparse(node))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = node.module if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            path = module or alias.name
            if path.split(".")[0] not in _STDLIB | _LIBRARIES or alias.name == "*":
                continue
            if isinstance(node, ast.ImportFrom):
                if not node.level:
                    self.imports[alias.asname or alias.name] = (path, alias.name)
            elif alias.asname:
                self.imports[alias.asname] = (alias.name, "")
            else:
                self.imports[alias.name.split(".")[0]] = (alias.name.split(".")[0], "")

    def imported(self, name: str) -> Any:
        """Import what the release imports under this name."""
        module, attribute = self.imports[name]
        found = importlib.import_module(module)
        if not attribute:
            return found
        try:
            return getattr(found, attribute)
        except AttributeError:
            return importlib.import_module(f"{module}.{attribute}")

    def modules(self) -> list[str]:
        """What the release imports and loads, for warming up: `numpy`, `data:digits`."""
        found = set()
        for module, name in self.imports.values():
            found.add(f"{module}.{name}" if module == "course_utils" else module)
        return sorted(found) + [f"data:{name}" for name in sorted(self.data)]


def parsed(source: str) -> list[ast.stmt]:
    """Return the statements of a cell; those of its lines that parse, if all of it does not."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        lines = [
            line for line in source.split("\n") if not line.lstrip().startswith(("%", "!", "?"))
        ]
    try:
        return ast.parse("\n".join(lines)).body
    except SyntaxError:
        return []


def defined(source: str) -> set[str]:
    """Return the names that a cell defines at its top level."""
    return {name for node in parsed(source) for name in _names(node)}


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
