"""Figures to drag: every number that a reader can reach is torch's own."""

import dataclasses
import gzip
import itertools
import json
import re
from pathlib import Path

import pytest
import torch
from bs4 import BeautifulSoup

from gallery import draggable
from ownloss import catalogue
from tests.conftest import load
from tests.gallery.test_build import Site

ROOT = Path(__file__).parents[2]
HUBER = "huber(along(-4, 4, 2), 0.0, delta=slider(0.2, 2, 1))"


def declared():
    """Every figure of the site: where it stands, and its line."""
    pages = [*(ROOT / "docs").glob("*/*.md"), *(ROOT / "src/examples").glob("*/*.py")]
    for path in sorted(pages):
        text = path.read_text(encoding="utf-8")
        for line in re.findall(r"^```\{draggable-figure\} (.+)$", text, re.MULTILINE):
            yield path.stem, line
        block = r"^# \.\. draggable-figure:: (.+(?:\n#    +.+)*)$"
        for lines in re.findall(block, text, re.MULTILINE):
            yield path.stem, re.sub(r"\n# +", " ", lines)


def read_back(payload):
    """The values of a payload as the script of the page reads them."""
    figure = json.loads(payload)
    rows = [list(itertools.accumulate(row)) for row in figure["rows"]]
    return figure, {
        line["label"]: [rows[number] for number in line["rows"]]
        for line in figure["lines"]
    }


def figure_of(text):
    call = draggable.parse(text)
    return call, *read_back(draggable.payload(call, draggable.evaluate(call)))


def doubles(values):
    return torch.tensor([float(value) for value in values], dtype=torch.float64)


def thousandths(values):
    return [round(value * 1000) for value in values.tolist()]


def test_values_are_those_of_the_example_at_every_point():
    _, figure, lines = figure_of(HUBER)
    axis, delta = figure["quantities"]
    huber = load("huber").huber
    points = 0
    for setting, value in enumerate(delta["values"]):
        x = doubles(axis["values"]).requires_grad_()
        loss = huber(x, torch.zeros_like(x), float(value), reduction="none")
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        assert lines["loss"][setting] == thousandths(loss)
        assert lines["gradient"][setting] == thousandths(gradient)
        points += len(x)
    assert points > 1000


def test_two_sliders_are_in_the_order_that_the_script_expects():
    _, figure, lines = figure_of(
        "huber(along(-1, 1, 1), slider(0, 1, 0, step=0.5),"
        " delta=slider(1, 1.6, 1, step=0.2))"
    )
    axis, target, delta = figure["quantities"]
    settings = itertools.product(target["values"], delta["values"])
    for setting, (y, d) in enumerate(settings):
        residual = doubles(axis["values"]) - float(y)
        expected = residual.clamp(-float(d), float(d))
        assert lines["gradient"][setting] == thousandths(expected)


def test_a_list_makes_logits_and_an_integer_a_class():
    _, figure, lines = figure_of(
        "focal([along(-5, 5, -2, name='margin'), 0.0], 0, gamma=slider(0, 5, 2))"
        " beside cross_entropy"
    )
    margin = doubles(figure["quantities"][0]["values"])
    plain = lines["gradient"][figure["quantities"][1]["values"].index("0.0")]
    assert plain == lines["gradient of cross entropy"][0]
    assert plain == thousandths(margin.sigmoid() - 1)


def test_grad_output_multiplies_the_derivative():
    _, figure, lines = figure_of(
        "mse_loss(along(-3, 3, 1), 0.0, grad_output=slider(-2, 2, 0.4))"
    )
    name = "grad_output times derivative"
    for setting, dial in enumerate(figure["quantities"][1]["values"]):
        x = doubles(figure["quantities"][0]["values"])
        assert lines[name][setting] == thousandths(2 * x * float(dial))
        assert lines["derivative"][setting] == thousandths(2 * x)
        assert lines["loss"][setting] == thousandths(x**2)


def test_the_sentence_says_where_the_figure_starts():
    call = draggable.parse(HUBER)
    assert draggable.sentence(call, draggable.evaluate(call)) == (
        "delta 1.0, prediction 2.0, loss 1.500, gradient 1.000"
    )


