"""Change the solutions mechanically, and list the changes that no check notices.

    python tools/mutants.py                every assignment (minutes)
    python tools/mutants.py 03             assignment 03: a table, and each survivor
    python tools/mutants.py 03 -t neurons --list     the mutants of one task, without running them

A mutant is a solution with one small change: another operator, constant or axis, a statement less,
two statements exchanged. It is put in place of the solution cell and judged by the task's check
cells, as the wrong answers of tests/answers/ are (tools/answers.py: forked, with a time limit).
A mutant that passes with any of the seeds has survived: the checks do not see that change. Either
they should, or `tests/answers/equivalent_mutants.toml` says in a sentence why the changed program
is right as well.

Only what stands between the solution marks is changed, and only code: no text, no annotation.
Mutants that compile to what another compiles to are run once; those that compile to the solution
are left out and counted.

Why a mutator of our own: mutmut, cosmic-ray and mutpy change modules on disk and start the test
suite once for each mutant. Ours are cells of notebooks, the tests are cells beside them, and a fork
of a process that has imported the frameworks takes milliseconds where a start takes seconds. The
operators are those of the literature (DeMillo, Lipton and Sayward 1978; Offutt et al. 1996), and
some of array programs: axes, transposes, keepdims, mean for sum.
"""

from __future__ import annotations

import argparse
import ast
import copy
import itertools
import json
import os
import random
import re
import sys
import time
import tomllib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import answers, notebooks
from tools.notebooks import ROOT, NotebookError

SEEDS = 2
CAP = 400  # mutants of one task; the file of explanations can lower it for slow tasks
EXPLANATIONS = ROOT / "tests/answers/equivalent_mutants.toml"
KINDS = {
    "equivalent": "it computes the same",
    "allowed": "it differs, and the task leaves this open",
}


@dataclass(frozen=True)
class Mutant:
    """A solution cell with one change."""

    operator: str
    was: str  # the changed lines of the solution
    now: str  # the lines of the mutant
    source: str = field(repr=False)
    copy: int = 1  # 2, 3, … where the same change can be made in several places

    @property
    def name(self) -> str:
        """What the mutant is called: stays the same as long as its line does."""
        number = f" [{self.copy}]" if self.copy > 1 else ""
        return f"{self.was} ⇒ {self.now}{number}"


# --- the operators --------------------------------------------------------------------------

_BINARY: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
}
_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_PAIRS = [
    ("mean", "sum"),
    ("max", "min"),
    ("maximum", "minimum"),
    ("argmax", "argmin"),
    ("zeros", "ones"),
    ("std", "var"),
    ("sin", "cos"),
    ("any", "all"),
    ("floor", "ceil"),
]
_NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
_AXES = {"axis", "axes", "dim", "dims"}
# A NumPy scalar is as good as a Python number in every answer (STYLE): not a change to look for.
_KEPT = {"float", "int"}


def _new(node: ast.AST, **changes: Any) -> Any:
    """Return a shallow copy of a node with some fields changed."""
    made = copy.copy(node)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def _number(value: float) -> ast.expr:
    """Return the expression that a reader would write for a number."""
    if isinstance(value, bool) or value >= 0:
        return ast.Constant(value)
    return ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _constants(value: object) -> Iterator[float]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from dict.fromkeys(v for v in (value + 1, value - 1, 0, -value) if v != value)
    elif isinstance(value, float):
        near = (2 * value, value / 2, 0.0, -value) if value else (1.0, -1.0)
        yield from (v for v in near if v != value)


