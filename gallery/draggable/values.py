"""The values of a figure, which torch computes, and what a page needs of them."""

import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.ticker import MaxNLocator

from gallery.draggable.line import UPSTREAM, Argument, Call, Quantity

DIGITS = 3
"""Digits of a value after its point, here and in the script of the page."""
UNIT = 10**DIGITS


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


def start_of(call: Call) -> int:
    """Number the setting of the sliders that the page shows first."""
    setting = 0
    for slider in call.sliders:
        setting = setting * (slider.steps + 1) + slider.start
    return setting


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
    return round(value * UNIT)


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
            "unit": UNIT,
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
    told = [quantity.shown for quantity in (*call.sliders, call.axis)]
    told += [
        f"{line.label} "
        f"{rounded(line.rows[start_of(call)][call.axis.start]) / UNIT:.{DIGITS}f}"
        for line in lines
    ]
    return ", ".join(told)
