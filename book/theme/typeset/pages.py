"""The book as pages: order, navigation, contents, references, and the files of the finished site.

All pages lie in one folder and link to each other by relative addresses, so the site works from
any web server, under any path, and opened as files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from . import assets as asset_files
from . import cards, previews, published, search, widgets
from .errors import ThemeError
from .kept import Kept
from .nodes import Node, PageState, Typesetter, attach_alt_texts, plain_text, walk
from .notebooks import chapter_number

TEMPLATES = asset_files.THEME / "templates"


@dataclass(frozen=True)
class Settings:
    """What a build knows beside MyST's content.

    `runs` is _build/executed/runs.json; `sources` the folder with the notebooks that readers
    download; `exports` the folder with what their runs left for interactive parts; `base_url` the
    path under which the site will be served ("" for the root), which
    only the page for unknown addresses needs; `in_browser` what a chapter's page offers to run in
    the browser, [{"name": …, "url": …}] by its stem, none without `make lite`.
    """

    runs: dict[str, Any] = field(default_factory=dict)
    sources: Path | None = None
    exports: Path | None = None
    base_url: str = ""
    extension: str = ".html"
    in_browser: dict[str, list[dict[str, str]]] = field(default_factory=dict)


class Source(Protocol):
    """Where MyST's finished content is read from."""

    def config(self) -> dict[str, Any]:
        """Return the site's configuration: config.json."""
        ...

    def page(self, slug: str) -> dict[str, Any]:
        """Return one page: content/<slug>.json."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a file that MyST put beside the content, or None when there is none."""
        ...


class Content:
    """MyST's finished content in a folder: config.json, content/<slug>.json, public/<file>."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def config(self) -> dict[str, Any]:
        """Return the site's configuration."""
        return json.loads((self.folder / "config.json").read_text(encoding="utf-8"))

    def page(self, slug: str) -> dict[str, Any]:
        """Return one page as MyST wrote it."""
        path = self.folder / "content" / f"{slug}.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def read(self, name: str) -> bytes | None:
        """Return a file that MyST put beside the content, or None when there is none."""
        path = self.folder / "public" / name
        return path.read_bytes() if path.is_file() else None


@dataclass
class Page:
    """One page of the book."""

    slug: str
    stem: str  # of its source file: "03-perceptron"
    title: str
    part: str | None
    data: dict[str, Any]
    address: str = ""

    @property
    def root(self) -> Node:
        """The page's content: the root of MyST's tree."""
        return self.data["mdast"]

    @property
    def number(self) -> int | None:
        """The chapter's number, None for other pages."""
        return chapter_number(self.stem)

    @property
    def is_notebook(self) -> bool:
        """Whether the page was run."""
        return self.data.get("kind") == "Notebook"


@dataclass
class Book:
    """All pages in reading order, and what they share."""

    title: str
    description: str
    repository: str | None
    pages: list[Page]
    site: str | None = None  # its public address, with a slash at the end

    @property
    def parts(self) -> list[tuple[str | None, list[Page]]]:
        """Return [(title of the part or None, its pages)] in order."""
        found: list[tuple[str | None, list[Page]]] = []
        for page in self.pages:
            if not found or found[-1][0] != page.part:
                found.append((page.part, []))
            found[-1][1].append(page)
        return found

    def by_slug(self, slug: str) -> Page | None:
        """Return the page that MyST calls `slug`; "" and "index" mean the first."""
        wanted = slug or self.pages[0].slug
        return next((p for p in self.pages if p.slug == wanted), None)

    def neighbours(self, page: Page) -> tuple[Page | None, Page | None]:
        """Return the page before and the page after."""
        at = self.pages.index(page)
        before = self.pages[at - 1] if at else None
        after = self.pages[at + 1] if at + 1 < len(self.pages) else None
        return before, after


