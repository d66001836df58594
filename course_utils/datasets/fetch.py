"""`fetch`: from the sources of a data set to a verified file in the cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from course_utils.datasets import cache, registry
from course_utils.datasets.content import Arrays, content_hash, mismatch
from course_utils.datasets.errors import DataCorrupt, DataNotFound, FetchFailed, SourceFailed
from course_utils.datasets.progress import shown
from course_utils.datasets.registry import Entry
from course_utils.datasets.sources import Source, Urls

MIRROR = "COURSE_DATA_MIRROR"


def fetch(name: str | Entry) -> Path | None:
    """Make a data set available offline; return its file (None if a package bundles it).

    Does nothing if it is there and whole. Several processes may call it at once: one fetches,
    the others wait and find it done. An interrupted call leaves nothing under the final name;
    the next one goes on where the source allows it.

    Raises UnknownDataset, FetchFailed (all sources failed; says why, source by source) or
    CacheUnusable (the folder cannot be written, or the disk is full).
    """
    entry = registry.find(name) if isinstance(name, str) else name
    if entry.bundled is not None:
        cache.verify(entry)
        return None
    if _whole(entry):
        return cache.path(entry)
    with cache.writing(entry), cache.lock(entry):
        if not _whole(entry):  # it may have arrived while we waited for the lock
            cache.write(entry, _from_any_source(entry))
        shutil.rmtree(cache.workspace(entry), ignore_errors=True)
    return cache.path(entry)


def _whole(entry: Entry) -> bool:
    try:
        cache.read(entry)
    except (DataNotFound, DataCorrupt):
        return False
    return True


def sources(entry: Entry) -> Iterator[Source]:
    """Yield the sources in the order in which they are tried.

    $COURSE_DATA_MIRROR, the address of a web server that holds `NAME/FILE` for each file of a
    data set, comes first: a classroom without internet can have one.
    """
    mirror = os.environ.get(MIRROR)
    web = next((source for source in entry.sources if isinstance(source, Urls)), None)
    if mirror and web:
        yield Urls(f"{mirror.rstrip('/')}/{entry.name}/", web.names, web.size, web.options)
    yield from entry.sources


def _from_any_source(entry: Entry) -> Arrays:
    failures = []
    for source in sources(entry):
        try:
            return _from(source, entry)
        except SourceFailed as failure:
            failures.append((str(source), str(failure)))
    raise FetchFailed(
        entry.title,
        failures,
        "Check the network (a proxy, a firewall, a login page), then run "
        f"`course data fetch {entry.name}` again.",
    )


class _BadContentError(SourceFailed):
    """The source delivered files, but not this data set."""


def _from(source: Source, entry: Entry) -> Arrays:
    """Return the verified content from one source, or raise SourceFailed.

    What a continued download yields may be a mixture of two versions, if the server names no
    version; so after a failed check of such files they are fetched once more, from the start.
    """
    continued = isinstance(source, Urls) and any(cache.workspace(entry).iterdir())
    try:
        return _attempt(source, entry)
    except _BadContentError:
        if not continued:
            raise
    return _attempt(source, entry)


def _attempt(source: Source, entry: Entry) -> Arrays:
    cache.require_space(entry, source.size)
    with shown(entry.title, source.size) as progress:
        files = source.files(cache.workspace(entry), progress)
    try:
        return _checked(files, entry)
    except _BadContentError:
        for file in files.values():
            file.unlink(missing_ok=True)
        raise


def _checked(files: Mapping[str, Path], entry: Entry) -> Arrays:
    try:
        arrays = entry.decode(files)
    except ValueError as error:
        raise _BadContentError(f"what it delivered cannot be read ({error})") from error
    wrong = mismatch(arrays, entry.arrays)
    if wrong:
        raise _BadContentError(f"what it delivered is something else: {wrong}")
    found = content_hash(arrays, entry.decimals)
    if found != entry.sha256:
        raise _BadContentError(
            f"what it delivered has sha256 {found}, not {entry.sha256[:12]}… as expected"
        )
    return arrays
