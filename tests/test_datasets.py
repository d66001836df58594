"""The registry, `load`, the cache and the IDX format: what needs no network."""

from __future__ import annotations

import dataclasses
import gzip
import io
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

from course_utils import datasets
from course_utils.datasets import cache, content, idx, progress, registry
from course_utils.datasets.content import ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import Bundled, Urls

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

ENTRIES = list(registry.entries().values())
BUNDLED = [entry for entry in ENTRIES if entry.bundled]
FETCHED = [entry for entry in ENTRIES if not entry.bundled]


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def named(entries: list[Entry]) -> dict[str, object]:
    return {"argvalues": entries, "ids": [entry.name for entry in entries]}


# --- the registry -----------------------------------------------------------------------------


def test_the_registry_holds_the_first_five_data_sets() -> None:
    assert {"digits", "breast-cancer", "moons", "mnist", "fashion-mnist"} <= set(registry.entries())


@pytest.mark.parametrize("entry", **named(ENTRIES))
def test_every_entry_is_complete(entry: Entry) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.name)
    assert entry.title and entry.licence
    assert len(entry.description) > 80 and entry.description.endswith(".")
    assert re.search(r"\b(19|20)\d\d\b", entry.citation), "a citation has a year"
    assert entry.homepage.startswith("http")
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.arrays and entry.stored_size > 0
    for spec in entry.arrays.values():
        assert np.dtype(spec.dtype).kind in "iufbU", "arrays hold plain values, never objects"


@pytest.mark.parametrize("entry", **named(ENTRIES))
def test_every_entry_can_be_had_from_somewhere(entry: Entry) -> None:
    assert entry.sources
    if entry.bundled:
        assert entry.download_size == 0
    else:
        assert all(source.size > 0 for source in entry.sources)
        webs = [source for source in entry.sources if isinstance(source, Urls)]
        assert webs, "a fetched data set has a canonical address"
        assert len(entry.sources) >= 2, "a fetched data set has a second source"


def test_no_two_entries_share_a_file() -> None:
    paths = [cache.path(entry) for entry in ENTRIES]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("entry", **named(BUNDLED))
def test_bundled_content_has_the_hash_of_the_registry(entry: Entry) -> None:
    assert content.mismatch(cache.read(entry), entry.arrays) is None
    cache.verify(entry)


def test_a_bundled_package_with_other_data_is_reported() -> None:
    entry = dataclasses.replace(registry.find("digits"), sha256="0" * 64)
    with pytest.raises(datasets.DataCorrupt, match=r"reinstall scikit-learn"):
        cache.verify(entry)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mnits", "mnist"),
        ("MNIST", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("digit", "digits"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(datasets.UnknownDataset, match=f"did you mean '{meant}'"):
        datasets.load(typed)


def test_a_name_like_no_other_lists_all() -> None:
    with pytest.raises(
        datasets.UnknownDataset, match="The course has adult, breast-cancer"
    ) as caught:
        datasets.load("xyzzy")
    assert "did you mean" not in str(caught.value)


# --- load -------------------------------------------------------------------------------------


def test_digits_are_as_documented() -> None:
    digits = datasets.load("digits")
    assert digits.X_train.shape == (1437, 8, 8) and digits.X_test.shape == (360, 8, 8)
    assert digits.X_train.dtype == np.float32 and digits.y_train.dtype == np.int64
    assert digits.X_train.min() == 0 and digits.X_train.max() == 1
    assert digits.target_names == tuple("0123456789")


def test_breast_cancer_codes_malignant_as_one() -> None:
    cancer = datasets.load("breast-cancer")
    y = np.concatenate([cancer.y_train, cancer.y_test])
    assert cancer.X_train.shape == (455, 30) and cancer.X_train.dtype == np.float64
    assert (y == 1).sum() == 212 and (y == 0).sum() == 357
    assert cancer.target_names[1] == "malignant"
    radius = cancer.feature_names.index("mean radius")
    means = [cancer.X_train[cancer.y_train == label, radius].mean() for label in (0, 1)]
    assert means[1] > means[0], "malignant nuclei are larger"


def test_feature_names_of_breast_cancer_agree_with_scikit_learn() -> None:
    from sklearn.datasets import load_breast_cancer

    assert datasets.load("breast-cancer").feature_names == tuple(load_breast_cancer().feature_names)


def test_moons_take_options() -> None:
    few = datasets.load("moons", n=50, noise=0.0, seed=3)
    assert few.X_train.shape == (40, 2) and few.X_test.shape == (10, 2)
    upper = few.X_train[few.y_train == 0]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1.0)  # no noise: on the circle


def test_moons_depend_on_the_seed_only() -> None:
    first, again, other = (datasets.load("moons", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.X_train, again.X_train)
    assert not np.array_equal(first.X_train, other.X_train)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("digits", {"n": 5}, "digits does not take the option n; it takes no options."),
        ("moons", {"size": 5}, "it takes the options n, noise, seed."),
        ("moons", {"n": 4}, "at least 10 points"),
        ("moons", {"noise": -1}, "noise of 0 or more"),
    ],
)
def test_a_wrong_option_is_explained(name: str, options: dict[str, float], sentence: str) -> None:
    with pytest.raises(datasets.BadOption, match=re.escape(sentence)):
        datasets.load(name, **options)


