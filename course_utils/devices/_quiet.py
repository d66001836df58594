"""Keep TensorFlow's start-up chatter out of notebooks, and nothing else.

TensorFlow's C++ part writes a dozen informational lines to file descriptor 2 before any logging
setting is read, so `TF_CPP_MIN_LOG_LEVEL` does not stop them. While it starts, a small process
reads that descriptor and passes on every line that is not one of them. A process, not a thread:
loading the library holds Python's lock, and when the processor is too old for TensorFlow it
aborts, after a message that must still arrive.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NOISE = (
    r"WARNING: All log messages before absl::InitializeLog\(\) is called",
    r"I\d{4} \d\d:\d\d:",  # absl: severity I, informational
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: I tensorflow/",  # the same in the older format
    r"To enable the following instructions: ",  # second line of an informational message
)
# On a machine with no NVIDIA GPU this "error" only says so.
NO_GPU_NOISE = (r"[EWI]\d{4} .*(failed call to cuInit|Could not find cuda drivers)",)

_FILTER = """
import re, sys
noise = re.compile(sys.argv[1])
for line in sys.stdin.buffer:
    if not noise.match(line.decode("utf-8", "replace")):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def noise_pattern(nvidia_present: bool) -> str:
    """Return the regular expression that matches the start of a line to drop."""
    return "|".join(NOISE if nvidia_present else NOISE + NO_GPU_NOISE)


def is_noise(line: str, nvidia_present: bool = False) -> bool:
    """Say whether `line` is one of TensorFlow's informational start-up lines."""
    return re.match(noise_pattern(nvidia_present), line) is not None


@contextmanager
def quiet_stderr(nvidia_present: bool = False) -> Iterator[None]:
    """Drop the known noise from file descriptor 2; where that cannot be done, do nothing."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, ValueError):
        yield
        return
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _FILTER, noise_pattern(nvidia_present)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=saved,
            start_new_session=True,  # Ctrl-C is for the notebook; this one ends with its input
        )
    except (OSError, ValueError):
        os.close(saved)
        yield
        return
    assert process.stdin is not None
    os.dup2(process.stdin.fileno(), 2)
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
