"""`make serve`: what is saved is shown, one page at a time, with faults and old outputs told."""

from __future__ import annotations

import copy
import dataclasses
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from book.theme.typeset import kept
from tests import theme_sample
from tests.test_book_browser import LAUNCH
from tools import build_site, serve
from tools.browser import find_chromium
from tools.serve import Desk, Said, inline_values, live_server, merged, with_client

pytestmark = pytest.mark.xdist_group("serve")


# --- a chapter that was changed after its run ----------------------------------------------------


def chapter(*cells: tuple[str, str, str], outputs: bool = False) -> dict:
    """Return a notebook of (id, type, source); with outputs each code cell shows its id."""
    made = []
    for name, kind, source in cells:
        cell = {"id": name, "cell_type": kind, "metadata": {}, "source": source}
        if kind == "code":
            cell["outputs"] = [{"shown": name}] if outputs else []
        made.append(cell)
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


SOURCE = chapter(("a", "code", "n = 3"), ("b", "markdown", "There are {eval}`n` of {eval}`n + 1`."))
EXECUTED = chapter(("a", "code", "n = 3"), ("b", "markdown", "There are 3 of 4."), outputs=True)


def changed(number: int, source: str) -> dict:
    made = copy.deepcopy(SOURCE)
    made["cells"][number]["source"] = source
    return made


def texts(notebook: dict) -> list[str]:
    return [cell["source"] for cell in notebook["cells"]]


def test_an_unchanged_chapter_is_its_executed_copy():
    made, old = merged(SOURCE, SOURCE, EXECUTED)
    assert not old
    assert texts(made) == texts(EXECUTED)
    assert made["cells"][0]["outputs"] == [{"shown": "a"}]


def test_changed_code_keeps_the_old_outputs_and_says_so():
    made, old = merged(changed(0, "n = 5"), SOURCE, EXECUTED)
    assert old
    assert texts(made) == ["n = 5", "There are 3 of 4."]
    assert made["cells"][0]["outputs"] == [{"shown": "a"}]


def test_changed_prose_is_new_and_its_numbers_are_those_of_the_run():
    made, old = merged(changed(1, "Now {eval}`n + 1` and {eval}`n`."), SOURCE, EXECUTED)
    assert not old
    assert texts(made)[1] == "Now 4 and 3."


def test_a_number_that_no_run_has_given_is_never_invented():
    made, old = merged(changed(1, "There are {eval}`n * 9`."), SOURCE, EXECUTED)
    assert old
    assert texts(made)[1] == f"There are {serve.UNKNOWN}."


def test_new_removed_and_moved_code_make_the_outputs_old():
    new = {**SOURCE, "cells": [*SOURCE["cells"], *chapter(("c", "code", "m = 1"))["cells"]]}
    made, old = merged(new, SOURCE, EXECUTED)
    assert old and made["cells"][2]["outputs"] == []
    assert merged({**SOURCE, "cells": SOURCE["cells"][1:]}, SOURCE, EXECUTED)[1]
    two = chapter(("a", "code", "x"), ("b", "code", "y"))
    assert merged({**two, "cells": two["cells"][::-1]}, two, two)[1]


def test_a_run_whose_source_nobody_knows_counts_as_old():
    assert merged(SOURCE, None, EXECUTED)[1]


def test_values_of_a_text_that_does_not_match_are_not_known():
    assert inline_values("a {eval}`n`", "b 3") == {}


# --- what Jupyter Book says ----------------------------------------------------------------------


def test_what_is_wrong_is_known_until_its_file_is_read_again(tmp_path):
    said = Said()
    said.take(["⛔️ a.md:5:2 unknown role: x", "⚠️  a.md empty", "⛔ b.md no target: t"], tmp_path)
    assert said.sentences() == ["a.md:5:2: unknown role: x", "b.md: no target: t"]
    said.take(["📖 Built b.md in 1 s."], tmp_path)  # what has no place is told in every round
    assert said.sentences() == ["a.md:5:2: unknown role: x"]
    said.forget("a.md")
    assert said.sentences() == []


