# ruff: noqa: F811  (fixtures that are imported)
"""The book's interactive parts in headless Chromium, with the network off: what a reader does.

The numbers that a part computes are compared with NumPy, and with the chapter's own cells.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.test_book_browser import (
    PAGES,
    SITE,
    address,  # noqa: F401  fixtures
    browser,  # noqa: F401
    too_wide,
    violations,
    visit,  # noqa: F401
)
from tools.build_site import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-widgets")]

MOST = 30 * 1024  # bytes of one part's own code
PARTS = {
    name: page
    for page in PAGES
    if (SITE / page).is_file()
    for name in re.findall(r'<section class="widget" id="part-([\w-]+)"', (SITE / page).read_text())
} or {"none": "index.html"}
each_part = pytest.mark.parametrize("name", PARTS)


def part(tab: Page, name: str) -> Locator:
    """Scroll to a part as a reader does, and return it once it runs."""
    box = tab.locator(f"#part-{name}")
    box.scroll_into_view_if_needed()
    tab.locator(f'#part-{name}[data-state="ready"]').wait_for(timeout=20_000)
    return box


def alone(tab: Page, name: str) -> None:
    """Let the part's page come with the part as its only content: quicker, on a busy machine."""
    html = (SITE / PARTS[name]).read_text(encoding="utf-8")
    section = re.search(rf'<section class="widget" id="part-{name}".*?</section>', html, re.S)
    assert section
    short = re.sub(r"(<article[^>]*>).*(</article>)", lambda m: m[1] + section[0] + m[2], html,
                   flags=re.S)  # fmt: skip
    tab.route(f"**/{PARTS[name]}", lambda r: r.fulfill(body=short, content_type="text/html"))


def opened(visit: Any, name: str, form: str = "desktop-light", **options: Any) -> Locator:
    watched = visit(form, **options)
    alone(watched.tab, name)
    return part(watched.open(PARTS[name]), name)


def compute(box: Locator, body: str, given: Any = None) -> Any:
    """Run `body` with the part's exported functions as `m` and `given`; return what it returns."""
    return box.page.evaluate(
        f"""async ([id, given]) => {{
          const box = document.getElementById(id);
          const m = await import(new URL(box.dataset.module, document.baseURI).href);
          {body}
        }}""",
        [box.get_attribute("id"), given],
    )


def axe(tab: Page, where: str) -> list[str]:
    return violations(tab, {"include": [[where]]})


# --- every part ---------------------------------------------------------------------------------


def given(name: str) -> dict[str, Any]:
    """What the page brings for a part."""
    assert name in PARTS, f"no page of {SITE} holds part-{name}: run make book first"
    html = (SITE / PARTS[name]).read_text(encoding="utf-8")
    section = re.search(rf'<section class="widget" id="part-{name}".*?</section>', html, re.S)[0]
    text = re.search(r'<script type="application/json">(.*?)</script>', section, re.S)[1]
    return json.loads(text)


def use(box: Locator, name: str) -> None:
    """Do a little with a part, so that its other states are looked at too."""
    press = lambda text: box.get_by_role("button", name=text, exact=True).click()  # noqa: E731
    if name == "perceptron":
        press("Step")
        box.locator("summary").click()
        box.locator("[data-drag]").first.focus()
    elif name == "backprop":
        for _ in range(3):
            press("Forward")
        box.get_by_label("∂L/∂e").fill("7")
        press("Check")
    elif name == "optimisers":
        box.get_by_label("Surface", exact=True).select_option("saddle")
        press("Race")
    elif name == "convolution":
        press("Flip it")
        press("Slide")
    elif name == "playground":
        press("Train 100 epochs")
        box.get_by_role("button", name="Layer 1, neuron 1").click()
        press("Share")
    elif name == "digit":
        box.get_by_role("button", name=re.compile("is read as")).first.click()
        box.get_by_role("application").focus()
        box.page.keyboard.press("Space")
        box.page.keyboard.press("ArrowDown")
    elif name == "attention":
        box.locator(".w-token").nth(3).click()
    elif name == "bits":
        box.get_by_role("slider").press("End")
    elif name == "teach":
        press("Shapes")
        press("Add a class")


@each_part
@pytest.mark.parametrize("form", ["desktop-light", "phone-dark"])
def test_a_part_is_accessible_before_and_after_use(visit, name, form):
    box = opened(visit, name, form)
    assert axe(box.page, f"#part-{name}") == []
    use(box, name)
    assert axe(box.page, f"#part-{name}") == []
    assert too_wide(box.page) == []


@each_part
def test_a_part_fits_the_smallest_phone_and_its_targets_a_finger(visit, name):
    box = opened(visit, name, "phone-light", width=320)
    use(box, name)
    assert too_wide(box.page) == []
    small = box.evaluate(
        """(box) => [...box.querySelector(".widget-stage")
            .querySelectorAll("button, select, input, summary, [data-drag]")]
          .filter((e) => e.checkVisibility())
          .map((e) => [e, (e.closest("label") ?? e).getBoundingClientRect()])
          .filter(([, r]) => r.width < 24 || r.height < 24)
          .map(([e, r]) => `${e.outerHTML.slice(0, 80)} ${r.width} x ${r.height}`)"""
    )
    assert small == []


