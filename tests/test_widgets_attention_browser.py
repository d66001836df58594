# ruff: noqa: F811  (fixtures that are imported)
"""Attention in headless Chromium: what a reader does, compared with what the page holds.

What every part must do is tested in test_widgets_browser.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.test_book_browser import (
    address,  # noqa: F401  fixtures
    browser,  # noqa: F401
    too_wide,
    visit,  # noqa: F401
)
from tests.test_widgets_browser import PARTS, alone, axe, compute, given, opened, part

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-widgets-attention")]


def tables(network: dict[str, Any]) -> np.ndarray:
    """Shares of a network of the page, (blocks, heads, T, T); 0 where the mask hides."""
    num = len(network["tokens"])
    filled = [
        [[[*row, *[0] * (num - len(row))] for row in head] for head in block]
        for block in network["maps"]
    ]
    return np.array(filled) / 1000


def numbers(box: Locator) -> list[str]:
    """The shares under the tokens, as they are shown: percent, or – for a hidden one."""
    texts = box.locator(".w-share-of").evaluate_all("all => all.map((e) => e.firstChild.data)")
    return [str(text) for text in texts]


def shown(row: np.ndarray, seen: int) -> list[str]:
    # JavaScript's Math.round sends halves up
    return [str(int(np.floor(100 * s + 0.5))) if j < seen else "–" for j, s in enumerate(row)]


def chosen_head(box: Locator) -> str:
    return str(box.locator(".w-pick :checked").get_attribute("aria-label"))


# --- attention ----------------------------------------------------------------------------------


def test_what_the_page_brings_are_shares():
    networks = given("attention")["rows"]
    assert len(networks) == 4
    masked = 0
    for network in networks:
        shares, num = tables(network), len(network["tokens"])
        assert shares.shape[2:] == (num, num)
        assert np.allclose(shares.sum(-1), 1, atol=0.0005 * num)  # each is rounded to a thousandth
        rows = {len(row) for block in network["maps"] for head in block for row in head}
        assert rows in (set(range(1, num + 1)), {num})
        masked += rows != {num}
    assert masked == 3


def test_means_and_habits_are_those_of_numpy(visit):
    box = opened(visit, "attention")
    network = given("attention")["rows"][2]
    shares, num = tables(network), len(network["tokens"])
    got = compute(
        box,
        """const all = m.shares(given, given[0][0].length).flat();
        const mean = m.mean(all);
        return [mean.map((row) => row.map((s) => s ?? 0)), m.habits(mean)];""",
        network["maps"],
    )
    want = shares.mean((0, 1))
    assert np.allclose(got[0], want)
    away = np.abs(np.arange(num)[:, None] - np.arange(num))
    assert got[1]["self"] == pytest.approx(np.diagonal(want).mean())
    assert got[1]["before"] == pytest.approx(np.diagonal(want, -1).mean())
    assert got[1]["far"] == pytest.approx((want * away).sum(1).mean())


@pytest.mark.parametrize("which", range(4))
def test_each_token_shows_the_shares_of_its_row(visit, which):
    network = given("attention")["rows"][which]
    block, head = network.get("start", [0, 0])[:2]
    row_lengths = [len(row) for row in network["maps"][block][head]]
    box = opened(visit, "attention")
    box.get_by_label("Network and what it reads").select_option(str(which))
    tokens = box.locator(".w-token")
    assert tokens.count() == len(network["tokens"])
    for j in (0, 5, len(network["tokens"]) - 1):
        tokens.nth(j).click()
        assert numbers(box) == shown(tables(network)[block, head, j], row_lengths[j])
        assert tokens.nth(j).get_attribute("aria-pressed") == "true"
        assert box.locator('.w-token[aria-pressed="true"]').count() == 1


def test_the_network_writes_what_the_run_said(visit):
    network = given("attention")["rows"][0]
    box = opened(visit, "attention")
    for place in (8, 12):
        box.locator(".w-token").nth(place).click()
        says = box.locator(".w-looks").inner_text()
        token, share = network["says"][place]
        assert f"Next, it writes “{token}” ({round(100 * share)}\u202f%)" in says
    box.locator(".w-token").nth(2).click()  # no answer is asked for here
    assert "writes" not in box.locator(".w-looks").inner_text()


def test_a_mouse_looks_in_passing_and_a_press_stays(visit):
    network = given("attention")["rows"][0]
    block, head, start = network["start"]
    shares = tables(network)[block, head]
    box = opened(visit, "attention")
    tokens = box.locator(".w-token")
    assert numbers(box) == shown(shares[start], start + 1)
    tokens.nth(3).hover()
    assert numbers(box) == shown(shares[3], 4)
    box.page.mouse.move(1, 1)
    assert numbers(box) == shown(shares[start], start + 1)
    table = box.locator(".w-map")
    size = table.bounding_box()
    row = 16 + (11.5 / 16) * (size["height"] - 16)  # the twelfth of sixteen, below the names
    table.hover(position={"x": size["width"] / 2, "y": row})
    assert numbers(box) == shown(shares[11], 12)
    table.click(position={"x": size["width"] / 2, "y": row})
    box.page.mouse.move(1, 1)
    assert numbers(box) == shown(shares[11], 12)
    assert "place 12, is marked" in table.get_attribute("aria-label")


def test_the_keyboard_goes_over_tokens_and_heads(visit):
    network = given("attention")["rows"][0]
    shares = tables(network)
    box = opened(visit, "attention")
    keys = box.page.keyboard
    box.get_by_label("Network and what it reads").focus()
    for j in range(3):
        keys.press("Tab")
        expect(box.locator(".w-token").nth(j)).to_be_focused()
    block, head, _ = network["start"]
    assert numbers(box) == shown(shares[block, head, 2], 3)
    keys.press("ArrowRight")
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    expect(box.locator(".w-token").nth(1)).to_be_focused()
    keys.press("End")
    expect(box.locator(".w-token").last).to_be_focused()
    keys.press("Tab")
    assert chosen_head(box) == f"Block {block + 1}, head {head + 1}"
    seen = {chosen_head(box)}
    for _ in range(10):  # two blocks of four heads and a mean, and the mean of all
        keys.press("ArrowDown")
        seen.add(chosen_head(box))
    assert len(seen) == 11
    expect(box.locator("p[aria-live]")).to_contain_text("looks at")


def test_means_are_shown_too(visit):
    network = given("attention")["rows"][1]
    shares, last = tables(network), len(network["tokens"]) - 1
    box = opened(visit, "attention")
    box.get_by_label("Network and what it reads").select_option("1")
    box.locator(".w-token").last.click()
    box.get_by_role("radio", name="Block 2, mean of its 4 heads").check()
    assert numbers(box) == shown(shares[1, :, last].mean(0).round(9), last + 1)
    box.get_by_role("radio", name="Mean of all 8 heads").check()
    assert numbers(box) == shown(shares[:, :, last].mean((0, 1)).round(9), last + 1)


def test_the_mask_is_told_where_there_is_one(visit):
    box = opened(visit, "attention")
    box.locator(".w-token").nth(13).click()
    assert "The mask hides the 2 tokens after it." in box.locator(".w-looks").inner_text()
    assert box.locator(".w-token.w-hidden").count() == 2
    assert "hidden by the mask" in box.locator(".w-token").last.text_content()
    box.get_by_label("Network and what it reads").select_option("3")
    assert box.locator(".w-token.w-hidden").count() == 0
    assert "There is no mask" in box.inner_text()


@pytest.mark.parametrize("form", ["desktop-dark", "phone-light"])
def test_attention_is_accessible_while_it_is_used(visit, form):
    box = opened(visit, "attention", form)
    for which in ("2", "3"):
        box.get_by_label("Network and what it reads").select_option(which)
        box.locator(".w-token").nth(4).focus()
        assert axe(box.page, "#part-attention") == []
        assert too_wide(box.page) == []


def test_a_finger_chooses_a_token_and_a_head(visit):
    network = given("attention")["rows"][0]
    watched = visit("phone-light", has_touch=True, width=320)
    alone(watched.tab, "attention")
    box = part(watched.open(PARTS["attention"]), "attention")
    box.get_by_role("radio", name="Block 2, head 1", exact=True).tap()
    box.locator(".w-token").nth(9).tap()
    assert chosen_head(box) == "Block 2, head 1"
    assert numbers(box) == shown(tables(network)[1, 0, 9], 10)
    assert too_wide(box.page) == []