PINNED_TEST_SPLITS = {  # content_hash of X_test and y_test, six decimals
    "digits": "44bc94969ff04e9991ddf5adbf04138664a89d8ce16bb206fa9f16382f861bfd",
    "breast-cancer": "dfcea58b68f80b290437cb31bdf5d81bd224883032266551ef7899a94efeaae7",
    "moons": "ea1287d58a211af0d7cda9eae4d3fdedfb0f3d6395299ad3ccfa047c07105107",
}


@pytest.mark.parametrize("name", PINNED_TEST_SPLITS)
def test_the_split_never_changes(name: str) -> None:
    data = datasets.load(name)
    found = content.content_hash({"X_test": data.X_test, "y_test": data.y_test}, decimals=6)
    assert found == PINNED_TEST_SPLITS[name]


@pytest.mark.parametrize("name", PINNED_TEST_SPLITS)
def test_the_split_keeps_every_example_and_every_class_in_proportion(name: str) -> None:
    data = datasets.load(name)
    y = cache.read(registry.find(name))["y"]
    together = np.concatenate([data.y_train, data.y_test])
    assert np.array_equal(np.bincount(together), np.bincount(y))
    assert len(data.X_train) == len(data.y_train) and len(data.X_test) == len(data.y_test)
    np.testing.assert_allclose(np.bincount(data.y_test) / np.bincount(y), 0.2, atol=0.02)


@pytest.mark.parametrize("entry", **named(FETCHED))
def test_data_that_are_not_here_say_how_to_get_them(entry: Entry) -> None:
    with pytest.raises(datasets.DataNotFound) as caught:
        datasets.load(entry.name)
    sentence = str(caught.value)
    assert f"course data fetch {entry.name}" in sentence
    assert progress.size_text(entry.download_size) in sentence
    assert "\n" not in sentence


def test_load_never_downloads_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("load went to the network")

    monkeypatch.setattr("course_utils.datasets.fetch.fetch", forbidden)
    with pytest.raises(datasets.DataNotFound):
        datasets.load("mnist")
    with pytest.raises(AssertionError, match="went to the network"):
        datasets.load("mnist", fetch=True)


def test_a_notebook_shows_the_sentence_without_a_traceback() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shown: list[str] = []
    shell._showtraceback = lambda kind, value, lines: shown.extend(lines)  # type: ignore[method-assign]
    shell.run_cell("from course_utils import datasets; datasets.load('mnist')")
    assert len(shown) == 1 and shown[0].startswith("DataNotFound: MNIST is not on this computer")


