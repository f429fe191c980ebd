"""Figures that a reader can drag: a loss, its gradient and its tangent at a point.

One line declares one, in the guide's pages as in the text of an example::

    .. draggable-figure:: huber(along(-4, 4, 2), 0.0, delta=slider(0.2, 2, 1))

       Drag the point beyond delta, and see the gradient stop.

It is a call of a loss: an example of the gallery, or a function of
``torch.nn.functional``. ``along(low, high, start)`` is what the reader drags along the
axis, ``slider(low, high, start)`` what a slider sets; both take ``name`` and ``step``
if the parameter's name and a round step will not do. A positional number becomes a
tensor of the shape of the axis, of integers if it is one; a list makes the columns of
logits; a named argument stays a number. ``grad_output=slider(...)`` is the gradient
that arrives from what follows the loss. ``... beside cross_entropy`` draws the gradient
of another loss of the same tensors.

torch computes all values while the page is built, at every point that the reader can
reach, so each number on the page is torch's own. The script that lets them move,
``docs/_static/draggable-figure.js``, looks them up.
"""

import ast
import functools
import html
import inspect
import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from docutils import nodes
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from gallery import look
from gallery.proof import load
from ownloss import catalogue

SCRIPT = "draggable-figure.js"
POINTS = 100
"""Steps along the axis at most: about as many as a finger can tell apart."""
STOPS = 20
"""Steps of a slider at most."""
HEAVIEST = 3000
"""Points of all curves of a figure: each costs the reader about a byte."""
DIGITS = 3
"""Digits of a value after its point."""
UPSTREAM = "grad_output"


@dataclass(frozen=True)
class Quantity:
    """A number that the reader moves, in steps that a decimal number counts.

    Attributes:
        name: What the page calls it.
        low: The least value.
        step: From one value to the next.
        steps: How many steps there are.
        start: The number of the value that the page shows first.
        digits: How many digits after the point its values have.
    """

    name: str
    low: float
    step: float
    steps: int
    start: int
    digits: int

    @property
    def values(self) -> list[float]:
        """All values, the least first."""
        return [
            round(self.low + n * self.step, self.digits) for n in range(self.steps + 1)
        ]

    @property
    def shown(self) -> str:
        """The name and the first value as the page shows it."""
        return f"{self.name} {self.values[self.start]:.{self.digits}f}"


def quantity(
    name: str,
    low: float,
    high: float,
    start: float,
    most: int,
    step: float | None = None,
) -> Quantity:
    """Divide a range into steps, unless said of 1, 2 or 5 units of a decimal place.

    Args:
        name: What the page calls the quantity.
        low: The least value.
        high: The largest value.
        start: The value that the page shows first, one of the steps.
        most: How many steps there may be.
        step: From one value to the next; the smallest round number unless said.

    Returns:
        The quantity.

    Raises:
        ValueError: The range is empty, is no whole number of steps or of too many, or
            ``start`` is none of them.

    >>> quantity("delta", 0.2, 2, 1, most=20).values[:4]
    [0.2, 0.3, 0.4, 0.5]
    >>> quantity("delta", 0.2, 2, 0.75, most=20)
    Traceback (most recent call last):
    ValueError: delta starts at 0.75, expected one of the steps of 0.1 from 0.2 to 2
    """
    if not low < high:
        raise ValueError(f"{name} must go up, got from {low:g} to {high:g}")
    least = (high - low) / most * (1 - 1e-9)
    if step is None:
        power = math.floor(math.log10(least))
        round_numbers = (
            float(f"{unit}e{exponent}")
            for exponent in (power, power + 1)
            for unit in (1, 2, 5)
        )
        step = next(number for number in round_numbers if number >= least)
    if step < least:
        raise ValueError(
            f"{name} has steps of {step:g}, expected at most {most} of them, so "
            f"{(high - low) / most:g} or more"
        )
    steps, first = round((high - low) / step), round((start - low) / step)
    for does, given, n in (("ends", high, steps), ("starts", start, first)):
        if not math.isclose(low + n * step, given, abs_tol=1e-9) or not 0 <= n <= steps:
            raise ValueError(
                f"{name} {does} at {given:g}, expected one of the steps of {step:g} "
                f"from {low:g} to {high:g}"
            )
    places = (-Decimal(f"{number:g}").as_tuple().exponent for number in (low, step))
    return Quantity(name, float(low), step, steps, first, max(1, *places))


