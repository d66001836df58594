"""What makes a command or a grading process start faster."""

from __future__ import annotations

import sys


def skip_address_grammar() -> None:
    """Keep `jsonschema` from compiling a grammar of internet addresses that nothing here uses.

    `import nbformat` imports it, and it takes its "iri" format from rfc3987-syntax where that is
    installed, as it is with JupyterLab. The grammar is built at import: 0.4 s of the 0.6 s that
    `import nbformat` takes. Without it jsonschema leaves that format unchecked; notebooks have
    none. To be called before nbformat is imported, and only by the main program of a process.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
