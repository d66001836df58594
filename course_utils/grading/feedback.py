"""Notebooks as pages that are safe to open: no hidden test, no live script.

Everything in a submission is written by a stranger: text, outputs, metadata, names. What
reaches a page is rebuilt from lists of what is allowed; the rest is left out.
"""

import re
from functools import partial
from typing import Any

import bleach
from bs4 import BeautifulSoup
from jinja2 import pass_context
from markupsafe import escape
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

_TAGS = """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6
    hr i img kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot
    th thead tr tt u ul var
"""
TAGS = frozenset(_TAGS.split())
_PLAIN = {"align", "alt", "border", "colspan", "height", "open", "rowspan", "title", "width"}
# Classes of highlighted code and of pandas' tables; others could dress up as the page itself.
_CLASS = re.compile(r"highlight|hl-[\w-]+|dataframe|codehilite|[a-z]{1,2}[a-z0-9]?")
_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
_TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex")


def _allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay. Addresses are checked against bleach's protocols too."""
    if name == "class":
        return all(_CLASS.fullmatch(word) for word in value.split())
    if (tag, name) == ("img", "src"):  # other addresses would tell a stranger who looks
        return _IMAGE.fullmatch(value) is not None
    if (tag, name) == ("a", "href"):
        return re.match(r"\s*data", value, re.IGNORECASE) is None
    return name in _PLAIN


def clean_html(html: Any) -> str:
    """Keep of a piece of HTML what formats text; scripts, styles, events and forms go."""
    text = html.decode(errors="replace") if isinstance(html, bytes) else str(html)
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1\s*>|$)", "", text)
    clean = bleach.clean(
        text,
        tags=TAGS,
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
    )
    return re.sub(r"<img(?![^>]*\ssrc=)[^>]*>", "[picture left out]", clean)


@pass_context
def markdown2html(context: Any, source: str) -> str:
    """Render Markdown and clean the result: nbgrader's templates put it on the page as it is."""
    attachments = context.get("cell", {}).get("attachments", {})
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))


class SafeNotebook(NbGraderPreprocessor):
    """Rebuild a notebook from what is allowed on a page, for formgrader and for feedback."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Replace metadata, cells and outputs by their allowed parts; escape names."""
        nb.metadata = NotebookNode({"language_info": {"name": "python"}})
        nb.cells = [_safe_cell(cell) for cell in nb.cells]
        for key in ("student", "first_name", "last_name", "notebook_path"):
            if isinstance(resources.get(key), str):
                resources[key] = str(escape(resources[key]))
        return nb, resources


def _safe_cell(cell: NotebookNode) -> NotebookNode:
    nbgrader = cell.metadata.get("nbgrader")
    safe = {
        "cell_type": "code" if cell.cell_type == "code" else "markdown",
        "id": cell.get("id", "cell"),
        "metadata": {"nbgrader": nbgrader} if isinstance(nbgrader, dict) else {},
        "source": cell.source,
    }
    if cell.cell_type == "code":
        count = cell.get("execution_count")
        safe["execution_count"] = count if isinstance(count, int) else None
        safe["outputs"] = [_safe_output(output) for output in cell.outputs]
    elif cell.cell_type == "raw":
        safe["source"] = "```\n" + cell.source.replace("```", "'''") + "\n```"
    else:
        safe["attachments"] = _safe_attachments(cell.get("attachments", {}))
    return _node(safe)


def _safe_output(output: NotebookNode) -> dict[str, Any]:
    if output.output_type == "stream":
        name = "stderr" if output.name == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": str(output.text)}
    if output.output_type == "error":
        texts = {key: str(output.get(key, "")) for key in ("ename", "evalue")}
        return {
            "output_type": "error",
            **texts,
            "traceback": [str(line) for line in output.get("traceback", [])],
        }
    data: dict[str, str] = {}
    for kind, value in output.get("data", {}).items():
        text = value if isinstance(value, str) else ""
        if kind in ("text/html", "text/markdown"):
            # Markdown is cleaned once more after rendering.
            data[kind] = clean_html(text) if kind == "text/html" else text
        elif kind in _IMAGES or kind in _TEXTS:
            data[kind] = text
    sizes = {}
    for kind in _IMAGES:
        given = output.get("metadata", {}).get(kind, {})
        given = given if isinstance(given, dict) else {}
        sizes[kind] = {k: given[k] for k in ("width", "height") if isinstance(given.get(k), int)}
    return {
        "output_type": "display_data",
        "data": data,
        "metadata": {kind: size for kind, size in sizes.items() if size},
    }


