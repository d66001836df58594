# ruff: noqa: F811  (fixtures that are imported)
"""Long pages in headless Chromium: laid out piece by piece, with pictures that come when near.

Every page is opened by the other browser tests, which wait until it is laid out whole
(`Watched.open`); here it is watched while it is not.
"""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from book.theme.typeset.svg import tokens
from tests.test_book_browser import (
    CHAPTERS,
    SITE,
    address,  # noqa: F401  fixtures
    browser,  # noqa: F401
    visit,  # noqa: F401
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-long-pages")]

SETTLING = "document.documentElement.classList.contains('settling')"
# How many pieces are not laid out yet.
WAITING = """() => [...document.querySelectorAll(".prose > * > :first-child")]
    .filter((e) => e.checkVisibility() && !e.checkVisibility({ contentVisibilityAuto: true }))
    .length"""
TOPS = (
    "() => [...document.querySelectorAll('.prose > *')].map((e) => e.getBoundingClientRect().top)"
)


def longest() -> str:
    """Return the chapter with most bytes."""
    return max(CHAPTERS, key=lambda name: (SITE / name).stat().st_size)


def opened(visit: Any, form: str, part: str = "", **options: Any) -> Page:
    """Open the longest chapter as a reader does; nothing is pressed or moved yet."""
    watched = visit(form, **options)
    watched.tab.goto(f"{watched.address}/{longest()}{part}", wait_until="load")
    return watched.tab


def whole(tab: Page) -> None:
    tab.wait_for_function(f"!{SETTLING}")
    assert tab.evaluate(WAITING) == 0


@pytest.mark.parametrize("form", ["desktop-light", "phone-light"])
def test_what_is_far_away_waits_for_the_readers_first_move(visit, form):
    tab = opened(visit, form)
    assert tab.evaluate(SETTLING) and tab.evaluate(WAITING) > 20
    tab.mouse.move(5, 5)
    whole(tab)


@pytest.mark.parametrize("sign", ["scroll", "key", "End"])
def test_every_move_of_a_reader_counts(visit, sign):
    tab = opened(visit, "desktop-light")
    if sign == "scroll":
        tab.evaluate("window.scrollBy(0, 300)")
    else:
        tab.keyboard.press("Tab" if sign == "key" else sign)
    if sign == "End":
        assert not tab.evaluate(SETTLING)  # the end is where it will stay
        tab.wait_for_function("innerHeight + scrollY >= document.documentElement.scrollHeight - 2")
    whole(tab)


def test_what_is_on_the_screen_stays_while_the_rest_is_laid_out(visit):
    tab = opened(visit, "desktop-light")
    before = tab.evaluate(TOPS)
    tab.mouse.move(5, 5)
    whole(tab)
    after = tab.evaluate(TOPS)
    seen = [a == b for a, b in zip(before, after, strict=True) if a < 900]
    assert len(seen) > 3 and all(seen)


def test_a_reader_who_reads_on_is_not_moved(visit):
    tab = opened(visit, "phone-light")
    tab.evaluate("window.scrollTo(0, document.documentElement.scrollHeight / 2)")
    tab.wait_for_timeout(50)
    found = tab.evaluate(
        """() => { window.here = document.elementFromPoint(200, 400); return here.textContent; }"""
    )
    assert found.strip()
    whole(tab)
    assert tab.evaluate("here.getBoundingClientRect().bottom") > 0
    assert tab.evaluate("here.getBoundingClientRect().top") < 844


def test_a_page_that_is_opened_at_a_place_is_laid_out_whole_and_shows_it(visit):
    headings = re.findall(r'<h2 id="([^"]+)"', (SITE / longest()).read_text(encoding="utf-8"))
    anchor = headings[len(headings) * 2 // 3]
    tab = opened(visit, "desktop-light", f"#{anchor}")
    assert not tab.evaluate(SETTLING) and tab.evaluate(WAITING) == 0
    top = tab.locator(f"#{anchor}").bounding_box()["y"]
    assert 50 < top < 100  # below the top bar


def test_a_link_inside_a_page_leads_to_its_place_at_once(visit):
    tab = opened(visit, "desktop-light")
    link = tab.locator(".page-nav a").last
    link.dispatch_event("click")
    assert not tab.evaluate(SETTLING)
    assert tab.evaluate(WAITING) == 0


@pytest.mark.parametrize("way", ["link", "address"])
def test_whoever_names_a_place_of_the_page_is_there(visit, way):
    headings = re.findall(r'<h2 id="([^"]+)"', (SITE / longest()).read_text(encoding="utf-8"))
    anchor = headings[len(headings) * 2 // 3]
    tab = opened(visit, "desktop-light")
    if way == "link":  # as search writes them, with the page's name
        tab.evaluate(
            "(a) => document.body.append(Object.assign(document.createElement('a'), a))",
            {"href": f"{longest()}#{anchor}", "id": "made"},
        )
        tab.locator("#made").dispatch_event("click")
    else:
        tab.evaluate("(anchor) => { location.hash = anchor; }", anchor)
    tab.wait_for_function(f"!{SETTLING}")
    tab.wait_for_timeout(200)
    assert 50 < tab.locator(f"#{anchor}").bounding_box()["y"] < 100


def test_coming_back_shows_where_the_reader_was(visit):
    tab = opened(visit, "desktop-light")
    tab.mouse.move(5, 5)
    whole(tab)
    tab.evaluate("window.scrollTo(0, 9000)")
    tab.reload(wait_until="load")
    assert not tab.evaluate(SETTLING)
    tab.wait_for_function("Math.abs(window.scrollY - 9000) < 2")


def test_paper_has_all_of_it(visit):
    tab = opened(visit, "desktop-light")
    tab.emulate_media(media="print")
    assert tab.evaluate(WAITING) == 0


def test_without_scripts_nothing_waits(visit):
    tab = opened(visit, "desktop-light", java_script_enabled=False)
    assert "settling" not in (tab.locator("html").get_attribute("class") or "")


# --- drawings -----------------------------------------------------------------------------------


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.strip().removeprefix("#")))


def light_and_dark(name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    light, dark = re.fullmatch(r"light-dark\((.+), (.+)\)", tokens()[name]).groups()
    return rgb(light), rgb(dark)


def paper_of(tab: Page) -> tuple[int, ...]:
    """Return the colour of the first drawing's corner, as it is on the screen."""
    drawing = tab.locator(".figure img.drawing").first
    drawing.scroll_into_view_if_needed()
    tab.wait_for_function("(e) => e.complete && e.naturalWidth > 0", arg=drawing.element_handle())
    picture = Image.open(io.BytesIO(drawing.screenshot())).convert("RGB")
    return picture.getpixel((2, 2))


@pytest.mark.parametrize("system", ["light", "dark"])
def test_drawings_follow_the_reader_into_the_dark_and_paper_is_light(visit, system):
    light, dark = light_and_dark("--paper")
    tab = opened(visit, f"desktop-{system}")
    tab.mouse.move(5, 5)
    whole(tab)
    assert paper_of(tab) == (dark if system == "dark" else light)
    tab.locator(".theme-button").click()
    other = "light" if system == "dark" else "dark"
    expect(tab.locator("html")).to_have_attribute("data-theme", other)
    assert paper_of(tab) == (light if system == "dark" else dark)
    tab.emulate_media(media="print")
    assert min(paper_of(tab)) >= 250


def test_a_drawing_comes_when_the_reader_is_near(visit):
    watched = visit("phone-light")
    asked: list[str] = []
    watched.tab.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    watched.tab.goto(f"{watched.address}/{longest()}", wait_until="load")
    html = (SITE / longest()).read_text(encoding="utf-8")
    drawings = re.findall(r'<img class="drawing" src="files/([^"]+)"', html)
    assert len(drawings) > 5 and drawings[-1] not in asked
    watched.tab.keyboard.press("End")
    watched.tab.locator("img.drawing").last.scroll_into_view_if_needed()
    watched.tab.wait_for_function(
        "[...document.querySelectorAll('img.drawing')].pop().naturalWidth > 0"
    )
    assert drawings[-1] in asked
