"""Every rule of the notebooks' lint speaks when it is broken and is silent when it is kept."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests import demo_assignment as demo
from tools import lint_notebooks, notebooks
from tools.lint import core, text, wording
from tools.lint.core import RULES, Course, check, sentence
from tools.normalise import normalised

ROOT = Path(__file__).resolve().parent.parent
NAME = demo.NAME
CHAPTER, ASSIGNMENT = f"book/{NAME}.ipynb", f"solutions/{NAME}/{NAME}.ipynb"
EXERCISE = f"exercises/{NAME}/{NAME}.ipynb"

FIGURE = {
    "mystnb": {
        "figure": {"name": "fig-demo-line", "caption": "The sum grows with the weight."},
        "image": {"alt": "A straight line from the lower left to the upper right."},
    }
}
SETUP = """from course_utils import devices

import keras
import matplotlib.pyplot as plt
import torch

plt.style.use("course_utils.book")
devices.seed_everything(0)"""
DRAW = """fig, ax = plt.subplots()
ax.plot([0, 1], [0, 2], color="C1")
ax.set(xlabel="weight", ylabel="sum")
plt.show()"""
START = """It rises without a bend, as a sum of two numbers should when one of them grows.

:::{admonition} Before you start
:class: before-you-start

**What to know.** Addition. **What it costs.** About 10 minutes to read.

**What you will be able to do.**

1. Double a number in code (Task 1 of the assignment).
2. Square a number and negate another (Tasks 2 and 3).
3. Say in words what doubling does (Task 4).
:::"""
SECTION = """## A sum

{cite:t}`demo2000` adds a {term}`weight` and a bias; {numref}`fig-demo-line` shows the sum. By hand,
with weight 1 and bias 2, the sum is 3. In symbols

$$ z = w + b $$ (eq-demo-sum)

The cell computes {eq}`eq-demo-sum`. Look for the number from above."""
SUM = """w, b = 1, 2
total = w + b
sums = []
for more in range(3):
    sums.append(total + more)
sums.sort()
large = 1234
print(total, large)"""
SEEN = """The sum is {eval}`total`, as by hand, and `print` shows `total` only once.

::::{tab-set}
:::{tab-item} PyTorch
A tensor adds in the same way as a number.
:::
:::{tab-item} Keras
Here too the sum is one line.
:::
::::"""
SUMMARY = "## Summary\n\n" + "\n".join(f"- Point {n} of the demo." for n in "abcde")
QUESTION = """**{n}. What is one and one?**

:::{{dropdown}} A. Two.
:class: quiz
**Right.** One more than one is two.
:::

:::{{dropdown}} B. Eleven.
:class: quiz
**Not quite.** That puts digits side by side.
:::"""
QUIZ = "## Quiz\n\n" + "\n\n".join(QUESTION.format(n=n) for n in (1, 2, 3))
EXERCISES = f"## Exercise\n\nFour tasks, 20 points: `{EXERCISE}`."
END = f"{EXERCISES}\n\n## References\n\n- {{cite:t}}`demo2000`: sums."
GOALS = {
    1: "Double a number in code",
    2: "Square a number",
    3: "negate another number",
    4: "Say in words what doubling does",
}
GLOSSARY = ":::{glossary}\nweight\n: The number that an input is multiplied by.\n:::"


def chapter() -> NotebookNode:
    """Return a chapter that keeps every rule."""
    question = "# Demo\n\n**What can a sum show?**\n\nThe first cell loads the tools."
    parts = [
        new_markdown_cell(question, id="title"),
        new_code_cell(SETUP, id="setup"),
        new_markdown_cell("Look at the slope of the line.", id="draw-words"),
        new_code_cell(DRAW, id="draw", metadata=copy.deepcopy(FIGURE)),
        new_markdown_cell(START, id="start"),
        new_markdown_cell(SECTION, id="section"),
        new_code_cell(SUM, id="sum"),
        new_markdown_cell(SEEN, id="seen"),
        new_markdown_cell(SUMMARY, id="summary"),
        new_markdown_cell(QUIZ, id="quiz"),
        new_markdown_cell(END, id="end"),
    ]
    return normalised(new_notebook(cells=parts))


def assignment() -> NotebookNode:
    """Return its assignment: the demo of tests/demo_assignment.py with the chapter's goals."""
    notebook = demo.notebook()
    for cell in notebook.cells:
        if found := re.search(r"\*\*Goal\*\* (\d)[^\n]*", cell.source):
            cell.source = cell.source.replace(found[0], f"**Goal.** {GOALS[int(found[1])]}.")
    return notebook


