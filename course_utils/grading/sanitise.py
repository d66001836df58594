"""What of a stranger's notebook may stand on a page: no live script, nothing from elsewhere.

Everything in a submission is written by a stranger: text, outputs, metadata, names. What
reaches a page is rebuilt from lists of what is allowed; the rest is left out.
"""

import re
from typing import Any

from course_utils.grading.repair import NOTE

import bleach
from jinja2 import pass_context
from markupsafe import escape
from nbconvert.exporters.exporter import ResourcesDict
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
        note = _safe_note(nb.metadata)
        nb.metadata = NotebookNode({"language_info": {"name": "python"}, NOTE: note})
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
    safe["metadata"] |= {NOTE: _safe_note(cell.metadata)}
    if cell.cell_type == "code":
        count = cell.get("execution_count")
        safe["execution_count"] = count if isinstance(count, int) else None
        safe["outputs"] = [_safe_output(output) for output in cell.outputs]
    elif cell.cell_type == "raw":
        safe["source"] = "```\n" + cell.source.replace("```", "'''") + "\n```"
    else:
        safe["attachments"] = _safe_attachments(cell.get("attachments", {}))
    return _node(safe)


def _safe_note(metadata: Any) -> dict[str, Any]:
    """What grading wrote into the metadata: texts, numbers, lists of texts."""
    note = metadata.get(NOTE)
    safe: dict[str, Any] = {}
    for key, value in note.items() if isinstance(note, dict) else ():
        if isinstance(value, str | int | float):
            safe[key] = value
        elif isinstance(value, list):
            safe[key] = [item for item in value if isinstance(item, str)]
    return safe


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


class _TeXRenderer(IPythonRenderer):
    """Shows formulas as TeX source and moves headings down: the page has one of its own on top."""

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """A heading one level further down."""
        return super().heading(text, min(level + 1, 6), **attrs)

    def inline_math(self, body: str) -> str:
        """A formula within a line."""
        return f"<code>{escape(body)}</code>"

    def block_math(self, body: str) -> str:
        """A formula of its own."""
        return f"<pre>{escape(body.strip())}</pre>"

    def latex_environment(self, name: str, body: str) -> str:
        """A formula in an environment."""
        return f"<pre>{escape(body.strip())}</pre>"


def markdown_with_tex(source: str, attachments: Any = None) -> str:
    """Render Markdown for a page without scripts, where formulas stay readable as TeX source.

    `attachments` are the pictures that were pasted into the cell.
    """
    renderer = _TeXRenderer(
        escape=False, attachments=dict(attachments or {}), exclude_anchor_links=True
    )
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))
