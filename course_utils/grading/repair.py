"""Put a submitted notebook back into the shape of the released one before it is run."""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
from collections.abc import Sequence

from course_utils.grading.job import ReleasedCell

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

NOTE = "build_deep"
"""Key of the metadata under which grading writes what it did, in the notebook and in cells."""

_FIXED = ("grade", "solution", "locked", "task", "points")
_ALIKE = 0.6


def repair(nb: NotebookNode, released: Sequence[ReleasedCell]) -> list[str]:
    """Repair `nb` in place; return one sentence for each thing that was not as released.

    Nothing that a learner's file says about grading is believed. Metadata come from the gradebook;
    cells copied twice count once (the last copy); cells that lost their name get it back; locked
    cells and tests get their text back, hidden tests included; cells taken away come back; cells
    that changed their places return to the order of the release.
    """
    known = {cell.name: cell for cell in released}
    notes = _name_again(nb, released, known)
    notes += _reset(nb, known)
    notes += _sort(nb, released)
    notes += _restore(nb, released)
    _number(nb)
    nb.metadata = NotebookNode(
        {
            "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
            "language_info": {"name": "python"},
        }
    )
    return list(dict.fromkeys(notes))


def name_of(cell: NotebookNode) -> str | None:
    """The grade_id that a cell claims to have, or None."""
    metadata = cell.metadata.get("nbgrader")
    name = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def public(source: str) -> str:
    """The text of a cell as it is released: without the regions that nbgrader takes out."""
    lines = []
    inside = False
    for line in source.split("\n"):
        inside = inside or re.search("BEGIN (HIDDEN TESTS|MARK SCHEME)", line) is not None
        if not inside:
            lines.append(line)
        inside = inside and re.search("END (HIDDEN TESTS|MARK SCHEME)", line) is None
    return "\n".join(lines).strip()