def write(root: Path, file: str, notebook: NotebookNode) -> None:
    notebooks.write_text(root / file, notebooks.text_of(notebook))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small course that keeps every rule."""
    write(tmp_path, CHAPTER, chapter())
    write(tmp_path, ASSIGNMENT, assignment())
    write(tmp_path, EXERCISE, assignment())
    book = tmp_path / "book"
    (book / "index.md").write_text("# Demo\n\nRead [the demo](98-demo.ipynb) first.\n")
    (book / "glossary.md").write_text(f"# Glossary\n\n{GLOSSARY}\n")
    (book / "references.bib").write_text("@book{demo2000,\n  title = {Sums}\n}\n")
    files = ["index.md", f"{NAME}.ipynb", "glossary.md"]
    toc = "".join(f"    - file: {file}\n" for file in files)
    (book / "myst.yml").write_text(f"project:\n  toc:\n{toc}")
    (tmp_path / "Makefile").write_text("book:\n\ttrue\n")
    ran(tmp_path)
    return tmp_path


PICTURE = new_output("display_data", data={"image/svg+xml": "<svg/>", "text/plain": "<Figure>"})


def ran(root: Path, seconds: float = 12.0, peak_mb: int = 300) -> None:
    """Write what a run leaves: executed copies and records."""
    folder = root / "_build" / "executed"
    done = chapter()
    for cell in done.cells:
        if cell.id == "draw":
            cell.outputs = [copy.deepcopy(PICTURE)]
        if cell.id == "sum":
            cell.outputs = [new_output("stream", text="3 5678\n")]
    write(folder, CHAPTER, done)
    write(folder, f"solutions/{NAME}.ipynb", assignment())
    record = {"seconds": seconds, "peak_mb": peak_mb}
    runs = {NAME: record, f"solutions/{NAME}": {"seconds": 2.0, "peak_mb": 100}}
    (folder / "runs.json").write_text(json.dumps(runs))


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def edit(root: Path, file: str, change: Callable[[NotebookNode], None]) -> None:
    notebook = notebooks.read(root / file)
    change(notebook)
    write(root, file, notebook)


def problems(root: Path, rule: str) -> list[str]:
    course = Course(root)
    report = check(course.pages, course, [RULES[rule]])
    return [sentence(page, problem, name) for page, name, problem in report.found]


# --- how a rule is broken -------------------------------------------------------------------

Breach = Callable[[Path], None]


def swap(file: str, cell: str, old: str, new: str) -> Breach:
    def breach(root: Path) -> None:
        def change(notebook: NotebookNode) -> None:
            assert old in cell_of(notebook, cell).source
            cell_of(notebook, cell).source = cell_of(notebook, cell).source.replace(old, new)

        edit(root, file, change)

    return breach


def put(cell: str, old: str, new: str) -> Breach:
    """Replace words in a cell of the chapter."""
    return swap(CHAPTER, cell, old, new)


def task(old: str, new: str) -> Breach:
    """Replace words in the text of the assignment's first task."""
    return swap(ASSIGNMENT, TASK, old, new)


def both(*breaches: Breach) -> Breach:
    def breach(root: Path) -> None:
        for each in breaches:
            each(root)

    return breach


def say(cell: str, words: str) -> Breach:
    """Add a sentence to a text of the chapter."""
    return swap(CHAPTER, cell, cell_text(cell)[0], f"{words}\n\n{cell_text(cell)[0]}")


def cell_text(cell: str) -> list[str]:
    return cell_of(chapter(), cell).source.splitlines()


