"""Find a Chromium-like browser to test with, or get one; and a Firefox, where there is one.

    python tools/browser.py              print its path; install one when there is none
    python tools/browser.py --firefox    the same for Firefox (--optional: having none is no error)

Looked for in this order: the variable CHROMIUM, the PATH, where macOS and Windows keep programs,
and the browser that Playwright downloads. For Firefox: the variable FIREFOX, the PATH, and where
macOS and Windows keep programs; the Firefox that Playwright downloads is a changed one, and no
reader has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FIREFOX_NAMES = ("firefox-esr", "firefox")
FIREFOX_PLACES = (
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    r"C:\Program Files\Mozilla Firefox\firefox.exe",
)
# What headless Chromium needs where it runs as root, as in a container.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


class NoBrowser(Exception):
    """No browser could be found or installed; the message says what to do."""


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        if found := shutil.which(name):
            yield Path(found)
    for place in PLACES:
        yield Path(place)
        yield Path.home() / place.lstrip("/")
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            yield Path(playwright.chromium.executable_path)
    except Exception:  # Playwright raises its own plain Error in many forms; then it has none
        return


def _named(variable: str, browser: str) -> Path | None:
    """Return the program that the variable names, None when it is not set, or raise NoBrowser."""
    if not (named := os.environ.get(variable)):
        return None
    if (path := shutil.which(named)) is None:
        raise NoBrowser(
            f"{variable} is set to {named}, which is not a program. Set it to the path of "
            f"{browser}, or unset it."
        )
    return Path(path)


def find_chromium() -> Path | None:
    """Return the browser's program, or None when this machine has none.

    Raises NoBrowser when CHROMIUM names something that does not exist.
    """
    if named := _named("CHROMIUM", "Chromium or Chrome"):
        return named
    return next((path for path in _candidates() if path.is_file()), None)


def install_commands() -> list[list[str]]:
    """Return the commands that would install a browser here, best first."""
    commands = []
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        commands.append(["apt-get", "install", "-y", "--no-install-recommends", "chromium"])
    commands.append([sys.executable, "-m", "playwright", "install", "chromium"])
    return commands


def install() -> Path:
    """Install a browser and return its program, or raise NoBrowser."""
    for command in install_commands():
        print(f"No Chromium here; trying: {' '.join(command)}", file=sys.stderr)
        if command[0] == "apt-get":
            subprocess.run(["apt-get", "update", "-q"], stdout=subprocess.DEVNULL)
        subprocess.run(command, stdout=subprocess.DEVNULL)
        if (found := find_chromium()) is not None:
            return found
    raise NoBrowser(
        "The browser tests need Chromium or Chrome, and installing one failed. Install it by hand "
        "(Debian: apt install chromium; macOS and Windows: google.com/chrome), or set CHROMIUM to "
        "its path."
    )


def find_firefox() -> Path | None:
    """Return Firefox's program, or None when this machine has none.

    Raises NoBrowser when FIREFOX names something that does not exist.
    """
    if named := _named("FIREFOX", "Firefox"):
        return named
    found = [Path(path) for name in FIREFOX_NAMES if (path := shutil.which(name))]
    places = [base for p in FIREFOX_PLACES for base in (Path(p), Path.home() / p.lstrip("/"))]
    return next((path for path in [*found, *places] if path.is_file()), None)


def firefox_hint() -> str:
    """Return what to do where there is no Firefox."""
    return (
        "There is no Firefox here, so nothing was tested in it. Install it (Debian: apt install "
        "firefox-esr; others: mozilla.org/firefox) or set FIREFOX to its path; then: "
        "make test-firefox"
    )


def install_firefox() -> Path:
    """Install Firefox where that needs no one's consent (root on Debian), or raise NoBrowser."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        command = ["apt-get", "install", "-y", "--no-install-recommends", "firefox-esr"]
        print(f"No Firefox here; trying: {' '.join(command)}", file=sys.stderr)
        subprocess.run(["apt-get", "update", "-q"], stdout=subprocess.DEVNULL)
        subprocess.run(command, stdout=subprocess.DEVNULL)
    if (found := find_firefox()) is None:
        raise NoBrowser(firefox_hint())
    return found


def main() -> int:
    try:
        if "--firefox" in sys.argv[1:]:
            print(find_firefox() or install_firefox())
        else:
            print(find_chromium() or install())
    except NoBrowser as error:
        print(error, file=sys.stderr)
        return 0 if "--optional" in sys.argv[1:] and not os.environ.get("COURSE_FIREFOX") else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