@each_part
def test_a_part_without_scripts_is_a_picture_with_words(visit, name):
    tab = visit("phone-light", java_script_enabled=False).open(PARTS[name])
    still = tab.locator(f"#part-{name} .widget-still")
    picture = still.locator("svg[aria-label], img[alt]").first
    assert picture.is_visible()
    assert len(still.inner_text()) > 80
    assert not tab.locator(f"#part-{name} .widget-stage").is_visible()


def test_a_part_is_loaded_when_the_reader_comes_near_and_is_small(visit):
    name = max(PARTS, key=lambda n: len((ROOT / "book" / "widgets" / f"{n}.js").read_bytes()))
    watched = visit()
    weights: dict[str, int] = {}
    watched.tab.on("request", lambda r: weights.setdefault(r.url, 0))
    tab = watched.open(PARTS[name])
    tab.wait_for_timeout(200)
    assert not [url for url in weights if "/assets/widgets/" in url]
    part(tab, name)
    loaded = [url.rpartition("/")[2] for url in weights if "/assets/widgets/" in url]
    assert {file.partition(".")[0] for file in loaded} >= {name, "lib", "widgets"}
    files = SITE / "assets" / "widgets"
    for file in filter(re.compile(r"\.(js|css)$").search, loaded):
        assert (files / file).stat().st_size <= MOST, file


def test_no_part_is_larger_than_allowed():
    sizes = {f.name: f.stat().st_size for f in (ROOT / "book" / "widgets").glob("*.js")}
    assert sizes and {name: size for name, size in sizes.items() if size > MOST} == {}


def test_a_part_that_does_not_load_leaves_its_picture_and_says_so(visit):
    name = next(iter(PARTS))
    watched = visit()
    watched.tab.route(f"**/assets/widgets/{name}.*", lambda route: route.abort())
    tab = watched.open(PARTS[name])
    box = tab.locator(f"#part-{name}")
    box.scroll_into_view_if_needed()
    box.get_by_text("could not be started here").wait_for()
    assert box.locator(".widget-still svg, .widget-still img").first.is_visible()
    watched.problems = [
        p for p in watched.problems if f"{name}." not in p and "ERR_FAILED" not in p
    ]


@contextmanager
def opened_as_a_file(browser: Browser, name: str) -> Iterator[Page]:
    """The part's page as somebody opens it who has the folder; no script of it may stop."""
    context = browser.new_context(reduced_motion="reduce")
    tab = context.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda e: problems.append(str(e)))
    tab.goto((SITE / PARTS[name]).as_uri())
    yield tab
    context.close()
    assert problems == []


def test_parts_run_in_a_page_that_was_opened_as_a_file(browser):
    with opened_as_a_file(browser, "perceptron") as tab:
        box = part(tab, "perceptron")
        box.get_by_role("button", name="Step", exact=True).click()
        assert "Point 1 at (3, 1)" in box.inner_text()


@each_part
def test_a_part_follows_the_page_into_the_dark_and_gives_paper_its_picture(visit, name):
    box = opened(visit, name)
    drawn = box.locator("canvas").last
    look = lambda: (  # noqa: E731
        drawn.evaluate("e => e.toDataURL()") if drawn.count() else
        box.locator("svg.w-plot, .w-plot svg").first.evaluate(
            "e => getComputedStyle(e.querySelector('text')).fill")
    )  # fmt: skip
    light = look()
    box.page.get_by_role("button", name="Switch to dark").click()
    box.page.wait_for_timeout(50)
    assert look() != light
    box.page.emulate_media(media="print")
    assert box.locator(".widget-still svg, .widget-still img").first.is_visible()
    assert not box.locator(".widget-stage").is_visible()


# --- perceptron ---------------------------------------------------------------------------------


def rule(points: list[list[float]], most: int) -> tuple[list[float], float, list[int]]:
    """The perceptron rule of chapter 03: weights, bias, mistakes in each epoch."""
    w, b, mistakes = np.zeros(2), 0.0, []
    for _ in range(most):
        mistakes.append(0)
        for *x, y in points:
            error = y - int(np.dot(w, x) + b >= 0)
            w, b = w + error * np.array(x), b + error
            mistakes[-1] += error != 0
        if mistakes[-1] == 0:
            break
    return w.tolist(), b, mistakes


