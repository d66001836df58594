"""Checks on functions: defined with these parameters, called without side effects."""

from __future__ import annotations

import inspect
import linecache
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from . import seeds
from .data import copied, kind_of, same, size_of
from .failures import CheckFailed, fail, not_written, sentence

_HERE = str(Path(__file__).resolve().parent)
_COURSE = str(Path(_HERE).parent)


def is_ours(filename: str) -> bool:
    """Tell whether a file belongs to this package."""
    return filename.startswith(_HERE)


def _caller() -> FrameType | None:
    """Return the frame of the cell that called a check."""
    frame = inspect.currentframe()
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def name_of(value: Any, fallback: str = "the function") -> str:
    """Return the name by which the cell that runs knows this object."""
    try:
        own = getattr(value, "__name__", None)
    except Exception:
        own = None
    own = own if isinstance(own, str) else None
    if (frame := _caller()) is not None:
        names: list[str] = []
        for scope in (frame.f_locals, frame.f_globals):
            names += [
                name
                for name, found in list(scope.items())
                if found is value and isinstance(name, str) and not name.startswith("_")
            ]
        if own in names:
            return str(own)
        if names and value is not None:
            return names[0]
    return own if own and own.isidentifier() else fallback


def function(f: Any, parameters: Sequence[str] | None = None, name: str | None = None) -> None:
    """Check that `f` is a function that takes these parameters.

    They may have other names, as long as the function can be called with so many arguments in
    this order; those after a "*" are given by name. What cannot be inspected is taken as it is.

    >>> def sigmoid(z): ...
    >>> function(sigmoid, parameters=["z"])
    >>> function(sigmoid, parameters=["X", "w"])
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `sigmoid` takes (z), expected (X, w): keep the \
first line of the function as it was given.
    """
    name = name or name_of(f, "this name")
    if not callable(f):
        fail(
            f"`{name}` is {kind_of(f)}, expected a function: keep the line that begins with `def`, "
            "and do not use its name for something else."
        )
    if parameters is None:
        return
    try:
        signature = inspect.signature(f)
    except Exception:  # a ufunc, a built-in, an object that answers oddly
        return
    split = list(parameters).index("*") if "*" in parameters else len(parameters)
    placed, named = list(parameters[:split]), list(parameters[split + 1 :])
    try:
        signature.bind(*placed, **dict.fromkeys(named))
    except TypeError:
        taken = ", ".join(str(p).split(":")[0].strip() for p in signature.parameters.values())
        fail(
            f"`{name}` takes ({taken}), expected ({', '.join(parameters)}): keep the first line of "
            "the function as it was given."
        )


def call(f: Callable[..., Any], *args: Any, inplace_ok: bool = False, **kwargs: Any) -> Any:
    """Call a learner's function with copies of the arguments and return what it returns.

    Fails when the function changed an argument in place (unless `inplace_ok`), and when it stopped
    with an error: then with a sentence that names the function, the arguments' shapes and the
    line. A function that is not written yet raises NotImplementedError with a clear message.

    >>> call(lambda x: x + 1, 2)
    3
    >>> def double(x):
    ...     x *= 2
    ...     return x
    >>> call(double, np.ones(3))
    Traceback (most recent call last):
    ...
    course_utils.checks.CheckFailed: `double` changed its argument `x` in place: whoever \
called it finds other numbers there afterwards. Write `x = x * 2` rather than `x *= 2`, or begin \
with a copy.
    """
    return guarded(f, args, kwargs, f, inplace_ok)


def guarded(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    do: Callable[..., Any],
    inplace_ok: bool = False,
) -> Any:
    """Return `do(*args, **kwargs)`, which calls the learner's `f` with them, as `call` does."""
    if not callable(f):
        function(f)
    names = _argument_names(f, len(args)) + list(kwargs)
    given = [*args, *kwargs.values()]
    before = [copied(value) for value in given]
    passed = [copied(value) for value in given]
    seeds.current().arguments = list(zip(names, before, strict=True))
    try:
        with seeds.current().aside():
            result = do(*passed[: len(args)], **dict(zip(kwargs, passed[len(args) :], strict=True)))
    except (KeyboardInterrupt, CheckFailed):
        raise
    except NotImplementedError as error:
        raise unwritten(name_of(f), error) from None
    except BaseException as error:
        fail(stopped(_described(f, names, before, len(args)), error))
    if not inplace_ok:
        for label, old, new in zip(names, before, passed, strict=True):
            if not same(old, new):
                cure = "Begin with a copy of it."
                if isinstance(old, dict):
                    cure = (
                        "Return a new dictionary, and write neither into this one nor into the "
                        "arrays in it."
                    )
                elif label.isidentifier():
                    cure = (
                        f"Write `{label} = {label} * 2` rather than `{label} *= 2`, or begin with "
                        "a copy."
                    )
                fail(
                    f"`{name_of(f)}` changed its argument `{label}` in place: whoever called it "
                    f"finds other numbers there afterwards. {cure}"
                )
    return result