def _exchanges(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the neighbours that could stand the other way round."""
    match node:
        case ast.Call(args=items) | ast.Dict(values=items):
            yield from itertools.pairwise(items)
        case ast.Tuple(elts=items, ctx=ast.Load()) | ast.List(elts=items, ctx=ast.Load()):
            yield from itertools.pairwise(items)
        case ast.BinOp(left=left, op=op, right=right) if not isinstance(op, (ast.Add, ast.Mult)):
            yield left, right


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name in _NAMES:
        key = "attr" if isinstance(node.func, ast.Attribute) else "id"
        yield "function", _new(node, func=_new(node.func, **{key: _NAMES[name]}))
    for i, keyword in enumerate(node.keywords):
        rest = [*node.keywords[:i], *node.keywords[i + 1 :]]
        kind = "axis" if keyword.arg in _AXES | {"keepdims"} else "keyword"
        yield kind, _new(node, keywords=rest)
        if keyword.arg not in _AXES:
            continue
        values: list[Any] = []
        if isinstance(keyword.value, ast.Tuple):
            elements = keyword.value.elts
            parts = [[*elements[:k], *elements[k + 1 :]] for k in range(len(elements))]
            values = [_new(keyword.value, elts=part) for part in parts]
        elif isinstance(keyword.value, (ast.Constant, ast.UnaryOp)):
            values = [ast.Constant(0), ast.Constant(1)]
        for value in values:
            there = [*node.keywords[:i], _new(keyword, value=value), *node.keywords[i + 1 :]]
            yield "axis", _new(node, keywords=there)
    if name in _KEPT:
        return
    if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
        yield "call left out", node.args[0]
    elif not node.args and isinstance(node.func, ast.Attribute):
        yield "call left out", node.func.value


def _variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what a node can be changed to, with the name of the operator."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            yield from (("arithmetic", _new(node, op=o())) for o in _BINARY.get(type(op), ()))
            yield "term", left
            yield "term", right
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield "sign", operand
        case ast.Compare(ops=[op]):
            yield from (("comparison", _new(node, ops=[o()])) for o in _COMPARE.get(type(op), ()))
        case ast.BoolOp(op=op, values=values):
            yield "boolean", _new(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            yield from (("boolean", value) for value in values)
        case ast.IfExp(body=body, orelse=orelse):
            yield "condition", body
            yield "condition", orelse
        case ast.Constant(value=value):
            yield from (("constant", _number(v)) for v in _constants(value))
        case ast.Attribute(value=value, attr="T", ctx=ast.Load()):
            yield "transpose", value
        case ast.Call():
            yield from _calls(node)
        case ast.Slice():
            bounds = [name for name in ("lower", "upper", "step") if getattr(node, name)]
            yield from (("slice", _new(node, **{name: None})) for name in bounds)
        case ast.comprehension(ifs=[_, *_]):
            yield "condition", _new(node, ifs=[])
        case ast.If() | ast.While():
            tests = (True, False) if isinstance(node, ast.If) else (False,)
            yield from (("condition", _new(node, test=ast.Constant(v))) for v in tests)
        case ast.AugAssign(target=target, op=op, value=value):
            yield from (("arithmetic", _new(node, op=o())) for o in _BINARY.get(type(op), ()))
            yield "statement", ast.Assign([target], value, lineno=node.lineno)
        case ast.Return(value=ast.expr()):
            yield "return", _new(node, value=ast.Constant(None))


_DEFINES = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)


def _names(node: ast.AST, *contexts: type[ast.expr_context]) -> set[str]:
    found = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, contexts)
    }
    inside = (ast.Subscript, ast.Attribute)  # `a[0] = …` and `a.b = …` write into a
    if ast.Store in contexts:
        for part in ast.walk(node):
            while isinstance(part, inside) and isinstance(part.ctx, ast.Store):
                if isinstance(part.value, ast.Name):
                    found.add(part.value.id)
                if not isinstance(part.value, inside):
                    break
                part = _new(part.value, ctx=ast.Store())
    return found


def order_matters(first: ast.stmt, second: ast.stmt) -> bool:
    """Tell whether exchanging two statements could change anything.

    >>> [order_matters(*ast.parse(text).body) for text in ("a = 1\\nb = 2", "a = 1\\nb = a")]
    [False, True]
    """
    if any(isinstance(statement, ast.Assign) is False for statement in (first, second)):
        return True  # a call, a loop, an addition in place: it may do anything
    writes = [_names(statement, ast.Store) for statement in (first, second)]
    reads = [_names(statement, ast.Load) for statement in (first, second)]
    return bool(writes[0] & (reads[1] | writes[1]) or writes[1] & reads[0] or _draws(first, second))


def _draws(first: ast.stmt, second: ast.stmt) -> bool:
    """Tell whether both may draw from one source of random numbers."""
    return all(
        re.search(r"rng|random|rand", ast.unparse(statement)) for statement in (first, second)
    )


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def _statements(block: list[ast.stmt]) -> Iterator[tuple[str, dict[int, ast.AST], list[ast.stmt]]]:
    """Yield (operator, replacements, the statements that are changed) for a block."""
    for statement in block:
        if not isinstance(statement, (*_DEFINES, ast.Return, ast.Pass)):
            yield "statement", {id(statement): ast.Pass()}, [statement]
    for first, second in itertools.pairwise(block):
        fixed = (*_DEFINES, ast.Return, ast.Import, ast.ImportFrom)
        if isinstance(first, fixed) or isinstance(second, fixed):
            continue
        if order_matters(first, second):
            made: dict[int, ast.AST] = {id(first): second, id(second): first}
            yield "order", made, [first, second]


# --- the text of a mutant -------------------------------------------------------------------


def _replaced(tree: ast.AST, made: dict[int, ast.AST]) -> ast.AST:
    """Return a copy of the tree with nodes replaced (by identity)."""
    fresh = {key: copy.deepcopy(node) for key, node in made.items()}
    return ast.fix_missing_locations(copy.deepcopy(tree, dict(fresh)))


def _spliced(source: str, nodes: list[Any], text: str) -> str:
    """Return the source with what stands from the first node to the last one replaced."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    first, last = nodes[0], nodes[-1]
    before = b"".join(lines[: first.lineno - 1]) + lines[first.lineno - 1][: first.col_offset]
    after = lines[last.end_lineno - 1][last.end_col_offset :] + b"".join(lines[last.end_lineno :])
    return (before + text.encode() + after).decode()


def _texts(source: str, nodes: list[Any], made: dict[int, ast.AST]) -> Iterator[str]:
    """Yield candidates for the mutant's text, those that keep most of the original first."""
    if len(nodes) == 2:  # two statements or expressions, one in the other's place
        first, second = (ast.get_source_segment(source, node) or "" for node in nodes)
        for left, right in ((second, first), (f"({second})", f"({first})")):
            yield _spliced(_spliced(source, nodes[1:], right), nodes[:1], left)
        return
    node = nodes[0]
    new = made[id(node)]
    if isinstance(node, (ast.If, ast.While)) and not isinstance(new, ast.Pass):
        test = new.test  # type: ignore[attr-defined]
        yield _spliced(source, [node.test], ast.unparse(test))
        return
    if not hasattr(node, "lineno"):
        return
    text = ast.unparse(new)
    if (ast.get_source_segment(source, node) or "").startswith("elif"):
        yield _spliced(source, nodes, f"else:\n{' ' * (node.col_offset + 4)}{text}")
        return
    yield _spliced(source, nodes, text)
    yield _spliced(source, nodes, f"({text})")


def _changed_lines(before: str, after: str) -> tuple[str, str]:
    """Return the lines that differ, without those that are the same above and below."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return tuple(" ⏎ ".join(line.strip() for line in part) for part in (old, new))  # type: ignore[return-value]


def _head(source: str, statement: ast.stmt) -> str:
    """Return the first line of a statement, and a mark that there is more."""
    first, *more = (ast.get_source_segment(source, statement) or "").splitlines()
    return f"{first.strip()} …" if more else first.strip()


def _compiled(tree: ast.AST) -> object:
    """Return what a tree compiles to, without line numbers."""

    def plain(value: Any) -> object:
        if hasattr(value, "co_code"):
            parts = (value.co_names, value.co_varnames, value.co_freevars, value.co_name)
            return (value.co_code, tuple(map(plain, value.co_consts)), *parts)
        if isinstance(value, tuple):
            return tuple(map(plain, value))
        return (type(value).__name__, repr(value))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "'int' object is not subscriptable": so it is
        return plain(compile(ast.unparse(tree), "<mutant>", "exec"))


def answer_lines(source: str) -> set[int]:
    """Return the numbers of the lines between the solution marks; all lines if there are none."""
    inside, found = False, set()
    for number, line in enumerate(source.splitlines(), 1):
        if line.strip() == "### BEGIN SOLUTION":
            inside = True
        elif line.strip() == "### END SOLUTION":
            inside = False
        elif inside:
            found.add(number)
    return found or set(range(1, len(source.splitlines()) + 1))


def _skipped(tree: ast.AST) -> set[int]:
    """Return the nodes that are no code of the answer: annotations and texts."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.AnnAssign, ast.arg)):
            roots.append(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            roots.append(node.returns)
        if isinstance(node, (*_DEFINES, ast.Module)) and ast.get_docstring(node) is not None:
            roots.append(node.body[0])
    return {id(part) for root in roots if root is not None for part in ast.walk(root)}


def mutants_of(source: str) -> tuple[list[Mutant], int]:
    """Return the mutants of a solution cell, and how many more compile to the cell itself.

    >>> found, same = mutants_of("def double(x):\\n    return 2 * x")
    >>> found[0].name, same
    ('return 2 * x ⇒ return None', 0)
    """
    tree = ast.parse(source)
    lines, skipped = answer_lines(source), _skipped(tree)
    changes: list[tuple[str, dict[int, ast.AST], list[Any]]] = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            skipped.add(id(node.value))  # a call for its effect: leaving it out is "statement"
            changes += [
                (operator, {id(node.value): new}, [node.value])
                for operator, new in _variants(node.value)
                if operator != "call left out"
            ]
            continue
        changes += [(operator, {id(node): new}, [node]) for operator, new in _variants(node)]
    for node in ast.walk(tree):
        if id(node) not in skipped or isinstance(node, ast.Call):
            changes += [("arguments", {id(a): b, id(b): a}, [a, b]) for a, b in _exchanges(node)]
    for block in _blocks(tree):
        changes += [c for c in _statements(block) if id(c[2][0]) not in skipped]

    seen, same = {_compiled(tree)}, 0
    original = _compiled(tree)
    found: list[Mutant] = []
    names: dict[tuple[str, str], int] = {}
    for operator, made, nodes in changes:
        where = _position(nodes[0])
        if where is None or where not in lines:
            continue
        try:
            wanted = _replaced(tree, made)
            meaning = _compiled(wanted)
        except (SyntaxError, ValueError, TypeError):
            continue  # no program: `return` left without a place, a target that cannot be one
        if meaning == original:
            same += 1
        if meaning in seen:
            continue
        seen.add(meaning)
        text = _text_of(source, tree, wanted, nodes, made)
        was, now = _changed_lines(source, text)
        heads = [_head(source, node) for node in nodes if isinstance(node, ast.stmt)]
        if operator == "order":
            was, now = " ⏎ ".join(heads), " ⏎ ".join(heads[::-1])
        elif any(isinstance(new, ast.Pass) for new in made.values()):
            was, now = heads[0], "pass"
        names[was, now] = number = names.get((was, now), 0) + 1
        found.append(Mutant(operator, was, now, text, number))
    return found, same


def _position(node: ast.AST) -> int | None:
    """Return the line of a node, or of the first thing in it that has one."""
    for part in ast.walk(node):
        if (line := getattr(part, "lineno", None)) is not None:
            return int(line)
    return None


def _text_of(
    source: str, tree: ast.AST, wanted: ast.AST, nodes: list[Any], made: dict[int, ast.AST]
) -> str:
    """Return the text of a mutant, as near to the original's as can be."""
    dumped = ast.dump(wanted)

    def matches(text: str) -> bool:
        try:
            return ast.dump(ast.parse(text)) == dumped
        except SyntaxError:
            return False

    for text in _texts(source, nodes, made):
        if matches(text):
            return text
    # No place of its own (in an f-string, a condition of a comprehension): the statement anew.
    targets = {id(part) for part in nodes}
    for old, new in zip(ast.walk(tree), ast.walk(wanted), strict=False):
        simple = isinstance(old, ast.stmt) and not hasattr(old, "body")
        if simple and targets & {id(part) for part in ast.walk(old)}:
            text = _spliced(source, [old], ast.unparse(new))
            if matches(text):
                return text
    return ast.unparse(wanted)


# --- explanations ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Explanation:
    """Why mutants that survive are no gap in the checks."""

    task: str  # assignment/task
    why: str
    kind: str = "equivalent"
    mutants: tuple[str, ...] = ()  # by name, exactly
    lines: tuple[str, ...] = ()  # every mutant of these lines of the solution ("allowed" only)

    def covers(self, mutant: Mutant) -> bool:
        """Tell whether the explanation is about this mutant."""
        return mutant.name in self.mutants or mutant.was in self.lines


@dataclass
class Explanations:
    """The file of explanations."""

    entries: list[Explanation] = field(default_factory=list)
    caps: dict[str, int] = field(default_factory=dict)

    def of(self, task: str) -> list[Explanation]:
        """Return the entries of a task, named assignment/task."""
        return [entry for entry in self.entries if entry.task == task]


def read_explanations(path: Path = EXPLANATIONS) -> Explanations:
    """Read the file of explanations; raise NotebookError with a sentence when it is malformed."""
    if not path.exists():
        return Explanations()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise NotebookError(f"{notebooks.shown(path)}: this is not TOML: {error}.") from None
    entries = []
    for number, entry in enumerate(raw.get("explained", []), 1):
        try:
            fields: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in entry.items()
            }
            made = Explanation(**fields)
        except TypeError as error:
            raise NotebookError(f"{notebooks.shown(path)}, entry {number}: {error}.") from None
        where = f"{notebooks.shown(path)}, entry {number} ({made.task})"
        if made.kind not in KINDS:
            raise NotebookError(f"{where}: `kind` is one of {', '.join(KINDS)}.")
        if not made.mutants and not made.lines:
            raise NotebookError(f"{where}: name the mutants (or the lines) that it is about.")
        if made.lines and made.kind != "allowed":
            raise NotebookError(
                f"{where}: whole lines can be 'allowed' only; list equivalent mutants one by one."
            )
        if len(made.why.split()) < 4:
            raise NotebookError(f"{where}: say why in a sentence.")
        entries.append(made)
    return Explanations(entries, raw.get("caps", {}))


# --- running --------------------------------------------------------------------------------


@dataclass
class Fate:
    """What became of one mutant."""

    name: str
    operator: str
    passed: int  # with how many of the seeds
    seeds: int
    kind: str = ""  # what stopped it: the exception's name, "time" or "crash"
    why: str = ""  # the explanation, for a survivor that has one
    explained_as: str = ""

    @property
    def survived(self) -> bool:
        """Tell whether any run of the checks let it pass."""
        return self.passed > 0


@dataclass
class TaskMutation:
    """The mutants of one task."""

    task: str
    made: int = 0
    identical: int = 0  # compile to the solution: not run
    left_out: int = 0  # beyond the cap: not run
    fates: list[Fate] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def run(self) -> int:
        """How many mutants were run."""
        return len(self.fates)

    @property
    def survivors(self) -> list[Fate]:
        """All that passed, explained or not."""
        return [fate for fate in self.fates if fate.survived]

    @property
    def unexplained(self) -> list[Fate]:
        """The survivors that nobody has explained."""
        return [fate for fate in self.survivors if not fate.why]


@dataclass
class Mutation:
    """The mutants of one assignment."""

    assignment: str
    tasks: list[TaskMutation] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def share(self) -> float:
        """Return unexplained survivors / mutants that were run."""
        run = sum(task.run for task in self.tasks)
        return sum(len(task.unexplained) for task in self.tasks) / run if run else 0.0

    def table(self) -> str:
        """Return one line per task."""
        head = (
            f"{'task':<28}{'mutants':>9}{'killed':>9}{'explained':>11}{'unexplained':>13}"
            f"{'left out':>10}{'seconds':>9}"
        )
        lines = [self.assignment, head, "-" * len(head)]
        for task in self.tasks:
            killed = task.run - len(task.survivors)
            explained = len(task.survivors) - len(task.unexplained)
            lines.append(
                f"{task.task:<28}{task.run:>9}{killed:>9}{explained:>11}"
                f"{len(task.unexplained):>13}{task.left_out:>10}{task.seconds:>9.1f}"
            )
        lines.append(f"unexplained survivors: {self.share():.1%}")
        return "\n".join(lines)


def chosen(mutants: list[Mutant], cap: int, task: str) -> list[Mutant]:
    """Return at most `cap` of the mutants: always the same, in their order."""
    if len(mutants) <= cap:
        return mutants
    draw = random.Random(task).sample(range(len(mutants)), cap)
    return [mutants[i] for i in sorted(draw)]


def examine(
    notebook_path: Path,
    explanations: Explanations | None = None,
    seeds: int = SEEDS,
    only: str | None = None,
    cap: int | None = None,
    quick: bool = False,
    show: bool = False,
) -> Mutation:
    """Run the mutants of every task (or one) of an assignment. Forks: no threads, please."""
    explanations = explanations or Explanations()
    notebook = notebooks.read(notebook_path)
    found = Mutation(notebook_path.stem)
    tasks = answers.tasks_of(notebook)
    for entry in explanations.entries:
        assignment, _, task = entry.task.partition("/")
        if assignment == found.assignment and task not in tasks:
            found.problems.append(f"{entry.task}: explained, but there is no such task.")
    wanted = {task: checks for task, checks in tasks.items() if only is None or task == only}
    if quick:
        slow = [task for task in wanted if f"{found.assignment}/{task}" in explanations.caps]
        wanted = {task: checks for task, checks in wanted.items() if task not in slow}
    try:
        for task, stage in answers.stages(notebook_path, notebook, wanted):
            name = f"{found.assignment}/{task}"
            limit = explanations.caps.get(name, CAP) if cap is None else cap
            found.tasks.append(_examine_task(stage, task, name, limit, seeds))
            explain(found, found.tasks[-1], stage.solution, explanations.of(name))
            if show:
                done = found.tasks[-1]
                print(f"  {name}: {done.run} in {done.seconds:.0f} s", file=sys.stderr, flush=True)
    except answers.SolutionStops as error:
        found.problems.append(f"{found.assignment}: {error}")
    return found


def _examine_task(stage: answers.Stage, task: str, name: str, cap: int, seeds: int) -> TaskMutation:
    start = time.monotonic()
    everything, identical = mutants_of(stage.solution)
    run = chosen(everything, cap, name)
    made = TaskMutation(task, len(everything), identical, len(everything) - len(run))
    own = stage.judge(stage.solution, 1, 5 * answers.SECONDS)[0]
    limit = max(5.0, 10 * own["seconds"])
    for mutant in run:
        verdicts = stage.judge(mutant.source, seeds, limit)
        passed = sum(verdict["passed"] for verdict in verdicts)
        kind = next((verdict["kind"] for verdict in verdicts if not verdict["passed"]), "")
        made.fates.append(Fate(mutant.name, mutant.operator, passed, seeds, kind))
    made.seconds = time.monotonic() - start
    return made


def explain(
    found: Mutation, task: TaskMutation, solution: str, entries: Iterable[Explanation]
) -> None:
    """Put the explanations to the survivors; say which entries are stale."""
    known = {mutant.name: mutant for mutant in mutants_of(solution)[0]}
    fates = {fate.name: fate for fate in task.fates}
    for entry in entries:
        for fate in task.survivors:
            if entry.covers(known[fate.name]):
                fate.why, fate.explained_as = entry.why, entry.kind
        for name in entry.mutants:
            if name not in known:
                found.problems.append(
                    f"{entry.task}: there is no mutant “{name}” any more; take it out of "
                    f"{EXPLANATIONS.name}."
                )
            elif name in fates and not fates[name].survived:
                found.problems.append(
                    f"{entry.task}: the mutant “{name}” is explained as a survivor, but the checks "
                    f"reject it ({fates[name].kind}); take it out of {EXPLANATIONS.name}."
                )
        for line in entry.lines:
            if all(mutant.was != line for mutant in known.values()):
                found.problems.append(
                    f"{entry.task}: the solution has no line “{line}” any more; take it out of "
                    f"{EXPLANATIONS.name}."
                )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Change the solutions mechanically, and list what no check notices."
    )
    parser.add_argument("chapter", nargs="?", default="", help="such as 03 (default: all)")
    parser.add_argument("-t", "--task", help="only this task, by the id of its solution cell")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"runs of each ({SEEDS})")
    parser.add_argument("--cap", type=int, help=f"most mutants of a task ({CAP})")
    parser.add_argument("--quick", action="store_true", help="leave out the tasks that have a cap")
    parser.add_argument("--most", type=float, default=0.05, help="unexplained survivors (0.05)")
    parser.add_argument("--list", action="store_true", help="print the mutants, run none")
    parser.add_argument("--json", action="store_true", help="print the fates as JSON")
    parser.add_argument("--notebook", type=Path, help="the solution notebook, if not the usual")
    parser.add_argument("--explanations", type=Path, default=EXPLANATIONS)
    options = parser.parse_args(arguments)
    answers.prepare_process()

    known = {name: answers.notebook_of(name) for name in answers.answer_files()}
    paths = [path for name, path in known.items() if name.startswith(options.chapter)]
    if options.notebook:
        paths = [options.notebook.resolve()]
    if not paths:
        sys.exit(f"No assignment {options.chapter!r}. There are: {', '.join(known) or 'none'}.")
    try:
        explanations = read_explanations(options.explanations.resolve())
        if options.list:
            _print_mutants(paths, options.task)
            return 0
        found = [
            examine(
                path,
                explanations,
                options.seeds,
                options.task,
                options.cap,
                quick=options.quick,
                show=True,
            )
            for path in paths
        ]
    except NotebookError as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps([asdict(one) for one in found]))
    else:
        for one in found:
            _print(one)
    bad = any(one.problems or one.share() > options.most for one in found)
    return int(bad)


def _print_mutants(paths: list[Path], only: str | None) -> None:
    for path in paths:
        notebook = notebooks.read(path)
        for task in answers.tasks_of(notebook):
            if only not in (None, task):
                continue
            source = next(cell.source for cell in notebook.cells if cell.id == task)
            made, same = mutants_of(source)
            print(f"{path.stem}/{task}: {len(made)}, and {same} that compile to the solution")
            for mutant in made:
                print(f"  {mutant.operator:<14} {mutant.name}")


def _print(found: Mutation) -> None:
    print(found.table())
    for task in found.tasks:
        for fate in task.survivors:
            luck = f" [{fate.passed} of {fate.seeds} seeds]" if fate.passed < fate.seeds else ""
            if not fate.why:
                print(f"  {task.task} · {fate.operator}: {fate.name}{luck}")
    for problem in found.problems:
        print(f"- {problem}")
    print()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