Argument = int | float | Quantity | list["Argument"]


@dataclass(frozen=True)
class Call:
    """What the one line says: a loss, and what it is called with.

    Attributes:
        name: The name of the loss.
        loss: The loss.
        positional: Its tensors: numbers, quantities, or lists of them.
        named: Its other arguments: numbers or quantities.
        axis: What is dragged along the axis.
        sliders: What is set by sliders, in their order.
        beside: The name of another loss of the same tensors, and that loss.
        sources: The files that it was read from.
    """

    name: str
    loss: Callable[..., torch.Tensor]
    positional: list[Argument]
    named: dict[str, Argument]
    axis: Quantity
    sliders: list[Quantity]
    beside: tuple[str, Callable[..., torch.Tensor]] | None
    sources: list[Path]


def find_loss(name: str) -> tuple[Callable[..., torch.Tensor], list[Path]]:
    """Find a loss by its name, in the gallery or in torch.

    Args:
        name: The name of an example, or of a function of ``torch.nn.functional``.

    Returns:
        The loss, and the file that it was read from if it is an example.

    Raises:
        LookupError: There is none of this name; the nearest examples are given.
    """
    try:
        example = catalogue.find(name)
    except LookupError as error:
        found = getattr(torch.nn.functional, name, None)
        if name.startswith("_") or not callable(found):
            raise LookupError(
                f"{error}; torch.nn.functional has none, either"
            ) from None
        return found, []
    return getattr(load(example), name), [example.path]


