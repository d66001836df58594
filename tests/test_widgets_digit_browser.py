# ruff: noqa: F811  (fixtures that are imported)
"""*Draw a digit* and *Teach it* in headless Chromium, with the network off: what a reader does.

The numbers are compared with PyTorch, which runs the weights that the chapter's run exported.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import pairwise
from typing import Any

from course_utils import datasets

import nbformat
import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.test_book_browser import (
    SITE,
    address,  # noqa: F401  fixtures
    browser,  # noqa: F401
    visit,  # noqa: F401
)
from tests.test_widgets_browser import PARTS, alone, compute, opened, opened_as_a_file, part
from tools.build_site import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-widgets-digit")]

PEN, TRAINED = 1.25, 60  # of book/widgets/ink.js and teach.js
LOADED = """
const { net, arrays } = await m.load(JSON.parse(box.querySelector("script").textContent).network);
"""
THREE = [(0.33, 0.25), (0.45, 0.17), (0.6, 0.19), (0.66, 0.29), (0.62, 0.39), (0.46, 0.47),
         (0.62, 0.51), (0.69, 0.62), (0.64, 0.75), (0.5, 0.82), (0.32, 0.77)]  # fmt: skip
SEVEN = [(0.25, 0.2), (0.5, 0.2), (0.75, 0.2), (0.6, 0.5), (0.45, 0.85)]


@pytest.fixture(scope="module")
def file() -> dict[str, np.ndarray]:
    """The arrays that the chapter exported, as the site offers them."""
    html = (SITE / PARTS["digit"]).read_text(encoding="utf-8")
    address = re.search(r'"network": "(assets/widgets/digits\.\w+\.npz)"', html)
    assert address
    with np.load(SITE / address[1]) as arrays:
        return dict(arrays)


def press(box: Locator, name: str) -> None:
    box.get_by_role("button", name=name, exact=True).click()


def draw(box: Locator, *strokes: list[tuple[float, float]], shift: float = 0.0) -> None:
    """Draw on a part's pad with the mouse, points in 0..1."""
    pad = box.get_by_role("application")
    pad.scroll_into_view_if_needed()
    at, mouse = pad.bounding_box(), box.page.mouse
    for stroke in strokes:
        for k, (x, y) in enumerate(stroke):
            mouse.move(at["x"] + (x + shift) * at["width"], at["y"] + y * at["height"], steps=4)
            if k == 0:
                mouse.down()
        mouse.up()


