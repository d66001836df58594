"""The built book in headless Chromium, with the network off: every page, and what a reader does.

The site is _build/site (`make book`), or the folder that COURSE_SITE names.
"""

from __future__ import annotations

import gzip
import os
import re
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.theme_addresses import Addresses
from tools.browser import ARGUMENTS, NoBrowser, find_chromium, install, install_commands
from tools.build_site import ROOT, server

SITE = Path(os.environ.get("COURSE_SITE", ROOT / "_build" / "site"))
# A window of headless Chromium loads two pages of the browser itself for its address bar, at more
# than a third of what a short test costs. The last --disable-features counts: the other names are
# those that Playwright gives.
LAUNCH = (
    *ARGUMENTS,
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,"
    "AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,"
    "MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,"
    "ThirdPartyStoragePartitioning",
)
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
AXE_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
}
# What KaTeX draws is hidden from screen readers (they get its MathML) and has the text's colour.
AXE_WHERE = {"exclude": [[".katex-html"]]}
FORMS = {
    "desktop-light": (1280, 900, "light"),
    "desktop-dark": (1280, 900, "dark"),
    "phone-light": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
    # A window of 1280 pixels at 200 %, and of 320 (WCAG 2.2, 1.4.4 and 1.4.10).
    "zoomed-dark": (640, 450, "dark"),
    "smallest-light": (320, 640, "light"),
}
# The forms that every page is checked in, by the form that it is loaded in: a reader changes the
# scheme, zooms or makes the window narrow while a page is there, and it must follow.
LOADED = {
    "desktop-light": "desktop-light", "desktop-dark": "desktop-light",
    "zoomed-dark": "desktop-light", "phone-dark": "phone-dark", "smallest-light": "phone-dark",
}  # fmt: skip
CHECKED = tuple(LOADED)
MOST_KB = 150  # of 1,024 bytes, of one page, compressed, without its pictures

pytestmark = pytest.mark.browser

PAGES = sorted(p.name for p in SITE.glob("*.html")) or ["index.html"]
CHAPTERS = [name for name in PAGES if re.match(r"\d\d-", name)]
each_page = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(f"browser-{n}")) for n in PAGES]
)
reader = pytest.mark.xdist_group("browser-reader")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The site, served on this machine."""
    if not (SITE / "index.html").is_file():
        pytest.fail("There is no built book: run make book first.")
    running = server(SITE)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.fail("There is no Chromium to test with: run python tools/browser.py")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(LAUNCH))
        yield launched
        launched.close()


class Watched:
    """A tab without a network that remembers everything that went wrong in it."""

    def __init__(self, browser: Browser, address: str, form: str = "desktop-light",
                 width: int | None = None, **options: Any) -> None:  # fmt: skip
        wide, high, scheme = FORMS[form]
        self.address = address
        self.problems: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width or wide, "height": high},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            **options,
        )
        self.context.route("**/*", self._gate)
        self.tab: Page = self.context.new_page()
        self.tab.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.tab.on("console", self._console)
        self.tab.on("requestfailed", self._failed)
        self.tab.on(
            "response",
            lambda r: self.problems.append(f"{r.status}: {r.url}") if r.status >= 400 else None,
        )

    def _gate(self, route: Any) -> None:
        url = route.request.url
        if url.startswith((self.address, "data:", "blob:", "file:")):
            route.continue_()
        else:
            self.problems.append(f"external request: {url}")
            route.abort()

    def _failed(self, request: Any) -> None:
        """Note a request that failed; one that the browser dropped with its page is no failure."""
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"not loaded: {request.url}")

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"console {message.type}: {message.text}")

    def open(self, name: str) -> Page:
        self.tab.goto(f"{self.address}/{name}", wait_until="load")
        self.tab.evaluate("window.book?.settle?.()")  # laid out whole: see test_long_pages_browser
        self.tab.evaluate("document.fonts.ready")
        return self.tab

    def take(self, form: str) -> Page:
        """Give the open page another form, and wait until it has taken it."""
        wide, high, scheme = FORMS[form]
        self.tab.set_viewport_size({"width": wide, "height": high})
        self.tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        self.tab.evaluate(
            """async () => {
              scrollTo(0, 0);
              const frame = () => new Promise((done) => requestAnimationFrame(done));
              await frame();
              await frame();  // what watches its size has been told
              await Promise.all(document.getAnimations().map((a) => a.finished.catch(() => 0)));
              await document.fonts.ready;
            }"""
        )
        return self.tab

    def told(self) -> list[str]:
        """Return the problems since this was asked last."""
        told, self.problems = self.problems, []
        return told


class Shelf:
    """The page that the tests of every page look at: loaded once on a desktop, once on a phone."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.name = ""
        self.opened: dict[str, Watched] = {}
        self.responses: list[Any] = []  # of the desktop

    def page(self, name: str, form: str) -> Watched:
        """Return the page in a form; it is there until another page is asked for."""
        if name != self.name:
            self.close()
            self.name = name
        device = LOADED[form]
        if device not in self.opened:
            watched = self.opened[device] = Watched(self.browser, self.address, device)
            if device == "desktop-light":
                watched.tab.on("response", lambda response: self.responses.append(response))
            watched.open(name)
        self.opened[device].take(form)
        return self.opened[device]

    def close(self) -> None:
        for watched in self.opened.values():
            watched.context.close()
        self.opened.clear()
        self.responses.clear()


