"""Two small transformers in the same seconds: chapter 10's race, at full length, with five seeds.

    python tools/bench_text.py                    # five seeds of 2,000 steps; half an hour and more
    python tools/bench_text.py --seeds 1 --steps 600

The cells of the chapter run as they stand there; nothing is edited. The known configuration
(nanoGPT's small one for CPUs) takes `--steps` steps; the faster learner gets the same seconds, in
turns within one process, so that a busy machine disturbs both. Both are judged on the whole
validation text. A line of JSON for each seed, then the medians. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.bench_training import cell_source  # noqa: E402

# The cells that the race needs, in their order.
CELLS = (
    "attend",
    "heads",
    "rotary",
    "text-data",
    "text-block",
    "text-model",
    "text-start",
    "text-learner",
    "text-known",
    "text-fast",
    "text-nats",
    "text-race",
)


def chapter() -> dict[str, Any]:
    """Return the names that the chapter's cells define."""
    from course_utils import datasets

    import numpy as np
    import torch

    names: dict[str, Any] = {
        "datasets": datasets,
        "F": torch.nn.functional,
        "math": math,
        "nn": torch.nn,
        "np": np,
        "time": time,
        "torch": torch,
    }
    for cell in CELLS:
        exec(compile(cell_source("10", cell), cell, "exec"), names)
    return names


def run(names: dict[str, Any], seed: int, steps: int) -> dict[str, float]:
    """Return nats per character, seconds and steps of one race."""
    known, fast = names["known_learner"](seed), names["fast_learner"](seed)
    known_seconds, fast_seconds = names["race"](known, fast, steps)
    nats = names["nats_per_character"]
    return {
        "seed": seed,
        "known_nats": nats(known.model, names["val_text"]),
        "known_seconds": known_seconds,
        "known_steps": known.steps,
        "fast_nats": nats(fast.model, names["val_text"]),
        "fast_seconds": fast_seconds,
        "fast_steps": fast.steps,
    }


def main() -> None:
    """Run the races and print what they cost and reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=5, help="how many (default 5)")
    parser.add_argument("--steps", type=int, default=2000, help="of the known one (default 2000)")
    options = parser.parse_args()
    names = chapter()
    runs = []
    for seed in range(options.seeds):
        runs.append(run(names, seed, options.steps))
        print(json.dumps(runs[-1]), flush=True)
    medians = {key: statistics.median(r[key] for r in runs) for key in runs[0] if key != "seed"}
    print("medians", json.dumps(medians))


if __name__ == "__main__":
    main()
