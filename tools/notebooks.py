"""Read, write and name the cells of notebooks: what the maintainers' programs share."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode  # a second to import: where it is needed, it is imported

ROOT = Path(__file__).resolve().parent.parent

# What every notebook of the course says about itself, and nothing more.
METADATA: dict[str, Any] = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


class NotebookError(Exception):
    """A notebook cannot be used; the message is a sentence with the way out."""


def shown(path: Path, root: Path = ROOT) -> str:
    """Return `path` as a reader of the repository knows it."""
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        return str(path)


def read(path: Path) -> NotebookNode:
    """Return the notebook in `path` as nbformat 4 or raise NotebookError with a sentence."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotebookError(f"{shown(path)}: there is no such file.") from None
    except IsADirectoryError:
        raise NotebookError(f"{shown(path)}: this is a folder; name the notebooks in it.") from None
    except UnicodeDecodeError:
        raise NotebookError(f"{shown(path)}: this is not UTF-8 text; save it again.") from None
    if re.search(r"^(<{7} |>{7} )", text, flags=re.MULTILINE):
        raise NotebookError(
            f"{shown(path)}: a merge left its conflict markers (<<<<<<< … >>>>>>>) in the file; "
            "choose one side of each and remove them."
        )
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotebookError(
            f"{shown(path)}: this is not JSON (line {error.lineno}: {error.msg}); restore it with "
            "git or save it again from JupyterLab."
        ) from None
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise NotebookError(
            f"{shown(path)}: this is not a notebook of format 4 (it has no list of cells); open it "
            "in JupyterLab and save it, which converts old formats."
        )
    if raw.get("nbformat") != 4:
        raise NotebookError(
            f"{shown(path)}: notebook format {raw.get('nbformat')} is not 4; open it in JupyterLab "
            "and save it, which converts old formats."
        )
    import nbformat

    notebook = nbformat.from_dict(raw)
    for number, cell in enumerate(notebook.cells):
        if isinstance(cell.get("source"), list):
            cell["source"] = "".join(cell["source"])
        if not isinstance(cell.get("source"), str) or cell.get("cell_type") not in {
            "code",
            "markdown",
            "raw",
        }:
            raise NotebookError(
                f"{shown(path)}: cell {number + 1} has no source or no known type; restore the "
                "file with git."
            )
        cell.setdefault("metadata", nbformat.NotebookNode())
    return notebook


def text_of(notebook: NotebookNode) -> str:
    """Return the file text of a notebook: as nbformat.write writes it, newline at the end."""
    import nbformat

    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    return text if text.endswith("\n") else text + "\n"


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all, with Unix line ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def nbgrader_of(cell: NotebookNode) -> dict[str, Any]:
    """Return the nbgrader metadata of a cell, empty where it has none."""
    found = cell.metadata.get("nbgrader")
    return dict(found) if found else {}


def is_graded(cell: NotebookNode) -> bool:
    """Tell whether the cell carries points."""
    return bool(nbgrader_of(cell).get("grade"))


def is_solution(cell: NotebookNode) -> bool:
    """Tell whether the learner writes in this cell."""
    return bool(nbgrader_of(cell).get("solution"))


def is_check(cell: NotebookNode) -> bool:
    """Tell whether the cell is code that gives points: a check cell."""
    return cell.cell_type == "code" and is_graded(cell) and not is_solution(cell)


def sources(folder: Path) -> Iterator[Path]:
    """Yield the notebooks under `folder`, sorted, without checkpoints and hidden folders."""
    for path in sorted(folder.rglob("*.ipynb")):
        inside = path.relative_to(folder).parts
        if not any(part.startswith((".", "_")) for part in inside):
            yield path


# --- names of cells -------------------------------------------------------------------------

_VALID_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RANDOM_ID = re.compile(
    r"""
    [0-9a-f]{8}                                      # nbformat, jupytext, VS Code
    | [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}      # JupyterLab
    | (cell-)?[0-9a-f]{12,40}                        # a hash; nbgrader's own "cell-…"
    | (?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_-]{12}        # Colab
    """,
    re.VERBOSE,
)


def is_readable(cell_id: object) -> bool:
    """Tell whether a cell id was chosen by a person rather than drawn by a program.

    >>> [is_readable(name) for name in ("sigmoid-check", "1f0c9a2b", "a b", None)]
    [True, False, False, False]
    """
    return (
        isinstance(cell_id, str)
        and _VALID_ID.fullmatch(cell_id) is not None
        and _RANDOM_ID.fullmatch(cell_id) is None
    )


def slug(text: str, most: int = 40) -> str:
    """Return the words of `text` in lower case joined by hyphens, at most `most` characters.

    >>> slug("## Why *one* neuron can't: XOR")
    'why-one-neuron-cant-xor'
    """
    text = re.sub(r"[’'`*_$\\]", lambda found: " " if found[0] in "_\\" else "", text)
    words = re.findall(r"[a-z0-9]+", text.lower())
    chosen = ""
    for word in words:
        longer = f"{chosen}-{word}" if chosen else word[:most]
        if len(longer) > most:
            break
        chosen = longer
    return chosen


def name_for(cell: NotebookNode) -> str:
    """Return a readable name from what stands in the cell: heading, definition or first words."""
    source = str(cell.source)
    name = ""
    if cell.cell_type == "code":
        if defined := re.search(r"^(?:async )?(?:def|class)\s+(\w+)", source, re.MULTILINE):
            name = slug(defined[1])
        else:
            lines = [line.strip() for line in source.splitlines() if line.strip()]
            name = slug(" ".join(lines[0].split()[:6])) if lines else ""
    else:
        heading = re.search(r"^#{1,6}\s+(.+)$", source, re.MULTILINE)
        if heading:
            name = slug(heading[1])
        else:
            name = next(
                (
                    found
                    for line in source.splitlines()
                    if (found := slug(" ".join(re.sub(r"\{[\w:-]+\}", "", line).split()[:6])))
                ),
                "",
            )
    if not name:
        name = {"code": "code", "markdown": "text"}.get(cell.cell_type, "raw")
    return name if is_readable(name) else f"cell-{name}-x"


def unique(name: str, taken: Iterable[str]) -> str:
    """Return `name`, or `name-2`, `name-3`, … : the first that is not in `taken`."""
    taken = set(taken)
    if name not in taken:
        return name
    number = 2
    while f"{name[:58]}-{number}" in taken:
        number += 1
    return f"{name[:58]}-{number}"
