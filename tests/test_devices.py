"""The machine's description, the choice of a device, and seeds: real on the CPU, faked beyond.

No GPU is needed: what the operating system and the frameworks would say on other machines is
written out below, as files of /proc and /sys and as small stand-ins for the modules.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import textwrap
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from course_utils import devices
from course_utils.devices import _choose, _frameworks, _hardware, _quiet, _report, _seeding
from course_utils.devices._frameworks import Accelerator, Framework
from course_utils.devices._hardware import Graphics, Processor
from course_utils.errors import CourseError

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
GIB = 2**30


def run_python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python that sees this tree; extra keywords are environment variables."""
    path = os.pathsep.join([*filter(None, [env.pop("PYTHONPATH", "")]), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, **env, "PYTHONPATH": path},
    )


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below `root`, as a stand-in for / on another machine."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


# --- importing -----------------------------------------------------------------------------


def test_importing_devices_imports_no_framework() -> None:
    done = run_python("""
        import sys
        from course_utils import devices
        print([m for m in ("torch", "tensorflow", "keras", "numpy", "psutil") if m in sys.modules])
        devices.seed_everything(0)
        print([m for m in ("torch", "tensorflow", "keras") if m in sys.modules])
    """)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"], done.stderr


@pytest.mark.slow
def test_describing_the_machine_imports_no_framework_here() -> None:
    done = run_python("""
        import sys
        from course_utils import devices
        text = repr(devices.describe())
        print([m for m in ("torch", "tensorflow") if m in sys.modules])
        print(text)
    """)
    first, _, table = done.stdout.partition("\n")
    assert first == "[]", done.stderr
    import torch  # the real ones, to know what the table must say

    assert f"PyTorch     {torch.__version__}" in table
    assert "TensorFlow  2." in table


FAKE_TENSORFLOW = """
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written\\n")
os.write(2, b"I0000 00:00:1795348266.700434 6554 port.cc:153] oneDNN custom operations are on.\\n")
os.write(2, b"To enable the following instructions: AVX2 FMA, rebuild TensorFlow\\n")
os.write(2, b"E0000 00:00:1795348266.700434 6554 allocator.cc:9] a real error\\n")
os.write(2, b"F0000 00:00:1795348266.700434 6554 cpu.cc:1] compiled to use AVX512\\n")
print("from Python", file=sys.stderr)
log = []
class config:
    list_physical_devices = staticmethod(lambda kind: {"GPU": ["gpu0", "gpu1"]}.get(kind, []))
    class experimental:
        set_memory_growth = staticmethod(lambda gpu, on: log.append((gpu, on)))
class random:
    set_seed = staticmethod(lambda seed: log.append(("seed", seed)))
"""


def test_only_the_noise_of_tensorflow_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, {"tensorflow/__init__.py": FAKE_TENSORFLOW})
    done = run_python(
        """
        from course_utils import devices
        import os, tensorflow
        os.write(2, b"I0000 00:00:1 after the start nothing is filtered\\n")
        """,
        PYTHONPATH=str(tmp_path),
    )
    assert [line.split("] ")[-1] for line in done.stderr.splitlines()] == [
        "a real error",
        "compiled to use AVX512",
        "from Python",
        "I0000 00:00:1 after the start nothing is filtered",
    ]