def _argument_names(f: Any, count: int) -> list[str]:
    """Return the names of the first `count` positional parameters, as far as they are known."""
    names: list[str] = []
    try:
        for parameter in inspect.signature(f).parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
    except Exception:
        names = []
    names = names[:count]
    return names + [f"argument {number + 1}" for number in range(len(names), count)]


def _described(f: Any, names: list[str], values: list[Any], placed: int) -> str:
    """Write the call: “`sigmoid(z)` with z of shape (5, 3)”."""
    shown = [label if number < placed else f"{label}={label}" for number, label in enumerate(names)]
    sizes = [
        f"{label} {size}"
        for label, value in zip(names, values, strict=True)
        if (size := size_of(value))
    ]
    text = f"`{name_of(f)}({', '.join(shown)})`"
    if not sizes:
        return text
    listed = sizes[0] if len(sizes) == 1 else ", ".join(sizes[:-1]) + " and " + sizes[-1]
    return f"{text} with {listed}"


def unwritten(name: str, error: NotImplementedError) -> NotImplementedError:
    """Return the error of a function that a learner has not written yet.

    Where an answer calls the unwritten function of another task, it is that one that is named.
    """
    name = last_name(error) or name
    return not_written(
        f"`{name}` is not written yet: put your answer in place of `raise NotImplementedError`, "
        "run that cell, then run this one again.",
        seeds.current().title,
    )


def last_name(error: BaseException) -> str:
    """Return the name of the learner's function in which an error arose, or nothing.

    An error that arose in another process brings the name along, as `course_frame`.
    """
    told = vars(error).get("course_frame")
    if isinstance(told, str):
        return told
    frames = traceback.extract_tb(error.__traceback__)
    if frames and frames[-1].name.isidentifier() and not is_ours(frames[-1].filename):
        return str(frames[-1].name)
    return ""


_HELP: dict[type[BaseException], str] = {
    RecursionError: "It calls itself without an end.",
    MemoryError: "It asked for more memory than there is: look at the shapes it builds.",
    SystemExit: "Do not call exit or quit in an answer.",
}

# parts of what PyTorch and TensorFlow say, and what a learner did
_SAID = {
    "used in an in-place operation": "An input is changed in place, which autograd does not allow: "
    "write x = x * 2 rather than x *= 2.",
    "modified by an inplace operation": "A value that the backward pass needs is changed in place: "
    "write x = x * 2 rather than x *= 2.",
    "call numpy() on Tensor that requires grad": "NumPy is outside of the graph, where no gradient "
    "is kept: compute with the framework's own functions.",
    "does not require grad and does not have a grad_fn": "What it differentiates is detached from "
    "its parameters: .detach(), .item(), .numpy(), torch.tensor(…) and torch.no_grad() cut the "
    "graph.",
    "but the layer was expecting 0 weights": "The model is not built yet, so it has no weights to "
    "set: let it begin with keras.Input(…), which tells the number of inputs.",
}


def stopped(what: str, error: BaseException) -> str:
    """Say in a sentence that the learner's code stopped with an error, and where."""
    kind = type(error).__name__
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    said = said if len(said) <= 300 else said[:297] + "…"
    text = sentence(f"{what} stopped with {kind}", said)
    line = place(error)
    helped = next((words for known, words in _HELP.items() if isinstance(error, known)), "")
    helped = helped or next((words for part, words in _SAID.items() if part in said), "")
    return " ".join(part for part in (text, line, helped) if part)


def place(error: BaseException) -> str:
    """Say at which line of the notebook the error arose, as far as it is known.

    An error that arose in another process brings these words along, as `course_place`.
    """
    told = vars(error).get("course_place")
    if isinstance(told, str):
        return told
    frames = traceback.extract_tb(error.__traceback__)
    for number, frame in reversed(list(enumerate(frames))):
        name = frame.filename
        if name.startswith((_COURSE, "<frozen")) or "site-packages" in name:
            continue
        if "/lib/python" in name.replace("\\", "/"):
            continue
        source = (frame.line or linecache.getline(name, frame.lineno or 0)).strip()
        where = f"line {frame.lineno} of {_cell_of(list(frames[: number + 1]))}"
        return f"See {where}: `{source}`." if source else f"See {where}."
    return ""


def _cell_of(frames: list[traceback.FrameSummary]) -> str:
    """Name the cell of the last frame by the function that it stands in: “`divide`'s cell”.

    A comprehension or a lambda has no name that its writer knows: the function of the same cell
    that it was run from names the cell, and otherwise the cell has no name.
    """
    for frame in reversed(frames):
        if frame.filename != frames[-1].filename:
            continue
        if frame.name == "<module>":
            return "the cell"
        if frame.name.isidentifier():
            return f"`{frame.name}`'s cell"
    return "its cell"