def test_the_rule_is_that_of_the_chapter(visit):
    box = opened(visit, "perceptron")
    rng = np.random.default_rng(0)
    cases = [rng.integers(-3, 4, size=(6, 2)).tolist() for _ in range(20)]
    labels = rng.integers(0, 2, size=(20, 6)).tolist()
    sets = [
        [[*x, y] for x, y in zip(c, n, strict=True)] for c, n in zip(cases, labels, strict=True)
    ]
    sets += compute(box, "return Object.values(m.PRESETS).map((p) => p[2]);")
    got = compute(box, "return given.map((p) => m.train(p, 60));", sets)
    for points, state in zip(sets, got, strict=True):
        w, b, mistakes = rule(points, 60)
        assert np.allclose([*state["w"], state["b"]], [*w, b])
        assert state["mistakes"][:60] == mistakes
        assert state["done"] == (mistakes[-1] == 0)


def test_the_shaded_half_is_where_the_answer_is_one(visit):
    box = opened(visit, "perceptron")
    corners = compute(box, "return m.half({ w: [-4, 4], b: 1 }, [-1, 7, -1, 5]);")
    z = np.array(corners) @ [-4, 4] + 1
    assert len(corners) >= 3 and z.min() > -1e-9 and np.isclose(z, 0).sum() == 2


def test_a_reader_steps_through_the_six_points(visit):
    box = opened(visit, "perceptron")
    step = box.get_by_role("button", name="Step", exact=True)
    step.click()
    assert "w = (−3, −1), b = −1" in box.inner_text()
    assert "answer 1, wrong. Subtract it from the weights." in box.inner_text()
    step.click()
    assert "w = (−1, 2), b = 0" in box.inner_text()
    while step.is_enabled():
        step.click()
    assert "w = (−4, 4), b = 1" in box.inner_text() and "done after 5 mistakes" in box.inner_text()
    box.get_by_role("button", name="Reset the line").click()
    assert "w = (0, 0)" in box.inner_text() and step.is_enabled()


def test_points_move_by_mouse_keyboard_and_finger(visit):
    watched = visit("phone-light", has_touch=True)
    alone(watched.tab, "perceptron")
    box = part(watched.open(PARTS["perceptron"]), "perceptron")
    tab, dot = box.page, box.locator("[data-drag]").first
    assert "at 3, 1" in dot.get_attribute("aria-label")
    at = dot.bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    unit = box.locator("svg.w-plot").bounding_box()["width"] / 8
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + unit, y - unit, steps=3)
    tab.mouse.up()
    assert "at 4, 2" in dot.get_attribute("aria-label")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowDown")
    assert "at 3.8, 1.8" in dot.get_attribute("aria-label")
    tab.keyboard.press("Enter")
    assert "class 1" in dot.get_attribute("aria-label")
    touch = watched.context.new_cdp_session(tab)
    at = dot.bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    points = [(x, y), (x - unit / 2, y), (x - unit, y)]
    for kind, where in zip(["touchStart", "touchMove", "touchMove"], points, strict=True):
        point = {"x": where[0], "y": where[1]}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(dot).to_have_attribute("aria-label", re.compile("at 2.8, 1.8"))


def test_points_are_added_changed_and_removed(visit):
    box = opened(visit, "perceptron")
    dots = box.locator("[data-drag]")
    box.get_by_text("Add or change points").click()
    box.get_by_role("button", name="Put one in the middle").click()
    assert dots.count() == 7 and dots.last.evaluate("e => e === document.activeElement")
    box.get_by_role("button", name="Change its class").click()
    assert "class 0" in dots.last.get_attribute("aria-label")
    dots.last.focus()
    box.page.keyboard.press("Delete")
    assert dots.count() == 6
    plane = box.locator("svg.w-plot").bounding_box()
    box.page.mouse.click(plane["x"] + 0.9 * plane["width"], plane["y"] + 0.1 * plane["height"])
    assert dots.count() == 7


def test_xor_never_settles(visit):
    box = opened(visit, "perceptron")
    box.get_by_label("Points", exact=True).select_option("xor")
    box.get_by_role("button", name="Run", exact=True).click()
    assert "No line parts these points" in box.inner_text()
    assert box.get_by_role("button", name="Step", exact=True).is_enabled()
    box.get_by_label("Points", exact=True).select_option("six")
    box.get_by_role("button", name="Run", exact=True).click()
    assert "done after 5 mistakes" in box.inner_text()


# --- backprop -----------------------------------------------------------------------------------


def analytic(graph: str, v: dict[str, float]) -> dict[str, float]:
    """Gradients of each graph's loss with respect to its leaves, derived by hand."""
    if graph == "chain":
        e = v["w"] * v["x"] - v["y"]
        return {"w": 2 * e * v["x"], "x": 2 * e * v["w"], "y": -2 * e}
    if graph == "join":
        return {"x": 3 * v["x"] ** 2 + 2 * v["x"]}
    if graph == "neuron":
        z = v["w"] * v["x"] + v["b"]
        up = 2 * (max(z, 0) - v["y"])
        gate = up * (z > 0)
        return {"w": gate * v["x"], "x": gate * v["w"], "b": gate, "y": -up}
    return {"w": 2 * v["w"] * v["x"], "x": v["w"] ** 2, "y": -1}


