"""The matrix of (N, 1) against (N,): predictions to move, each against every target.

The numbers of the page are torch's where it starts. From there on the script computes
them, since four predictions have too many values to write down; the tests compare it
with torch.
"""

import json
from decimal import ROUND_HALF_UP, Decimal

import torch
from docutils import nodes

from gallery.blocks import table
from gallery.draggable.values import DIGITS

STEP = 0.5
PLACE = Decimal(1).scaleb(-DIGITS)


def read_targets(text: str) -> list[float]:
    """Read the targets of a matrix.

    Args:
        text: Numbers, and blanks between them.

    Returns:
        The targets.

    Raises:
        ValueError: They are no two to six numbers, or no multiples of a half.
    """
    try:
        targets = [float(number) for number in text.split()]
    except ValueError as error:
        raise ValueError(f"expected numbers and blanks, got {text!r}") from error
    if not 2 <= len(targets) <= 6:
        raise ValueError(f"expected two to six targets, got {len(targets)}")
    if any(target % STEP for target in targets):
        raise ValueError(f"expected multiples of {STEP}, which are exact, got {text!r}")
    return targets


def loss_and_gradient(
    predictions: list[float], targets: list[float], *, careless: bool
) -> tuple[float, list[float]]:
    """Let torch compute the mean squared error and its gradient.

    Args:
        predictions: As many as there are targets; their shape is (N, 1).
        targets: The targets.
        careless: Whether their shape is (N,), as it should not be, or (N, 1).

    Returns:
        The loss, and its derivative for each prediction.
    """
    target = torch.tensor(targets, dtype=torch.float64)
    prediction = torch.tensor(predictions, dtype=torch.float64)[:, None]
    prediction.requires_grad_()
    loss = ((prediction - (target if careless else target[:, None])) ** 2).mean()
    (gradient,) = torch.autograd.grad(loss, prediction)
    return loss.item(), gradient.flatten().tolist()


def payload(targets: list[float]) -> str:
    """Write down what the script of the page needs.

    Args:
        targets: The targets, where the predictions start, too.

    Returns:
        JSON.
    """
    low, high = min(targets) - 1, max(targets) + 1
    values = [low + n * STEP for n in range(round((high - low) / STEP) + 1)]
    n = len(targets)
    quantities: list[dict] = [
        {"name": "shape of the target", "values": [f"({n}, 1)", f"({n},)"], "start": 1}
    ]
    quantities += [
        {
            "name": f"prediction {number}",
            "values": [f"{value:.1f}" for value in values],
            "start": values.index(target),
        }
        for number, target in enumerate(targets, 1)
    ]
    return json.dumps({"quantities": quantities, "targets": targets})


def still(targets: list[float]) -> list[nodes.Node]:
    """Write the table where it starts, and its sentence.

    Args:
        targets: The targets, where the predictions start, too.

    Returns:
        The table and the sentence.
    """
    loss, gradient = loss_and_gradient(targets, targets, careless=True)
    meant, right = loss_and_gradient(targets, targets, careless=False)
    heads = [
        "p \N{MINUS SIGN} t",
        *(f"{target:g}" for target in targets),
        "gradient",
        "meant",
    ]
    rows = []
    for prediction, pull, rightly in zip(targets, gradient, right, strict=True):
        differences = [f"{prediction - target:.1f}" for target in targets]
        rows.append([f"{prediction:.1f}", *differences, shown(pull), shown(rightly)])
    sentence = f"loss {shown(loss)}, meant: loss {shown(meant)}"
    return [table(heads, rows), nodes.paragraph("", f"{sentence}.")]


def shown(value: float) -> str:
    """Write a value as the page does; a half is rounded away from zero, as there."""
    return f"{Decimal(value).quantize(PLACE, ROUND_HALF_UP):z}"