def test_a_part_that_is_there_is_not_missed_a_second_time(tmp_path):
    said = Said()
    line = f"⛔️ a.ipynb Cannot find asset for 'esm' \"/part-{'0' * 32}.js\" in /somewhere"
    said.take([line], tmp_path)
    assert len(said.sentences()) == 1
    (tmp_path / f"part-{'0' * 32}.js").touch()
    said.take([line], tmp_path)
    assert said.sentences() == []


# --- pages that are kept -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The sample book as `make serve` keeps it."""
    folder = tmp_path_factory.mktemp("serve")
    places = theme_sample.write(folder)
    made = Desk(dataclasses.replace(places, work=folder / "build" / "book", pages=folder / "pages"))
    made.chapters.remember = lambda: None  # the sample was never run here
    source = json.loads((places.book / "99-sample.ipynb").read_text())
    made.chapters._ran = lambda stem: source
    made.open()
    yield made
    made.close()


@pytest.fixture
def served(desk: Desk) -> Iterator[str]:
    running = live_server(desk)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


@pytest.fixture
def writing(desk: Desk) -> Iterator[Callable[[str, Callable[[str], str]], None]]:
    """Return a function that changes a source as a writer would; at the end all is as it was."""
    before: dict[Path, str] = {}

    def change(name: str, how: Callable[[str], str]) -> None:
        path = desk.places.book / name
        before.setdefault(path, path.read_text())
        path.write_text(how(path.read_text()))
        desk.take(desk.look())

    yield change
    for path, text in before.items():
        path.write_text(text)
    desk.take(desk.look())
    assert desk.fault is None


def page(desk: Desk, name: str) -> str:
    return (desk.places.site / name).read_text()


