"""Fetching over HTTP, from a server on the loopback interface, with everything that goes wrong.

The server speaks HTTP as the canonical addresses do (ranges, entity tags) and can be told to
misbehave. Where a fault concerns a process or a disk, a real process meets a real fault: two
processes, real signals, a full and a read-only file system mounted in a namespace of its own.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from course_utils import datasets
from course_utils.datasets import cache, content, http
from course_utils.datasets import fetch as fetching
from course_utils.datasets.content import ArraySpec
from course_utils.datasets.entries.mnist import GZIPPED, decode, split_as_published
from course_utils.datasets.errors import SourceFailed
from course_utils.datasets.registry import Entry
from course_utils.datasets.sources import Source, Urls

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
BIG = GZIPPED["train-images"]
QUICK = http.Options(connect_seconds=5, read_seconds=5, attempts=3, pause_seconds=0.01)

# --- a data set in the shape of MNIST, but small; the same in every process --------------------


def tiny_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "X_train": rng.integers(0, 256, (600, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(0, 10, 600, dtype=np.uint8),
        "X_test": rng.integers(0, 256, (100, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, 10, 100, dtype=np.uint8),
    }


def idx_gz(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def tiny_files(seed: int = 0) -> dict[str, bytes]:
    arrays = tiny_arrays(seed)
    keys = {"train-images": "X_train", "train-labels": "y_train"}
    keys |= {"test-images": "X_test", "test-labels": "y_test"}
    return {GZIPPED[role]: idx_gz(arrays[key]) for role, key in keys.items()}


def web(base: str, options: http.Options = QUICK) -> Urls:
    return Urls(base, GZIPPED, size=sum(map(len, tiny_files().values())), options=options)


def tiny_entry(*sources: Source) -> Entry:
    arrays = tiny_arrays()
    return Entry(
        name="tiny",
        title="Tiny digits",
        description="Made for these tests.",
        licence="none",
        citation="none",
        homepage="none",
        arrays={key: ArraySpec(a.shape, a.dtype.name) for key, a in arrays.items()},
        sha256=content.content_hash(arrays),
        sources=sources,
        split=lambda arrays: split_as_published(arrays, tuple("0123456789")),
        decode=decode,
    )


def course_data_fetch_tiny(base: str) -> None:
    """Be `course data fetch tiny`: what the processes started by these tests run."""
    from course_utils.cli.data import data
    from course_utils.datasets import registry

    if os.environ.get("TEST_BLIND_TO_SPACE"):  # so that the disk fills up while writing
        cache.require_space = lambda entry, download: None
    patient = http.Options(connect_seconds=30, read_seconds=60, attempts=3, pause_seconds=0.01)
    entry = tiny_entry(web(base, patient))
    registry.entries = lambda: {"tiny": entry}  # type: ignore[assignment]
    data(["fetch", "tiny"])


def child(base: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        child_command(base),
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def child_command(base: str) -> list[str]:
    program = f"import runpy; runpy.run_path({__file__!r})['course_data_fetch_tiny']({base!r})"
    return [sys.executable, "-c", program]


# --- the server --------------------------------------------------------------------------------


@dataclass
class Request:
    path: str
    range: str | None
    status: int


@dataclass
class Server:
    """Files by path, what was asked, and how to misbehave, by path."""

    base: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)  # answered first, one each
    cuts: dict[str, list[int]] = field(default_factory=dict)  # bytes sent before hanging up
    stall_after: dict[str, int] = field(default_factory=dict)  # bytes sent before waiting
    resume: threading.Event = field(default_factory=threading.Event)
    ranges: bool = True
    tags: bool = True
    endless: bool = False

    def add(self, prefix: str, files: Mapping[str, bytes]) -> str:
        self.files |= {f"/{prefix}/{name}": data for name, data in files.items()}
        return f"{self.base}/{prefix}/"

    def asked_for(self, name: str) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(name)]


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as state:
        yield state


class running_server:  # noqa: N801 - used as a context manager
    def __enter__(self) -> Server:
        self.state = state = Server()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                answer(self, state)

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        state.base = f"http://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, args=(0.01,), daemon=True).start()
        return state

    def __exit__(self, *_: object) -> None:
        self.state.resume.set()
        self.httpd.shutdown()
        self.httpd.server_close()


def answer(handler: BaseHTTPRequestHandler, state: Server) -> None:
    path, asked = handler.path, handler.headers.get("Range")
    data = state.files.get(path)
    status = state.statuses[path].pop(0) if state.statuses.get(path) else 200
    if data is None:
        status = 404
    start = 0
    if status == 200 and data is not None:
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        same = handler.headers.get("If-Range", tag) == tag
        if asked and state.ranges and same:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            status = 206 if start < len(data) else 416
    state.requests.append(Request(path, asked, status))
    handler.send_response(status)
    if status not in (200, 206) or data is None:
        if status == 416 and data is not None:
            handler.send_header("Content-Range", f"bytes */{len(data)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if state.tags:
        handler.send_header("ETag", tag)
    if status == 206:
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    if not state.endless:
        handler.send_header("Content-Length", str(len(data) - start))
    handler.end_headers()
    body = data[start:]
    try:
        if state.cuts.get(path):
            handler.wfile.write(body[: state.cuts[path].pop(0)])
        elif path in state.stall_after:
            stop = state.stall_after[path]
            handler.wfile.write(body[:stop])
            handler.wfile.flush()
            state.resume.wait(60)
            handler.wfile.write(body[stop:])
        elif state.endless:
            while True:
                handler.wfile.write(bytes(2**16))
        else:
            handler.wfile.write(body)
    except OSError:  # the client left
        pass


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    return tmp_path / "data"


def assert_whole(entry: Entry, folder: Path) -> None:
    """The data are there, right, and nothing else is (but the lock)."""
    cache.verify(entry)
    left = [p.name for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".lock")]
    assert left == [cache.path(entry).name]


def assert_no_half_file(folder: Path) -> None:
    assert not list(folder.glob("*.npz"))
    assert not list(folder.glob("*.tmp")) and not list(folder.glob(".*.tmp"))


def wait_for(what: str, condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


# --- the open internet -------------------------------------------------------------------------


def test_fetch_then_load(server: Server, data_folder: Path) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    assert fetching.fetch(entry) == cache.path(entry)
    assert_whole(entry, data_folder)
    np.testing.assert_array_equal(cache.read(entry)["X_train"], tiny_arrays()["X_train"])


def test_a_second_fetch_asks_nobody(server: Server) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    fetching.fetch(entry)
    asked = len(server.requests)
    fetching.fetch(entry)
    assert len(server.requests) == asked == 4


def test_load_with_fetch_gets_what_is_missing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    monkeypatch.setattr("course_utils.datasets.registry.entries", lambda: {"tiny": entry})
    with pytest.raises(datasets.DataNotFound):
        datasets.load("tiny")
    tiny = datasets.load("tiny", fetch=True)
    assert tiny.X_train.shape == (600, 28, 28) and tiny.y_train.dtype == np.int64
    assert datasets.load("tiny").X_test.shape == (100, 28, 28)


def test_progress_reaches_the_whole_and_never_goes_back(server: Server, tmp_path: Path) -> None:
    source = web(server.add("a", tiny_files()))
    seen: list[int] = []
    source.files(tmp_path, seen.append)
    assert seen == sorted(seen) and seen[-1] == source.size


def test_a_mirror_is_asked_first(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA_MIRROR", server.base)
    server.add("tiny", tiny_files())
    entry = tiny_entry(web(server.add("original", tiny_files())))
    fetching.fetch(entry)
    assert all(request.path.startswith("/tiny/") for request in server.requests)


def test_a_fetched_data_set_works_offline(server: Server, data_folder: Path) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    fetching.fetch(entry)
    program = f"""
