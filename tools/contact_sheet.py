"""Take pictures of every page in four forms: desktop and phone, light and dark.

    python tools/contact_sheet.py              all pages, into _build/contact-sheet/
    python tools/contact_sheet.py 03 index     pages whose name contains one of these

One PNG per page and form, whole pages, and index.html, which shows them side by side.
"""

from __future__ import annotations

import argparse
import html
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.browser import ARGUMENTS, NoBrowser, find_chromium, install
from tools.build_site import Places, server

FORMS = {
    "desktop-light": (1280, 900, "light"),
    "desktop-dark": (1280, 900, "dark"),
    "phone-light": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
}
# Pictures load, and long pages are laid out, when a reader comes near; a picture of the whole page
# does not scroll.
WHOLE = """() => {
  window.book?.settle?.();
  return Promise.all([...document.images].map((image) => {
    image.loading = "eager";
    return image.complete ? null : new Promise((done) => { image.onload = image.onerror = done; });
  }));
}"""


def take(site: Path, out: Path, pages: list[Path]) -> list[Path]:
    """Write the pictures of `pages` into `out`; return their files."""
    from playwright.sync_api import sync_playwright

    running = server(site)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{running.server_address[1]}"
    out.mkdir(parents=True, exist_ok=True)
    taken = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium() or install(), args=list(ARGUMENTS)
            )
            for form, (width, height, scheme) in FORMS.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,  # type: ignore[arg-type]
                    reduced_motion="reduce",
                    has_touch=width < 500,
                )
                tab = context.new_page()
                for page in pages:
                    tab.goto(f"{address}/{page.name}", wait_until="networkidle")
                    tab.evaluate(WHOLE)
                    file = out / f"{page.stem}.{form}.png"
                    tab.screenshot(path=file, full_page=True)
                    taken.append(file)
                context.close()
            browser.close()
    finally:
        running.shutdown()
        running.server_close()
    return taken


def write_index(out: Path, pages: list[Path]) -> Path:
    """Write the page that shows all pictures side by side."""
    rows = []
    for page in pages:
        pictures = "".join(
            f'<a href="{page.stem}.{form}.png"><img loading="lazy" alt="{form}" '
            f'src="{page.stem}.{form}.png"></a>'
            for form in FORMS
        )
        rows.append(f"<h2>{html.escape(page.stem)}</h2><div>{pictures}</div>")
    style = "body{font-family:sans-serif}div{display:flex;gap:1rem;align-items:start}"
    style += "a{flex:1}a:nth-child(n+3){flex:.4}img{width:100%;border:1px solid #ccc}"
    file = out / "index.html"
    file.write_text(
        f"<!doctype html><title>Contact sheet</title><style>{style}</style>{''.join(rows)}",
        encoding="utf-8",
    )
    return file


def main() -> int:
    places = Places()
    parser = argparse.ArgumentParser(description="Take pictures of every page in four forms.")
    parser.add_argument("names", nargs="*", help="only pages whose name contains one of these")
    parser.add_argument("--site", type=Path, default=places.site, help="the built site")
    parser.add_argument("--out", type=Path, default=places.site.parent / "contact-sheet")
    arguments = parser.parse_args()
    pages = sorted(arguments.site.glob("*.html"))
    if arguments.names:
        pages = [p for p in pages if any(name in p.stem for name in arguments.names)]
    if not pages:
        print(f"No pages in {arguments.site}. Run: make book", file=sys.stderr)
        return 1
    try:
        taken = take(arguments.site, arguments.out, pages)
    except NoBrowser as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(taken)} pictures of {len(pages)} pages: {write_index(arguments.out, pages)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