def meta(cell: str, **changes: object) -> Breach:
    def change(notebook: NotebookNode) -> None:
        cell_of(notebook, cell).metadata.update(copy.deepcopy(changes))

    return lambda root: edit(root, CHAPTER, change)


def figure(key: str, value: str) -> Breach:
    made = copy.deepcopy(FIGURE["mystnb"])
    made["image" if key == "alt" else "figure"][key] = value
    return meta("draw", mystnb=made)


def drop(cell: str) -> Breach:
    def change(notebook: NotebookNode) -> None:
        notebook.cells = [other for other in notebook.cells if other.id != cell]

    return lambda root: edit(root, CHAPTER, change)


def longer(cell: str, lines: int) -> Breach:
    more = "\n".join(f"line_{n} = {n}" for n in range(lines))
    return swap(
        CHAPTER, cell, cell_of(chapter(), cell).source.splitlines()[0], more + "\nw, b = 1, 2"
    )


def goal(number: int, old: str, new: str) -> Breach:
    line = next(line for line in START.splitlines() if line.startswith(f"{number}."))
    return swap(CHAPTER, "start", line, line.replace(old, new))


def append(file: str, words: str) -> Breach:
    def breach(root: Path) -> None:
        with (root / file).open("a", encoding="utf-8") as opened:
            opened.write(words)

    return breach


def output_in(file: str) -> Breach:
    def change(notebook: NotebookNode) -> None:
        notebook.cells[1].outputs = [new_output("stream", text="secret")]

    return lambda root: edit(root, file, change)


def unrun(root: Path) -> None:
    (root / "_build" / "executed" / CHAPTER).unlink()


def without_alt(root: Path) -> None:
    meta("draw", mystnb={"figure": FIGURE["mystnb"]["figure"]})(root)


def sound(label: str) -> Breach:
    """A cell of the chapter that plays something, with this label."""
    return both(
        put("sum", "sums = []", 'sums = []\nAudio(b"RIFF")'),
        meta("sum", mystnb={"sound": {"label": label}}),
    )


def task_meta(cell: str, **changes: object) -> Breach:
    def change(notebook: NotebookNode) -> None:
        cell_of(notebook, cell).metadata.nbgrader.update(changes)

    return lambda root: edit(root, ASSIGNMENT, change)