@pytest.fixture(scope="module")
def shelf(browser: Browser, address: str) -> Iterator[Shelf]:
    kept = Shelf(browser, address)
    yield kept
    kept.close()


@pytest.fixture
def look_at(shelf: Shelf) -> Iterator[Any]:
    """Look at a page in a form; what went wrong in it until the end of the test is a failure."""
    seen: list[Watched] = []

    def look(name: str, form: str = "desktop-light") -> Page:
        seen.append(shelf.page(name, form))
        return seen[-1].tab

    yield look
    assert [problem for watched in seen for problem in watched.told()] == []


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Any]:
    """Open watched tabs; at the end none may have seen a problem."""
    opened: list[Watched] = []

    def make(form: str = "desktop-light", **options: Any) -> Watched:
        opened.append(Watched(browser, address, form, **options))
        return opened[-1]

    yield make
    problems = [p for watched in opened for p in watched.problems]
    for watched in opened:
        watched.context.close()
    assert problems == []


def too_wide(tab: Page) -> list[str]:
    """Return the elements that make the page itself scroll sideways."""
    return tab.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.querySelectorAll("body *")]
            .filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest(".scroll"))
            .slice(0, 5).map((e) => `${e.tagName}.${e.className} "${e.textContent.slice(0, 40)}"`);
        }"""
    )


def violations(tab: Page, where: dict[str, Any] | None = None) -> list[str]:
    """Return what axe finds in a tab, or in a part of it: rule, element, and what is wrong."""
    if not tab.evaluate("typeof axe !== 'undefined'"):
        tab.add_script_tag(path=AXE)
    result = tab.evaluate(
        "([where, how]) => axe.run(where, how)", [{**(where or {}), **AXE_WHERE}, AXE_OPTIONS]
    )
    return [f"{v['id']}: {n['target']} {n['failureSummary']}"
            for v in result["violations"] for n in v["nodes"]]  # fmt: skip


# --- every page ---------------------------------------------------------------------------------


@each_page
@pytest.mark.parametrize("form", CHECKED)
def test_a_page_is_sound_and_accessible(look_at, name, form):
    tab = look_at(name, form)
    assert too_wide(tab) == []
    assert violations(tab) == [], f"{name} as {form}"


@each_page
def test_headings_lead_through_a_page_without_a_gap(name):
    main = (SITE / name).read_text(encoding="utf-8").partition("<main")[2].partition("</main>")[0]
    levels = [int(n) for n in re.findall(r"<h([1-6])[ >]", main)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []


@each_page
def test_links_and_anchors_lead_somewhere(address, name):
    pages: dict[str, Addresses] = {}
    broken = []
    for link in Addresses((SITE / name).read_text(encoding="utf-8")).links:
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = SITE / (path or name)
        if not target.is_file():
            broken.append(link)
        elif anchor:
            key = target.name
            if key not in pages:
                pages[key] = Addresses(target.read_text(encoding="utf-8"))
            if anchor not in pages[key].ids:
                broken.append(link)
    assert broken == []


@each_page
def test_every_picture_says_what_it_shows(look_at, name):
    tab = look_at(name)
    silent = tab.evaluate(
        """() => [...document.querySelectorAll("main img")]
          .filter((e) => !(e.alt ?? "").trim())
          .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert silent == []


