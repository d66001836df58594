"""One MyST node in, HTML out: each type has the template of its name in templates/nodes/.

A template gets `node` (as MyST wrote it), `content` (its children, typeset) and `page`. Where a
template needs more than that, a method `_prepare_<type>` here returns it by name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, Template, TemplateNotFound
from markupsafe import Markup, escape

from . import highlight, outputs, sanitize, svg, widgets
from .errors import ThemeError, UnknownNode

Node = dict[str, Any]

# The look of each box, by MyST's own kinds and by the book's classes.
BOXES = {
    "before-you-start": "compass", "claim-check": "scale", "common-mistake": "bug",
    "going-further": "path", "note": "info", "tip": "bulb", "hint": "bulb", "important": "info",
    "seealso": "path", "warning": "alert", "caution": "alert", "attention": "alert",
    "danger": "alert", "error": "alert",
}  # fmt: skip
_CLOSING = re.compile(r"[.,;:!?)\]’”…]+")
_SHORT = 30  # characters of TeX: fits a line of the narrowest phone
_NO_BREAK = "\u200b"  # MyST breaks long addresses with it; search and copy must not see it


def kebab(name: str) -> str:
    """Return "citeGroup" as "cite-group": how templates are named."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in reading order."""
    yield node
    for child in node.get("children", []):
        yield from walk(child)


def plain_text(node: Node) -> str:
    """Return the words of a node, maths as its TeX source."""
    if "value" in node and node["type"] not in {"comment", "mystComment"}:
        return str(node["value"]).replace(_NO_BREAK, "")
    return "".join(plain_text(child) for child in node.get("children", []))


def _beside(nodes: list[Node]) -> list[Node]:
    """Return the nodes with each aside joined to its paragraph: the one after it, or before it.

    A topic is a box of its own, and an aside between other things stays where it is.
    """
    if not any(node["type"] == "aside" for node in nodes):
        return nodes
    found: list[Node] = []
    waiting: list[Node] = []
    for node in nodes:
        if node["type"] == "aside" and node.get("kind") != "topic":
            waiting.append(node)
            continue
        if waiting and node["type"] == "paragraph":
            node, waiting = type(node)(node, beside=waiting), []
        elif waiting and found and found[-1]["type"] == "paragraph":
            known = found[-1].get("beside") or []
            found[-1], waiting = type(found[-1])(found[-1], beside=[*known, *waiting]), []
        found += [*waiting, node]
        waiting = []
    if waiting and found and found[-1]["type"] == "paragraph":
        found[-1] = type(found[-1])(found[-1], beside=[*(found[-1].get("beside") or []), *waiting])
        waiting = []
    return found + waiting


def _holds_image(node: Node) -> bool:
    return any(below["type"] == "image" for below in walk(node))


@dataclass
class PageState:
    """What one page collects while it is typeset."""

    name: str
    link_to: Callable[[str, str | None], str]  # (MyST url of a page, anchor) -> address
    read: Callable[[str], bytes | None]  # a file that MyST put beside the content, by its name
    taken_ids: set[str] = field(default_factory=set)  # of headings, figures, …: not of cells
    referenced: set[str] = field(default_factory=set)  # ids that something in the book refers to
    noted: set[str] = field(default_factory=set)
    footnotes: dict[str, Node] = field(default_factory=dict)  # of the page, by identifier
    beside: set[str] = field(default_factory=set)  # footnotes that stand beside their paragraph
    used_files: set[str] = field(default_factory=set)
    used_widgets: dict[str, bytes] = field(default_factory=dict)  # file -> what parts load
    made_files: dict[str, bytes] = field(default_factory=dict)  # sounds, drawings -> what they hold
    widget_style: str = ""
    export: Callable[[str], bytes | None] = lambda name: None  # what a run wrote into exports/
    counter: int = 0

    def number(self) -> int:
        """Return 1, 2, 3, …: for ids that are unique in the page."""
        self.counter += 1
        return self.counter


