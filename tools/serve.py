"""Serve the book while it is being written: save a file, and the browser shows it.

    make serve                          http://127.0.0.1:8000
    make serve RUN=1                    and run a chapter again whenever its code was changed
    python tools/serve.py --port 9000 --open

Jupyter Book stays loaded, so one saved page is read and typeset in a second or two; pages that did
not change are kept. Nothing runs a notebook here, unless --run is given: a chapter whose code was
changed is shown with the outputs of its last run and says so at the top. A fault in a source is
shown in the page, and the last good pages stay until it is mended.

What makes pages reload is added as they are served. The published site never holds it, and
`make book` builds that from scratch: this program keeps its own copy in _build/serve.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import html
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import build_site
from tools.build_site import ROOT, BuildError, Places

INLINE = re.compile(r"\{eval\}`([^`]+)`")
UNKNOWN = "(not run yet)"
CLIENT = Path(__file__).with_name("live.js")
LOOK = 0.25  # seconds between two looks at the files
ALIVE = 15  # seconds after which a silent connection says that it is still there
MOST_ALONE = 3  # files that are read one by one; with more, Jupyter Book starts afresh
READY, PAGE_READ, ALL_READ = "Content server started", "📖 Built ", "📚 Built "
_ESM = re.compile(r"Cannot find asset for 'esm' \"/([\w.-]+-[0-9a-f]{32}\.m?js)\"")
_ERROR = re.compile(r"^⛔\ufe0f?\s*(?P<file>[^\s:]+)(?P<place>(?::\d+)*)\s+(?P<text>.*)$")

Notebook = dict[str, Any]


def serving(places: Places) -> Places:
    """Return the places of the copy that is served: sources and runs as in `places`."""
    folder = places.work.parent / "serve"
    return dataclasses.replace(places, work=folder / "book", site=folder / "site")


# --- chapters that were changed after their run -------------------------------------------------


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _code(notebook: Notebook) -> list[str]:
    return [_text(c) for c in notebook["cells"] if c["cell_type"] == "code"]


def inline_values(source: str, filled: str) -> dict[str, str]:
    """Return {expression: value} of a text with {eval} and the same text after a run.

    >>> inline_values("About {eval}`n` of {eval}`f(m)`.", "About 3 of 7.")
    {'n': '3', 'f(m)': '7'}
    """
    pieces = INLINE.split(source)
    pattern = "".join("(.*?)" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))
    match = re.fullmatch(pattern, filled, re.S)
    return dict(zip(pieces[1::2], match.groups(), strict=True)) if match else {}


def _filled(text: str, values: dict[str, str]) -> str:
    return INLINE.sub(lambda match: values.get(match[1], UNKNOWN), text)


def merged(source: Notebook, ran: Notebook | None, executed: Notebook) -> tuple[Notebook, bool]:
    """Return the chapter as it is written now with the outputs of its last run, and whether old.

    `source` is the chapter now, `ran` its source at the last run (None: not known), `executed` the
    copy with outputs. It is old when code or an {eval} was changed since, or when nobody knows.
    """
    before = {c.get("id"): c for c in ran["cells"]} if ran else {}
    after = {c.get("id"): c for c in executed["cells"]}
    old = ran is None or _code(source) != _code(ran)
    cells = []
    for cell in source["cells"]:
        then = after.get(cell.get("id"))
        cell = dict(cell, source=_text(cell))
        if cell["cell_type"] == "code" and then:
            cell["outputs"] = then.get("outputs", [])
        elif cell["cell_type"] == "markdown" and INLINE.search(cell["source"]):
            asked = _text(before.get(cell.get("id")) or cell)
            values = inline_values(asked, _text(then)) if then else {}
            old = old or any(e not in values for e in INLINE.findall(cell["source"]))
            cell["source"] = _filled(cell["source"], values)
        cells.append(cell)
    return {**source, "cells": cells}, old


class Chapters:
    """The chapters' sources, their last runs, and which runs are older than their source."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.folder = places.work.parent / "ran"
        self.old: set[str] = set()

    def missing(self) -> list[str]:
        """Return the chapters that have never been run."""
        names = sorted(p.name for p in self.places.book.glob("*.ipynb"))
        return [n for n in names if not (self.places.executed / "book" / n).is_file()]

    def remember(self) -> None:
        """Keep the source of every chapter whose run is that of the source as it is now."""
        from tools import execute

        runs = build_site.read_runs(self.places)
        environment = execute._environment_digest()
        for path in self.places.book.glob("*.ipynb"):
            key = runs.get(path.stem, {}).get("key")
            if key and key == execute.key_of(execute.Notebook("book", path), environment):
                self.folder.mkdir(parents=True, exist_ok=True)
                kept = {"key": key, "source": json.loads(path.read_text(encoding="utf-8"))}
                (self.folder / f"{path.stem}.json").write_text(json.dumps(kept), encoding="utf-8")

    def _ran(self, stem: str) -> Notebook | None:
        try:
            kept = json.loads((self.folder / f"{stem}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        key = build_site.read_runs(self.places).get(stem, {}).get("key")
        return kept["source"] if kept["key"] == key else None

    def read(self, file: Path) -> Notebook:
        """Return the chapter in `file` with the outputs of its last run, as the build wants it."""
        try:
            source = json.loads(file.read_text(encoding="utf-8"))
            executed = self.places.executed / "book" / file.name
            copy = json.loads(executed.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BuildError(f"{file.name} is not a notebook that can be read: {error}") from None
        made, old = merged(source, self._ran(file.stem), copy)
        (self.old.add if old else self.old.discard)(file.stem)
        return made


# --- Jupyter Book, kept running -----------------------------------------------------------------


@dataclass
class Said:
    """What Jupyter Book found wrong, by the file it names."""

    placed: dict[str, list[str]] = field(default_factory=dict)  # told once, when a file is read
    loose: list[tuple[str, str]] = field(default_factory=list)  # told anew in every round

    def take(self, lines: Iterable[str], public: Path) -> None:
        """Add what these lines say; forget what every round tells anew."""
        self.loose = []
        for line in lines:
            if (found := _ERROR.match(line)) is None:
                continue
            esm = _ESM.search(line)
            if esm and (public / esm[1]).is_file():
                continue  # myst looks a second time for what it has found and put there
            sentence = f"{found['file']}{found['place']}: {found['text']}"
            if found["place"]:
                known = self.placed.setdefault(found["file"], [])
                if sentence not in known:
                    known.append(sentence)
            elif (found["file"], sentence) not in self.loose:
                self.loose.append((found["file"], sentence))

    def forget(self, file: str) -> None:
        """Forget what was wrong with a file: it is about to be read again."""
        self.placed.pop(file, None)

    def sentences(self) -> list[str]:
        """Return all that is wrong now."""
        return [s for known in self.placed.values() for s in known] + [s for _, s in self.loose]


class Myst:
    """Jupyter Book's content server: it reads a file again when it is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = Said()
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.process: subprocess.Popen[str] | None = None

    @property
    def content(self) -> Path:
        """Where the content is."""
        return self.folder / "_build" / "site"

    def start(self) -> None:
        """Read the whole folder and stay; raise BuildError when Jupyter Book ends instead."""
        self.stop()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "jupyter_book", "start", "--headless"]
        environment = {k: v for k, v in os.environ.items() if k not in {"BASE_URL", "HOST", "PORT"}}
        self.said, self.lines = Said(), queue.Queue()
        self.process = subprocess.Popen(
            [*command, "--server-port", str(port)], cwd=self.folder, text=True, encoding="utf-8",
            env=environment | {"NO_COLOR": "1", "FORCE_COLOR": "0"}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(self.process, self.lines), daemon=True).start()
        self.said.take(self._until(READY, 300), self.content / "public")

    @staticmethod
    def _listen(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(re.sub(r"\x1b\[[\d;]*m", "", line).strip())
        lines.put(None)

    def _until(self, marker: str, patience: float) -> list[str]:
        """Return the lines up to the one with `marker`, and what follows it at once."""
        heard: list[str] = []
        end = time.monotonic() + patience
        done = False
        while True:
            try:
                line = self.lines.get(timeout=0.15 if done else max(0.1, end - time.monotonic()))
            except queue.Empty:
                if done:
                    return heard
                raise BuildError("Jupyter Book gave no answer; it is started again.") from None
            if line is None:
                told = "\n".join(heard) or "no word"
                raise BuildError(f"Jupyter Book ended:\n{told}")
            heard.append(line)
            if line.startswith(("Error during reload", "⚠️  File is not in project")):
                raise BuildError(line)
            done = done or marker in line

    def read(self, name: str, alone: bool) -> None:
        """Wait until the file `name`, which was just written, has been read.

        `alone`: a page, of which only that page is read; anything else makes it read all.
        """
        config = self.content / "config.json"
        before = config.stat().st_mtime_ns
        self.said.forget(name)
        lines = self._until(f"{PAGE_READ}{name} in" if alone else ALL_READ, 120)
        end = time.monotonic() + 2
        while config.stat().st_mtime_ns == before and time.monotonic() < end:
            time.sleep(0.02)  # the list of pages is written last
        self.said.take(lines, self.content / "public")

    def stop(self) -> None:
        """End Jupyter Book and what it started."""
        process, self.process = self.process, None
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
                process.wait(timeout=5)
            except ProcessLookupError:
                process.wait()
            except subprocess.TimeoutExpired:
                continue
            return


# --- the book, always as it is written now -------------------------------------------------------


class Desk:
    """Keeps a served site equal to the sources. `changed` is notified after every change."""

    def __init__(self, places: Places, run: bool = False) -> None:
        self.sources = places
        self.places = serving(places)
        self.run = run
        self.chapters = Chapters(self.places)
        self.myst = Myst(self.places.work)
        self.fault: str | None = None
        self.changed = threading.Condition()
        self.seen: dict[Path, tuple[int, int]] = {}
        self.saved: list[str] = []  # chapters that were saved since, the latest last
        self.runs: str | None = None  # the chapter that runs, or ran last
        self.running: subprocess.Popen[bytes] | None = None

    # what a browser asks

    def note(self, page: str) -> str | None:
        """Return what the reader of a page (its file's name) must know about its outputs."""
        stem = page.removesuffix(".html")
        if stem not in self.chapters.old:
            return None
        if self._busy() and stem == self.runs:
            return "The outputs are from an older run. The chapter runs now; this takes its time."
        if self.run and stem in self.saved:
            return f"The outputs are from an older run. The chapter runs after {self.runs}."
        return (
            "The outputs are from an older run: the code was changed since. To run it: "
            f"python tools/execute.py book --only {stem.partition('-')[0]}"
        )

    def stamp(self, page: str) -> str:
        """Return a digest of the page as it is served now."""
        file = self.places.site / page
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""

    # what happens

    def look(self) -> set[Path]:
        """Return the files that were changed, made or removed since the last look."""
        now: dict[Path, tuple[int, int]] = {}
        executed = self.places.executed
        watched = [*build_site._files(self.places.book), *executed.glob("book/*.ipynb")]
        watched += [*build_site._files(self.places.theme), *executed.glob("book/exports/*")]
        for path in [*watched, self.places.runs]:
            try:
                state = path.stat()
            except OSError:
                continue
            now[path] = (state.st_mtime_ns, state.st_size)
        before, self.seen = self.seen, now
        return {p for p in before.keys() | now.keys() if before.get(p) != now.get(p)}

    def open(self) -> None:
        """Build everything and begin to watch; a fault in the sources is kept in `fault`."""
        self.look()
        self.chapters.remember()
        self._try(self._afresh)

    def _try(self, work: Any) -> None:
        from book.theme.typeset.errors import ThemeError

        start = time.perf_counter()
        try:
            work()
            said = self.myst.said.sentences()
            self.fault = "\n".join(said) or None
            if not said:
                self._render()
        except (BuildError, ThemeError) as error:
            self.fault = str(error)
        except Exception as error:  # a fault in the theme's own code: told, and mended by a save
            self.fault = f"{type(error).__name__}: {error}"
        took = time.perf_counter() - start
        print(f"The book has a fault:\n{self.fault}" if self.fault else f"Shown in {took:.1f} s",
              flush=True)  # fmt: skip
        with self.changed:
            self.changed.notify_all()

    def _afresh(self) -> None:
        self.myst.stop()
        build_site.check_tools(self.places)
        build_site.assemble(self.places, self.chapters.read)
        self.myst.start()

    def _render(self) -> None:
        pages = build_site.typeset(self.places, self.myst.content)
        alive = {page.stem for page in pages}
        self.chapters.old &= alive

    def take(self, changed: set[Path]) -> None:
        """Bring the served site up to date after these files were changed."""
        theme, executed = self.places.theme, self.places.executed
        if any(path.suffix == ".py" for path in changed if path.is_relative_to(theme)):
            for name in [n for n in sys.modules if n.startswith("book.theme")]:
                del sys.modules[name]  # the next build reads the theme's code again
        sources = [p for p in changed if p.is_relative_to(self.places.book)]
        content = sorted(p for p in sources if not p.is_relative_to(theme))
        for stem in (p.stem for p in content if p.suffix == ".ipynb"):
            self.saved = [*(other for other in self.saved if other != stem), stem]
        ran = any(path.is_relative_to(executed) for path in changed)
        if ran:
            self.chapters.remember()
        there = all((self.places.work / p.relative_to(self.places.book)).is_file() and p.is_file()
                    for p in content)  # fmt: skip
        broken = self.myst.process is None or self.myst.process.poll() is not None
        if ran or broken or not there or len(content) > MOST_ALONE:
            self._try(self._afresh)
        else:
            self._try(functools.partial(self._read, content))
        self._run_again()

    def _read(self, content: list[Path]) -> None:
        known = set(self.myst.said.placed)
        for file in content:
            target = self.places.work / file.relative_to(self.places.book)
            before = target.read_bytes()
            build_site.put(self.places, file, self.chapters.read)
            if target.read_bytes() == before:
                continue
            try:
                self.myst.read(target.relative_to(self.places.work).as_posix(),
                               alone=file.suffix in {".md", ".ipynb"})  # fmt: skip
            except BuildError:
                self._afresh()
                return
        elsewhere = set(self.myst.said.placed) & known - {f.name for f in content}
        if elsewhere and content:  # mended from here, perhaps: only a whole reading tells
            self._afresh()

    def _busy(self) -> bool:
        return self.running is not None and self.running.poll() is None

    def _start(self, stem: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "tools/execute.py", "book", "--only", stem]
        return subprocess.Popen(command, cwd=ROOT)

    def _run_again(self) -> None:
        """With --run: run what was saved and has old outputs, one at a time, the latest first."""
        self.saved = [stem for stem in self.saved if stem in self.chapters.old]
        if not self.run or not self.saved or self._busy():
            return
        self.runs = self.saved.pop()
        print(f"Running {self.runs} again", flush=True)
        self.running = self._start(self.runs)

    def watch(self, stop: threading.Event) -> None:
        """Look at the files until told to stop."""
        while not stop.wait(LOOK):
            changed = self.look()
            while changed and (more := (stop.wait(0.1) or self.look())):
                if more is True:
                    return
                changed |= more  # an editor is still writing
            if changed:
                names = ", ".join(sorted(p.name for p in changed)[:3])
                print(f"Changed: {names}{' …' if len(changed) > 3 else ''}", flush=True)
                self.take(changed)
            self._run_again()  # what waited for another chapter's run

    def close(self) -> None:
        """End what was started."""
        self.myst.stop()
        if self.running and self.running.poll() is None:
            self.running.terminate()


class LiveHandler(build_site.Handler):
    """Serves the site with what makes pages reload."""

    desk: Desk

    def do_GET(self) -> None:
        """Answer with a page, a file, or the stream of what happens to a page."""
        path = unquote(urlsplit(self.path).path)
        if path == "/__live":
            self._tell()
            return
        name = path.lstrip("/") or "index.html"
        file = self.desk.places.site / name
        if "/" not in name and name.endswith(".html") and file.is_file():
            self._page(name, file)
        elif name == "index.html" or (name.endswith(".html") and self.desk.fault):
            self._send(_fault_page(self.desk.fault or "The book is being built."), 503)
        else:
            super().do_GET()

    def _page(self, name: str, file: Path) -> None:
        page = file.read_text(encoding="utf-8")
        self._send(with_client(page, name, hashlib.sha256(page.encode()).hexdigest()[:16]))

    def _send(self, page: str, status: int = 200) -> None:
        body = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _tell(self) -> None:
        """Tell a page, now and after every change, its stamp, the fault and the note."""
        page = parse_qs(urlsplit(self.path).query).get("page", [""])[0]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        told = None
        try:
            while True:
                news = {
                    "stamp": self.desk.stamp(page) if "/" not in page else "",
                    "fault": self.desk.fault,
                    "note": self.desk.note(page),
                }
                line = f"data: {json.dumps(news)}\n\n" if news != told else ": still here\n\n"
                told = news
                with self.desk.changed:
                    self.wfile.write(line.encode())
                    self.wfile.flush()
                    self.desk.changed.wait(ALIVE)
        except OSError:
            return  # the reader has gone


def with_client(page: str, name: str, stamp: str) -> str:
    """Return a page with the script that shows what happens to it."""
    told = f'<script data-live-page="{html.escape(name)}" data-live-stamp="{stamp}">'
    script = f"{told}{CLIENT.read_text(encoding='utf-8')}</script>"
    head, end, tail = page.rpartition("</body>")
    return head + script + end + tail if end else page + script


def _fault_page(fault: str) -> str:
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not built yet</title>'
        f"</head><body><main><h1>Not built yet</h1><pre>{html.escape(fault)}</pre></main></body>"
    )
    return with_client(page, "index.html", "")


def live_server(desk: Desk, port: int = 0) -> build_site.Server:
    """Return a server of what the desk keeps, not yet running; port 0 takes a free one."""
    handler = type("Handler", (LiveHandler,), {"desk": desk})
    return build_site.Server(
        ("127.0.0.1", port), functools.partial(handler, directory=str(desk.places.site))
    )


def run_missing(names: list[str]) -> int:
    """Run the chapters that have never been run; return the exit code of the first that fails."""
    print(f"Running what has never been run: {', '.join(names)}", flush=True)
    for name in names:
        command = [sys.executable, "tools/execute.py", "book", "--only", Path(name).stem]
        if code := subprocess.run(command, cwd=ROOT).returncode:
            return code
    return 0


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Serve the book; what you save is shown at once.",
        epilog="example: python tools/serve.py --port 9000 --open",
    )
    parser.add_argument("--port", type=int, default=8000, help="another one if it is taken (8000)")
    parser.add_argument("--open", action="store_true", help="open the book in the browser")
    parser.add_argument(
        "--run", action="store_true", help="run a chapter again when its code was changed (minutes)"
    )
    options = parser.parse_args()
    desk = Desk(Places(), options.run)
    if (names := desk.chapters.missing()) and (code := run_missing(names)):
        return code
    print("Building the book (some seconds, this once)", flush=True)
    shutil.rmtree(desk.places.site, ignore_errors=True)
    desk.open()
    if desk.chapters.old:
        print(f"Shown with the outputs of an older run: {', '.join(sorted(desk.chapters.old))}")
    try:
        running = live_server(desk, options.port)
    except OSError:
        running = live_server(desk)
    address = f"http://127.0.0.1:{running.server_address[1]}/"
    print(f"Reading at {address}  What you save is shown there. (Stop with Ctrl+C)", flush=True)
    if options.open:
        webbrowser.open(address)
    stop = threading.Event()
    watching = threading.Thread(target=desk.watch, args=[stop], daemon=True)
    watching.start()
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        stop.set()
        running.server_close()
        desk.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
