"""Run a submission's cells so that an accident costs the cell where it happened, nothing more."""

import json
from time import monotonic
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.exporters.exporter import ResourcesDict
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import Execute
from traitlets import Integer

TIMED_OUT = "CellTimeoutError"
KERNEL_DIED = "DeadKernelError"
NOT_RUN = "NotRun"
ACCIDENTS = {TIMED_OUT: "time-out", KERNEL_DIED: "kernel died", NOT_RUN: "not run"}
"""Names of the error outputs that stand for an accident, and the status each one gives."""

_CUT = "\n[output cut here: this cell printed too much]\n"


class ExecuteSubmission(Execute):
    """nbgrader's `Execute` with limits that hold while the output arrives.

    - A cell over its time is stopped; if it cannot be interrupted, its kernel is killed.
    - After a killed or dead kernel a fresh one runs the earlier cells again (not the check
      cells, not the cell that did it) and the rest of the notebook is graded.
    - Output is kept up to a number of bytes per cell and per notebook. Text printed on stderr
      is kept as ordinary text, since nbgrader takes points for it.
    - Widget messages are ignored: nothing in a graded notebook needs a live widget.
    """

    notebook_timeout = Integer(600, help="Seconds for all cells of one notebook.").tag(config=True)
    max_restarts = Integer(3, help="Fresh kernels one notebook may use up.").tag(config=True)
    max_cell_bytes = Integer(1_000_000, help="Bytes of output kept per cell.").tag(config=True)
    max_notebook_bytes = Integer(5_000_000, help="Bytes kept per notebook.").tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict, km: Any = None
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Run every code cell of `nb`; errors become outputs of their cell."""
        self._deadline = monotonic() + self.notebook_timeout
        self._restarts = 0
        self._kernel_lost = False
        self._harmful: set[int] = set()
        self._cell_bytes = 0
        self._notebook_bytes = 0
        sentence = f"This cell ran for more than {self.timeout} s and was stopped."
        self.error_on_timeout = {
            "ename": TIMED_OUT,
            "evalue": sentence,
            "traceback": [f"{TIMED_OUT}: {sentence}"],
        }
        return super().preprocess(nb, resources, km)

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Run one cell; a time-out or a dead kernel is recorded in it and survived."""
        if cell.cell_type != "code" or not cell.source.strip():
            return cell, resources
        self._cell_bytes = 0
        if self._kernel_lost and not self._recover(index):
            _record(cell, NOT_RUN, "This cell was not run: the Python process kept stopping.")
            return cell, resources
        if monotonic() > self._deadline:
            spent = f"the notebook used up its {self.notebook_timeout} s"
            _record(cell, NOT_RUN, f"This cell was not run: {spent}.")
            return cell, resources
        try:
            return super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            _record(cell, KERNEL_DIED, "The Python process stopped while this cell was running.")
        except CellTimeoutError:
            # The kernel did not react to the interrupt: a bare `except:`, or a loop in C.
            _record(cell, TIMED_OUT, str(self.error_on_timeout["evalue"]))
        self._kernel_lost = True
        self._harmful.add(index)
        return cell, resources

    def _recover(self, index: int) -> bool:
        """Start a fresh kernel and bring it to where cell `index` begins; False if it cannot."""
        while self._restarts < self.max_restarts and monotonic() < self._deadline:
            self._restarts += 1
            self._cleanup_kernel()
            self.km = self.create_kernel_manager()
            self.start_new_kernel()
            self.start_new_kernel_client()
            self.wait_for_reply(self.kc.kernel_info())
            if self._replay(index):
                self._kernel_lost = False
                return True
        return False

    def _replay(self, stop: int) -> bool:
        """Run the cells before `stop` again, output ignored; False if the kernel died of it."""
        for index, cell in enumerate(self.nb.cells[:stop]):
            if cell.cell_type != "code" or index in self._harmful or utils.is_grade(cell):
                continue
            if any(output.get("ename") == TIMED_OUT for output in cell.outputs):
                continue
            try:
                self.wait_for_reply(self.kc.execute(cell.source, store_history=False))
            except DeadKernelError:
                self._harmful.add(index)
                return False
        return True

    def _get_timeout(self, cell: NotebookNode | None) -> int | None:
        timeout = super()._get_timeout(cell)
        left = max(1, int(self._deadline - monotonic()) + 1)
        return left if timeout is None else min(timeout, left)

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Handle one message of the kernel, comms (widgets) excepted."""
        if msg["msg_type"].startswith("comm"):
            return None
        return super().process_message(msg, cell, cell_index)

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        if _size(msg["content"]) <= self.max_cell_bytes:
            super()._update_display_id(display_id, msg)

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Forget the cell's outputs, and what they counted for."""
        super().clear_output(outs, msg, cell_index)
        if not outs:
            self._forget_cell_bytes()

    def _forget_cell_bytes(self) -> None:
        self._notebook_bytes -= self._cell_bytes
        self._cell_bytes = 0

    def output(
        self,
        outs: list[NotebookNode],
        msg: dict[str, Any],
        display_id: str | None,
        cell_index: int,
    ) -> NotebookNode | None:
        """Keep one output, or as much of it as there is room for."""
        if self.clear_before_next_output:
            self._forget_cell_bytes()
        content = msg["content"]
        room = min(
            self.max_cell_bytes - self._cell_bytes, self.max_notebook_bytes - self._notebook_bytes
        )
        if msg["msg_type"] == "stream":
            content["name"] = "stdout"
            content["text"] = _fit(str(content.get("text", "")), room)
            if not content["text"]:
                return None
        elif msg["msg_type"] == "error":
            _shorten(content)
            if room <= 0 and any(out.output_type == "error" for out in outs):
                return None
        elif _size(content) > room:
            if room <= 0:
                return None
            content["data"] = {"text/plain": "[output left out: it was too large]"}
            content["metadata"] = {}
        size = _size(content)
        self._cell_bytes += size
        self._notebook_bytes += size
        last = outs[-1] if outs and not self.clear_before_next_output else None
        if msg["msg_type"] == "stream" and last is not None and last.output_type == "stream":
            last.text += content["text"]
            return last
        return super().output(outs, msg, display_id, cell_index)


def _record(cell: NotebookNode, name: str, sentence: str) -> None:
    """Add an error output to `cell`, so that it scores nothing and says why."""
    error = {
        "output_type": "error",
        "ename": name,
        "evalue": sentence,
        "traceback": [f"{name}: {sentence}"],
    }
    cell.outputs.append(NotebookNode(error))


def _size(content: dict[str, Any]) -> int:
    """Bytes of a message's content as it would be written to the notebook."""
    return len(json.dumps(content, default=str, ensure_ascii=False).encode(errors="replace"))


def _fit(text: str, room: int) -> str:
    """Cut `text` to `room` bytes and say so; empty if there was no room at all."""
    if room <= 0:
        return ""
    data = text.encode(errors="replace")
    return text if len(data) <= room else data[:room].decode(errors="ignore") + _CUT


def _shorten(content: dict[str, Any], limit: int = 20_000) -> None:
    """Cut an error's name, message and traceback to sizes that a person could read."""
    content["ename"] = str(content.get("ename", ""))[:200]
    content["evalue"] = str(content.get("evalue", ""))[:4_000]
    traceback = [str(line) for line in content.get("traceback", [])]
    if sum(map(len, traceback)) > limit:
        traceback = ["\n".join(traceback)[-limit:]]
    content["traceback"] = traceback
