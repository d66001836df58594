"""The book's page on the checks, made from their docstrings: `page()` returns it as MyST text."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from typing import Any

GROUPS: dict[str, tuple[str, ...]] = {
    "A task, its inputs, its functions": (
        "task",
        "task.part",
        "rng",
        "function",
        "call",
        "deterministic",
    ),
    "Values": ("array", "items", "number", "close", "equal", "at_least", "at_most", "that"),
    "Gradients": ("gradient", "differentiable"),
    "Probabilities and random numbers": ("sums_to_one", "distribution"),
    "What must not change": (
        "permutation_invariant",
        "permutation_equivariant",
        "shift_invariant",
        "shift_equivariant",
        "batch_independent",
        "causal",
    ),
    "Models and training": (
        "parameter_count",
        "training_step",
        "overfits_batch",
        "frameworks_agree",
    ),
    "Results": ("saved_result", "quality"),
    "What a failed check raises": ("CheckFailed",),
}
"""The public names in the order of the page."""

_FAILED = "course_utils.checks.CheckFailed: "


def signature(thing: Any, name: str) -> str:
    """Return how something is called, without its types: `close(got, want, rtol=1e-06)`."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return f"{name}(message)"
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]
    return f"{name}{found.replace(parameters=plain, return_annotation=inspect.Signature.empty)}"


def parts(thing: Any) -> tuple[str, str, str, str]:
    """Return a docstring's first sentence, its other text, its examples and a typical message."""
    text = inspect.getdoc(thing) or ""
    pieces = doctest.DocTestParser().parse(text)
    prose = "".join(piece for piece in pieces if isinstance(piece, str)).strip()
    first, _, rest = prose.partition("\n\n")
    shown: list[str] = []
    message = ""
    for piece in pieces:
        if isinstance(piece, str):
            continue
        failed = piece.exc_msg is not None
        lines = piece.source.rstrip("\n").split("\n")
        shown += [f"{'>>>' if place == 0 else '...'} {line}" for place, line in enumerate(lines)]
        if failed and not message:
            message = str(piece.exc_msg).strip()
        elif not failed and piece.want:
            shown += piece.want.rstrip("\n").split("\n")
    message = re.sub(r"^[\w.]+: ", "", message).replace("...", "…")
    return " ".join(first.split()), rest.strip(), "\n".join(shown), message


def entry(name: str) -> str:
    """Return the page's section on one public name."""
    thing: Any = importlib.import_module("course_utils.checks")
    for part in name.split("."):
        thing = getattr(thing, part)
    first, rest, example, message = parts(thing)
    lines = [f"(checks-{re.sub('[_.]', '-', name).lower()})=", f"### {name}", ""]
    lines += ["```python", f"checks.{signature(thing, name)}", "```", "", first, ""]
    if rest:
        lines += [rest, ""]
    lines += ["```pycon", example, "```", ""]
    if message:
        lines += ["A typical message:", "", *(f"> {line}" for line in message.split("\n")), ""]
    return "\n".join(lines)


def page() -> str:
    """Return the reference of all public names, grouped, as MyST text."""
    found = []
    for title, names in GROUPS.items():
        found += [f"## {title}", "", *(entry(name) for name in names)]
    return "\n".join(found)
