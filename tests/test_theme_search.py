"""Search: what is indexed, and that the place that a reader means comes first.

The ranking (book/theme/static/js/rank.js) knows nothing of pages, so Node runs it here.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from book.theme.typeset import assets
from book.theme.typeset.search import readable, sections

RANK = assets.THEME / "static" / "js" / "rank.js"
FILLER = "The step goes against the slope, and the loss falls with each epoch of the training. "
INDEX = [
    ["index.html", "Build Deep", "", "A course from one neuron on. " + FILLER],
    ["index.html#run", "Build Deep", "How to run a chapter", "In the folder: make lab"],
    ["03.html", "The perceptron", "", "What can one neuron learn?"],
    ["03.html#rule", "The perceptron", "The perceptron rule", FILLER + "The rule moves a line."],
    ["03.html#quiz", "The perceptron", "Quiz", "The perceptron, the perceptron, a perceptron."],
    ["04.html", "Backpropagation", "", "Blame for each weight."],
    ["04.html#loss", "Backpropagation", "The loss: softmax and cross-entropy", FILLER * 3],
    ["05.html#step", "Training", "The step size", "The learning rate is one. " + FILLER],
    ["05.html#adam", "Training", "Four optimisers", "Adam scales the rate. Learning goes on. " * 3],
    ["07.html#conv", "Convolutional networks", "Nine numbers", "nn.Conv2d(1, 8) slides."],
    ["glossary.html#rate", "Glossary", "learning rate", "The size of a step."],
    ["glossary.html#gradient", "Glossary", "gradient", "The vector of partial derivatives."],
    ["guide.html#grade", "Guide", "Grade", "Scores are written down by the grader."],
    ["report.html#p", "How good are the checks?", "03-perceptron", "91 of 91 mutants. " * 4],
]  # fmt: skip
# what a reader types -> the place that they mean
MEANT = {
    "learning rate": "glossary.html#rate",
    "the learning rate": "glossary.html#rate",
    "Learning-Rate": "glossary.html#rate",
    "perceptron": "03.html",
    "perseptron": "03.html",
    "perceptron rule": "03.html#rule",
    "backprop": "04.html",
    "cross entropy loss": "04.html#loss",
    "conv2d": "07.html#conv",
    "gradients": "glossary.html#gradient",
    "grading": "guide.html#grade",
    "how do I run": "index.html#run",
    "adam": "05.html#adam",
    "optimis": "05.html#adam",
}


def ranked(*queries: str) -> list[dict[str, Any]]:
    program = (
        f"const r = require({json.dumps(str(RANK))}); const b = r.prepare({json.dumps(INDEX)});"
        f"console.log(JSON.stringify({json.dumps(queries)}.map((q) => {{"
        "const { found, words, complete } = r.rank(b, q);"
        "return { found: found.map((e) => e.address), words: [...words], complete }; })));"
    )
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_place_that_a_reader_means_comes_first():
    first = {q: (r["found"] or [None])[0] for q, r in zip(MEANT, ranked(*MEANT), strict=True)}
    assert first == MEANT


def test_small_words_decide_nothing_and_a_query_of_them_alone_still_finds():
    with_them, without, alone = ranked("what is the gradient", "gradient", "the")
    assert with_them["found"] == without["found"]
    assert len(alone["found"]) > 5


def test_a_quiz_that_repeats_a_word_does_not_come_before_what_explains_it():
    (found,) = ranked("perceptron")
    assert found["found"].index("03.html#quiz") > found["found"].index("03.html#rule")


def test_when_no_place_has_all_words_the_best_are_shown_and_that_is_said():
    one, none = ranked("gradient zzzzqqq", "zzzzqqq")
    assert one["found"][0] == "glossary.html#gradient" and not one["complete"]
    assert none["found"] == [] and not none["complete"]


@pytest.mark.parametrize("slip", ["grdient", "gradiennt", "gradeint", "grafient"])
def test_one_slip_of_a_key_is_forgiven(slip):
    assert ranked(slip)[0]["found"][0] == "glossary.html#gradient"


def test_the_words_to_mark_are_those_of_the_book():
    assert set(ranked("gradients ")[0]["words"]) == {"gradient"}


# --- what is indexed ----------------------------------------------------------------------------


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "value": value}


def test_a_formula_is_indexed_as_it_is_read():
    formula = {
        "type": "inlineMath", "value": r"x \\leftarrow x - \\eta",
        "html": '<span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>x</mi>'
        "<mo>←</mo><mi>x</mi><mo>−</mo><mi>η</mi></mrow><annotation>tex</annotation></semantics>"
        "</math></span></span>",
    }  # fmt: skip
    paragraph = {"type": "paragraph", "children": [text("Take "), formula, text(".")]}
    assert readable(paragraph) == "Take x ← x − η."


def test_each_term_of_the_glossary_is_a_place_of_its_own():
    term = {"type": "definitionTerm", "html_id": "term-x", "children": [text("x")]}
    said = {"type": "definitionDescription", "children": [text("An "), text("input.")]}
    root = {"type": "root", "children": [{"type": "definitionList", "children": [term, said]}]}
    found = [(s.title, s.anchor, s.text) for s in sections("Glossary", root)]
    assert found == [("Glossary", None, ""), ("x", "term-x", "An input.")]


def test_a_table_of_results_is_not_searched():
    cell = {"type": "tableCell", "children": [{"type": "text", "value": "conv2d 5/5"}]}
    table = {"type": "table", "children": [{"type": "tableRow", "children": [cell]}]}
    said = {"type": "paragraph", "children": [{"type": "text", "value": "Each answer was judged."}]}
    results = {"type": "div", "class": "results", "children": [table]}
    assert sections("Report", {"type": "root", "children": [said, results]})[0].text == (
        "Each answer was judged."
    )
    assert "conv2d" in sections("Report", {"type": "root", "children": [said, table]})[0].text
