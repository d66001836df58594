"""The process in which `course check` runs a learner's cells: IPython without a kernel.

It reads one JSON object a line from its standard input ({"source": …}) and answers each with one
line ({"error": null} or {"error": {"kind", "message", "place"}}). What the cells print goes
nowhere. When the input ends, because the command ended however, so does this process.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import IO, Any

LONGEST = 4000  # characters of an error message that are passed on


def main() -> None:
    """Serve until the input ends."""
    commands, answers = _take_over()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands, waiting), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell = _shell()
    sys.path.insert(0, "")  # as in Jupyter: what lies beside the notebook can be imported
    while True:
        source = json.loads(waiting.get())["source"]
        error: BaseException | None = None
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            result = shell.run_cell(source)
            error = result.error_before_exec or result.error_in_exec
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        except BaseException as raised:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            error = raised
        answers.write(json.dumps({"error": _told(error)}).encode() + b"\n")
        answers.flush()
        error = None


def _take_over() -> tuple[IO[bytes], IO[bytes]]:
    """Keep the pipes for ourselves; give the cells an empty input and an output to nowhere."""
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return commands, answers


def _listen(commands: IO[bytes], waiting: queue.SimpleQueue[str]) -> None:
    for line in commands:
        waiting.put(line.decode())
    os._exit(0)


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell: Any = InteractiveShell.instance(config=config)
    nothing = _nothing
    shell.showtraceback = shell.showsyntaxerror = shell.showindentationerror = nothing
    shell.ask_exit = _no_exit
    return shell


def _nothing(*_: Any, **__: Any) -> None:
    """Stand for IPython's printing of tracebacks."""


def _no_exit() -> None:
    raise SystemExit("exit and quit end the kernel, and every cell below is lost")


def _told(error: BaseException | None) -> dict[str, str] | None:
    """Return an error as plain text: its kind, its message, the line where it arose."""
    if error is None:
        return None
    from course_utils.checks.calls import place
    from course_utils.errors import CourseError

    kind = "CourseError" if isinstance(error, CourseError) else type(error).__name__
    try:
        if isinstance(error, SyntaxError):
            message = str(error.msg)
            line = (error.text or "").strip()
            where = f"See line {error.lineno} of the cell" + (f": `{line}`." if line else ".")
        else:
            message, where = str(error), place(error)
    except Exception:
        message, where = "", ""
    return {"kind": kind, "message": message[:LONGEST], "place": where}
