# ruff: noqa: F811  (fixtures that are imported)
"""The theme's own doings in headless Chromium, on the sample book: previews, notes, keys, progress.

What every page of the real book must hold is in test_book_browser.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import theme_sample
from tests.test_book_browser import (
    browser,  # noqa: F401  fixtures
    too_wide,
    violations,
    visit,  # noqa: F401
)
from tools import build_site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("theme-site")]
WIDE = {"width": 1440}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample book, built."""
    places = theme_sample.write(tmp_path_factory.mktemp("sample"))
    build_site.build(places, "key")
    return places.site


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The sample book, served."""
    running = build_site.server(site)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


def focused(tab: Page) -> str:
    return tab.evaluate("document.activeElement.textContent.trim()")


# --- previews -----------------------------------------------------------------------------------

PREVIEWS = {
    "a term": ('.reference[href="glossary.html#term-gradient"]', "partial derivatives"),
    "a figure": ('.reference[href="#fig-net"]', "A drawn figure"),
    "a figure of another page": ('.reference[href="99-sample.html#fig-scatter"]', "The loss falls"),
    "a table": ('.reference[href="#tab-rows"]', "network of three layers"),
    "an equation": ('.reference[href="#eq-softmax"]', "softmax"),
    "a section": ('.reference[href="#lists"]', "Lists and quotes"),
    "a section of another page": ('.reference[href="99-sample.html#sec-run"]', "Look at"),
    "a source": ('.citation[href="#ref-rosenblatt1958"]', "Psychological Review"),
}


@pytest.mark.parametrize("what", PREVIEWS)
def test_pointing_at_a_reference_shows_what_it_leads_to(visit, what):
    selector, says = PREVIEWS[what]
    tab = visit().open("prose.html")
    link = tab.locator(selector).first
    link.hover()
    preview = tab.locator(".preview")
    expect(preview).to_be_visible()
    expect(preview).to_contain_text(says)
    assert too_wide(tab) == []
    assert tab.evaluate("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size"
                        " === document.querySelectorAll('[id]').length")  # fmt: skip


def test_a_preview_stays_while_it_is_pointed_at_and_goes_afterwards(visit):
    tab = visit().open("prose.html")
    tab.locator(PREVIEWS["a term"][0]).first.hover()
    preview = tab.locator(".preview")
    expect(preview).to_be_visible()
    preview.hover()
    tab.wait_for_timeout(700)
    expect(preview).to_be_visible()
    tab.mouse.move(5, 500)
    expect(preview).to_be_hidden()


def test_escape_dismisses_a_preview_where_the_pointer_is(visit):
    tab = visit().open("prose.html")
    tab.locator(PREVIEWS["a table"][0]).first.hover()
    expect(tab.locator(".preview")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator(".preview")).to_be_hidden()


def test_a_preview_comes_with_the_keyboards_focus_and_is_read_out(visit):
    tab = visit().open("prose.html")
    link = tab.locator(PREVIEWS["a term"][0]).first
    tab.locator("main").focus()
    tab.keyboard.press("Tab")
    assert focused(tab) == link.inner_text()
    preview = tab.locator(".preview")
    expect(preview).to_be_visible()
    assert link.get_attribute("aria-describedby") == preview.get_attribute("id")
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    expect(preview).to_be_hidden()
    assert focused(tab) == link.inner_text()
    assert link.get_attribute("aria-describedby") is None


def test_a_finger_follows_the_link_and_gets_no_preview(visit):
    tab = visit("phone-light", has_touch=True, is_mobile=True).open("prose.html")
    tab.locator(PREVIEWS["a figure"][0]).first.tap()
    tab.wait_for_function("location.hash === '#fig-net'")
    tab.wait_for_timeout(500)
    assert tab.locator(".preview:not([hidden])").count() == 0


def test_nothing_of_the_previews_is_loaded_before_one_is_wanted(visit):
    watched = visit()
    loaded: list[str] = []
    watched.tab.on("request", lambda request: loaded.append(request.url))
    tab = watched.open("prose.html")
    assert [url for url in loaded if "preview" in url] == []
    tab.locator(PREVIEWS["a term"][0]).first.hover()
    expect(tab.locator(".preview")).to_be_visible()
    assert len([url for url in loaded if "preview" in url]) == 2


def test_previews_work_in_a_page_opened_as_a_file(browser, site):
    tab = browser.new_page(reduced_motion="reduce")
    tab.goto((site / "prose.html").as_uri())
    tab.locator(PREVIEWS["a term"][0]).first.hover()
    expect(tab.locator(".preview")).to_contain_text("partial derivatives")
    tab.close()


# --- notes --------------------------------------------------------------------------------------


def boxes(tab: Page) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return where the first noted paragraph, its note and the page's contents are."""
    tab.evaluate("window.scrollTo(0, 0)")
    paragraph = tab.locator(".noted > p").first.bounding_box()
    note = tab.locator("#note-one").bounding_box()
    contents = tab.locator(".page-nav").bounding_box()
    return paragraph, note, contents  # type: ignore[return-value]


