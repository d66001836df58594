"""Answers the examiner: runs cells, gives values, calls functions; one answer to each question."""

from __future__ import annotations

import builtins
import getpass
import inspect
import os
import sys
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

from course_utils.grading import wire
from course_utils.grading.candidate import shell as cells
from course_utils.grading.sandbox import warm

import numpy as np

_BUILTIN_ERRORS = (Exception, ArithmeticError, LookupError)
_shell: cells.Shell | None = None


def prepare() -> None:
    """Do once, before any fork, what every candidate would do: make the shell, warm it up."""
    global _shell
    _shell = cells.make()
    streams = sys.stdout, sys.stderr
    cells.run(_shell, "1/0", 5, 10_000)
    cells.run(_shell, "_ = 1 + 1; print(_)", 5, 10_000)
    _shell.reset(new_session=True)
    _shell.execution_count = 1
    sys.stdout, sys.stderr = streams
    import course_utils.checks  # noqa: F401 - imported by setup cells

    builtins.input = getpass.getpass = _nobody_answers


def _nobody_answers(prompt: object = "", *args: object, **kwargs: object) -> str:
    raise EOFError(
        "input() was called, but nobody sits at the keyboard while a notebook is graded. Put the "
        "value into a variable."
    )


def serve(channel: int, outgoing: int | None = None) -> None:
    """Answer questions that come over `channel` until it closes."""
    with suppress(OSError):
        cells.print_to_file()
    Agent(wire.Line(channel, outgoing)).serve()


