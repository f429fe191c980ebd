"""Figures argue with the numbers of the text around them.

Some of these tests read the built site: `nox -s tests` builds it meanwhile.
"""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from ownloss_site.drawn_figure import drawn

SITE = Path(__file__).parents[2] / "build" / "html"
TANGENT = "tangent-of-the-squared-error"
DESCENTS, FITS = "descents-of-a-gaussian", "fits-of-a-spectral-line"
DRAGGED = "draggable-figure-mse-loss"
DRAW = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"


def parsed(page):
    text = (SITE / f"{page}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def printed(example):
    """The lists of numbers that an example prints: those of its figures."""
    outputs = parsed(f"examples/{example}").select(".sphx-glr-script-out pre")
    text = "\n".join(output.get_text() for output in outputs)
    return [re.findall(r"-?\d+\.\d+", found) for found in re.findall(r"\[.*?\]", text)]


def test_the_weights_of_the_text_are_those_of_the_figure():
    text = parsed("guide/training-step").find("article").get_text()
    without, with_zero_grad = (
        numbers for numbers in printed("gradients/accumulation") if len(numbers) == 6
    )
    for numbers in (without, with_zero_grad):
        assert f"[{', '.join(numbers)}]" in text


def test_the_gradients_of_the_text_are_the_bars_of_the_figure():
    article = parsed("guide/backward").find("article")
    (bars,) = (n for n in printed("gradients/accumulation") if len(n) == 5)
    assert bars == ["12.0", "24.0", "12.0", "12.0", "18.0"]
    section = article.find(id="called-twice-it-doubles-the-gradient").get_text()
    for said in ("tensor(12.)", "tensor(24.)", "(1.0, 18.0)"):
        assert said in section


# What the page prints, and what the figure says of it in words.
@pytest.mark.parametrize(
    ("page", "name", "in_text", "in_figure"),
    [
        ("function", "vector-jacobian-product", "(tensor([[1., 2.],", "1, 2, 3, 4, g"),
        ("gradcheck", "central-difference", "[1.0000],\n", "numerical: slope 1.0"),
        ("gradcheck", "central-difference", "[ 4.],\n", "analytical: slope 4.0"),
        ("check", "returned-over-measured", "[ 2.],\n", "OwnLoss: from 2 to 16"),
        ("check", "returned-over-measured", "4x too large", "4 times what was"),
        ("derive", "chain-1", "12 from the upper one and 1 from the", "2, 12, loss"),
        ("derive", "chain-1", "(tensor(13.),)", "in all 13"),
        ("gradient", "gradient-field-2", "151.3", "highest 151 at 75"),
        ("gradient-of-a-loss", TANGENT, "tensor(4.)\n", "slope 4: from"),
        ("gradient-of-a-loss", TANGENT, "9.0000, tangent 8.0000", "gap of 1 at 4"),
        ("gradient-of-a-loss", TANGENT, "0.0000, tangent -4.0000", "gap of 4 at 1"),
        ("gradient-of-a-loss", DRAGGED, "tensor(4.)\n", "4.000, gradient 4.000"),
        ("slope", DRAGGED, "(4, 0, 9)", "prediction 5.0, loss 4.000, gradient 4.000"),
        ("scipy", FITS, "[1.5, 1.0, 1.28]", "1.5, gamma 1, area 1.28"),
        ("scipy", FITS, "[0.9, 0.5, 1.0]", "0.9, gamma 0.5, area 1"),
        ("module", DESCENTS, "(1.41, 5.9)", "height: from 1.41 to 5.9"),
        ("module", DESCENTS, "(0.0, 50.0)", "negative: from 50 to 50"),
    ],
)
def test_a_figure_of_the_guide_says_the_numbers_of_its_page(
    page, name, in_text, in_figure
):
    article = parsed(f"guide/{page}").find("article")
    figure = article.find(id=name)
    assert in_figure in f"{figure.img['alt']} {figure.get_text()}"
    for fold in article.find_all("details"):
        fold.decompose()
    assert in_text in article.get_text()


def test_lines_draw_with_what_the_page_defines():
    figure = drawn(f"{DRAW}ax.set_title(words)", ["words = 'as above'", "1 + 1"])
    assert figure.axes[0].get_title() == "as above"


@pytest.mark.parametrize(("source", "count"), [("x = 1", 0), (DRAW + DRAW, 2)])
def test_lines_that_do_not_draw_one_figure_are_refused(source, count):
    with pytest.raises(ValueError, match=rf"one figure, got {count}"):
        drawn(source)


def test_a_warning_of_the_lines_is_an_error():
    with pytest.raises(UserWarning, match="careful"):
        drawn(f"{DRAW}import warnings; warnings.warn('careful')")