def test_on_a_wide_screen_notes_stand_in_the_margin_beside_their_paragraph(visit):
    tab = visit(**WIDE).open("prose.html")
    paragraph, note, contents = boxes(tab)
    assert note["x"] >= paragraph["x"] + paragraph["width"]
    assert abs(note["y"] - paragraph["y"]) < 10
    assert note["x"] + note["width"] <= contents["x"]
    assert too_wide(tab) == []


def test_notes_of_two_paragraphs_never_overlap(visit):
    tab = visit(**WIDE).open("prose.html")
    tops = tab.evaluate("""() => [...document.querySelectorAll(".margin > *")].map((e) => {
      const at = e.getBoundingClientRect(); return [at.top, at.bottom]; })""")
    assert len(tops) >= 4
    assert all(before[1] <= after[0] + 1 for before, after in pairwise(tops))


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_on_a_narrower_screen_notes_stand_below_their_paragraph(visit, width):
    tab = visit(width=width).open("prose.html")
    paragraph, note, _ = boxes(tab)
    assert note["y"] >= paragraph["y"] + paragraph["height"]
    assert note["x"] + note["width"] <= width
    assert too_wide(tab) == []


def test_on_paper_notes_stand_in_the_margin(visit):
    tab = visit(width=1000).open("prose.html")
    tab.emulate_media(media="print")
    paragraph, note, _ = boxes(tab)
    assert note["x"] >= paragraph["x"] + paragraph["width"]
    assert abs(note["y"] - paragraph["y"]) < 10


def test_a_note_leads_back_to_its_mark(visit):
    tab = visit("phone-light").open("prose.html")
    tab.locator("#note-one .note-number").click()
    assert tab.evaluate("location.hash") == "#note-one-mark"


# --- keys ---------------------------------------------------------------------------------------


def test_letters_turn_pages_and_reach_contents_theme_and_search(visit):
    tab = visit().open("prose.html")
    tab.keyboard.press("n")
    tab.wait_for_url("**/99-sample.html")
    tab.keyboard.press("p")
    tab.wait_for_url("**/prose.html")
    tab.keyboard.press("c")
    assert focused(tab) == "Prose and boxes"
    tab.keyboard.press("s")
    assert focused(tab) == "Lists and quotes"
    before = tab.evaluate("document.documentElement.dataset.theme")
    tab.keyboard.press("t")
    assert tab.evaluate("document.documentElement.dataset.theme") != before
    tab.keyboard.press("/")
    expect(tab.get_by_role("combobox")).to_be_focused()
    tab.keyboard.type("np?")  # typed, not acted upon
    expect(tab.get_by_role("combobox")).to_have_value("np?")
    assert tab.url.endswith("prose.html")


def test_the_list_of_keys_opens_closes_and_is_accessible(visit):
    tab = visit().open("prose.html")
    dialog = tab.get_by_role("dialog", name="Keys")
    tab.keyboard.press("?")
    expect(dialog).to_be_visible()
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    tab.get_by_role("button", name="Keys").click()
    expect(dialog).to_be_visible()


