"""Print the whole book as one PDF: outline, working links, tags for screen readers.

    make pdf                                    _build/build-deep.pdf
    python tools/print_book.py --out FILE       another place
    python tools/print_book.py 03 04            some chapters only

The pages of the built site become chapters of one document, which Chromium prints. Links between
pages become links inside of it. The site must be there: `make book` builds it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import threading
import time
from html import escape
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bs4 import BeautifulSoup, Tag

from tools.browser import ARGUMENTS, NoBrowser, find_chromium, install
from tools.build_site import Places, server
from tools.contact_sheet import WHOLE

REFERRING = ("for", "headers", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns")
_URL = re.compile(r"url\((['\"]?)#")
STYLE = """
.print-title { block-size: 22cm; display: grid; align-content: center; text-align: center; }
.print-title h1 { font-size: 3em; }
.print-contents li { list-style: none; margin-block: .2em; }
.print-chapter, .print-contents { break-before: page; }
"""
FOOTER = (
    '<div style="font: 8pt serif; inline-size: 100%; text-align: center">'
    '<span class="pageNumber"></span></div>'
)


class PrintError(Exception):
    """The book cannot be printed; the message says what to do."""


def in_order(site: Path) -> list[Path]:
    """Return the site's pages in the order of its contents; raise PrintError without a site."""
    first = site / "index.html"
    if not first.is_file():
        raise PrintError(f"There is no book in {site}. Build it first: make book")
    soup = BeautifulSoup(first.read_text(encoding="utf-8"), "html.parser")
    names = ["index.html"]
    for link in soup.select(".book-nav a[href]"):
        name = str(link["href"]).partition("#")[0]
        if name.endswith(".html") and "/" not in name and name not in names:
            names.append(name)
    return [site / name for name in names if (site / name).is_file()]


def prefixed(article: Tag, stem: str, pages: set[str]) -> None:
    """Make the ids of a page its own, and turn links between pages into links between ids.

    `pages` are the names of the pages that are printed; a link to another one loses its address.
    """
    for element in article.find_all(True):
        if element.get("id"):
            element["id"] = f"{stem}--{element['id']}"
        for name in REFERRING:
            if element.get(name):
                value = element[name]
                words = value if isinstance(value, list) else str(value).split()
                element[name] = " ".join(f"{stem}--{word}" for word in words)
        for name, value in list(element.attrs.items()):
            if isinstance(value, str) and "url(" in value:
                element[name] = _URL.sub(rf"url(\1#{stem}--", value)
        for name in ("href", "xlink:href"):
            address = element.get(name)
            if not isinstance(address, str):
                continue
            page, mark, part = address.partition("#")
            if not page and mark:
                element[name] = f"#{stem}--{part}"
            elif page in pages:
                other = page.removesuffix(".html")
                element[name] = f"#{other}--{part}" if part else f"#{other}"
            elif element.name == "a" and "://" not in address and not address.startswith("mailto:"):
                del element[name]


def combined(pages: list[Path]) -> str:
    """Return one HTML document with the articles of all pages, a title page and contents."""
    names = {page.name for page in pages}
    head = ""
    contents, chapters = [], []
    title = "Build Deep"
    for page in pages:
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        article = soup.select_one("article")
        if article is None:
            raise PrintError(f"{page.name} has no article. Build the book again: make book")
        if not head and soup.head is not None:
            head = "".join(str(link) for link in soup.head.select('link[rel="stylesheet"]'))
        stem = page.name.removesuffix(".html")
        prefixed(article, stem, names)
        for gone in article.select(".open-with, .anchor, .copy, script, audio"):
            gone.decompose()
        heading = article.find("h1")
        name = " ".join(heading.get_text(" ").split()) if isinstance(heading, Tag) else stem
        contents.append(f'<li><a href="#{stem}">{escape(name)}</a></li>')
        chapters.append(f'<section class="print-chapter" id="{stem}">{article}</section>')
    return (
        f'<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{title}</title>{head}<style>{STYLE}</style></head><body>"
        f'<header class="print-title"><h1>{title}</h1>'
        "<p>Deep learning from one neuron to a quantized transformer, learned by building</p>"
        f"<p>Printed {time.strftime('%d %B %Y').lstrip('0')}</p></header>"
        f'<nav class="print-contents" aria-label="Contents"><h1>Contents</h1>'
        f"<ul>{''.join(contents)}</ul></nav><main>{''.join(chapters)}</main></body></html>"
    )


def print_pages(site: Path, pages: list[Path], out: Path) -> None:
    """Print the pages into the PDF `out`, which is replaced in one step."""
    from playwright.sync_api import sync_playwright

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="print-") as scratch:
        folder = Path(scratch) / "site"
        shutil.copytree(site, folder)
        (folder / "print.html").write_text(combined(pages), encoding="utf-8")
        running = server(folder)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        made = Path(scratch) / "book.pdf"
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=find_chromium() or install(), args=list(ARGUMENTS)
                )
                tab = browser.new_page(color_scheme="light", reduced_motion="reduce")
                tab.set_default_timeout(300_000)
                tab.goto(f"http://127.0.0.1:{running.server_address[1]}/print.html")
                tab.evaluate(WHOLE)
                tab.evaluate(
                    "document.querySelectorAll('details').forEach((box) => { box.open = true; })"
                )
                tab.pdf(
                    path=made,
                    format="A4",
                    print_background=True,
                    tagged=True,
                    outline=True,
                    display_header_footer=True,
                    header_template="<span></span>",
                    footer_template=FOOTER,
                )
                browser.close()
        finally:
            running.shutdown()
        beside = out.with_name(f".{out.name}.new")
        shutil.copyfile(made, beside)
        beside.replace(out)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Print the whole book as one PDF.",
        epilog="example: python tools/print_book.py 03 04 --out two-chapters.pdf",
    )
    parser.add_argument("pages", nargs="*", help="pages whose name begins so (default: all)")
    parser.add_argument("--out", type=Path, default=Places().site.parent / "build-deep.pdf")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        pages = in_order(Places().site)
        if options.pages:
            pages = [page for page in pages if page.name.startswith(tuple(options.pages))]
            if not pages:
                raise PrintError(f"No page begins with {' or '.join(options.pages)}.")
        print(f"Printing {len(pages)} pages of the site", flush=True)
        print_pages(Places().site, pages, options.out.absolute())
    except (PrintError, NoBrowser) as error:
        print(f"Nothing was printed. {error}", file=sys.stderr)
        return 1
    size = options.out.stat().st_size / 1e6
    print(f"{options.out} ({size:.1f} MB, {time.perf_counter() - start:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
