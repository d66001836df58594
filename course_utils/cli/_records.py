"""What `course check` remembers of a notebook: results, hints shown, submissions.

One small JSON file for each notebook, in the user's state folder ($COURSE_STATE names another),
so that nothing is written into the notebook or its folder. Losing these files loses no work.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "COURSE_STATE"
VERSION = 1


@dataclass
class Record:
    """What is known of one notebook."""

    path: str
    assignment: str = ""
    digest: str = ""  # of the notebook at the last check
    checked: float = 0.0  # seconds since 1970
    # number of the task → {"status", "points", "digest"}
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)  # number of the task → hints shown
    submitted: list[dict[str, str]] = field(default_factory=list)  # {"when", "how"}


def folder() -> Path:
    """Return where the records are: $COURSE_STATE, or the user's state folder."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_state_path("build-deep") / "checks"


def _file(path: Path) -> Path:
    key = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
    return folder() / f"{key}.json"


def load(path: Path, digest: str = "") -> Record:
    """Return the record of a notebook, an empty one when there is none.

    A notebook that was moved or renamed is recognised by its digest, when its old place is empty.
    """
    found = _read(_file(path))
    if found is not None:
        return found
    for other in every():
        if digest and other.digest == digest and not Path(other.path).exists():
            other.path = str(path.resolve())
            return other
    return Record(str(path.resolve()))


def save(record: Record) -> None:
    """Store the record whole or not at all; a folder that cannot be written is no error."""
    with suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder(), prefix=".new-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"version": VERSION, **asdict(record)}, file, indent=1)
            Path(temporary).replace(_file(Path(record.path)))
        finally:
            Path(temporary).unlink(missing_ok=True)


def every() -> Iterator[Record]:
    """Yield all records that can be read."""
    with suppress(OSError):
        for file in sorted(folder().glob("[0-9a-f]*.json")):
            if (record := _read(file)) is not None:
                yield record


def _read(file: Path) -> Record | None:
    """Return a record; None when the file is missing, damaged or of another version."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        if raw.pop("version") != VERSION:
            return None
        record = Record(**raw)
        tasks = {str(k): {"status": str(v["status"]), **v} for k, v in record.tasks.items()}
        hints = {str(k): int(v) for k, v in record.hints.items()}
        return Record(
            str(record.path),
            str(record.assignment),
            str(record.digest),
            float(record.checked),
            tasks,
            hints,
            [{"when": str(s["when"]), "how": str(s["how"])} for s in record.submitted],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
