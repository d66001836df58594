"""Executed notebooks, made ready for MyST.

A code cell that names a figure (``mystnb: {figure: {name, caption}, image: {alt}}``) loses it in
MyST's own pipeline: no number, no caption, no alt text, nothing to refer to. So the picture leaves
the cell's outputs, becomes a file, and a ``figure`` directive right below the cell shows it. The
rest of the cell's outputs stay where they are.
"""

from __future__ import annotations

import base64
import copy
import re
from pathlib import Path
from typing import Any

from .errors import ThemeError

PICTURES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}
_HIDES_EVERYTHING = {"remove-cell", "remove-output"}

Cell = dict[str, Any]


def chapter_number(name: str) -> int | None:
    """Return 3 for "03-perceptron", None for a page that is not a chapter."""
    match = re.match(r"(\d+)-", name)
    return int(match[1]) if match else None


def _picture(output: dict[str, Any]) -> tuple[str, bytes] | None:
    """Return (extension, content) of an output's best picture, or None."""
    data = output.get("data", {})
    for media_type, extension in PICTURES.items():
        if media_type in data:
            text = "".join(data[media_type])
            raw = text.encode() if extension == "svg" else base64.b64decode(text)
            return extension, raw
    return None


def _figure_cell(cell_id: str, name: str, caption: str, alt: str, file: str) -> Cell:
    fence = "`" * (max((len(run) for run in re.findall("`+", caption)), default=2) + 3)
    head = [f"{fence}{{figure}} {file}", f":name: {name}", f":alt: {alt}"]
    return {
        "cell_type": "markdown",
        "id": f"{cell_id}-figure",
        "metadata": {},
        "source": "\n".join([*head, "", caption, fence]),
    }


def _require(value: Any, where: str, key: str, why: str) -> str:
    text = " ".join(str(value or "").split())
    if not text:
        raise ThemeError(
            f"{where}: the cell's metadata has no {key}. {why} In JupyterLab: select the cell, "
            "open the Property Inspector (two cogs), Advanced Tools, Cell Metadata."
        )
    return text


def _split_figure(cell: Cell, page: str, folder: Path) -> list[Cell]:
    """Return the cell, and below it the figure that it names, written into `folder`/figures."""
    where = f"{page}, cell {cell.get('id', '?')}"
    settings = cell["metadata"].get("mystnb", {})
    tags = set(cell["metadata"].get("tags", []))
    pictures = [(o, p) for o in cell.get("outputs", []) if (p := _picture(o)) is not None]
    if tags & _HIDES_EVERYTHING:
        return [cell]
    alt = settings.get("image", {}).get("alt")
    if pictures:
        why = "Say there what the picture shows to someone who cannot see it."
        alt = _require(alt, where, "mystnb.image.alt", why)
    if "figure" not in settings:
        return [cell]
    name = _require(settings["figure"].get("name"), where, "mystnb.figure.name", "")
    caption = _require(
        settings["figure"].get("caption"), where, "mystnb.figure.caption", "It is the one message."
    )
    if len(pictures) != 1:
        raise ThemeError(
            f"{where}: it names the figure {name!r} and made {len(pictures)} pictures when it ran. "
            "A figure is one picture: draw panels with plt.subplots, or split the cell."
        )
    output, (extension, content) = pictures[0]
    file = Path("figures") / f"{page}-{name}.{extension}"
    target = folder / file
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_file() or target.read_bytes() != content:  # else who watches would see it
        target.write_bytes(content)
    cell["outputs"] = [o for o in cell["outputs"] if o is not output]
    return [cell, _figure_cell(cell.get("id", "cell"), name, caption, str(alt), file.as_posix())]


def prepare(notebook: dict[str, Any], page: str, folder: Path) -> dict[str, Any]:
    """Return the notebook as MyST should read it; write its figures into `folder`/figures.

    `page` is the file's stem. Figures, tables and equations of chapter 3 are numbered 3.1, 3.2, …
    Raises ThemeError with the cell and the cure when a figure lacks its name, caption or alt text.
    """
    notebook = copy.deepcopy(notebook)
    cells: list[Cell] = []
    number = chapter_number(page)
    if number is not None:
        front = f'---\nnumbering:\n  enumerator: "{number}.%s"\n---'
        cells.append({"cell_type": "markdown", "id": "page-front", "metadata": {}, "source": front})
    for cell in notebook["cells"]:
        cells += _split_figure(cell, page, folder) if cell["cell_type"] == "code" else [cell]
    for index, cell in enumerate(cells):  # MyST makes ids targets, and each page has a "summary"
        cell["id"] = f"cell-{page if number is None else number}-{cell.get('id', index)}"
    notebook["cells"] = cells
    return notebook