def test_importing_datasets_imports_nothing_heavy() -> None:
    program = (
        "import sys; from course_utils import datasets; "
        "print([m for m in ('sklearn', 'requests', 'rich', 'torch', 'pandas') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert output.stdout.strip() == "[]", output.stderr


# --- the cache --------------------------------------------------------------------------------


def stored(arrays: dict[str, np.ndarray], name: str = "made") -> Entry:
    """Return an entry for `arrays`, with the arrays in the cache."""
    entry = Entry(
        name=name,
        title="Made",
        description="",
        licence="",
        citation="",
        homepage="",
        arrays={key: ArraySpec(a.shape, a.dtype.name) for key, a in arrays.items()},
        sha256=content.content_hash(arrays),
        sources=(Urls("http://127.0.0.1:9/", {}, size=1000),),
        split=lambda arrays: Split(*(arrays[key] for key in ("X", "y", "X", "y"))),
    )
    cache.folder().mkdir(parents=True, exist_ok=True)
    cache.write(entry, arrays)
    return entry


def test_what_is_written_is_read_and_can_be_changed() -> None:
    entry = stored({"X": np.arange(6.0).reshape(2, 3), "y": np.array([1, 0])})
    arrays = cache.read(entry)
    assert np.array_equal(arrays["X"], [[0, 1, 2], [3, 4, 5]])
    arrays["X"][0, 0] = 9  # the reader's copy, not the cache
    assert cache.read(entry)["X"][0, 0] == 0


def damage(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    if how == "one bit":
        data[len(data) // 2] ^= 1
    elif how == "cut off":
        del data[len(data) // 2 :]
    elif how == "empty":
        data.clear()
    elif how == "a pickle":
        data[:] = b"\x80\x04\x95cos\nsystem\n(S'touch harmed'\ntR."
    file.write_bytes(data)


@pytest.mark.parametrize("how", ["one bit", "cut off", "empty", "a pickle"])
def test_damage_is_found_at_load_and_named(how: str) -> None:
    entry = stored({"X": np.zeros((100, 100)), "y": np.zeros(100, dtype=np.int64)})
    damage(cache.path(entry), how)
    with pytest.raises(datasets.DataCorrupt, match=r"is damaged .* `course data fetch made`"):
        cache.read(entry)


def test_a_file_with_other_arrays_is_refused() -> None:
    entry = stored({"X": np.zeros((2, 2)), "y": np.zeros(2)})
    np.savez(cache.path(entry), X=np.zeros((2, 3)), y=np.zeros(2))
    with pytest.raises(datasets.DataCorrupt, match=r"its X is float64 \(2, 3\), not float64"):
        cache.read(entry)


def test_a_file_with_objects_is_refused() -> None:
    entry = stored({"X": np.zeros((2, 2)), "y": np.zeros(2)})
    np.savez(cache.path(entry), X=np.array([{}, []], dtype=object), y=np.zeros(2))
    with pytest.raises(datasets.DataCorrupt, match="allow_pickle"):
        cache.read(entry)


def test_verify_finds_a_forged_copy_that_load_cannot() -> None:
    entry = stored({"X": np.zeros((2, 2)), "y": np.zeros(2)})
    np.savez(cache.path(entry), X=np.ones((2, 2)), y=np.zeros(2))
    cache.read(entry)
    with pytest.raises(datasets.DataCorrupt, match="its sha256 is"):
        cache.verify(entry)


def test_a_failed_write_leaves_nothing_and_keeps_the_old_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrays = {"X": np.zeros((2, 2)), "y": np.zeros(2)}
    entry = stored(arrays)
    before = cache.path(entry).read_bytes()

    def full(file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        cache.write(entry, arrays)
    assert cache.path(entry).read_bytes() == before
    assert [file.name for file in cache.folder().iterdir()] == [cache.path(entry).name]


def test_the_file_has_its_name_only_when_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"X": np.zeros((2, 2)), "y": np.zeros(2)}
    entry = stored(arrays)
    whole = cache.path(entry).read_bytes()
    cache.path(entry).unlink()
    steps: list[str] = []

    def sync(descriptor: int) -> None:
        assert not cache.path(entry).exists(), "the name appeared before the bytes were on disk"
        steps.append("sync")

    def replace(self: Path, target: Path) -> Path:
        assert not target.exists() and self.read_bytes() == whole
        steps.append("rename")
        return self

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    cache.write(entry, arrays)
    assert steps[:2] == ["sync", "rename"]


def test_the_cache_stores_uncompressed_arrays_under_the_hash() -> None:
    entry = stored({"X": np.zeros((2, 2)), "y": np.zeros(2)})
    assert entry.sha256[:16] in cache.path(entry).name
    with zipfile.ZipFile(cache.path(entry)) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_course_data_chooses_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "elsewhere"))
    assert cache.folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("COURSE_DATA")
    assert cache.folder().name == "data" and "build-deep" in cache.folder().parts


# --- the fingerprint --------------------------------------------------------------------------


def test_the_hash_ignores_order_layout_and_byte_order() -> None:
    X, y = np.arange(12.0).reshape(3, 4), np.arange(3)
    want = content.content_hash({"X": X, "y": y})
    assert content.content_hash({"y": y, "X": np.asfortranarray(X)}) == want
    assert content.content_hash({"X": X.astype(">f8"), "y": y.astype(">i8")}) == want


@pytest.mark.parametrize(
    "other",
    [
        {"X": np.arange(12.0).reshape(4, 3)},
        {"X": np.arange(12.0).reshape(3, 4).astype("float32")},
        {"Z": np.arange(12.0).reshape(3, 4)},
        {"X": np.arange(12.0).reshape(3, 4) + 1e-15},
        {"X": np.arange(12.0).reshape(3, 4), "y": np.zeros(0)},
    ],
    ids=["shape", "dtype", "name", "one bit of a value", "one more array"],
)
def test_the_hash_sees_every_difference(other: dict[str, np.ndarray]) -> None:
    this = {"X": np.arange(12.0).reshape(3, 4)}
    assert content.content_hash(this) != content.content_hash(other)


def test_rounding_forgives_the_last_bit_and_the_sign_of_zero() -> None:
    a = content.content_hash({"X": np.array([0.1 + 0.2, 0.0])}, decimals=6)
    assert a == content.content_hash({"X": np.array([0.3, -0.0])}, decimals=6)
    assert a != content.content_hash({"X": np.array([0.30001, 0.0])}, decimals=6)


# --- IDX --------------------------------------------------------------------------------------

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}
idx_arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda code: hnp.arrays(code, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


def encode(array: np.ndarray, code: int) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.tobytes()


def code_of(array: np.ndarray) -> int:
    return CODES[array.dtype.str.lstrip("|").replace("<", ">")]


@settings(deadline=None)
@given(idx_arrays)
def test_idx_round_trip(array: np.ndarray) -> None:
    back = idx.parse(encode(array, code_of(array)))
    assert back.shape == array.shape and back.dtype.isnative
    np.testing.assert_array_equal(back, array)


@settings(deadline=None)
@given(idx_arrays, st.data())
def test_idx_refuses_every_truncation(array: np.ndarray, data: st.DataObject) -> None:
    whole = encode(array, code_of(array))
    keep = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(idx.IdxError):
        idx.parse(whole[:keep])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_idx_answers_any_bytes_with_an_array_or_an_idx_error(data: bytes) -> None:
    try:
        assert isinstance(idx.parse(data), np.ndarray)
    except idx.IdxError as error:
        assert str(error)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 255), st.lists(st.sampled_from([0, 1, 2**16, 2**32 - 1]), max_size=255))
