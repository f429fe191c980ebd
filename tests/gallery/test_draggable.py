"""Figures to drag: every number that a reader can reach is torch's own."""

import dataclasses
import gzip
import itertools
import json
import pickle
import re
import shutil
from pathlib import Path

import matplotlib as mpl
import pytest
import torch
from bs4 import BeautifulSoup
from docutils import nodes

from gallery import look
from gallery.draggable import matrix
from gallery.draggable.line import POINTS, parse, quantity
from gallery.draggable.picture import still
from gallery.draggable.values import evaluate, payload, sentence
from ownloss import catalogue
from ownloss.catalogue import load
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


def read_back(written):
    """The values of a payload as the script of the page reads them."""
    figure = json.loads(written)
    rows = [list(itertools.accumulate(row)) for row in figure["rows"]]
    return figure, {
        line["label"]: [rows[number] for number in line["rows"]]
        for line in figure["lines"]
    }


def figure_of(text):
    call = parse(text)
    return call, *read_back(payload(call, evaluate(call)))


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
    call = parse(HUBER)
    assert sentence(call, evaluate(call)) == (
        "delta 1.0, prediction 2.0, loss 1.500, gradient 1.000"
    )


@pytest.mark.parametrize(
    ("low", "high", "step", "steps"),
    [(-4, 4, 0.1, 80), (-6, 14, 0.2, 100), (0, 1, 0.01, 100), (-5, 5, 0.1, 100)],
)
def test_steps_are_round_and_not_too_many(low, high, step, steps):
    found = quantity("x", low, high, low, POINTS)
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
        parse(text)
    assert said in str(caught.value)


def test_a_loss_that_is_no_value_a_point_or_not_finite_is_refused():
    with pytest.raises(ValueError, match="one value for each of 101 points"):
        evaluate(parse("cross_entropy(along(-1, 1, 0), 1.0)"))
    call = parse("mse_loss(along(-1, 1, 0), 0.0)")
    with pytest.raises(ValueError, match="not finite"):
        evaluate(dataclasses.replace(call, loss=lambda x, _: x.sqrt()))


@pytest.mark.parametrize(("where", "line"), list(declared()))
def test_every_figure_of_the_site_is_light_and_starts_between_its_ends(where, line):
    call, figure, lines = figure_of(line)
    written = payload(call, evaluate(call))
    assert len(gzip.compress(written.encode())) <= 5000, where
    low, high = figure["frame"]
    for rows in lines.values():
        for row in rows:
            assert low * 1000 < min(row)
            assert max(row) < high * 1000


def test_six_examples_and_three_pages_of_the_guide_have_one():
    names = {example.name for example in catalogue.examples()}
    examples = {where for where, _ in declared() if where in names}
    pages = {
        path.stem
        for path in (ROOT / "docs" / "guide").glob("*.md")
        if "```{draggable-" in path.read_text(encoding="utf-8")
    }
    assert len(examples) >= 6
    assert len(pages) >= 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 two", "expected numbers and blanks, got '1 two'"),
        ("1", "expected two to six targets, got 1"),
        ("1 2.3", "expected multiples of 0.5"),
    ],
)
def test_targets_that_cannot_be_read_say_what_was_expected(text, said):
    with pytest.raises(ValueError, match=said):
        matrix.read_targets(text)


def test_the_table_of_the_matrix_is_the_subtraction_of_torch():
    table, told = matrix.still([1.0, 2.0, 3.0, 4.0])
    rows = [
        [entry.astext() for entry in row.findall(nodes.entry)]
        for row in table.findall(nodes.row)
    ]
    assert rows[1] == ["1.0", "0.0", "-1.0", "-2.0", "-3.0", "-0.750", "0.000"]
    assert [row[-2] for row in rows[1:]] == ["-0.750", "-0.250", "0.250", "0.750"]
    assert told.astext() == "loss 2.500, meant: loss 0.000."


def test_two_runs_write_the_same_bytes():
    runs = []
    for _ in range(2):
        call = parse(HUBER)
        lines = evaluate(call)
        with mpl.rc_context(fname=look.LIGHT):
            svg = look.themed_svg(still(call, lines, "Huber"), "x")
        runs.append((payload(call, lines), svg))
    assert runs[0] == runs[1]


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
    expected = payload(parse(HUBER), evaluate(parse(HUBER)))
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


def test_the_page_is_written_anew_when_its_example_or_the_style_changes(
    site, monkeypatch
):
    site.build()
    # What Sphinx has pickled names the site's own extensions.
    monkeypatch.syspath_prepend(site.root / "docs" / "_extensions")
    pickled = (site.root / "doctrees" / "environment.pickle").read_bytes()
    depended = {Path(p).name for p in pickle.loads(pickled).dependencies["index"]}
    assert depended >= {
        "huber.py",
        "values.py",
        "ownloss.mplstyle",
        "index-draggable-figure-1.svg",
    }


def test_a_notebook_has_no_line_that_it_cannot_show(site):
    shutil.copy(catalogue.find("huber").path, site.topic)
    # Its relatives, which it links, are not here.
    assert "exit 0" in site.build("-D", "suppress_warnings=ref.doc")
    written = site.root / "docs" / "examples" / "robust"
    assert ".. draggable-figure::" in (written / "huber.rst").read_text()
    notebook = json.loads((written / "huber.ipynb").read_text())
    text = "".join(source for cell in notebook["cells"] for source in cell["source"])
    assert "draggable" not in text
    assert "Drag the point" not in text
    assert "Huber's loss stops at delta." in text
    assert "# The gradient saturates" in text


def test_a_book_has_the_still_picture_and_no_element_that_it_cannot_run(site):
    site.build("-b", "epub")
    text = (site.root / "html" / "index.xhtml").read_text(encoding="utf-8")
    assert "<draggable-figure" not in text
    assert "draggable-figure.js" not in text
    assert "loss 1.500, gradient 1.000." in text
    assert "index-draggable-figure-1.svg" in text


def test_a_wrong_line_fails_the_build_and_names_file_and_line(site):
    index = site.root / "docs" / "index.md"
    index.write_text(index.read_text().replace("along(-4, 4, 2)", "along(-4, 4)"))
    said = site.build()
    assert "exit 0" not in said
    assert "index.md:7: ERROR" in said
    assert "expected along(low, high, start) of numbers" in said