TASK = "task-1-double-5-points"
IN_TASK = f"{ASSIGNMENT}: cell {TASK!r}"
ALLOW = {"allow": {"voice": "a quoted slogan is discussed"}}
# rule, how it is broken, where that is told (a cell of the chapter, "" for all of it), what is said
BREACHES: list[tuple[str, Breach, str, str]] = [
    ("title", put("title", "show?", "show."), "title", "begin the"),
    ("skeleton", put("start", "What it costs", "Time"), "", "add **What it"),
    ("skeleton", put("start", "before-you-start", "tip"), "", "no box"),
    ("skeleton", drop("summary"), "", "end with ## Summary"),
    (
        "skeleton",
        put("summary", "- Point a", "- And\n- Point a"),
        "summary",
        "6 lines; say it in five",
    ),
    ("skeleton", put("end", EXERCISE, "it"), "end", f"write `{EXERCISE}`"),
    ("quiz", put("quiz", "**3. What", "**What"), "quiz", "ask three to five"),
    ("quiz", put("quiz", "**Not quite.**", "**Right.**"), "quiz", "2 right; give it"),
    (
        "quiz",
        put("quiz", " That puts digits side by side.", ""),
        "quiz",
        "no verdict with a reason",
    ),
    (
        "goals",
        put("start", "3. Say in words what doubling does (Task 4).", ""),
        "start",
        "has 2 goals; state three",
    ),
    ("goals", goal(1, "Double", "Understand"), "start", "say what the reader will do"),
    ("goals", goal(3, " (Task 4)", ""), "start", "end it with"),
    ("goals", goal(3, "Task 4", "Task 9"), "start", "names task 9"),
    (
        "goals",
        goal(3, "Task 4", "Tasks 3 and 4"),
        "start",
        "task 3 of the assignment is named at 2 goals; name each",
    ),
    ("goals", lambda root: (root / ASSIGNMENT).unlink(), "start", "write solutions/"),
    ("task-goal", task(GOALS[1], "Train a large network"), IN_TASK, "say the same in both"),
    ("task-goal", task("**Goal.** Double", "**Goal examined:** 2, Double"), IN_TASK, "goal 1"),
    ("task-goal", lambda root: (root / CHAPTER).unlink(), ASSIGNMENT, "write book/"),
    ("cell-length", longer("sum", 41), "sum", "split it"),
    ("cell-length", longer("sum", 21), "", "sum (29)"),
    ("words-per-line", longer("sum", 60), "title", "say what steps are for"),
    ("sentence-around", drop("draw-words"), "draw", "say in a sentence what to look for"),
    (
        "sentence-around",
        put("draw-words", "Look at the slope of the line.", "## The slope"),
        "draw",
        "heading above; say what",
    ),
    (
        "sentence-around",
        put("start", START.split("\n")[0], "## Start"),
        "draw",
        "say it in the next cell",
    ),
    (
        "imports",
        put("setup", "import devices", "import devices, grading"),
        "setup",
        "course_utils.grading; import only",
    ),
    (
        "imports",
        swap(ASSIGNMENT, "setup", "import numpy as np", "import numpy as np\nimport tools"),
        f"{ASSIGNMENT}: cell 'setup'",
        "imports tools",
    ),
    (
        "data-named",
        put("setup", "import devices", "import datasets, devices\n\ndatasets.load(name)"),
        "setup",
        "name in quotes",
    ),
    (
        "setup",
        put("setup", "devices.seed_everything(0)", ""),
        "setup",
        "write devices.seed_everything(0)",
    ),
    ("setup", put("setup", "course_utils.book", "ggplot"), "setup", "write plt.style.use"),
    ("frameworks", put("setup", "import keras\n", ""), "", "never imports Keras; show"),
    ("frameworks", put("seen", "PyTorch\n", "One\n"), "", "no tab for PyTorch; add"),
    (
        "listed",
        lambda root: (root / "book" / "myst.yml").write_text("project: {}"),
        "",
        "add it to toc",
    ),
    ("names", say("seen", "See `totals`."), "seen", "`totals` in its text, and nothing"),
    ("names", say("seen", "See `plt.shaw()`."), "seen", "`plt.shaw()`"),
    ("names", task("`np.exp`", "`np.expp`"), IN_TASK, "write the name that the code uses"),
    (
        "references",
        put("section", "`fig-demo-line`", "`fig-gone`"),
        "section",
        "`fig-gone` names no figure",
    ),
    (
        "references",
        put("section", "{eq}`eq-demo-sum`", "{eq}`eq-gone`"),
        "section",
        "correct the label",
    ),
    (
        "references",
        put("section", "{term}`weight`", "{term}`mass`"),
        "section",
        "define it in book/glossary.md",
    ),
    ("references", put("end", "demo2000", "demo1999"), "end", "references.bib"),
    (
        "labels",
        append("book/index.md", "\n(fig-demo-line)=\n\n## More\n"),
        "book/index.md: cell 'demo'",
        "another name",
    ),
    (
        "links",
        append("book/index.md", "[gone](gone.md)\n"),
        "book/index.md: cell 'demo'",
        "leads to no file; correct",
    ),
    ("links", say("seen", "[above](#nowhere)"), "seen", "leads to no heading or label"),
    ("links", say("seen", "See <http://example.org>."), "seen", "write https://"),
    ("links", say("seen", "[it](https://localhost)"), "seen", "names no host"),
    ("links", say("seen", "![](index.md)"), "seen", "has no alt text; say in the square"),
    ("files", say("seen", "See `tools/gone.py`."), "seen", "there is no `tools/gone.py`; write"),
    ("files", say("seen", "Type `make coffee`."), "seen", "see 'make help'"),
    ("files", say("seen", "Type `course cook 03`."), "seen", "see 'course --help'"),
    ("spelling", say("seen", "We recieve it."), "seen", "'recieve' is misspelt; write receive"),
    (
        "spelling",
        figure("alt", "A line that recieves a sum on the right."),
        "draw",
        "write receives",
    ),
    ("spelling", put("sum", "w + b", "w + b  # teh sum"), "sum", "write the"),
    (
        "british",
        say("seen", "The color is normalized."),
        "seen",
        "'color' is American; write colour",
    ),
    ("british", figure("caption", "Its behavior."), "draw", "write behaviour"),
    ("voice", say("seen", "Just add them."), "seen", "'Just'; leave"),
    ("voice", say("seen", "An amazing sum."), "seen", "'amazing'; leave"),
    ("voice", say("seen", "It works!"), "seen", "end the sentence with a point"),
    ("typed-figure", say("seen", "It is right for 97.3% of them."), "seen", "'97.3%' is typed"),
    ("typed-figure", say("seen", "It ends with a loss of 0.41."), "seen", "write {eval}"),
    ("alt-text", without_alt, "draw", "no alt text; say in its metadata"),
    (
        "alt-text",
        figure("alt", "Image of a line that rises to the right."),
        "draw",
        "begin with what",
    ),
    (
        "alt-text",
        figure("alt", "The sum grows with the weight."),
        "draw",
        "say what the picture shows",
    ),
    ("alt-text", figure("caption", ""), "draw", "mystnb.figure.caption"),
    ("alt-text", sound("A jig"), "sum", "its sound has no label; say in its metadata"),
    ("alt-text", figure("name", "Line 1"), "draw", "of the form fig-word"),
    ("figure-colours", put("draw", '"C1"', '"black"'), "draw", "'black'; leave the colour out"),
    (
        "figure-axes",
        put("draw", 'ax.set(xlabel="weight", ylabel="sum")\n', ""),
        "draw",
        "names no axis; write",
    ),
    ("normal-form", output_in(CHAPTER), "", "(outputs); run 'make format'"),
    ("counts", put("end", "Four tasks", "Six tasks"), "end", "speaks of Six tasks, and"),
    ("counts", put("end", "20 points", "24 points"), "end", "the assignment has 20; write 20"),
    (
        "counts",
        swap(ASSIGNMENT, "assignment-98-demo", "Run,", "In three tasks: run,"),
        f"{ASSIGNMENT}: cell 'assignment-98-demo'",
        "write 4",
    ),
    ("typed-figure", figure("caption", "It is right for 97% of them."), "draw", "'97%' is typed"),
    ("no-output", output_in(EXERCISE), f"{EXERCISE}: cell 'setup'", "run 'make release'"),
    (
        "parses",
        swap(EXERCISE, "double", "def double", "def def"),
        f"{EXERCISE}: cell 'double'",
        "line 1; correct that line",
    ),
    ("points", task("(5 points)", "(4 points)"), IN_TASK, "make them agree"),
    ("points", task_meta("words", points=7), ASSIGNMENT, "add up to 22, not to 20; share"),
    ("tasks", task("Hint 3", "Tip"), IN_TASK, "fold Hint 1, Hint 2 and Hint 3"),
    (
        "check-cells",
        swap(ASSIGNMENT, "double-check", "    rng =", "    assert True\n    rng ="),
        f"{ASSIGNMENT}: cell 'double-check'",
        "use a check, or checks.that",
    ),
    (
        "check-names",
        swap(
            ASSIGNMENT,
            "double-check",
            "    rng =",
            "    def softmax(z):\n        return z\n\n    rng =",
        ),
        f"{ASSIGNMENT}: cell 'double-check'",
        "call it _softmax",
    ),
    (
        "grading-metadata",
        task_meta("double-check", locked=False),
        f"{ASSIGNMENT}: cell 'double-check'",
        'set "locked": true',
    ),
    ("ran", unrun, "", "run 'python tools/execute.py"),
    ("ran", put("sum", "w + b", "b + w"), "sum", "has changed since it ran"),
    ("figure-output", without_alt, "draw", "no mystnb.image.alt; Say there what"),
    ("budget", lambda root: ran(root, seconds=1200), "", "budget is 300 s; make it smaller"),
    ("budget", lambda root: ran(root, peak_mb=9000), "", "budget is 4096 MB; make it smaller"),
    ("typed-output", say("seen", "The second number is 5,678."), "seen", "5,678 is typed"),
    ("exemption", meta("seen", lint={"allow": {"voice": "yes"}}), "seen", "say in a few words why"),
    (
        "exemption",
        meta("seen", lint={"allow": {"shouting": "a quoted slogan here"}}),
        "seen",
        "no rule is called so",
    ),
    ("exemption", meta("seen", lint={"ignore": ["voice"]}), "seen", '"allow"'),
    ("voice", meta("seen", lint=ALLOW), "seen", "finds nothing here any more; remove"),
]