def test_the_last_words_of_a_tensorflow_that_aborts_arrive(tmp_path: Path) -> None:
    write(tmp_path, {"tensorflow/__init__.py": FAKE_TENSORFLOW + "os.abort()\n"})
    done = run_python("import course_utils.devices, tensorflow", PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert "compiled to use AVX512" in done.stderr


def test_a_framework_imported_later_is_seeded_and_takes_gpu_memory_as_needed(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"tensorflow/__init__.py": FAKE_TENSORFLOW})
    done = run_python(
        """
        from course_utils import devices
        devices.seed_everything(7)
        import tensorflow
        print(tensorflow.log)
        """,
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout.strip() == "[('gpu0', True), ('gpu1', True), ('seed', 7)]"


def test_a_framework_imported_without_a_seed_is_not_seeded(tmp_path: Path) -> None:
    write(tmp_path, {"tensorflow/__init__.py": FAKE_TENSORFLOW})
    done = run_python(
        "import course_utils.devices, tensorflow; print(tensorflow.log)", PYTHONPATH=str(tmp_path)
    )
    assert "seed" not in done.stdout


def test_a_watched_module_looks_as_if_nobody_had_watched(tmp_path: Path) -> None:
    write(tmp_path, {"torch/__init__.py": "x = 1\n", "torch/part.txt": "text"})
    done = run_python(
        """
        import course_utils.devices, importlib, importlib.resources, inspect
        import torch
        print(type(torch.__loader__).__name__, torch.__spec__.loader is torch.__loader__)
        print(inspect.getsource(torch).strip(), importlib.resources.read_text("torch", "part.txt"))
        print(importlib.reload(torch).x)
        """,
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout.splitlines() == ["SourceFileLoader True", "x = 1 text", "1"], done.stderr


def test_importing_devices_again_leaves_one_watcher() -> None:
    done = run_python("""
        import importlib, sys
        from course_utils import devices
        importlib.reload(devices)
        print([type(f).__name__ for f in sys.meta_path if not isinstance(f, type)].count(
            "ImportWatcher"))
    """)
    assert done.stdout.strip() == "1", done.stderr


def test_a_framework_that_fails_to_import_fails_as_always(tmp_path: Path) -> None:
    write(tmp_path, {"torch/__init__.py": "raise ImportError('no libtorch')\n"})
    done = run_python(
        """
        import course_utils.devices, sys
        for attempt in (1, 2):
            try:
                import torch
            except ImportError as error:
                print(error, "torch" in sys.modules)
        """,
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout.splitlines() == ["no libtorch False"] * 2, done.stderr


# --- seeds ---------------------------------------------------------------------------------

DRAWS = """
    {before}
    import json, random
    import numpy as np
    from course_utils import devices
    devices.seed_everything(3)
    first = [random.random(), float(np.random.rand())]
    import torch, tensorflow as tf, keras
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    print(json.dumps([
        first, random.random(), float(np.random.rand()), torch.rand(2).tolist(),
        tf.random.normal([2]).numpy().tolist(), keras.random.normal((2,)).numpy().tolist(),
        model.get_weights()[0].ravel().tolist(),
    ]))
"""


@pytest.mark.slow
def test_numbers_do_not_depend_on_when_the_real_frameworks_are_imported() -> None:
    early = run_python(DRAWS.format(before="import torch, tensorflow, keras"))
    late = run_python(DRAWS.format(before=""))
    assert json.loads(early.stdout) == json.loads(late.stdout)
    assert late.stderr == ""  # TensorFlow started without a word


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    import torch

    def draw(seed: int) -> tuple[float, float, float]:
        devices.seed_everything(seed)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draw(5) == draw(5)
    assert all(a != b for a, b in zip(draw(5), draw(6), strict=True))


def test_a_numpy_integer_is_a_seed() -> None:
    devices.seed_everything(np.int64(4))  # type: ignore[arg-type]
    first = random.random()
    devices.seed_everything(4)
    assert random.random() == first


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "0", True, None])
def test_what_is_no_seed_is_refused_in_a_sentence(seed: Any) -> None:
    with pytest.raises(CourseError, match="seed_everything takes"):
        devices.seed_everything(seed)


def test_keras_is_seeded_without_starting_the_other_streams_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def set_random_seed(seed: int) -> None:
        random.seed(seed)
        np.random.seed(seed)
        asked.append(seed)

    asked: list[int] = []
    keras = ModuleType("keras")
    keras.utils = SimpleNamespace(set_random_seed=set_random_seed)  # type: ignore[attr-defined]
    devices.seed_everything(9)
    expected = [random.random(), random.random(), float(np.random.rand()), float(np.random.rand())]
    devices.seed_everything(9)
    got = [random.random()]
    numpy_first = float(np.random.rand())
    _seeding.seed_framework(keras)
    got += [random.random(), numpy_first, float(np.random.rand())]
    assert (got, asked) == (expected, [9])


# --- torch_device --------------------------------------------------------------------------


class FakeTensor:
    """Enough of a tensor for the trial sum."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __add__(self, other: float) -> FakeTensor:
        return FakeTensor(self.value + other)

    def sum(self) -> FakeTensor:
        return FakeTensor(2 * self.value)

    def item(self) -> float:
        return self.value


def fake_torch(
    cards: dict[str, list[SimpleNamespace]] | None = None,
    *,
    mps: bool = False,
    broken: tuple[str, ...] = (),
    version: str = "2.13.0",
    complaint: str = "",
    **built: Any,
) -> Any:
    """A stand-in for torch: `cards` by kind, `broken` kinds fail at the first kernel."""
    cards = cards or {}
    torch: Any = ModuleType("torch")

    def ones(_: int, device: str) -> FakeTensor:
        if str(device).partition(":")[0] in broken:
            raise RuntimeError("CUDA error: no kernel image is available. Try this. Or that.")
        return FakeTensor(1.0)

    def part(kind: str) -> SimpleNamespace:
        found = cards.get(kind, [])

        def is_available() -> bool:
            if complaint:
                warnings.warn(complaint, stacklevel=2)
            return bool(found)

        def init() -> None:
            if complaint:
                raise RuntimeError(complaint)

        return SimpleNamespace(
            is_available=is_available,
            device_count=lambda: len(found),
            get_device_properties=lambda index: found[index],
            init=init,
        )

    torch.__version__ = version
    torch.ones, torch.device = ones, str
    torch.version = SimpleNamespace(**{"cuda": None, "hip": None, "xpu": None, **built})
    torch.cuda, torch.xpu = part("cuda"), part("xpu")
    torch.mps = SimpleNamespace(recommended_max_memory=lambda: 11 * GIB)
    torch.backends = SimpleNamespace(
        mps=SimpleNamespace(is_available=lambda: mps, is_built=lambda: mps)
    )
    return torch


H200 = SimpleNamespace(name="NVIDIA H200", total_memory=140 * GIB)
ARC = SimpleNamespace(name="Intel Arc B580", total_memory=12 * GIB, driver_version="1.6.3")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a stand-in in the place of a framework."""
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    return lambda name, module: monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        (fake_torch(), "cpu"),
        (fake_torch({"cuda": [H200]}, cuda="12.6"), "cuda"),
        (fake_torch({"cuda": [H200]}, hip="6.4"), "cuda"),
        (fake_torch({"xpu": [ARC]}), "xpu"),
        (fake_torch(mps=True), "mps"),
        (fake_torch({"cuda": [H200], "xpu": [ARC]}, mps=True), "cuda"),
    ],
)
def test_the_best_device_is_chosen(use: Any, torch: Any, expected: str) -> None:
    use("torch", torch)
    assert str(devices.torch_device()) == expected


