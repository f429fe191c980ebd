"""The graph of a loss with the numbers that flow: right numbers, readable picture.

The last tests read the built site: `nox -s tests` builds it meanwhile.
"""

import doctest
import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from bs4 import BeautifulSoup

from ownloss_site.gradient_flow import picture, trace
from tests.gallery import builds

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "docs" / "_extensions"

WORKBENCH = ROOT / "docs" / "practice" / "workbench"
PAGE = "practice/workbench/softmax-cross-entropy.html"
SVG = "{http://www.w3.org/2000/svg}"
FIGURE = re.compile(r"^```\{gradient-flow\}\n(?::[^\n]*\n)*\n?(.*?)^```$", re.M | re.S)
FORK = """\
a = torch.tensor([3.0, 4.0], requires_grad=True)
b = torch.tensor([4.0, 3.0], requires_grad=True)
twice = a * a
dot = a * b
c = torch.tensor([1.0, 2.0])
late = twice.sum() + (c * a).sum()
loss = late * dot.sum()
"""
# In the order of the lines, the ways from the first layer would cross.
CROSSED = """\
a = torch.tensor(1.0, requires_grad=True)
b = torch.tensor(2.0, requires_grad=True)
first = b.exp()
second = a.exp()
loss = first * second
"""
DRAWN = [
    *(
        lines
        for page in WORKBENCH.glob("*.md")
        for lines in FIGURE.findall(page.read_text())
    ),
    FORK,
    CROSSED,
]


def test_the_docstrings_are_right():
    assert doctest.testmod(trace).attempted > 5
    assert doctest.testmod(trace).failed == 0


@pytest.mark.parametrize("source", DRAWN)
def test_every_gradient_is_autograds(source):
    names = {"torch": torch}
    exec(source, names)
    lines = trace.trace(source)
    traced = [line for line in lines if line.value.requires_grad]
    gradients = torch.autograd.grad(
        names[lines[-1].name], [names[line.name] for line in traced]
    )
    for line, gradient in zip(traced, gradients, strict=True):
        assert torch.allclose(line.value.grad, gradient), line.name
        assert torch.equal(line.value, names[line.name]), line.name


@pytest.mark.parametrize("source", DRAWN)
def test_what_comes_back_adds_up_to_the_gradient(source):
    lines = trace.trace(source)
    for line in lines[:-1]:
        if line.value.requires_grad:
            parts = [u.uses[line.name].grad for u in lines if line.name in u.uses]
            assert torch.allclose(sum(parts), line.value.grad), line.name


def test_a_line_that_uses_a_tensor_twice_sends_back_both_at_once():
    a, _, twice, *_ = trace.trace(
        FORK.replace("loss = ", "last = ") + "loss = last + 0"
    )
    assert torch.allclose(twice.uses["a"].grad, 2 * a.value * 24)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = torch.ones(2, requires_grad=True)\ny = 2 * x", "must be one number"),
        ("x = torch.ones(())", "requires_grad=False"),
        ("a, b = torch.ones(2)", "one name on the left"),
        ("a = b = torch.ones(2)", "one name on the left"),
        ("a = torch.ones(2)\na = 2 * a", "a name again"),
        ("print()", "got none"),
    ],
)
def test_lines_that_cannot_be_drawn_are_refused_in_words(source, said):
    with pytest.raises(ValueError, match=said):
        trace.trace(source)


def rectangles(svg):
    """Left, top, right and bottom of each frame and each text of a picture."""
    for tag in ElementTree.fromstring(svg).iter():
        if tag.tag == f"{SVG}rect":
            x, y, width, height = (
                float(tag.get(k)) for k in ("x", "y", "width", "height")
            )
            yield "frame", x, y, x + width, y + height
        elif tag.tag == f"{SVG}text" and tag.get("class") is not None:
            x, y = float(tag.get("x")), float(tag.get("y"))
            yield "text", x, y - 10, x + picture.LETTER * len(tag.text), y + 2


def overlap(one, other):
    return (
        one[1] < other[3]
        and other[1] < one[3]
        and one[2] < other[4]
        and other[2] < one[4]
    )


