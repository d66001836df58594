"""The theme, one MyST node at a time: what a node becomes, and what is refused."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from book.theme.typeset import highlight, outputs, sanitize, svg, widgets
from book.theme.typeset.errors import ThemeError, UnknownNode
from book.theme.typeset.nodes import PageState, Typesetter, attach_alt_texts
from book.theme.typeset.notebooks import chapter_number, prepare
from book.theme.typeset.pages import _lenient, environment
from book.theme.typeset.search import index, sections

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" viewBox="0 0 72 36">'
    "<style>*{stroke-linejoin: round}</style><script>harm()</script>"
    '<defs><clipPath id="clip"><rect width="9" height="9"/></clipPath></defs>'
    '<path style="fill: #ffffff; stroke: #24292F" clip-path="url(#clip)" onclick="harm()"/>'
    '<path fill="#24292f80" d="M 1.23456 -7.000001"/><path stroke="#135f97"/>'
    "<text>loss</text></svg>"
)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
FILES = {"net.svg": DRAWING.encode(), "photo.png": PNG, "long.txt": b"x\n" * 4}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "value": value}


def node(kind: str, /, *children: dict[str, Any] | str, **values: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind, **values}
    if children:
        made["children"] = [text(c) if isinstance(c, str) else c for c in children]
    return made


def page(**values: Any) -> PageState:
    def link_to(url: str, anchor: str | None) -> str:
        return f"{url.strip('/')}.html" + (f"#{anchor}" if anchor else "")

    return PageState(**{"name": "sample.md", "link_to": link_to, "read": FILES.get} | values)


def typeset(*nodes: dict[str, Any], state: PageState | None = None) -> str:
    typesetter = Typesetter(environment(), state or page())
    return str(typesetter.all([_lenient(n) for n in nodes]))


def output(**data: Any) -> dict[str, Any]:
    return node("outputs", node("output", jupyter_data=data))


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (node("paragraph", "a < b"), "<p>a &lt; b</p>"),
        (node("emphasis", "x"), "<em>x</em>"),
        (node("strong", "x"), "<strong>x</strong>"),
        (node("delete", "x"), "<del>x</del>"),
        (node("subscript", "2"), "<sub>2</sub>"),
        (node("superscript", "2"), "<sup>2</sup>"),
        (node("keyboard", "Esc"), "<kbd>Esc</kbd>"),
        (node("inlineCode", value="a<b"), "<code>a&lt;b</code>"),
        (node("abbreviation", "MLP", title='a "b"'), '<abbr title="a &#34;b&#34;">MLP</abbr>'),
        (node("break"), "<br>"),
        (node("thematicBreak"), "<hr>"),
        (node("comment", value="hidden"), ""),
        (node("blockquote", "x"), "<blockquote>x</blockquote>"),
        (node("list", node("listItem", node("paragraph", "x")), ordered=False),
         "<ul><li>x</li></ul>"),
        (node("list", node("listItem", "x"), ordered=True, start=3),
         '<ol start="3"><li>x</li></ol>'),
        (node("definitionTerm", "x", html_id="term-x"), '<dt id="term-x">x</dt>'),
        (node("citeGroup", node("cite", "A, 1958", identifier="a"), kind="parenthetical"),
         '(<a class="citation" href="#ref-a">A, 1958</a>)'),
        (node("citeGroup", node("cite", "A (1958)", identifier="a"), kind="narrative"),
         '<a class="citation" href="#ref-a">A (1958)</a>'),
        (node("inlineMath", value="x", html="<i>x</i>"), '<span class="math"><i>x</i></span>'),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_text_nodes(given, expected):
    assert typeset(given) == expected


def test_punctuation_stays_with_the_formula_before_it():
    formula = node("inlineMath", value="x", html="<i>x</i>")
    joined = '<span class="joined"><span class="math"><i>x</i></span>),</span> so'
    assert typeset(formula, text("), so")) == joined
    assert "joined" not in typeset(formula, text(" so"))


def test_long_addresses_lose_mysts_invisible_breaks():
    assert typeset(text("https://\u200bexample\u200b.org")) == "https://example.org"


def test_a_heading_has_its_anchor_and_a_named_link_to_itself():
    html = typeset(node("heading", "The sigmoid", depth=2, html_id="the-sigmoid"))
    assert html.startswith('<h2 id="the-sigmoid">The sigmoid<a class="anchor" href="#the-sigmoid"')
    assert 'aria-label="Link to “The sigmoid”"' in html


def test_links_to_pages_are_relative_and_links_outside_are_marked():
    inside = typeset(node("link", "x", url="/glossary", internal=True))
    outside = typeset(node("link", "x", url="https://example.org/"))
    assert 'href="glossary.html"' in inside and "external" not in inside
    assert 'class="external" rel="noopener"' in outside


def test_a_cross_reference_leads_to_its_target_on_this_or_another_page():
    here = node("crossReference", "Figure 1", kind="figure", html_id="fig-a", identifier="fig-a",
                resolved=True)  # fmt: skip
    there = {**here, "remote": True, "url": "/perceptron"}
    assert 'href="#fig-a"' in typeset(here)
    assert 'href="perceptron.html#fig-a"' in typeset(there)


def test_a_reference_to_nothing_is_refused():
    with pytest.raises(ThemeError, match=r"sample\.md: nothing is named 'fig-gone'"):
        typeset(node("crossReference", identifier="fig-gone", label="fig-gone"))


def noted_page(*texts: str) -> PageState:
    notes = {
        name: node("footnoteDefinition", node("paragraph", said), identifier=name, enumerator=name)
        for name, said in zip("1234", texts, strict=False)
    }
    return page(footnotes={name: _lenient(note) for name, note in notes.items()})


def mark(name: str = "1") -> dict[str, Any]:
    return node("footnoteReference", identifier=name, enumerator=name)


def test_a_footnote_stands_once_beside_the_paragraph_that_calls_it_first():
    state = noted_page("why")
    html = typeset(node("paragraph", "a", mark()), node("paragraph", "b", mark()), state=state)
    first, _, second = html.partition("<p>b")
    assert first.startswith('<div class="noted"><p>a<sup')
    assert first.count('id="note-1"') == 1 and "<p>why</p>" in first
    assert 'href="#note-1-mark"' in first and first.count('id="note-1-mark"') == 1
    assert 'href="#note-1"' in second and "why" not in second and "note-1-mark" not in second


def test_two_footnotes_of_a_paragraph_stand_in_their_order():
    html = typeset(node("paragraph", mark("2"), mark("1")), state=noted_page("one", "two"))
    assert html.index("<p>two</p>") < html.index("<p>one</p>")


def test_a_footnote_of_a_list_stands_below_its_item():
    html = typeset(node("list", node("listItem", node("paragraph", "x", mark()))),
                   state=noted_page("why"))  # fmt: skip
    assert html.index("<li>") < html.index("<p>why</p>") < html.index("</li>")


def test_a_footnote_outside_of_paragraphs_is_left_for_the_end_of_the_page():
    state = noted_page("why")
    html = typeset(node("tableCell", "x", mark()), state=state)
    assert "why" not in html and state.noted == {"1"} and state.beside == set()


@pytest.mark.parametrize(
    ("order", "expected"),
    [("ap", "p+a"), ("pa", "p+a"), ("pap", "p p+a"), ("aap", "p+aa"), ("hah", "h a h"),
     ("pah", "p+a h"), ("a", "a"), ("tp", "t p"), ("apap", "p+a p+a")],
)  # fmt: skip
def test_an_aside_stands_beside_the_paragraph_after_it_or_else_before_it(order, expected):
    made = {
        "a": node("aside", node("paragraph", "ASIDE")),
        "p": node("paragraph", "TEXT"),
        "h": node("thematicBreak"),
        "t": node("aside", node("paragraph", "ASIDE"), kind="topic"),
    }
    html = typeset(*(made[letter] for letter in order))
    shown = []
    for piece in re.findall(r'<div class="noted">.*?</div></div></div>|<hr>|<div class="aside[^"]*'
                            r'".*?</div>|<p>TEXT</p>|<div class="noted">.*', html):  # fmt: skip
        asides = "a" * piece.count('class="aside')
        if "TEXT" in piece:
            shown.append("p" + (f"+{asides}" if asides else ""))
        else:
            shown.append("t" if "aside-topic" in piece else asides or "h")
    assert " ".join(shown) == expected


def test_only_a_numbered_equation_shows_a_number():
    numbered = typeset(node("math", value="a", html="<b>a</b>", html_id="eq-a", enumerator="3.1"))
    plain = typeset(node("math", value="a", html="<b>a</b>", enumerated=False))
    assert 'id="eq-a"' in numbered and ">(3.1)</a>" in numbered
    assert "equation-number" not in plain


# --- boxes, folded parts, tabs ------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["before-you-start", "claim-check", "common-mistake", "going-further"]
)
def test_each_box_of_the_book_has_its_own_look_and_is_named_by_its_title(kind):
    html = typeset(node("admonition", node("admonitionTitle", "T"), node("paragraph", "x"),
                        **{"class": kind}))  # fmt: skip
    assert f'class="box box-{kind}"' in html and "<svg" in html
    label = re.search(r'aria-labelledby="([^"]+)"', html)
    assert label and f'id="{label[1]}"' in html


def test_boxes_of_the_book_differ_in_icon_not_only_in_colour():
    icons = set()
    for kind in ("before-you-start", "claim-check", "common-mistake", "going-further"):
        html = typeset(node("admonition", node("admonitionTitle", "T"), **{"class": kind}))
        icons.add(re.search(r"<svg.*?</svg>", html)[0])
    assert len(icons) == 4


def test_a_dropdown_box_is_folded():
    html = typeset(node("admonition", node("admonitionTitle", "T"), node("paragraph", "x"),
                        kind="hint", **{"class": "dropdown"}))  # fmt: skip
    assert html.startswith('<details class="box box-hint"><summary')


@pytest.mark.parametrize(("answer", "verdict"), [("Right.", "right"), ("Not quite.", "wrong")])
def test_a_quiz_option_knows_whether_it_is_right(answer, verdict):
    html = typeset(node("details", node("summary", "A. so"),
                        node("paragraph", node("strong", answer), " Because."),
                        **{"class": "quiz"}))  # fmt: skip
    assert f'class="quiz quiz-{verdict}"' in html
    assert "<summary><span>A. so</span></summary>" in html


def test_tabs_are_readable_without_scripts_and_carry_what_they_follow():
    html = typeset(node("tabSet", node("tabItem", "one", title="PyTorch", sync="torch"),
                        node("tabItem", "two", title="Keras")))  # fmt: skip
    assert html.count('class="tab-title"') == 2
    assert 'data-sync="torch"' in html and 'data-sync="Keras"' in html
    assert "one" in html and "two" in html


# --- code and outputs ---------------------------------------------------------------------------


def test_code_is_highlighted_and_escaped():
    html = typeset(node("code", lang="python", value="if a < b:\n    return 'x'"))
    assert '<span class="k-k">if</span>' in html
    assert "&lt;" in html and '<pre class="scroll">' in html


def test_lines_are_numbered_and_emphasized_from_one():
    html = typeset(node("code", lang="python", value="a\nb", showLineNumbers=True,
                        emphasizeLines=[2]))  # fmt: skip
    assert 'class="line" data-line="1"' in html
    assert 'class="line strong" data-line="2"' in html


def test_an_unknown_language_is_plain_text():
    assert highlight.code("a < b", "no-such-language") == "a &lt; b"


def test_hidden_code_is_folded_and_removed_code_is_gone():
    assert "<details" in typeset(node("code", value="a", visibility="hide"))
    assert typeset(node("code", value="a", visibility="remove")) == ""


def test_a_removed_cell_is_gone():
    assert typeset(node("block", "secret", kind="notebook-code", visibility="remove")) == ""


def test_a_cells_anchor_yields_to_a_heading_of_the_same_name():
    state = page(taken_ids={"quiz"})
    assert 'id="quiz"' not in typeset(
        node("block", "x", kind="notebook-code", html_id="quiz"), state=state
    )


def test_streams_are_told_apart_and_progress_bars_settle():
    html = typeset(output(output_type="stream", name="stdout", text="1%\r50%\r100%\ndone\n"))
    assert '<pre class="output scroll output-stdout">100%\ndone</pre>' in html
    assert "output-stderr" in typeset(output(output_type="stream", name="stderr", text="x"))


def test_what_one_stream_printed_in_pieces_is_shown_as_one():
    piece = {"output_type": "stream", "name": "stdout"}
    html = typeset(node("outputs", *(node("output", jupyter_data={**piece, "text": t})
                                     for t in ("a\n", "b\n"))))  # fmt: skip
    assert html.count("<pre") == 1 and "a\nb</pre>" in html


def test_terminal_colours_become_classes_and_other_codes_vanish():
    html = str(outputs.terminal("\x1b[1;31mbad\x1b[0m <ok> \x1b[2K\x1b[38;5;12mblue"))
    assert html == '<span class="ansi-bold ansi-red">bad</span> &lt;ok&gt; blue'


def test_an_error_says_its_message_and_folds_the_trace():
    html = typeset(output(output_type="error", ename="ValueError", evalue="a < b",
                          traceback="\x1b[31mline 1\x1b[39m"))  # fmt: skip
    assert "<strong>ValueError</strong>: a &lt; b" in html
    assert '<span class="ansi-red">line 1</span>' in html
    assert html.index("<details>") < html.index("line 1")


def test_long_text_is_read_from_the_file_that_myst_keeps():
    html = typeset(output(output_type="stream", name="stdout", text="x…", path="/long.txt"))
    assert "x\nx\nx\nx</pre>" in html


def test_a_result_prefers_its_picture_then_its_table_then_its_text():
    data = {"text/plain": {"content": "plain"}, "text/html": {"content": "<b>rich</b>"}}
    assert "<b>rich</b>" in typeset(output(output_type="execute_result", data=data))
    del data["text/html"]
    assert "plain" in typeset(output(output_type="execute_result", data=data))


def test_an_output_that_needs_a_kernel_is_refused():
    data = {"application/vnd.jupyter.widget-view+json": {"content": "{}"}}
    with pytest.raises(ThemeError, match="cannot show without a kernel"):
        typeset(output(output_type="display_data", data=data))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('<b onclick="x()">a</b>', "<b>a</b>"),
        ("<script>alert('<b>')</script>b", "b"),
        ('<a href="javascript:x()">a</a>', "<a>a</a>"),
        ('<a href=" https://example.org/?a=1&amp;b=2">a</a>',
         '<a href=" https://example.org/?a=1&amp;b=2">a</a>'),
        ('<img src="https://example.org/x.png">', ""),
        ('<img src="data:image/png;base64,AA" alt="x">',
         '<img src="data:image/png;base64,AA" alt="x">'),
        ("<table><tr><td>1", "<table><tr><td>1</td></tr></table>"),
        ("a </b> < c", "a  &lt; c"),
        ("<style>p{}</style><iframe src=x></iframe><blink>x</blink>", "x"),
        ("<thead><tr><th>x</th></tr></thead>",
         '<thead><tr><th scope="col">x</th></tr></thead>'),
    ],
)  # fmt: skip
def test_html_outputs_keep_only_what_is_harmless(given, expected):
    assert sanitize.clean(given) == expected


AUDIO = """
                <audio  controls="controls" >
                    <source src="data:audio/wav;base64,UklGRg==" type="audio/wav" />
                    Your browser does not support the audio element.
                </audio>
              """


def sounding(html: str, **values: Any) -> dict[str, Any]:
    data = {"text/html": {"content": html}, "text/plain": {"content": "<Audio object>"}}
    return output(output_type="execute_result", data=data) | values


def test_a_sound_gets_a_player_and_its_label_in_words():
    state = page()
    html = typeset(sounding(AUDIO, alt='A jig, "slow"'), state=state)
    (name, content), *others = state.made_files.items()
    assert content == b"RIFF" and name.endswith(".wav") and not others
    assert f'<audio controls preload="none" src="files/{name}"' in html
    assert html.count("A jig, &#34;slow&#34;") == 2  # read out, and shown
    assert "<Audio object>" not in html and "does not support" not in html


def test_ipython_still_writes_sounds_as_the_theme_reads_them():
    display = pytest.importorskip("IPython.display")
    written = display.Audio(b"RIFF")._repr_html_()
    assert outputs.sound(written) == ("wav", b"RIFF")


def test_the_label_of_a_sound_comes_from_the_cells_metadata():
    block = node("block", sounding(AUDIO), data={"mystnb": {"sound": {"label": "A reel"}}})
    attach_alt_texts(block)
    assert block["children"][0]["alt"] == "A reel"


def test_a_sound_without_a_label_is_refused():
    with pytest.raises(ThemeError, match=r"a sound has no label.*mystnb\.sound\.label"):
        typeset(sounding(AUDIO))


def test_a_sound_from_elsewhere_is_no_sound_and_is_not_loaded():
    html = typeset(sounding('<audio controls><source src="https://example.org/a.wav"></audio>'))
    assert "<audio" not in html and "example.org" not in html


# --- pictures -----------------------------------------------------------------------------------


def test_a_drawing_takes_the_pages_ink_and_paper_in_light_and_dark():
    drawing = svg.fitted(DRAWING)
    text = drawing.content.decode()
    assert (drawing.width, drawing.height) == (96, 48)
    assert "fill: var(--paper); stroke: var(--ink)" in text
    assert 'id="clip"' in text and "url(#clip)" in text
    assert "harm" not in text and "stroke-linejoin: round" in text
    assert "#24292f80" in text  # another colour that begins like the ink
    assert 'stroke="var(--c0)"' in text and 'd="M 1.23 -7"' in text
    assert 'width="96" height="48"' in text
    sheet = ET.fromstring(text)[0].text or ""
    for name in ("--ink", "--paper", "--c0"):  # what the page says, in both
        assert f"{name}:{svg.tokens()[name]};" in sheet and "light-dark(#" in svg.tokens()[name]
    assert "--c1:" not in sheet and "color-scheme:light dark" in sheet


def test_a_drawing_is_written_in_the_pages_letters():
    styles = (
        "font-size: 9px; font-family: 'DejaVu Sans', serif; fill: red",
        "font: italic 9px Arial",
    )
    texts = "".join(f'<text style="{style}">x</text>' for style in styles)
    source = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{texts}</svg>'
    text = svg.fitted(source).content.decode()
    assert 'style="font-size: 9px; fill: red"' in text and "italic 9px sans-serif" in text
    assert f"--sans:{svg.tokens()['--sans']}" in text
    assert "text{font-family:var(--sans)!important}" in text


def test_points_that_look_alike_say_so_once():
    use = '<use href="#dot" x="1.23456" style="fill: #135f97"/>'
    source = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><g>{use * 50}</g></svg>'
    text = svg.fitted(source).content.decode()
    assert text.count("fill: var(--c0)") == 1 and text.count('x="1.23"') == 50


def with_text(width: int, *sizes: float) -> str:
    """An SVG document of this width (points) with one text of each size."""
    texts = "".join(
        f'<text style="font-size: {size}px; font-family: sans">a<tspan style="font-size: 3px">2'
        "</tspan></text>"
        for size in sizes
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="90pt" '
        f'viewBox="0 0 {width} 90">{texts}</svg>'
    )


@pytest.mark.parametrize(
    ("source", "legible"),
    [
        (with_text(460, 10, 12), None),  # 7.8 pixels on a phone
        (with_text(600, 12, 10), 540),  # 6 pixels on a phone; 9 at this width
        (with_text(600, 10, 6), 800),  # never larger than the drawing itself
        (with_text(600), None),  # nothing to read
        (with_text(200, 4), 267),  # small letters in a small drawing: as large as it is
    ],
)
def test_a_drawing_with_small_print_keeps_a_legible_width(source, legible):
    assert svg.fitted(source).legible == legible
    state = page(read={"net.svg": source.encode()}.get)
    html = typeset(node("image", url="/net.svg", alt="A net."), state=state)
    assert (f"--legible: {legible}px" in html) == (legible is not None)


def test_something_that_is_no_drawing_is_refused():
    with pytest.raises(ThemeError, match="not a readable SVG"):
        svg.fitted("<svg")


def test_an_image_has_alt_text_size_and_loads_late():
    state = page()
    html = typeset(node("image", url="/photo.png", alt="A digit."), state=state)
    assert 'src="files/photo.png" alt="A digit." width="640" height="480" loading="lazy"' in html
    assert state.used_files == {"photo.png"}


@pytest.mark.parametrize("alt", [None, "", "  "])
def test_a_picture_without_alt_text_is_refused(alt):
    with pytest.raises(ThemeError, match="no alt text"):
        typeset(node("image", url="/photo.png", alt=alt))


def test_a_picture_from_the_network_is_refused():
    with pytest.raises(ThemeError, match="from the network"):
        typeset(node("image", url="https://example.org/a.png", alt="x"))


def test_a_missing_picture_is_named():
    with pytest.raises(ThemeError, match=r"/gone\.png is missing"):
        typeset(node("image", url="/gone.png", alt="x"))


def test_a_drawing_is_a_file_that_is_named_by_its_page_and_its_content():
    state = page()
    html = typeset(node("image", url="/net.svg", alt='A "net".'), state=state)
    ((name, content),) = state.made_files.items()
    assert re.fullmatch(r"sample-[0-9a-f]{12}\.svg", name)
    assert content == svg.fitted(DRAWING).content
    assert (
        f'<img class="drawing" src="files/{name}" alt="A &#34;net&#34;." width="96" height="48" '
        'loading="lazy"' in html
    )


# --- what the theme does not know ---------------------------------------------------------------


def test_an_unknown_node_is_refused_with_its_name_its_page_and_the_cure():
    with pytest.raises(UnknownNode) as caught:
        typeset(node("paragraph", node("mermaid", value="graph")))
    message = str(caught.value)
    assert "'mermaid'" in message and "sample.md" in message
    assert "book/theme/templates/nodes/mermaid.html.j2" in message


# --- notebooks, made ready ----------------------------------------------------------------------


def cell(outputs: list[dict[str, Any]], **mystnb: Any) -> dict[str, Any]:
    return {"cell_type": "code", "id": "draw", "metadata": {"mystnb": mystnb}, "source": "plot()",
            "outputs": outputs}  # fmt: skip


PICTURE = {"output_type": "display_data", "data": {"image/svg+xml": DRAWING}}
STREAM = {"output_type": "stream", "name": "stdout", "text": "x"}
FIGURE = {"name": "fig-a", "caption": "It `falls` ```fast```."}


def test_a_named_figure_leaves_its_cell_and_stands_below_it_once(tmp_path):
    given = {"cells": [cell([STREAM, PICTURE], figure=FIGURE, image={"alt": "A line: down."})]}
    ready = prepare(given, "03-x", tmp_path)
    front, code, figure = ready["cells"]
    assert 'enumerator: "3.%s"' in front["source"]
    assert code["outputs"] == [STREAM]
    assert figure["source"].splitlines() == [
        "``````{figure} figures/03-x-fig-a.svg", ":name: fig-a", ":alt: A line: down.", "",
        "It `falls` ```fast```.", "``````",
    ]  # fmt: skip
    assert (tmp_path / "figures" / "03-x-fig-a.svg").read_text() == DRAWING
    assert len(given["cells"][0]["outputs"]) == 2  # the executed copy itself is not changed


@pytest.mark.parametrize(
    ("outputs_", "mystnb", "says"),
    [
        ([PICTURE], {}, r"03-x, cell draw: .*mystnb\.image\.alt"),
        ([PICTURE], {"image": {"alt": "x"}, "figure": {"caption": "y"}}, r"mystnb\.figure\.name"),
        ([PICTURE], {"image": {"alt": "x"}, "figure": {"name": "y"}}, r"mystnb\.figure\.caption"),
        ([], {"image": {"alt": "x"}, "figure": FIGURE}, "made 0 pictures"),
        ([PICTURE, PICTURE], {"image": {"alt": "x"}, "figure": FIGURE}, "made 2 pictures"),
    ],
)
def test_an_incomplete_figure_is_refused(tmp_path, outputs_, mystnb, says):
    with pytest.raises(ThemeError, match=says):
        prepare({"cells": [cell(outputs_, **mystnb)]}, "03-x", tmp_path)


def test_chapters_are_numbered_by_their_names():
    assert [chapter_number(name) for name in ("03-perceptron", "glossary")] == [3, None]


# --- interactive parts --------------------------------------------------------------------------

MODULE = b'import { h } from "./lib.js";\nexport default { render() {} };\n'
LABEL = {"label": "Train <it>", "preset": "</script>"}


def interactive(*children: dict[str, Any], model: Any = LABEL) -> dict[str, Any]:
    part = node("anywidget", esm=f"/train-{'0' * 32}.js", model=model, id="x")
    return node("div", part, *children, **{"class": "interactive"})


def still() -> dict[str, Any]:
    return node("paragraph", node("image", url="/net.svg", alt="a net"), "Six points.")


@pytest.fixture
def module(monkeypatch):
    monkeypatch.setitem(FILES, f"train-{'0' * 32}.js", MODULE)


def test_a_part_is_a_labelled_region_with_its_model_and_its_still_picture(module):
    state = page()
    html = typeset(interactive(still()), state=state)
    assert html.startswith('<section class="widget" id="part-train" aria-label="Train &lt;it&gt;"')
    assert html.rstrip().endswith("Six points.</p></div></section>") and "a net" in html
    assert '{"preset": "\\u003c/script\\u003e"}' in html
    files = sorted(state.used_widgets)
    assert [f.partition(".")[0] for f in files] == ["lib", "train"]
    assert f'from "./{files[0]}"'.encode() in state.used_widgets[files[1]]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (interactive(), "the picture and the text"),
        (interactive(node("paragraph", "text alone")), "the picture and the text"),
        (node("anywidget", esm="/train.js", model=LABEL, id="x"), "stands alone"),
        (interactive(still(), model={}), "has no label"),
        (interactive(still(), model={"error": "Invalid JSON"}), "has no label"),
    ],
    ids=["no-picture-no-text", "no-picture", "alone", "no-label", "broken"],
)
def test_a_part_that_lacks_something_is_refused(module, given, says):
    with pytest.raises(ThemeError, match=says):
        typeset(given)


def test_a_part_whose_module_is_missing_is_refused():
    with pytest.raises(ThemeError, match="there is no module"):
        typeset(interactive(still()))


def test_a_module_imports_others_by_names_that_change_with_their_text(tmp_path):
    (tmp_path / "lib.js").write_text("export const one = 1;\n")
    (tmp_path / "ink.js").write_text('import { one } from "./lib.js";\n')
    source = 'import { pad } from "./ink.js";\nexport { one } from "./lib.js";\n'
    files = widgets.modules("draw", source, tmp_path)
    assert [f.partition(".")[0] for f in files] == ["lib", "ink", "draw"]
    lib, ink, draw = files
    assert f'from "./{lib}"'.encode() in files[ink]
    assert f'from "./{ink}"'.encode() in files[draw] and f'"./{lib}"'.encode() in files[draw]
    (tmp_path / "lib.js").write_text("export const one = 2;\n")
    assert not set(files) & set(widgets.modules("draw", source, tmp_path))


def test_a_module_that_imports_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(ThemeError, match=r"draw\.js imports \./ink\.js"):
        widgets.modules("draw", 'import { pad } from "./ink.js";\n', tmp_path)


def test_a_part_gets_the_address_of_what_a_run_exported(module, tmp_path):
    state = page(export={"net.npz": b"\x00numbers\xff"}.get)
    label = {"label": "Draw", "exports": {"network": "net.npz"}}
    html = typeset(interactive(still(), model=label), state=state)
    file = next(f for f in state.used_widgets if f.startswith("net."))
    assert re.fullmatch(r"net\.[0-9a-f]{10}\.npz", file)
    assert f'{{"network": "assets/widgets/{file}"}}' in html
    widgets.write(tmp_path, state.used_widgets)
    folder = tmp_path / "assets" / "widgets"
    assert (folder / file).read_bytes() == b"\x00numbers\xff"
    script = (folder / f"{file}.text.js").read_text()
    assert base64.b64encode(b"\x00numbers\xff").decode() in script and file in script


def test_a_part_that_needs_what_no_run_exported_is_refused(module):
    label = {"label": "Draw", "exports": {"network": "net.npz"}}
    with pytest.raises(ThemeError, match=r"writes it to exports/net\.npz"):
        typeset(interactive(still(), model=label))


def test_a_part_that_is_too_large_is_refused():
    with pytest.raises(ThemeError, match="30,720 are allowed"):
        widgets.modules("train", "x" * (widgets.MOST + 1))


# --- search -------------------------------------------------------------------------------------


def test_the_index_has_a_section_per_heading_with_text_code_and_alt_texts():
    root = node(
        "root",
        node("paragraph", "before ", node("strong", "all")),
        node("heading", "Sigmoid", depth=2, html_id="sigmoid"),
        node("paragraph", "squashes"),
        node("code", value="np.exp(-z)"),
        node("image", url="/x.png", alt="an S"),
        node("outputs", node("output", value="0.1234")),
    )
    found = sections("Page", root)
    assert [(s.title, s.anchor) for s in found] == [("Page", None), ("Sigmoid", "sigmoid")]
    assert found[0].text == "before all"
    assert found[1].text == "squashes np.exp(-z) an S"
    script = index([("03-x.html", "Page", root)])
    assert script.startswith("window.bookIndex=[[") and "03-x.html#sigmoid" in script


# --- code ---------------------------------------------------------------------------------------


def test_only_tokens_that_have_a_colour_get_a_span():
    html = highlight.code("for x in f(y):\n    pass  # why", "python")
    assert '<span class="k-k">for</span> x ' in html and " f(y):\n" in html
    used = set(re.findall(r'class="(k-\w+)"', html))
    assert used and used <= highlight._FORMATTER.coloured