def test_a_gpu_that_cannot_compute_is_passed_over_with_the_reason(use: Any) -> None:
    use("torch", fake_torch({"cuda": [H200]}, broken=("cuda",)))
    with pytest.warns(UserWarning, match="no kernel image is available.*the CPU is used"):
        assert str(devices.torch_device()) == "cpu"


def test_a_gpu_that_computes_wrongly_is_passed_over(use: Any) -> None:
    torch = fake_torch({"cuda": [H200]})
    torch.ones = lambda _, device: FakeTensor(0.0 if device == "cuda" else 1.0)
    use("torch", torch)
    with pytest.warns(UserWarning, match="gave 1"):
        assert str(devices.torch_device()) == "cpu"


def test_the_real_torch_runs_where_we_say() -> None:
    import torch

    device = devices.torch_device("cpu")
    assert device == torch.device("cpu")
    assert torch.zeros(1, device=devices.torch_device()).device.type == devices.torch_device().type


@pytest.mark.parametrize("asked", ["cuda", "gpu", "CUDA", "rocm"])
def test_names_people_use_for_a_gpu(use: Any, asked: str) -> None:
    use("torch", fake_torch({"cuda": [H200]}))
    assert str(devices.torch_device(asked)) == "cuda"


def test_a_numbered_gpu(use: Any) -> None:
    use("torch", fake_torch({"cuda": [H200, H200]}))
    assert str(devices.torch_device("cuda:1")) == "cuda:1"