@each_page
def test_a_page_is_light(look_at, shelf, name):
    tab = look_at(name)
    parts: dict[str, int] = {}

    def weigh(response: Any) -> None:
        kind = response.request.resource_type
        if kind == "image":
            return
        if "/assets/widgets/" in response.url:
            return  # loaded when the reader comes near: test_widgets_browser.py weighs them
        body = response.body()
        if kind != "font":
            body = gzip.compress(body, 9)
        parts[f"{kind} {response.url.rpartition('/')[2]}"] = len(body)

    tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    for response in shelf.responses:
        weigh(response)
    assert any(part.startswith("document") for part in parts)
    assert sum(parts.values()) <= MOST_KB * 1024, parts


@each_page
def test_a_page_can_be_read_without_scripts(visit, name):
    tab = visit("phone-light", java_script_enabled=False).open(name)
    assert tab.locator("main h1").first.is_visible()
    for title in tab.locator(".tab-title").all():
        assert title.is_visible()


# --- what a reader does -------------------------------------------------------------------------


def page_with(selector: str) -> str:
    """Return a page of the book that has such an element, in the source of the page."""
    for name in sorted(PAGES, key=lambda n: n not in CHAPTERS):
        if (SITE / name).is_file() and selector in (SITE / name).read_text(encoding="utf-8"):
            return name
    pytest.fail(f"No page of the book has {selector}: the test has nothing to look at.")


def background(tab: Page) -> str:
    return tab.evaluate("getComputedStyle(document.body).backgroundColor")


@reader
def test_search_finds_a_word_and_goes_there(visit):
    target = CHAPTERS[-1]
    heading = re.search(r'<h2 id="([^"]+)">([\w ]{8,})<a', (SITE / target).read_text())
    tab = visit().open("index.html")
    tab.keyboard.press("/")
    field = tab.get_by_role("combobox", name="Search the book")
    assert field.evaluate("e => e === document.activeElement")
    field.fill(heading[2])
    results = tab.get_by_role("option")
    results.first.wait_for()
    assert results.first.locator("mark").count() >= 1
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/{target}#{heading[1]}")
    assert tab.locator(f"#{heading[1]}").is_visible()


@reader
def test_search_says_when_it_finds_nothing_and_closes_with_escape(visit):
    tab = visit().open(CHAPTERS[0])
    tab.get_by_role("button", name="Search the book").click()
    tab.get_by_role("combobox").fill("zzzzqqq")
    tab.get_by_text("Nothing found for “zzzzqqq”.").wait_for()
    assert tab.get_by_role("option").count() == 0
    tab.keyboard.press("Escape")
    assert not tab.locator("dialog.search").is_visible()


@reader
def test_the_theme_follows_the_button_and_stays(visit):
    tab = visit("desktop-light").open("index.html")
    light = background(tab)
    tab.get_by_role("button", name="Switch to dark").click()
    dark = background(tab)
    assert dark != light
    tab.reload()
    assert background(tab) == dark
    tab.get_by_role("button", name="Switch to light").click()
    assert background(tab) == light


@reader
def test_the_system_decides_until_the_button_is_pressed(visit):
    dark = background(visit("desktop-dark").open("index.html"))
    assert dark != background(visit("desktop-light").open("index.html"))


@reader
def test_tabs_switch_by_mouse_and_keyboard_and_are_remembered(visit):
    tab = visit().open(page_with('class="tabs"'))
    buttons = tab.locator(".tabs").first.get_by_role("tab")
    panels = tab.locator(".tabs").first.locator(".tab")
    assert panels.nth(0).is_visible() and not panels.nth(1).is_visible()
    buttons.nth(1).click()
    assert panels.nth(1).is_visible() and not panels.nth(0).is_visible()
    tab.keyboard.press("ArrowLeft")
    assert panels.nth(0).is_visible()
    assert buttons.nth(0).evaluate("e => e === document.activeElement")
    tab.keyboard.press("End")
    assert panels.last.is_visible()
    tab.reload()
    assert panels.last.is_visible() and not panels.nth(0).is_visible()