def test_gradients_are_the_analytic_ones(visit):
    box = opened(visit, "backprop")
    starts = compute(
        box, "return Object.entries(m.GRAPHS).map(([k, g]) => [k, Object.keys(g.start)]);"
    )
    assert {name for name, _ in starts} == {"chain", "join", "neuron", "shared"}
    rng = np.random.default_rng(0)
    cases = [(k, dict(zip(names, rng.normal(size=len(names)), strict=True)))
             for k, names in starts for _ in range(20)]  # fmt: skip
    got = compute(
        box,
        "return given.map(([k, v]) => m.backward(m.GRAPHS[k], m.forward(m.GRAPHS[k], v)));",
        cases,
    )
    for (graph, leaves), gradients in zip(cases, got, strict=True):
        for name, want in analytic(graph, leaves).items():
            assert gradients[name] == pytest.approx(want, abs=1e-12), (graph, name)


def test_a_reader_predicts_and_is_told_why(visit):
    box = opened(visit, "backprop")
    for _ in range(3):
        box.get_by_role("button", name="Forward").click()
    assert "L = 9" in box.inner_text()

    def answer(name: str, text: str) -> str:
        box.get_by_label(f"∂L/∂{name}").fill(text)
        box.page.keyboard.press("Enter")
        return box.locator(".w-say").inner_text()

    assert "Write a number" in answer("e", "?")
    assert "the sign is not" in answer("e", "6")
    assert "Right: upstream 1 × local 2e = −6 is −6" in answer("e", "−6")
    assert "Right" in answer("y", "6")
    assert "Right" in answer("a", "-6")
    assert "local derivative alone" in answer("x", "0.5")
    box.get_by_role("button", name="Tell me").click()
    assert "It is: upstream −6 × local w = 0.5 is −3" in box.locator(".w-say").inner_text()
    assert "Every gradient is known" in answer("w", "-24")
    assert "3 of 5 right at the first try" in box.inner_text()
    assert "w: 0.5, gradient −24" in box.locator("svg[role=img]").first.get_attribute("aria-label")


def test_paths_that_meet_are_told_to_add(visit):
    box = opened(visit, "backprop")
    box.get_by_label("Graph", exact=True).select_option("join")
    for _ in range(3):
        box.get_by_role("button", name="Forward").click()
    for name, value in [("v", "4"), ("u", "9"), ("x", "24")]:
        box.get_by_label(f"∂L/∂{name}").fill(value)
        box.page.keyboard.press("Enter")
    assert "message of one path" in box.locator(".w-say").inner_text()
    box.get_by_label("∂L/∂x").fill("33")
    box.page.keyboard.press("Enter")
    assert "together 33" in box.locator(".w-say").inner_text()
    box.get_by_role("button", name="Once more").click()
    assert box.get_by_role("button", name="Forward").is_visible()


# --- optimisers ---------------------------------------------------------------------------------


def chapter_optimisers() -> dict[str, Any]:
    """The functions that chapter 05 defines in its own cells."""
    notebook = json.loads((ROOT / "book" / "05-training.ipynb").read_text(encoding="utf-8"))
    cells = {c["id"]: "".join(c["source"]) for c in notebook["cells"]}
    names: dict[str, Any] = {"np": np}
    exec(cells["sgd"].partition("\n\n\nprint")[0], names)
    exec(cells["optimisers"], names)
    keys = {"SGD": "sgd", "momentum": "momentum", "RMSprop": "rmsprop", "Adam": "adam"}
    return {shown: names[key] for shown, key in keys.items()}


SURFACES = {
    "ravine": lambda p: (p[0] ** 2 + 25 * p[1] ** 2) / 2,
    "bowl": lambda p: (p[0] ** 2 + p[1] ** 2) / 2,
    "saddle": lambda p: p[0] ** 2 / 2 - p[1] ** 2 / 2 + p[1] ** 4 / 4,
    "rosenbrock": lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2,
}


def slope(loss: Any, p: np.ndarray, nudge: float = 1e-5) -> np.ndarray:
    steps = nudge * np.eye(2)
    return np.array([(loss(p + d) - loss(p - d)) / (2 * nudge) for d in steps])


def test_surfaces_slopes_and_minima_are_right(visit):
    box = opened(visit, "optimisers")
    points = np.random.default_rng(0).uniform(-2, 2, size=(30, 2)).tolist()
    got = compute(box, """return Object.entries(m.SURFACES).map(([k, s]) =>
        [k, given.map((p) => [s.loss(...p), ...s.slope(...p)]),
         s.ends.map((e) => s.slope(...e))]);""",
        points)  # fmt: skip
    assert {k for k, *_ in got} == set(SURFACES)
    for name, values, ends in got:
        want = [[SURFACES[name](np.array(p)), *slope(SURFACES[name], np.array(p))] for p in points]
        assert np.allclose(values, want, rtol=1e-5, atol=1e-5), name
        assert np.allclose(ends, 0)