def test_the_environment_chooses_unless_the_call_does(
    use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("torch", fake_torch({"cuda": [H200]}))
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert str(devices.torch_device()) == "cpu"
    assert str(devices.torch_device("cuda")) == "cuda"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("cuda", "cannot use 'cuda' here.*course doctor"),
        ("warp", "'warp' is no device that PyTorch knows"),
        ("cuda:x", "is no device that PyTorch knows"),
        ("tpu", "torch_xla, which is not installed"),
    ],
)
def test_a_device_that_is_not_there_is_refused(use: Any, asked: str, message: str) -> None:
    use("torch", fake_torch())
    with pytest.raises(devices.DeviceError, match=message):
        devices.torch_device(asked)


def test_asking_for_a_gpu_that_cannot_compute_says_why(use: Any) -> None:
    use("torch", fake_torch({"cuda": [H200]}, broken=("cuda",)))
    with pytest.raises(devices.DeviceError, match=r"cannot compute on 'cuda'.*no kernel image"):
        devices.torch_device("cuda")


# --- tensorflow_device ---------------------------------------------------------------------


def fake_tensorflow(
    present: dict[str, int] | None = None,
    *,
    started: bool = False,
    growing: bool = False,
    details: dict[str, Any] | None = None,
    **build: bool,
) -> Any:
    """A stand-in for tensorflow with so many devices of each type; `started` froze its choices."""
    tf: Any = ModuleType("tensorflow")
    listed = [
        SimpleNamespace(name=f"/physical_device:{kind}:{i}", device_type=kind)
        for kind, count in {"CPU": 1, **(present or {})}.items()
        for i in range(count)
    ]
    tf.grown = []

    def set_memory_growth(gpu: Any, on: bool) -> None:
        if started:
            raise RuntimeError("Physical devices cannot be modified after being initialized")
        tf.grown.append((gpu.name, on))

    tf.__version__ = "2.21.0"
    tf.sysconfig = SimpleNamespace(get_build_info=lambda: build)
    tf.config = SimpleNamespace(
        list_physical_devices=lambda kind=None: [
            d for d in listed if kind is None or d.device_type == kind
        ],
        experimental=SimpleNamespace(
            set_memory_growth=set_memory_growth,
            get_memory_growth=lambda _: growing,
            get_device_details=lambda _: details or {},
        ),
    )
    return tf


@pytest.mark.parametrize(
    ("present", "asked", "expected"),
    [
        ({}, None, "/CPU:0"),
        ({"GPU": 2}, None, "/GPU:0"),
        ({"GPU": 2}, "gpu:1", "/GPU:1"),
        ({"GPU": 1}, "cuda", "/GPU:0"),
        ({"GPU": 1}, "cpu", "/CPU:0"),
        ({"XPU": 1}, None, "/XPU:0"),
    ],
)
def test_tensorflow_gets_the_best_device_or_the_one_asked_for(
    use: Any, present: dict[str, int], asked: str | None, expected: str
) -> None:
    use("tensorflow", fake_tensorflow(present))
    assert devices.tensorflow_device(asked) == expected


def test_every_gpu_grows_its_memory(use: Any) -> None:
    tf = fake_tensorflow({"GPU": 2})
    use("tensorflow", tf)
    devices.tensorflow_device()
    assert tf.grown == [("/physical_device:GPU:0", True), ("/physical_device:GPU:1", True)]


def test_a_tensorflow_that_has_started_gets_a_warning_with_the_way_out(use: Any) -> None:
    use("tensorflow", fake_tensorflow({"GPU": 1}, started=True))
    with pytest.warns(UserWarning, match="Restart the kernel and import course_utils"):
        devices.tensorflow_device()


