"""The skeleton of a chapter: its parts, its goals, its cells, the sentences around them."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from itertools import pairwise

from nbformat import NotebookNode

from tools.lint import text
from tools.lint.core import Course, Page, Problem, rule
from tools.lint.names import python_of

LINES_P90 = 20  # STYLE: "20 at the 90th percentile"
LINES_MEDIAN = 10  # STYLE: "about 5 at the median"; a plot or a class takes a few more
LINES_MOST = 40  # of one cell that a reader sees: more than a screen
WORDS_PER_LINE = (7, 17)  # STYLE: 8-14 words of prose a line of code; "measures, not limits"
OURS = {"datasets", "devices", "checks"}
SILENT = {"seed_everything", "use", "append", "register"}  # a last call that returns nothing
UNTESTABLE = {"understand", "know", "learn", "appreciate", "see", "grasp", "realise", "explore"}


def code_lines(cell: NotebookNode) -> int:
    """Count the lines of code, without blank lines and comments."""
    return sum(bool(re.match(r"\s*[^\s#]", line)) for line in cell.source.splitlines())


def is_folded(cell: NotebookNode) -> bool:
    """Tell whether the page folds this cell's code away."""
    return bool({"hide-input", "hide-cell", "remove-input"} & set(cell.metadata.get("tags", [])))


def shows(cell: NotebookNode) -> bool:
    """Tell whether a code cell puts something on the page: a print, a picture, a last value."""
    try:
        body = ast.parse(python_of(cell)).body
    except SyntaxError:
        return True
    if not body:
        return False
    last = body[-1].value if isinstance(body[-1], ast.Expr) else None
    if last is not None and not isinstance(last, ast.Constant) and _called(last) not in SILENT:
        return True
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(statement):
            if _called(node) in {"print", "show", "display"}:
                return True
    return False


def _called(node: ast.AST) -> str:
    """Return the last name of what a call calls, or nothing."""
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


@rule("title", "chapter")
def title(page: Page, course: Course) -> Iterator[Problem]:
    """A chapter begins with `# Title` and its question in one bold sentence.

    Why: a chapter answers one question, and the reader is told which before anything else.
    Cure: let the first cell begin with "# Title", a blank line and "**The question?**".
    """
    first = page.cells[0] if page.cells else None
    if first is None or not re.match(r"# \S[^\n]*\n\n\*\*[^*\n]+\?\*\*\n", first.source + "\n"):
        yield Problem(
            "the chapter does not begin with its title and its question",
            'begin the first cell with "# Title", a blank line, "**The question?**"',
            first.get("id") if first else None,
        )


@rule("skeleton", "chapter")
def skeleton(page: Page, course: Course) -> Iterator[Problem]:
    """A chapter has "Before you start", Summary, Quiz, Exercise and References, in this order.

    Why: readers find their way in any chapter once they know one.
    Cure: add the part that is missing; a summary has five lines.
    """
    whole = "\n".join(cell.source for cell in page.markdown)
    for words in ("What to know", "What it costs", "What you will be able to do"):
        if f"**{words}.**" not in whole:
            yield Problem(
                f'the chapter does not say "{words}"',
                f"add **{words}.** to its box 'Before you start'",
            )
    if ":class: before-you-start" not in whole:
        yield Problem(
            "the chapter has no box 'Before you start'",
            "add one with ':class: before-you-start'",
        )
    headings = re.findall(r"^## (Summary|Quiz|Exercise|References)\b", whole, re.MULTILINE)
    if headings != ["Summary", "Quiz", "Exercise", "References"]:
        yield Problem(
            f"the chapter ends with {', '.join(headings) or 'none'} of its four last parts",
            "end with ## Summary, ## Quiz, ## Exercise, ## References, once each and in this order",
        )
    if found := page.from_heading("Summary"):
        lines = len(re.findall(r"^(?:-|\d+\.) ", found[1], re.MULTILINE))
        if lines != 5:
            yield Problem(
                f"the summary has {lines} lines", "say it in five list items", found[0].id
            )
    if found := page.from_heading("Exercise"):
        file = f"exercises/{page.name}/{page.name}.ipynb"
        if f"`{file}`" not in found[1]:
            yield Problem("the exercise's file is not named", f"write `{file}` there", found[0].id)


