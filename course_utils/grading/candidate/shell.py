"""Runs cells as Jupyter does, without a kernel: the same IPython, outputs kept in a list."""

from __future__ import annotations

import base64
import io
import os
import signal
import sys
import tempfile
from contextlib import suppress
from types import FrameType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

CUT = "\n[output cut here: this cell printed too much]\n"


TEXT = 100_000
"""Characters that one cell may print; pictures get the rest of its room."""


class TimeUp(BaseException):
    """A cell or a call used up its time."""


class Recorder:
    """The outputs of the cell that runs, up to a number of bytes."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.room = 0
        self.text_room = 0
        self.clear_next = False

    def begin(self, room: int) -> None:
        """Forget everything; the next cell may show `room` bytes."""
        self.outputs = []
        self.room = room
        self.text_room = min(room, TEXT)
        self.clear_next = False

    def text(self, text: str) -> None:
        """Add printed text, as much of it as there is room for."""
        self._clear_if_asked()
        if not text or self.text_room <= 0:
            return
        kept = text[: self.text_room]
        self.text_room -= len(kept)
        if len(kept) < len(text) or self.text_room == 0:
            self.text_room = 0
            kept += CUT
        last = self.outputs[-1] if self.outputs else None
        if last is not None and last["output_type"] == "stream":
            last["pieces"].append(kept)  # joined once, in `taken`: joining each time is quadratic
        else:
            self.outputs.append({"output_type": "stream", "pieces": [kept]})

    def taken(self) -> list[dict[str, Any]]:
        """Return the outputs so far, printed text in one piece."""
        return [
            {"output_type": "stream", "name": "stdout", "text": _overwritten("".join(o["pieces"]))}
            if o["output_type"] == "stream"
            else o
            for o in self.outputs
        ]

    def data(self, kind: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Add something displayed, pictures as base64."""
        self._clear_if_asked()
        found: dict[str, str] = {}
        for name, value in data.items():
            if isinstance(value, bytes):
                value = base64.b64encode(value).decode("ascii")
            if isinstance(value, str):
                found[str(name)] = value
        size = sum(map(len, found.values()))
        if size > self.room:
            if self.room <= 0:
                return
            found, size = {"text/plain": "[output left out: it was too large]"}, 0
        self.room -= max(size, 100)  # a million empty outputs are a flood too
        sizes = {
            name: {key: item for key, item in about.items() if isinstance(item, int)}
            for name, about in metadata.items()
            if isinstance(about, dict) and name in found
        }
        self.outputs.append({"output_type": kind, "data": found, "metadata": sizes})

    def error(self, name: str, message: str, lines: list[str]) -> None:
        """Add an error."""
        self._clear_if_asked()
        trace = "\n".join(lines)[-20_000:]
        if len(self.outputs) > 10_000:  # errors are shown even where there is no more room
            return
        self.outputs.append(
            {
                "output_type": "error",
                "ename": name[:200],
                "evalue": message[:4_000],
                "traceback": [trace],
            }
        )

    def clear(self, wait: bool) -> None:
        """Take all outputs of this cell away, at once or before the next one."""
        if wait:
            self.clear_next = True
        else:
            self.outputs = []

    def _clear_if_asked(self) -> None:
        if self.clear_next:
            self.outputs, self.clear_next = [], False


def _overwritten(text: str) -> str:
    """Apply carriage returns, as progress bars use them."""
    if "\r" not in text:
        return text
    lines = text.split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


RECORDER = Recorder()


class Printed(io.TextIOBase):
    """Where print goes."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Keep text for the cell that runs."""
        RECORDER.text(str(text))
        return len(text)

    def flush(self) -> None:
        """Do nothing: text is kept at once."""

    def close(self) -> None:
        """Stay open: the next cell prints too."""

    def writable(self) -> bool:
        """Return True: it can be written to."""
        return True

    def isatty(self) -> bool:
        """Return False: nobody watches."""
        return False

    def fileno(self) -> int:
        """Return a descriptor for programs that want one; what they write is not shown here."""
        return 1


PRINTED = Printed()
"""One for all cells: a thread that prints while sys.stdout is replaced would use freed memory."""