def test_the_optimisers_are_those_of_the_chapter(visit):
    box = opened(visit, "optimisers")
    chapter = chapter_optimisers()
    got = compute(box, """return Object.entries(m.SURFACES).flatMap(([k, s]) =>
        Object.keys(m.OPTIMISERS).map((n, i) =>
          [k, n, s.rates[i], s.start, m.path(s, n, s.rates[i], 30)]));""")  # fmt: skip
    assert len(got) == 16
    gradients = {
        "ravine": lambda x, y: (x, 25 * y),
        "bowl": lambda x, y: (x, y),
        "saddle": lambda x, y: (x, y**3 - y),
        "rosenbrock": lambda x, y: (2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)),
    }
    for surface, name, lr, start, path in got:
        at, state = np.array(start), {}
        want = [at]
        for _ in range(30):
            at = chapter[name](at, np.array(gradients[surface](*at)), state, lr)
            want.append(at)
        assert np.allclose(path, want, rtol=1e-9, atol=1e-9), (surface, name)


def test_a_reader_races_and_changes_rate_surface_and_start(visit):
    box = opened(visit, "optimisers")
    told = box.locator(".w-told")
    before = told.all_inner_texts()
    rate = box.get_by_label("lr of SGD")
    rate.focus()
    for _ in range(6):
        box.page.keyboard.press("ArrowRight")
    after = told.all_inner_texts()
    assert after[0] != before[0] and after[1:] == before[1:]
    rate.fill("0.3")
    assert told.first.inner_text() == "flies off"
    box.get_by_label("Surface", exact=True).select_option("rosenbrock")
    assert box.get_by_label("Steps", exact=True).input_value() == "200"
    chart = box.get_by_role("application")
    start = chart.get_attribute("aria-label")
    chart.focus()
    box.page.keyboard.press("Shift+ArrowRight")
    assert chart.get_attribute("aria-label") != start
    box.get_by_role("checkbox", name="Adam").uncheck()
    assert told.all_inner_texts()[3] == "—"
    box.get_by_role("button", name="Race").click()  # no motion is wanted: the end at once
    assert "Loss after 200 steps" in chart.get_attribute("aria-label")


def test_with_motion_the_race_runs_and_ends(visit):
    watched = visit()
    watched.tab.emulate_media(reduced_motion="no-preference")
    alone(watched.tab, "optimisers")
    box = part(watched.open(PARTS["optimisers"]), "optimisers")
    box.get_by_role("button", name="Race").click()
    assert box.get_by_role("button", name="Stop").is_visible()
    box.get_by_role("button", name="Race").wait_for(timeout=15_000)
    assert "Loss after 30 steps" in box.get_by_role("application").get_attribute("aria-label")


# --- convolution --------------------------------------------------------------------------------


def test_the_map_is_the_cross_correlation(visit):
    box = opened(visit, "convolution")
    got = compute(box, """return Object.values(m.PICTURES).flatMap(([, make]) =>
        Object.values(m.KERNELS).map((k) => {
          const p = make();
          return [[...p], k, [...m.correlate(p, k)]];
        }));""")  # fmt: skip
    assert len(got) == 36
    rng = np.random.default_rng(0)
    picture, kernel = rng.random(784).tolist(), rng.normal(size=9).tolist()
    got.append(
        [picture, kernel, compute(box, "return [...m.correlate(...given)];", [picture, kernel])]
    )
    for picture, kernel, out in got:
        windows = np.lib.stride_tricks.sliding_window_view(np.reshape(picture, (28, 28)), (3, 3))
        want = np.einsum("ijuv,uv->ij", windows, np.reshape(kernel, (3, 3)))
        assert np.allclose(out, want.ravel(), atol=1e-12)


def test_the_boot_is_the_one_of_the_chapter(visit):
    from course_utils import datasets

    box = opened(visit, "convolution")
    boot = compute(box, "return [...m.PICTURES.boot[1]()];")
    want = datasets.load("fashion-mnist").X_train[0].ravel() / 255
    assert np.abs(np.array(boot) - want).max() <= 0.5 / 15 + 1e-9


def test_a_reader_moves_the_window_and_edits_the_kernel(visit):
    box = opened(visit, "convolution")
    box.get_by_label("Picture", exact=True).select_option("step")
    picture = box.get_by_role("application")
    size = picture.bounding_box()["width"]
    picture.click(position={"x": 12.5 / 28 * size, "y": 5.5 / 28 * size})  # the window's middle
    total = box.locator(".w-sum")
    assert "row 5, column 12" in total.inner_text() and "Their sum, 0," in total.inner_text()
    box.page.keyboard.press("ArrowRight")  # its right column lies on the bright side now
    assert "Their sum, 4," in total.inner_text() and "column 13" in total.inner_text()
    box.get_by_role("button", name="Flip it").click()
    assert "Their sum, −4," in total.inner_text()
    box.get_by_label("Weight in row 1, column 3").fill("-10")
    assert "Their sum, −13," in total.inner_text()
    assert box.get_by_role("combobox", name="Kernel").input_value() == "own"
    box.get_by_role("button", name="Slide").click()
    assert "row 26, column 26" in total.inner_text()


