"""Download a file over HTTP: with time-outs, retries, and from where it was cut off."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.datasets.errors import SourceFailed
from course_utils.datasets.progress import Progress

if TYPE_CHECKING:
    import requests

CHUNK = 2**13  # bytes: what a broken connection can lose at most
TEMPORARY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Options:
    """Patience: seconds to connect, seconds of silence, attempts without progress, first pause."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    attempts: int = 3
    pause_seconds: float = 0.5


class _RetryError(Exception):
    """The attempt failed in a way that the next one may not."""


def download(
    url: str,
    path: Path,
    progress: Progress,
    limit: int,
    options: Options | None = None,
) -> None:
    """Download `url` to `path`, unless it is there already.

    Bytes gather in `path` + ".part", beside a ".tag" file that says which version of the file
    they belong to. A later call goes on from there with a Range request, guarded by If-Range so
    that two versions are never mixed. An attempt that brings nothing new counts towards
    `options.attempts`; one that brings something does not.

    Raises SourceFailed with the reason; OSError if the disk cannot take the bytes.
    """
    options = options or Options()
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _attempt(url, part, progress, limit, options)
            break
        except _RetryError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= options.attempts:
                raise SourceFailed(str(error)) from error
            time.sleep(options.pause_seconds * 2 ** (failures - 1))
    part.replace(path)
    _tag(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, progress: Progress, limit: int, options: Options) -> None:
    import requests

    have = _size(part)
    # identity: the bytes as they are stored, so that offsets mean the same to both sides
    headers = {"Accept-Encoding": "identity", "User-Agent": "build-deep-course"}
    if have:
        headers["Range"] = f"bytes={have}-"
        tag = _tag(part).read_text() if _tag(part).exists() else ""
        if tag:
            headers["If-Range"] = tag
    try:
        with requests.get(
            url,
            headers=headers,
            stream=True,
            timeout=(options.connect_seconds, options.read_seconds),
        ) as response:
            _receive(response, part, have, progress, limit)
    except requests.Timeout as error:
        raise _RetryError("the server does not answer in time") from error
    except requests.ConnectionError as error:
        raise _RetryError(_connection_reason(error)) from error
    except requests.RequestException as error:
        raise SourceFailed(f"the request failed ({error})") from error


def _receive(
    response: requests.Response,
    part: Path,
    have: int,
    progress: Progress,
    limit: int,
) -> None:
    from urllib3.exceptions import HTTPError

    status = response.status_code
    if status == 416:  # nothing after what we have: either complete, or of another version
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if total == str(have):
            return
        part.unlink()
        raise _RetryError("the server cannot continue the download")
    if status not in (200, 206):
        reason = f"the server answers {status} {response.reason}".strip()
        raise _RetryError(reason) if status in TEMPORARY else SourceFailed(reason)
    if status == 206:
        first = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if first != str(have):
            part.unlink()
            raise _RetryError("the server continued at the wrong place")
    else:
        have = 0
        _tag(part).write_text(_version(response))
    length = response.headers.get("Content-Length", "")
    total_size = have + int(length) if length.isdecimal() else None
    with part.open("ab" if have else "wb") as file:
        try:
            for block in response.raw.stream(CHUNK, decode_content=False):
                file.write(block)
                have += len(block)
                if have > limit:
                    raise SourceFailed(f"it sends more than the {limit:,} bytes allowed")
                progress(have)
        except HTTPError as error:
            raise _RetryError(f"the connection broke after {have:,} bytes") from error
        finally:
            file.flush()
            os.fsync(file.fileno())
    if total_size is not None and have < total_size:
        raise _RetryError(f"the download ended after {have:,} of {total_size:,} bytes")


def _version(response: requests.Response) -> str:
    """Return what identifies this version of the file in an If-Range header, or ''."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified", "")


def _connection_reason(error: Exception) -> str:
    text = repr(error)
    if "NameResolutionError" in text or "getaddrinfo" in text:
        return "the server's name cannot be resolved: no network, or a firewall"
    if "ProxyError" in text:
        return "the proxy refuses the connection"
    if "refused" in text:
        return "the connection is refused"
    return "the connection broke"


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
