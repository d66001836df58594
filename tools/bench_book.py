"""Measure the book's site: weight, seconds to interactive, layout shift, Lighthouse, build times.

    make bench-book                                every page
    python tools/bench_book.py 03 index            pages whose name begins so
    python tools/bench_book.py --no-lighthouse     without fetching Lighthouse (npm, 60 MB)

Nothing here passes or fails. The site is built anew three times first, so that one page's share
and the whole are seen; then Chromium opens each page on this machine, with an empty cache.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tools.browser import ARGUMENTS, NoBrowser, find_chromium, install
from tools.build_site import (
    BuildError,
    Handler,
    Places,
    Server,
    build,
    build_key,
    is_current,
)
from tools.print_book import PrintError, in_order
from tools.serve import Desk

if TYPE_CHECKING:
    from playwright.sync_api import Response

LIGHTHOUSE = "lighthouse@12"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
PICTURES = ("png", "jpg", "webp")
OPENINGS = 5  # of each page; the median counts
# Layout shift and the longest task are told by observers; both exist in Chromium only.
WATCH = """
window.__shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.__shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
PAINTED = 'performance.getEntriesByName("first-contentful-paint").length'
READ = """() => {
  const nav = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {
    interactive: nav.domInteractive / 1000,
    loaded: nav.loadEventEnd / 1000,
    painted: paint.startTime / 1000,
    shift: window.__shift,
  };
}"""


class Host(Handler):
    """Sends text compressed, as the hosts of static sites do: a phone's network is slow."""

    def do_GET(self) -> None:
        """Answer one request."""
        path = Path(self.translate_path(self.path))
        kind = self.guess_type(path)
        text = kind.startswith("text/") or kind in {"application/json", "image/svg+xml"}
        if not (text and path.is_file() and "gzip" in self.headers.get("Accept-Encoding", "")):
            super().do_GET()
            return
        body = _packed(path)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@functools.cache
def _packed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 9)


def build_times() -> Table:
    """Time the whole site, the site after one page has changed, and a look that nothing has.

    All of it happens in a copy of the book's sources: what a person is writing stays untouched.
    """
    table = Table("building the site from executed copies", "seconds (median of 3, range)")
    rows = ("whole", "one page changed", "nothing changed", "one page saved under make serve")
    times: dict[str, list[float]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory(prefix="bench-book-") as scratch:
        folder = Path(scratch)
        shutil.copytree(Places().book, folder / "book")
        places = Places(
            book=folder / "book",
            work=folder / "work" / "book",
            site=folder / "site",
            pages=folder / "pages",
        )
        page = places.book / "glossary.md"
        for number in range(3):
            forget(places)
            times["whole"].append(_build_seconds(places))
            times["nothing changed"].append(_build_seconds(places))
            with page.open("a", encoding="utf-8") as text:
                text.write(f"\n% bench {number}\n")
            times["one page changed"].append(_build_seconds(places))
            shutil.rmtree(places.site)
        times[rows[-1]] = _saving_seconds(places, page)
    for name, measured in times.items():
        spread = f"{min(measured):.1f}–{max(measured):.1f}"
        table.add_row(name, f"{statistics.median(measured):.1f} ({spread})")
    return table


def forget(places: Places) -> None:
    """Remove what a build keeps for the next one, the typeset pages among it."""
    for kept in (places.work, places.pages):
        shutil.rmtree(kept or places.work, ignore_errors=True)
    for name in [n for n in sys.modules if n.startswith("book.theme")]:
        del sys.modules[name]  # pages are kept in memory, too


def _saving_seconds(places: Places, page: Path) -> list[float]:
    """Save a page three times while the book is served; return the seconds until it is shown."""
    desk = Desk(places)
    found = []
    try:
        desk.open()
        if desk.fault:
            raise BuildError(desk.fault)
        for number in range(3):
            with page.open("a", encoding="utf-8") as text:
                text.write(f"\nSaved for the {number}th time.\n")
            start = time.perf_counter()
            desk.take(desk.look())
            found.append(time.perf_counter() - start)
            shown = (desk.places.site / f"{page.stem}.html").read_text(encoding="utf-8")
            if f"Saved for the {number}th time." not in shown:
                raise BuildError(f"{page.name} was saved and is not shown: {desk.fault}")
    finally:
        desk.close()
    return found


def _build_seconds(places: Places) -> float:
    """Build the site if it is not current, as tools/build_site.py does; return the seconds."""
    start = time.perf_counter()
    key = build_key(places)
    if not is_current(places, key):
        build(places, key)
    return time.perf_counter() - start


def opened(pages: list[Path], address: str) -> Table:
    """Open each page with an empty cache; weigh what arrives and read the browser's clocks."""
    from playwright.sync_api import sync_playwright

    columns = ("first view, KB", "pictures, KB", "painted, s", "interactive, s", "shift")
    table = Table("page", *columns, title=f"In Chromium, median of {OPENINGS} openings")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium() or install(), args=list(ARGUMENTS)
        )
        for page in track(pages, "Opening pages", console=Console(stderr=True), transient=True):
            readings: list[dict[str, Any]] = []
            sizes: dict[str, int] = {}
            for _ in range(OPENINGS):
                context = browser.new_context(viewport={"width": 390, "height": 844})
                tab = context.new_page()
                tab.add_init_script(WATCH)

                responses: list[Response] = []

                def keep(answer: Response, kept: list[Response] = responses) -> None:
                    kept.append(answer)

                tab.on("response", keep)
                tab.goto(f"{address}/{page.name}", wait_until="load")
                tab.wait_for_function(PAINTED)  # which may come after the load
                readings.append(tab.evaluate(READ))
                sizes = {answer.url: _weight(answer) for answer in responses if answer.ok}
                context.close()
            drawn = sum(size for url, size in sizes.items() if _is_picture(url))
            middle = {key: statistics.median(r[key] or 0 for r in readings) for key in readings[0]}
            table.add_row(
                page.name,
                f"{(sum(sizes.values()) - drawn) / 1024:.0f}",
                f"{drawn / 1024:.0f}",
                f"{middle['painted']:.3f}",
                f"{middle['interactive']:.3f}",
                f"{middle['shift']:.3f}",
            )
        browser.close()
    return table


