"""What grading found, on disk, so that nothing is lost: one file per submission, and a journal.

A result is there whole or not at all. Whatever a killed run left behind, the next one reads what
is there, goes on, and ends where an undisturbed run would have ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.gradebook import sync_folder
from course_utils.grading.job import QUARANTINED, Job, Result

from filelock import FileLock, Timeout

FORMAT = 1
JOURNAL = "journal.jsonl"
RESULTS = "results"


class StoreError(CourseError):
    """What grading found cannot be stored, or another run is storing it."""

    exit_code = 2


@dataclass(frozen=True)
class Stored:
    """What is known of one submission. `run_seed` and `submitted` say what the key was made of."""

    key: str  # sha256 of all that determines the result
    submitted: str  # sha256 of what the student handed in alone
    run_seed: int
    student: str
    assignment: str
    timestamp: str | None  # when it was handed in, ISO 8601, UTC
    status: str  # GRADED or QUARANTINED
    reason: str = ""
    notebooks: tuple[Result, ...] = ()
    missing: tuple[str, ...] = ()  # notebooks that were not handed in

    @property
    def passing(self) -> bool:
        """Whether another run may well come to another end: it was quarantined by an accident of
        ours, not for what was handed in.
        """
        return self.status == QUARANTINED and bool(self.notebooks)

    def to_data(self) -> dict[str, Any]:
        """Return it as numbers, strings, lists and dictionaries."""
        data = {"format": FORMAT} | {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        }
        data["notebooks"] = [result.to_data() for result in self.notebooks]
        data["missing"] = list(self.missing)
        return data

    @staticmethod
    def from_data(data: dict[str, Any]) -> Stored:
        """Make it from what `to_data` returned. Raises ValueError for anything else."""
        data = dict(data)
        if data.pop("format", None) != FORMAT:
            raise ValueError("another format")
        try:
            data["notebooks"] = tuple(Result.from_data(item) for item in data["notebooks"])
            data["missing"] = tuple(data["missing"])
            return Stored(**data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error


def key_of(jobs: Sequence[Job], version: str) -> str:
    """Return the sha256 of everything that determines how a submission is graded.

    That is: what was handed in, the released cells and files, the limits, the seed, and the
    version of the grading rules.
    """
    digest = hashlib.sha256()
    _add(digest, version.encode())
    for job in jobs:
        data = job.to_data()
        _add(digest, data.pop("submitted"))
        for path, content in data.pop("files"):
            _add(digest, path.encode("utf-8", "surrogatepass"))
            _add(digest, content)
        _add(digest, json.dumps(data, sort_keys=True).encode())
    return digest.hexdigest()


def digest_of(*parts: bytes) -> str:
    """Return the sha256 of several pieces of bytes, each counted with its length."""
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, part)
    return digest.hexdigest()


def _add(digest: Any, content: bytes) -> None:
    digest.update(len(content).to_bytes(8, "big"))
    digest.update(content)


def file_name(student: str) -> str:
    """Return the name of a student's result file: no name leads out of the folder or collides."""
    raw = os.fsencode(student)
    quoted = urllib.parse.quote_from_bytes(raw, safe="@+ ,")
    if quoted.startswith("."):
        quoted = "%2E" + quoted[1:]
    if len(quoted) > 200:
        quoted = f"{quoted[:120]}%{hashlib.sha256(raw).hexdigest()}"
    return f"{quoted}.json"


class Store:
    """Results and journal of one assignment, in the folder grading/ASSIGNMENT/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._results = folder / RESULTS
        self._journal = folder / JOURNAL
        self._mended = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run off this assignment. Raises StoreError when one is on it.

        The lock belongs to the process: when that is killed, the lock is gone.
        """
        with self._disk():
            self._results.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise StoreError(
                f"Another `course grade {self.folder.name}` is running. Wait until it has ended; "
                "it writes to the same gradebook."
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.folder} cannot be written ({error.strerror or error}). Grade as the user "
                "who owns the course folder."
            ) from error
        try:
            yield
        finally:
            lock.release()

    # results

    def save(self, stored: Stored) -> None:
        """Store one submission's result: whole, or not at all."""
        target = self._results / file_name(stored.student)
        with self._disk():
            replace(target, json.dumps(stored.to_data()).encode())

    def load(self, student: str) -> Stored | None:
        """Return a student's result; None when there is none that can be read."""
        return self._read(self._results / file_name(student))

    def all(self) -> Iterator[Stored]:
        """Yield every result that can be read, one after the other."""
        if self._results.is_dir():
            for path in sorted(self._results.glob("*.json")):
                stored = self._read(path)
                if stored is not None:
                    yield stored

    def forget(self, student: str) -> None:
        """Take a result away."""
        with self._disk():
            (self._results / file_name(student)).unlink(missing_ok=True)

    def _read(self, path: Path) -> Stored | None:
        try:
            return Stored.from_data(json.loads(path.read_bytes()))
        except (OSError, ValueError, AttributeError):
            return None

    # journal

    def note(self, event: str, *, sync: bool = False, **facts: Any) -> None:
        """Add a line to the journal."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"event": event, "time": now} | facts) + "\n"
        with self._disk():
            self._mend()
            handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                data = line.encode()
                while data:
                    data = data[os.write(handle, data) :]
                if sync:
                    os.fsync(handle)
            finally:
                os.close(handle)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the journal; one that is torn is left out."""
        if not self._journal.exists():
            return
        with self._journal.open("rb") as file:
            for line in file:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and "event" in event:
                    yield event

    def _mend(self) -> None:
        """End a line that a killed run has torn, so that the next one stands alone."""
        if not self._mended and self._journal.exists() and self._journal.stat().st_size:
            with self._journal.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
        self._mended = True

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        with disk(f"course grade {self.folder.name}"):
            yield


@contextlib.contextmanager
def disk(command: str) -> Iterator[None]:
    """Turn a full disk into a sentence that names the command to go on with."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" ({error.filename})" if error.filename else ""
        raise StoreError(
            f"The disk is full{where}. What was graded so far is stored. Free some space and run "
            f"`{command}` again: it goes on where it stopped."
        ) from error


def replace(target: Path, content: bytes) -> None:
    """Write a file so that anyone who reads it finds the old content or the new, whole."""
    new = target.with_name(f".{target.name[:200]}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    sync_folder(target.parent)