def load(content: Source, settings: Settings) -> Book:
    """Read the book's order and pages from MyST's content."""
    config = content.config()
    project = config["projects"][0]
    order: list[tuple[str, str | None]] = [(project["index"], None)]
    part: str | None = None
    for entry in project["pages"]:
        if "slug" in entry:
            order.append((entry["slug"], part if entry.get("level", 1) > 1 else None))
        else:
            part = entry["title"]
    pages = []
    for slug, in_part in order:
        data = content.page(slug)
        attach_alt_texts(data["mdast"])
        stem = Path(data["location"]).stem
        title = data["frontmatter"].get("title") or stem
        pages.append(Page(slug, stem, title, in_part, data))
    for page in pages:
        page.address = f"{page.stem}{settings.extension}"
    stems = [p.stem for p in pages]
    if doubled := {s for s in stems if stems.count(s) > 1}:
        raise ThemeError(
            f"Two pages are called {sorted(doubled)[0]!r}; the address of a page is its file name, "
            "so rename one."
        )
    return Book(
        title=config.get("title") or project.get("title", ""),
        description=project.get("description", ""),
        repository=project.get("github"),
        pages=pages,
        site=published.base(config.get("options", {}).get("address")),
    )


def environment() -> Environment:
    """Return the templates' environment: everything is escaped, unknown names are errors."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=False,
    )


class _Lenient(dict[str, Any]):
    """A node in a template: a key that MyST left out reads as None."""

    def __missing__(self, key: str) -> None:
        return None


def _contents(root: Node) -> list[dict[str, Any]]:
    """Return the page's headings of level 2, each with its headings of level 3."""
    found: list[dict[str, Any]] = []
    for node in walk(root):
        if node["type"] != "heading" or not node.get("html_id"):
            continue
        entry = {"text": plain_text(node), "id": node["html_id"], "children": []}
        if node["depth"] == 2:
            found.append(entry)
        elif node["depth"] == 3 and found:
            found[-1]["children"].append(entry)
    return found


def _summary(root: Node, most: int = 160) -> str:
    """Return the first paragraph, cut at a word: what a search engine shows."""
    for node in walk(root):
        if node["type"] == "paragraph":
            text = re.sub(r"\s+", " ", plain_text(node)).strip()
            if len(text) > most:
                text = text[:most].rsplit(" ", 1)[0] + " …"
            return text
    return ""


def about(book: Book, page: Page) -> str:
    """Return a sentence on the page: its first paragraph, or else what the book is."""
    return _summary(page.root) or book.description or page.title


def _references(page: Page) -> list[dict[str, Any]]:
    """Return the page's sources in alphabetical order."""
    cited = page.data.get("references", {}).get("cite", {})
    found = [
        {
            "id": key,
            "html": Markup(re.sub(r'\s(target|rel)="[^"]*"', "", cited["data"][key]["html"])),
        }
        for key in cited.get("order", [])
    ]
    return sorted(found, key=lambda entry: re.sub(r"<[^>]+>", "", entry["html"]).lower())


def run_record(settings: Settings, page: Page) -> dict[str, Any] | None:
    """Return what the page's own run cost, in a reader's units, or None for a page of text."""
    run = settings.runs.get(page.stem)
    if not run or not page.is_notebook:
        return None
    seconds = float(run["seconds"])
    minutes = seconds / 60
    took = f"{seconds:.0f} s" if seconds >= 10 else f"{max(seconds, 0.1):.1f} s"
    names = {"python": "Python", "numpy": "NumPy", "torch": "PyTorch", "tensorflow": "TensorFlow",
             "scikit-learn": "scikit-learn", "matplotlib": "Matplotlib"}  # fmt: skip
    versions = run.get("versions", {})
    when = datetime.fromisoformat(run["when"]) if run.get("when") else None
    return {
        "took": took if seconds < 120 else f"{minutes:.1f} min",
        "cores": run.get("cores"),
        "memory": f"{run['peak_mb'] / 1000:.1f} GB" if run.get("peak_mb") else None,
        "device": run.get("device"),
        "versions": [
            f"{names.get(name, name)} {versions[name].partition('+')[0]}"
            for name in sorted(versions, key=lambda n: [*names, n].index(n))
        ],
        "when": f"{when.day} {when:%B %Y}" if when else None,
        "iso": run.get("when"),
    }