class Typesetter:
    """Typesets the nodes of one page."""

    def __init__(self, environment: Environment, page: PageState) -> None:
        self.environment = environment
        self.page = page
        self._templates: dict[str, Template] = {}

    # --- machinery ---------------------------------------------------------------------------

    def template(self, name: str, kind: str) -> Template:
        """Return a template, or raise UnknownNode for nodes of type `kind`."""
        if name not in self._templates:
            try:
                self._templates[name] = self.environment.get_template(name)
            except TemplateNotFound:
                raise UnknownNode(kind, self.page.name, name) from None
        return self._templates[name]

    def content(self, node: Node) -> Markup:
        """Return all children of a node, typeset."""
        return self.all(node.get("children", []))

    def all(self, nodes: list[Node]) -> Markup:
        """Return nodes typeset one after the other.

        Punctuation is joined to a short formula before it, lest it begin a line.
        """
        parts: list[Markup] = []
        before: Node = {"type": ""}
        for child in _beside(nodes):
            typeset = self.node(child)
            closing = _CLOSING.match(typeset) if child["type"] == "text" else None
            short = before["type"] == "inlineMath" and len(before["value"]) <= _SHORT
            if closing and short:
                parts[-1] = Markup('<span class="joined">{}{}</span>').format(
                    parts[-1], Markup(closing[0])
                )
                typeset = Markup(typeset[closing.end() :])
            parts.append(typeset)
            before = child
        return Markup("".join(parts))

    def node(self, node: Node) -> Markup:
        """Return one node typeset, or raise UnknownNode."""
        kind = node["type"]
        if kind == "text":
            return escape(node["value"].replace(_NO_BREAK, ""))
        template = self.template(f"nodes/{kebab(kind)}.html.j2", kind)
        prepare = getattr(self, f"_prepare_{kebab(kind).replace('-', '_')}", None)
        more = prepare(node) if prepare else {}
        if "content" not in more:
            more["content"] = self.content(node)
        return Markup(template.render(node=node, page=self.page, **more))

    def asset(self, url: str) -> str:
        """Return the address of a file that MyST put beside the content; remember its use."""
        if re.match(r"[a-z]+:", url):
            if url.startswith("data:"):
                return url
            raise ThemeError(
                f"{self.page.name}: {url} would be loaded from the network, and the book reads "
                "without one. Put the file into book/ and name it by its path."
            )
        name = url.lstrip("/")
        if self.page.read(name) is None:
            raise ThemeError(f"{self.page.name}: the file {url} is missing from the build.")
        self.page.used_files.add(name)
        return f"files/{quote(name)}"

    # --- text --------------------------------------------------------------------------------

    def _prepare_heading(self, node: Node) -> dict[str, Any]:
        return {"text": plain_text(node)}

    def _prepare_link(self, node: Node) -> dict[str, Any]:
        url = node["url"]
        if node.get("static"):
            return {"href": self.asset(url), "external": False, "download": True}
        if node.get("internal"):
            page, _, anchor = url.partition("#")
            href = self.page.link_to(page, anchor or None)
            return {"href": href, "external": False, "download": False}
        return {"href": url, "external": bool(re.match(r"https?:", url)), "download": False}

    def _prepare_cross_reference(self, node: Node) -> dict[str, Any]:
        if not node.get("resolved"):
            raise ThemeError(
                f"{self.page.name}: nothing is named {node.get('label')!r}; a reference leads "
                "there. Write the label of a heading, figure, table, equation or term."
            )
        anchor = node.get("html_id") or node["identifier"]
        if node.get("remote"):
            return {"href": self.page.link_to(node["url"], anchor)}
        return {"href": f"#{anchor}"}

    def _prepare_footnote_reference(self, node: Node) -> dict[str, Any]:
        first = node["identifier"] not in self.page.noted
        self.page.noted.add(node["identifier"])
        return {"first": first}

    def _prepare_footnote_definition(self, node: Node) -> dict[str, Any]:
        return {"content": Markup("")}  # it stands beside its paragraph, or at the page's end

    def _prepare_paragraph(self, node: Node) -> dict[str, Any]:
        """Return what stands in the margin: asides, and footnotes that are first called here."""
        content = self.content(node)
        beside = [self.node(aside) for aside in node.get("beside") or []]
        for called in walk(node):
            note = self.page.footnotes.get(str(called.get("identifier")))
            if called["type"] != "footnoteReference" or note is None:
                continue
            if note["identifier"] not in self.page.beside:
                self.page.beside.add(note["identifier"])
                template = self.template("parts/margin-note.html.j2", "footnoteDefinition")
                text = self.content(note)
                beside.append(Markup(template.render(note=note, content=text)))
        return {"content": content, "beside": beside}

    # --- blocks ------------------------------------------------------------------------------

    def _prepare_block(self, node: Node) -> dict[str, Any]:
        anchor = node.get("html_id") or node.get("identifier")
        code = node.get("kind") == "notebook-code"
        if anchor in self.page.taken_ids or not (code or anchor in self.page.referenced):
            anchor = None
        return {"anchor": anchor, "is_cell": code, "hidden": node.get("visibility")}

    def _prepare_admonition(self, node: Node) -> dict[str, Any]:
        classes = (node.get("class") or "").split()
        look = next((c for c in classes if c in BOXES), node.get("kind") or "note")
        children = list(node.get("children", []))
        title: Node = {"type": "admonitionTitle", "children": []}
        if children and children[0]["type"] == "admonitionTitle":
            title = children.pop(0)
        return {
            "look": look,
            "icon": BOXES.get(look, "info"),
            "extra": [c for c in classes if c not in {look, "dropdown"}],
            "folded": "dropdown" in classes,
            "open": node.get("open", False),
            "id": f"box-{self.page.number()}",
            "title": self.content(title),
            "content": self.all(children),
        }

    _prepare_exercise = _prepare_admonition
    _prepare_aside = _prepare_admonition

    def _prepare_details(self, node: Node) -> dict[str, Any]:
        children = list(node.get("children", []))
        summary = children.pop(0) if children and children[0]["type"] == "summary" else None
        quiz = "quiz" in (node.get("class") or "").split()
        answer = plain_text({"type": "all", "children": children}).strip().lower()
        return {
            "summary": self.content(summary) if summary else "Details",
            "quiz": quiz,
            "verdict": ("right" if answer.startswith("right") else "wrong") if quiz else None,
            "content": self.all(children),
        }

    def _prepare_tab_set(self, node: Node) -> dict[str, Any]:
        tabs = [
            {
                "title": tab.get("title", ""),
                "sync": tab.get("sync") or tab.get("title", ""),
                "selected": bool(tab.get("selected")),
                "content": self.content(tab),
            }
            for tab in node.get("children", [])
        ]
        return {"tabs": tabs, "id": f"tabs-{self.page.number()}", "content": ""}

    def _prepare_div(self, node: Node) -> dict[str, Any]:
        """Return an interactive part's frame: the module, and what stands in for it."""
        if "interactive" not in (node.get("class") or "").split():
            return {"plain": True}
        parts = [c for c in node.get("children", []) if c["type"] == "anywidget"]
        still = [c for c in node.get("children", []) if c["type"] != "anywidget"]
        if len(parts) != 1 or not any(c["type"] in {"image", "container"} or _holds_image(c)
                                      for c in still):  # fmt: skip
            raise ThemeError(
                f"{self.page.name}: a box of class 'interactive' holds {len(parts)} modules. Give "
                "it one {anywidget} directive, and beside it the picture and the text that readers "
                "without scripts get."
            )
        part = type(node)(parts[0], still=self.all(still))
        return {"plain": False, "content": self.node(part)}

    def _prepare_anywidget(self, node: Node) -> dict[str, Any]:
        model = node.get("model") or {}
        if "error" in model or not str(model.get("label", "")).strip():
            raise ThemeError(
                f"{self.page.name}: the interactive part {node['esm']} has no label. Write its "
                'body as JSON with one: {"label": "Train a perceptron"}.'
            )
        if not node.get("still"):
            raise ThemeError(
                f"{self.page.name}: the interactive part {node['esm']} stands alone. Put it into a "
                ":::{div} of class 'interactive' with a picture and the text for readers without "
                "scripts."
            )
        source = self.page.read(node["esm"].lstrip("/"))
        if source is None:
            raise ThemeError(
                f"{self.page.name}: there is no module {node['esm']}. The directive names a file "
                "of book/widgets: {anywidget} widgets/perceptron.js"
            )
        name, _ = re.subn(r"(-[0-9a-f]{32})?\.m?js$", "", node["esm"].rpartition("/")[2])
        files = widgets.modules(name, source.decode("utf-8"))
        self.page.used_widgets |= files
        given = {k: v for k, v in model.items() if k not in {"label", "exports"}}
        exported = {k: self._export(v, name) for k, v in model.get("exports", {}).items()}
        return {
            "name": name,
            "module": f"assets/widgets/{next(reversed(files))}",
            "style": self.page.widget_style,
            "model": given | exported,
            "label": model["label"],
            "id": f"part-{name}",
        }

    def _export(self, name: str, part: str) -> str:
        """Return the address of a file that a chapter's run left for a part."""
        content = self.page.export(name)
        if content is None:
            raise ThemeError(
                f"{self.page.name}: the part {part} needs the file {name}, and no chapter's run "
                f"left one. A code cell writes it to exports/{name}; then run: "
                "python tools/execute.py book"
            )
        file = widgets.export(name, content)
        self.page.used_widgets[file] = content
        return f"assets/widgets/{file}"

    def _prepare_list_item(self, node: Node) -> dict[str, Any]:
        children = node.get("children", [])
        noted = any(below["type"] == "footnoteReference" for below in walk(node))
        if len(children) == 1 and children[0]["type"] == "paragraph" and not noted:
            return {"content": self.content(children[0])}
        return {}

    def _prepare_card(self, node: Node) -> dict[str, Any]:
        title = next((c for c in node["children"] if c["type"] == "cardTitle"), node)
        href = self._prepare_link(node)["href"] if node.get("url") else None
        return {"href": href, "label": plain_text(title)}

    # --- code and what it printed ------------------------------------------------------------

    def _prepare_code(self, node: Node) -> dict[str, Any]:
        markup = highlight.code(node["value"], node.get("lang"))
        wanted = node.get("emphasizeLines") or []
        if node.get("showLineNumbers") or wanted:
            markup = highlight.numbered(markup, node.get("startingLineNumber") or 1, wanted)
        return {
            "markup": markup,
            "language": node.get("lang") or "text",
            "folded": node.get("visibility") == "hide",
            "removed": node.get("visibility") == "remove",
        }

    def _prepare_outputs(self, node: Node) -> dict[str, Any]:
        alt = node.get("alt", "")
        shown = [self._output(data, alt) for data in self._joined(node.get("children", []))]
        return {
            "parts": [part for part in shown if part],
            "folded": node.get("visibility") == "hide",
            "removed": node.get("visibility") == "remove",
            "content": "",
        }

    def _joined(self, children: list[Node]) -> list[Node]:
        """Return the outputs' data; what one stream printed in pieces becomes one."""
        found: list[Node] = []
        for data in (child["jupyter_data"] for child in children):
            if data["output_type"] != "stream":
                found.append(data)
                continue
            piece = {k: data[k] for k in ("output_type", "name")}
            piece["text"] = self._text(data, "text")
            if found and found[-1].get("name") == data["name"]:
                found[-1]["text"] += piece["text"]
            else:
                found.append(piece)
        return found

    def _text(self, data: Node, key: str) -> str:
        """Return text that MyST keeps in the node, or in a file when it is long."""
        if path := data.get("path"):
            return self._file(path).decode("utf-8")
        return str(data[key])

    def _file(self, url: str) -> bytes:
        content = self.page.read(url.lstrip("/"))
        if content is None:
            raise ThemeError(f"{self.page.name}: the file {url} is missing from the build.")
        return content

    def _output(self, data: Node, alt: str) -> Markup:
        kind = data["output_type"]
        if kind == "stream":
            printed = outputs.terminal(self._text(data, "text"))
            return self._part("stream", text=printed, name=data["name"])
        if kind == "error":
            trace = outputs.terminal(self._text(data, "traceback"))
            return self._part("error", name=data["ename"], message=data["evalue"], text=trace)
        bundle = data.get("data", {})
        media_type = outputs.choose(bundle, self.page.name)
        best = bundle[media_type]
        if media_type == "image/svg+xml":
            source = self._text(best, "content")
            return self._part("picture", picture=self._drawing(source, alt))
        if media_type.startswith("image/"):
            return self._part("picture", picture=self._photograph(best["path"], alt))
        if media_type == "text/html":
            html = self._text(best, "content")
            if (sound := outputs.sound(html)) is not None:
                return self._sound(*sound, alt)
            return self._part("html", markup=Markup(sanitize.clean(html)))
        return self._part("text", text=outputs.terminal(self._text(best, "content")))

    def _part(self, name: str, /, **values: Any) -> Markup:
        template = self.template(f"outputs/{name}.html.j2", name)
        return Markup(template.render(page=self.page, **values))

    def _sound(self, extension: str, content: bytes, alt: str) -> Markup:
        """Return a player for a sound, which becomes a file that is loaded when it is played."""
        if not alt.strip():
            raise ThemeError(
                f"{self.page.name}: a sound has no label. Say in the cell's metadata, under "
                "mystnb.sound.label, what one hears; it is read out and shown below the player."
            )
        name = f"sound-{hashlib.sha256(content).hexdigest()[:12]}.{extension}"
        self.page.made_files[name] = content
        return self._part("sound", source=f"files/{name}", label=alt)

    # --- pictures ----------------------------------------------------------------------------

    def _prepare_image(self, node: Node) -> dict[str, Any]:
        alt = node.get("alt")
        if alt is None or (not alt.strip() and not node.get("decorative")):
            raise ThemeError(
                f"{self.page.name}: the picture {node.get('urlSource', node['url'])} has no alt "
                "text. Say what it shows to someone who cannot see it: ![here](picture.svg)."
            )
        url = node["url"]
        width = node.get("width")
        style = f"width:{width}" if width and re.fullmatch(r"[\d.]+(px|%|em|rem)", width) else None
        if url.endswith(".svg") and url.startswith("/"):
            picture = self._drawing(self._file(url).decode("utf-8"), alt)
        else:
            picture = self._photograph(url, alt)
        return {"picture": picture, "style": style}

    def _drawing(self, source: str, alt: str) -> Markup:
        """Return an SVG, which becomes a file that is loaded when the reader comes near."""
        drawing = svg.fitted(source)
        digest = hashlib.sha256(drawing.content).hexdigest()[:12]
        name = f"{PurePosixPath(self.page.name).stem}-{digest}.svg"
        self.page.made_files[name] = drawing.content
        size = (drawing.width, drawing.height)
        return self._image("drawing", f"files/{quote(name)}", alt, size, drawing.legible)

    def _photograph(self, url: str, alt: str) -> Markup:
        source = self.asset(url)
        size = outputs.image_size(self._file(url)) if url.startswith("/") else None
        return self._image("photograph", source, alt, size)

    def _image(
        self,
        kind: str,
        source: str,
        alt: str,
        size: tuple[int, int] | None,
        legible: int | None = None,
    ) -> Markup:
        values = {"kind": kind, "source": source, "alt": alt, "size": size, "legible": legible}
        return self._part("image-file", **values)


def attach_alt_texts(root: Node) -> None:
    """Give each `outputs` node the words that its cell's metadata carries.

    They are the alt text of its picture (mystnb.image.alt), or the label of its sound
    (mystnb.sound.label).
    """
    for block in walk(root):
        settings = (block.get("data") or {}).get("mystnb") or {}
        alt = (settings.get("image") or {}).get("alt") or (settings.get("sound") or {}).get("label")
        for child in block.get("children", []):
            if child["type"] == "outputs" and alt:
                child["alt"] = alt
