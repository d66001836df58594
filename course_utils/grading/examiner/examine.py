"""A whole notebook: put it back into shape, run it, judge it, restart what died."""

from __future__ import annotations

import json
import os
import warnings
from time import monotonic
from typing import Any

from course_utils.grading import job as jobs
from course_utils.grading.job import CellResult, Job, Result, quarantined
from course_utils.grading.repair import NOTE, repair, same_text
from course_utils.grading.sandbox import warm
from course_utils.grading.sandbox.spawn import Spawner

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_markdown_cell

from .candidate import Candidate, Lost
from .judge import Verdict, judge
from .namespace import Given, defined

_SAID = {
    jobs.TIMED_OUT: "This cell ran for more than {seconds:g} s and was stopped.",
    jobs.OUT_OF_MEMORY: "This cell took more memory than the {memory} MB that it may use.",
    jobs.CRASHED: "The Python process stopped while this cell was running.",
    jobs.REFUSED: "The Python process broke the rules of the examination while this cell ran.",
    jobs.NOT_RUN: "This cell was not run.",
}


def examine(job: Job, spawner: Spawner) -> Result:
    """Grade one job with candidates from `spawner`.

    A notebook that cannot be read is quarantined, and so is one for which no process was to be had:
    what the student did not do costs the student nothing.
    """
    begun = monotonic()
    try:
        nb = read(job.submitted)
    except Exception as error:
        return quarantined(job, str(error) or type(error).__name__)
    os.environ["COURSE_CHECK_SEED"] = str(job.seed % 10**9)
    os.environ["NBGRADER_EXECUTION"] = "autograde"
    warm.seed(job.seed)
    examination = Examination(job, spawner, nb)
    try:
        examination.run()
    except NoProcess as error:
        return quarantined(job, str(error))
    return examination.result(monotonic() - begun)


