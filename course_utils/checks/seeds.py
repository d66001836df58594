"""Fresh random inputs for every run, and a way to repeat a run exactly."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .scope import Scope

VARIABLE = "COURSE_CHECK_SEED"


@dataclass
class State:
    """What the checks of one task remember: the seed of its inputs and the last call."""

    title: str = ""
    seed: int | None = None
    drawn: int = 0
    # each generator that was handed out, and how it stood then
    generators: list[tuple[np.random.Generator, str]] = field(default_factory=list)
    # (name, pristine copy) of the array arguments of the last checks.call, for suspicions
    arguments: list[tuple[str, Any]] = field(default_factory=list)
    # the notebook's names, where the task stands in a cell
    scope: Scope | None = None

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which a learner's code runs: without the check's variables."""
        return self.scope.aside() if self.scope else contextlib.nullcontext()


_states: list[State] = [State()]


def current() -> State:
    """Return the state of the task that is running (or the one outside of all tasks)."""
    return _states[-1]


def enter() -> None:
    """Begin a task: new seed, nothing drawn."""
    _states.append(State())


def leave() -> None:
    """End a task."""
    if len(_states) > 1:
        _states.pop()


def _new_seed() -> int:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return secrets.randbelow(10**6)
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if seed < 0:
        raise ValueError(
            f"{VARIABLE} is {text!r}; it must be a whole number from 0 up. Unset it for fresh "
            "random inputs."
        )
    return seed


def rng() -> np.random.Generator:
    """Return a random generator for the inputs of this check.

    Every run draws other numbers, so that an answer cannot be fitted to the ones it has seen. The
    seed is drawn once per task and printed in every failure; setting the environment variable
    COURSE_CHECK_SEED to it repeats the run. It does not touch NumPy's global generator.

    >>> z = rng().normal(size=(5, 3))
    >>> z.shape
    (5, 3)
    """
    state = current()
    if state.seed is None:
        state.seed = _new_seed()
    state.drawn += 1
    made = np.random.default_rng([state.seed, state.drawn])
    state.generators.append((made, repr(made.bit_generator.state)))
    return made


def note() -> str:
    """Return the line that tells how to repeat the inputs, empty when none were drawn yet."""
    state = current()
    if not any(repr(made.bit_generator.state) != before for made, before in state.generators):
        return ""
    return (
        f"(Inputs were drawn with seed {state.seed}; to repeat them run "
        f"`%env {VARIABLE}={state.seed}` in a cell.)"
    )
