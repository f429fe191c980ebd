"""Figures to drag, in a real browser: every number that they say is torch's."""

import itertools
import random
from pathlib import Path

import pytest
import torch

from gallery.draggable import matrix
from gallery.draggable.line import parse
from gallery.draggable.values import evaluate, payload, rounded
from ownloss.catalogue import load
from tests.docs.conftest import barriers
from tests.gallery.test_draggable import declared

ROOT = Path(__file__).parents[2]
HUBER = "examples/robust/huber.html"
MATRIX = "guide/training-step.html"
GUIDE = {path.stem for path in (ROOT / "docs" / "guide").glob("*.md")}
FIGURES = list(declared())
# Set the sliders of a figure, and return what it says then.
SAY = """(figure, settings) => settings.map((numbers) => {
    figure.quantities.forEach(({ input }, n) => { input.value = numbers[n]; });
    figure.update();
    return figure.output.textContent;
})"""


def address(where):
    """The page of a figure."""
    if where in GUIDE:
        return f"guide/{where}.html"
    (script,) = (ROOT / "src" / "examples").glob(f"*/{where}.py")
    return f"examples/{script.parent.name}/{where}.html"


def said(page):
    """What the first figure of the page says."""
    return page.locator("draggable-figure output").first.text_content()


def huber_said(prediction, delta=1.0):
    """What the figure of the example Huber has to say, by torch alone."""
    x = torch.tensor([prediction], dtype=torch.float64, requires_grad=True)
    loss = load("huber").huber(x, torch.zeros_like(x), delta)
    (gradient,) = torch.autograd.grad(loss, x)
    return (
        f"delta {delta:.1f}, prediction {prediction:.1f}, "
        f"loss {loss.item():.3f}, gradient {gradient.item():.3f}"
    )


def test_it_moves_by_keyboard_and_says_its_numbers(page):
    page.goto(HUBER)
    assert said(page) == huber_said(2.0)
    slider = page.get_by_role("slider", name="prediction")
    slider.focus()
    for _ in range(15):
        page.keyboard.press("ArrowLeft")
    assert said(page) == huber_said(0.5)
    assert slider.get_attribute("aria-valuetext") == "0.5"
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    assert said(page) == huber_said(0.5, 0.2)


def test_the_point_is_dragged_with_the_mouse(page):
    page.goto(HUBER)
    point = page.locator("draggable-figure circle.loss")
    point.scroll_into_view_if_needed()
    before = point.bounding_box()
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    frame = page.locator("draggable-figure clipPath rect")
    unit = float(frame.get_attribute("width")) / 8  # the axis is from -4 to 4
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - unit, y + 5, steps=5)
    assert said(page) == huber_said(1.0)
    page.mouse.move(x - 100 * unit, y, steps=2)
    page.mouse.up()
    assert said(page) == huber_said(-4.0)
    page.mouse.move(x, y)
    assert said(page) == huber_said(-4.0)
    assert page.get_by_role("slider", name="prediction").input_value() == "0"
    assert point.bounding_box()["x"] < before["x"]