def launches(book: Book, page: Page) -> list[dict[str, str]]:
    """Return the services that can open the page's notebook: none without a repository."""
    if not book.repository or not page.is_notebook:
        return []
    repository = book.repository.removeprefix("https://github.com/").strip("/")
    path = f"book/{quote(page.stem)}.ipynb"
    install = f"%pip install git+https://github.com/{repository}"
    return [
        {
            "name": "Colab",
            "url": f"https://colab.research.google.com/github/{repository}/blob/main/{path}",
            "first": install,  # Colab has the field's libraries, and not the course's own
        },
        {
            "name": "Binder",
            "url": f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}",
            "first": "",  # reads environment.yml
        },
    ]


def _lenient(node: Node) -> Node:
    made = _Lenient(node)
    if "children" in node:
        made["children"] = [_lenient(child) for child in node["children"]]
    return made


class Press:
    """Typesets the pages of one book."""

    def __init__(
        self,
        book: Book,
        read: Callable[[str], bytes | None],
        assets: asset_files.Assets,
        settings: Settings,
    ) -> None:
        self.book = book
        self.read = read
        self.assets = assets
        self.settings = settings
        self.environment = environment()
        self.used_files: set[str] = set()
        self.used_widgets: dict[str, bytes] = {}
        self.made_files: dict[str, bytes] = {}
        self.referenced = {
            str(node.get("html_id") or node.get("identifier"))
            for page in book.pages
            for node in walk(page.root)
            if node["type"] == "crossReference"
        }

    def _link(self, url: str, anchor: str | None) -> str:
        slug = url.strip("/")
        page = self.book.by_slug(slug)
        if page is None:
            raise ThemeError(f"A link leads to the page {url!r}, which is not in myst.yml's toc.")
        return page.address + (f"#{anchor}" if anchor else "")

    def _state(self, page: Page) -> PageState:
        return PageState(
            name=page.data["location"].lstrip("/"),
            link_to=self._link,
            read=self.read,
            taken_ids={
                n["html_id"]
                for n in walk(page.root)
                if n.get("html_id") and n["type"] not in {"block", "crossReference"}
            },
            referenced=self.referenced,
            widget_style=self.assets.widget_style,
            export=self._export,
            footnotes={
                n["identifier"]: _lenient(n)
                for n in walk(page.root)
                if n["type"] == "footnoteDefinition"
            },
        )

    def page(self, page: Page) -> str:
        """Return one page as a complete HTML document."""
        state = self._state(page)
        typesetter = Typesetter(self.environment, state)
        root = _lenient(page.root)
        content = typesetter.content(root)
        notes = [
            {"id": note["identifier"], "content": typesetter.content(note)}
            for note in sorted(state.footnotes.values(), key=lambda n: int(n["enumerator"]))
            if note["identifier"] in state.noted - state.beside
        ]
        self.used_files |= state.used_files
        self.used_widgets |= state.used_widgets
        self.made_files |= state.made_files
        contents = _contents(page.root)
        references = _references(page)
        own_heading = bool(contents) and contents[-1]["text"].strip().lower() == "references"
        before, after = self.book.neighbours(page)
        return self.environment.get_template("page.html.j2").render(
            book=self.book,
            page=page,
            assets=self.assets,
            content=content,
            contents=contents,
            description=about(self.book, page),
            card=f"assets/cards/{page.stem}.png",
            notes=notes,
            references=references,
            references_headed=own_heading,
            before=before,
            after=after,
            run=run_record(self.settings, page),
            launches=launches(self.book, page),
            in_browser=self.settings.in_browser.get(page.stem, []),
            notebook=f"notebooks/{page.stem}.ipynb" if self._source(page) else None,
        )

    def _export(self, name: str) -> bytes | None:
        path = self.settings.exports / name if self.settings.exports else None
        return path.read_bytes() if path and path.is_file() else None

    def _source(self, page: Page) -> Path | None:
        if self.settings.sources is None or not page.is_notebook:
            return None
        path = self.settings.sources / f"{page.stem}.ipynb"
        return path if path.is_file() else None

    def not_found(self) -> str:
        """Return the page for an unknown address; it may be shown at any depth of paths."""
        return self.environment.get_template("404.html.j2").render(
            book=self.book, assets=self.assets, base=self.settings.base_url.rstrip("/") + "/"
        )

    def search_index(self) -> str:
        """Return the script with the search index of all pages."""
        return search.index([(p.address, p.title, p.root) for p in self.book.pages])

    def previews(self) -> str:
        """Return the script with the previews of all that pages refer to on other pages."""
        wanted = set().union(*(previews.targets(page.root) for page in self.book.pages))
        found = []
        for url, anchor in sorted(wanted):
            page = self.book.by_slug(url.strip("/"))
            if page is None or not (nodes := previews.excerpt(page.root, anchor)):
                continue
            state = self._state(page)
            html = Typesetter(self.environment, state).all([_lenient(node) for node in nodes])
            found.append((f"{page.address}#{anchor}", previews.portable(html, page.address)))
        return previews.script(found)

    def write_lookups(self, out: Path) -> None:
        """Write what pages load when a reader searches or points at a reference."""
        folder = out / "assets"
        (folder / "search-index.js").write_text(self.search_index(), encoding="utf-8")
        (folder / "previews.js").write_text(self.previews(), encoding="utf-8")


