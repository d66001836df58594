"""Report how good the assignments' checks are, and fill the book's page about it.

    make exercises-report                                    every assignment; minutes
    python tools/exercises_report.py 03                      one assignment
    python tools/exercises_report.py --seeds 20 --threads 1,2,4
    python tools/exercises_report.py --no-mutants            answers only
    python tools/exercises_report.py --page                  print the page from what is known

For every task: which share of the wrong answers loses its points (kill rate), which share of the
right ones keeps them (acceptance rate), which share of the wrong ones is told the cause it was made
from, and which mechanical changes of the solution no check notices (tools/mutants.py).

It fails (exit 1) below 100 % of either rate, below 90 % of causes named, above 5 % unexplained
surviving mutants, and when an explanation is stale. What was measured is kept in
`_build/exercises-report/`, with a digest of all that it depends on; `make test` keeps the answers'
part there too. `tools/build_site.py` fills the book's page from it and says what is not known.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from tools import answers, mutants, notebooks
from tools.notebooks import ROOT, NotebookError

PAGE = "exercises-report.md"
MARK = "% filled by tools/exercises_report.py"
DRAWING = "exercises-report.svg"
LEAST_NAMED = 0.9
MOST_SURVIVORS = 0.05


@dataclass
class Answered:
    """What became of the answers to one task, over all seeds and thread counts."""

    task: str
    right: int = 0  # answers
    wrong: int = 0
    accepted: int = 0  # right answers that passed in every run
    killed: int = 0  # wrong answers that lost in every run
    told: int = 0  # wrong answers that say what the message must name
    named: int = 0  # ... and whose message did in every run
    runs: int = 0
    seconds: float = 0.0


@dataclass
class Record:
    """What is known about one assignment."""

    assignment: str
    answered: list[Answered] = field(default_factory=list)
    seeds: int = 0
    threads: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    mutation: mutants.Mutation | None = None
    answers_current: bool = False  # measured with the files as they are
    mutants_current: bool = False

    def task(self, name: str) -> mutants.TaskMutation | None:
        """Return what is known about the mutants of a task."""
        tasks = self.mutation.tasks if self.mutation else []
        return next((task for task in tasks if task.task == name), None)


# --- measuring ------------------------------------------------------------------------------


def summed(reports: Iterable[answers.Report]) -> list[Answered]:
    """Add up the verdicts of several runs of one assignment's answers."""
    found: dict[str, Answered] = {}
    verdicts: dict[tuple[str, bool, str], list[answers.Verdict]] = {}
    for report in reports:
        for task in report.tasks:
            found.setdefault(task, Answered(task))
        for verdict in report.verdicts:
            key = (verdict.task, verdict.is_right, verdict.answer)
            verdicts.setdefault(key, []).append(verdict)
    for (task, is_right, _), runs in verdicts.items():
        one = found[task]
        one.runs += len(runs)
        one.seconds += sum(run.seconds for run in runs)
        if is_right:
            one.right += 1
            one.accepted += all(run.passed for run in runs)
        else:
            lost = not any(run.passed for run in runs)
            one.wrong += 1
            one.killed += lost
            one.told += runs[0].says is not None
            one.named += runs[0].says is not None and lost and all(run.named for run in runs)
    return list(found.values())


def run_answers(
    name: str,
    seeds: int,
    threads: int,
    enough: float | None = None,
    root: Path = ROOT,
    right_only: bool = False,
    seconds: float = answers.SECONDS,
) -> answers.Report:
    """Run tools/answers.py in a process with so many threads; raise NotebookError if it cannot."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_CHECK")}
    for variable in ("OMP", "OPENBLAS", "MKL"):
        environment[f"{variable}_NUM_THREADS"] = str(threads)
    environment["TF_NUM_INTRAOP_THREADS"] = environment["TF_NUM_INTEROP_THREADS"] = str(threads)
    command = [sys.executable, "tools/answers.py", "--json", "--seeds", str(seeds)]
    command += ["--notebook", str(answers.notebook_of(name, root))]
    command += ["--answers", str(answers.answer_files(root)[name])]
    # Threads beyond the cores wait for each other: what is measured is the verdict, not the time.
    patience = seconds * (1 + threads // (os.cpu_count() or 1))
    command += ["--seconds", str(patience)] + ["--right"] * right_only
    if enough is not None:
        command += ["--enough", str(enough)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if not done.stdout:
        raise NotebookError(f"{name}: its answers could not be run: {done.stderr.strip()}")
    (report,) = answers.reports_of(done.stdout)
    return report


def run_mutants(name: str, seeds: int, cap: int | None, root: Path = ROOT) -> mutants.Mutation:
    """Run tools/mutants.py in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_CHECK")}
    command = [sys.executable, "tools/mutants.py", "--json", "--seeds", str(seeds)]
    command += ["--notebook", str(answers.notebook_of(name, root))]
    command += ["--explanations", str(root / mutants.EXPLANATIONS.relative_to(ROOT))]
    if cap is not None:
        command += ["--cap", str(cap)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"OMP_NUM_THREADS": "1"},
    )
    if not done.stdout:
        raise NotebookError(f"{name}: its mutants could not be run.")
    (found,) = (mutation_of(entry) for entry in json.loads(done.stdout))
    return found