def test_a_finger_sets_the_point_and_still_scrolls_the_page(browser, served):
    context = browser.new_context(
        base_url=served, has_touch=True, viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    page.goto(HUBER)
    drawing = page.locator("draggable-figure svg")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    width = float(page.locator("clipPath rect").first.get_attribute("width"))
    page.touchscreen.tap(box["x"] + 58 + width / 4, box["y"] + 100)
    assert said(page) == huber_said(-2.0)
    assert drawing.evaluate("svg => getComputedStyle(svg).touchAction") == "pan-y"
    context.close()


@pytest.mark.parametrize(("where", "line"), FIGURES, ids=[name for name, _ in FIGURES])
def test_the_numbers_are_torchs_at_hundreds_of_points(page, where, line):
    call = parse(line)
    lines = evaluate(call)
    quantities = [call.axis, *call.sliders]
    every = list(itertools.product(*(range(q.steps + 1) for q in quantities)))
    chosen = random.Random(0).sample(every, min(300, len(every)))
    page.goto(address(where))
    figure = page.locator("draggable-figure").first
    answers = figure.evaluate(SAY, [list(numbers) for numbers in chosen])
    for (at, *stops), answer in zip(chosen, answers, strict=True):
        setting = 0
        for slider, stop in zip(call.sliders, stops, strict=True):
            setting = setting * (slider.steps + 1) + stop
        told = [
            f"{q.name} {q.values[stop]:.{q.digits}f}"
            for q, stop in zip(call.sliders, stops, strict=True)
        ]
        told.append(f"{call.axis.name} {call.axis.values[at]:.{call.axis.digits}f}")
        told += [f"{x.label} {rounded(x.rows[setting][at]) / 1000:.3f}" for x in lines]
        assert answer == ", ".join(told)


def test_several_sliders_find_their_row(page):
    call = parse(
        "huber(along(-1, 1, 1, step=0.5), slider(0, 1, 0, step=0.5),"
        " delta=slider(0.2, 0.8, 0.4, step=0.2))"
    )
    page.goto(HUBER)
    figure = page.evaluate_handle(
        """written => {
            const figure = document.createElement("draggable-figure");
            figure.setAttribute("figure", written);
            document.querySelector("article").append(figure);
            return figure;
        }""",
        payload(call, evaluate(call)),
    )
    residual = -0.5 - 1.0  # the second point, the last target
    for stop, delta in enumerate((0.2, 0.4, 0.6, 0.8)):
        (answer,) = figure.evaluate(SAY, [[1, 2, stop]])
        assert answer.endswith(f"gradient {max(residual, -delta):.3f}")


def test_the_matrix_agrees_with_torch_at_hundreds_of_points(page):
    page.goto(MATRIX)
    figure = page.locator("draggable-matrix")
    choose = random.Random(0).randrange
    chosen = [[n % 2, *(choose(11) for _ in range(4))] for n in range(400)]
    answers = figure.evaluate(SAY, chosen)
    targets = [1.0, 2.0, 3.0, 4.0]
    for (shape, *stops), answer in zip(chosen, answers, strict=True):
        predictions = [stop / 2 for stop in stops]
        _, *moved = answer.split(", prediction ")
        *_, last = moved
        assert [float(m.split()[1].strip(",")) for m in moved] == predictions
        loss, gradient = matrix.loss_and_gradient(
            predictions, targets, careless=bool(shape)
        )
        meant, right = matrix.loss_and_gradient(predictions, targets, careless=False)
        shown = matrix.shown
        assert last.split(", ", 1)[1] == (
            f"loss {shown(loss)}, gradient {' '.join(map(shown, gradient))}, "
            f"meant: loss {shown(meant)}, gradient {' '.join(map(shown, right))}"
        )


def test_the_matrix_shows_who_is_compared_with_whom(page):
    page.goto(MATRIX)
    compared = page.locator("draggable-matrix td.met")
    assert compared.count() == 16
    page.get_by_role("slider", name="shape of the target").focus()
    page.keyboard.press("ArrowLeft")
    assert compared.count() == 4
    assert (
        "shape of the target (4, 1), "
        in page.locator("draggable-matrix output").text_content()
    )


def test_without_a_script_the_still_picture_and_its_numbers_stay(browser, served):
    context = browser.new_context(base_url=served, java_script_enabled=False)
    page = context.new_page()
    page.goto(HUBER)
    figure = page.locator("draggable-figure")
    figure.scroll_into_view_if_needed()
    assert figure.locator("img").is_visible()
    assert figure.locator("p").text_content() == huber_said(2.0) + "."
    page.goto(MATRIX)
    assert page.locator("draggable-matrix table").is_visible()
    context.close()


def test_with_a_script_the_still_picture_is_not_even_loaded(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(HUBER)
    figure = page.locator("draggable-figure")
    figure.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    assert not figure.locator("img").is_visible()
    assert [url for url in asked if "examples-robust-huber" in url] == []


def stroke(page):
    return page.locator("draggable-figure path.loss").evaluate(
        "path => getComputedStyle(path).stroke"
    )


@pytest.mark.parametrize("system", ["light", "dark"])
def test_it_follows_the_switch_of_the_theme(page, system):
    page.emulate_media(color_scheme=system)
    page.goto(HUBER)
    colors = {"light": "rgb(0, 94, 166)", "dark": "rgb(98, 181, 236)"}
    assert stroke(page) == colors[system]
    for theme, color in colors.items():
        page.evaluate("theme => { document.body.dataset.theme = theme; }", theme)
        assert stroke(page) == color


def test_on_paper_it_stands_as_it_was_left_in_the_colours_of_paper(page):
    page.emulate_media(color_scheme="dark")
    page.goto(HUBER)
    page.emulate_media(media="print")
    assert page.locator("draggable-figure svg").is_visible()
    assert not page.get_by_role("slider", name="prediction").is_visible()
    assert stroke(page) == "rgb(0, 94, 166)"


@pytest.mark.parametrize("where", [HUBER, MATRIX, "guide/backward.html"])
def test_it_fits_a_narrow_screen_and_a_finger(page, where):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(where)
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 320
    figure = page.locator("draggable-figure, draggable-matrix").first
    box = figure.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    for slider in figure.get_by_role("slider").all():
        assert slider.bounding_box()["height"] >= 24
        assert slider.bounding_box()["width"] >= 100


@pytest.mark.parametrize("where", [HUBER, MATRIX, "guide/backward.html"])
def test_axe_finds_nothing(page, where):
    page.emulate_media(reduced_motion="reduce")  # else a colour may be on its way
    page.goto(where)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert barriers(page, "draggable-figure, draggable-matrix") == [], scheme


def test_the_room_is_kept_before_the_script_is_there(page):
    page.route("**/draggable-figure.js*", lambda route: route.abort())
    page.goto(HUBER)
    assert page.locator("draggable-figure svg").count() == 0
    kept = page.locator("draggable-figure").bounding_box()["height"]
    page.unroute_all()
    page.goto(HUBER)
    assert page.locator("draggable-figure svg").count() > 0
    taken = page.locator("draggable-figure").bounding_box()["height"]
    assert abs(kept - taken) <= 8


def test_the_script_is_small():
    script = ROOT / "gallery" / "draggable" / "draggable-figure.js"
    assert len(script.read_bytes()) <= 10 * 1024