def test_a_reader_draws_with_mouse_and_keyboard(visit):
    box = opened(visit, "convolution")
    box.get_by_label("Picture", exact=True).select_option("empty")
    result = box.get_by_role("img", name=re.compile("The map"))
    assert "from 0 to 0" in result.get_attribute("aria-label")
    box.get_by_label("draws").check()
    picture = box.get_by_role("application")
    size = picture.bounding_box()["width"]
    picture.click(position={"x": size / 2, "y": size / 2})
    assert "from 0 to 0" not in result.get_attribute("aria-label")
    box.get_by_label("Picture", exact=True).select_option("empty")
    picture.focus()
    box.page.keyboard.press("Space")
    assert "from 0 to 0" not in result.get_attribute("aria-label")


# --- playground ---------------------------------------------------------------------------------

BENDS = {
    "ReLU": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(float)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "none": (lambda z: z, np.ones_like),
}


def numpy_step(net: dict[str, Any], X: np.ndarray, y: np.ndarray, lr: float, penalty: str,
               strength: float) -> tuple[float, list[np.ndarray], list[np.ndarray]]:  # fmt: skip
    """Loss, and weights (out, in) and biases after one step of gradient descent."""
    bend, bend_slope = BENDS[net["activation"]]
    W = [
        np.reshape(w, (o, i))
        for w, i, o in zip(net["W"], net["sizes"], net["sizes"][1:], strict=False)
    ]
    b = [np.array(v) for v in net["b"]]
    layers = [X]
    for w, v in zip(W[:-1], b[:-1], strict=True):
        layers.append(bend(layers[-1] @ w.T + v))
    z = (layers[-1] @ W[-1].T + b[-1])[:, 0]
    loss = np.mean(np.logaddexp(0, z) - y * z)
    up = ((1 / (1 + np.exp(-z)) - y) / len(y))[:, None]
    for k in reversed(range(len(W))):
        dW, db, before = up.T @ layers[k], up.sum(0), up @ W[k]
        pull = {"L2": W[k], "L1": np.sign(W[k]), "none": 0 * W[k]}[penalty]
        moved = W[k] - lr * (dW + strength * pull)
        W[k] = np.where((penalty == "L1") & (W[k] * moved < 0), 0, moved)
        b[k] = b[k] - lr * db
        up = before * bend_slope(layers[k]) if k else before
    return loss, W, b


@pytest.mark.parametrize("activation", BENDS)
def test_a_step_of_the_network_is_that_of_numpy(visit, activation):
    box = opened(visit, "playground")
    rng = np.random.default_rng(0)
    for sizes, penalty in itertools.product(
        [[2, 1], [3, 4, 1], [2, 5, 3, 1]], ["none", "L1", "L2"]
    ):
        X = rng.normal(size=(12, sizes[0]))
        y = rng.integers(0, 2, size=12)
        net, after, loss = compute(
            box,
            """const lists = (arrays) => arrays.map((a) => [...a]);
            const plain = (n) => ({ ...n, W: lists(n.W), b: lists(n.b) });
            const net = m.create(given.sizes, given.activation, 3);
            net.b.forEach((v) => v.fill(0.1));
            const before = plain(net);
            const [X, y] = [Float64Array.from(given.X), Float64Array.from(given.y)];
            const loss = m.step(net, X, y, 0.3, given.penalty, 0.05);
            return [before, plain(net), loss];""",
            {"sizes": sizes, "activation": activation, "penalty": penalty,
             "X": X.T.ravel().tolist(), "y": y.tolist()},
        )  # fmt: skip
        want, W, b = numpy_step(net, X, y, 0.3, penalty, 0.05)
        assert loss == pytest.approx(want, abs=1e-12)
        for got, weights in zip(after["W"], W, strict=True):
            assert np.allclose(got, weights.ravel(), atol=1e-12)
        for got, biases in zip(after["b"], b, strict=True):
            assert np.allclose(got, biases, atol=1e-12)


def losses(box: Locator) -> list[float]:
    text = box.locator(".w-told-now").inner_text()
    return [float(n) for n in re.findall(r"(\d+(?:\.\d+)?) in", text)]


