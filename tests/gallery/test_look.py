"""Figures: legible on light and dark pages, alike in every run, told in words."""

import itertools
import warnings
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib import colors

from gallery import look


@pytest.fixture
def style():
    settings = {}
    look.reset(settings, "test.py", "before")
    yield
    look.reset(settings, "test.py", "after")
    mpl.rcdefaults()
    plt.close("all")


def draw():
    figure, axes = plt.subplots()
    x = np.linspace(-2, 2, 41)
    axes.plot(x, x**2, label="loss")
    axes.plot(x, 2 * x, label="its $gradient$")
    axes.set(xlabel="residual", ylabel="value", title="A parabola")
    axes.legend()
    return figure


def luminance(color):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in colors.to_rgb(color)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def palette(path):
    params = mpl.rc_params_from_file(path, use_default_template=False)
    cycle = params["axes.prop_cycle"].by_key()["color"]
    inks = ["text.color", "axes.labelcolor", "xtick.color", "ytick.color"]
    return params["axes.facecolor"], [*cycle, *(params[ink] for ink in inks)]


@pytest.mark.parametrize("path", [look.LIGHT, look.DARK])
def test_lines_and_letters_have_contrast_with_the_ground(path):
    ground, inks = palette(path)
    for ink in inks:
        assert contrast(ground, ink) >= 4.5, ink


# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("path", [look.LIGHT, look.DARK])
@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_first_three_colours_keep_apart_for_the_colour_blind(path, kind):
    seen = []
    for color in palette(path)[1][:3]:
        rgb = np.array(colors.to_rgb(color))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        mixed = np.clip(np.array(BLINDNESS[kind]) @ linear, 0, 1)
        seen.append(np.where(mixed <= 0.0031308, 12.92 * mixed, mixed ** (1 / 2.4)))
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 0.2


def test_every_light_colour_has_one_dark_partner():
    partners = look.dark_partners()
    light = mpl.rc_params_from_file(look.LIGHT, use_default_template=False)
    missing = {
        key
        for key, value in light.items()
        if isinstance(value, str)
        and key.endswith("color")
        and colors.is_color_like(value)
        and colors.to_hex(value) not in partners
    }
    assert not missing


def test_an_svg_carries_both_schemes_and_no_colour_outside_them(style):
    svg = look.themed_svg(draw(), "A parabola.")
    assert "@media screen and (prefers-color-scheme:dark)" in svg
    head, body = svg.split("</style>", 1)
    for light, dark in look.dark_partners().items():
        assert light not in body
        assert (light in head) == (f"{light};" in head)
        assert not (light in head and dark not in head)
    assert ElementTree.fromstring(svg).findtext("{*}title") == "A parabola."


def test_two_runs_draw_the_same_bytes(style):
    assert look.themed_svg(draw(), "x") == look.themed_svg(draw(), "x")


def test_a_figure_is_told_in_words(style):
    assert look.describe(draw()) == (
        "A parabola. value over residual. "
        "loss: from 4, lowest 0 at 0, to 4. its gradient: from -4 to 4."
    )


def test_a_drawing_without_axes_is_told_by_its_words(style):
    figure, axes = plt.subplots()
    axes.set_axis_off()
    axes.set_title("A chain")
    for word in ("w", "", "loss"):
        axes.text(0, 0, word)
    assert look.describe(figure) == "A chain. In it: w, loss."


def test_numbers_that_are_nothing_are_told_as_zero(style):
    figure, axes = plt.subplots()
    axes.plot([-1, 1e-9, 1], [1, 1e-16, 1], label="loss")
    assert look.describe(figure) == "loss: from 1, lowest 0 at 0, to 1."


def test_within_an_example_a_warning_is_an_error_and_the_seed_is_set():
    before, settings = warnings.filters[:], {}
    look.reset(settings, "test.py", "before")
    first = torch.rand(3)
    with pytest.raises(UserWarning, match="careful"):
        warnings.warn("careful", stacklevel=1)
    look.reset(settings, "test.py", "after")
    assert warnings.filters == before
    assert settings == {}, "Sphinx would keep it for the next build"
    look.reset(settings, "test.py", "before")
    assert torch.equal(first, torch.rand(3))
    look.reset(settings, "test.py", "after")
    mpl.rcdefaults()
