"""The still picture of a figure, and the colours of the one that moves."""

import functools

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gallery import look
from gallery.draggable.line import UPSTREAM, Call
from gallery.draggable.values import Line, frame, start_of, ticks


def still(call: Call, lines: list[Line], title: str) -> Figure:
    """Draw the figure where it starts, for paper and for readers without JavaScript.

    Args:
        call: What the line of the figure says.
        lines: The values.
        title: What the loss is called.

    Returns:
        The figure, in the style of the gallery.
    """
    x = call.axis.values
    at = call.axis.start
    loss, gradient, *others = (line.rows[start_of(call)] for line in lines)
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
    color = "C2" if UPSTREAM in call.named else "C1"
    axes.plot(ends, heights, f"{color}--", linewidth=1.8)
    axes.plot([x[at]] * 2, [loss[at], gradient[at]], "C5:", linewidth=1.2)
    axes.plot(x[at], gradient[at], "C1o")
    axes.plot(x[at], loss[at], "C0o", markersize=9)
    axes.set(xlabel=call.axis.name, ylabel="loss and gradient")
    axes.set(xticks=ticks(x[0], x[-1]), yticks=ticks(*frame(lines)))
    axes.set(xlim=(x[0], x[-1]), ylim=frame(lines))
    axes.set_title(", ".join([title, *(slider.shown for slider in call.sliders)]))
    axes.legend()
    return figure


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
