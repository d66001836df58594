"""From what became of the cells to what a learner is told about each task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from course_utils.cli import _records
from course_utils.cli._assignment import Task, function_of, solution_of
from course_utils.cli._match import Match
from course_utils.cli._run import Outcome

Status = Literal["passes", "fails", "not started", "time-out", "crashed", "written", "not run"]


@dataclass
class TaskResult:
    """What the visible checks say of one task."""

    task: Task
    status: Status
    messages: list[str] = field(default_factory=list)
    points: float = 0.0  # of the checks that pass
    possible: float = 0.0  # of all its checks

    @property
    def solved(self) -> bool:
        """Tell whether nothing is left that a program could ask for."""
        return self.status in ("passes", "written")


def judge(found: Match, steps: Sequence[int], outcomes: Sequence[Outcome]) -> list[TaskResult]:
    """Return a result for each task; `steps` are the positions in found.steps that ran."""
    became: dict[str, Outcome] = {}
    for index, outcome in zip(steps, outcomes, strict=True):
        if name := found.steps[index].name:
            became[name] = outcome
    return [_task(found, task, became) for task in found.assignment.tasks]


def _task(found: Match, task: Task, became: dict[str, Outcome]) -> TaskResult:
    points = found.assignment.points
    if not task.checks:
        written = all(found.changed(name) for name in task.written)
        return TaskResult(task, "written" if written else "not started")
    result = TaskResult(task, "passes", possible=sum(map(points, task.checks)))
    judged: list[Status] = []
    for name in task.checks:
        if name not in became:
            judged.append("not run")
            continue
        status, message = _check(found, name, became)
        judged.append(status)
        if status == "passes":
            result.points += points(name)
        elif message and message not in result.messages:
            result.messages.append(message)
    order: tuple[Status, ...] = ("crashed", "time-out", "fails", "not started", "not run")
    result.status = next((status for status in order if status in judged), "passes")
    if result.status == "not started" and "passes" in judged:
        open_ = [solution_of(found.assignment, n) for n in task.checks]
        names = [n for n in dict.fromkeys(open_) if n in task.answers and not found.changed(n)]
        result.status = "fails"
        result.messages = [f"Not started yet: {', '.join(display_name(found, n) for n in names)}."]
    return result


def _check(found: Match, name: str, became: dict[str, Outcome]) -> tuple[Status, str]:
    """Return the status of one check cell and what to say about it."""
    outcome = became[name]
    answer = solution_of(found.assignment, name)
    if outcome.status == "ok":
        if name in found.above:
            return "fails", (
                "Your answer passes, but its check cell stands above it, where it fails. "
                "Move the check below the answer; grading would put it back."
            )
        return "passes", ""
    if outcome.status == "time":
        return "time-out", (
            f"The check was {outcome.message}: an endless loop, or too much work. If it only "
            "needs longer, say so with --timeout."
        )
    if outcome.status == "crash":
        return "crashed", f"While the check ran, {outcome.message}."
    own = became.get(answer)
    if own is not None and own.status != "ok" and own.kind != "NotImplementedError":
        status: Status = {"time": "time-out", "crash": "crashed"}.get(own.status, "fails")  # type: ignore[assignment]
        return status, stopped("The cell of your answer", own)
    if outcome.kind == "NotImplementedError":
        if answer and answer in found.place and not found.changed(answer):
            return "not started", ""
        if answer and answer not in found.place:
            return "fails", "The cell of the answer is missing from this notebook."
    if outcome.kind in ("CheckFailed", "NotImplementedError", "CourseError"):
        return "fails", outcome.message
    return "fails", stopped("The check", outcome)


def stopped(what: str, outcome: Outcome) -> str:
    """Say in a sentence how a cell ended."""
    if outcome.status == "time":
        return f"{what} was {outcome.message}: an endless loop, or too much work."
    if outcome.status == "crash":
        return f"While it ran, {outcome.message}: {what[0].lower()}{what[1:]} did that."
    said = " ".join(outcome.message.split())
    text = f"{what} stops with {outcome.kind}" + (f": {said}" if said else "")
    text = text if text.endswith((".", "!", "?")) else text + "."
    return f"{text} {outcome.place}".strip()


def other_cells(
    found: Match, steps: Sequence[int], outcomes: Sequence[Outcome], results: list[TaskResult]
) -> list[str]:
    """Return sentences on cells that stopped and are neither checks nor told with a task."""
    told = {name for r in results if not r.solved for name in r.task.answers}
    notes = []
    for index, outcome in zip(steps, outcomes, strict=True):
        step = found.steps[index]
        if step.check or outcome.status == "ok" or outcome.kind == "NotImplementedError":
            continue
        checked = {solution_of(found.assignment, n) for r in results for n in r.task.checks}
        if step.name in told and step.name in checked:
            continue
        which = f"The cell “{step.name}”" if step.name else f"Cell {step.number}"
        if step.name and found.assignment.cells[step.name].nbgrader.get("locked"):
            which = f"The given cell “{step.name}”"
        notes.append(stopped(which, outcome))
    return notes


def remember(record: _records.Record, found: Match, results: list[TaskResult]) -> None:
    """Write the results into a record; tasks that were not run keep theirs."""
    digest = found.notebook.digest
    record.assignment, record.digest, record.checked = found.assignment.name, digest, time.time()
    for result in results:
        if result.status != "not run":
            record.tasks[str(result.task.number)] = {
                "status": result.status,
                "points": result.points,
                "digest": digest,
            }


def unwritten(found: Match, task: Task) -> list[str]:
    """Return the cells of a task that no check looks at, and that are as they were released."""
    checked = {solution_of(found.assignment, name) for name in task.checks}
    cells = dict.fromkeys([*task.answers, *task.written])
    return [name for name in cells if name not in checked and not found.changed(name)]


def display_name(found: Match, name: str) -> str:
    """Return what a learner calls a cell: the function in it, or its name."""
    defined = function_of(found.assignment.cells[name])
    return f"`{defined}`" if defined else f"“{name}”"
