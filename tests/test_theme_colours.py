"""The theme's colours: legible in light and dark, and apart for readers who see fewer colours."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from book.theme.typeset import assets

CSS = (assets.THEME / "static" / "css" / "tokens.css").read_text(encoding="utf-8")
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}
SCHEMES = ("light", "dark")
DATA = [f"c{n}" for n in range(6)]
TONES = ("blue", "violet", "red", "green", "amber")
# Machado, Oliveira and Fernandes (2009), A Physiologically-based Model for Simulation of Color
# Vision Deficiency, table 1, severity 1.0: linear RGB as seen by readers without one kind of cone.
SIGHT = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def linear(colour: str) -> np.ndarray:
    """Return a colour's red, green and blue light, 0 to 1 (sRGB, IEC 61966-2-1)."""
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lab(light: np.ndarray) -> np.ndarray:
    """Return CIELAB of linear sRGB light, white D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722],
                       [0.0193, 0.1192, 0.9505]])  # fmt: skip
    x = to_xyz @ np.clip(light, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, other: str, sight: str) -> float:
    """Return how far apart two colours look to such readers (Delta E, CIE 1976)."""
    seen = np.array(SIGHT[sight])
    return float(np.linalg.norm(lab(seen @ linear(one)) - lab(seen @ linear(other))))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("ink", ["ink", "soft", "accent", *TONES])
def test_text_is_legible_on_every_ground_it_stands_on(scheme, ink):
    grounds = ["paper", "wash", "wash-strong", "accent-wash"]
    if ink in TONES:
        grounds = ["paper", "wash", f"{ink}-wash"]
    for ground in grounds:
        assert contrast(TOKENS[ink][scheme], TOKENS[ground][scheme]) >= 4.5, ground


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", [*DATA, "line-strong"])
def test_data_and_borders_of_controls_stand_out_from_the_page(scheme, name):
    assert contrast(TOKENS[name][scheme], TOKENS["paper"][scheme]) >= 3


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_right_and_wrong_are_told_apart_without_red_and_green(scheme, sight):
    assert apart(TOKENS["red"][scheme], TOKENS["green"][scheme], sight) > 10


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_data_colours_stay_apart_for_colour_blind_readers(scheme, sight):
    for one, other in itertools.combinations(DATA, 2):
        assert apart(TOKENS[one][scheme], TOKENS[other][scheme], sight) > 13, (one, other)


def test_figures_are_drawn_in_the_light_colours_and_follow_the_theme():
    from book.theme.typeset.svg import COLOURS

    style = (assets.THEME.parents[1] / "course_utils" / "book.mplstyle").read_text()
    cycle = re.findall(r"'([0-9a-f]{6})'", style.partition("axes.prop_cycle")[2].split("\n")[0])
    assert [f"#{colour}" for colour in cycle] == [TOKENS[name]["light"] for name in DATA]
    assert [COLOURS[f"#{colour}"] for colour in cycle] == [f"var(--{name})" for name in DATA]
