"""What a test cell holds in place of the student's functions and objects.

Calls, attributes, items and arithmetic are questions whose result is data by value or another
proxy. Comparison, truth and iteration of a proxy are refused: no verdict may rest on what a
student's object says of itself. For the same reason arithmetic of a proxy with a test's own data
must give another proxy: `got - expected` may not come back as the 0 that an answer claims.
"""

from __future__ import annotations

import builtins
import inspect
import operator
import weakref
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from course_utils.grading.wire import Handle

import numpy as np

from .candidate import Candidate, Refused

_KINDS = [
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
]
_classes: dict[tuple[str, str, bool], type[Proxy]] = {}


class Proxy:
    """An object that stays with the candidate."""

    def __init__(self, candidate: Candidate, number: int, about: dict[str, Any]) -> None:
        vars(self).update(_candidate=candidate, _number=number, _about=about)
        weakref.finalize(self, candidate.forget, number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        found = _value(self, "get", name=name)
        return _mixed([self], found) if isinstance(found, Proxy) else found

    def __getitem__(self, key: Any) -> Any:
        return _mixed([self], _value(self, "item", key=key))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        found = _mixed([self], _value(self, "array"))
        if not isinstance(found, np.ndarray):
            raise TypeError(f"it offers {type(found).__name__!r} as an array")
        return found if dtype is None else found.astype(dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the answer>"

    def __len__(self) -> int:
        found = _operated("len", self)
        if not isinstance(found, int):
            raise TypeError("its length is no whole number")
        return found

    def __instancecheck__(self, other: Any) -> bool:
        if not isinstance(other, Proxy):
            return False
        return _value(other, "instance", kind=self) is True

    def __deepcopy__(self, memo: Any) -> Proxy:
        return self

    def __copy__(self) -> Proxy:
        return self

    __hash__ = object.__hash__

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise Refused("A test may not change the objects of an answer.")


class CallableProxy(Proxy):
    """A function, a class or a callable object that stays with the candidate."""

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Ask the candidate to call it; arguments that it changed are changed here too."""
        answer = _asked(self, "call", args=list(args), kwargs=kwargs)
        changed = answer.get("changed", {})
        given = [*args, *kwargs.values()]
        if isinstance(changed, dict):
            for place, value in changed.items():
                if isinstance(place, int) and 0 <= place < len(given):
                    _write_back(given[place], value)
        found = _result(answer)
        return found if found is None else _mixed([self], found)


def make(candidate: Candidate, number: int, about: dict[str, Any]) -> Proxy:
    """Return the proxy of an object from what the candidate says about it."""
    is_callable = about.get("callable") is True
    name = about.get("type")
    name = name[:200] if isinstance(name, str) else ""
    name = name if name.isidentifier() else "object"
    name = "class" if about.get("class") is True else name
    module = about.get("module")
    module = module[:200] if isinstance(module, str) else ""
    key = (name, module, is_callable)
    if key not in _classes and len(_classes) < 1000:
        base = CallableProxy if is_callable else Proxy
        _classes[key] = type(name, (base,), {"__module__": f"answer.{module}"})
    kind = _classes.get(key, CallableProxy if is_callable else Proxy)
    proxy = kind(candidate, number, about)
    if isinstance(about.get("name"), str):
        vars(proxy)["__name__"] = about["name"][:200]
    if is_callable and (signature := _signature(about.get("signature"))) is not None:
        vars(proxy)["__signature__"] = signature
    return proxy


def beside(candidate: Candidate | None, name: str, arguments: list[Any]) -> Any:
    """Have a part of a check done beside the student's objects; return the data that it returns."""
    if candidate is None:
        raise Refused("There is no process of the answer that this check could ask.")
    return _result(candidate.ask("beside", name=name, args=arguments))


def handle_of(value: Any, candidate: Candidate) -> Handle | None:
    """Return the handle of a proxy of this candidate, None for anything else."""
    if not isinstance(value, Proxy):
        return None
    inside = vars(value)
    if inside["_candidate"] is not candidate:
        raise Refused("This object belongs to a process that has ended.")
    return Handle(inside["_number"], {})


def _signature(parameters: Any) -> inspect.Signature | None:
    try:
        return inspect.Signature(
            [
                inspect.Parameter(
                    str(name)[:200],
                    _KINDS[kind],
                    default=_Default(text) if default else inspect.Parameter.empty,
                )
                for name, kind, default, text in parameters
            ]
        )
    except (TypeError, ValueError, IndexError):
        return None


class _Default:
    """Stands for a default value that stays with the candidate."""

    def __init__(self, text: Any) -> None:
        self.text = str(text)[:200].rpartition("=")[2].strip() or "…"

    def __repr__(self) -> str:
        return self.text


def _asked(proxy: Proxy, operation: str, **arguments: Any) -> dict[str, Any]:
    candidate: Candidate = vars(proxy)["_candidate"]
    return candidate.ask(operation, target=proxy, **arguments)


def _value(proxy: Proxy, operation: str, **arguments: Any) -> Any:
    return _result(_asked(proxy, operation, **arguments))


def _operated(name: str, *operands: Any) -> Any:
    candidate = next(vars(item)["_candidate"] for item in operands if isinstance(item, Proxy))
    return _mixed(operands, _result(candidate.ask("operate", name=name, operands=list(operands))))


def _mixed(operands: Iterable[Any], found: Any) -> Any:
    """Return what came of `operands`; refuse data that an object made of a test's own data."""
    if all(isinstance(item, Proxy) and "_mixed" not in vars(item) for item in operands):
        return found
    if not isinstance(found, Proxy):
        raise Refused(
            "A test may not do arithmetic with an object of the answer and its own data, and take "
            "the object's word for the result. Have the answer return data, or read an attribute."
        )
    vars(found)["_mixed"] = True
    return found


def _result(answer: dict[str, Any]) -> Any:
    """Return the value of an answer, or raise the error that it tells of."""
    error = answer.get("error")
    if isinstance(error, dict):
        raise raised(error)
    if isinstance(answer.get("not_data"), str):
        raise TypeError(f"the result {answer['not_data'][:300]}")
    return answer.get("value")


def raised(error: dict[str, Any]) -> BaseException:
    """Return an error like the one that the candidate tells of: same name, words and base."""
    base: type[BaseException] = Exception
    for name in error.get("bases", ()):
        found = getattr(builtins, name, None) if isinstance(name, str) else None
        if isinstance(found, type) and issubclass(found, Exception):
            if issubclass(found, BaseExceptionGroup):  # cannot be made without its errors
                continue
            base = found
            break
    said = error.get("said")
    said = said[:4000] if isinstance(said, str) else ""
    name = error.get("type")
    name = name[:200] if isinstance(name, str) else ""
    name = name if name.isidentifier() else base.__name__
    kind: Any = type(name, (base,), {"__str__": lambda self: said, "__module__": "builtins"})
    made: BaseException = kind.__new__(kind)
    made.args = (said,)
    for key in ("place", "frame"):
        value = error.get(key)
        vars(made)[f"course_{key}"] = value[:1000] if isinstance(value, str) else ""
    return made


def _write_back(old: Any, new: Any) -> None:
    """Give a mutable argument the content that the candidate left in its copy."""
    try:
        if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
            if old.shape == new.shape:
                old[...] = new
            elif old.size:
                old.flat[0] = np.nan if old.dtype.kind in "fc" else ~old.flat[0]
        elif isinstance(old, list) and isinstance(new, list):
            inner = zip(old, new, strict=False) if len(old) == len(new) else ()
            kept = [_kept(before, after) for before, after in inner]
            old[:] = kept or new
        elif isinstance(old, dict) and isinstance(new, dict):
            items = {key: _kept(old.get(key), item) for key, item in new.items()}
            old.clear()
            old.update(items)
        elif isinstance(old, set) and isinstance(new, set):
            old.clear()
            old.update(new)
        elif type(old) is type(new) and hasattr(old, "detach") and old.shape == new.shape:
            old.detach().copy_(new.detach())
    except (TypeError, ValueError, RuntimeError):
        return


def _kept(old: Any, new: Any) -> Any:
    """Return the item of a container, the old one with its new content where that can be."""
    same = type(old) is type(new) and getattr(old, "shape", None) == getattr(new, "shape", None)
    if same and (isinstance(old, list | dict | set | np.ndarray) or hasattr(old, "detach")):
        _write_back(old, new)
        return old
    return new


def _refuses(what: str) -> Callable[..., NoReturn]:
    def refuse(self: Proxy, *args: Any) -> NoReturn:
        raise Refused(
            f"A test may not {what} an object of the answer ({type(self).__name__}): it would rest "
            "on what that object says of itself. Have the answer return data."
        )

    return refuse


for _name in ["eq", "ne", "lt", "le", "gt", "ge"]:
    setattr(Proxy, f"__{_name}__", _refuses("compare"))
Proxy.__bool__ = _refuses("test the truth of")  # type: ignore[attr-defined]
Proxy.__iter__ = _refuses("iterate over")  # type: ignore[attr-defined]
setattr(Proxy, "__contains__", _refuses("search in"))  # noqa: B010 - says less to mypy


def _operation(name: str, reflected: bool) -> Callable[..., Any]:
    def operate(self: Proxy, other: Any) -> Any:
        return _operated(name, other, self) if reflected else _operated(name, self, other)

    return operate


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]:
    _function = f"{_name}_" if hasattr(operator, f"{_name}_") else _name
    setattr(Proxy, f"__{_name}__", _operation(_function, False))
    setattr(Proxy, f"__r{_name}__", _operation(_function, True))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Proxy, f"__{_name}__", lambda self, _name=_name: _operated(_name, self))
Proxy.__array_ufunc__ = None  # type: ignore[attr-defined]  # array + proxy asks the proxy