def test_a_reader_trains_a_network_and_looks_at_a_neuron(visit):
    box = opened(visit, "playground")
    assert abs(losses(box)[0] - math.log(2)) < 0.4
    box.get_by_role("button", name="Train 100 epochs").click()
    assert "Epoch 100" in box.inner_text() and losses(box)[0] < 0.35
    neuron = box.get_by_role("button", name="Layer 1, neuron 2")
    neuron.focus()
    box.page.keyboard.press("Enter")
    assert "Shown: layer 1, neuron 2" in box.inner_text()
    assert neuron.get_attribute("aria-pressed") == "true"
    box.get_by_label("One neuron more in layer 2").click()
    assert "Epoch 0" in box.inner_text()
    assert box.get_by_role("button", name=re.compile("Layer 2, neuron")).count() == 3
    square = box.get_by_role("button", name="Feature x₁²", exact=True)
    square.click()
    assert square.get_attribute("aria-pressed") == "true"
    box.get_by_label("Hidden layers").select_option("0")
    box.get_by_role("button", name="One epoch").click()
    assert "Epoch 1" in box.inner_text()


def test_the_last_feature_stays(visit):
    box = opened(visit, "playground")
    for name in ("x₁", "x₂"):
        box.get_by_role("button", name=f"Feature {name}", exact=True).click()
    assert box.get_by_role("button", name=re.compile("^Feature")).and_(
        box.locator("[aria-pressed=true]")).count() == 1  # fmt: skip


def test_a_setting_has_an_address_that_brings_it_back(visit):
    watched = visit(permissions=["clipboard-read", "clipboard-write"])
    alone(watched.tab, "playground")
    box = part(watched.open(PARTS["playground"]), "playground")
    box.get_by_label("Data", exact=True).select_option("xor")
    box.get_by_label("Activation").select_option("ReLU")
    box.get_by_label("Hidden layers").select_option("1")
    box.get_by_label("Noise").fill("0.3")
    box.get_by_role("button", name="Train 100 epochs").click()
    end = losses(box)
    box.get_by_role("button", name="Share").click()
    link = box.get_by_label("Address of this setting").input_value()
    assert "#part-playground:data=xor" in link
    assert watched.tab.evaluate("navigator.clipboard.readText()") == link
    again = visit()
    again.tab.goto(link)
    again.tab.locator('#part-playground[data-state="ready"]').wait_for()
    box = again.tab.locator("#part-playground")
    assert box.get_by_label("Activation").input_value() == "ReLU"
    assert float(box.get_by_label("Noise").input_value()) == 0.3
    box.get_by_role("button", name="Train 100 epochs").click()
    assert losses(box) == end


def test_an_address_with_nonsense_is_harmless(visit):
    box = opened(visit, "playground")
    base = compute(
        box, "return m.settings('', { data: 'moons', hidden: [2], lr: 0.1, in: '1100000' });"
    )
    wrong = "data=<b>&hidden=99,2,-1&lr=NaN&in=0000000&act=evil&noise=7&seed=x"
    assert compute(box, f"return m.settings({wrong!r}, {json.dumps(base)});") == base
    assert compute(box, f"return m.settings('hidden=&lr=0.3', {json.dumps(base)});") == {
        **base, "hidden": [], "lr": 0.3}  # fmt: skip


def test_the_largest_network_trains_fluently(visit):
    """Print the time of a frame (an epoch and all surfaces); only a very long one is a failure."""
    watched = visit()
    watched.tab.emulate_media(reduced_motion="no-preference")
    alone(watched.tab, "playground")
    watched.tab.goto(f"{watched.address}/{PARTS['playground']}"
                     "#part-playground:data=spiral&hidden=8,8,8,8&in=1111111&act=tanh")  # fmt: skip
    box = watched.tab.locator("#part-playground")
    watched.tab.locator('#part-playground[data-state="ready"]').wait_for()
    box.get_by_role("button", name="Train", exact=True).click()
    watched.tab.wait_for_function(
        "document.querySelector('#part-playground .widget-stage').dataset.frame", timeout=20_000
    )
    box.get_by_role("button", name="Pause").click()
    spent = float(box.locator(".widget-stage").get_attribute("data-frame"))
    print(f"a frame of the largest network: {spent:.1f} ms")  # noqa: T201
    assert spent < 200


# --- bits ---------------------------------------------------------------------------------------


def test_weights_are_rounded_as_numpy_rounds(visit):
    box = opened(visit, "bits")
    numbers = np.random.default_rng(1).normal(size=300)
    got = compute(box, "return [8, 4, 3, 2, 1, 32].map((b) => m.rounded(given, b));",
                  numbers.tolist())  # fmt: skip
    for width, values in zip((8, 4, 3, 2), got, strict=False):
        scale = np.abs(numbers).max() / (2 ** (width - 1) - 1)
        assert np.allclose(values, np.round(numbers / scale) * scale)
    assert np.allclose(got[4], np.sign(numbers) * np.abs(numbers).mean())
    assert got[5] == numbers.tolist()
    halves = compute(box, "return [0.5, 1.5, 2.5, -0.5, -1.5, 2.4].map(m.even);")
    assert halves == np.round([0.5, 1.5, 2.5, -0.5, -1.5, 2.4]).tolist()
    assert compute(box, "return [...new Set(m.greys([0, 0.2, 0.5, 0.9, 1], 1))];") == [0, 1]


