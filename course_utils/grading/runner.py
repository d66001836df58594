"""Grade a whole class: find, grade in parallel, and write down each result before the next.

Results come in any order; everything is written by the thread that called `grade_class`. Whatever
stops a run, the next one goes on where it stopped and ends with the same gradebook. Nothing here
prints: who calls gets events.
"""

from __future__ import annotations

import contextlib
import fnmatch
import math
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import FrameType, TracebackType
from typing import Any, Protocol

from course_utils.errors import CourseError
from course_utils.grading.engines import Engine, Engines, grade_all
from course_utils.grading.gradebook import (
    Course,
    Entered,
    Score,
    Writer,
    open_gradebook,
    permissions,
    write_graded,
)
from course_utils.grading.job import (
    CRASHED,
    GRADED,
    MANUAL,
    NOT_ATTEMPTED,
    NOT_RUN,
    OUT_OF_MEMORY,
    QUARANTINED,
    REFUSED,
    TIMED_OUT,
    Job,
    Limits,
    Result,
    quarantined,
)
from course_utils.grading.scan import (
    SECRET,
    STAMP,
    Assignment,
    Bounds,
    Folder,
    Register,
    Submission,
    Unusable,
    find_folders,
    read_assignment,
    read_register,
    read_submission,
)
from course_utils.grading.settings import settings
from course_utils.grading.store import Store, Stored, digest_of, disk, key_of

GRADE = "grade"
RECORD = "record"  # its result is stored, and is not in the gradebook yet
DATES = "dates"  # its time or its deadline changed: the late penalty is computed anew
KEEP = "up to date"
STALE = "other rules"  # graded with tests or rules that have changed since; kept
QUARANTINE = "quarantine"

POLL = 0.5  # seconds between two looks at whether somebody wants to stop


class Workers(Protocol):
    """Grades submissions in parallel: threads of this process, or a cluster."""

    def run(
        self, submissions: Iterator[Submission], stopped: Callable[[], bool]
    ) -> Iterator[tuple[Submission, list[Result]]]:
        """Yield each submission with its results, in any order; end early when `stopped`."""
        ...

    def close(self) -> None:
        """End everything that was started."""
        ...


@dataclass(frozen=True)
class Entry:
    """What a run says of one submission."""

    student: str
    status: str  # GRADED or QUARANTINED
    reason: str = ""
    score: float = 0.0  # points that are decided
    points: float = 0.0  # the most that can be had
    remarks: tuple[str, ...] = ()  # "timed out", "needs manual grading", "repaired", …
    notes: tuple[str, ...] = ()  # sentences on what was repaired, and on accidents
    seconds: float = 0.0
    now: bool = False  # by this run, not an earlier one


@dataclass(frozen=True)
class Planned:
    """What is to be done with one submission, and why."""

    student: str
    action: str
    why: str
    folder: Folder = field(repr=False)
    entry: Entry | None = None  # what an earlier run found


