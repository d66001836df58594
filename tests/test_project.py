"""The project's own files agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PLATFORMS = {
    "Linux x86-64": {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"},
    "Linux arm64": {"sys_platform": "linux", "platform_machine": "aarch64", "os_name": "posix"},
    "macOS arm64": {"sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix"},
    "Windows": {"sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt"},
}
PYTHONS = ["3.11.9", "3.12.7", "3.13.1"]


def locked() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def applies(marker: Marker | None, platform: str, python: str) -> bool:
    environment = PLATFORMS[platform] | {
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    return marker is None or marker.evaluate(environment)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lock_names_one_exact_version_of_each_package_on_every_platform(platform, python):
    versions: dict[str, str] = {}
    for requirement in locked():
        if not applies(requirement.marker, platform, python):
            continue
        name = canonicalize_name(requirement.name)
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert name not in versions, f"{name} is locked twice on {platform}, Python {python}"
        versions[name] = str(requirement.specifier)[2:]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for group in project["optional-dependencies"].values():
        wanted += [line for line in group if not line.startswith("build-deep")]
    for line in wanted:
        requirement = Requirement(line)
        if not applies(requirement.marker, platform, python):
            continue
        name = canonicalize_name(requirement.name)
        assert name in versions, f"{name} is in pyproject.toml, not in the lock: run `make lock`"
        assert requirement.specifier.contains(versions[name], prereleases=True), (
            f"{name} {versions[name]} is locked but pyproject.toml asks for {requirement.specifier}"
        )


def test_environment_yml_gives_the_versions_of_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [d for d in environment["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]

    assert "-r requirements.lock" in pip
    assert [line for line in pip if not line.startswith("-")] == [], "versions live in the lock"
    named = {re.split(r"[=<> ]", line)[0] for line in conda}
    assert named == {"python", "pip"}, "a package from conda would not be the locked one"
    (python,) = [line.split("=")[1] for line in conda if line.startswith("python=")]
    assert any(p.startswith(python) for p in PYTHONS)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_notebook_in_git_has_outputs():
    for path in tracked("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert '"output_type"' not in text, f"{path.name}: run `make format`"
        assert not re.search(r'"execution_count": \d', text), f"{path.name}: run `make format`"


def test_lock_files_name_no_address():
    for name in ["requirements.lock", "environment.yml", "pyproject.toml"]:
        assert "://" not in (ROOT / name).read_text(), f"{name}: versions alone are enough"
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text(), "see .npmrc"


def test_make_help_lists_every_target_that_the_readme_names():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.M))
    for name in ["README.md", "CONTRIBUTING.md"]:
        for target in re.findall(r"`make ([a-z-]+)", (ROOT / name).read_text()):
            assert target in targets, f"{name} names `make {target}`, which the Makefile has not"