class _Publisher(DisplayPublisher):
    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        if not update:
            RECORDER.data("display_data", data, metadata or {})

    def clear_output(self, wait: bool = False) -> None:
        RECORDER.clear(wait)


class _Hook(DisplayHook):
    def start_displayhook(self) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        RECORDER.data("execute_result", format_dict, md_dict or {})

    def finish_displayhook(self) -> None:
        pass

    def log_output(self, format_dict: Any) -> None:
        pass


class Shell(InteractiveShell):
    """IPython with its outputs recorded."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    def init_history(self) -> None:
        """Keep no history."""
        from IPython.core.history import HistoryManager

        self.history_manager = HistoryManager(shell=self, parent=self, hist_file=":memory:")
        self.history_manager.enabled = False

    def init_sys_modules(self) -> None:
        """Let `__main__` be the notebook, as in a kernel."""
        super().init_sys_modules()

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        RECORDER.error(getattr(etype, "__name__", "Error"), _said(evalue), list(stb))

    def system_piped(self, cmd: str) -> None:
        """Run `!command` and show what it prints."""
        self.user_ns["_exit_code"] = _run(self.var_expand(cmd, depth=1))

    system = system_piped

    def ask_exit(self) -> None:
        """Ignore exit and quit: there is more to grade."""

    def enable_gui(self, gui: Any = None) -> None:
        """There is no screen."""


def _said(error: Any) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def _run(command: str) -> int:
    import subprocess

    with tempfile.TemporaryFile() as file:
        code = subprocess.call(command, shell=True, stdout=file, stderr=file)
        file.seek(0)
        RECORDER.text(file.read(1_000_000).decode("utf-8", "replace"))
    return code


def make() -> Shell:
    """Make the one shell of this process and put its streams in place."""
    from IPython.terminal.interactiveshell import TerminalInteractiveShell  # noqa: F401
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=config)
    shell.display_pub = _Publisher(parent=shell, shell=shell)
    if "matplotlib" in sys.modules:
        _inline(shell)
    return shell


def _inline(shell: Shell) -> None:
    with suppress(Exception):
        from matplotlib_inline.backend_inline import configure_inline_support, flush_figures

        configure_inline_support(shell, "module://matplotlib_inline.backend_inline")
        if flush_figures not in shell.events.callbacks["post_execute"]:
            shell.events.register("post_execute", flush_figures)


class Alarm:
    """Raises TimeUp in the main thread after some seconds, and again until it is heard."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.rang = False

    def __enter__(self) -> Alarm:
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, max(self.seconds, 0.01), 0.5)
        return self

    def __exit__(self, *args: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        self.rang = True
        raise TimeUp


def run(shell: Shell, source: str, seconds: float, room: int) -> dict[str, Any]:
    """Run one cell; return its outputs and how it ended: ok, error or time."""
    RECORDER.begin(room)
    _forget_file()
    sys.stdout = sys.stderr = PRINTED
    alarm = Alarm(seconds)
    status, name = "ok", ""
    try:
        with alarm:
            result = shell.run_cell(source, store_history=False, silent=False)
            failed = result.error_before_exec or result.error_in_exec
        if failed is not None:
            status, name = "error", type(failed).__name__
            if isinstance(failed, SystemExit):
                RECORDER.error(name, "exit() was called in this cell.", [f"{name}: exit()"])
    except TimeUp:
        pass
    except BaseException as error:  # a shell that a student has changed
        status, name = "error", type(error).__name__
        RECORDER.error(name, _said(error), [f"{name}: {_said(error)}"])
    if alarm.rang:
        status, name = "time", "TimeUp"
    with suppress(BaseException):
        RECORDER.text(_file_text())
    return {"status": status, "error": name, "outputs": RECORDER.taken()}


_FILE = "/tmp/.printed"


def print_to_file() -> None:
    """Have what programs write to descriptors 1 and 2 end in a file that is read after a cell."""
    number = os.open(_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(number, 1)
    os.dup2(number, 2)
    os.close(number)


def _forget_file() -> None:
    with suppress(OSError):
        os.ftruncate(1, 0)


def _file_text() -> str:
    size = os.fstat(1).st_size
    if size == 0:
        return ""
    found = os.pread(1, min(size, 200_000), 0)
    os.ftruncate(1, 0)
    return found.decode("utf-8", "replace")