@pytest.mark.parametrize(
    ("low", "high", "step", "steps"),
    [(-4, 4, 0.1, 80), (-6, 14, 0.2, 100), (0, 1, 0.01, 100), (-5, 5, 0.1, 100)],
)
def test_steps_are_round_and_not_too_many(low, high, step, steps):
    found = draggable.quantity("x", low, high, low, draggable.POINTS)
    assert (found.step, found.steps) == (step, steps)
    assert found.values[0] == low
    assert found.values[-1] == high
    assert len(set(found.values)) == steps + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("huber", "expected a call of a loss by its name, got 'huber'"),
        ("huber(", "expected a call of a loss, got 'huber('"),
        ("hubr(along(-1, 1, 0))", "no example is named 'hubr'; the nearest: huber"),
        ("__import__('os')", "no example is named '__import__'"),
        ("huber(0.0, 0.0)", "expected one along(low, high, start), got 0"),
        (
            "huber(along(-1, 1, 0), along(-1, 1, 0))",
            "expected one along(low, high, start), got 2",
        ),
        (
            "huber(along(-1, 1, 0.005), 0.0)",
            "prediction starts at 0.005, expected one of the steps of 0.02",
        ),
        ("huber(along(1, -1, 0), 0.0)", "prediction must go up, got from 1 to -1"),
        (
            "huber(along(-1, 1, 0), 0.0, delta=slider(0.13, 1, 1))",
            "delta ends at 1, expected one of the steps of 0.05",
        ),
        ("huber(along(-1, 1), 0.0)", "expected along(low, high, start) of numbers"),
        ("huber(along(-1, 1, 0, stop=2), 0.0)", "along knows name and step, got stop"),
        ("huber(along(-1, 1, 0, step=0.001), 0.0)", "expected at most 100 of them"),
        ("huber(along(-1, 1, x), 0.0)", "expected along(low, high, start) of numbers"),
        ("huber(along(-1, 1, 0), zero)", "for target, got zero"),
        ("huber(along(-1, 1, 0), 0.0, gamma=1)", "and grad_output, got gamma"),
        (
            "huber(along(-1, 1, 0), 0.0, delta=[1.0])",
            "delta is named and so stays a number",
        ),
        (
            "huber(0.0, target=along(-1, 1, 0))",
            "target is named and so stays a number",
        ),
        (
            "huber(along(-1, 1, 0), slider(-1, 1, 0), delta=slider(0.1, 1, 1))",
            "expected a figure of at most 3000 points, got",
        ),
    ],
)
def test_a_line_that_cannot_be_read_says_what_was_expected(text, said):
    with pytest.raises((ValueError, LookupError)) as caught:
        draggable.parse(text)
    assert said in str(caught.value)


def test_a_loss_that_is_no_value_a_point_or_not_finite_is_refused():
    with pytest.raises(ValueError, match="one value for each of 101 points"):
        draggable.evaluate(draggable.parse("cross_entropy(along(-1, 1, 0), 1.0)"))
    call = draggable.parse("mse_loss(along(-1, 1, 0), 0.0)")
    with pytest.raises(ValueError, match="not finite"):
        draggable.evaluate(dataclasses.replace(call, loss=lambda x, _: x.sqrt()))


@pytest.mark.parametrize(("where", "line"), list(declared()))
def test_every_figure_of_the_site_is_light_and_starts_between_its_ends(where, line):
    call, figure, lines = figure_of(line)
    payload = draggable.payload(call, draggable.evaluate(call))
    assert len(gzip.compress(payload.encode())) <= 5000, where
    low, high = figure["frame"]
    for rows in lines.values():
        for row in rows:
            assert low * 1000 < min(row)
            assert max(row) < high * 1000


@pytest.mark.parametrize("name", ["huber"])
def test_examples_have_one(name):
    assert name in {where for where, _ in declared()}
    assert catalogue.find(name)


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    (site.root / "docs" / "index.md").write_text(
        "# Home\n\n```{toctree}\nexamples/index\n```\n\n"
        f"```{{draggable-figure}} {HUBER}\nDrag it.\n```\n"
    )
    return site


def home(site):
    html = (site.root / "html" / "index.html").read_text(encoding="utf-8")
    return BeautifulSoup(html, "html.parser")


def test_a_page_has_the_element_its_still_picture_and_its_sentence(site):
    said = site.build()
    assert "exit 0" in said, said
    figure = home(site).find("draggable-figure")
    expected = draggable.payload(
        draggable.parse(HUBER), draggable.evaluate(draggable.parse(HUBER))
    )
    assert figure["figure"] == expected
    picture = figure.find("img")
    assert "gradient: from -1 to 1" in picture["alt"]
    assert (site.root / "html" / picture["src"]).is_file()
    assert "loss 1.500, gradient 1.000." in figure.get_text()
    assert home(site).find("figcaption").get_text(strip=True).startswith("Drag it.")


def test_the_script_is_loaded_where_there_is_a_figure_and_nowhere_else(site):
    site.build()
    assert home(site).find("script", src=re.compile("draggable-figure"))
    assert "draggable-figure" not in site.page


def test_a_wrong_line_fails_the_build_and_names_file_and_line(site):
    index = site.root / "docs" / "index.md"
    index.write_text(index.read_text().replace("along(-4, 4, 2)", "along(-4, 4)"))
    said = site.build()
    assert "exit 0" not in said
    assert "index.md:7: ERROR" in said
    assert "expected along(low, high, start) of numbers" in said