@rule("quiz", "chapter")
def quiz(page: Page, course: Course) -> Iterator[Problem]:
    """A quiz has three to five questions, each with one right option and reasons for all.

    Why: an option that is wrong without a reason teaches nothing; two right ones confuse.
    Cure: begin each option's body with **Right.** or **Not quite.** and give the reason.
    """
    found = page.from_heading("Quiz")
    if found is None:
        return
    cell, source = found
    parts = re.split(r"^\*\*(?=\d+\. )", source, flags=re.MULTILINE)[1:]
    if not 3 <= len(parts) <= 5:
        yield Problem(
            f"the quiz has {len(parts)} questions that begin like '**1. '",
            "ask three to five",
            cell.id,
        )
    for part in parts:
        number = part.split(".")[0]
        options = re.findall(
            r"^(:{3,})\{dropdown\} ([A-Z]\.)[^\n]*\n(.*?)^\1 *$", part, re.MULTILINE | re.DOTALL
        )
        verdicts = []
        for _, letter, body in options:
            said = re.match(r":class: quiz\n\s*\*\*(Right|Not quite)\.\*\*(.*)", body, re.DOTALL)
            verdicts.append(said[1] if said else "")
            if said is None or len(said[2].split()) < 4:
                yield Problem(
                    f"option {letter} of question {number} has no verdict with a reason",
                    "let its body be ':class: quiz', then **Right.** or **Not quite.** and why",
                    cell.id,
                )
        if len(options) < 2 or verdicts.count("Right") != 1:
            yield Problem(
                f"question {number} has {len(options)} options and {verdicts.count('Right')} right",
                "give it at least two options, one of them right",
                cell.id,
            )


# --- goals ----------------------------------------------------------------------------------


def goals_of(page: Page) -> tuple[NotebookNode | None, dict[int, tuple[str, set[int]]]]:
    """Return the cell with the goals, and number → (words, the tasks that examine it)."""
    for cell in page.markdown:
        if "**What you will be able to do" not in cell.source:
            continue
        below = cell.source.split("**What you will be able to do", 1)[1].split(":::")[0]
        goals = {}
        for number, words in re.findall(r"^(\d+)\. (.+)$", below, re.MULTILINE):
            named = re.search(r"\(Tasks? ([\d, and]+)[^)]*\)", words)
            tasks = {int(task) for task in re.findall(r"\d+", named[1])} if named else set()
            goals[int(number)] = (words.split(" (Task")[0], tasks)
        return cell, goals
    return None, {}


def tasks_of(page: Page) -> dict[int, tuple[NotebookNode, str, int | None]]:
    """Return an assignment's tasks: number → (cell, words of its goal, number of the goal)."""
    tasks = {}
    for cell in page.markdown:
        heading = re.search(r"^## Task (\d+) · ", cell.source, re.MULTILINE)
        if heading is None:
            continue
        said = re.search(r"^\*\*Goal[^*]*\*\*:? *(?:(\d+)[,.:])? *(.*)$", cell.source, re.MULTILINE)
        number = int(said[1]) if said and said[1] else None
        tasks[int(heading[1])] = (cell, said[2] if said else "", number)
    return tasks


def _stems(words: str) -> set[str]:
    return {word[:6] for word in re.findall(r"[a-z]{4,}", words.lower())}


@rule("goals", "chapter")
def goals(page: Page, course: Course) -> Iterator[Problem]:
    """Three to five goals with verbs, each examined by tasks of the assignment, and it says which.

    Why: a goal that no task examines is a wish; a task without a goal is busywork.
    Cure: end a goal with "(Task 2)", and name each task of the assignment at one goal.
    """
    cell, found = goals_of(page)
    if cell is None:
        return  # the rule "skeleton" tells it
    if not 3 <= len(found) <= 5:
        yield Problem(f"the chapter has {len(found)} goals", "state three to five", cell.id)
    for number, (words, tasks) in found.items():
        if words.split()[0].lower().rstrip(",") in UNTESTABLE:
            yield Problem(
                f"goal {number} begins with {words.split()[0]!r}, which no task can examine",
                "say what the reader will do: compute, write, measure, choose",
                cell.id,
            )
        if not tasks:
            yield Problem(
                f"goal {number} does not say which task examines it",
                'end it with "(Task 2)"',
                cell.id,
            )
    assignment = course.page("assignment", page.name)
    if assignment is None:
        yield Problem(
            "the chapter has goals and no assignment that examines them",
            f"write solutions/{page.name}/{page.name}.ipynb",
            cell.id,
        )
        return
    examined = [task for _, tasks in found.values() for task in sorted(tasks)]
    there = tasks_of(assignment)
    for task in sorted(set(examined) - set(there)):
        yield Problem(
            f"a goal names task {task}, which the assignment does not have",
            f"name one of the tasks 1 to {max(there, default=0)}",
            cell.id,
        )
    for task in there:
        if examined.count(task) != 1:
            yield Problem(
                f"task {task} of the assignment is named at {examined.count(task)} goals",
                "name each task at the one goal that it examines",
                cell.id,
            )


