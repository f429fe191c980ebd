"""Figures argue with the numbers of the text around them.

Some of these tests read the built site: `nox -s tests` builds it before them.
"""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from ownloss_site.drawn_figure import drawn

SITE = Path(__file__).parents[2] / "build" / "html"
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
    ],
)
def test_a_figure_of_the_guide_says_the_numbers_of_its_page(
    page, name, in_text, in_figure
):
    article = parsed(f"guide/{page}").find("article")
    figure = article.find(id=name)
    assert in_figure in figure.img["alt"]
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