def answer(box: Locator) -> str:
    """Return what the part says once it has drawn what was done last."""
    box.page.evaluate("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
    return box.locator(".w-answer").inner_text().replace("\u00a0", " ")


# --- the network in the page is the one of the chapter ------------------------------------------


def test_the_page_offers_what_the_last_run_exported(file):
    html = (SITE / PARTS["digit"]).read_text(encoding="utf-8")
    address = re.search(r"assets/widgets/digits\.(\w+)\.npz", html)
    content = (SITE / address[0]).read_bytes()
    runs = json.loads((SITE.parent / "executed" / "runs.json").read_text())
    assert hashlib.sha256(content).hexdigest() == runs["07-cnn"]["exports"]["digits.npz"]
    floats = [a for n, a in file.items() if re.match(r"\d", n) and a.ndim]
    assert floats and {a.dtype for a in floats} == {np.dtype("float32")}, "nothing is rounded"


def test_its_logits_are_those_of_pytorch(visit, file):
    import torch

    torch.set_num_threads(1)
    notebook = nbformat.read(ROOT / "book" / "07-cnn.ipynb", as_version=4)
    cell = next(c.source for c in notebook.cells if c.id == "modern-net")
    names: dict[str, Any] = {"nn": torch.nn}
    exec(cell, names)
    net = names["fashion_net"]().eval()
    net.load_state_dict({n: torch.tensor(file[n]) for n in net.state_dict()})
    pictures = datasets.load("mnist").X_test[:60]
    x = torch.tensor(pictures / 255, dtype=torch.float32)[:, None]
    box = opened(visit, "digit")
    given = pictures.reshape(60, -1).tolist()
    logits = f"{LOADED}return given.map((p) => [...net.forward(p.map((v) => v / 255)).logits]);"
    got = np.array(compute(box, logits, given))
    with torch.no_grad():
        single, double = net(x).numpy(), net.double()(x.double()).numpy()
    assert np.abs(got - single).max() < 1e-5
    assert np.abs(got - double).max() < 1e-6
    # … and those that the chapter's run itself computed, of the pictures that the part shows
    shown = np.array(compute(box, logits, file["pictures"].reshape(20, -1).tolist()))
    assert np.abs(shown - file["logits"]).max() < 1e-5


def test_arrays_of_all_kinds_are_read_as_numpy_wrote_them(visit, tmp_path):
    box = opened(visit, "digit")
    wanted = {
        "a": np.arange(6, dtype="float32").reshape(2, 3), "b": np.array(7), "c": np.arange(3.0),
        "d": np.array([255], dtype="uint8"), "e": np.zeros((0, 2)), "f": np.array([-1], "int32"),
    }  # fmt: skip
    np.savez(tmp_path / "all.npz", **wanted)
    got = compute(
        box,
        """const module = new URL(box.dataset.module, document.baseURI);
        const text = await (await fetch(module)).text();
        const lib = await import(new URL(text.match(/lib\\.\\w+\\.js/)[0], module));
        const all = Object.entries(lib.npz(Uint8Array.from(given).buffer));
        return Object.fromEntries(all.map(([k, v]) => [k, [v.shape, [...v.data]]]));""",
        list((tmp_path / "all.npz").read_bytes()),
    )
    assert got == {n: [list(a.shape), a.ravel().tolist()] for n, a in wanted.items()}


def prepared(strokes: list[list[float]]) -> np.ndarray:
    """A drawing as MNIST's pictures are made: NumPy's own version of `prepare`."""
    points = [np.reshape(s, (-1, 2)) for s in strokes]
    low, high = np.min(np.vstack(points), axis=0), np.max(np.vstack(points), axis=0)
    scale = (20 - 2 * PEN) / max(high - low)
    at = np.stack(np.meshgrid(np.arange(28) + 0.5, np.arange(28) + 0.5), axis=-1)

    def raster(middle: np.ndarray) -> np.ndarray:
        far = np.full((28, 28), np.inf)
        for stroke in points:
            p = (stroke - (low + high) / 2) * scale + middle
            for a, b in pairwise(p):
                t = np.clip((at - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
                far = np.minimum(far, np.linalg.norm(at - a - t[..., None] * (b - a), axis=-1))
        return np.clip(PEN + 0.5 - far, 0, 1)

    first = raster(np.array([14, 14]))
    mass = (first[..., None] * at).sum((0, 1)) / first.sum()
    return raster(14 + 14.5 - mass)


def test_a_drawing_is_scaled_and_centred_as_mnist_is(visit):
    box = opened(visit, "digit")
    rng = np.random.default_rng(0)
    drawings = [[rng.uniform(0.1, 0.9, size=2 * n).tolist() for n in rng.integers(2, 6, size=3)]
                for _ in range(8)]  # fmt: skip
    got = np.array(compute(box, "return given.map((d) => [...m.prepare(d)]);", drawings))
    for drawing, picture in zip(drawings, got.reshape(-1, 28, 28), strict=True):
        assert np.allclose(picture, prepared(drawing), atol=1e-5)
        rows, columns = picture.any(axis=1), picture.any(axis=0)
        if not (rows[[0, -1]].any() or columns[[0, -1]].any()):
            sides = [np.ptp(np.flatnonzero(some)) + 1 for some in (rows, columns)]
            assert 19 <= max(sides) <= 22
    dot = np.array(compute(box, "return [...m.prepare([[0.1, 0.1]])];"))
    assert 2 < dot.sum() < 12 and compute(box, "return m.prepare([]).some((v) => v);") is False


# --- draw a digit -------------------------------------------------------------------------------


def test_a_reader_draws_and_it_is_read_while_the_maps_answer(visit):
    box = opened(visit, "digit")
    assert answer(box).startswith("It reads a 2") and "Draw your own." in answer(box)
    press(box, "Clear")
    assert "Draw a digit" in answer(box)
    block = box.get_by_role("img", name=re.compile("^Block 1"))
    assert "nothing" in block.get_attribute("aria-label")
    assert box.get_by_role("button", name="Clear").is_disabled()
    draw(box, THREE)
    assert answer(box).startswith("It reads a 3")
    assert "of its 16 maps" in block.get_attribute("aria-label")
    shares = [re.sub(r"[^\d.]", "", t) for t in box.locator(".w-share").all_inner_texts()]
    assert len(shares) == 10 and sum(map(float, shares)) == pytest.approx(100, abs=1.5)
    press(box, "Undo")
    assert "Draw a digit" in answer(box)
    draw(box, SEVEN)
    assert answer(box).startswith("It reads a 7")
    press(box, "Clear")
    assert "Draw a digit" in answer(box)


def test_the_example_gives_way_to_the_first_stroke(visit):
    box = opened(visit, "digit")
    draw(box, SEVEN)
    assert answer(box).startswith("It reads a 7")


def test_a_reader_draws_with_keys_alone(visit):
    box = opened(visit, "digit")
    pad, keys = box.get_by_role("application"), box.page.keyboard
    pad.focus()
    keys.press("Shift+ArrowUp")
    keys.press("Shift+ArrowUp")
    assert "Pen up, column 14, row 4" in pad.get_attribute("aria-label")
    keys.press("Space")
    for _ in range(4):
        keys.press("Shift+ArrowDown")
    assert "Pen down, column 14, row 24" in pad.get_attribute("aria-label")
    keys.press("Space")
    assert answer(box).startswith("It reads a 1")


def test_a_finger_draws_on_the_pad_and_scrolls_beside_it(visit):
    watched = visit("phone-light", has_touch=True)
    alone(watched.tab, "digit")
    box = part(watched.open(PARTS["digit"]), "digit")
    pad = box.get_by_role("application")
    pad.scroll_into_view_if_needed()
    at, wide = pad.bounding_box(), box.page.viewport_size["width"]
    assert at["x"] >= 44 and wide - at["x"] - at["width"] >= 44, "room for a thumb to scroll"
    blocked = box.evaluate(
        """(box) => [...box.querySelectorAll("*")]
          .filter((e) => getComputedStyle(e).touchAction === "none").map((e) => e.className)"""
    )
    assert len(blocked) == 1 and "w-pad" in blocked[0]
    touch = watched.context.new_cdp_session(box.page)
    points = [{"x": at["x"] + x * at["width"], "y": at["y"] + y * at["height"]} for x, y in SEVEN]
    for k, point in enumerate(points):
        kind = "touchMove" if k else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert answer(box).startswith("It reads a 7")


def test_twenty_test_digits_are_there_ten_of_them_read_wrongly(visit, file):
    box = opened(visit, "digit")
    buttons = box.get_by_role("button", name=re.compile("of the test set"))
    assert buttons.count() == 20
    read = file["logits"].argmax(axis=1)
    assert (read[:10] == file["names"][:10]).all() and (read[10:] != file["names"][10:]).all()
    for k in (0, 3, 10, 19):
        buttons.nth(k).click()
        assert answer(box).startswith(f"It reads a {read[k]}")
        assert f"Written was a {file['names'][k]}" in answer(box)
        assert buttons.nth(k).get_attribute("aria-pressed") == "true"
    draw(box, [(0.1, 0.1), (0.9, 0.9)])  # a stroke on the test digit makes it the reader's own
    assert "Written" not in answer(box)
    assert box.locator("[aria-pressed=true]").count() == 0


def test_the_network_comes_when_the_reader_comes_near(visit):
    watched = visit()
    seen: list[str] = []
    watched.tab.on("request", lambda r: seen.append(r.url))
    tab = watched.open(PARTS["digit"])
    tab.wait_for_timeout(200)
    assert not [url for url in seen if ".npz" in url]
    part(tab, "digit")
    part(tab, "teach")
    assert len([url for url in seen if ".npz" in url]) == 1, "once for both parts"


def test_a_network_that_does_not_come_leaves_the_picture(visit):
    watched = visit()
    watched.tab.route("**/*.npz", lambda route: route.abort())
    alone(watched.tab, "digit")
    box = watched.open(PARTS["digit"]).locator("#part-digit")
    box.get_by_text("could not be started here").wait_for()
    assert box.locator(".widget-still svg, .widget-still img").first.is_visible()
    watched.problems = [p for p in watched.problems if ".npz" not in p and "ERR_FAILED" not in p]


def test_both_parts_run_in_a_page_that_was_opened_as_a_file(browser):
    with opened_as_a_file(browser, "digit") as tab:
        box = part(tab, "digit")
        draw(box, THREE)
        assert answer(box).startswith("It reads a 3")
        press(part(tab, "teach"), "Shapes")


# --- teach it -----------------------------------------------------------------------------------


def test_the_gradients_are_those_of_softmax_regression(visit):
    box = opened(visit, "teach")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 5)), np.arange(9) % 3
    X[:, 4] = 2  # a feature that says nothing
    W, b = rng.normal(size=(3, 5)), rng.normal(size=3)
    got = compute(
        box,
        """const state = m.begin(given.X, given.y, 3);
        const before = m.gradients(state).loss;
        [state.W, state.b] = [Float64Array.from(given.W), Float64Array.from(given.b)];
        const g = m.gradients(state);
        return { before, loss: g.loss, W: [...g.W], b: [...g.b] };""",
        {"X": X.tolist(), "y": y.tolist(), "W": W.ravel().tolist(), "b": b.tolist()},
    )
    spread = X.std(axis=0)
    x = (X - X.mean(axis=0)) / np.maximum(spread, spread.mean()) / np.sqrt(5)
    z = x @ W.T + b
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    up = (p - np.eye(3)[y]) / 9
    assert got["before"] == pytest.approx(np.log(3))
    assert got["loss"] == pytest.approx(-np.log(p[np.arange(9), y]).mean())
    assert np.allclose(got["W"], (up.T @ x + 1e-3 * W).ravel())
    assert np.allclose(got["b"], up.sum(axis=0))


@pytest.mark.parametrize("name", ["shapes", "faces", "arrows"])
def test_new_drawings_of_the_sets_to_start_with_are_recognised(visit, name):
    box = opened(visit, "teach")
    right, seconds, losses = compute(
        box,
        f"""{LOADED}
        const seen = (drawings) => drawings.map((d) => net.forward(m.prepare(d)).pooled);
        const known = m.starter(given, 6), fresh = m.starter(given, 10, 99);
        const rows = known.flatMap((c) => seen(c.drawings));
        const labels = known.flatMap((c, k) => c.drawings.map(() => k));
        const began = performance.now();
        const state = m.train(rows, labels, known.length);
        const spent = (performance.now() - began) / 1000;
        const right = fresh.flatMap((c, k) => seen(c.drawings).map((row) => {{
          const p = m.classify(state, row);
          return p.indexOf(Math.max(...p)) === k;
        }}));
        return [right, spent, state.losses];""",
        name,
    )
    print(f"{name}: trained in {1000 * seconds:.0f} ms, {np.mean(right):.0%} of new ones right")  # noqa: T201
    assert np.mean(right) >= 0.75 and len(losses) == TRAINED
    assert losses[-1] < 0.2 * losses[0]


def test_a_reader_teaches_two_classes_of_her_own(visit):
    box = opened(visit, "teach")
    ring = [(0.5 + 0.3 * np.cos(a), 0.5 + 0.3 * np.sin(a)) for a in np.linspace(0, 6.2, 14)]
    bar = [(0.3, 0.2), (0.4, 0.5), (0.5, 0.8)]
    train = box.get_by_role("button", name="Train")
    assert train.is_disabled()
    box.get_by_label("Name of class 1").fill("ring")
    box.get_by_label("Name of class 2").fill("bar")
    for name, stroke in [("ring", ring), ("bar", bar)]:
        for shift in (0.0, 0.08):
            draw(box, stroke, shift=shift)
            press(box, f"Add to {name}")
    assert box.get_by_role("button", name=re.compile("Remove drawing")).count() == 4
    train.click()
    assert f"Step {TRAINED} of {TRAINED}: loss 0.69 →" in box.inner_text()
    assert "Loss from 0.69" in box.get_by_role("img", name=re.compile("^Loss")).get_attribute(
        "aria-label")  # fmt: skip
    draw(box, [(x * 0.8 + 0.1, y * 0.9) for x, y in ring])
    assert answer(box).startswith("It takes this for ring")
    press(box, "Clear")
    draw(box, [(0.6, 0.15), (0.62, 0.5), (0.7, 0.85)])
    assert answer(box).startswith("It takes this for bar")
    box.get_by_label("Name of class 2").fill("a line")
    assert answer(box).startswith("It takes this for a line")


def test_drawings_and_classes_are_removed_and_kept_and_forgotten(visit):
    watched = visit()
    alone(watched.tab, "teach")
    box = part(watched.open(PARTS["teach"]), "teach")
    press(box, "Shapes")
    drawings = box.get_by_role("button", name=re.compile("Remove drawing"))
    assert drawings.count() == 18 and "18 drawings" in box.inner_text()
    press(box, "Remove drawing 2 of circle")
    assert drawings.count() == 17 and "not trained yet" in box.inner_text()
    press(box, "Remove the class cross")
    assert drawings.count() == 11
    press(box, "Add a class")
    press(box, "Add a class")
    assert box.get_by_role("button", name="Add a class").is_disabled()
    box = part(watched.open(PARTS["teach"]), "teach")
    assert box.get_by_role("button", name=re.compile("Remove drawing")).count() == 11
    assert box.get_by_label("Name of class 2").input_value() == "triangle"
    press(box, "Start over")
    box = part(watched.open(PARTS["teach"]), "teach")
    assert box.get_by_role("button", name=re.compile("Remove drawing")).count() == 0


def test_what_was_kept_and_is_nonsense_is_left_alone(visit):
    box = opened(visit, "teach")
    good = [{"name": "a" * 40, "drawings": [[[0.1, 0.2]]]}, {"name": "b", "drawings": []}]
    bad = ["", "null", "{}", "[1, 2]", json.dumps(good[:1]), json.dumps(good * 3),
           json.dumps([{"name": "a", "drawings": [[[0.1]]]}] * 2),
           json.dumps([{"name": "a", "drawings": [[[0.1, 9]]]}] * 2),
           json.dumps([{"name": 1, "drawings": []}] * 2)]  # fmt: skip
    assert compute(box, "return given.map(m.restored);", bad) == [None] * len(bad)
    kept = compute(box, "return m.restored(given);", json.dumps(good))
    assert kept == [{**good[0], "name": "a" * 16}, good[1]]


def test_it_works_where_nothing_can_be_kept(visit):
    watched = visit()
    watched.tab.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })"
    )
    alone(watched.tab, "teach")
    box = part(watched.open(PARTS["teach"]), "teach")
    press(box, "Arrows")
    assert "24 drawings" in box.inner_text()


def test_the_loss_is_seen_to_fall_by_who_wants_motion(visit):
    """Print how long the training computes; only a very long one is a failure."""
    watched = visit()
    watched.tab.emulate_media(reduced_motion="no-preference")
    alone(watched.tab, "teach")
    box = part(watched.open(PARTS["teach"]), "teach")
    press(box, "Arrows")
    watched.tab.wait_for_function(
        "document.querySelector('#part-teach .widget-stage').dataset.spent", timeout=20_000
    )
    spent = float(box.locator(".widget-stage").get_attribute("data-spent"))
    print(f"24 drawings of four classes: {spent:.0f} ms of training")  # noqa: T201
    assert f"Step {TRAINED} of {TRAINED}" in box.inner_text() and spent < 20_000