def same_text(one: str, other: str) -> bool:
    """Whether two texts are the same but for line ends and space at the end of lines."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n")]


def _name_again(
    nb: NotebookNode, released: Sequence[ReleasedCell], known: dict[str, ReleasedCell]
) -> list[str]:
    """Give their names back to cells that lost them, in an editor or on purpose."""
    notes = []
    present = {name for cell in nb.cells if (name := name_of(cell)) in known}
    strangers = [cell for cell in nb.cells if name_of(cell) not in known]
    for original in released:
        if original.name in present:
            continue
        found = _find(original, strangers)
        if found is not None:
            strangers = [cell for cell in strangers if cell is not found]
            found.metadata["nbgrader"] = {**original.metadata}
            notes.append(f"The cell '{original.name}' had lost its name; it was recognised.")
    if not present:
        notes += _by_place(nb, released)
    for cell in strangers:
        if name_of(cell) not in {None, *known}:
            notes.append("A cell carried a name that is not in the assignment; it does not count.")
            cell.metadata.pop("nbgrader")
    return notes


def _by_place(nb: NotebookNode, released: Sequence[ReleasedCell]) -> list[str]:
    """Name the written answers of a notebook without any names: they are known by their place."""
    notes = []
    for number, original in enumerate(released):
        about = original.metadata
        places = {name_of(cell): index for index, cell in enumerate(nb.cells)}
        written = about["grade"] and about["solution"] and about.get("cell_type") == "markdown"
        if original.name in places or not written:
            continue
        before = [places[cell.name] for cell in released[:number] if cell.name in places]
        behind = [places[cell.name] for cell in released[number:] if cell.name in places]
        gap = nb.cells[max(before, default=-1) + 1 : min(behind, default=len(nb.cells))]
        texts = [cell for cell in gap if cell.cell_type == "markdown" and cell.source.strip()]
        if texts:
            texts[-1].metadata["nbgrader"] = {**about}
            notes.append(f"The cell '{original.name}' had lost its name; it was recognised.")
    return notes


def _find(original: ReleasedCell, cells: list[NotebookNode]) -> NotebookNode | None:
    """Find the cell that was `original` among cells without a name."""
    kind = original.metadata.get("cell_type", "code")
    cells = [cell for cell in cells if cell.cell_type == kind and cell.source.strip()]
    text = public(original.source)
    for cell in cells:
        if cell.get("id") == original.name or cell.metadata.get("id") == original.name:
            return cell
    for cell in cells:
        if same_text(cell.source, text):
            return cell
    if not original.metadata.get("solution"):
        close = [(_likeness(cell.source, text), number) for number, cell in enumerate(cells)]
        best = max(close, default=(0.0, 0))
        return cells[best[1]] if best[0] > 0.9 else None
    if kind == "code" and (wanted := _defines(text)):
        for cell in reversed(cells):
            if wanted <= _defines(cell.source):
                return cell
        return None
    close = [(_likeness(cell.source, text), number) for number, cell in enumerate(cells)]
    best = max(close, default=(0.0, 0))
    return cells[best[1]] if best[0] > _ALIKE else None


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one[:5000], other[:5000], autojunk=False).ratio()


def _defines(source: str) -> set[str]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"^(?:def|class)\s+(\w+)", source, re.MULTILINE))
    return {
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    }


def _reset(nb: NotebookNode, known: dict[str, ReleasedCell]) -> list[str]:
    """Take metadata, and the text of what is locked, from the release; keep one copy of each."""
    notes: list[str] = []
    found: dict[str, list[int]] = {}
    for index, cell in enumerate(nb.cells):
        if (name := name_of(cell)) is not None:
            found.setdefault(name, []).append(index)
    last = chosen(found, list(known), [n for n, c in known.items() if not c.restorable])
    for name, indexes in found.items():
        if len(indexes) > 1:
            which = "last copy" if last[name] == indexes[-1] else "last copy above its check"
            notes.append(f"The cell '{name}' was there twice; the {which} counts.")
    copies = []
    for index, cell in enumerate(nb.cells):
        name = name_of(cell)
        if name is None or last[name] != index:
            if name is not None and known[name].restorable:
                copies.append(cell)
            cell.metadata = NotebookNode()
            continue
        original = known[name]
        notes += _changes(cell, original)
        if cell.cell_type != original.metadata["cell_type"]:
            make = new_code_cell if original.metadata["cell_type"] == "code" else new_markdown_cell
            nb.cells[index] = cell = make(cell.source, id=cell.get("id", name))
        if original.metadata["locked"] or not original.metadata["solution"]:
            cell.source = original.source
        cell.metadata = NotebookNode({"nbgrader": dict(original.metadata)})
    nb.cells = [cell for cell in nb.cells if not any(cell is copy for copy in copies)]
    return notes


def chosen(found: dict[str, list[int]], order: list[str], answers: list[str]) -> dict[str, int]:
    """Say which copy of each cell counts: name → position, from name → positions of all copies.

    `order` has the names in the order of the release. Of a test the last copy counts; of an answer
    the last one that stands above the next cell of the release, since that is what runs before it.
    """
    last = {name: indexes[-1] for name, indexes in found.items()}
    for name in answers:
        copies = found.get(name, [])
        behind = [last[other] for other in order[order.index(name) + 1 :] if other in last][:1]
        above = [index for index in copies if behind and index < behind[0]]
        if len(copies) > 1 and above:
            last[name] = above[-1]
    return last


def _changes(cell: NotebookNode, original: ReleasedCell) -> list[str]:
    """Sentences about what a learner may not change and did."""
    notes = []
    claimed = cell.metadata["nbgrader"]
    differs = any(claimed.get(key, False) != original.metadata.get(key, False) for key in _FIXED)
    if differs and not _as_released(cell):
        notes.append(f"What the cell '{original.name}' says about grading was changed, and reset.")
    if cell.cell_type != original.metadata["cell_type"]:
        notes.append(f"The type of the cell '{original.name}' was changed, and reset.")
    elif (
        original.metadata["locked"]
        and not same_text(cell.source, public(original.source))
        and not same_text(cell.source, original.source)
        and not _as_released(cell)
    ):
        notes.append(f"The text of the cell '{original.name}' was changed, and reset.")
    return notes


def _as_released(cell: NotebookNode) -> bool:
    """Whether a cell is what some release had: its text fits the checksum that nbgrader wrote.

    Then it was the instructor who changed the test since, and there is nothing to tell. (A student
    can compute the checksum too; the text is replaced all the same.)
    """
    about = cell.metadata["nbgrader"]
    digest = hashlib.md5(usedforsecurity=False)
    parts = [cell.source, cell.cell_type]
    parts += [str(about.get(key, False)) for key in ("grade", "solution", "locked")]
    parts.append(str(about.get("grade_id")))
    if about.get("grade"):
        try:
            parts.append(str(float(about.get("points", 0))))
        except (TypeError, ValueError):
            return False
    for part in parts:
        digest.update(part.encode("utf-8", "replace"))
    return bool(about.get("checksum") == digest.hexdigest())


def _sort(nb: NotebookNode, released: Sequence[ReleasedCell]) -> list[str]:
    """Bring named cells back into the order of the release, each with what stands behind it."""
    order = {cell.name: number for number, cell in enumerate(released)}
    names = [name for cell in nb.cells if (name := name_of(cell)) is not None]
    if [order[name] for name in names] == sorted(order[name] for name in names):
        return []
    head: list[NotebookNode] = []
    groups: list[tuple[int, list[NotebookNode]]] = []
    for cell in nb.cells:
        name = name_of(cell)
        if name is not None:
            groups.append((order[name], [cell]))
        elif groups:
            groups[-1][1].append(cell)
        else:
            head.append(cell)
    groups.sort(key=lambda group: group[0])
    nb.cells = head + [cell for _, cells in groups for cell in cells]
    return ["The cells were not in the order of the assignment; they were put back in order."]


def _restore(nb: NotebookNode, released: Sequence[ReleasedCell]) -> list[str]:
    """Put missing cells back behind the cell that came before them."""
    notes = []
    before: str | None = None
    for original in released:
        places = {name_of(cell): index for index, cell in enumerate(nb.cells)}
        if original.name not in places:
            if not original.restorable:
                notes.append(f"The cell '{original.name}' was missing; it was not answered.")
                continue
            notes.append(f"The cell '{original.name}' was missing; it was put back.")
            nb.cells.insert(places[before] + 1 if before else 0, _anew(original))
        before = original.name
    return notes


def _anew(original: ReleasedCell) -> NotebookNode:
    """Make a cell as it was released."""
    make = new_code_cell if original.metadata["cell_type"] == "code" else new_markdown_cell
    return make(original.source, metadata={"nbgrader": dict(original.metadata)})


def _number(nb: NotebookNode) -> None:
    """Give every cell an id of its own, in the form that nbformat wants."""
    seen: set[str] = set()
    for index, cell in enumerate(nb.cells):
        name = str(cell.get("id", ""))
        if name in seen or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            name = f"cell-{index}"
            while name in seen:
                name += "x"
            cell.id = name
        seen.add(name)
    nb.nbformat, nb.nbformat_minor = 4, 5