def read(data: bytes) -> NotebookNode:
    """Read a notebook of any version as one of version 4. Raises ValueError with the reason."""
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise ValueError("The file is not a notebook: it is no JSON. Ask for it again.") from None
    if not isinstance(found, dict) or not isinstance(found.get("nbformat"), int):
        raise ValueError("The file is not a notebook: it has no nbformat. Ask for it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nb = nbformat.reads(json.dumps(found), as_version=4)
            return _tidy(nb)
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        raise ValueError(f"The notebook cannot be read ({words}). Ask for it again.") from None


def _tidy(nb: NotebookNode) -> NotebookNode:
    """Keep cells only, with text as text; whatever else a file brought is left out."""
    cells = []
    for cell in nb.cells:
        source = cell.get("source", "")
        source = source if isinstance(source, str) else "".join(map(str, source))
        metadata = cell.get("metadata")
        kept: dict[str, Any] = {
            "cell_type": cell.cell_type if cell.cell_type in {"code", "markdown", "raw"} else "raw",
            "id": str(cell.get("id", "")),
            "metadata": dict(metadata) if isinstance(metadata, dict) else {},
            "source": _text(source.replace("\r\n", "\n")),
        }
        if kept["cell_type"] == "code":
            kept |= {"outputs": [], "execution_count": None}
        elif attachments := _attachments(cell.get("attachments")):
            kept["attachments"] = attachments
        cells.append(nbformat.from_dict(kept))
    return nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


class NoProcess(Exception):
    """No candidate was to be had: a failure of ours or of the machine, never of the student."""


_TRIES = 3


class Examination:
    """The state while one notebook is graded."""

    def __init__(self, job: Job, spawner: Spawner, nb: NotebookNode) -> None:
        self.job = job
        self.limits = job.limits
        self.spawner = spawner
        self.nb = nb
        self.repairs = repair(nb, job.released)
        self.given = Given(job.released, job.given)
        self.end = monotonic() + job.limits.notebook_seconds
        self.candidate: Candidate | None = None
        self.started = 0
        self.harmful: dict[int, str] = {}  # cells that did not end: place, status
        self.memory = 0
        self.room = job.limits.notebook_output
        self.cells: list[CellResult] = []
        self.accidents: list[str] = []
        self.count = 0

    def run(self) -> None:
        """Run all cells in their order; judge those that are tests."""
        try:
            for index, cell in enumerate(self.nb.cells):
                about = cell.metadata.get("nbgrader")
                if cell.cell_type == "code":
                    if about and about["grade"] and not about["solution"]:
                        self._test(index, cell)
                        continue
                    if cell.source.strip():
                        self._run(index, cell)
                if about and (about["grade"] or about["task"]):
                    self._by_hand(cell)
        finally:
            if self.candidate is not None:
                self.candidate.end()
                self.memory = max(self.memory, self.candidate.peak)

    def result(self, seconds: float) -> Result:
        """Return what was found."""
        job = self.job
        self.nb.metadata[NOTE] = {
            "repairs": self.repairs,
            "accidents": self.accidents,
            "seed": job.seed,
        }
        if self.repairs:
            text = "**Repaired before grading**\n\n" + "\n".join(f"- {n}" for n in self.repairs)
            self.nb.cells.insert(0, new_markdown_cell(text, id="repaired-before-grading"))
        return Result(
            job.student,
            job.assignment,
            job.notebook,
            jobs.GRADED,
            cells=tuple(self.cells),
            executed=json.dumps(self.nb, ensure_ascii=False),
            repairs=tuple(self.repairs),
            unanswered=tuple(self._unanswered()),
            accidents=tuple(self.accidents),
            seconds=seconds,
            memory=self.memory,
            seed=job.seed,
        )

    def _unanswered(self) -> list[str]:
        stubs = {cell.name: cell.source for cell in self.job.released if cell.metadata["solution"]}
        answers = {
            cell.metadata.nbgrader["grade_id"]: cell.source
            for cell in self.nb.cells
            if "nbgrader" in cell.metadata
        }
        return [name for name, stub in stubs.items() if same_text(answers.get(name, stub), stub)]

    # --- cells -----------------------------------------------------------------------------------

    def _run(self, index: int, cell: NotebookNode) -> None:
        """Run one cell of the student or of the release."""
        self.count += 1
        cell.execution_count = self.count
        name = cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
        if not self._ready(index):
            self._accident(cell, name, jobs.NOT_RUN)
            return
        assert self.candidate is not None
        seconds = min(self.limits.cell_seconds, max(self.end - monotonic(), 0.1))
        try:
            answer = self.candidate.run(cell.source, seconds)
        except Lost:
            self._note_lost(index)
            self._accident(cell, name, self.candidate.status, self.candidate.said)
            return
        cell.outputs = self._kept(answer.get("outputs"))
        if answer["status"] == "time":
            self.harmful[index] = jobs.TIMED_OUT
            self._accident(cell, name, jobs.TIMED_OUT)
        elif answer["status"] == "error" and answer.get("error") != "NotImplementedError":
            said = str(answer.get("error"))[:100]
            status = jobs.OUT_OF_MEMORY if said == "MemoryError" else jobs.ERROR
            self.accidents.append(f"The cell '{name}' stopped with {said} ({status}).")

    def _test(self, index: int, cell: NotebookNode) -> None:
        """Judge one test cell."""
        about = cell.metadata.nbgrader
        points = float(about["points"])
        self.count += 1
        cell.execution_count = self.count
        if self._ready(index):
            seconds = min(self.limits.test_seconds, max(self.end - monotonic(), 0.1))
            verdict = judge(cell.source, points, self.candidate, self.given, seconds)
        else:
            verdict = self._not_judged()
        if self.candidate is not None and not self.candidate.alive:
            self._note_lost(None)
        self._blame(verdict)
        cell.outputs = [nbformat.from_dict(output) for output in verdict.outputs]
        self._record(cell, points, verdict)

    def _blame(self, verdict: Verdict) -> None:
        """Say so where a name is missing since the cell that defines it did not end."""
        for index, status in self.harmful.items():
            names = verdict.missing & defined(self.nb.cells[index].source)
            if verdict.status in {jobs.NOT_ATTEMPTED, jobs.FAILED, jobs.ERROR} and names:
                verdict.status = status
                verdict.message = (
                    f"`{min(names)}` is not defined, since the cell that defines it did not run to "
                    f"its end ({status})."
                )

    def _not_judged(self) -> Verdict:
        status = jobs.NOT_RUN
        said = "the Python process of this notebook kept stopping"
        if monotonic() >= self.end:
            status = jobs.TIMED_OUT
            said = f"the notebook used up its {self.limits.notebook_seconds:g} s"
        message = f"This check was not run: {said}."
        error = {
            "output_type": "error",
            "ename": status.title().replace(" ", ""),
            "evalue": message,
            "traceback": [message],
        }
        return Verdict(0.0, status, message, [error])

    def _by_hand(self, cell: NotebookNode) -> None:
        """Record a cell that a person grades; one that was not answered earns nothing."""
        about = cell.metadata.nbgrader
        stub = next(c.source for c in self.job.released if c.name == about["grade_id"])
        verdict = Verdict(None, jobs.MANUAL)
        if about["solution"] and same_text(cell.source, stub):
            verdict = Verdict(0.0, jobs.NOT_ATTEMPTED, "Nothing was written here.")
        self._record(cell, float(about.get("points", 0)), verdict)

    def _record(self, cell: NotebookNode, points: float, verdict: Verdict) -> None:
        name = cell.metadata.nbgrader["grade_id"]
        cell.metadata[NOTE] = {
            "status": verdict.status,
            "score": verdict.score,
            "message": verdict.message,
        }
        self.cells.append(
            CellResult(
                name, points, verdict.score, verdict.status, verdict.message, verdict.seconds
            )
        )

    def _accident(self, cell: NotebookNode, name: str, status: str, said: str = "") -> None:
        """Note in the cell and in the result that a cell did not run to its end."""
        sentence = _SAID[status].format(
            seconds=self.limits.cell_seconds, memory=self.limits.memory // 1024**2
        )
        sentence = f"{sentence} {said}".strip()
        ename = status.title().replace(" ", "")
        cell.outputs = [
            *cell.outputs,
            nbformat.from_dict(
                {
                    "output_type": "error",
                    "ename": ename,
                    "evalue": sentence,
                    "traceback": [sentence],
                }
            ),
        ]
        self.accidents.append(f"The cell '{name}': {status}. {sentence}")

    # --- the candidate ---------------------------------------------------------------------------

    def _ready(self, index: int) -> bool:
        """Have a candidate that stands where cell `index` begins; False if that cannot be had."""
        while self.candidate is None or not self.candidate.alive:
            if self.started > self.limits.restarts or monotonic() >= self.end:
                return False
            self.started += 1
            self.candidate = self._new()
            try:
                self._replay(index)
            except Lost:
                continue
        return monotonic() < self.end

    def _new(self) -> Candidate:
        """Start a candidate; raise NoProcess if it does not come to the first cell."""
        said = "it ended before the first cell"
        for _ in range(_TRIES):
            try:
                candidate = Candidate(self.spawner, self.limits)
                said = candidate.begin(self.job.seed, self.job.files)
                if not said:
                    return candidate
                candidate.end()
            except Lost:
                continue
            except OSError as error:
                said = str(error)
        raise NoProcess(
            f"The sandbox gave no process for this notebook ({said}). Grade it again; if that does "
            "not help, look whether memory, processes or disk have run out."
        )

    def _replay(self, stop: int) -> None:
        """Run the earlier cells again, those left out that did harm; their output is known."""
        assert self.candidate is not None
        for index, cell in enumerate(self.nb.cells[:stop]):
            about = cell.metadata.get("nbgrader")
            is_test = about and about["grade"] and not about["solution"]
            if cell.cell_type != "code" or is_test or index in self.harmful:
                continue
            if not cell.source.strip():
                continue
            seconds = min(self.limits.cell_seconds, max(self.end - monotonic(), 0.1))
            try:
                answer = self.candidate.run(cell.source, seconds)
            except Lost:
                self._note_lost(index)
                raise
            if answer["status"] == "time":
                self.harmful[index] = jobs.TIMED_OUT

    def _note_lost(self, index: int | None) -> None:
        assert self.candidate is not None
        self.memory = max(self.memory, self.candidate.peak)
        if index is not None:
            self.harmful[index] = self.candidate.status

    def _kept(self, outputs: Any) -> list[NotebookNode]:
        """Outputs of a candidate as notebook nodes: checked, and cut to what is allowed."""
        found = []
        for output in outputs if isinstance(outputs, list) else []:
            node = clean_output(output)
            if node is None:
                continue
            size = len(json.dumps(node, ensure_ascii=False).encode())
            if size > self.room:
                text = "[output left out: the notebook showed too much]\n"
                found.append(
                    nbformat.from_dict({"output_type": "stream", "name": "stdout", "text": text})
                )
                break
            self.room -= size
            found.append(node)
        return found


def clean_output(output: Any) -> NotebookNode | None:
    """Rebuild one output from what a stranger says it is; None if it is nothing known."""
    if not isinstance(output, dict):
        return None
    kind = output.get("output_type")
    if kind == "stream":
        found: dict[str, Any] = {"name": "stdout", "text": _text(output.get("text"))}
    elif kind == "error":
        trace = output.get("traceback")
        found = {
            "ename": _text(output.get("ename"))[:200],
            "evalue": _text(output.get("evalue"))[:4000],
            "traceback": [_text(line) for line in trace] if isinstance(trace, list) else [],
        }
    elif kind in {"display_data", "execute_result"}:
        data = output.get("data")
        data = data if isinstance(data, dict) else {}
        found = {
            "data": {_text(n)[:100]: _text(value) for n, value in data.items() if _is_text(value)},
            "metadata": {},
        }
        if kind == "execute_result":
            found["execution_count"] = None
    else:
        return None
    return nbformat.from_dict({"output_type": kind, **found})


def _attachments(found: Any) -> dict[str, dict[str, str]]:
    """Pictures in a text cell: names, each with its forms as base64."""
    return {
        _text(name)[:200]: {_text(kind): data for kind, data in forms.items() if _is_text(data)}
        for name, forms in (found.items() if isinstance(found, dict) else ())
        if isinstance(forms, dict)
    }


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _text(value: Any) -> str:
    """Text that every file and database takes: no half characters, no zero ones."""
    text = value if isinstance(value, str) else ""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
