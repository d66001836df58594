"""The theme as MyST runs it: a server of typeset pages, or a program that writes them all.

    python server.py             what `jupyter-book start` calls: pages are made when asked for
    python server.py --render    what `jupyter-book build --html` calls: all pages into a folder

MyST says by environment variables where things are: PORT and HOST to listen on, CONTENT_CDN_PORT
(or CONTENT_CDN) where it offers the content, BUILD_DIRECTORY to write into, BASE_URL.
"""

from __future__ import annotations

import http.server
import json
import mimetypes
import os
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from typeset import assets as asset_files
from typeset import widgets
from typeset.errors import ThemeError
from typeset.pages import Press, Settings, characters, formulas, load, render_book, write_made

THEME = Path(__file__).resolve().parent


class OfferedContent:
    """MyST's content, asked for over HTTP on this machine."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.address}/{path}", timeout=30) as answer:
            return answer.read()

    def config(self) -> dict[str, Any]:
        """Return the site's configuration."""
        return json.loads(self._get("config.json"))

    def page(self, slug: str) -> dict[str, Any]:
        """Return one page as MyST wrote it."""
        return json.loads(self._get(f"content/{slug}.json"))

    def read(self, name: str) -> bytes | None:
        """Return a file that MyST offers beside the content, or None when there is none."""
        try:
            return self._get(name)
        except urllib.error.HTTPError:
            return None


def node_modules() -> Path:
    """Return the nearest node_modules above the theme, or raise ThemeError."""
    for folder in THEME.parents:
        if (folder / "node_modules" / "katex").is_dir():
            return folder / "node_modules"
    raise ThemeError("The pages' fonts are not installed. Run: npm ci (in the repository's folder)")


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers /, /<slug>, and what these pages load."""

    content: OfferedContent
    folder: Path

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0].strip("/")
        try:
            found = self._answer(path)
        except ThemeError as error:
            self._send(500, f"<!doctype html><title>Error</title><p>{error}".encode(), "text/html")
            return
        if found is None:
            self._send(404, b"not found", "text/plain")
            return
        kind = mimetypes.guess_type(path)[0] if "." in path else "text/html; charset=utf-8"
        self._send(200, found, kind or "application/octet-stream")

    def _answer(self, path: str) -> bytes | None:
        file = self.folder / path
        if path.startswith(("assets/", "favicon")):
            inside = self.folder.resolve() in file.resolve().parents
            return file.read_bytes() if inside and file.is_file() else None
        if path.startswith("files/"):
            inside = self.folder.resolve() in file.resolve().parents
            if inside and file.is_file():  # a sound or a drawing that a page made
                return file.read_bytes()
            return self.content.read(path.removeprefix("files/"))
        settings = Settings(extension="", exports=THEME.parent / "exports")
        book = load(self.content, settings)
        for page in book.pages:
            page.address = page.slug
        page = book.by_slug(path)
        if page is None:
            return None
        written = asset_files.write(
            self.folder, node_modules(), formulas(book), text=characters(book)
        )
        press = Press(book, self.content.read, written, settings)
        press.write_lookups(self.folder)
        html = press.page(page)
        widgets.write(self.folder, press.used_widgets)
        write_made(self.folder, press.made_files)
        return html.encode()

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: MyST's own lines are enough."""


def content_address() -> str:
    """Return where MyST offers the content."""
    if given := os.environ.get("CONTENT_CDN"):
        return given
    return f"http://{os.environ.get('HOST', 'localhost')}:{os.environ['CONTENT_CDN_PORT']}"


def main() -> int:
    """Serve or write the pages; return the exit code."""
    content = OfferedContent(content_address())
    try:
        if "--render" in sys.argv:
            settings = Settings(
                base_url=os.environ.get("BASE_URL", ""), exports=THEME.parent / "exports"
            )
            out = Path(os.environ["BUILD_DIRECTORY"])
            pages = render_book(content, out, node_modules(), settings)
            print(f"{len(pages)} pages typeset")  # noqa: T201
            return 0
        host, port = os.environ.get("HOST", "localhost"), int(os.environ.get("PORT", "3000"))
        with tempfile.TemporaryDirectory(prefix="book-theme-") as folder:
            Answers.content, Answers.folder = content, Path(folder)
            running = http.server.ThreadingHTTPServer((host, port), Answers)
            print(f"http://{host}:{port}", flush=True)  # noqa: T201 MyST waits for this line
            running.serve_forever()
    except ThemeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
