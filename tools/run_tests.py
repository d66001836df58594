"""Run every test of the project, and remember which tree has passed.

    make test             # nothing to do if exactly this tree has passed already
    make test FORCE=1     # run all of it again

The steps stop at the first that fails: style and types, every notebook with nbmake, the site,
a browser to look at it with, then pytest on both cores. `python -m pytest tests/test_x.py` runs
one file by itself.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSED = ROOT / "_build" / "tests-passed"
PYTHON = sys.executable

STEPS: dict[str, list[str]] = {
    "style, types, notebooks": ["make", "--no-print-directory", "lint"],
    "every notebook": [PYTHON, "tools/execute.py", "book", "solutions"],
    "what the notebooks left": [PYTHON, "tools/lint_notebooks.py", "--executed"],
    "the site": [PYTHON, "tools/build_site.py"],
    "a browser": [PYTHON, "tools/browser.py"],
    "a Firefox": [PYTHON, "tools/browser.py", "--firefox", "--optional"],
    "pytest": [PYTHON, "-m", "pytest", "-n", "2", "--dist", "loadgroup"],
}


def tree_digest() -> str:
    """Digest every file that git tracks or would track, and the Python that runs them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    digest = hashlib.sha256(platform.python_version().encode())
    for name in sorted(set(listed.split(b"\0")) - {b""}):
        path = ROOT / os.fsdecode(name)
        digest.update(name + b"\0")
        digest.update(path.read_bytes() if path.is_file() else b"gone")
    return digest.hexdigest()


def main() -> int:
    try:
        digest = tree_digest()
    except (OSError, subprocess.CalledProcessError):
        digest = ""  # no git here: run always
    if "--force" not in sys.argv and digest and PASSED.exists():
        before, when = PASSED.read_text().split("\n", 1)
        if before == digest:
            print(f"Nothing changed since all tests passed ({when.strip()}).")
            print("Run them again: make test FORCE=1")
            return 0
    start = time.monotonic()
    for title, command in STEPS.items():
        print(f"\n— {title} ({time.monotonic() - start:.0f} s so far)", flush=True)
        if code := subprocess.run(command, cwd=ROOT).returncode:
            print(f"\nStopped: {title} failed. The command was: {' '.join(command)}")
            return code
    print(f"\nAll tests passed in {time.monotonic() - start:.0f} s.")
    if digest and digest == tree_digest():
        PASSED.parent.mkdir(exist_ok=True)
        PASSED.write_text(f"{digest}\n{time.strftime('%Y-%m-%d %H:%M')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
