"""What code cells printed: streams, results, errors, tables, pictures."""

from __future__ import annotations

import base64
import re
import struct
from typing import Any

from markupsafe import Markup, escape

from .errors import ThemeError

# Best first. A media type that is not here is shown by the plain text beside it.
SHOWN = ("image/svg+xml", "image/png", "image/jpeg", "text/html", "text/plain")
NEEDS_SCRIPT = ("application/vnd.jupyter.widget-view+json", "application/javascript")

_SEQUENCE = re.compile(r"\x1b\[([\d;]*)m")
_OTHER_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-ln-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_SOUND = re.compile(
    r'<audio\b[^>]*>\s*<source src="data:audio/(?:x-)?([a-z0-9]+);base64,([A-Za-z0-9+/=]+)"'
)
_COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]


def _classes(codes: str, active: set[str]) -> set[str]:
    """Return the classes after one escape sequence "1;31", given those before it."""
    numbers = [int(c) for c in codes.split(";") if c] or [0]
    result = set(active)
    while numbers:
        number = numbers.pop(0)
        if number in (38, 48):  # 256 colours or RGB: the base colours carry the meaning
            del numbers[: 2 if numbers[:1] == [5] else 4]
        elif number == 0:
            result = set()
        elif number == 1:
            result.add("ansi-bold")
        elif number == 22:
            result.discard("ansi-bold")
        elif number == 39:
            result = {c for c in result if c == "ansi-bold"}
        elif 30 <= number <= 37 or 90 <= number <= 97:
            result = {c for c in result if c == "ansi-bold"} | {f"ansi-{_COLOURS[number % 10]}"}
    return result


def terminal(text: str) -> Markup:
    """Return text that was meant for a terminal as HTML: colours as classes, progress bars settled.

    A carriage return means "write this line again": only the last writing is kept.
    """
    text = _OTHER_ESCAPES.sub("", text.replace("\r\n", "\n"))
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    parts: list[str] = []
    active: set[str] = set()
    for index, piece in enumerate(_SEQUENCE.split(text)):
        if index % 2:
            active = _classes(piece, active)
        elif piece:
            shown = str(escape(piece))
            names = " ".join(sorted(active))
            parts.append(f'<span class="{names}">{shown}</span>' if names else shown)
    return Markup("".join(parts).rstrip("\n"))


def choose(bundle: dict[str, Any], where: str) -> str:
    """Return the media type of an output to show; raise ThemeError when there is none."""
    for media_type in SHOWN:
        if media_type in bundle:
            return media_type
    raise ThemeError(
        f"{where}: an output has only {', '.join(sorted(bundle)) or 'no data'}, which a page "
        "cannot show without a kernel. Print text or draw a picture there as well."
    )


def sound(html: str) -> tuple[str, bytes] | None:
    """Return (extension, content) of the sound in the HTML of IPython.display.Audio, or None.

    Only a sound that the HTML itself holds will do: one from elsewhere would be a request.
    """
    found = _SOUND.search(html)
    return (found[1], base64.b64decode(found[2])) if found else None


def image_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels of a PNG, GIF or JPEG, or None for another format."""
    if content[:8] == b"\x89PNG\r\n\x1a\n":
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content[:4] == b"GIF8":
        width, height = struct.unpack("<HH", content[6:10])
        return width, height
    if content[:2] == b"\xff\xd8":
        at = 2
        while at + 9 < len(content):
            marker, length = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])[0]
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack(">HH", content[at + 5 : at + 9])
                return width, height
            at += 2 + length
    return None
