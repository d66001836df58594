"""Interactive parts: the modules of book/widgets, as files that a page loads when it needs them.

A module is written twice: as it is, and as a script that brings its text, because a page that was
opened as a file may run scripts and not import modules.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from .errors import ThemeError

FOLDER = Path(__file__).resolve().parents[2] / "widgets"
LIBRARY = "lib"
MOST = 30 * 1024  # bytes of a module of our own, without the library


def _file(name: str, text: bytes) -> tuple[str, bytes]:
    return f"{name}.{hashlib.sha256(text).hexdigest()[:10]}.js", text


@cache
def library() -> tuple[str, bytes]:
    """Return (file, text) of what all parts share."""
    return _file(LIBRARY, (FOLDER / f"{LIBRARY}.js").read_bytes())


def module(name: str, source: str) -> tuple[str, bytes]:
    """Return (file, text) of a part's module, which imports the library by its file's name.

    Raises ThemeError when the module is too large.
    """
    if len(source.encode()) > MOST:
        raise ThemeError(
            f"book/widgets/{name}.js has {len(source.encode()):,} bytes, and {MOST:,} are allowed: "
            "a page should be quick on a slow line. Make it shorter, or move what others need too "
            "into lib.js."
        )
    return _file(name, source.replace(f'"./{LIBRARY}.js"', f'"./{library()[0]}"').encode())


def write(out: Path, used: dict[str, bytes]) -> None:
    """Write the modules that pages use into `out`/assets/widgets."""
    folder = out / "assets" / "widgets"
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in sorted(used.items()):
        (folder / file).write_bytes(text)
        script = f"(window.bookModules??={{}})[{json.dumps(file)}]={json.dumps(text.decode())};\n"
        (folder / file.replace(".js", ".text.js")).write_text(script, encoding="utf-8")