def test_single_keys_can_be_switched_off_and_stay_off(visit):
    tab = visit().open("prose.html")
    tab.get_by_role("button", name="Keys").click()
    tab.get_by_label("Single keys act on the page").uncheck()
    tab.keyboard.press("Escape")
    tab.reload()
    for key in "ntc/?":
        tab.keyboard.press(key)
    tab.wait_for_timeout(200)
    assert tab.url.endswith("prose.html")
    assert tab.locator("dialog[open]").count() == 0
    tab.keyboard.press("Control+k")  # not a single key
    expect(tab.get_by_role("combobox")).to_be_focused()


# --- progress, speed between pages --------------------------------------------------------------


def test_the_line_grows_and_a_page_read_to_its_end_is_marked_until_forgotten(visit):
    tab = visit().open("prose.html")
    grown = "new DOMMatrix(getComputedStyle(document.querySelector('.progress')).transform).a"
    assert tab.evaluate(grown) == 0
    tab.evaluate("window.scrollTo(0, document.body.scrollHeight / 3)")
    tab.wait_for_function(f"{grown} > 0.1 && {grown} < 0.9")
    tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    tab.wait_for_function(f"{grown} === 1")
    here = tab.locator('.book-nav a[href="prose.html"]')
    expect(here).to_have_text("Prose and boxes (read)")
    tab.goto(tab.url.replace("prose", "glossary"))
    expect(here).to_have_class("read")
    tab.get_by_role("button", name="Keys").click()
    tab.get_by_role("button", name="Forget it").click()
    expect(here).not_to_have_class("read")
    tab.reload()
    expect(here).to_have_text("Prose and boxes")


def test_pointing_at_a_link_fetches_its_page(browser, address):
    context = browser.new_context(reduced_motion="reduce")
    tab = context.new_page()
    asked: list[Any] = []
    context.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{address}/prose.html")
    assert tab.evaluate("HTMLScriptElement.supports('speculationrules')")
    rules = tab.locator("script[type=speculationrules]").text_content()
    assert tab.evaluate("(text) => JSON.parse(text).prefetch[0].eagerness", rules) == "moderate"
    # A browser without these rules: our own script fetches.
    plain = context.new_page()
    plain.add_init_script("HTMLScriptElement.supports = () => false")
    plain.goto(f"{address}/prose.html")
    plain.locator('.book-nav a[href="glossary.html"]').hover()
    plain.wait_for_selector('link[rel="prefetch"][href$="/glossary.html"]', state="attached")
    plain.locator('.book-nav a[href="glossary.html"]').hover()
    assert plain.locator('link[rel="prefetch"]').count() == 1
    context.close()


def test_pages_fade_into_each_other_only_where_motion_is_welcome(browser, address):
    for motion, wanted in (("no-preference", True), ("reduce", False)):
        context = browser.new_context(reduced_motion=motion)
        tab = context.new_page()
        tab.goto(f"{address}/prose.html")
        tab.evaluate("addEventListener('pageswap', (e) => localStorage.setItem('fade', String("
                     "Boolean(e.viewTransition))))")  # fmt: skip
        tab.click('.book-nav a[href="glossary.html"]')
        tab.wait_for_url("**/glossary.html")
        assert tab.evaluate("localStorage.getItem('fade')") == str(wanted).lower()
        context.close()


def test_a_page_does_not_jump_while_it_loads_and_scrolls(browser, address):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    tab = context.new_page()
    tab.add_init_script("""window.jumped = 0;
      new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput)
        window.jumped += e.value; }).observe({ type: "layout-shift", buffered: true });""")
    tab.goto(f"{address}/99-sample.html")
    for _ in range(6):
        tab.mouse.wheel(0, 700)
        tab.wait_for_timeout(80)
    assert tab.evaluate("window.jumped") < 0.02
    context.close()
