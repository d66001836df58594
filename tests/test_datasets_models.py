"""Files of trained models among the data sets: bytes handed over, never run."""

from __future__ import annotations

import struct
from pathlib import Path

from course_utils import datasets
from course_utils.datasets import cache, registry
from course_utils.datasets.entries import smollm2
from course_utils.datasets.sources import PythonPackage

import numpy as np
import pytest

ENTRY = registry.find("smollm2")


def test_a_model_file_is_kept_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "gguf").write_bytes(b"GGUF" + bytes(range(256)))
    arrays = smollm2._decode({"gguf": tmp_path / "gguf"})
    assert arrays["gguf"].tobytes() == b"GGUF" + bytes(range(256))
    split = ENTRY.split_with(arrays, {})
    assert split.file_bytes.dtype == np.uint8 and len(split.file_bytes) == 260
    assert len(split.X_train) == 0 and len(split.y_test) == 0


def test_another_file_in_place_of_the_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gguf").write_bytes(b"<html>login</html>")
    with pytest.raises(ValueError, match="does not begin with the letters GGUF"):
        smollm2._decode({"gguf": tmp_path / "gguf"})


def test_the_model_comes_out_of_one_pinned_wheel_as_data_only() -> None:
    source = ENTRY.sources[0]
    assert isinstance(source, PythonPackage) and len(source.sha256) == 64
    assert all(path.endswith(".gguf") for path in source.members.values())


def test_other_data_sets_have_no_file() -> None:
    assert len(datasets.load("digits").file_bytes) == 0


@pytest.mark.slow
@pytest.mark.skipif(not cache.present(ENTRY), reason="course data fetch smollm2 (93 MB)")
def test_the_model_has_the_tensors_that_its_entry_says() -> None:
    head = datasets.load("smollm2").file_bytes[:24].tobytes()
    assert struct.unpack("<4sIQQ", head) == (b"GGUF", 3, 272, 33)