def _weight(response: Response) -> int:
    """Return the bytes that a compressing server would send."""
    body = response.body()
    packed = response.url.rpartition(".")[2] in ("woff2", *PICTURES)
    return len(body) if packed else len(gzip.compress(body, 9))


def _is_picture(url: str) -> bool:
    return url.rpartition(".")[2] in (*PICTURES, "svg")


def lighthouse(pages: list[Path], address: str) -> Table | None:
    """Let Lighthouse judge each page as a phone; None when it cannot be had here."""
    folder = Places().site.parent / "cache" / "lighthouse"
    program = folder / "node_modules" / ".bin" / "lighthouse"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"PATH": path, "CHROME_PATH": str(find_chromium() or install())}
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", LIGHTHOUSE]
        command += ["--prefix", str(folder)]  # not the nearest package.json above: the course's
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        if done.returncode or not program.exists():
            print(f"Lighthouse could not be fetched: {done.stderr.strip()[-200:]}")
            shutil.rmtree(folder, ignore_errors=True)
            return None
    table = Table("page", *CATEGORIES, title=f"{LIGHTHOUSE}, mobile")
    for page in track(pages, "Lighthouse", console=Console(stderr=True), transient=True):
        command = [str(program), f"{address}/{page.name}", "--quiet", "--output=json"]
        command += [f"--only-categories={','.join(CATEGORIES)}"]
        command += [f"--chrome-flags=--headless=new {' '.join(ARGUMENTS)}"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        try:
            found = json.loads(done.stdout)["categories"]
            scores = [f"{100 * found[name]['score']:.0f}" for name in CATEGORIES]
        except (ValueError, KeyError, TypeError):
            scores = ["–"] * len(CATEGORIES)
        table.add_row(page.name, *scores)
    return table


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Measure the book's site.",
        epilog="example: python tools/bench_book.py 03 index --no-lighthouse",
    )
    parser.add_argument("pages", nargs="*", help="pages whose name begins so (default: all)")
    parser.add_argument("--no-lighthouse", action="store_true", help="leave Lighthouse out")
    parser.add_argument("--no-build", action="store_true", help="take the site as it is")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 110)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    console.print(f"{os.cpu_count()} processors, load {load} at the start")
    running = None
    try:
        if not options.no_build:
            console.print(build_times())
        pages = in_order(Places().site)
        if options.pages:
            pages = [page for page in pages if page.name.startswith(tuple(options.pages))]
        running = Server(("127.0.0.1", 0), functools.partial(Host, directory=str(Places().site)))
        threading.Thread(target=running.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{running.server_address[1]}"
        console.print(opened(pages, address))
        if not options.no_lighthouse and (judged := lighthouse(pages, address)) is not None:
            console.print(judged)
    except (PrintError, NoBrowser, BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if running is not None:
            running.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
