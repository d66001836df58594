"""Links, references and names of files: everything that text points to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from tools import notebooks
from tools.lint import text
from tools.lint.core import Course, Page, Problem, labels_of, rule

_FOLDERS = "book|solutions|exercises|tests|tools|course_utils"
_REPOSITORY_FILE = re.compile(rf"(?:{_FOLDERS})/[\w./-]*[\w/]")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(<?([^)\s>]*)>?(?: \"[^\"]*\")?\)")


def _readable(source: str) -> str:
    """Return Markdown in which a link is meant as one: no code, no comments, no formulas."""
    return text.without_formulas(text.without_comments(text.without_code_blocks(source)))


def _slug(heading: str) -> str:
    return re.sub(r"[^\w]+", "-", heading.lower()).strip("-")


def _headings(page: Page) -> set[str]:
    found = set()
    for cell in page.markdown:
        for words in re.findall(
            r"^#{1,6} (.+)$", text.without_code_blocks(cell.source), re.MULTILINE
        ):
            found.add(_slug(text.plain(words)))
    return found


@rule("references", "chapter", "page")
def references(page: Page, course: Course) -> Iterator[Problem]:
    """Every {numref}, {eq}, {ref}, {term}, {cite} and {doc} leads somewhere in the book.

    Why: the build refuses the page too, after minutes of running notebooks.
    Cure: correct the label, or define it: figures in the cell's metadata, equations after $$,
    terms in glossary.md, sources in references.bib.
    """
    for cell in page.markdown:
        source = text.without_comments(text.without_code_blocks(cell.source))
        source = re.sub(r"(`{2,})(?!`).+?\1", "", source)  # roles that are shown, not meant
        for role, inside in text.ROLE.findall(source):
            shown = re.search(r"<([^>]*)>\s*$", inside)
            target = shown[1] if shown else inside
            if role in {"numref", "eq", "ref"} and target not in course.labels:
                yield Problem(
                    f"{{{role}}}`{inside}` names no figure, equation or section",
                    "correct the label or define it",
                    cell.id,
                )
            elif role == "term" and " ".join(target.lower().split()) not in course.terms:
                yield Problem(
                    f"{{term}}`{inside}` is not in the glossary",
                    "correct it, or define it in book/glossary.md",
                    cell.id,
                )
            elif role.startswith("cite"):
                for key in re.split(r"\s*[,;]\s*", target.strip()):
                    if key not in course.citations:
                        yield Problem(
                            f"{{{role}}} names {key!r}, which is no source",
                            "correct it, or add the source to book/references.bib",
                            cell.id,
                        )
            elif role == "doc" and not _exists(page.path.parent / target):
                yield Problem(f"{{doc}}`{inside}` is no page", "correct the path", cell.id)


def _exists(path: Path) -> bool:
    return path.exists() or any(path.with_name(path.name + e).exists() for e in (".md", ".ipynb"))


@rule("labels", "chapter", "page")
def labels(page: Page, course: Course) -> Iterator[Problem]:
    """A label of a figure, equation or section is defined once in the whole book.

    Why: a reference to it would lead to one of them, nobody knows which.
    Cure: begin labels with the chapter's word, such as fig-cnn-opening.
    """
    own = list(labels_of(page))
    for label in dict.fromkeys(own):
        others = [other for other in course.labels.get(label, []) if other.path != page.path]
        if others or own.count(label) > 1:
            where = others[0].shown if others else "this page"
            cell = next((c.id for c in page.cells if _defines(c.source, c, label)), None)
            yield Problem(
                f"the label {label!r} is defined here and again in {where}",
                "give one of them another name, which begins with the chapter's word",
                cell,
            )


def _defines(source: str, cell: notebooks.NotebookNode, label: str) -> bool:
    if cell.cell_type == "code":
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        return bool(figure.get("name") == label)
    return f"({label})" in source or bool(re.search(rf"^:\w+: *{label}$", source, re.MULTILINE))


@rule("links", "chapter", "page", "assignment", "exercise")
def links(page: Page, course: Course) -> Iterator[Problem]:
    """A link leads to a file or heading that is there, or to a well-formed https address.

    Why: a dead link is found by a reader, not by us. (No address is opened: tests need no network.)
    Cure: correct the path; write https.
    """
    for cell in page.markdown:
        source = _readable(cell.source)
        for image, words, target in _LINK.findall(text.CODE.sub("§", source)):
            if complaint := _wrong(target, page, course):
                what, cure = complaint
                yield Problem(f"the link [{words}]({target}) {what}", cure, cell.id)
            if image and not words.strip():
                yield Problem(
                    f"the picture {target} has no alt text",
                    "say in the square brackets what it shows",
                    cell.id,
                )
        for address in re.findall(r"(?<!\()\bhttps?://[^\s<>)\"'`]+", source):
            if complaint := _wrong(address.rstrip(".,;:"), page, course):
                yield Problem(f"the address {address} {complaint[0]}", complaint[1], cell.id)
        for file in re.findall(r"^ *[:`]{3,}\{(?:figure|image)\} *(\S+)", source, re.MULTILINE):
            if "://" not in file and not (page.path.parent / file).exists():
                yield Problem(f"the picture {file} is not there", "correct the path", cell.id)


def _wrong(target: str, page: Page, course: Course) -> tuple[str, str] | None:
    """Return what is wrong with the target of a link, and the cure, or None."""
    if target.startswith("#"):
        if target[1:] in course.labels or target[1:] in _headings(page):
            return None
        return "leads to no heading or label", "correct it, or put (label)= above the heading"
    if re.match(r"[a-z]+:", target):
        if target.startswith("mailto:") and "@" in target:
            return None
        if not target.startswith("https://"):
            return "is not https", "write https://"
        try:
            host = urlsplit(target).hostname or ""
        except ValueError:
            host = ""
        if not re.fullmatch(r"([\w-]+\.)+[a-z]{2,}", host):
            return "names no host", "copy the address again"
        return None
    path, _, anchor = target.partition("#")
    if not path or not (page.path.parent / path).exists():
        return "leads to no file", "correct the path"
    there = next((p for p in course.pages if p.path == (page.path.parent / path).resolve()), None)
    if anchor and there and anchor not in course.labels and anchor not in _headings(there):
        return f"leads to no heading of {path}", "correct what stands after #"
    return None


@rule("files", "chapter", "page", "assignment")
def files(page: Page, course: Course) -> Iterator[Problem]:
    """A path of the repository, a `make` target and a `course` command in backticks exist.

    Why: files are renamed, and readers type what the page says.
    Cure: write the name that it has now.
    """
    for cell in page.markdown:
        for code in text.names(cell.source):
            if _REPOSITORY_FILE.fullmatch(code) and not (course.root / code).exists():
                if "NN" not in code:
                    yield Problem(f"there is no `{code}`", "write the path that it has", cell.id)
            elif target := re.match(r"make ([a-z][a-z-]*)", code):
                if target[1] not in _targets(course.root):
                    yield Problem(
                        f"`{code}` is no target of the Makefile", "see 'make help'", cell.id
                    )
            elif (command := re.match(r"course ([a-z][a-z-]*)", code)) and (
                command[1] not in _commands()
            ):
                yield Problem(f"`{code}` is no command", "see 'course --help'", cell.id)


@cache
def _targets(root: Path) -> set[str]:
    file = root / "Makefile"
    source = file.read_text(encoding="utf-8") if file.is_file() else ""
    return set(re.findall(r"^([a-z-]+):", source, re.MULTILINE))


@cache
def _commands() -> set[str]:
    from course_utils import cli

    return set(cli.COMMANDS)