@dataclass(frozen=True)
class Change:
    """What grading again changes for one cell of one student: points, None where there are none."""

    student: str
    notebook: str
    cell: str
    old: float | None
    new: float | None
    manual: float | None = None  # this counts instead, before and after
    message: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened: "warning", "planned", "finished" or "stopping"."""

    kind: str
    text: str = ""
    plan: tuple[Planned, ...] = ()
    entry: Entry | None = None
    changes: tuple[Change, ...] = ()


@dataclass
class Summary:
    """What a run came to."""

    assignment: str
    seed: int
    plan: tuple[Planned, ...] = ()
    entries: dict[str, Entry] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: bool = False

    @property
    def submitted(self) -> int:
        """How many submissions there are."""
        return len(self.plan)

    def count(self, status: str) -> int:
        """How many submissions ended as GRADED or as QUARANTINED."""
        return sum(entry.status == status for entry in self.entries.values())

    @property
    def reconciliation(self) -> str:
        """The line that accounts for every submission."""
        done = self.count(GRADED), self.count(QUARANTINED)
        left = self.submitted - sum(done)
        more = f" + not graded yet {left}" if left else ""
        return f"submitted {self.submitted} = graded {done[0]} + quarantined {done[1]}{more}"


class StoppedError(CourseError):
    """Somebody stopped the run; what was done is stored."""

    exit_code = 130

    def __init__(self, message: str, summary: Summary) -> None:
        super().__init__(message)
        self.summary = summary


class NothingSubmittedError(CourseError):
    """There is nothing to grade."""

    exit_code = 2


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def grade_class(
    course: Course,
    name: str,
    engines: Engines,
    *,
    students: str = "*",
    jobs: int | None = None,
    scheduler: str | None = None,
    force: bool = False,
    regrade: bool = False,
    dry_run: bool = False,
    seed: int | None = None,
    limits: Limits | None = None,
    bounds: Bounds | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Summary:
    """Grade what was handed in for assignment `name` and is not graded yet.

    `students` is a glob of ids, `jobs` the number graded at once, `scheduler` the address of a
    Dask cluster to grade on. `force` grades all again with new random inputs; `regrade` with the
    same ones, and the summary has what changed. With `dry_run` nothing is written: the summary has
    the plan and, with `regrade`, what would change. `seed` repeats the random inputs of a run.

    Raises CourseError with the way out: no such assignment, nothing handed in, another run is on
    it, the disk is full, no sandbox, …; StoppedError after Ctrl-C.
    """
    run = _Run(course, name, engines, on_event or (lambda event: None))
    run.bounds = bounds
    run.limits = limits or settings(course.config).limits()
    with contextlib.ExitStack() as stack:
        if not dry_run:
            with open_gradebook(course) as gradebook:  # before anything is made for a wrong name
                read_assignment(course, gradebook, name)
            stack.enter_context(run.store.locked())
        run.writer = stack.enter_context(Writer(course, name))
        run.plan(students, force, regrade, seed)
        if dry_run and not regrade:
            return run.summary
        stack.enter_context(run.interruptible())
        run.work(jobs, scheduler, dry_run)
    return run.summary


class _Run:
    """One call of `grade_class`."""

    writer: Writer
    limits: Limits
    bounds: Bounds | None
    assignment: Assignment
    register: Register

    def __init__(
        self, course: Course, name: str, engines: Engines, tell: Callable[[Event], None]
    ) -> None:
        self.course = course
        self.engines = engines
        self.tell = tell
        self.store = Store(course.results(name))
        self.summary = Summary(name, 0)
        self.mode = ""
        self.students = "*"
        self._stop = threading.Event()
        self._entered: dict[str, Entered] = {}
        self._recorded: dict[str, dict[str, Any]] = {}

    # what to do

    def plan(self, students: str, force: bool, regrade: bool, seed: int | None) -> None:
        """Look at every submission and decide what is to be done with it."""
        name = self.summary.assignment
        self.students = students
        with open_gradebook(self.course) as gradebook:
            self.assignment = read_assignment(self.course, gradebook, name)
        for text in self.assignment.warnings:
            self._warn(text)
        everybody = find_folders(self.course, name)
        folders = [f for f in everybody if fnmatch.fnmatchcase(f.student, students)]
        if not folders:
            raise NothingSubmittedError(_nothing(self.course, name, students, bool(everybody)))
        self.register = read_register(self.course, name, everybody, self.writer.students())
        self._entered = self.writer.entered()
        must_seed = self._choose_seed(force, regrade, seed)
        again = force or regrade
        self.summary.plan = tuple(self._decide(f, again, must_seed) for f in folders)
        for planned in self.summary.plan:
            if planned.entry is not None and planned.action != GRADE:
                self.summary.entries[planned.student] = planned.entry
        stale = sum(planned.action == STALE for planned in self.summary.plan)
        if stale:
            self._warn(
                f"{stale} of them {'was' if stale == 1 else 'were'} graded with tests or grading "
                "rules that have changed since; their grades stay. What grading again would "
                f"change: course grade {name} --regrade --dry-run. To do it: course grade {name} "
                "--regrade"
            )
        self.tell(Event("planned", plan=self.summary.plan))

    def _choose_seed(self, force: bool, regrade: bool, seed: int | None) -> int | None:
        """Set the run's seed and mode; return the seed that results must have, if any."""
        last: dict[str, Any] = {}
        ended = True
        for event in self.store.events():
            if event["event"] == "run":
                last, ended = event, False
            elif event["event"] == "end":
                ended = True
            elif event["event"] == "recorded":
                self._recorded[str(event.get("student"))] = event
        old = last.get("seed") if isinstance(last.get("seed"), int) else None
        asked = "" if seed is None else "seed"
        self.mode = "force" if force else "regrade" if regrade else asked
        covers = self.students in ("*", last.get("students"))
        if not self.mode and not ended and covers:  # go on with what was asked for then
            self.mode = str(last.get("mode") or "")
            self.students = str(last.get("students") or self.students)
        if seed is not None:
            self.summary.seed = seed
        elif force or old is None:
            self.summary.seed = secrets.randbits(32)
        else:
            self.summary.seed = old
        return self.summary.seed if self.mode in ("force", "seed") or seed is not None else None

    def _decide(self, folder: Folder, again: bool, must_seed: int | None) -> Planned:
        student = folder.student
        stored = self.store.load(student)
        known = _entry(stored) if stored is not None else None
        try:
            run_seed = self.summary.seed if stored is None else stored.run_seed
            submission = self._read(folder, run_seed)
        except Unusable as unusable:
            reason = str(unusable)
            same = stored is not None and not stored.notebooks and stored.reason == reason
            entered = student in self._entered or not unusable.enter
            if same and entered and not again:
                return Planned(student, KEEP, reason, folder, known)
            return Planned(student, QUARANTINE, reason, folder)

        def planned(action: str, why: str) -> Planned:
            return Planned(student, action, why, folder, known)

        if stored is None:
            return planned(GRADE, "new")
        if stored.submitted != submission.digest:
            return planned(GRADE, "handed in again")
        if again:
            return planned(GRADE, "asked for")
        if stored.passing:
            return planned(GRADE, "could not be graded before")
        concerned = fnmatch.fnmatchcase(student, self.students)
        if must_seed is not None and stored.run_seed != must_seed and concerned:
            return planned(GRADE, "other random inputs")
        fresh = stored.key == key_of(submission.jobs, self.engines.version)
        if not fresh and self.mode in ("force", "regrade") and concerned:
            return planned(GRADE, "asked for by a run that was stopped")
        action, why = self._pending(stored, submission)
        if action == KEEP and not fresh:
            return planned(STALE, "graded with other tests or rules")
        return planned(action, why)

    def _pending(self, stored: Stored, submission: Submission) -> tuple[str, str]:
        """Say what of a stored result is not in the gradebook or the graded folder."""
        student = stored.student
        line = self._recorded.get(student, {})
        folder = self.course.graded(student, self.summary.assignment)
        if line.get("key") != stored.key or student not in self._entered or not folder.is_dir():
            return RECORD, "graded, and not in the gradebook yet"
        if line.get("timestamp") != _iso(submission.timestamp) or line.get("due") != _iso(
            self.writer.due(self._entered[student])
        ):
            return DATES, "its time or its deadline changed"
        return KEEP, "up to date"

    def _read(self, folder: Folder, run_seed: int) -> Submission:
        return read_submission(
            folder, self.assignment, self.course, self.register, run_seed, self.limits, self.bounds
        )

    def _warn(self, text: str) -> None:
        self.summary.warnings.append(text)
        self.tell(Event("warning", text))

    # doing it

    def work(self, jobs: int | None, scheduler: str | None, dry_run: bool) -> None:
        """Do what was planned."""
        self._dry = dry_run
        if not dry_run:
            self._tidy()
            with self._disk():
                self.store.note(
                    "run",
                    sync=True,
                    seed=self.summary.seed,
                    mode=self.mode,
                    students=self.students,
                    version=self.engines.version,
                    submissions=self.summary.submitted,
                )
        for planned in self.summary.plan:
            if self._stop.is_set():
                break
            if planned.action == QUARANTINE:
                self._quarantine(planned.folder)
            elif planned.action in (RECORD, DATES) and not dry_run:
                self._record_again(planned)
        waiting = [planned for planned in self.summary.plan if planned.action == GRADE]
        if waiting and not self._stop.is_set():
            workers = self._workers(jobs, scheduler)
            try:
                done = workers.run(self._submissions(waiting), self._stop.is_set)
                with contextlib.closing(done) as pairs:  # type: ignore[type-var]
                    for submission, results in pairs:
                        self._finish(submission, results)
            finally:
                workers.close()
        left = self.summary.submitted - len(self.summary.entries)
        if self._stop.is_set() and left:
            self.summary.stopped = True
            self._end("stopped")
            raise StoppedError(self._how_to_go_on(left), self.summary)
        self._end("end")

    def _end(self, event: str) -> None:
        if not self._dry:
            self.store.note(
                event,
                submissions=self.summary.submitted,
                graded=self.summary.count(GRADED),
                quarantined=self.summary.count(QUARANTINED),
            )

    def _how_to_go_on(self, left: int) -> str:
        name = self.summary.assignment
        if self._dry:
            return "Stopped. Nothing was written."
        return (
            f"Stopped with {left} of {self.summary.submitted} not graded yet; the others are "
            f"stored. To go on: course grade {name}"
        )

    def _workers(self, jobs: int | None, scheduler: str | None) -> Workers:
        imports: dict[str, None] = {}
        for notebook in self.assignment.notebooks:
            imports |= dict.fromkeys(self.engines.imports(self.assignment.template(notebook)))
        if scheduler is not None:
            from course_utils.grading.cluster import Cluster

            return Cluster(scheduler, self.engines, tuple(imports))
        engine = self.engines.make(tuple(imports))
        for note in getattr(engine, "notes", ()):
            self._warn(note)
        return Threads(engine, jobs or processors())

    def _submissions(self, waiting: Sequence[Planned]) -> Iterator[Submission]:
        """Read one submission after the other, when there is room for it."""
        for planned in waiting:
            try:
                yield self._read(planned.folder, self.summary.seed)
            except Unusable:  # it changed since it was looked at
                self._quarantine(planned.folder)

    def _tidy(self) -> None:
        """Forget what was said of folders that are gone, if no grade depends on it."""
        if self.students != "*":
            return
        there = {planned.student for planned in self.summary.plan}
        for stored in self.store.all():
            if stored.status == QUARANTINED and stored.student not in there:
                self.store.forget(stored.student)

    def _quarantine(self, folder: Folder) -> None:
        """Write down why a folder cannot be graded."""
        try:
            self._read(folder, self.summary.seed)
            return  # it was put right meanwhile; the next run grades it
        except Unusable as unusable:
            reason, enter = str(unusable), unusable.enter
        stored = Stored(
            digest_of(b"unusable", reason.encode("utf-8", "replace")),
            "",
            self.summary.seed,
            folder.student,
            self.summary.assignment,
            None,
            QUARANTINED,
            reason,
        )
        changes = self._changes(stored) if self.mode == "regrade" else ()
        if not self._dry:
            with self._disk():
                if self.store.load(folder.student) != stored:
                    self.store.save(stored)
                    self.store.note("quarantined", student=folder.student, reason=reason)
                if enter:
                    self.writer.enter(folder.student, None)
        self._told(stored, changes)

    def _finish(self, submission: Submission, results: Sequence[Result]) -> None:
        """Write down what was found for one submission, in the order that survives a kill."""
        first, *others = (_checked(job, r) for job, r in zip(submission.jobs, results, strict=True))
        first = replace(first, repairs=(*submission.repairs, *first.repairs))
        notebooks = (first, *others)
        reasons = dict.fromkeys(r.reason for r in notebooks if r.status == QUARANTINED)
        stored = Stored(
            key_of(submission.jobs, self.engines.version),
            submission.digest,
            self.summary.seed,
            submission.student,
            self.summary.assignment,
            _iso(submission.timestamp),
            QUARANTINED if reasons else GRADED,
            " ".join(reasons),
            notebooks,
            submission.missing,
        )
        if self._stop.is_set() and stored.passing:
            return  # Ctrl-C has ended the processes that were grading it
        changes = self._changes(stored) if self.mode == "regrade" else ()
        if not self._dry:
            with self._disk():
                self.store.save(stored)
                self._journal(stored)
                self._record(stored, submission)
        self._told(stored, changes)

    def _journal(self, stored: Stored) -> None:
        facts: dict[str, Any] = {"student": stored.student, "key": stored.key}
        if stored.status == QUARANTINED:
            self.store.note("quarantined", **facts, reason=stored.reason)
        else:
            score = sum(result.score for result in stored.notebooks)
            seconds = round(sum(result.seconds for result in stored.notebooks), 3)
            self.store.note("graded", **facts, score=score, seconds=seconds)

    def _told(self, stored: Stored, changes: Sequence[Change] = ()) -> None:
        entry = replace(_entry(stored), now=True)
        self.summary.entries[stored.student] = entry
        self.summary.changes += changes
        self.tell(Event("finished", entry=entry, changes=tuple(changes)))

    def _record_again(self, planned: Planned) -> None:
        """Bring a stored result into the gradebook and the graded folder."""
        stored = self.store.load(planned.student)
        if stored is None:
            return
        try:
            submission = self._read(planned.folder, stored.run_seed)
        except Unusable:
            return
        stored = replace(stored, timestamp=_iso(submission.timestamp))
        with self._disk():
            self.store.save(stored)
            self._record(stored, submission, scores=planned.action == RECORD)
        self._told(stored)

    def _record(self, stored: Stored, submission: Submission, scores: bool = True) -> None:
        if stored.status == QUARANTINED:
            self.writer.enter(stored.student, submission.timestamp)
            return
        dates = self.writer.record(
            stored.student,
            submission.timestamp,
            stored.notebooks,
            stored.missing,
            scores=scores,
        )
        target = self.course.graded(stored.student, stored.assignment)
        mode, shared = permissions(self.course)
        marks = {STAMP: submission.stamp, SECRET: submission.secret or self._secret(target)}
        graded = {f"{r.notebook}.ipynb": r.executed for r in stored.notebooks}
        write_graded(target, graded, marks, submission.copied, submission.given, mode, shared)
        self.store.note(
            "recorded",
            student=stored.student,
            key=stored.key,
            timestamp=stored.timestamp,
            due=_iso(self.writer.due(dates)),
        )

    def _secret(self, target: Any) -> str:
        """Return a secret for a submission without one: release_feedback stops where none is."""
        try:
            return (target / SECRET).read_text(encoding="utf-8") or secrets.token_hex(32)
        except (OSError, UnicodeDecodeError):
            return secrets.token_hex(32)

    def _changes(self, stored: Stored) -> tuple[Change, ...]:
        """Compare a result with what the gradebook says."""
        if stored.status == QUARANTINED:
            return ()
        old = self.writer.scores(stored.student)
        changes = []
        for result in stored.notebooks:
            for cell in result.cells:
                before = old.get((result.notebook, cell.name), Score(None, None))
                if before.automatic != cell.score:
                    changes.append(
                        Change(
                            stored.student,
                            result.notebook,
                            cell.name,
                            before.automatic,
                            cell.score,
                            before.manual,
                            cell.message,
                        )
                    )
        return tuple(changes)

    def _disk(self) -> contextlib.AbstractContextManager[None]:
        return disk(f"course grade {self.summary.assignment}")

    # stopping

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C finish what is being written; a second one ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            if self._stop.is_set():
                raise KeyboardInterrupt
            self._stop.set()
            self.tell(Event("stopping"))

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _nothing(course: Course, name: str, students: str, others: bool) -> str:
    if others:
        return f"No submission of {name} is from a student called {students}."
    place = course.submitted("STUDENT", name)
    with contextlib.suppress(ValueError):
        place = place.relative_to(course.root)
    return (
        f"There is no submission of {name} yet. Collect them (nbgrader collect {name}), or put "
        f"each into {place}/"
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _checked(job: Job, result: Result) -> Result:
    """Let no result through that is not one of this job: the gradebook must be right."""
    wanted = {
        cell.name: float(cell.metadata.get("points") or 0)
        for cell in job.released
        if cell.metadata["grade"]
    }
    got = {cell.name: cell.score for cell in result.cells if cell.name in wanted}
    if (result.student, result.assignment, result.notebook) != (
        job.student,
        job.assignment,
        job.notebook,
    ):
        return quarantined(job, "The grader answered for another submission. Grade it again.")
    if result.status == QUARANTINED:
        return result
    bad = [
        name
        for name, score in got.items()
        if score is not None and not (math.isfinite(score) and 0 <= score <= wanted[name])
    ]
    if set(got) != set(wanted) or bad:
        what = ", ".join(sorted(set(wanted) - set(got)) or bad)
        return quarantined(job, f"The grader gave no possible score for {what}. Grade it again.")
    return result


def _entry(stored: Stored) -> Entry:
    cells = [cell for result in stored.notebooks for cell in result.cells]
    found = {cell.status for cell in cells}
    accidents = [text for result in stored.notebooks for text in result.accidents]
    remarks = [
        status
        for status in (TIMED_OUT, OUT_OF_MEMORY, CRASHED, REFUSED, NOT_RUN)
        if status in found or any(f"': {status}." in text for text in accidents)
    ]
    if accidents and not remarks:
        remarks.append("error in a cell")
    automatic = {cell.status for cell in cells if cell.score is not None}
    if automatic == {NOT_ATTEMPTED}:
        remarks.append(NOT_ATTEMPTED)
    if any(cell.status == MANUAL or cell.score is None for cell in cells):
        remarks.append("needs manual grading")
    notes = tuple(note for result in stored.notebooks for note in result.repairs)
    if notes:
        remarks.append("repaired")
    notes += tuple(accidents)
    if stored.status == QUARANTINED:
        return Entry(stored.student, QUARANTINED, stored.reason)
    return Entry(
        stored.student,
        GRADED,
        "",
        sum(result.score for result in stored.notebooks),
        sum(result.points for result in stored.notebooks),
        tuple(remarks),
        notes,
        sum(result.seconds for result in stored.notebooks),
    )


# --- this machine -------------------------------------------------------------------------------


class Threads:
    """Grades on this machine: each thread waits for one sandboxed process."""

    def __init__(self, engine: Engine, jobs: int) -> None:
        self._engine = engine
        self._jobs = max(1, jobs)
        self._open = True

    def __enter__(self) -> Threads:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self, submissions: Iterator[Submission], stopped: Callable[[], bool]
    ) -> Iterator[tuple[Submission, list[Result]]]:
        """Yield each submission with its results, in any order; end early when `stopped`."""
        pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="grade")
        pending: dict[Future[list[Result]], Submission] = {}
        more = True
        try:
            while True:
                while more and len(pending) < 2 * self._jobs and not stopped():
                    submission = next(submissions, None)
                    if submission is None:
                        more = False
                    else:
                        future = pool.submit(grade_all, self._engine, submission.jobs)
                        pending[future] = submission
                        del submission, future
                if not pending:
                    return
                done, _ = wait(pending, timeout=POLL, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
                if stopped():
                    return
        finally:
            for future in pending:
                future.cancel()
            self.close()  # ends what is running
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """End the engine."""
        if self._open:
            self._open = False
            self._engine.close()
