"""A small book with every MyST node that the course uses, and its executed notebook.

The pages of text are in tests/data/theme. The notebook is written here with its outputs, as
tools/execute.py would leave it, so that the theme's tests need no kernel.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)

from tools.build_site import ROOT, Places

SAMPLE = ROOT / "tests" / "data" / "theme"
NAME = "99-sample"
RUN = {
    "seconds": 74.2,
    "peak_mb": 412,
    "cores": 2,
    "device": "CPU",
    "versions": {"python": "3.11.2", "numpy": "2.4.6"},
    "when": "2026-11-22T10:00:00+00:00",
}

TABLE = """<div>
<style scoped>.dataframe tbody tr th { vertical-align: top; }</style>
<table border="1" class="dataframe"><thead>
<tr style="text-align: right;"><th></th><th>epoch</th><th>loss</th></tr></thead>
<tbody><tr><th>0</th><td>1</td><td>0.693147</td></tr><tr><th>1</th><td>2</td><td>0.31</td></tr>
</tbody></table></div><script>window.harm = true</script>"""
TRACE = [
    "\x1b[31m---------------------------------------------------------------------------\x1b[39m",
    "\x1b[31mValueError\x1b[39m                                Traceback (most recent call last)",
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[5]\x1b[39m\x1b[32m, line 1\x1b[39m",
    "\x1b[32m----> \x1b[39m\x1b[32m1\x1b[39m X @ w",
    "",
    "\x1b[31mValueError\x1b[39m: matmul: Input operand 1 has a mismatch in its core dimension 0",
]


def plot(format: str) -> str:
    """Return a drawn plot as a notebook keeps it: SVG as text, PNG in base 64."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    colours = {"text.color": "#24292f", "axes.edgecolor": "#24292f", "axes.labelcolor": "#24292f",
               "xtick.color": "#24292f", "ytick.color": "#24292f"}  # fmt: skip
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sample", **colours}):
        fig, ax = plt.subplots(figsize=(6, 3))
        ax.plot([0, 1, 2, 3], [0.7, 0.4, 0.3, 0.28], label="training")
        ax.fill_between([0, 3], 0.2, 0.3, color="#ffffff", alpha=0.5)
        ax.set(xlabel="epoch", ylabel="loss (nats)")
        out = io.BytesIO()
        fig.savefig(
            out,
            format=format,
            bbox_inches="tight",
            metadata={"Date": None} if format == "svg" else None,
        )
        plt.close(fig)
    content = out.getvalue()
    return content.decode() if format == "svg" else base64.b64encode(content).decode()


def display(data: dict[str, Any]) -> nbformat.NotebookNode:
    return new_output("display_data", data=data)


def notebook() -> nbformat.NotebookNode:
    """Return the executed sample notebook."""
    nb = new_notebook(
        metadata={
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    svg, png = plot("svg"), plot("png")
    figure = {
        "figure": {
            "name": "fig-scatter",
            "caption": "The loss falls, and then `it` does $\\leq 1$.",
        },
        "image": {"alt": "A line that falls from 0.7 to 0.28: quickly, then slowly."},
    }
    nb.cells = [
        new_markdown_cell("# Sample notebook\n\nWhat does a notebook look like?", id="title"),
        new_markdown_cell(
            "(sec-run)=\n## Run it\n\nLook at {numref}`fig-scatter` and {eq}`eq-gradient`.",
            id="run",
        ),
        new_code_cell(
            "import numpy as np\n\nrng = np.random.default_rng(0)\nprint(rng.normal(size=3))\n"
            "np.ones(2)",
            id="first",
            execution_count=1,
            outputs=[
                new_output("stream", name="stdout", text="[ 0.126 -0.132  0.64 ]\n"),
                new_output("stream", name="stderr", text="\x1b[33ma warning\x1b[0m\n"),
                new_output(
                    "execute_result", data={"text/plain": "array([1., 1.])"}, execution_count=1
                ),
            ],
        ),
        new_markdown_cell("### A figure\n\nText before the figure's cell.", id="before"),
        new_code_cell(
            "fig, ax = plt.subplots()\nax.plot(losses)",
            id="scatter",
            metadata={"mystnb": figure},
            execution_count=2,
            outputs=[
                new_output("stream", name="stdout", text="drawn once\n"),
                display({"image/svg+xml": svg, "text/plain": "<Figure size 600x300>"}),
            ],
        ),
        new_markdown_cell("After the figure.", id="after"),
        new_code_cell(
            "pd.DataFrame(rows)",
            id="frame",
            execution_count=3,
            outputs=[
                new_output(
                    "execute_result",
                    data={"text/html": TABLE, "text/plain": "   epoch  loss"},
                    execution_count=3,
                )
            ],
        ),
        new_code_cell(
            "plt.plot(losses);",
            id="plain-plot",
            metadata={"mystnb": {"image": {"alt": "The same line."}}, "tags": ["hide-input"]},
            execution_count=4,
            outputs=[display({"image/svg+xml": svg, "text/plain": "<Figure>"})],
        ),
        new_code_cell(
            "imshow(digit)",
            id="bitmap",
            metadata={"mystnb": {"image": {"alt": "A photograph."}}},
            execution_count=5,
            outputs=[display({"image/png": png, "text/plain": "<Figure>"})],
        ),
        new_code_cell(
            "X @ w",
            id="error",
            metadata={"tags": ["raises-exception"]},
            execution_count=6,
            outputs=[
                new_output(
                    "error",
                    ename="ValueError",
                    evalue="matmul: Input operand 1 has a mismatch in its core dimension 0",
                    traceback=TRACE,
                )
            ],
        ),
        new_code_cell(
            "fit(X, y)",
            id="progress",
            metadata={"tags": ["hide-output"]},
            execution_count=7,
            outputs=[new_output("stream", name="stdout", text="step 1\rstep 2\rstep 3\nfitted\n")],
        ),
        new_code_cell(
            "secret = 1",
            id="gone",
            metadata={"tags": ["remove-cell"]},
            execution_count=8,
            outputs=[new_output("stream", name="stdout", text="never shown\n")],
        ),
        new_code_cell(
            "print(long)",
            id="long",
            execution_count=9,
            outputs=[new_output("stream", name="stdout", text="a long line of text\n" * 3000)],
        ),
        new_raw_cell("raw <b>text</b>", id="raw"),
        new_markdown_cell("## Summary\n\nThat was all.", id="summary"),
    ]
    return nb


def write(folder: Path) -> Places:
    """Write the sample book and its executed notebook into `folder`; return a build's places."""
    book, executed = folder / "book", folder / "executed"
    shutil.copytree(SAMPLE, book)
    shutil.copy(ROOT / "book" / "widgets" / "lib.js", book / "widgets")
    (executed / "book").mkdir(parents=True)
    nb = notebook()
    nbformat.write(nb, executed / "book" / f"{NAME}.ipynb")
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(nb, book / f"{NAME}.ipynb")
    (executed / "book" / "exports").mkdir()
    np.savez(executed / "book" / "exports" / "numbers.npz", x=np.arange(3.0))
    (executed / "runs.json").write_text(json.dumps({NAME: RUN}))
    return Places(
        book=book,
        executed=executed,
        work=folder / "work",
        site=folder / "site",
        cache=ROOT / "_build" / "cache" / "fonts",
        pages=None,
    )
