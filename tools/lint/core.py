"""What rules share: pages and their cells, problems, the register of rules, exemptions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from tools import notebooks
from tools.lint import text
from tools.notebooks import ROOT, NotebookError


@dataclass(frozen=True)
class Problem:
    """One thing that is not right: what, what to do about it, and the id of its cell.

    A `note` is said aloud and fails nothing: a measure that a busy machine can double.
    """

    what: str
    cure: str
    cell: str | None = None
    note: bool = False

    def __str__(self) -> str:
        """Return the sentence without its place."""
        return f"{self.what}; {self.cure}."


@dataclass
class Page:
    """One file that people read, as a list of cells.

    `kind`: "chapter" (book/NN-name.ipynb), "page" (any other file of the book), "assignment"
    (solutions/) or "exercise" (exercises/). A Markdown file has one cell for each heading, whose id
    is made from it.
    """

    path: Path
    kind: str
    shown: str
    cells: list[NotebookNode]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> int | None:
        """The chapter's number, or None."""
        found = re.match(r"(\d+)-", self.name)
        return int(found[1]) if found else None

    @property
    def markdown(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def notebook(self) -> NotebookNode:
        """The page as a notebook, for functions that want one."""
        return NotebookNode(cells=self.cells)

    @property
    def run_id(self) -> str:
        """Its key in runs.json (see tools/execute.py)."""
        return f"solutions/{self.name}" if self.kind == "assignment" else self.name

    def from_heading(self, pattern: str) -> tuple[NotebookNode, str] | None:
        """Return the cell with a heading of level 2 that matches, and the text below it."""
        for cell in self.markdown:
            if found := re.search(rf"^## {pattern}[^\n]*\n", cell.source, re.MULTILINE):
                return cell, re.split(r"^## ", cell.source[found.end() :], flags=re.MULTILINE)[0]
        return None


def kind_of(path: Path, root: Path) -> str:
    """Return the kind of a file from where it lies; raise NotebookError for a stranger."""
    try:
        parts = path.resolve().relative_to(root.resolve()).parts
    except ValueError:
        parts = ()
    if len(parts) == 2 and parts[0] == "book" and path.suffix in {".ipynb", ".md"}:
        chapter = path.suffix == ".ipynb" and re.match(r"\d+-", path.name)
        return "chapter" if chapter else "page"
    if len(parts) == 3 and parts[0] in {"solutions", "exercises"} and path.suffix == ".ipynb":
        return {"solutions": "assignment", "exercises": "exercise"}[parts[0]]
    raise NotebookError(
        f"{notebooks.shown(path, root)}: this is no page of the course; name a file of book/, "
        "solutions/ or exercises/."
    )


def read_page(path: Path, root: Path = ROOT) -> Page:
    """Return the page in `path` or raise NotebookError with a sentence."""
    kind, shown = kind_of(path, root), notebooks.shown(path, root.resolve())
    if path.suffix == ".ipynb":
        return Page(path, kind, shown, list(notebooks.read(path).cells))
    try:
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotebookError(f"{shown}: there is no such file.") from None
    cells: list[NotebookNode] = []
    for part in text.sections(source):
        cell = new_markdown_cell(part)
        cell.id = notebooks.unique(notebooks.name_for(cell), [other.id for other in cells])
        cells.append(cell)
    return Page(path, kind, shown, cells)


@dataclass(eq=False)
class Course:
    """All pages below `root`, and what links between them may name. Read once."""

    root: Path = ROOT

    @cached_property
    def pages(self) -> list[Page]:
        files = [*sorted((self.root / "book").glob("*.ipynb"))]
        files += sorted((self.root / "book").glob("*.md"))
        for folder in ("solutions", "exercises"):
            files += sorted((self.root / folder).glob("*/*.ipynb"))
        return [read_page(path, self.root) for path in files]

    def page(self, kind: str, name: str) -> Page | None:
        """Return the page of a kind and name, or None."""
        return next((p for p in self.pages if (p.kind, p.name) == (kind, name)), None)

    @cached_property
    def labels(self) -> dict[str, list[Page]]:
        """Every target that a reference can name → the pages that define it."""
        found: dict[str, list[Page]] = {}
        for page in self.pages:
            if page.kind in {"chapter", "page"}:
                for label in labels_of(page):
                    found.setdefault(label, []).append(page)
        return found

    @cached_property
    def terms(self) -> set[str]:
        """The terms of the glossary, in lower case."""
        page = self.page("page", "glossary")
        source = "\n\n".join(cell.source for cell in page.cells) if page else ""
        return {term.strip().lower() for term in re.findall(r"^(\S.*)\n: ", source, re.MULTILINE)}

    @cached_property
    def citations(self) -> set[str]:
        """The keys of book/references.bib."""
        file = self.root / "book" / "references.bib"
        source = file.read_text(encoding="utf-8") if file.is_file() else ""
        return set(re.findall(r"^@\w+\{\s*([^,\s]+)\s*,", source, re.MULTILINE))

    @cached_property
    def contents(self) -> set[str]:
        """The files that book/myst.yml lists."""
        file = self.root / "book" / "myst.yml"
        if not file.is_file():
            return set()
        todo: list[Any] = [yaml.safe_load(file.read_text(encoding="utf-8"))]
        found = set()
        while todo:
            item = todo.pop()
            if isinstance(item, dict):
                found |= {item["file"]} if isinstance(item.get("file"), str) else set()
                todo += item.values()
            elif isinstance(item, list):
                todo += item
        return found


def labels_of(page: Page) -> Iterator[str]:
    """Yield every label that a page defines: figures, equations, sections, directives."""
    for cell in page.cells:
        if cell.cell_type == "code":
            name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
            if name:
                yield str(name)
            continue
        source = text.without_code_blocks(cell.source)
        yield from re.findall(r"\$\$ *\(([\w:-]+)\) *$", source, re.MULTILINE)
        yield from re.findall(r"^\(([\w:-]+)\)= *$", source, re.MULTILINE)
        yield from re.findall(r"^:(?:name|label): *(\S+) *$", cell.source, re.MULTILINE)


# --- the register ---------------------------------------------------------------------------

Look = Callable[[Page, Course], Iterable[Problem]]
KINDS = ("chapter", "page", "assignment", "exercise")


@dataclass(frozen=True)
class Rule:
    """A named rule: which kinds of pages it is for, and whether it reads what a run left."""

    name: str
    kinds: tuple[str, ...]
    executed: bool
    look: Look

    @property
    def says(self) -> str:
        """The rule in one line."""
        return (self.look.__doc__ or "").strip().splitlines()[0]


RULES: dict[str, Rule] = {}


def rule(name: str, *kinds: str, executed: bool = False) -> Callable[[Look], Look]:
    """Register a function as the rule `name` for pages of these kinds."""

    def register(look: Look) -> Look:
        assert name not in RULES, f"two rules are called {name}"
        assert kinds and set(kinds) <= set(KINDS), f"{name}: no such kind of page"
        RULES[name] = Rule(name, kinds, executed, look)
        return look

    return register


# --- exemptions -----------------------------------------------------------------------------


def exemptions(cell: NotebookNode) -> dict[str, Any]:
    """Return rule → reason from a cell's metadata: ``lint: {"allow": {"rule": "reason"}}``."""
    found = cell.metadata.get("lint", {})
    allowed = found.get("allow", {}) if isinstance(found, dict) else {}
    return dict(allowed) if isinstance(allowed, dict) else {}


@rule("exemption", "chapter", "page", "assignment")
def exemption(page: Page, course: Course) -> Iterator[Problem]:
    """An exemption names a rule that exists and says why in a sentence.

    Why: an exemption without a reason is a rule switched off in silence. (That an exemption is
    still needed is looked at by `check`, which knows what the rule found.)
    Cure: ``"lint": {"allow": {"typed-figure": "the claim is quoted"}}`` in the cell's metadata.
    """
    for cell in page.cells:
        if "lint" not in cell.metadata:
            continue
        allowed = exemptions(cell)
        if not allowed or set(cell.metadata.lint) != {"allow"}:
            yield Problem(
                "its metadata has 'lint' in a form that says nothing",
                'write "lint": {"allow": {"rule": "reason"}}, or remove it',
                cell.id,
            )
        for name, reason in allowed.items():
            if name not in RULES or name == "exemption":
                yield Problem(
                    f"it is exempt from {name!r}, and no rule is called so",
                    "see 'python tools/lint_notebooks.py --list'",
                    cell.id,
                )
            elif not isinstance(reason, str) or len(reason.split()) < 3:
                yield Problem(
                    f"it is exempt from {name!r} without a reason",
                    "say in a few words why the rule does not fit here",
                    cell.id,
                )


class Unread(Exception):
    """A rule has nothing to read for this page; `problem` says so and is reported once a page."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class Report:
    """What one look found: (page, rule, problem), and the exemptions that were used."""

    found: list[tuple[Page, str, Problem]] = field(default_factory=list)
    exempted: list[tuple[Page, str, Problem]] = field(default_factory=list)

    @property
    def failures(self) -> int:
        return sum(not problem.note for _, _, problem in self.found)


def check(pages: list[Page], course: Course, rules: Iterable[Rule]) -> Report:
    """Look at `pages` with `rules`; a problem in an exempt cell counts as exempted."""
    report = Report()
    rules = list(rules)
    for page in pages:
        allowed = {cell.get("id"): exemptions(cell) for cell in page.cells}
        if page.kind == "exercise":
            allowed = {}
        for each in rules:
            if page.kind not in each.kinds:
                continue
            used = set()
            try:
                problems = list(each.look(page, course))
            except Unread as error:
                if not any(p is page and said == error.problem for p, _, said in report.found):
                    report.found.append((page, each.name, error.problem))
                continue
            for problem in problems:
                if problem.cell in allowed and each.name in allowed[problem.cell]:
                    report.exempted.append((page, each.name, problem))
                    used.add(problem.cell)
                else:
                    report.found.append((page, each.name, problem))
            for cell, names in allowed.items():
                if each.name in names and cell not in used and each.name != "exemption":
                    stale = Problem(
                        f"it is exempt from {each.name!r}, which finds nothing here any more",
                        "remove the exemption from the cell's metadata",
                        cell,
                    )
                    report.found.append((page, "exemption", stale))
    return report


def sentence(page: Page, problem: Problem, name: str) -> str:
    """Return the line that a person reads: file, cell, what, cure, rule."""
    where = f"{page.shown}: cell {problem.cell!r}" if problem.cell is not None else page.shown
    return f"{where}: {problem} [{name}]"
