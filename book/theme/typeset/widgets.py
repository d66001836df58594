"""Interactive parts: the modules of book/widgets, as files that a page loads when it needs them.

A module, and what a chapter's run exported for it, are written twice: as they are, and as a script
that brings them, because a page that was opened as a file may run scripts, and neither import
modules nor fetch files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from .errors import ThemeError

FOLDER = Path(__file__).resolve().parents[2] / "widgets"
LIBRARY = "lib"
MOST = 30 * 1024  # bytes of a module of our own, without those that it imports
_IMPORT = re.compile(r'(?<=from "\./)([\w-]+)(?=\.js")')


def _name(stem: str, content: bytes, ending: str) -> str:
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:10]}.{ending}"


def modules(name: str, source: str, folder: Path = FOLDER) -> dict[str, bytes]:
    """Return {file: text} of a part's module, last, and before it of those that it imports.

    Modules import each other by their files' names, which change with their text. Raises ThemeError
    when a module is too large, or imports one that `folder` has not.
    """
    if len(source.encode()) > MOST:
        raise ThemeError(
            f"book/widgets/{name}.js has {len(source.encode()):,} bytes, and {MOST:,} are allowed: "
            "a page should be quick on a slow line. Make it shorter, or move what others need too "
            f"into {LIBRARY}.js or a module of its own."
        )
    found: dict[str, bytes] = {}
    files: dict[str, str] = {}
    for needed in dict.fromkeys(_IMPORT.findall(source)):
        path = folder / f"{needed}.js"
        if not path.is_file():
            raise ThemeError(
                f"book/widgets/{name}.js imports ./{needed}.js, and book/widgets has no such file."
            )
        its = modules(needed, path.read_text(encoding="utf-8"), folder)
        files[needed] = next(reversed(its)).removesuffix(".js")
        found |= its
    text = _IMPORT.sub(lambda match: files[match[1]], source).encode()
    return found | {_name(name, text, "js"): text}


def export(name: str, content: bytes) -> str:
    """Return the file's name in the site of what a run exported under `name`."""
    stem, _, ending = name.rpartition(".")
    return _name(stem or "export", content, ending)


def write(out: Path, used: dict[str, bytes]) -> None:
    """Write what the parts of the book's pages load into `out`/assets/widgets."""
    folder = out / "assets" / "widgets"
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in sorted(used.items()):
        (folder / file).write_bytes(content)
        if file.endswith(".js"):
            kind, text, twin = "bookModules", content.decode(), file.replace(".js", ".text.js")
        else:
            kind, text, twin = "bookFiles", base64.b64encode(content).decode(), f"{file}.text.js"
        script = f"(window.{kind}??={{}})[{json.dumps(file)}]={json.dumps(text)};\n"
        (folder / twin).write_text(script, encoding="utf-8")
