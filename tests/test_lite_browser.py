"""The built JupyterLite in headless Chromium: Python runs in the page, and no other host is asked.

It needs _build/pyodide (tools/pyodide.py), the environment that `make lite` makes, and minutes: so
it is run by `make test-lite`, and `make test` says that it was not.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, sync_playwright

from tools import lite, pyodide
from tools.browser import find_chromium
from tools.build_site import server

KERNEL = 120_000  # ms: Python loads and NumPy is unpacked
CELL = 60_000
WRONG = "def neurons(X, W, b):\n    return X @ W + b"
RIGHT = "def neurons(X, W, b):\n    return (X @ W + b >= 0).astype(int)"
HERE = lite.contents()
EXERCISES, CHAPTERS = HERE.exercises, HERE.chapters
LINES = """cell => ({
    code: cell.querySelector(".cm-content").innerText,
    text: cell.querySelector(".jp-OutputArea")?.innerText || ""})"""

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lite")]


def pieces() -> tuple[Path, Path]:
    """Return the program jupyter-lite and the Pyodide, or skip and say what is not tested."""
    if not os.environ.get("COURSE_LITE"):
        pytest.skip(
            "NOT TESTED: that exercises and chapters run in a browser's Python, with their checks. "
            "It needs the network and some minutes: make test-lite"
        )
    folder = lite.BUILD / "pyodide"
    assert pyodide.is_there(folder), "There is no Pyodide. Run: make test-lite"
    return lite.environment(lite.BUILD / "lite-tools"), folder


def with_solutions(root: Path) -> Path:
    """Make a course with the chapters, the exercises, and the same solved beside them."""
    (root / "exercises" / "solved").mkdir(parents=True)
    (root / "book").symlink_to(lite.ROOT / "book")
    for name in EXERCISES:
        (root / "exercises" / name).symlink_to(lite.ROOT / "exercises" / name)
        solved = lite.ROOT / "solutions" / name / f"{name}.ipynb"
        shutil.copy(solved, root / "exercises" / "solved" / f"solved-{name}.ipynb")
    return root


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[str]:
    program, folder = pieces()
    place = tmp_path_factory.mktemp("site")
    work = lite.BUILD
    try:
        lite.BUILD = tmp_path_factory.mktemp("build")  # never where `make lite` may be at work
        lite.build(place / "lite", program, folder, with_solutions(place / "course"))
    finally:
        lite.BUILD = work
    running = server(place)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(find_chromium()), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@contextlib.contextmanager
def opened(browser: Any, site: str, notebook: str) -> Iterator[Page]:
    """Open a notebook as the book's pages do, with this machine's site as the whole network."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    asked: list[str] = []

    def pass_on(route: Any) -> None:
        address = route.request.url
        if address.startswith((site, "data:", "blob:")):
            route.continue_()
        else:
            asked.append(address)
            route.abort()

    context.route("**/*", pass_on)
    page = context.new_page()
    page.goto(f"{site}/lite/start.html?{notebook}")
    page.wait_for_selector(".jp-CodeCell", timeout=KERNEL)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=KERNEL)
    yield page
    context.close()
    assert asked == []


def cell(page: Page, begins: str) -> Locator:
    """Return the first code cell whose text begins so."""
    pattern = re.compile(r"^\s*" + re.escape(begins))
    found = page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=pattern))
    return found.first


def run(page: Page, one: Locator) -> str:
    """Run a cell; return what it shows."""
    one.locator(".cm-content").click()
    before = one.locator(".jp-InputPrompt").inner_text()
    page.keyboard.press("Control+Enter")
    handle = one.element_handle()
    page.wait_for_function(
        "([cell, before]) => { const now = cell.querySelector('.jp-InputPrompt').innerText;"
        " return now !== before && /\\[\\d+\\]/.test(now); }",
        arg=[handle, before], timeout=CELL,
    )  # fmt: skip
    page.wait_for_timeout(300)
    shown = one.locator(".jp-OutputArea")
    return shown.inner_text() if shown.count() else ""