@pytest.mark.parametrize("source", DRAWN)
def test_nothing_lies_upon_anything_else_and_all_is_within_the_picture(source):
    svg = picture.draw(trace.trace(source), "x")
    found = list(rectangles(svg))
    frames = [each for each in found if each[0] == "frame"]
    texts = [each for each in found if each[0] == "text"]
    assert not [pair for pair in combinations(frames, 2) if overlap(*pair)]
    assert not [pair for pair in combinations(texts, 2) if overlap(*pair)]
    for text in texts:  # within a frame, or free of all
        touched = [frame for frame in frames if overlap(text, frame)]
        assert len(touched) <= 1
        for _, left, top, right, bottom in touched:
            assert left <= text[1]
            assert text[3] <= right
            assert top <= text[2]
            assert text[4] <= bottom
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(
        x >= 0 and right <= width and bottom <= height
        for _, x, _, right, bottom in found
    )


def crossings(layers):
    """Count the ways from a layer to the next that cross."""
    found = 0
    for layer in layers:
        ways = [(box.x, other.x) for box in layer for other, _ in box.below]
        found += sum(a < c and b > d for a, b in ways for c, d in ways)
    return found


def test_ways_that_need_not_cross_do_not_cross(monkeypatch):
    layers = picture.layers_of(trace.trace(CROSSED))
    picture.arrange(layers)
    assert crossings(layers) == 0
    monkeypatch.setattr(picture, "SORTING", 0)
    picture.arrange(layers)
    assert crossings(layers) > 0, "nothing had to be sorted"


def test_two_runs_draw_the_same():
    assert picture.draw(trace.trace(FORK), "x") == picture.draw(trace.trace(FORK), "x")


def build(folder, page):
    """Build a site of one page; return what was said, and the page."""
    docs = folder / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(f"# A page\n\n{page}")
    (docs / "conf.py").write_text(
        f"import sys\nsys.path[:0] = {[str(ROOT), str(EXTENSIONS)]!r}\n"
        "from ownloss_site import exercises, gradient_flow\n"
        'extensions = ["myst_parser"]\nhtml_theme = "basic"\n'
        "def setup(app):\n"
        '    app.add_directive("gradient-flow", gradient_flow.GradientFlow)\n'
        "    for node, visitors in exercises.NODES.items():\n"
        "        app.add_node(node, html=visitors)\n"
    )
    _, _, errors = builds.sphinx("-q", "-n", "-W", "docs", "html", cwd=folder)
    built = folder / "html" / "index.html"
    html = built.read_text(encoding="utf-8") if built.exists() else ""
    return errors, BeautifulSoup(html, "html.parser")


def test_a_page_shows_the_lines_the_picture_and_a_table_of_all_numbers(tmp_path):
    said, page = build(
        tmp_path, f"```{{gradient-flow}}\n:caption: What `a` gets.\n\n{FORK}```\n"
    )
    assert said == ""
    assert page.find("pre").get_text().strip() == FORK.strip()
    assert page.find("figcaption").get_text().strip().startswith("What a gets.")
    drawn = page.select_one("figure svg[role=img]")
    assert "from a, b, c" in drawn["aria-label"]
    rows = {
        row.find("td").get_text(): [cell.get_text() for cell in row.find_all("td")]
        for row in page.select("details tbody tr")
    }
    assert rows["c"][2] == "none"
    assert rows["dot = a * b"] == ["dot = a * b", "[12, 12]", "[36, 36]"]
    assert rows["a"][2] == (
        "[312, 348], which is [144, 192] from twice + [144, 108] from dot"
        " + [24, 48] from late"
    )
    assert not page.select("figure script, figure [onclick]")


def test_lines_that_raise_fail_the_build_with_what_they_raised(tmp_path):
    said, _ = build(tmp_path, "```{gradient-flow}\nloss = nonsense\n```\n")
    assert "NameError: name 'nonsense' is not defined" in said


def test_on_a_narrow_screen_the_picture_scrolls_in_its_box(page):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(PAGE)
    box = page.locator(".gradient-flow").first
    assert box.evaluate("e => e.scrollWidth > e.clientWidth && e.tabIndex === 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_can_be_read_on_light_and_on_dark(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(PAGE)
    for kind in ("name", "value", "gradient"):
        text = page.locator(f".gradient-flow .{kind}").first
        colour = text.evaluate("e => getComputedStyle(e).fill")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert contrast(colour, ground) >= 4.5, kind


def contrast(one, other):
    """The contrast of two colours, as WCAG has it."""
    bright, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(map(lambda w, c: w * c, (0.2126, 0.7152, 0.0722), linear))


def test_on_paper_the_whole_picture_is_there(page):
    page.goto(PAGE)
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(media="print")
    box = page.locator(".gradient-flow").first
    assert box.evaluate("e => e.scrollWidth <= e.clientWidth")
