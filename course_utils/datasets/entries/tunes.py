"""Tunes: folk music of Ireland, in letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from course_utils.datasets.content import Arrays, ArraySpec
from course_utils.datasets.registry import Entry, Split
from course_utils.datasets.sources import PythonPackage, Urls

import numpy as np

NUMBERS = (
    "0001-0050 0051-0100 0101-0200 0201-0300 0301-0350 0351-0400 0401-0486 0487-0500 "
    "0501-0550 0550-0625 0626-0635 0626-0700 0701-0720 0721-0730 0731-0731 0732-0758_bs "
    "0732-0758_mh 0759-0810 0811-0899 0900-0950 0951-0981 0981-1000 1001-1031 1031-1115 "
    "1116-1135_mh 1116-1135_ml 1136-1175 1176-1275 1276-1375 1376-1475 1476-1555 1556-1576 "
    "1556-1624 1577-1624 1625-1700 1701-1780 1710-1750 1781-1800 1801-1850"
)
METRES = ("6/8", "C|", "C", "3/4", "2/4", "4/4", "9/8", "3/8", "6/4", "12/8")
SHORTEST = 40  # characters of music
NOT_NOTES = r'"[^"]*"|\{[^}]*\}|![^!]*!|\+[^+]*\+'  # chord names, grace notes, decorations
MARKS = r"\((?!\d)|[)\s\\.~uvTMPHJLRS`$*-]"  # slurs, ties, bowings, and layout
CHORD = r"\[([_=^]*[A-Ga-g][,']*)[^\]0-9|]*\]"
BAR_LINES = r"[|:\[\]]+(?:\d(?:,\d)?)?"
LETTER = r"\(3|[A-Ga-gz,'^_=0-9/><|]"


def simplified(block: str) -> tuple[int, str, str] | None:
    """Return (number in the book, metre, text) of one tune in ABC notation, or None.

    Kept are notes, their lengths, rests, triplets and bar lines. Left out (None) are tunes that
    are not written in eighths, change key or metre, or use other signs.
    """
    number = re.match(r"X:\s*(\d+)", block)
    fields: dict[str, str] = {}
    lines: list[str] = []
    for line in block.splitlines():
        line = line.split("%")[0].strip()
        field = re.match(r"([A-Za-z]):(.*)", line)
        if field is None:
            lines.append(line)
            continue
        if any(lines) and field[1] in "KLM":
            return None
        fields.setdefault(field[1], field[2].strip())
    music = re.sub(NOT_NOTES, "", "".join(lines))
    if number is None or fields.get("L") != "1/8" or re.search(r"\[[A-Z]:", music):
        return None
    music = re.sub(CHORD, r"\1", re.sub(MARKS, "", music))
    music = re.sub(r"\|+", "|", re.sub(BAR_LINES, "|", music)).strip("|")
    metre, key = fields.get("M", ""), re.sub(r"\s", "", fields.get("K", ""))
    known = metre in METRES and re.fullmatch(r"[A-G][b#]?([A-Za-z]{1,3})?", key)
    if not known or re.sub(LETTER, "", music) or len(music) < SHORTEST:
        return None
    return int(number[1]), metre, f"K:{key}\n{music}|\n"


def _decode(files: Mapping[str, Path]) -> Arrays:
    found: dict[int, tuple[str, str]] = {}
    for role in sorted(files):
        text = files[role].read_text(encoding="utf-8")
        for block in re.split(r"(?m)^(?=X:)", text):
            if tune := simplified(block):
                found.setdefault(tune[0], tune[1:])  # some tunes are in two files
    first = {found[number]: number for number in sorted(found, reverse=True)}
    numbers = sorted(first.values())  # of tunes that are alike, letter by letter, the first
    metres = [METRES.index(found[number][0]) for number in numbers]
    whole = "\n".join(f"M:{found[number][0]}\n{found[number][1]}" for number in numbers)
    return {
        "number": np.array(numbers, dtype=np.int64),
        "metre": np.array(metres, dtype=np.int64),
        "text": np.frombuffer(whole.encode("ascii"), dtype=np.uint8),
    }


def _split(arrays: Arrays) -> Split:
    whole = arrays["text"].tobytes().decode("ascii")
    text = np.array([f"{tune.strip()}\n" for tune in whole.split("\n\n")])
    held_out, metre = arrays["number"] % 10 == 0, arrays["metre"]
    return Split(
        text[~held_out], metre[~held_out], text[held_out], metre[held_out], target_names=METRES
    )


ENTRY = Entry(
    name="tunes",
    title="Tunes of O'Neill's Music of Ireland",
    description=(
        "1,508 dance tunes and airs as text in ABC notation: X holds strings such as "
        "'M:6/8\\nK:G\\nGABc2d|...|\\n' (metre, key, then letters for notes in eighths), y the "
        "metre as a code. Kept are the tunes that are written in eighths without a change of key "
        "or metre; chords are reduced to one note, and repeats, grace notes, slurs, ties and "
        "ornaments are left out. Split: tunes whose number in the book ends with 0 are for "
        "testing. Tunes that are alike letter by letter are kept once; variants of a tune under "
        "another number remain."
    ),
    licence=(
        "the book (1903) is in the public domain; the transcriptions come with music21 by "
        "permission of the volunteers who made them"
    ),
    citation=(
        "F. O'Neill (1903). O'Neill's Music of Ireland. Lyon & Healy, Chicago. In ABC notation in "
        "the corpus of M. S. Cuthbert and C. Ariza (2010), music21: A toolkit for computer-aided "
        "musicology, ISMIR."
    ),
    homepage="https://github.com/cuthbertLab/music21/tree/master/music21/corpus/oneills1850",
    arrays={
        "number": ArraySpec((1508,), "int64"),
        "metre": ArraySpec((1508,), "int64"),
        "text": ArraySpec((252098,), "uint8"),
    },
    sha256="6f0c8d788ff820e0b8ecbe0b9d32100134e0ab57d3cf2c5f722f93567b0f70c5",
    sources=(
        PythonPackage(
            "music21",
            "10.5.1",
            sha256="dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1",
            size=20_118_992,
            members={name: f"music21/corpus/oneills1850/{name}.abc" for name in NUMBERS.split()},
        ),
        Urls(
            "https://raw.githubusercontent.com/cuthbertLab/music21/v9.1.0/music21/corpus/oneills1850/",
            {name: f"{name}.abc" for name in NUMBERS.split()},
            size=781_984,
        ),
    ),
    split=_split,
    decode=_decode,
)