@pytest.mark.parametrize("width", [1280, 320])
def test_a_reader_takes_bits_away_with_the_keyboard(visit, width):
    data = given("bits")
    box = opened(visit, "bits", width=width)
    slider = box.get_by_role("slider")
    slider.focus()
    for keys, told, bits in (("", "32 bits", 32), ("ArrowRight ArrowRight", "8 bits", 8),
                             ("End", "1 bit", 1)):  # fmt: skip
        for key in keys.split():
            box.page.keyboard.press(key)
        assert slider.get_attribute("aria-valuetext") == told
        assert f"{data['count'] * bits / 8000:.1f} kB" in box.inner_text()
        assert f"{100 * data['accuracy'][str(bits)]:.1f} %" in box.inner_text()
    assert too_wide(box.page) == []


def test_a_ruler_reaches_to_the_largest_weight_of_the_whole_table(visit):
    data = given("bits")
    weights, largest, mean = np.array(data["weights"]), data["largest"], data["mean"]
    assert np.abs(weights).max() <= largest + 5e-5
    box = opened(visit, "bits")
    got = compute(
        box, "return [4, 2, 1].map((b) => m.rounded(...given.slice(0, 1), b, given[1], given[2]));",
        [weights.tolist(), largest, mean],
    )  # fmt: skip
    for bits, values in zip((4, 2), got, strict=False):
        scale = largest / (2 ** (bits - 1) - 1)
        assert np.allclose(values, np.round(weights / scale) * scale)
    assert np.allclose(np.abs(got[2]), mean)


def test_each_width_has_the_accuracy_of_the_run_and_its_size(visit):
    data = given("bits")
    widths = [32, 16, 8, 7, 6, 5, 4, 3, 2, 1]
    assert sorted(map(int, data["accuracy"])) == sorted(widths)
    assert len(data["kernels"]) == 16 and np.shape(data["picture"]) == (28, 28)
    box = opened(visit, "bits")
    slider = box.get_by_role("slider")
    drawn = set()
    for place, bits in enumerate(widths):
        slider.fill(str(place))
        text = box.locator(".w-numbers").inner_text()
        told = float(re.search(r"accuracy ([\d.]+) %", text)[1])
        assert told == pytest.approx(100 * data["accuracy"][str(bits)], abs=0.0501)
        kilobytes = float(re.match(r"([\d.]+) kB", text)[1])
        assert kilobytes == pytest.approx(data["count"] * bits / 8 / 1000, abs=0.0501)
        views = box.locator("canvas")
        drawn.add(tuple(views.nth(i).evaluate("e => e.toDataURL()") for i in range(views.count())))
    assert views.count() == 3  # histogram, picture, kernels
    assert len(drawn) >= 8


@pytest.mark.parametrize("form", ["desktop-light", "phone-dark"])
def test_bits_is_accessible_in_its_chapter(visit, form):
    box = opened(visit, "bits", form)
    box.get_by_role("slider").fill("8")
    assert axe(box.page, "#part-bits") == []
    assert too_wide(box.page) == []


# --- quiz ---------------------------------------------------------------------------------------

QUIZ = PARTS.get("perceptron", "index.html")


def test_a_quiz_counts_remembers_and_starts_over(visit):
    watched = visit()
    tab = watched.open(QUIZ)
    progress = tab.locator(".quiz-progress")
    assert "Open the option" in progress.inner_text()
    first, right = tab.locator("details.quiz-wrong").first, tab.locator("details.quiz-right").first
    first.locator("summary").click()
    assert "0 of 5 solved" in progress.inner_text()
    right.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert "1 of 5 solved, 0 at the first try" in progress.inner_text()
    assert tab.locator(".announcer").inner_text().startswith("Right.")
    right.locator("summary").click()  # to close an option is no answer
    tab.reload()
    assert "1 of 5 solved, 0 at the first try" in progress.inner_text()
    assert first.get_attribute("open") is not None
    progress.get_by_role("button", name="Start over").click()
    assert "Open the option" in progress.inner_text()
    assert tab.locator("details.quiz[open]").count() == 0
    tab.reload()
    assert tab.locator("details.quiz[open]").count() == 0


def test_printing_a_quiz_answers_nothing(visit):
    tab = visit().open(QUIZ)
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("details.quiz[open]").count() > 3
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert "Open the option" in tab.locator(".quiz-progress").inner_text()


def test_a_quiz_works_where_nothing_can_be_kept(visit):
    watched = visit()
    watched.tab.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })"
    )
    tab = watched.open(QUIZ)
    tab.locator("details.quiz-right summary").first.click()
    assert "1 of 5 solved, 1 at the first try" in tab.locator(".quiz-progress").inner_text()