def test_the_small_course_keeps_every_rule(root):
    assert {rule: problems(root, rule) for rule in RULES if problems(root, rule)} == {}


@pytest.mark.parametrize(
    ("rule", "breach", "where", "says"), BREACHES, ids=[b[0] for b in BREACHES]
)
def test_a_breach_is_told_with_file_cell_and_cure(rule, breach, where, says, root):
    breach(root)
    found = problems(root, rule)
    if "/" not in where:
        where = f"{CHAPTER}: cell {where!r}: " if where else f"{CHAPTER}: "
    assert any(line.startswith(where) and says in line for line in found), found


def test_every_rule_is_broken_by_a_test_here():
    told_elsewhere = {"stable-ids"}  # below: it needs a repository
    assert {rule for rule, *_ in BREACHES} | told_elsewhere == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_says_itself_why_and_the_cure(name):
    said = RULES[name].look.__doc__ or ""
    assert RULES[name].says.endswith(".")
    assert "Why: " in said
    assert "Cure: " in said


# --- what rules let pass --------------------------------------------------------------------

KEPT: dict[str, tuple[str, Breach]] = {
    "a method of a framework": ("names", say("seen", "Keras calls `train_step`.")),
    "a path that is there": ("files", say("seen", "See `book/index.md` and `make book`.")),
    "just in time": ("voice", say("seen", "It stops just before 3, which is just as well.")),
    "a factorial": ("voice", say("seen", "There are $n!$ orders, `a != b`.")),
    "a library's word": ("british", say("seen", "Call `normalize` in `color`.")),
    "by hand": ("typed-figure", say("seen", "By hand, that is 97.3% of them.")),
    "cited": ("typed-figure", say("seen", "They report 97.3% {cite:p}`demo2000`.")),
    "a claim": ("typed-figure", say("seen", 'The claim is "97.3% right".')),
    "from the run": ("typed-figure", say("seen", 'Right for {eval}`f"{total:.1%}"`.')),
    "given beside": ("typed-figure", say("seen", "The error is 1,234, as set.")),
    "below a heading": ("typed-figure", say("seen", "## Next\n\nThe goal is 97.3%.")),
    "given in code": ("typed-output", say("seen", "The second number is 1,234.")),
    "a year": ("typed-output", say("seen", "In 1958 it was 3.")),
    "roles shown as code": ("references", say("seen", "Write `` {term}`x` ``.")),
    "folded code": ("cell-length", both(longer("sum", 41), meta("sum", tags=["hide-input"]))),
    "a label elsewhere": ("links", say("seen", "[above](#eq-demo-sum) and [below](#summary)")),
    "a sound with its label": ("alt-text", sound("A slow jig, played with plain tones.")),
    "no colour": ("figure-colours", put("draw", '"C1"', '"none"')),
    "no axes wanted": (
        "figure-axes",
        put("draw", 'ax.set(xlabel="weight", ylabel="sum")', 'ax.axis("off")'),
    ),
    "exempt": ("voice", both(say("seen", "An amazing sum."), meta("seen", lint=ALLOW))),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_right_passes(case, root):
    rule, change = KEPT[case]
    change(root)
    assert problems(root, rule) == []


def test_a_slow_run_below_the_double_is_said_and_fails_nothing(root, capsys):
    ran(root, seconds=400)
    assert lint_notebooks.main(["--executed"], root) == 0
    assert "Attention: book/98-demo.ipynb: the last run took 400 s" in capsys.readouterr().out


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


def test_an_id_that_changes_without_its_text_is_told(root):
    git(root, "init")
    git(root, "add", "book")
    git(root, "commit", "-m", "before")
    assert problems(root, "stable-ids") == []
    edit(root, CHAPTER, lambda notebook: cell_of(notebook, "sum").update(id="total"))
    (found,) = problems(root, "stable-ids")
    assert found.startswith(f"{CHAPTER}: cell 'total': its id in git is 'sum'; call it 'sum' again")
    edit(root, CHAPTER, lambda notebook: cell_of(notebook, "total").update(source="print(1)"))
    assert problems(root, "stable-ids") == []


# --- the command ----------------------------------------------------------------------------


def test_the_command_says_what_it_found_and_what_it_did_not_look_at(root, capsys):
    assert lint_notebooks.main([], root) == 0
    said = capsys.readouterr().out
    assert "0 problems" in said
    assert "Not looked at here: ran, figure-output, budget, typed-output" in said
    say("seen", "It works!")(root)
    assert lint_notebooks.main([str(root / CHAPTER), "--rule", "voice"], root) == 1
    assert f"{CHAPTER}: cell 'seen': it calls out" in capsys.readouterr().out


def test_nothing_to_read_is_told_once_a_page_and_fails(root, capsys):
    unrun(root)
    assert lint_notebooks.main(["--executed"], root) == 1
    assert capsys.readouterr().out.count("it was not run, so there is nothing to read") == 1
    assert lint_notebooks.main(["--rule", "typed-output"], root) == 1
    assert "it was not run" in capsys.readouterr().out


def test_an_unread_page_does_not_make_an_exemption_stale(root):
    meta("seen", lint={"allow": {"typed-output": "a number of the data"}})(root)
    unrun(root)
    assert not any("any more" in line for line in problems(root, "typed-output"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rule", "nonsense"], "There is no rule 'nonsense'"),
        (["README.md"], "this is no page of the course"),
        (["book/gone.md"], "there is no such file"),
        (["book/gone.ipynb"], "there is no such file"),
    ],
)
def test_a_wrong_call_ends_in_a_sentence(arguments, says, root, capsys, monkeypatch):
    monkeypatch.chdir(root)
    assert lint_notebooks.main(arguments, root) == 1
    assert says in capsys.readouterr().err


def test_without_codespell_the_way_out_is_said(root, capsys, monkeypatch):
    wording.american.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert lint_notebooks.main(["--rule", "british"], root) == 1
    assert "run 'make setup'" in capsys.readouterr().err


def test_the_list_names_every_rule(capsys):
    assert lint_notebooks.main(["--list"]) == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"^{name}  \(", said, re.MULTILINE) for name in RULES)


