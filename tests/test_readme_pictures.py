"""The README's pictures are what tools/readme_pictures.py takes from the built book."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from tools import readme_pictures
from tools.build_site import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", readme_pictures.SCHEMES)
def test_a_picture_says_what_it_shows_and_is_small(scheme):
    path = readme_pictures.FOLDER / f"readme-{scheme}.png"
    assert path.stat().st_size <= readme_pictures.MOST_KB * 1024
    with Image.open(path) as image:
        assert image.size == readme_pictures.SIZE
        assert image.text["Source"] == readme_pictures.source(scheme), (
            "tools/readme_pictures.py was changed: run make readme-pictures"
        )


def test_light_and_dark_are_what_they_say():
    brightness = {}
    for scheme in readme_pictures.SCHEMES:
        with Image.open(readme_pictures.FOLDER / f"readme-{scheme}.png") as image:
            brightness[scheme] = image.convert("L").resize((1, 1)).getpixel((0, 0))
    assert brightness["light"] > 180 and brightness["dark"] < 80


def test_the_readme_shows_the_one_that_fits_with_words_for_who_cannot_see_it():
    picture = re.search(r"<picture>.*?</picture>", README, re.S)
    assert picture
    dark = 'media="(prefers-color-scheme: dark)" srcset="book/images/readme-dark.png"'
    assert dark in picture[0] and 'src="book/images/readme-light.png"' in picture[0]
    assert len(re.search(r'alt="([^"]+)"', picture[0])[1]) > 60


def test_a_packed_picture_keeps_its_size_and_its_source():
    image = Image.new("RGB", (40, 30), "navy")
    out = io.BytesIO()
    image.save(out, "PNG")
    with Image.open(io.BytesIO(readme_pictures.packed(out.getvalue(), "dark"))) as made:
        assert made.size == (40, 30)
        assert made.text["Source"] == readme_pictures.source("dark")
        assert made.convert("RGB").getpixel((0, 0)) == (0, 0, 128)


def test_without_a_book_the_program_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(readme_pictures, "Places", lambda: type("P", (), {"site": tmp_path}))
    monkeypatch.setattr("sys.argv", ["readme_pictures.py"])
    assert readme_pictures.main() == 1
    assert "make book" in capsys.readouterr().err
