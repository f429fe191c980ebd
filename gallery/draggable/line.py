"""The line that declares a figure: read it, and find the loss that it names."""

import ast
import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import torch

from ownloss import catalogue

POINTS = 100
"""Steps along the axis at most: about as many as a finger can tell apart."""
STOPS = 20
"""Steps of a slider at most."""
HEAVIEST = 3000
"""Points of all curves of a figure: each costs the reader about a byte."""
UPSTREAM = "grad_output"
"""Names the gradient that arrives from what follows the loss."""


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
    return getattr(catalogue.load(example), name), [example.path]


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