@rule("task-goal", "assignment")
def task_goal(page: Page, course: Course) -> Iterator[Problem]:
    """The goal that a task says it examines is the chapter's goal that names this task.

    Why: goals are reworded; the two places then promise different things.
    Cure: use the words of the chapter's goal (a part of it will do) and its number.
    """
    chapter = course.page("chapter", page.name)
    if chapter is None:
        yield Problem("the assignment has no chapter of its name", f"write book/{page.name}.ipynb")
        return
    _, found = goals_of(chapter)
    for task, (cell, said, number) in tasks_of(page).items():
        of = next((goal for goal, (_, tasks) in found.items() if task in tasks), None)
        if of is None:
            continue  # the chapter's rule "goals" tells it
        words = _stems(said)
        if number not in (None, of) or len(words & _stems(found[of][0])) < len(words) / 2:
            yield Problem(
                f"task {task} says that it examines {number or ''!s} {said!r}, and the chapter "
                f"says goal {of}: {found[of][0]!r}",
                "say the same in both places",
                cell.id,
            )


# --- cells ----------------------------------------------------------------------------------


@rule("cell-length", "chapter", "page")
def cell_length(page: Page, course: Course) -> Iterator[Problem]:
    """Code cells: about 5 lines at the median (10 pass), 20 at the 90th percentile, 40 at most.

    Why: a reader follows a few lines and then wants to see what they did.
    Cure: split the cell after a step that can print or draw something; fold plotting code away
    with the tag hide-input (folded cells do not count).
    """
    cells = [cell for cell in page.code if not is_folded(cell)]
    for cell in cells:
        if (lines := code_lines(cell)) > LINES_MOST:
            yield Problem(
                f"it has {lines} lines of code; {LINES_MOST} fit on a screen",
                "split it after a step that can print something",
                cell.id,
            )
    if page.kind != "chapter" or not cells:
        return
    long = sorted(
        (cell for cell in cells if code_lines(cell) > LINES_P90), key=code_lines, reverse=True
    )
    if len(long) > len(cells) / 10:
        listed = ", ".join(f"{cell.id} ({code_lines(cell)})" for cell in long)
        yield Problem(
            f"{len(long)} of {len(cells)} code cells have more than {LINES_P90} lines ({listed}), "
            "more than one in ten",
            "split one of them, or fold plotting code away with the tag hide-input",
        )
    if (middle := statistics.median(map(code_lines, cells))) > LINES_MEDIAN:
        yield Problem(
            f"the median code cell has {middle:g} lines; {LINES_MEDIAN} at most",
            "cut cells after steps that can print or draw something",
        )


@rule("words-per-line", "chapter")
def words_per_line(page: Page, course: Course) -> Iterator[Problem]:
    """A chapter has 8 to 14 words of prose a line of code that is seen (7 to 17 are let pass).

    Why: less is a listing, more is a lecture.
    Cure: say what each step is for, or cut what a cell shows by itself.
    """
    lines = sum(code_lines(cell) for cell in page.code if not is_folded(cell))
    said = sum(text.words(cell.source) for cell in page.markdown)
    low, high = WORDS_PER_LINE
    if lines and not low <= said / lines <= high:
        yield Problem(
            f"there are {said / lines:.1f} words of prose a line of code, not {low} to {high}",
            "say what steps are for, or cut what the cells show by themselves",
            page.cells[0].id,
        )


def _before(source: str) -> str:
    """Return the text of a cell below its last heading."""
    return re.split(r"^#{1,6} .*$", text.without_code_blocks(source), flags=re.MULTILINE)[-1]


def _after(source: str) -> str:
    """Return the text of a cell above its first heading."""
    return re.split(r"^#{1,6} .*$", text.without_code_blocks(source), flags=re.MULTILINE)[0]


