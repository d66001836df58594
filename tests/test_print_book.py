"""The whole book as one PDF (tools/print_book.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools import print_book
from tools.print_book import PrintError, combined, in_order, print_pages

PAGE = """<!doctype html><html><head><link rel="stylesheet" href="book.css"></head><body>
<nav class="book-nav"><a href="index.html">Welcome</a><a href="two.html">Two</a></nav>
<main><article>{}</article></main></body></html>"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "book.css").write_text("body { color: black }")
    (folder / "index.html").write_text(
        PAGE.format(
            '<h1 id="top">Welcome</h1><h2 id="same">One</h2>'
            '<a href="two.html#same">there</a> <a href="#same">here</a> <a href="two.html">two</a>'
            '<a href="https://example.org/">out</a> <a href="notebooks/x.ipynb">file</a>'
        )
    )
    (folder / "two.html").write_text(
        PAGE.format(
            '<h1>Two &amp; more</h1><h2 id="same" aria-labelledby="same">Other</h2>'
            '<svg><g clip-path="url(#clip)"></g><clipPath id="clip"></clipPath></svg>'
            "<details><summary>More</summary>folded</details><script>let x;</script>"
        )
    )
    return folder


def test_links_between_pages_become_links_inside_the_document(site: Path) -> None:
    soup = BeautifulSoup(combined(in_order(site)), "html.parser")
    links = {a.get_text(): a.get("href") for a in soup.select("main a")}
    assert links == {
        "there": "#two--same",
        "here": "#index--same",
        "two": "#two",
        "out": "https://example.org/",
        "file": None,
    }
    ids = [element["id"] for element in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    for link in soup.select('a[href^="#"]'):
        assert str(link["href"])[1:] in ids


def test_drawings_keep_their_own_parts_and_scripts_stay_out(site: Path) -> None:
    text = combined(in_order(site))
    assert "url(#two--clip)" in text
    assert 'id="two--clip"' in text
    assert 'aria-labelledby="two--same"' in text
    assert "<script" not in text
    assert "Two &amp; more" in text


def test_without_a_site_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(PrintError, match="make book"):
        in_order(tmp_path)


@pytest.mark.browser
def test_the_pdf_has_an_outline_tags_and_replaces_the_old_one(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "book.pdf"
    print_pages(site, in_order(site), out)
    made = out.read_bytes()
    for part in (b"%PDF", b"/Outlines", b"/StructTreeRoot", b"/Dests"):
        assert part in made
    out.write_text("old")
    print_pages(site, in_order(site)[1:], out)
    assert out.read_bytes().startswith(b"%PDF")
    assert list(out.parent.iterdir()) == [out]


def test_an_unknown_page_is_named(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = print_book.Places(site=site)
    monkeypatch.setattr(print_book, "Places", lambda: places)
    assert print_book.main(["99"]) == 1
    assert "No page begins with 99" in capsys.readouterr().err