def test_no_warning_when_the_memory_grows_already(use: Any) -> None:
    use("tensorflow", fake_tensorflow({"GPU": 1}, started=True, growing=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert devices.tensorflow_device() == "/GPU:0"


@pytest.mark.parametrize("asked", ["gpu", "gpu:1", "warp", "cpu:x"])
def test_tensorflow_refuses_what_is_not_there(use: Any, asked: str) -> None:
    use("tensorflow", fake_tensorflow())
    with pytest.raises(devices.DeviceError, match="TensorFlow"):
        devices.tensorflow_device(asked)


# --- what the operating system says ----------------------------------------------------------


def test_the_processor_of_this_machine() -> None:
    cpu = _hardware.processor()
    assert cpu.model
    assert 0 < cpu.usable_cores <= cpu.logical_cores
    assert 0 < cpu.memory_available <= cpu.memory


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_limits_the_cores() -> None:
    done = run_python("""
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        from course_utils.devices import _hardware
        print(_hardware.processor().usable_cores)
    """)
    assert float(done.stdout) == 1


def test_a_container_of_version_2_limits_cores_and_memory(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/pod/cpu.max": "150000 100000\n",  # the group above is the stricter one
            "sys/fs/cgroup/pod/box/cpu.max": "max 100000\n",
            "sys/fs/cgroup/pod/box/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/pod/memory.max": "max\n",
        },
    )
    assert _hardware.cgroup_limits(root) == (1.5, 2 * GIB)


def test_the_processor_is_described_within_its_containers_limits(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cpu.max": "50000 100000\n", "sys/fs/cgroup/memory.max": "1000000\n"}
    cpu = _hardware.processor(write(tmp_path, files))
    assert (cpu.usable_cores, cpu.memory, cpu.memory_available) == (0.5, 1_000_000, 1_000_000)


def test_a_container_of_version_1_limits_cores_and_memory(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n",
            "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert _hardware.cgroup_limits(root) == (2.0, GIB)


def test_no_container_no_limits(tmp_path: Path) -> None:
    assert _hardware.cgroup_limits(tmp_path) == (None, None)


linux_files = pytest.mark.skipif(sys.platform != "linux", reason="reads the files of Linux")


@linux_files
def test_gpus_are_found_by_their_pci_vendor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_hardware.shutil, "which", lambda _: None)
    pci = "sys/bus/pci/devices/0000:0"
    root = write(
        tmp_path,
        {
            f"{pci}1:00.0/class": "0x030000\n",
            f"{pci}1:00.0/vendor": "0x10de\n",
            f"{pci}1:00.0/device": "0x2684\n",
            f"{pci}2:00.0/class": "0x038000\n",
            f"{pci}2:00.0/vendor": "0x1002\n",
            f"{pci}2:00.0/device": "0x744c\n",
            f"{pci}2:00.0/mem_info_vram_total": f"{24 * GIB}\n",
            f"{pci}3:00.0/class": "0x020000\n",  # a network card of Intel
            f"{pci}3:00.0/vendor": "0x8086\n",
            f"{pci}4:00.0/class": "0x030000\n",  # the screen of a virtual machine
            f"{pci}4:00.0/vendor": "0x1234\n",
            "sys/drivers/amdgpu/x": "",
            "sys/module/amdgpu/version": "6.12.12\n",
        },
    )
    (root / f"{pci}2:00.0/driver").symlink_to(root / "sys/drivers/amdgpu")
    assert _hardware.graphics(root) == (
        Graphics("NVIDIA", "NVIDIA graphics (PCI 2684)", None, None),
        Graphics("AMD", "AMD graphics (PCI 744c)", 24 * GIB, "amdgpu 6.12.12"),
    )
    assert _hardware.nvidia_present(root)
    assert not _hardware.nvidia_present(tmp_path / "elsewhere")


@linux_files
def test_nvidia_smi_tells_name_memory_and_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/nvidia-smi"
    write(tmp_path, {"bin/nvidia-smi": "#!/bin/sh\necho 'NVIDIA H200, 143771, 570.86.15'\n"})
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    expected = (Graphics("NVIDIA", "NVIDIA H200", 143771 << 20, "570.86.15"),)
    assert _hardware.graphics(tmp_path / "nothing") == expected


@linux_files
def test_without_nvidia_smi_the_driver_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_hardware.shutil, "which", lambda _: None)
    version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\n"
    root = write(
        tmp_path,
        {
            "proc/driver/nvidia/version": version,
            "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t Tesla T4\nIRQ: 5\n",
        },
    )
    assert _hardware.graphics(root) == (Graphics("NVIDIA", "Tesla T4", None, "550.54.15"),)


# --- what the frameworks say -----------------------------------------------------------------


def test_pytorch_with_cuda_reports_every_card() -> None:
    report = _frameworks.torch_report(fake_torch({"cuda": [H200, H200]}, cuda="12.6"))
    assert report.backends == ("CUDA",)
    assert [a.device for a in report.accelerators] == ["cuda:0", "cuda:1"]
    assert report.accelerators[0] == Accelerator("CUDA", "cuda:0", "NVIDIA H200", 140 * GIB)


@pytest.mark.parametrize(
    ("torch", "kind", "memory", "driver"),
    [
        (fake_torch({"cuda": [H200]}, hip="6.4"), "ROCm", 140 * GIB, None),
        (fake_torch({"xpu": [ARC]}, xpu="20250302"), "XPU", 12 * GIB, "1.6.3"),
        (fake_torch(mps=True), "MPS", 11 * GIB, None),
    ],
)
def test_pytorch_reports_other_accelerators(
    torch: Any, kind: str, memory: int, driver: str | None
) -> None:
    report = _frameworks.torch_report(torch)
    assert report.backends == (kind,)
    (found,) = report.accelerators
    assert (found.kind, found.memory, found.driver) == (kind, memory, driver)


def test_pytorch_on_a_tpu(use: Any) -> None:
    runtime: Any = ModuleType("torch_xla.runtime")
    runtime.device_type = lambda: "TPU"
    xla: Any = ModuleType("torch_xla")
    xla.device_count, xla.device, xla.runtime = (lambda: 4), (lambda: "xla:0"), runtime
    use("torch_xla", xla)
    use("torch_xla.runtime", runtime)
    use("torch", fake_torch())
    found = _frameworks.torch_report(fake_torch()).accelerators
    assert [(a.kind, a.device) for a in found] == [("TPU", f"xla:{i}") for i in range(4)]
    assert str(devices.torch_device("tpu")) == "xla:0"


def test_tensorflow_reports_gpus_by_the_build_and_tpus_by_name() -> None:
    tf = fake_tensorflow({"GPU": 1, "TPU": 1}, is_cuda_build=True, details={"device_name": "T4"})
    report = _frameworks.tensorflow_report(tf)
    assert [(a.kind, a.device, a.name) for a in report.accelerators] == [
        ("CUDA", "/GPU:0", "T4"),
        ("TPU", "/TPU:0", "T4"),
    ]
    rocm = _frameworks.tensorflow_report(fake_tensorflow({"GPU": 1}, is_rocm_build=True))
    assert [a.kind for a in rocm.accelerators] == ["ROCm"]


def test_a_card_that_cannot_compute_is_a_problem_and_no_accelerator() -> None:
    torch = fake_torch({"cuda": [H200]}, cuda="12.6", broken=("cuda",))
    report = _frameworks.torch_report(torch)
    assert report.accelerators == ()
    assert report.problem is not None
    assert "no kernel image is available" in report.problem


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise ImportError('libcudart.so.12: cannot open shared object file')", "libcudart"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "lacks instructions"),
    ],
)
def test_a_framework_that_breaks_costs_a_line_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, problem: str
) -> None:
    write(tmp_path, {"torch/__init__.py": source})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    report = _frameworks.report("torch")
    assert report.version is None
    assert problem in str(report.problem)