@rule("sentence-around", "chapter", "page")
def sentence_around(page: Page, course: Course) -> Iterator[Problem]:
    """A sentence before a code cell says what to look for, one after it what was seen.

    Why: without the first the reader scrolls past; without the second the output stays a riddle.
    Cure: add the sentence, before the cell or, in the cell that follows, before its heading. A cell
    that shows nothing (imports, a function) needs the first one only.
    """
    nothing = NotebookNode(cell_type="nothing", source="", id=None, metadata={})
    cells = [nothing, *page.cells, nothing]
    for index, (left, right) in enumerate(pairwise(cells)):
        if left.cell_type != "code" and right.cell_type != "code":
            continue
        if right.cell_type == "code":
            if left.cell_type != "markdown":
                yield Problem(
                    "no text stands between it and the code above",
                    "say in a sentence what to look for",
                    right.id,
                )
            elif not text.sentences(_before(left.source)):
                yield Problem(
                    "no sentence stands between it and the heading above",
                    "say what to look for",
                    right.id,
                )
        elif shows(left):
            if right.cell_type != "markdown" or not text.sentences(_after(right.source)):
                yield Problem(
                    "it shows something, and no sentence below says what was seen",
                    "say it in the next cell, before any heading",
                    left.id,
                )
            elif (
                index + 2 < len(cells)
                and cells[index + 2].cell_type == "code"
                and text.sentences(right.source) < 2
            ):
                yield Problem(
                    "one sentence alone stands between the output above and the code below",
                    "say what was seen and what to look for next",
                    right.id,
                )


# --- code -----------------------------------------------------------------------------------


def _imports(cell: NotebookNode) -> Iterator[str]:
    try:
        tree = ast.parse(python_of(cell))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@rule("imports", "chapter", "assignment")
def imports(page: Page, course: Course) -> Iterator[Problem]:
    """Of ours, a notebook imports course_utils.datasets, .devices and .checks, nothing else.

    Why: what teaches is written in the notebook, and a learner's copy has nothing else of ours.
    Cure: write it in the notebook, or, if three chapters need it and none teaches it, move it into
    one of the three.
    """
    for cell in page.code:
        for name in _imports(cell):
            first, _, rest = name.partition(".")
            strange = first in {"tools", "tests", "solutions", "exercises", "book"}
            if strange or (first == "course_utils" and rest.split(".")[0] not in OURS):
                yield Problem(
                    f"it imports {name}",
                    "import only course_utils.datasets, .devices and .checks of ours",
                    cell.id,
                )


_LOAD_BY_VARIABLE = re.compile(r"""\bdatasets\.load\((?!\s*["'])""")


@rule("data-named", "chapter", "assignment")
def data_named(page: Page, course: Course) -> Iterator[Problem]:
    """A data set is loaded by its name, written in quotes.

    Why: tools/execute.py fetches what a notebook loads before it runs, and finds it by that; with
    a variable the notebook works only where the data happen to be already.
    Cure: datasets.load("name"), one call for each data set.
    """
    for cell in page.code:
        if _LOAD_BY_VARIABLE.search(cell.source):
            yield Problem(
                "a data set is loaded by a variable, so nothing fetches it beforehand",
                'write datasets.load("name") with the name in quotes',
                cell.id,
            )


@rule("setup", "chapter")
def setup(page: Page, course: Course) -> Iterator[Problem]:
    """The first code cell sets the style sheet and the seeds.

    Why: one look for the whole book, and the same numbers for everyone who runs it from the top.
    Cure: plt.style.use("course_utils.book") and devices.seed_everything(0) in the first code cell.
    """
    first = page.code[0] if page.code else None
    wanted = {
        'plt.style.use("course_utils.book")': "the style sheet of the book is not set",
        "devices.seed_everything(": "the seeds are not set",
    }
    for call, what in wanted.items():
        if first is not None and call not in first.source:
            yield Problem(what, f"write {call}{'0)' if call.endswith('(') else ''}", first.id)


@rule("frameworks", "chapter")
def frameworks(page: Page, course: Course) -> Iterator[Problem]:
    """From chapter 06 on, PyTorch and Keras both appear, in tabs.

    Why: readers come from either side; a model that matters is shown in both, and they agree.
    Cure: add the other framework, and a tab set with one tab for each.
    """
    if page.number is None or page.number < 6:
        return
    roots = {name.split(".")[0] for cell in page.code for name in _imports(cell)}
    for label, modules in {"PyTorch": {"torch"}, "Keras": {"keras", "tensorflow"}}.items():
        if not roots & modules:
            yield Problem(f"the chapter never imports {label}", "show the model in both")
        tab = rf"^:+\{{tab-item\}} {label}\b"
        if not any(re.search(tab, cell.source, re.MULTILINE) for cell in page.markdown):
            yield Problem(f"the chapter has no tab for {label}", "add a tab set with both")


@rule("listed", "chapter", "page")
def listed(page: Page, course: Course) -> Iterator[Problem]:
    """Every page of the book is in its table of contents, book/myst.yml.

    Why: a page that is not listed is not built, and nobody notices.
    Cure: add its line under toc.
    """
    if page.path.name not in course.contents:
        yield Problem("it is in no table of contents", "add it to toc in book/myst.yml")