import os, runpy, socket, subprocess
def forbidden(*_, **__): raise SystemExit("went to the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = forbidden
subprocess.Popen = forbidden
test = runpy.run_path({__file__!r})
from course_utils.datasets import cache, fetch, load, registry
registry.entries = lambda: {{"tiny": test["tiny_entry"](test["web"]("http://unused.invalid/"))}}
print(load("tiny", fetch=True).X_train.shape)
cache.verify(registry.find("tiny"))
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT), "COURSE_DATA": str(data_folder), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.returncode) == ("(600, 28, 28)\n", 0), result.stderr


# --- downloads that break ----------------------------------------------------------------------


def test_a_truncated_download_goes_on_where_it_stopped(server: Server, data_folder: Path) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    server.cuts[f"/a/{BIG}"] = [100_000, 50_000]
    fetching.fetch(entry)
    assert_whole(entry, data_folder)
    first, second, third = server.asked_for(BIG)
    assert (first.range, first.status) == (None, 200)
    assert second.status == third.status == 206
    assert second.range is not None and int(second.range[6:-1]) > 90_000


def test_a_download_that_never_gets_further_is_given_up(server: Server, data_folder: Path) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    server.cuts[f"/a/{BIG}"] = [0] * 100
    with pytest.raises(datasets.FetchFailed, match="the connection broke after 0 bytes"):
        fetching.fetch(entry)
    assert len(server.asked_for(BIG)) == QUICK.attempts
    assert_no_half_file(data_folder)