def _safe_attachments(attachments: Any) -> dict[str, dict[str, str]]:
    safe: dict[str, dict[str, str]] = {}
    for name, bundle in (attachments or {}).items():
        for kind, value in bundle.items():
            text = value if isinstance(value, str) else ""
            if _IMAGE.fullmatch(f"data:{kind};base64,{text}"):
                safe.setdefault(name, {})[kind] = text
    return safe


def _node(value: Any) -> Any:
    """Turn nested dicts into notebook nodes."""
    if isinstance(value, dict):
        return NotebookNode({key: _node(item) for key, item in value.items()})
    return [_node(item) for item in value] if isinstance(value, list) else value


BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
_PLACEHOLDER = "# Hidden tests ran here."
_REDACTED = "[a line of a hidden test]"


def split_hidden(source: str) -> tuple[str, list[str]]:
    """Split a cell's source into what a learner may see and the lines of its hidden tests."""
    shown: list[str] = []
    hidden: list[str] = []
    inside = False
    for line in source.split("\n"):
        if BEGIN in line:
            inside = True
            shown.append(re.match(r"\s*", line).group() + _PLACEHOLDER)  # type: ignore[union-attr]
        elif END in line:
            inside = False
        else:
            (hidden if inside else shown).append(line)
    return "\n".join(shown), hidden


class RedactHiddenTests(NbGraderPreprocessor):
    """Take hidden tests out of feedback: out of the source, tracebacks and every other text.

    The message of a failed check stays: that is what the learner needs.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Redact all cells, since a student's own code may have printed a test's source."""
        secrets: set[str] = set()
        public: set[str] = set()
        tested = set()
        for index, cell in enumerate(nb.cells):
            shown, hidden = split_hidden(cell.source)
            public.update(line.strip() for line in shown.split("\n"))
            if hidden and cell.cell_type == "code":
                tested.add(index)
                cell.source = shown
                secrets.update(line.strip() for line in hidden)
        secrets = {line for line in secrets - public if len(line) >= 8} | {BEGIN, END}
        hide = partial(_hide, secrets=secrets)
        for index, cell in enumerate(nb.cells):
            if cell.cell_type != "code":
                continue
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = hide(output.text)
                elif output.output_type == "error":
                    output.evalue = hide(output.evalue)
                    output.traceback = _message(output, hide, index in tested)
                else:
                    for kind, value in output.data.items():
                        if isinstance(value, str) and kind.startswith("text/"):
                            output.data[kind] = hide(value)
        return nb, resources


def _hide(text: str, secrets: set[str]) -> str:
    """Replace every line that quotes a hidden one."""
    lines = text.split("\n")
    plain = [strip_ansi(line) for line in lines]
    return "\n".join(
        _REDACTED if any(secret in bare for secret in secrets) else line
        for line, bare in zip(lines, plain, strict=True)
    )


def _message(output: NotebookNode, hide: Any, tested: bool) -> list[str]:
    """The traceback to show; of one that quotes a tested cell only the message remains."""
    whole = strip_ansi("\n".join(output.traceback))
    if tested and ("Cell In" in whole or "Traceback" in whole or re.search(r"-+> ?\d+", whole)):
        return [f"{output.ename}: {output.evalue}"]
    return [hide(line) for line in output.traceback]


class FeedbackExporter(HTMLExporter):
    """One self-contained page without any script, not even nbgrader's own.

    A content security policy in the page forbids scripts and requests a second time, in the
    browser. Formulas are shown as TeX source, since MathJax would be a script from elsewhere.
    """

    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    # Messages wrap, and a folded hint shows that it can be opened.
    look = """
        pre { white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; }
        summary { display: list-item; cursor: pointer; }
    """

    def from_notebook_node(  # type: ignore[override]  # as nbconvert's own HTMLExporter
        self, nb: NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Render the notebook, then take every script out of the page."""
        html, resources = super().from_notebook_node(nb, resources, **kw)
        page = BeautifulSoup(html, "html.parser")
        for tag in page.find_all(["script", "iframe", "object", "embed", "base", "link"]):
            tag.decompose()
        for style in page.find_all("style"):  # Bootstrap's icon fonts are files that are not here
            style.string = re.sub(r"@font-face\s*\{[^}]*\}", "", style.get_text())
        meta = page.new_tag(
            "meta", attrs={"http-equiv": "Content-Security-Policy", "content": self.policy}
        )
        if page.head is not None:
            look = page.new_tag("style")
            look.string = self.look
            page.head.insert(0, meta)
            page.head.append(look)
        return str(page), resources