def test_a_framework_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(_frameworks.importlib.util, "find_spec", lambda _: None)
    assert _frameworks.report("torch") == Framework("PyTorch", None, problem="it is not installed")


def test_a_report_survives_its_way_between_processes() -> None:
    from dataclasses import asdict

    report = _frameworks.torch_report(fake_torch({"cuda": [H200]}, cuda="12.6"))
    assert _frameworks.from_json(json.dumps(asdict(report))) == report


# --- why a GPU is not used -------------------------------------------------------------------

NVIDIA = Graphics("NVIDIA", "NVIDIA RTX 4090", 24 * GIB, "570.86")
AMD = Graphics("AMD", "AMD graphics (PCI 744c)", 24 * GIB, "amdgpu")
INTEL = Graphics("Intel", "Intel Arc", None, "xe")
APPLE = Graphics("Apple", "Apple M3", None, "macOS 15.1")
TPU = Graphics("Google", "Google TPU (PCI 0063)", None, "vfio-pci")
CPU_TORCH = Framework("PyTorch", "2.13.0+cpu")
CUDA_TORCH = Framework("PyTorch", "2.13.0", ("CUDA",))
CUDA_TF = Framework("TensorFlow", "2.21.0", ("CUDA",))
CPU_TF = Framework("TensorFlow", "2.21.0")