def write(page: Page, one: Locator, code: str) -> None:
    one.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)


def run_all(page: Page) -> list[dict[str, Any]]:
    """Run every cell from the menu; return what each one shows."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).first.click()
    page.wait_for_function(
        "() => { const all = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];"
        " return all.length && all.every(p => /\\[\\d+\\]/.test(p.textContent)); }",
        timeout=4 * KERNEL,
    )
    shown = []
    for one in page.locator(".jp-CodeCell").all():
        one.scroll_into_view_if_needed()  # what is out of sight has no text yet
        one.locator(".cm-content").wait_for()
        shown.append(one.evaluate(LINES))
    return shown


def begin(code: str) -> str:
    """Return the begin of a cell's code without its spaces, which a page shows in its own way."""
    return re.sub(r"\s+", "", code)[:300]


def graded_cells(path: Path) -> set[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    graded = [c for c in cells if c["cell_type"] == "code"
              and c["metadata"].get("nbgrader", {}).get("grade")]  # fmt: skip
    return {begin("".join(cell["source"])) for cell in graded}


def test_an_exercise_is_checked_in_the_page_and_its_message_is_the_courses(browser, site):
    with opened(browser, site, "exercises/03-perceptron.ipynb") as page:
        first = page.locator(".jp-CodeCell").nth(0)
        run(page, first)
        assert "(455, 30)" in run(page, page.locator(".jp-CodeCell").nth(1))
        answer = cell(page, "def neurons")
        run(page, answer)
        check = page.locator(".jp-CodeCell", has_text="Task 1 · neurons").first
        assert "is not written yet" in run(page, check)
        write(page, answer, WRONG)
        run(page, answer)
        told = run(page, check)
        assert "✗ Task 1" in told and "returned without the step" in told
        assert "Traceback" not in told
        if folder := os.environ.get("COURSE_PICTURES"):
            page.screenshot(path=f"{folder}/lite-told.png")
        write(page, answer, RIGHT)
        run(page, answer)
        assert "✓ Task 1 · neurons" in run(page, check)
        if folder := os.environ.get("COURSE_PICTURES"):
            page.screenshot(path=f"{folder}/lite-exercise.png")


@pytest.mark.parametrize("name", EXERCISES)
def test_a_solved_exercise_passes_every_check_in_the_page(browser, site, name):
    with opened(browser, site, f"exercises/solved-{name}.ipynb") as page:
        shown = run_all(page)
        graded = graded_cells(lite.ROOT / "solutions" / name / f"{name}.ipynb")
        checks = [one for one in shown if begin(one["code"]) in graded]
        assert len(checks) == len(graded) > 3
        assert [one for one in checks if "✓" not in one["text"]] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_runs_to_its_end(browser, site, name):
    said = lite.apart(json.loads((lite.ROOT / "book" / f"{name}.ipynb").read_text("utf-8")))
    assert said is not None
    with opened(browser, site, f"book/{name}.ipynb") as page:
        shown = run_all(page)
        assert [one["code"] for one in shown if "Error" in one["text"]] == []
        assert not any("import torch" in one["code"] for one in shown)
        if folder := os.environ.get("COURSE_PICTURES"):
            page.screenshot(path=f"{folder}/lite-chapter.png")


@pytest.mark.parametrize(
    ("asked", "told"),
    [("book/99-none.ipynb", "There is no notebook “book/99-none.ipynb” here"),
     ("", "There is no notebook"), ("<b>x</b>", "“<b>x</b>”")],
)  # fmt: skip
def test_an_address_with_no_notebook_is_told(browser, site, asked, told):
    page = browser.new_page()
    page.goto(f"{site}/lite/start.html?{asked}")
    assert told in page.locator("#told").inner_text()
    page.close()