def test_idx_survives_absurd_headers(ndim: int, sizes: list[int]) -> None:
    header = struct.pack(f">HBB{len(sizes)}I", 0, 8, ndim, *sizes)
    try:
        assert isinstance(idx.parse(header), np.ndarray)
    except idx.IdxError as error:
        assert str(error)


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "raw"])
def test_idx_reads_compressed_and_raw_files(tmp_path: Path, pack: type[bytes]) -> None:
    array = np.arange(24, dtype="u1").reshape(2, 3, 4)
    (tmp_path / "file").write_bytes(pack(encode(array, 8)))
    np.testing.assert_array_equal(idx.read(tmp_path / "file"), array)


@pytest.mark.parametrize("keep", [2, 12, 40])
def test_idx_names_a_truncated_gzip_file(tmp_path: Path, keep: int) -> None:
    whole = gzip.compress(encode(np.random.default_rng(0).integers(0, 9, 99).astype("u1"), 8))
    (tmp_path / "labels.gz").write_bytes(whole[:keep])
    with pytest.raises(idx.IdxError, match=r"labels\.gz cannot be decompressed"):
        idx.read(tmp_path / "labels.gz")


def test_idx_stops_at_a_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "LARGEST", 10_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1_000_000)))
    with pytest.raises(idx.IdxError, match="larger than 10,000 bytes"):
        idx.read(tmp_path / "bomb.gz")


# --- small things -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (11_496_804, "11.5 MB")]
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    assert progress.size_text(size) == text


class Notebook(io.StringIO):
    """A stream as ipykernel puts it in the place of stderr."""


Notebook.__module__ = "ipykernel.iostream"


def test_a_notebook_shows_progress_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Notebook()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.shown("MNIST from somewhere", 2_000_000) as report:
        for done in range(0, 2_000_001, 1000):
            report(done)
    lines = stream.getvalue().split("\r")
    assert lines[-1] == "MNIST from somewhere: 2.0 MB of 2.0 MB   \n"
    assert len(lines) < 20, "not a line for each of 2,001 reports"


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress.shown("MNIST from somewhere", 2_000_000) as report:
        report(1_000_000)
    assert "MNIST from somewhere" in stream.getvalue() and "1.0/2.0 MB" in stream.getvalue()


def test_a_log_file_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.shown("MNIST from somewhere", 2_000_000) as report:
        report(1_000_000)
    assert stream.getvalue() == ""


def test_a_bundled_source_names_its_package() -> None:
    assert str(Bundled("scikit-learn", lambda: {})) == "bundled with scikit-learn"