class Agent:
    """The candidate's side of the examination."""

    def __init__(self, line: wire.Line) -> None:
        if _shell is None:
            prepare()
        assert _shell is not None
        self.shell = _shell
        self.line = line
        self.process = os.getpid()
        self.objects: dict[int, Any] = {}
        self.next = 1
        self.limit = 64 * 1024**2

    def serve(self) -> None:
        """Answer until the examiner is gone."""
        while True:
            try:
                question = wire.loads(
                    self.line.receive(2**40), handle=self._object, kinds_only=False
                )
            except wire.Gone:
                return
            number, operation, arguments = question
            answer = self._answer(number, operation, arguments)
            if os.getpid() != self.process:  # a child of the student's: one answer is enough
                os._exit(0)
            try:
                self.line.send(answer)
            except wire.Gone:
                return

    def _answer(self, number: int, operation: str, arguments: dict[str, Any]) -> bytes:
        done: dict[str, Any]
        try:
            done = getattr(self, f"do_{operation}")(**arguments)
        except wire.NotData as reason:
            done = {"not_data": str(reason)}
        except BaseException as error:
            done = {"error": described(error)}
        try:
            return wire.dumps([number, done], self._keep, self.limit, kinds_only=True)
        except wire.NotData as reason:
            return wire.dumps([number, {"not_data": str(reason)}])
        except MemoryError as error:
            return wire.dumps([number, {"error": described(error)}])

    # --- handles ---------------------------------------------------------------------------------

    def _keep(self, value: Any) -> wire.Handle:
        number = self.next
        self.next += 1
        self.objects[number] = value
        return wire.Handle(number, about(value))

    def _object(self, number: int, _: dict[str, Any]) -> Any:
        return self.objects[number]

    # --- questions -------------------------------------------------------------------------------

    def do_begin(self, seed: int, files: list[tuple[str, bytes]], limit: int) -> dict[str, Any]:
        """Write the assignment's other files and seed the generators."""
        self.limit = limit
        for name, content in files:
            place = Path(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        sys.path.insert(0, "")
        warm.seed(seed)
        return {}

    def do_run(self, source: str, seconds: float, room: int) -> dict[str, Any]:
        """Run one cell of the student."""
        return cells.run(self.shell, source, seconds, room)

    def do_names(self, names: list[str]) -> dict[str, Any]:
        """Give the values of those names that the notebook has defined."""
        found: dict[str, Any] = {}
        failed: dict[str, str] = {}
        for name in names:
            if name in self.shell.user_ns:
                try:
                    value = self.shell.user_ns[name]
                    wire.dumps(value, self._keep, self.limit, kinds_only=True)
                    found[name] = value
                except wire.NotData as reason:
                    failed[name] = str(reason)
        return {"value": found, "failed": failed}

    def do_call(
        self, target: Any, args: list[Any], kwargs: dict[str, Any], seconds: float
    ) -> dict[str, Any]:
        """Call a function of the student; say too which arguments it changed in place."""
        before = [_frozen(value) for value in [*args, *kwargs.values()]]
        done = self._watched(seconds, lambda: target(*args, **kwargs))
        changed = {
            place: value
            for place, (value, old) in enumerate(
                zip([*args, *kwargs.values()], before, strict=True)
            )
            if old is not None and _frozen(value) != old
        }
        return done | {"changed": changed}

    def do_get(self, target: Any, name: str, seconds: float) -> dict[str, Any]:
        """Read an attribute."""
        return self._watched(seconds, lambda: getattr(target, name))

    def do_item(self, target: Any, key: Any, seconds: float) -> dict[str, Any]:
        """Read an item."""
        return self._watched(seconds, lambda: target[key])

    def do_operate(self, name: str, operands: list[Any], seconds: float) -> dict[str, Any]:
        """Do arithmetic: `name` is a function of Python's operator module, or abs, len, round."""
        import operator

        function = getattr(operator, name, None) or getattr(builtins, name)
        return self._watched(seconds, lambda: function(*operands))

    def do_array(self, target: Any, seconds: float) -> dict[str, Any]:
        """Give an object as the array that it offers to be."""
        return self._watched(seconds, lambda: np.array(target))

    def do_beside(self, name: str, args: list[Any], seconds: float) -> dict[str, Any]:
        """Do what a check does beside the student's objects (course_utils.checks.beside)."""
        from course_utils.checks import beside

        return self._watched(seconds, lambda: beside.HELPERS[name](*args))

    def do_instance(self, target: Any, kind: Any) -> dict[str, Any]:
        """Say whether an object is of a class, as Python itself sees it."""
        return {"value": issubclass(type(target), kind)}

    def do_drop(self, numbers: list[int]) -> dict[str, Any]:
        """Forget objects that the examiner no longer asks about."""
        for number in numbers:
            self.objects.pop(number, None)
        return {}

    def _watched(self, seconds: float, what: Any) -> dict[str, Any]:
        """Do something of the student's, with its printing kept and its time limited."""
        cells.RECORDER.begin(20_000)
        sys.stdout = sys.stderr = cells.PRINTED
        alarm = cells.Alarm(seconds)
        done: dict[str, Any]
        try:
            with alarm:
                done = {"value": what()}
        except cells.TimeUp:
            done = {}
        except BaseException as error:
            done = {"error": described(error)}
        if alarm.rang:
            done = {"time": True}
        printed = [o["text"] for o in cells.RECORDER.taken() if o["output_type"] == "stream"]
        return done | {"printed": "".join(printed)}


def about(value: Any) -> dict[str, Any]:
    """Describe an object that stays here: what it is called, whether and how it can be called."""
    kind = type(value)
    found: dict[str, Any] = {
        "type": str(kind.__name__)[:200],
        "module": str(getattr(kind, "__module__", ""))[:200],
        "callable": callable(value),
        "class": isinstance(value, type),
        "name": None,
        "signature": None,
    }
    with suppress(BaseException):
        name = getattr(value, "__name__", None)
        found["name"] = str.__str__(name)[:200] if isinstance(name, str) else None
    if found["callable"] and not isinstance(value, types.ModuleType):
        with suppress(BaseException):
            found["signature"] = [
                (str(p.name), int(p.kind), p.default is not p.empty, str(p).split(":")[0][:200])
                for p in inspect.signature(value).parameters.values()
            ][:100]
    return found


def described(error: BaseException) -> dict[str, Any]:
    """Describe an error as data: its name, its known bases, its words, the line it came from."""
    from course_utils.checks import calls

    bases = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    said, place, frame = "", "", ""
    with suppress(BaseException):
        said = str(error)[:4000]
    with suppress(BaseException):
        place = calls.place(error)[:1000]
    with suppress(BaseException):
        frame = calls.last_name(error)[:200]
    name = getattr(error, "name", None)
    return {
        "type": str(type(error).__name__)[:200],
        "bases": bases,
        "said": said,
        "place": place,
        "frame": frame,
        "name": name[:200] if isinstance(name, str) else None,
    }


def _frozen(value: Any) -> bytes | None:
    """Return data as bytes, to see later whether it has changed; None for anything else."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return None
    try:
        return wire.dumps(value)
    except (wire.NotData, TypeError, ValueError):
        return None


def main() -> None:
    """Serve over two descriptors: `python -m … INCOMING OUTGOING IMPORTS`; - is stdin, stdout."""
    incoming, outgoing, names = sys.argv[1:4]
    reading = 0 if incoming == "-" else int(incoming)
    writing = 1 if outgoing == "-" else int(outgoing)
    reading, writing = os.dup(reading), os.dup(writing)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    warm.imports(name for name in names.split(",") if name)
    prepare()
    with suppress(OSError):
        work = Path("/tmp/work")
        work.mkdir(parents=True, exist_ok=True)
        Path("/tmp/home").mkdir(parents=True, exist_ok=True)
        os.chdir(work)
    serve(reading, writing)


if __name__ == "__main__":
    main()