@reader
def test_a_quiz_answers_by_keyboard(visit):
    tab = visit("phone-dark").open(page_with('class="quiz'))
    option = tab.locator("details.quiz-right").first
    assert not option.locator(".details-body").is_visible()
    option.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert option.locator(".details-body").is_visible()


@reader
def test_the_copy_button_copies_the_code(visit):
    watched = visit(permissions=["clipboard-read", "clipboard-write"])
    tab = watched.open(CHAPTERS[0])
    code = tab.locator(".cell .code").locator("visible=true").first
    code.hover()
    code.get_by_role("button", name="Copy this code").click()
    code.get_by_text("Copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == code.locator("code").inner_text()


@reader
def test_the_contents_follow_the_reader(visit):
    tab = visit().open(CHAPTERS[0])
    headings = tab.locator(".prose > h2, .passage > h2")
    third = headings.nth(2)
    third.evaluate("e => e.scrollIntoView()")
    here = tab.locator(".page-nav a[aria-current]")
    here.wait_for()
    assert here.get_attribute("href") == f"#{third.get_attribute('id')}"


@reader
def test_the_books_contents_open_as_a_drawer_on_a_phone(visit):
    tab = visit("phone-light").open(CHAPTERS[0])
    nav = tab.locator(".book-nav")
    assert not nav.is_visible()
    tab.get_by_role("button", name="Contents of the book").click()
    assert nav.is_visible()
    tab.keyboard.press("Escape")
    assert not nav.is_visible()
    tab.get_by_role("button", name="Contents of the book").click()
    nav.get_by_role("link", name="Glossary").click()
    tab.wait_for_url("**/glossary.html")


@reader
def test_the_keyboard_can_skip_to_the_content(visit):
    tab = visit().open(CHAPTERS[0])
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"


@reader
def test_wide_code_scrolls_inside_its_box_and_can_be_focused(visit):
    tab = visit("phone-light").open(CHAPTERS[0])
    wide = tab.evaluate(
        """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
          [...document.querySelectorAll(".scroll")]
            .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.checkVisibility())
            .map((e) => [e.tabIndex, e.getAttribute("aria-label")])))))"""
    )
    assert wide
    assert [w for w in wide if w[0] != 0 or not w[1]] == []


@reader
@pytest.mark.parametrize("form", ["desktop-light", "zoomed-dark"])
def test_the_keyboard_goes_through_a_page_in_reading_order_and_is_always_seen(visit, form):
    tab = visit(form).open(page_with('class="tabs"'))
    tab.locator("main").focus()
    seen: list[Any] = []
    for _ in range(40):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate(
            """() => {
              const e = document.activeElement, at = e.getBoundingClientRect();
              const style = getComputedStyle(e), bar = document.querySelector(".top");
              return { name: e.outerHTML.slice(0, 90), shown: style.outlineStyle !== "none",
                top: at.top + scrollY, bottom: at.bottom, above: at.top > innerHeight,
                below: bar.getBoundingClientRect().bottom, inMain: Boolean(e.closest("main")),
                widget: Boolean(e.closest(".widget")) };
            }"""
        ))  # fmt: skip
    inside = [step for step in seen if step["inMain"]]
    assert len(inside) >= 30
    assert [s["name"] for s in inside if not s["shown"] and not s["widget"]] == []
    # Not covered by the top bar, not outside of the window (WCAG 2.2, 2.4.11).
    assert [s["name"] for s in inside if s["bottom"] <= s["below"] or s["above"]] == []
    tops = [step["top"] for step in inside if not step["widget"]]
    assert [pair for pair in pairwise(tops) if pair[1] < pair[0] - 120] == []


@reader
def test_search_ranks_what_a_reader_means_first(visit):
    meant = {
        "learning rate": "glossary.html#term-learning-rate",
        "overfitting": "glossary.html#term-overfitting",
        "perceptron": "03-perceptron.html",
        "perseptron": "03-perceptron.html",
        "backprop": "04-backprop.html",
        "transformers": "10-transformers.html",
        "quantization": "19-quantization.html",
        "how to run": "index.html#how-to-run-a-chapter",
        "batch norm": "05-training.html#normalisation",
        "cross entropy loss": "04-backprop.html#the-loss-softmax-and-cross-entropy",
        "conv2d": "07-cnn.html",
    }
    tab = visit().open("index.html")
    tab.keyboard.press("/")
    field = tab.get_by_role("combobox")
    wrong = {}
    for query, place in meant.items():
        field.fill(query)
        tab.get_by_role("option").first.wait_for()
        first = tab.get_by_role("option").first.get_attribute("data-address")
        if not first.startswith(place):
            wrong[query] = first
    assert wrong == {}