def test_the_program_runs_from_the_command_line():
    done = subprocess.run(
        [sys.executable, "tools/lint_notebooks.py", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "--executed" in done.stdout


# --- text -----------------------------------------------------------------------------------


def test_sections_begin_at_headings_outside_of_code():
    parts = text.sections("intro\n\n# A\n\n```\n# no\n```\n\n## B\nb")
    assert parts == ["intro", "# A\n\n```\n# no\n```", "## B\nb"]


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("One. Two? Three: four", 3),
        ("A version 2.13 is no sentence", 0),
        ("Ends in code `x`.", 1),
        ("*Emphasis.* And **bold.**", 2),
        ("## A heading.\n\n| a table. |", 0),
    ],
)
def test_sentences_are_counted(source, count):
    assert text.sentences(source) == count


def test_a_page_is_known_by_where_it_lies():
    kinds = {
        "book/03-x.ipynb": "chapter",
        "book/guide.ipynb": "page",
        "book/glossary.md": "page",
        "solutions/03-x/03-x.ipynb": "assignment",
        "exercises/03-x/03-x.ipynb": "exercise",
    }
    assert {file: core.kind_of(ROOT / file, ROOT) for file in kinds} == kinds


# --- the course -----------------------------------------------------------------------------


def test_the_course_keeps_every_rule(capsys):
    assert lint_notebooks.main([]) == 0, capsys.readouterr().out