def formulas(book: Book) -> Iterator[str]:
    """Yield the HTML of every formula of the book."""
    for page in book.pages:
        for node in walk(page.root):
            if node.get("html") and node["type"] in {"math", "inlineMath"}:
                yield node["html"]


def characters(book: Book) -> set[str]:
    """Return every character of the book's text, for the fonts that show it."""
    found: set[str] = set()
    for page in book.pages:
        found.update(page.title)
        for node in walk(page.root):
            found.update(text for text in [node.get("value")] if isinstance(text, str))
    return set("".join(found))


def write_made(out: Path, used: dict[str, bytes]) -> None:
    """Write the sounds and drawings that pages show into `out`/files."""
    for file, content in sorted(used.items()):
        (out / "files").mkdir(exist_ok=True)
        (out / "files" / file).write_bytes(content)


def write_published(
    press: Press, out: Path, modules: Path, cache_folder: Path | None = None
) -> None:
    """Write robots.txt, and for a site that knows its address sitemap.xml and the pages' cards."""
    book = press.book
    (out / "robots.txt").write_text(published.robots(book.site), encoding="utf-8")
    if book.site is None:
        return
    runs = press.settings.runs
    pages = [(p.address, runs.get(p.stem, {}).get("when")) for p in book.pages]
    (out / "sitemap.xml").write_text(published.sitemap(book.site, pages), encoding="utf-8")
    fonts = modules / "@fontsource" / "source-serif-4" / "files"
    (out / "assets" / "cards").mkdir(parents=True, exist_ok=True)
    for page in book.pages:
        card = cards.Card(book.title, page.title, page.number, page.part, about(book, page))
        content = cards.make(card, fonts, cache_folder)
        (out / "assets" / "cards" / f"{page.stem}.png").write_bytes(content)


def render_book(
    content: Source,
    out: Path,
    modules: Path,
    settings: Settings | None = None,
    cache_folder: Path | None = None,
    pages_folder: Path | None = None,
) -> list[Page]:
    """Write the finished site into the empty folder `out`; return its pages.

    `modules` is node_modules with KaTeX and the text's font; `pages_folder` keeps typeset pages for
    the next build. Raises ThemeError, with the page and the cure, for content that the theme cannot
    show.
    """
    settings = settings or Settings()
    book = load(content, settings)
    out.mkdir(parents=True, exist_ok=True)
    loaded = asset_files.write(out, modules, formulas(book), cache_folder, characters(book))
    press = Press(book, content.read, loaded, settings)
    kept = Kept(press, pages_folder)
    for page in book.pages:
        (out / page.address).write_text(kept.page(page), encoding="utf-8")
        if source := press._source(page):
            (out / "notebooks").mkdir(exist_ok=True)
            (out / "notebooks" / source.name).write_bytes(source.read_bytes())
    widgets.write(out, press.used_widgets)
    write_made(out, press.made_files)
    for name in sorted(press.used_files):
        target = out / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.read(name) or b"")
    (out / "404.html").write_text(press.not_found(), encoding="utf-8")
    press.write_lookups(out)
    write_published(press, out, modules, cache_folder)
    kept.tidy()
    (out / ".nojekyll").touch()
    return book.pages
