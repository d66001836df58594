"""Take the README's pictures from the built book.

    make readme-pictures        book/images/readme-light.png and readme-dark.png

They are photographs of one page, as a reader sees it, in light and in dark. Each says inside of
itself (PNG text "Source") which page and width it shows; a test compares that with this program.
"""

from __future__ import annotations

import argparse
import io
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image, PngImagePlugin
from playwright.sync_api import sync_playwright

from tools.browser import ARGUMENTS, NoBrowser, find_chromium, install
from tools.build_site import ROOT, Places, server

FOLDER = ROOT / "book" / "images"
PAGE, ANCHOR = "03-perceptron.html", "section.widget"
STEPS = 7  # of the perceptron rule: a line stands, and some points are still wrong
SIZE = (1280, 800)
SCHEMES = ("light", "dark")
COLOURS = 96  # of the palette: text stays sharp, a picture stays below 150 KB
MOST_KB = 150


def source(scheme: str) -> str:
    """Return what a picture says about itself."""
    return f"{PAGE} {ANCHOR} {SIZE[0]}x{SIZE[1]} {scheme}"


def packed(picture: bytes, scheme: str) -> bytes:
    """Return a PNG with few colours that says what it shows."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    told = PngImagePlugin.PngInfo()
    told.add_text("Source", source(scheme))
    out = io.BytesIO()
    few = image.quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True, pnginfo=told)
    return out.getvalue()


def take(site: Path, scheme: str) -> bytes:
    """Return the page as a reader sees it, as PNG."""
    running = server(site)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium() or install(), args=list(ARGUMENTS)
            )
            tab = browser.new_page(
                viewport={"width": SIZE[0], "height": SIZE[1]},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            tab.goto(f"http://127.0.0.1:{running.server_address[1]}/{PAGE}")
            tab.evaluate("book.settle()")  # else the page is laid out while it is scrolled
            part = tab.locator(ANCHOR).first
            part.evaluate("e => scrollTo({top: scrollY + e.getBoundingClientRect().top - 330,"
                          "behavior: 'instant'})")  # fmt: skip
            part.locator("canvas, button, input").first.wait_for()
            for _ in range(STEPS):
                part.get_by_role("button", name="Step", exact=True).click()
            tab.evaluate("document.fonts.ready")
            tab.wait_for_timeout(500)  # the part draws
            picture = tab.screenshot()
            browser.close()
            return picture
    finally:
        running.shutdown()
        running.server_close()


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Take the README's pictures from the built book.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="another folder")
    options = parser.parse_args()
    site = Places().site
    if not (site / PAGE).is_file():
        print(f"There is no {PAGE} in {site}. Build it first: make book", file=sys.stderr)
        return 1
    try:
        for scheme in SCHEMES:
            content = packed(take(site, scheme), scheme)
            if len(content) > MOST_KB * 1024:
                print(f"readme-{scheme}.png has {len(content) // 1024} KB; {MOST_KB} are allowed.",
                      file=sys.stderr)  # fmt: skip
                return 1
            (options.out / f"readme-{scheme}.png").write_bytes(content)
            print(f"{options.out / f'readme-{scheme}.png'}: {len(content) // 1024} KB")
    except NoBrowser as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
