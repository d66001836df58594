# ruff: noqa: F811  (fixtures that are imported)
"""The built book in Firefox: a smoke test, so that the book is not a book for one engine.

Firefox is asked through WebDriver BiDi, which it speaks itself: no geckodriver, no patched build.
Where there is no Firefox the test says so and is skipped; with COURSE_FIREFOX set, as in CI and in
`make test-firefox`, it fails instead.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.test_book_browser import SITE, address  # noqa: F401  a fixture
from tools.browser import NoBrowser, find_firefox, firefox_hint

CHAPTERS = sorted(p.name for p in SITE.glob("[0-9][0-9]-*.html"))
PATIENCE = 60

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("firefox")]


class Firefox:
    """One tab of a headless Firefox, driven through WebDriver BiDi."""

    def __init__(self, program: Path, profile: Path) -> None:
        command = [str(program), "--headless", "--no-remote", "--profile", str(profile)]
        self.process = subprocess.Popen(
            [*command, "--remote-debugging-port=0"], text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stderr is not None
        address = None
        for line in self.process.stderr:
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
                address = found[1]
                break
        assert address, "Firefox did not start."
        threading.Thread(target=self.process.stderr.read, daemon=True).start()  # never a full pipe
        self.socket = websocket.create_connection(
            f"{address}/session", timeout=PATIENCE, suppress_origin=True
        )
        self.number = 0
        self.problems: list[str] = []
        self.ask("session.new", capabilities={})
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]
        self.ask("session.subscribe", events=["log.entryAdded", "network.fetchError"])

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command; return its result. What the browser tells meanwhile is kept."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            told = json.loads(self.socket.recv())
            if told.get("id") == self.number:
                assert told["type"] == "success", told
                return told["result"]
            self._hear(told)

    def _hear(self, told: dict[str, Any]) -> None:
        params = told.get("params", {})
        if told.get("method") == "log.entryAdded" and params["level"] == "error":
            self.problems.append(params["text"])
        if told.get("method") == "network.fetchError" and "ABORT" not in params["errorText"]:
            self.problems.append(f"{params['errorText']}: {params['request']['url']}")

    def open(self, address: str) -> None:
        """Open a page. A command that Firefox leaves without an answer is given once more."""
        whole = {"context": self.tab, "url": address, "wait": "complete"}
        try:
            self.ask("browsingContext.navigate", **whole)
        except websocket.WebSocketTimeoutException:
            self.ask("browsingContext.navigate", **whole)

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page: null, true, a number, text."""
        result = self.ask(
            "script.evaluate", expression=expression, awaitPromise=True,
            target={"context": self.tab},
        )  # fmt: skip
        assert result["type"] == "success", result
        return result["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        end = time.monotonic() + PATIENCE
        while not self.run(expression):
            assert time.monotonic() < end, f"never true in Firefox: {expression}"
            time.sleep(0.1)

    def press(self, *keys: str) -> None:
        actions = [{"type": kind, "value": k} for k in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self.ask("input.performActions", context=self.tab, actions=[source])

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    program = find_firefox()
    if program is None:
        if os.environ.get("COURSE_FIREFOX"):
            pytest.fail(firefox_hint())
        pytest.skip(firefox_hint())
    opened = Firefox(program, tmp_path_factory.mktemp("firefox"))
    yield opened
    opened.close()


def test_a_firefox_that_does_not_exist_is_told(monkeypatch):
    monkeypatch.setenv("FIREFOX", "/no/such/browser")
    with pytest.raises(NoBrowser, match="FIREFOX is set to /no/such/browser"):
        find_firefox()


@pytest.mark.slow
def test_every_page_opens_without_an_error(firefox, address):
    for page in sorted(SITE.glob("*.html")):
        firefox.problems.clear()
        firefox.open(f"{address}/{page.name}")
        assert firefox.run("document.querySelector('main h1').getBoundingClientRect().height") > 0
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert firefox.run(wide) <= 0, page.name
        assert firefox.problems == [], page.name


def test_fonts_and_formulas_are_shown(firefox, address):
    firefox.open(f"{address}/{CHAPTERS[0]}")
    assert firefox.run(
        "document.fonts.ready.then(() => document.fonts.check('1em \"Source Serif 4\"'))"
    )
    firefox.open(f"{address}/notation.html")
    assert firefox.run("document.querySelector('.katex-html').getBoundingClientRect().width") > 0


def test_search_by_keyboard_leads_to_a_page(firefox, address):
    firefox.open(f"{address}/index.html")
    firefox.press("/")
    firefox.wait("document.activeElement.getAttribute('role') === 'combobox'")
    firefox.press(*"perceptron")
    firefox.wait("document.querySelectorAll('[role=option]').length > 0")
    firefox.press("\ue007")  # Enter
    firefox.wait("!location.pathname.endsWith('/index.html')")


def test_the_theme_button_changes_the_colours_and_stays(firefox, address):
    firefox.open(f"{address}/index.html")
    colour = "getComputedStyle(document.body).backgroundColor"
    before = firefox.run(colour)
    firefox.click("button[aria-label^='Switch to']")
    firefox.wait(f"{colour} !== {json.dumps(before)}")
    firefox.open(f"{address}/{CHAPTERS[0]}")
    assert firefox.run(colour) != before
    firefox.click("button[aria-label^='Switch to']")
    firefox.wait(f"{colour} === {json.dumps(before)}")


def test_an_interactive_part_starts(firefox, address):
    page = next((c for c in CHAPTERS if "data-module" in (SITE / c).read_text()), None)
    assert page, "No chapter has an interactive part."
    firefox.problems.clear()
    firefox.open(f"{address}/{page}")
    # A leap before the page is laid out whole, as of a find: it stays where it led (js/settle.js).
    firefox.run("document.querySelector('section.widget').scrollIntoView({behavior: 'instant'})")
    firefox.wait("document.querySelector('section.widget canvas, section.widget .part button, "
                 "section.widget input') !== null")  # fmt: skip
    firefox.wait("!document.documentElement.classList.contains('settling')")
    top = firefox.run("document.querySelector('section.widget').getBoundingClientRect().top")
    assert 0 <= top < 120
    assert firefox.problems == []


@pytest.mark.parametrize("way", ["location.hash = '{place}'", "{link}.click()"])
def test_whoever_names_a_place_of_a_long_page_is_there(firefox, address, way):
    page = max(CHAPTERS, key=lambda name: (SITE / name).stat().st_size)
    place = re.findall(r'<h2 id="([^"]+)"', (SITE / page).read_text())[-6]
    link = f"Object.assign(document.createElement('a'), {{href: '{page}#{place}'}})"
    firefox.open(f"{address}/index.html")
    firefox.open(f"{address}/{page}")
    firefox.run(f"document.body.append(window.made = {link})")
    firefox.run(way.format(place=place, link="window.made"))
    firefox.wait("!document.documentElement.classList.contains('settling')")
    # Where the scrolling ends; a part on the way may grow by a line while it starts.
    top = f"document.getElementById('{place}').getBoundingClientRect().top"
    firefox.wait(f"{top} > 50 && {top} < 160")


def test_a_quiz_opens_and_a_tab_changes(firefox, address):
    pages = {c: (SITE / c).read_text() for c in CHAPTERS}
    quiz = next(c for c, text in pages.items() if 'class="quiz' in text)
    firefox.open(f"{address}/{quiz}")
    firefox.click("details.quiz-right summary")
    firefox.wait("document.querySelector('details.quiz-right').open")
    tabs = next(c for c, text in pages.items() if 'class="tabs"' in text)
    firefox.open(f"{address}/{tabs}")
    firefox.run("document.querySelector('.tabs').querySelectorAll('[role=tab]')[1].click()")
    firefox.wait("document.querySelector('.tabs').querySelectorAll('[role=tab]')[1]"
                 ".getAttribute('aria-selected') === 'true'")  # fmt: skip