def parse(text: str) -> Call:
    """Read the line that declares a figure.

    Args:
        text: A call of a loss, and perhaps ``beside`` and the name of another.

    Returns:
        What it says.

    Raises:
        ValueError: It is no such call; what was given and what was expected is said.
        LookupError: There is no loss of that name.
    """
    text = " ".join(text.split())
    expression, _, beside = text.partition(" beside ")
    try:
        call = ast.parse(expression, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"expected a call of a loss, got {text!r}: {error}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError(f"expected a call of a loss by its name, got {text!r}")
    name = call.func.id
    loss, sources = find_loss(name)
    rival = None
    if beside:
        rival = beside, find_loss(beside)[0]
        sources += find_loss(beside)[1]
    axes: list[Quantity] = []
    sliders: list[Quantity] = []
    expected = list(inspect.signature(loss).parameters)
    if len(call.args) > len(expected):
        raise ValueError(f"{name} takes {expected}, got {len(call.args)} arguments")
    argument = functools.partial(_argument, axes=axes, sliders=sliders)
    positional = [
        argument(node, name) for name, node in zip(expected, call.args, strict=False)
    ]
    named: dict[str, Argument] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in [*expected, UPSTREAM]:
            raise ValueError(
                f"{name} takes {expected} and {UPSTREAM}, got {keyword.arg or '**'}"
            )
        named[keyword.arg] = argument(keyword.value, keyword.arg)
        if isinstance(named[keyword.arg], list) or any(
            named[keyword.arg] is axis for axis in axes
        ):
            raise ValueError(
                f"{keyword.arg} is named and so stays a number: expected one or a "
                f"slider, got {ast.unparse(keyword.value)}"
            )
    if len(axes) != 1:
        raise ValueError(
            f"expected one along(low, high, start), got {len(axes)} in {text!r}"
        )
    points = (axes[0].steps + 1) * math.prod(slider.steps + 1 for slider in sliders)
    if points > HEAVIEST:
        raise ValueError(
            f"expected a figure of at most {HEAVIEST} points, got {points}: leave out "
            f"a slider, or take longer steps"
        )
    return Call(name, loss, positional, named, axes[0], sliders, rival, sources)


def _argument(
    node: ast.expr, name: str, axes: list[Quantity], sliders: list[Quantity]
) -> Argument:
    """Read one argument; note the quantities in it."""
    match node:
        case ast.List(elts=columns):
            return [_argument(column, name, axes, sliders) for column in columns]
        case ast.Call(func=ast.Name(id="along" | "slider" as kind)):
            most, kept = (POINTS, axes) if kind == "along" else (STOPS, sliders)
            try:
                low, high, start = map(ast.literal_eval, node.args)
                options = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
                name, step = options.pop("name", name), options.pop("step", None)
            except ValueError as error:
                raise ValueError(
                    f"expected {kind}(low, high, start) of numbers, got "
                    f"{ast.unparse(node)}"
                ) from error
            if options:
                raise ValueError(
                    f"{kind} knows name and step, got {', '.join(map(str, options))}"
                )
            kept.append(quantity(name, low, high, start, most, step))
            return kept[-1]
    try:
        number = ast.literal_eval(node)
    except ValueError:
        number = None
    if not isinstance(number, int | float):
        raise ValueError(
            f"expected a number, a list, along(...) or slider(...) for {name}, got "
            f"{ast.unparse(node)}"
        )
    return number


@dataclass(frozen=True)
class Line:
    """A line of the figure: its values along the axis, for each setting of the sliders.

    Attributes:
        label: What it is.
        rows: For each setting, the last slider the fastest, the values along the axis.
    """

    label: str
    rows: list[list[float]]


def settings(call: Call) -> Iterator[dict[Quantity, float]]:
    """Go through every setting of the sliders, the last slider the fastest."""
    for values in itertools.product(*(slider.values for slider in call.sliders)):
        yield dict(zip(call.sliders, values, strict=True))


def evaluate(call: Call) -> list[Line]:
    """Let torch compute every value that the reader can reach.

    Args:
        call: What the line of the figure says.

    Returns:
        The loss; its gradient, or what its backward hands on where ``grad_output``
        moves, with the derivative as a third; and the gradient of the other loss.

    Raises:
        ValueError: The loss refuses its arguments, or does not return one finite value
            for each point.
    """
    upstream = UPSTREAM in call.named
    gradient = f"{UPSTREAM} times derivative" if upstream else "gradient"
    lines = [Line("loss", []), Line(gradient, [])]
    if upstream:
        lines.append(Line("derivative", []))
    if call.beside:
        lines.append(Line(f"gradient of {call.beside[0].replace('_', ' ')}", []))
    for setting in settings(call):
        named = {
            name: setting[value] if isinstance(value, Quantity) else value
            for name, value in call.named.items()
        }
        arrives = named.pop(UPSTREAM, 1.0)
        loss, derivative = loss_and_gradient(call, call.loss, setting, named, 1.0)
        rows = [loss, derivative]
        if upstream:
            rows[1:1] = loss_and_gradient(call, call.loss, setting, named, arrives)[1:]
        if call.beside:
            rows += loss_and_gradient(call, call.beside[1], setting, {}, 1.0)[1:]
        for line, row in zip(lines, rows, strict=True):
            line.rows.append(row)
    return lines


def loss_and_gradient(
    call: Call,
    loss: Callable[..., torch.Tensor],
    setting: dict[Quantity, float],
    named: dict[str, Any],
    grad_output: float,
) -> tuple[list[float], list[float]]:
    """Compute a loss and what its backward hands on, at each point of the axis.

    Args:
        call: What the line of the figure says; gives the tensors.
        loss: The loss to call with them.
        setting: The values of the sliders.
        named: The other arguments.
        grad_output: What arrives from what follows the loss.

    Returns:
        The values and the gradients.

    Raises:
        ValueError: The loss refuses the arguments, or does not return one finite value
            for each point.
    """
    axis = torch.tensor(call.axis.values, dtype=torch.float64, requires_grad=True)

    def tensor(argument: Argument) -> torch.Tensor:
        if isinstance(argument, list):
            return torch.stack([tensor(column) for column in argument], dim=1)
        if argument is call.axis:
            return axis
        value = setting[argument] if isinstance(argument, Quantity) else argument
        dtype = torch.int64 if isinstance(value, int) else axis.dtype
        return torch.full_like(axis, value, dtype=dtype, requires_grad=False)

    if "reduction" in inspect.signature(loss).parameters:
        named = {**named, "reduction": "none"}
    values = loss(*(tensor(argument) for argument in call.positional), **named)
    if values.shape != axis.shape:
        raise ValueError(
            f"{call.name} must return one value for each of {len(axis)} points, got "
            f"shape {tuple(values.shape)}"
        )
    arriving = torch.full_like(values, grad_output)
    (gradient,) = torch.autograd.grad(values, axis, arriving)
    if not (values.isfinite().all() and gradient.isfinite().all()):
        raise ValueError(f"{call.name} is not finite at {setting}, choose other ends")
    return values.tolist(), gradient.tolist()


def frame(lines: list[Line]) -> tuple[float, float]:
    """Find the ends of the vertical axis: all lines fit in, and zero.

    Args:
        lines: The lines of the figure.

    Returns:
        The lower and the upper end.
    """
    values = [0.0, *(value for line in lines for row in line.rows for value in row)]
    low, high = min(values), max(values)
    room = (high - low) * 0.04
    return low - room, high + room


def ticks(low: float, high: float) -> list[float]:
    """Choose the ticks of an axis as matplotlib does.

    Args:
        low: One end.
        high: The other.

    Returns:
        Round numbers between the ends.
    """
    found = MaxNLocator(nbins=8, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [round(tick, 6) for tick in found.tolist() if low <= tick <= high]


def rounded(value: float) -> int:
    """Round a value to the digits that are shown, as a whole number of them."""
    return round(value * 10**DIGITS)


def payload(call: Call, lines: list[Line]) -> str:
    """Write down all values for the script of the page, rounded and short.

    A row is written as the differences of whole numbers (thousandths), and a row that
    occurs twice is written once.

    Args:
        call: What the line of the figure says.
        lines: The values.

    Returns:
        JSON.
    """
    rows: dict[tuple[int, ...], int] = {}

    def place(row: list[float]) -> int:
        whole = [rounded(value) for value in row]
        steps = whole[:1] + [b - a for a, b in itertools.pairwise(whole)]
        return rows.setdefault(tuple(steps), len(rows))

    written = [
        {"label": line.label, "rows": [place(row) for row in line.rows]}
        for line in lines
    ]
    low, high = frame(lines)
    return json.dumps(
        {
            "quantities": [
                {
                    "name": quantity.name,
                    "values": [f"{v:.{quantity.digits}f}" for v in quantity.values],
                    "start": quantity.start,
                }
                for quantity in (call.axis, *call.sliders)
            ],
            "lines": written,
            "rows": list(rows),
            "digits": DIGITS,
            "slope": 2 if UPSTREAM in call.named else 1,
            "frame": [round(low, 4), round(high, 4)],
            "ticks": [
                ticks(call.axis.values[0], call.axis.values[-1]),
                ticks(low, high),
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def sentence(call: Call, lines: list[Line]) -> str:
    """Say the numbers of the figure where it starts.

    Args:
        call: What the line of the figure says.
        lines: The values.

    Returns:
        The quantities, and the values of the lines.
    """
    setting = 0
    for slider in call.sliders:
        setting = setting * (slider.steps + 1) + slider.start
    told = [quantity.shown for quantity in (*call.sliders, call.axis)]
    told += [
        f"{line.label} "
        f"{rounded(line.rows[setting][call.axis.start]) / 10**DIGITS:.{DIGITS}f}"
        for line in lines
    ]
    return ", ".join(told)


def still(call: Call, lines: list[Line], title: str) -> Figure:
    """Draw the figure where it starts, for paper and for readers without JavaScript.

    Args:
        call: What the line of the figure says.
        lines: The values.
        title: What the loss is called.

    Returns:
        The figure, in the style of the gallery.
    """
    setting = 0
    for slider in call.sliders:
        setting = setting * (slider.steps + 1) + slider.start
    x = call.axis.values
    at = call.axis.start
    loss, gradient, *others = (line.rows[setting] for line in lines)
    slope = others[0] if UPSTREAM in call.named else gradient
    figure = Figure()
    axes: Axes = figure.subplots()
    axes.plot(x, loss, label="loss")
    axes.plot(x, gradient, label=lines[1].label)
    for line, row in zip(lines[2:], others, strict=True):
        axes.plot(x, row, "C2--", label=line.label)
    reach = (x[-1] - x[0]) * 0.2
    ends = [x[at] - reach, x[at] + reach]
    heights = [loss[at] - reach * slope[at], loss[at] + reach * slope[at]]
    axes.plot(ends, heights, "C1--", linewidth=1.8)
    axes.plot([x[at]] * 2, [loss[at], gradient[at]], "C5:", linewidth=1.2)
    axes.plot(x[at], gradient[at], "C1o")
    axes.plot(x[at], loss[at], "C0o", markersize=9)
    axes.set(xlabel=call.axis.name, ylabel="loss and gradient")
    axes.set(xticks=ticks(x[0], x[-1]), yticks=ticks(*frame(lines)))
    axes.set(xlim=(x[0], x[-1]), ylim=frame(lines))
    axes.set_title(", ".join([title, *(slider.shown for slider in call.sliders)]))
    axes.legend()
    return figure


class draggable_figure(nodes.General, nodes.Element):  # noqa: N801 - docutils' way
    """A figure to drag; its children are the still picture and its sentence."""


class DraggableFigure(SphinxDirective):
    """Show a loss, its gradient and its tangent at a point that the reader drags.

    The argument is a call of the loss, the content a caption that says what to try.
    """

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Build the figure."""
        for path in (Path(__file__), look.LIGHT, look.DARK):
            self.env.note_dependency(str(path))
        try:
            call = parse(self.arguments[0])
            for source in call.sources:
                self.env.note_dependency(str(source))
            torch.set_num_threads(1)
            lines = evaluate(call)
        except (ValueError, LookupError, TypeError, RuntimeError) as error:
            raise self.error(f"{self.name}: {error}") from error
        title = catalogue.find(call.name).title if call.sources else call.name
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.style.use(look.LIGHT)
            figure = still(call, lines, title)
            said = look.describe(figure)
            svg = look.themed_svg(figure, said)
            width, height = (
                str(round(inches * look.CSS_PIXELS_PER_INCH))
                for inches in figure.get_size_inches()
            )
        image = nodes.image(
            uri=self.save(svg), alt=said, loading="lazy", width=width, height=height
        )
        self.set_source_info(image)
        numbers = nodes.paragraph("", f"{sentence(call, lines)}.")
        moved = draggable_figure("", image, numbers)
        moved["title"], moved["payload"] = title, payload(call, lines)
        moved["sliders"] = len(call.sliders)
        content = self.parse_text_to_nodes("\n".join(self.content))
        caption = nodes.caption("", "", *(content[0].children if content else []))
        return [nodes.figure("", moved, *([caption] if content else []))]

    def save(self, svg: str) -> str:
        """Write the still picture where the gallery's pictures are, and name it."""
        number = self.env.new_serialno("draggable-figure") + 1
        name = f"{self.env.docname.replace('/', '-')}-{number}.svg"
        uri = f"/{self.config.sphinx_gallery_conf['gallery_dirs']}/draggable/{name}"
        _, path = self.env.relfn2path(uri)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(svg, encoding="utf-8")
        self.env.note_dependency(path)  # it is thrown away with the gallery's pages
        return uri


@functools.cache
def palette() -> str:
    """Write the colours of the gallery's style as CSS variables, for both schemes."""
    style = mpl.rc_params_from_file(look.LIGHT, use_default_template=False)
    cycle = style["axes.prop_cycle"].by_key()["color"]
    colors = {
        "loss": cycle[0],
        "gradient": cycle[1],
        "rival": cycle[2],
        "hint": cycle[5],
        "ground": style["axes.facecolor"],
        "edge": style["axes.edgecolor"],
        "tick": style["xtick.color"],
        "ink": style["text.color"],
        "grid": style["grid.color"],
    }
    partners = look.dark_partners()
    hexes = {name: mpl.colors.to_hex(color) for name, color in colors.items()}
    return ";".join(
        f"--{name}:light-dark({color},{partners[color]})"
        for name, color in hexes.items()
    )


def visit(self: HTML5Translator, node: draggable_figure) -> None:
    """Open the custom element, around the picture that stays if no script runs."""
    if self.builder.embedded:  # a book runs no script
        self.body.append("<div>")
        return
    style = f"{palette()};--sliders:{node['sliders']}"
    attributes = {"label": node["title"], "figure": node["payload"], "style": style}
    written = "".join(
        f" {name}='{html.escape(value, quote=False).replace(chr(39), '&#39;')}'"
        for name, value in attributes.items()
    )
    self.body.append(f"<draggable-figure{written}>\n")


def depart(self: HTML5Translator, _node: draggable_figure) -> None:
    """Close it."""
    name = "div" if self.builder.embedded else "draggable-figure"
    self.body.append(f"</{name}>\n")


def pass_over(_self: Any, _node: nodes.Element) -> None:
    """Write nothing around the picture and its sentence."""


def add_script(
    app: Sphinx,
    _page: str,
    _template: str,
    _context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Load the script on the pages that have such a figure, and on no other."""
    if doctree is not None and next(doctree.findall(draggable_figure), None):
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app: Sphinx) -> None:
    """Register the directive with Sphinx.

    Args:
        app: The Sphinx application.
    """
    around = pass_over, pass_over
    app.add_node(
        draggable_figure, html=(visit, depart), text=around, latex=around, man=around
    )
    app.add_directive("draggable-figure", DraggableFigure)
    app.connect("html-page-context", add_script)