def typeset_pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the name of each page that is typeset anew is added."""
    from book.theme.typeset.pages import Press

    names: list[str] = []
    real = Press.page
    monkeypatch.setattr(Press, "page", lambda self, p: names.append(p.stem) or real(self, p))
    return names


def test_the_book_is_served_without_a_fault(desk):
    assert desk.fault is None
    assert "Prose and boxes" in page(desk, "prose.html")


def test_a_saved_page_is_shown_and_only_it_is_typeset_again(desk, writing, monkeypatch):
    names = typeset_pages(monkeypatch)
    read = []
    monkeypatch.setattr(desk.myst, "start", lambda: read.append("everything"))
    writing("prose.md", lambda text: text + "\nA sentence that was written just now.\n")
    assert "A sentence that was written just now." in page(desk, "prose.html")
    assert names == ["prose"] and read == []


def test_a_style_reaches_all_pages_without_jupyter_book(desk, writing, monkeypatch):
    monkeypatch.setattr(desk.myst, "read", lambda *_, **__: pytest.fail("read again"))
    from book.theme.typeset import assets

    before = page(desk, "prose.html")
    monkeypatch.setattr(assets, "STYLES", assets.STYLES[:-1])
    desk.take({desk.places.theme / "static" / "css" / "print.css"})
    assert page(desk, "prose.html") != before
    monkeypatch.undo()
    desk.take({desk.places.theme / "static" / "css" / "print.css"})
    assert page(desk, "prose.html") == before


def test_a_fault_is_told_the_last_good_page_stays_and_mending_it_shows_the_new_one(desk, writing):
    before = page(desk, "prose.html")
    writing("prose.md", lambda text: text + "\nNew words with {no-such-role}`x`.\n")
    assert "no-such-role" in desk.fault
    assert page(desk, "prose.html") == before
    writing("prose.md", lambda text: text.replace("{no-such-role}`x`", "nothing wrong"))
    assert desk.fault is None
    assert "New words with nothing wrong." in page(desk, "prose.html")


def test_a_reference_that_another_page_mends_is_no_fault_any_more(desk, writing):
    writing("prose.md", lambda text: text + "\nSee [](#made-later).\n")
    assert "made-later" in desk.fault
    writing("glossary.md", lambda text: text + "\n(made-later)=\n## Made later\n")
    assert desk.fault is None
    assert 'href="glossary.html#made-later"' in page(desk, "prose.html")


def test_changed_code_shows_old_outputs_with_a_note(desk, writing):
    assert desk.note("99-sample.html") is None
    writing("99-sample.ipynb", lambda text: text.replace("secret = 1", "secret = 2"))
    assert "from an older run" in desk.note("99-sample.html")
    assert "tools/execute.py book --only 99" in desk.note("99-sample.html")
    assert desk.note("prose.html") is None


def test_with_run_the_chapter_that_was_saved_runs_and_no_other(desk, writing, monkeypatch):
    class Run:
        ended: int | None = None

        def poll(self) -> int | None:
            return self.ended

    started: list[str] = []
    one = Run()
    monkeypatch.setattr(desk, "run", True)
    monkeypatch.setattr(desk, "_start", lambda stem: started.append(stem) or one)
    try:
        writing("99-sample.ipynb", lambda text: text.replace("secret = 1", "secret = 3"))
        assert started == ["99-sample"] and "runs now" in desk.note("99-sample.html")
        desk.chapters.old.add("98-other")  # old, and nobody has saved it
        assert "tools/execute.py book --only 98" in desk.note("98-other.html")
        desk._run_again()  # it runs still
        assert started == ["99-sample"]
        desk.saved.append("98-other")  # saved meanwhile
        assert "runs after 99-sample" in desk.note("98-other.html")
        one.ended = 0
        desk._run_again()
        assert started == ["99-sample", "98-other"]
    finally:
        desk.chapters.old.discard("98-other")
        desk.running, desk.saved = None, []


def test_a_new_file_is_found(desk, writing):
    new = desk.places.book / "extra.md"
    new.write_text("# An extra page\n\nWords.\n")
    two = "- file: extra.md\n        - file: prose.md"
    writing("myst.yml", lambda text: text.replace("- file: prose.md", two))
    assert desk.fault is None
    assert "An extra page" in page(desk, "extra.html")
    new.unlink()


# --- what a browser gets -------------------------------------------------------------------------


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read().decode()


def test_what_makes_pages_reload_is_in_what_is_served_and_not_in_the_site(desk, served):
    assert "data-live-stamp" in get(f"{served}/prose.html")
    assert "data-live-stamp" in get(f"{served}/")
    for file in desk.places.site.rglob("*.*"):
        assert b"__live" not in file.read_bytes(), file


def test_a_page_hears_of_a_change_to_itself(desk, served, writing):
    stamp = desk.stamp("prose.html")
    with urllib.request.urlopen(f"{served}/__live?page=prose.html", timeout=60) as stream:
        first = json.loads(stream.readline().removeprefix(b"data: "))
        assert first == {"stamp": stamp, "fault": None, "note": None}
        stream.readline()
        writing("prose.md", lambda text: text + "\nAnother sentence.\n")
        while not (line := stream.readline()).startswith(b"data: "):
            pass
        assert (
            json.loads(line.removeprefix(b"data: "))["stamp"] == desk.stamp("prose.html") != stamp
        )


def test_unknown_addresses_and_paths_outside_get_nothing(served):
    for path in ("nothing.html", "../build-key", "%2e%2e/runs.json"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(f"{served}/{path}")
        assert caught.value.code == 404


def test_a_stamp_is_given_for_pages_only(served):
    with urllib.request.urlopen(f"{served}/__live?page=../runs.json", timeout=60) as stream:
        assert json.loads(stream.readline().removeprefix(b"data: "))["stamp"] == ""


def test_the_script_stands_at_the_end_of_the_body():
    made = with_client("<html><body><p>x</p></body></html>", 'a"b.html', "12")
    assert made.endswith("</script></body></html>")
    assert 'data-live-page="a&quot;b.html"' in made


def test_the_watch_waits_until_an_editor_has_finished(desk, monkeypatch):
    looks = iter([{Path("a")}, {Path("b")}, set()])
    taken: list[set[Path]] = []
    stop = threading.Event()
    monkeypatch.setattr(desk, "look", lambda: next(looks, set()))
    monkeypatch.setattr(desk, "take", lambda paths: (taken.append(paths), stop.set()))
    desk.watch(stop)
    assert taken == [{Path("a"), Path("b")}]


# --- in a browser --------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_reader_sees_a_saved_page_at_the_same_place_and_a_fault_over_it(desk, served, writing):
    program = find_chromium()
    if program is None:
        pytest.fail("There is no Chromium to test with: run python tools/browser.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(LAUNCH))
        tab = browser.new_page(viewport={"width": 800, "height": 500})
        tab.goto(f"{served}/prose.html")
        heading = tab.locator("main h2").last
        heading.evaluate("e => scrollBy({top: e.getBoundingClientRect().top, behavior: 'instant'})")
        before = heading.evaluate("e => e.getBoundingClientRect().top")
        assert tab.evaluate("scrollY") > 500
        long = "\n\n".join(["Words above the place, to move everything down."] * 9)
        writing("prose.md", lambda text: text.replace("\n## ", f"\n{long}\n\n## ", 1))
        tab.get_by_text("Words above the place").nth(8).wait_for(state="attached")
        tab.wait_for_load_state("load")
        tab.wait_for_function("history.scrollRestoration === 'auto'")
        assert abs(heading.evaluate("e => e.getBoundingClientRect().top") - before) <= 2
        assert tab.locator("#live p").count() == 0
        writing("prose.md", lambda text: f"{text}\n{{no-such-role}}`x`\n")
        fault = tab.locator("#live .live-fault")
        fault.wait_for()
        assert "no-such-role" in fault.inner_text()
        assert tab.get_by_text("Words above the place").count() == 9
        writing("prose.md", lambda text: text.replace("{no-such-role}`x`", ""))
        fault.wait_for(state="detached")
        tab.goto(f"{served}/99-sample.html")
        writing("99-sample.ipynb", lambda text: text.replace("secret = 1", "secret = 2"))
        tab.locator("#live .live-note").wait_for()
        browser.close()


# --- pages kept between builds -------------------------------------------------------------------


def test_a_second_build_takes_pages_from_the_folder_and_they_are_equal(tmp_path, monkeypatch):
    places = dataclasses.replace(theme_sample.write(tmp_path), pages=tmp_path / "pages")
    build_site.build(places, "one")
    first = {p.relative_to(places.site): p.read_bytes() for p in places.site.rglob("*.*")}
    kept._memory.clear()  # as another program would find it
    names = typeset_pages(monkeypatch)
    content = places.work / "_build" / "site"
    build_site.typeset(places, content, "one")
    assert names == []
    second = {p.relative_to(places.site): p.read_bytes() for p in places.site.rglob("*.*")}
    assert second == first
    for change in ("prose.md", "runs.json"):  # what belongs to one page typesets only that one
        kept._memory.clear()
        names.clear()
        if change == "runs.json":
            runs = json.loads(places.runs.read_text())
            runs["99-sample"]["seconds"] = 3.0
            places.runs.write_text(json.dumps(runs))
        else:
            data = next(p for p in content.glob("content/*.json") if "prose" in p.name)
            data.write_text(data.read_text().replace("Prose and boxes", "Prose and more"))
        build_site.typeset(places, content, "two")
        # a page's title stands in the contents of all
        assert names == ["99-sample"] if change == "runs.json" else len(names) == 4


def test_a_spoilt_kept_page_is_typeset_again(tmp_path):
    places = dataclasses.replace(theme_sample.write(tmp_path), pages=tmp_path / "pages")
    build_site.build(places, "one")
    kept._memory.clear()
    for file in (tmp_path / "pages").glob("*.json"):
        file.write_text("[1, 2")
    build_site.typeset(places, places.work / "_build" / "site", "one")
    assert "Prose and boxes" in (places.site / "prose.html").read_text()


def test_the_same_book_gives_the_same_files_in_every_build(tmp_path):
    places = theme_sample.write(tmp_path)
    found = []
    for _ in range(2):
        build_site.build(places, "key")
        found.append({p.relative_to(places.site): p.read_bytes()
                      for p in places.site.rglob("*.*")})  # fmt: skip
    assert found[0] == found[1]


def test_another_content_of_equal_length_has_another_date(tmp_path):
    dates = set()
    for text in ("a", "b", "a"):
        (tmp_path / "x").write_text(text)
        build_site.date(tmp_path / "x")
        dates.add((tmp_path / "x").stat().st_mtime)
    assert len(dates) == 2