def test_a_file_that_is_truncated_on_the_server_is_refused(
    server: Server, data_folder: Path
) -> None:
    files = tiny_files()
    entry = tiny_entry(web(server.add("a", {**files, BIG: files[BIG][:-1000]})))
    with pytest.raises(datasets.FetchFailed, match="cannot be decompressed"):
        fetching.fetch(entry)
    assert_no_half_file(data_folder)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cuts=st.lists(st.integers(http.CHUNK, 300_000), max_size=6), tags=st.booleans())
def test_any_sequence_of_cuts_gives_the_same_file(
    server: Server, tmp_path: Path, cuts: list[int], tags: bool
) -> None:
    data = tiny_files()[BIG]
    url = server.add("a", {BIG: data}) + BIG
    server.cuts[f"/a/{BIG}"], server.tags = list(cuts), tags
    target = tmp_path / "file"
    target.unlink(missing_ok=True)
    http.download(url, target, lambda done: None, 2**24, QUICK)
    assert target.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("file")] == ["file"]


def test_a_file_that_changed_meanwhile_is_started_again(server: Server, tmp_path: Path) -> None:
    url = server.add("a", {BIG: tiny_files(seed=1)[BIG]}) + BIG
    server.cuts[f"/a/{BIG}"] = [100_000] + [0] * 3
    with pytest.raises(SourceFailed):
        http.download(url, tmp_path / "file", lambda done: None, 2**24, QUICK)
    new = tiny_files(seed=2)[BIG]
    server.add("a", {BIG: new})
    server.cuts.clear()
    http.download(url, tmp_path / "file", lambda done: None, 2**24, QUICK)
    assert server.requests[-1].range and server.requests[-1].status == 200
    assert (tmp_path / "file").read_bytes() == new


def test_a_mixture_of_two_versions_is_noticed_and_fetched_again(
    server: Server, data_folder: Path
) -> None:
    server.tags = False  # nothing tells the versions apart, until the content is checked
    entry = tiny_entry(web(server.add("a", tiny_files(seed=1))))
    server.cuts[f"/a/{BIG}"] = [100_000] + [0] * 3
    with pytest.raises(datasets.FetchFailed):
        fetching.fetch(entry)
    server.add("a", tiny_files())
    server.cuts.clear()
    fetching.fetch(entry)
    assert_whole(entry, data_folder)
    assert [request.status for request in server.asked_for(BIG)[-2:]] == [206, 200]


def test_wrong_content_is_asked_for_twice_at_most(server: Server) -> None:
    cut_off, wrong = server.add("a", tiny_files()), server.add("wrong", tiny_files(seed=1))
    server.cuts[f"/a/{BIG}"] = [100_000] + [0] * 100
    for _ in range(2):  # the second time, part of the first source's file lies in the workspace
        with pytest.raises(datasets.FetchFailed, match="has sha256"):
            fetching.fetch(tiny_entry(web(cut_off), web(wrong)))
    asked = [request for request in server.asked_for(BIG) if request.path.startswith("/wrong/")]
    assert len(asked) <= 4


def test_a_server_without_ranges_starts_again(server: Server, data_folder: Path) -> None:
    server.ranges = False
    entry = tiny_entry(web(server.add("a", tiny_files())))
    server.cuts[f"/a/{BIG}"] = [100_000]
    fetching.fetch(entry)
    assert_whole(entry, data_folder)
    assert [request.status for request in server.asked_for(BIG)] == [200, 200]


def test_a_part_that_is_already_complete_is_accepted(server: Server, tmp_path: Path) -> None:
    data = tiny_files()[BIG]
    url = server.add("a", {BIG: data}) + BIG
    (tmp_path / "file.part").write_bytes(data)  # killed between the last byte and the renaming
    http.download(url, tmp_path / "file", lambda done: None, 2**24, QUICK)
    assert server.requests[-1].status == 416
    assert (tmp_path / "file").read_bytes() == data


def test_a_busy_server_is_asked_again(server: Server, data_folder: Path) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    server.statuses[f"/a/{BIG}"] = [503, 429]
    fetching.fetch(entry)
    assert_whole(entry, data_folder)


