"""Look at the notebooks and pages of the course for what the house style asks and a program sees.

    python tools/lint_notebooks.py [FILE …]         the rules that read files (default: everything)
    python tools/lint_notebooks.py --executed       the rules that read what the last run left
    python tools/lint_notebooks.py --rule names …   one rule (may be given again)
    python tools/lint_notebooks.py --list           the rules, and why

A problem is one line: file, cell, what is wrong, what to do, and the rule's name. Where a rule does
not fit, the cell's metadata says so and why: ``"lint": {"allow": {"typed-figure": "the claim is
quoted"}}``; an exemption that is no longer needed is a problem itself. Rules live in tools/lint/.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.lint import (  # noqa: F401  each import registers rules
    assignments,
    figures,
    form,
    links,
    names,
    numbers,
    runs,
    structure,
    wording,
)
from tools.lint.core import RULES, Course, Page, Rule, check, read_page, sentence
from tools.notebooks import ROOT, NotebookError


def chosen(only: list[str] | None, executed: bool) -> list[Rule]:
    """Return the rules to look with; raise NotebookError for a name that is none."""
    if only:
        if unknown := sorted(set(only) - set(RULES)):
            raise NotebookError(
                f"There is no rule {unknown[0]!r}; see 'python tools/lint_notebooks.py --list'."
            )
        return [RULES[name] for name in dict.fromkeys(only)]
    return [rule for rule in RULES.values() if rule.executed == executed]


def listed() -> str:
    """Return the rules with their docstrings."""
    parts = []
    for rule in sorted(RULES.values(), key=lambda rule: (rule.executed, rule.name)):
        when = ", reads a run" if rule.executed else ""
        said = inspect.cleandoc(rule.look.__doc__ or "").replace("\n", "\n    ")
        parts.append(f"{rule.name}  ({', '.join(rule.kinds)}{when})\n    {said}\n")
    return "\n".join(parts)


def _pages(files: list[Path], course: Course) -> list[Page]:
    if not files:
        return course.pages
    known = {page.path.resolve(): page for page in course.pages}
    return [known.get(file.resolve()) or read_page(file, course.root) for file in files]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        description="Look at the notebooks for what the house style asks and a program can see.",
        epilog="example: python tools/lint_notebooks.py book/03-perceptron.ipynb --rule names",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: all pages")
    parser.add_argument("--rule", action="append", metavar="NAME", help="only this rule")
    parser.add_argument("--executed", action="store_true", help="the rules that read a run")
    parser.add_argument("--list", action="store_true", help="print the rules and why")
    options = parser.parse_args(arguments)
    if options.list:
        print(listed())
        return 0
    start = time.perf_counter()
    try:
        rules = chosen(options.rule, options.executed)
        course = Course(root)
        pages = _pages(options.files, course)
        report = check(pages, course, rules)
    except (NotebookError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    for page, name, problem in report.found:
        print(("Attention: " if problem.note else "") + sentence(page, problem, name))
    print(
        f"{len(rules)} rules looked at {len(pages)} pages: {report.failures} problems, "
        f"{len(report.exempted)} exempt ({time.perf_counter() - start:.1f} s)."
    )
    if not options.rule and not options.executed:
        waiting = ", ".join(rule.name for rule in RULES.values() if rule.executed)
        print(
            f"Not looked at here: {waiting}. They read what a run left: "
            "'python tools/lint_notebooks.py --executed' once the notebooks have run."
        )
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
