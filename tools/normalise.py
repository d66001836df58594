"""Put notebooks into their normal form, so that git shows what a person changed and no more.

    python tools/normalise.py [FILE …]           rewrite (default: book/ and solutions/)
    python tools/normalise.py --check [FILE …]   change nothing, fail if a file is not normal

Normal form: the keys and indentation of `nbformat.write`, format 4.5, one fixed notebook metadata,
no outputs, no execution counts, no marks that an editor leaves, Unix line ends, and a readable id
on every cell. An id that a person chose stays; a cell that nbgrader knows is called by its
`grade_id`; an id that a program drew is replaced by a name made from the cell's text.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import nbformat
from nbformat import NotebookNode

from tools import notebooks
from tools.notebooks import ROOT, NotebookError

# What a person says about a cell. Everything else is left by a program and goes.
KEPT = {
    "caption",
    "deletable",
    "editable",
    "format",
    "label",
    "lint",  # exemptions from rules of tools/lint, with their reasons
    "mystnb",
    "nbgrader",
    "raw_mimetype",
    "slideshow",
    "tags",
}


def normalised(notebook: NotebookNode, where: str = "this notebook") -> NotebookNode:
    """Return a copy of `notebook` in normal form; raise NotebookError where only a person can."""
    notebook = copy.deepcopy(notebook)
    cells = []
    for cell in notebook.cells:
        clean = NotebookNode(
            cell_type=cell.cell_type,
            id=cell.get("id"),
            metadata=NotebookNode(
                {key: value for key, value in cell.metadata.items() if key in KEPT and value != {}}
            ),
            source=cell.source.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n"),
        )
        if not clean.metadata.get("tags", True):
            del clean.metadata["tags"]
        if cell.cell_type == "code":
            clean.outputs = []
            clean.execution_count = None
        elif cell.get("attachments"):
            clean.attachments = cell.attachments
        cells.append(clean)
    notebook = NotebookNode(
        cells=cells, metadata=copy.deepcopy(notebooks.METADATA), nbformat=4, nbformat_minor=5
    )
    _name_cells(notebook, where)
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise NotebookError(
            f"{where}: this is not a valid notebook ({str(error).splitlines()[0]}); restore it "
            "with git or save it again from JupyterLab."
        ) from None
    return notebook


def _name_cells(notebook: NotebookNode, where: str) -> None:
    """Give every cell a readable id that no other has; a person's choice comes first."""
    graded = []
    for number, cell in enumerate(notebook.cells):
        if "nbgrader" not in cell.metadata:
            continue
        grade_id = cell.metadata.nbgrader.get("grade_id")
        if not isinstance(grade_id, str) or notebooks._VALID_ID.fullmatch(grade_id) is None:
            raise NotebookError(
                f"{where}: cell {number + 1} has nbgrader metadata and the grade_id {grade_id!r}; "
                "give it a name of letters, digits and hyphens, at most 64."
            )
        graded.append(grade_id)
    if twice := [name for name, count in Counter(graded).items() if count > 1]:
        raise NotebookError(
            f"{where}: more than one cell has the grade_id {twice[0]!r}; nbgrader would grade one "
            "of them. Rename one, in its nbgrader metadata."
        )

    taken = set(graded)
    nameless = []
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.id = cell.metadata.nbgrader.grade_id
        elif notebooks.is_readable(cell.id) and cell.id not in taken:
            taken.add(cell.id)
        else:
            nameless.append(cell)
    for cell in nameless:
        cell.id = notebooks.unique(notebooks.name_for(cell), taken)
        taken.add(cell.id)


def differences(before: NotebookNode, after: NotebookNode) -> list[str]:
    """Say in a few words what the normal form changes."""
    found = []
    if any(cell.get("outputs") or cell.get("execution_count") for cell in before.cells):
        found.append("outputs")
    if any(old.get("id") != new.id for old, new in zip(before.cells, after.cells, strict=True)):
        found.append("cell ids")
    dropped = {
        key
        for old, new in zip(before.cells, after.cells, strict=True)
        for key in set(old.metadata) - set(new.metadata)
    }
    if dropped:
        found.append("cell metadata: " + ", ".join(sorted(dropped)))
    if before.metadata != after.metadata or before.get("nbformat_minor") != 5:
        found.append("notebook metadata")
    if any(old.source != new.source for old, new in zip(before.cells, after.cells, strict=True)):
        found.append("line ends")
    return found or ["layout of the file"]


def normalise(path: Path, write: bool = True) -> list[str]:
    """Put one file into normal form and return what changed (empty: it was normal already)."""
    resolved = path.resolve()
    if (ROOT / "exercises") in resolved.parents:
        raise NotebookError(
            f"{notebooks.shown(path)}: the notebooks in exercises/ are made from solutions/; edit "
            "the one there and run 'make release'."
        )
    notebook = notebooks.read(path)
    normal = normalised(notebook, notebooks.shown(path))
    text = notebooks.text_of(normal)
    if path.read_bytes() == text.encode():
        return []
    if write:
        notebooks.write_text(path, text)
    return differences(notebook, normal)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Put notebooks into their normal form.",
        epilog="Example: python tools/normalise.py book/03-perceptron.ipynb",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="default: all of book/ and solutions/"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if any would")
    options = parser.parse_args(arguments)
    files = options.files or [
        path
        for folder in ("book", "solutions")
        if (ROOT / folder).is_dir()
        for path in notebooks.sources(ROOT / folder)
    ]
    failed = changed = 0
    for path in files:
        try:
            what = normalise(path, write=not options.check)
        except NotebookError as error:
            print(error, file=sys.stderr)
            failed += 1
            continue
        if what:
            changed += 1
            verb = "not in normal form" if options.check else "normalised"
            print(f"{notebooks.shown(path)}: {verb} ({'; '.join(what)})")
    if options.check and changed:
        print("Cure: make format")
    return 1 if failed or (options.check and changed) else 0


if __name__ == "__main__":
    sys.exit(main())