def test_a_silent_server_is_given_up(server: Server) -> None:
    impatient = http.Options(read_seconds=0.2, attempts=2, pause_seconds=0.01)
    entry = tiny_entry(web(server.add("a", tiny_files()), impatient))
    server.stall_after[f"/a/{BIG}"] = 0
    with pytest.raises(datasets.FetchFailed, match=r"connection broke|does not answer in time"):
        fetching.fetch(entry)


def test_a_server_that_never_stops_is_cut_off(server: Server, data_folder: Path) -> None:
    server.endless = True
    entry = tiny_entry(web(server.add("a", tiny_files())))
    with pytest.raises(datasets.FetchFailed, match=r"it sends more than the [\d,]+ bytes allowed"):
        fetching.fetch(entry)
    assert sum(p.stat().st_size for p in data_folder.rglob("*") if p.is_file()) < 2**23


# --- sources that fail, and the next one -------------------------------------------------------


def test_an_unreachable_source_is_followed_by_the_next(server: Server, data_folder: Path) -> None:
    nobody = web(f"http://127.0.0.1:{closed_port()}/")
    entry = tiny_entry(nobody, web(server.add("b", tiny_files())))
    fetching.fetch(entry)
    assert_whole(entry, data_folder)


def test_a_missing_file_is_followed_by_the_next_source(server: Server, data_folder: Path) -> None:
    entry = tiny_entry(web(f"{server.base}/gone/"), web(server.add("b", tiny_files())))
    fetching.fetch(entry)
    assert_whole(entry, data_folder)
    assert len([r for r in server.requests if r.path.startswith("/gone/")]) == 1, "404 is final"


def test_wrong_content_is_followed_by_the_next_source(server: Server, data_folder: Path) -> None:
    wrong = web(server.add("wrong", tiny_files(seed=1)))
    entry = tiny_entry(wrong, web(server.add("b", tiny_files())))
    fetching.fetch(entry)
    assert_whole(entry, data_folder)


def test_a_login_page_is_followed_by_the_next_source(server: Server, data_folder: Path) -> None:
    page = dict.fromkeys(tiny_files(), b"<html>Please sign in to the campus network</html>")
    entry = tiny_entry(web(server.add("portal", page)), web(server.add("b", tiny_files())))
    fetching.fetch(entry)
    assert_whole(entry, data_folder)


def test_when_all_fail_each_source_is_listed_with_its_reason(
    server: Server, data_folder: Path
) -> None:
    refused = web(f"http://127.0.0.1:{closed_port()}/")
    unknown = web("http://no-such-host.invalid/")
    missing = web(f"{server.base}/gone/")
    wrong = web(server.add("wrong", tiny_files(seed=1)))
    with pytest.raises(datasets.FetchFailed) as caught:
        fetching.fetch(tiny_entry(refused, unknown, missing, wrong))
    message = str(caught.value)
    first, *lines, advice = message.splitlines()
    assert first == "Tiny digits could not be fetched from any of its 4 sources:"
    assert lines[0].endswith("the connection is refused")
    assert "no-such-host.invalid" in lines[1] and "cannot be resolved" in lines[1]
    assert lines[2].endswith("the server answers 404 Not Found")
    assert "has sha256" in lines[3] and "as expected" in lines[3]
    assert "course data fetch tiny" in advice
    assert_no_half_file(data_folder)


# --- processes ---------------------------------------------------------------------------------