@pytest.mark.parametrize(
    ("card", "framework", "env", "platform", "reason"),
    [
        (NVIDIA, CPU_TORCH, {}, "linux", r"\+cpu is a CPU build\..*install the CUDA build"),
        (replace(NVIDIA, driver=None), CUDA_TORCH, {}, "linux", "no NVIDIA driver is loaded"),
        (replace(NVIDIA, driver="nouveau"), CUDA_TORCH, {}, "linux", "no NVIDIA driver is loaded"),
        (
            NVIDIA,
            CUDA_TORCH,
            {"CUDA_VISIBLE_DEVICES": ""},
            "linux",
            "CUDA_VISIBLE_DEVICES is empty, which hides it. Unset it",
        ),
        (NVIDIA, CUDA_TORCH, {"CUDA_VISIBLE_DEVICES": "-1"}, "linux", "is -1, which hides it"),
        (NVIDIA, CUDA_TORCH, {"CUDA_VISIBLE_DEVICES": "0"}, "linux", "In a container"),
        (
            NVIDIA,
            replace(CUDA_TORCH, problem="The NVIDIA driver on your system is too old"),
            {},
            "linux",
            "is too old. Install a newer driver",
        ),
        (AMD, CPU_TORCH, {}, "linux", "install the ROCm build"),
        (AMD, CPU_TORCH, {}, "win32", "ROCm build exists for Linux only"),
        (AMD, replace(CPU_TORCH, backends=("ROCm",)), {}, "linux", "/dev/kfd"),
        (INTEL, CPU_TORCH, {}, "linux", "install the XPU build"),
        (APPLE, replace(CPU_TORCH, backends=("MPS",)), {}, "darwin", "macOS 14"),
        (TPU, CPU_TORCH, {}, "linux", "Install the torch_xla"),
        (NVIDIA, CUDA_TF, {}, "linux", r"tensorflow\[and-cuda\]==2.21.0"),
        (NVIDIA, CPU_TF, {}, "win32", "no GPU build for Windows.*WSL 2"),
        (NVIDIA, CPU_TF, {}, "linux", "is a CPU build"),
        (APPLE, CPU_TF, {}, "darwin", "PyTorch can use this GPU"),
        (AMD, CUDA_TF, {}, "linux", "ROCm build"),
        (INTEL, CUDA_TF, {}, "linux", "no support for Intel graphics"),
        (TPU, CPU_TF, {}, "linux", "tensorflow-tpu"),
    ],
)
def test_why_a_gpu_is_not_used(
    card: Graphics, framework: Framework, env: dict[str, str], platform: str, reason: str
) -> None:
    (note,) = _report.why_unused((card,), (framework,), env, platform)
    assert note.startswith(f"{framework.name} does not use the {card.name}: ")
    import re

    assert re.search(reason, note), note