def mutation_of(entry: dict[str, Any]) -> mutants.Mutation:
    """Return a record of mutants from its JSON."""
    tasks = []
    for task in entry["tasks"]:
        fates = [mutants.Fate(**fate) for fate in task["fates"]]
        tasks.append(mutants.TaskMutation(**(task | {"fates": fates})))
    return mutants.Mutation(entry["assignment"], tasks, entry["problems"])


# --- keeping --------------------------------------------------------------------------------


def digest_of(name: str, kind: str, root: Path = ROOT) -> str:
    """Digest what the result of an assignment's answers (or mutants) depends on."""
    files = [answers.notebook_of(name, root), ROOT / "tools/answers.py"]
    digest = hashlib.sha256()
    if kind == "answers":
        files.append(root / "tests/answers" / f"{name}.py")
    else:
        files.append(ROOT / "tools/mutants.py")
        explained = mutants.read_explanations(root / mutants.EXPLANATIONS.relative_to(ROOT))
        mine = [entry for entry in explained.entries if entry.task.startswith(f"{name}/")]
        caps = {task: cap for task, cap in explained.caps.items() if task.startswith(f"{name}/")}
        digest.update(repr((mine, caps)).encode())
    files += sorted((ROOT / "course_utils/checks").rglob("*.py"))
    files.append(ROOT / "requirements.lock")
    for file in files:
        if file.is_file():
            digest.update(file.name.encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def kept(name: str, kind: str, root: Path = ROOT) -> Path:
    """Return where the result of an assignment's answers (or mutants) is kept."""
    return root / "_build" / "exercises-report" / f"{kind}-{name}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep_answers(
    reports: list[answers.Report],
    seeds: int,
    threads: list[int],
    digest: str,
    root: Path = ROOT,
) -> None:
    """Keep what became of the answers, unless more runs of the very same files say the same.

    `digest` is that of the files before the run: they may change while it lasts.
    """
    name = reports[0].assignment
    path = kept(name, "answers", root)
    before = _read(path)
    failures = list(dict.fromkeys(text for report in reports for text in report.failures()))
    nothing_new = set(failures) <= set(before.get("failures", []))
    if before.get("digest") == digest and before["runs"] > seeds * len(threads) and nothing_new:
        return
    made = {
        "digest": digest,
        "runs": seeds * len(threads),
        "seeds": seeds,
        "threads": threads,
        "failures": failures,
        "answered": [asdict(one) for one in summed(reports)],
    }
    notebooks.write_text(path, json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def keep_mutants(found: mutants.Mutation, digest: str, root: Path = ROOT) -> None:
    """Keep what became of the mutants; `digest` is that of the files before the run."""
    made = {"digest": digest, "mutation": asdict(found)}
    path = kept(found.assignment, "mutants", root)
    notebooks.write_text(path, json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def records(root: Path = ROOT, only: str = "", older: bool = False) -> list[Record]:
    """Return what is known of each assignment.

    What was measured with other files than today's counts as nothing, or, with `older`, is told and
    marked as not current.
    """
    found = []
    for name in answers.answer_files(root):
        if not name.startswith(only):
            continue
        record = Record(name)
        known = _read(kept(name, "answers", root))
        record.answers_current = known.get("digest") == digest_of(name, "answers", root)
        if record.answers_current or (older and known):
            record.answered = [Answered(**one) for one in known["answered"]]
            record.seeds, record.threads = known["seeds"], known["threads"]
            record.failures = known["failures"]
        known = _read(kept(name, "mutants", root))
        record.mutants_current = known.get("digest") == digest_of(name, "mutants", root)
        if record.mutants_current or (older and known):
            record.mutation = mutation_of(known["mutation"])
        found.append(record)
    return found


def complaints(found: Iterable[Record], with_mutants: bool = True) -> list[str]:
    """Return a sentence for each promise that is not kept."""
    said = []
    for record in found:
        name = record.assignment
        if not record.answers_current:
            said.append(f"{name}: its answers have not been run with the files as they are now.")
        for one in record.answered:
            where = f"{name}, {one.task}"
            if one.accepted < one.right:
                said.append(f"{where}: {one.accepted} of {one.right} right answers are accepted.")
            if one.killed < one.wrong:
                said.append(f"{where}: {one.killed} of {one.wrong} wrong answers lose the points.")
        wrong = sum(one.wrong for one in record.answered)
        named = sum(one.named for one in record.answered)
        if wrong and named < LEAST_NAMED * wrong:
            said.append(
                f"{name}: {named} of {wrong} wrong answers are told the cause that they were made "
                f"from; at least {LEAST_NAMED:.0%} should be."
            )
        said += [text for text in record.failures if "write at least" in text or "stops" in text]
        if not with_mutants:
            continue
        if not record.mutants_current:
            said.append(f"{name}: its mutants have not been run with the files as they are now.")
        if record.mutation is None:
            continue
        said += record.mutation.problems
        if (share := record.mutation.share()) > MOST_SURVIVORS:
            said.append(
                f"{name}: {share:.1%} of the mutants survive unexplained; at most "
                f"{MOST_SURVIVORS:.0%} should. `python tools/mutants.py {name[:2]}` lists them: "
                "strengthen the check, or say in tests/answers/equivalent_mutants.toml why the "
                "changed solution is right as well."
            )
    return said


# --- showing --------------------------------------------------------------------------------

COLUMNS = (
    "task",
    "right accepted",
    "wrong lose",
    "cause named",
    "mutants",
    "killed",
    "explained",
    "gaps",
    "runs",
    "seconds",
)


def rate(part: int, whole: int) -> str:
    """Return a share as text.

    >>> rate(9, 10), rate(0, 0)
    ('9/10', '–')
    """
    return f"{part}/{whole}" if whole else "–"


def rows(record: Record) -> list[list[str]]:
    """Return the lines of the table of one assignment, in the order of COLUMNS."""
    found = []
    names = [one.task for one in record.answered]
    if record.mutation:
        names += [task.task for task in record.mutation.tasks if task.task not in names]
    for name in names:
        one = next((one for one in record.answered if one.task == name), Answered(name))
        changed = record.task(name)
        line = [
            name,
            rate(one.accepted, one.right),
            rate(one.killed, one.wrong),
            rate(one.named, one.wrong),
        ]
        seconds = one.seconds
        if changed is None:
            line += ["–"] * 4
        else:
            survivors, unexplained = len(changed.survivors), len(changed.unexplained)
            left = f" (+{changed.left_out} not run)" if changed.left_out else ""
            line += [
                f"{changed.run}{left}",
                str(changed.run - survivors),
                str(survivors - unexplained),
                str(unexplained),
            ]
            seconds += changed.seconds
        found.append([*line, str(one.runs) if one.runs else "–", f"{seconds:.1f}"])
    return found


def totals(found: list[Record]) -> dict[str, int]:
    """Add up everything that is known."""
    answered = [one for record in found for one in record.answered]
    changed = [task for record in found if record.mutation for task in record.mutation.tasks]
    survivors = [fate for task in changed for fate in task.survivors]
    return {
        "right": sum(one.right for one in answered),
        "accepted": sum(one.accepted for one in answered),
        "wrong": sum(one.wrong for one in answered),
        "killed": sum(one.killed for one in answered),
        "named": sum(one.named for one in answered),
        "runs": sum(one.runs for one in answered),
        "mutants": sum(task.run for task in changed),
        "left out": sum(task.left_out for task in changed),
        "survivors": len(survivors),
        "equivalent": sum(fate.explained_as == "equivalent" for fate in survivors),
        "allowed": sum(fate.explained_as == "allowed" for fate in survivors),
        "unexplained": sum(not fate.why for fate in survivors),
    }


def show(found: list[Record], console: Console) -> None:
    """Print a table for each assignment."""
    for record in found:
        title = record.assignment
        if record.threads:
            threads = ", ".join(map(str, record.threads))
            title += f" · seeds {record.seeds}, threads {threads}"
        table = Table(title=title, title_justify="left")
        for column in COLUMNS:
            table.add_column(column, justify="left" if column == "task" else "right", no_wrap=True)
        for line in rows(record):
            table.add_row(*line)
        console.print(table)
    sums = totals(found)
    console.print(
        f"{sums['accepted']} of {sums['right']} right answers accepted, {sums['killed']} of "
        f"{sums['wrong']} wrong ones lose, {sums['named']} of them told the cause "
        f"({sums['runs']} runs); {sums['mutants']} mutants, {sums['equivalent']} equivalent, "
        f"{sums['allowed']} allowed, {sums['unexplained']} survive unexplained, "
        f"{sums['left out']} not run."
    )


# --- the book's page ------------------------------------------------------------------------


def drawing(found: list[Record]) -> str:
    """Return an SVG: for each assignment a bar of its mutants, killed, explained, unexplained."""
    known = [record for record in found if record.mutation]
    most = max(
        sum(task.run for task in record.mutation.tasks) for record in known if record.mutation
    )
    left, wide, high = 190, 330, 26
    height = 40 + high * len(known)
    text = '<text x="{}" y="{}" fill="#24292f"{}>{}</text>'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 {height}" width="600" '
        f'height="{height}" font-family="system-ui, sans-serif" font-size="13">'
    ]
    legend = (("#135f97", "killed", left), ("#724c00", "explained", left + 80))
    for colour, name, x in (*legend, ("#bc3072", "unexplained", left + 180)):
        parts.append(f'<rect x="{x}" y="8" width="12" height="12" fill="{colour}"/>')
        parts.append(text.format(x + 18, 19, "", name))
    for number, record in enumerate(known):
        assert record.mutation is not None
        tasks = record.mutation.tasks
        run = sum(task.run for task in tasks)
        bad = sum(len(task.unexplained) for task in tasks)
        explained = sum(len(task.survivors) for task in tasks) - bad
        y, start = 34 + high * number, float(left)
        anchor = ' text-anchor="end"'
        parts.append(text.format(left - 8, y + 14, anchor, html.escape(record.assignment)))
        for amount, colour in (
            (run - bad - explained, "#135f97"),
            (explained, "#724c00"),
            (bad, "#bc3072"),
        ):
            width = wide * amount / most if most else 0.0
            if amount:
                parts.append(
                    f'<rect x="{start:.1f}" y="{y}" width="{width:.1f}" height="18" '
                    f'fill="{colour}"/>'
                )
            start += width
        parts.append(text.format(f"{start + 6:.1f}", y + 14, "", run))
    return "\n".join([*parts, "</svg>", ""])


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


def counted(threads: int) -> str:
    """Return “1 thread”, “2 threads”."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


def _sentence(record: Record) -> str:
    if not record.answers_current and not record.mutants_current:
        return (
            "Not measured with these files yet. `make test` runs the answers, "
            "`make exercises-report` the answers and the mutants; the next `make book` shows "
            "both.\n"
        )
    if not record.answers_current:
        return "The answers have not been run with these files; `make test` does it.\n"
    first, *more = record.threads
    said = f"Each answer was judged with up to {record.seeds} seeds, on {counted(first)}"
    said += f", the right ones on {' and on '.join(map(counted, more))} as well." if more else "."
    if not record.mutants_current:
        said += " The mutants have not been run with these files: `make exercises-report` does it."
    return said + "\n"


def page(found: list[Record]) -> str:
    """Return what stands in the place of MARK in the book's page, in MyST.

    Counts only: a mutant's name shows a line of the solution, and learners read the book.
    """
    sums = totals(found)
    lines: list[str] = []
    if sums["wrong"]:
        lines += [
            f"{sums['killed']} of {sums['wrong']} wrong answers lose their points, and "
            f"{sums['named']} of them are told the cause that they were made from; "
            f"{sums['accepted']} of {sums['right']} right answers are accepted.",
            "",
        ]
    if sums["mutants"]:
        lines += [
            f"Of {sums['mutants']} mutants, {sums['mutants'] - sums['survivors']} are noticed and "
            f"{sums['survivors']} survive: {sums['equivalent']} of them compute the same as the "
            f"solution, {sums['allowed']} differ where the task leaves the choice open, and "
            f"{sums['unexplained']} ({sums['unexplained'] / sums['mutants']:.1%} of all) are "
            f"unexplained. {sums['left out']} more were made and, to save time, not run.",
            "",
            f":::{{figure}} {DRAWING}",
            ":name: fig-exercises-report-mutants",
            ":alt: One bar for each assignment, as long as the number of its mutants. "
            + " ".join(_bar_in_words(record) for record in found if record.mutation),
            "",
            "Nearly every mechanical change of a solution costs it the points.",
            ":::",
            "",
        ]
    for record in found:
        lines += [f"### {record.assignment}", "", _sentence(record)]
        if table := rows(record):
            lines += [":::{div}", ":class: results", ""]  # the book's search leaves these out
            lines.append("| " + " | ".join(COLUMNS) + " |")
            lines.append("|" + "---|" * len(COLUMNS))
            lines += ["| " + " | ".join(map(_cell, line)) + " |" for line in table]
            lines += [":::", ""]
    return "\n".join(lines)


def _bar_in_words(record: Record) -> str:
    assert record.mutation is not None
    tasks = record.mutation.tasks
    run = sum(task.run for task in tasks)
    survivors = sum(len(task.survivors) for task in tasks)
    bad = sum(len(task.unexplained) for task in tasks)
    return (
        f"{record.assignment}: {run - survivors} killed, {survivors - bad} explained, "
        f"{bad} unexplained."
    )


def fill(text: str, folder: Path, root: Path = ROOT) -> str:
    """Return the page with its mark replaced by what is known; draw the picture into `folder`."""
    if MARK not in text:
        return text
    found = records(root)
    if any(record.mutation for record in found):
        (folder / DRAWING).write_text(drawing(found), encoding="utf-8")
    return text.replace(MARK, page(found))


# --- the command ----------------------------------------------------------------------------


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Report how good the assignments' checks are.")
    parser.add_argument("chapter", nargs="?", default="", help="such as 03 (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each answer (5)")
    parser.add_argument(
        "--threads",
        default="1",
        help="thread counts, such as 1,2,4: with the first all answers, then the right ones (1)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=answers.SECONDS,
        help=f"time limit of an answer ({answers.SECONDS}); more on a busy machine",
    )
    parser.add_argument(
        "--enough",
        type=float,
        help="seconds after which a wrong answer, and with further thread counts any, gets no "
        "further seed",
    )
    parser.add_argument("--mutant-seeds", type=int, default=mutants.SEEDS)
    parser.add_argument("--cap", type=int, help=f"most mutants of a task ({mutants.CAP})")
    parser.add_argument("--no-mutants", action="store_true", help="run the answers only")
    parser.add_argument("--no-answers", action="store_true", help="run the mutants only")
    parser.add_argument("--page", action="store_true", help="print the page; run nothing")
    options = parser.parse_args(arguments)
    if options.page:
        print(page(records(root, options.chapter)))
        return 0
    answers.prepare_process()
    names = [name for name in answers.answer_files(root) if name.startswith(options.chapter)]
    if not names:
        known = ", ".join(answers.answer_files(root)) or "none"
        sys.exit(f"No answers for {options.chapter!r} in tests/answers/. There are: {known}.")
    try:
        threads = [int(number) for number in options.threads.split(",")]
    except ValueError:
        sys.exit(f"--threads takes numbers such as 1,2,4, not {options.threads!r}.")
    console = Console(stderr=True)
    start = time.monotonic()
    try:
        for name in names:
            if not options.no_answers:
                console.print(f"{name}: answers ({time.monotonic() - start:.0f} s so far)")
                digest = digest_of(name, "answers", root)
                runs = [
                    run_answers(
                        name,
                        options.seeds,
                        count,
                        options.enough,
                        root,
                        right_only=place > 0,  # a wrong answer is not made right by threads
                        seconds=options.seconds,
                    )
                    for place, count in enumerate(threads)
                ]
                keep_answers(runs, options.seeds, threads, digest, root)
            if not options.no_mutants:
                console.print(f"{name}: mutants ({time.monotonic() - start:.0f} s so far)")
                digest = digest_of(name, "mutants", root)
                changed = run_mutants(name, options.mutant_seeds, options.cap, root)
                keep_mutants(changed, digest, root)
    except NotebookError as error:
        sys.exit(str(error))
    found = records(root, options.chapter, older=True)
    show(found, Console() if sys.stdout.isatty() else Console(width=130))
    said = complaints(found, with_mutants=not options.no_mutants)
    print(f"\n{time.monotonic() - start:.0f} s. `make book` puts this into the book: {PAGE}")
    if said:
        print(f"\n{len(said)} to mend:")
        print("\n".join(f"- {text}" for text in said))
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