def test_two_processes_at_once_fetch_once(server: Server, data_folder: Path) -> None:
    base = server.add("a", tiny_files())
    server.stall_after[f"/a/{BIG}"] = 100_000
    both = [child(base), child(base)]
    wait_for("one process to hold the lock", lambda: server.asked_for(BIG))
    time.sleep(1)  # the other one has arrived at the lock by now, or will find the data there
    server.resume.set()
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert len(server.requests) == 4, "each file was asked for once"
    assert_whole(tiny_entry(web(base)), data_folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_fetch_leaves_no_half_file_and_goes_on_later(
    server: Server, data_folder: Path, number: signal.Signals
) -> None:
    base = server.add("a", tiny_files())
    server.stall_after[f"/a/{BIG}"] = 100_000
    process = child(base)

    def arrived() -> int:
        return sum(p.stat().st_size for p in data_folder.rglob("*.part"))

    wait_for("the first bytes", lambda: arrived() >= 90_000)
    assert process.poll() is None
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert_no_half_file(data_folder)
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert errors.count("\n") == 1 and "course data fetch tiny` again" in errors, errors

    kept = arrived()
    server.stall_after.clear()
    server.resume.set()
    second = child(base)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    last = server.asked_for(BIG)[-1]
    assert (last.range, last.status) == (f"bytes={kept}-", 206)
    assert_whole(tiny_entry(web(base)), data_folder)


# --- disks -------------------------------------------------------------------------------------


def namespaces() -> bool:
    """Return whether this system lets us mount file systems in a namespace of our own."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    probe = [unshare, "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True).returncode == 0


needs_namespaces = pytest.mark.skipif(
    not namespaces(), reason="no user namespaces here to mount a small or read-only disk in"
)


def in_namespace(mount: str, base: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the fetch where `mount` (shell) has prepared the folder $COURSE_DATA."""
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", f'{mount} && exec "$@"', "sh", *child_command(base)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


@needs_namespaces
@pytest.mark.parametrize("blind", ["", "1"], ids=["noticed before", "noticed while writing"])
@pytest.mark.parametrize("size", ["200k", "800k"], ids=["download", "result"])
def test_a_full_disk_gives_one_sentence(
    server: Server, data_folder: Path, blind: str, size: str
) -> None:
    data_folder.mkdir()
    base = server.add("a", tiny_files())
    listing = data_folder.with_name("listing")
    mount = f'mount -t tmpfs -o size={size} tmpfs "$COURSE_DATA"'
    script = f'{mount} && "$@"; status=$?; ls -A "$COURSE_DATA" > {listing}; exit $status'
    result = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", *child_command(base)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TEST_BLIND_TO_SPACE": blind},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result
    assert re.search(r"is full; about \d\.\d MB must be free", result.stderr)
    assert "COURSE_DATA" in result.stderr and result.stderr.count("\n") == 1
    left = set(listing.read_text().split())
    assert left <= {".tiny.lock", "downloads"}, "no half file"
    assert bool(server.requests) == bool(blind), "space is checked before downloading"


READ_ONLY = 'mount --bind "$COURSE_DATA" "$COURSE_DATA" && mount -o remount,bind,ro "$COURSE_DATA"'


@needs_namespaces
def test_a_read_only_folder_gives_one_sentence(server: Server, data_folder: Path) -> None:
    data_folder.mkdir()
    result = in_namespace(READ_ONLY, server.add("a", tiny_files()))
    assert result.returncode == 1
    assert "may not be written (Read-only file system)" in result.stderr
    assert "COURSE_DATA" in result.stderr and result.stderr.count("\n") == 1
    assert not server.requests, "nothing is downloaded that cannot be stored"


@needs_namespaces
def test_a_read_only_folder_with_the_data_is_all_one_needs(
    server: Server, data_folder: Path
) -> None:
    base = server.add("a", tiny_files())
    fetching.fetch(tiny_entry(web(base)))
    result = in_namespace(READ_ONLY, base)
    assert result.returncode == 0, result.stderr


def test_a_file_where_the_folder_should_be_gives_one_sentence(
    server: Server, data_folder: Path
) -> None:
    data_folder.write_text("not a folder")
    entry = tiny_entry(web(server.add("a", tiny_files())))
    with pytest.raises(datasets.CacheUnusable, match="COURSE_DATA") as caught:
        fetching.fetch(entry)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "words"), [(28, "is full"), (30, "may not be written"), (5, "cannot be used")]
)
def test_what_the_disk_says_becomes_a_sentence(
    server: Server, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    entry = tiny_entry(web(server.add("a", tiny_files())))
    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(datasets.CacheUnusable, match=words):
        fetching.fetch(entry)


def test_a_damaged_copy_is_replaced(server: Server, data_folder: Path) -> None:
    entry = tiny_entry(web(server.add("a", tiny_files())))
    path = fetching.fetch(entry)
    assert path is not None
    path.write_bytes(path.read_bytes()[:5000])
    fetching.fetch(entry)
    assert_whole(entry, data_folder)


def test_what_a_killed_process_left_is_tidied_up(server: Server, data_folder: Path) -> None:
    (data_folder / "downloads" / "tiny" / "package-dead").mkdir(parents=True)
    (data_folder / "downloads" / "tiny" / "package-dead" / "x.tgz").write_bytes(b"half")
    (data_folder / ".tiny-12345.tmp").write_bytes(b"half")
    entry = tiny_entry(web(server.add("a", tiny_files())))
    fetching.fetch(entry)
    assert_whole(entry, data_folder)