@reader
def test_every_term_of_the_book_has_a_preview_that_a_reader_can_see(visit):
    tab = visit().open(CHAPTERS[0])
    link = tab.locator('.reference[href^="glossary.html#"]').first
    link.hover()
    preview = tab.locator(".preview")
    preview.wait_for()
    assert preview.locator("dd").inner_text().strip()
    kept = tab.evaluate("Object.keys(window.bookPreviews)")
    terms = {
        href
        for name in PAGES
        for href in re.findall(
            r'class="reference[^"]*" href="([^"#]+#[^"]+)"', (SITE / name).read_text("utf-8")
        )
    }
    assert terms and sorted(terms - set(kept)) == []


@reader
def test_previous_and_next_walk_through_the_book(visit):
    tab = visit().open("index.html")
    seen = ["index.html"]
    while (following := tab.locator("a.after")).count():
        with tab.expect_navigation(wait_until="load"):
            following.click()
        seen.append(tab.url.rpartition("/")[2])
    assert sorted([*seen, "404.html"]) == PAGES


@reader
def test_paper_shows_the_text_and_not_the_navigation(visit):
    tab = visit().open(page_with('class="quiz'))
    assert tab.pdf()[:4] == b"%PDF"
    tab.emulate_media(media="print")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("main h1").is_visible()
    assert tab.locator("details.quiz .details-body").first.is_visible()
    for away in (".top", ".book-nav", ".page-nav", ".copy >> nth=0"):
        assert not tab.locator(away).is_visible(), away


@reader
def test_an_unknown_address_gets_a_page_with_the_way_back(visit):
    watched = visit()
    tab = watched.open("no/such/page")
    assert tab.get_by_role("heading", name="This page does not exist").is_visible()
    tab.get_by_role("link", name="Start at the first page").click()
    tab.wait_for_url("**/index.html")
    lost = [p for p in watched.problems if "no/such/page" in p or "404" in p]
    assert lost
    watched.problems = [p for p in watched.problems if p not in lost]


@reader
def test_the_book_reads_from_files(browser):
    context = browser.new_context()
    tab = context.new_page()
    problems: list[str] = []
    tab.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda e: problems.append(str(e)))
    tab.goto((SITE / "index.html").as_uri())
    assert tab.evaluate("document.fonts.check('1em \"Source Serif 4\"')")
    tab.keyboard.press("/")
    tab.get_by_role("combobox").fill("perceptron")
    tab.get_by_role("option").first.wait_for()
    tab.keyboard.press("Enter")
    tab.wait_for_url("file://**.html*")
    context.close()
    assert problems == []


# --- finding the browser ------------------------------------------------------------------------


@reader
def test_a_browser_that_does_not_exist_is_told(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    with pytest.raises(NoBrowser, match="CHROMIUM is set to /no/such/browser"):
        find_chromium()


@reader
def test_the_variable_decides_which_browser_is_used(monkeypatch, tmp_path):
    program = tmp_path / "browser"
    program.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(program))
    assert find_chromium() == program


@reader
def test_debians_own_chromium_is_installed_only_by_root(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/apt-get")
    monkeypatch.setattr("os.geteuid", lambda: 0, raising=False)
    assert install_commands()[0][0] == "apt-get"
    monkeypatch.setattr("os.geteuid", lambda: 1000, raising=False)
    assert [c[1:3] for c in install_commands()] == [["-m", "playwright"]]


@reader
def test_no_browser_at_all_ends_in_one_sentence(monkeypatch):
    monkeypatch.setattr("tools.browser.install_commands", lambda: [["true"]])
    monkeypatch.setattr("tools.browser.find_chromium", lambda: None)
    with pytest.raises(NoBrowser, match="set CHROMIUM to its path"):
        install()