def test_a_gpu_in_use_or_a_framework_that_is_missing_needs_no_reason() -> None:
    used = replace(CUDA_TORCH, accelerators=(Accelerator("CUDA", "cuda:0", "NVIDIA RTX 4090"),))
    missing = Framework("TensorFlow", None, problem="it is not installed")
    assert list(_report.why_unused((NVIDIA,), (used, missing), {})) == []


def test_pytorchs_own_words_about_an_old_driver_reach_the_reader() -> None:
    torch = fake_torch(cuda="12.6", complaint="The NVIDIA driver is too old (found 11040). Update.")
    report = _frameworks.torch_report(torch)
    (note,) = _report.why_unused((NVIDIA,), (report,), {}, "linux")
    assert "The NVIDIA driver is too old (found 11040). Install a newer driver." in note


# --- the table -------------------------------------------------------------------------------


def description() -> _report.Description:
    cpu = Processor("A <fast> CPU", 4, 8, 1.5, 16 * GIB, 8 * GIB)
    card = replace(NVIDIA, name="NVIDIA H200", memory=140 * GIB)
    torch = _frameworks.torch_report(fake_torch({"cuda": [H200]}, cuda="12.6"))
    tf = replace(CPU_TF, accelerators=())
    found = tuple(_report.with_drivers(f, (card,)) for f in (torch, tf))
    return _report.Description(
        cpu, (card,), found, tuple(_report.why_unused((card,), found, {}, "linux"))
    )


def test_the_table_shows_everything_with_units() -> None:
    table = repr(description())
    for part in (
        "A <fast> CPU",
        "4 physical, 8 logical; this process may use 1.5",
        "16 GiB, 8 GiB of it free",
        "NVIDIA H200, 140 GiB, driver 570.86",
        "cuda:0: NVIDIA H200 (CUDA), 140 GiB, driver 570.86",
        "2.21.0, CPU build; runs on the processor",
        "TensorFlow does not use the NVIDIA H200",
    ):
        assert part in table
    lines = table.splitlines()
    assert {line[:12].strip() for line in lines} == {
        *("Processor", "Cores", "Memory", "Graphics", "PyTorch", "TensorFlow", "Note", "")
    }


def test_the_table_in_jupyter_is_escaped_and_has_row_headings() -> None:
    from xml.etree import ElementTree

    page = ElementTree.fromstring(description()._repr_html_().replace("<br>", "<br/>"))
    headings = [cell.text for cell in page.iter("th")]
    assert headings[0] == "Processor"
    assert all(cell.get("scope") == "row" for cell in page.iter("th"))
    assert next(page.iter("td")).text == "A <fast> CPU"


def test_a_description_is_json() -> None:
    data = json.loads(json.dumps(description().as_dict()))
    assert data["frameworks"][0]["accelerators"][0]["memory"] == 140 * GIB


@pytest.mark.parametrize(
    ("line", "nvidia", "noise"),
    [
        ("I0000 00:00:1795348266.7 6554 port.cc:153] oneDNN custom operations are on.", True, True),
        ("2025-01-01 10:00:00.123456: I tensorflow/core/util/port.cc:113] oneDNN", True, True),
        ("2025-01-01 10:00:00.123456: E tensorflow/core/util/port.cc:113] oneDNN", True, False),
        ("W0000 00:00:1795348266.7 6554 gpu_device.cc:1] GPU libraries missing", False, False),
        ("E0000 00:00:1 1 cuda_platform.cc:52] failed call to cuInit: UNKNOWN", False, True),
        ("E0000 00:00:1 1 cuda_platform.cc:52] failed call to cuInit: UNKNOWN", True, False),
        ("Traceback (most recent call last):", False, False),
    ],
)
def test_what_counts_as_noise(line: str, nvidia: bool, noise: bool) -> None:
    assert _quiet.is_noise(line, nvidia) is noise


def test_first_sentence() -> None:
    assert _choose.first_sentence("One thing\nhappened. Then another.") == "One thing happened"
    assert _choose.first_sentence(ValueError()) == "ValueError"
