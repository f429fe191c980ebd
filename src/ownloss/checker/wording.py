"""Numbers in words."""

import math

from ownloss.checker.arguments import Argument
from ownloss.checker.observation import Observation


def number(value: float) -> str:
    """Three digits, no trailing zeros.

    >>> number(8.000001), number(0.15625)
    ('8', '0.156')
    """
    return f"{value:.3g}"


def apart(one: float, other: float, digits: int = 4) -> tuple[str, str]:
    """Two numbers that differ, in as few digits as show it.

    A sentence that tells two numbers apart takes them from here.

    Args:
        one: a number.
        other: another one.
        digits: how many digits there are at least.

    >>> apart(1.5, 2.0), apart(2.28312, 2.28319)
    (('1.5', '2'), ('2.2831', '2.2832'))
    """
    said = [(f"{one:.{n}g}", f"{other:.{n}g}") for n in range(digits, 18)]
    return next((pair for pair in said if pair[0] != pair[1]), said[-1])


def times(ratio: float) -> str:
    """Say how much too large or too small something is.

    >>> times(8.0), times(0.25), times(-2.0)
    ('8x too large', '1/4 of what it should be', '-2 times what it should be')
    """
    if ratio < 0:
        return f"{number(ratio)} times what it should be"
    if ratio >= 1:
        return f"{number(ratio)}x too large"
    inverse = 1 / ratio if ratio else math.inf
    if abs(inverse - round(inverse)) < 1e-3 * inverse:
        return f"1/{round(inverse)} of what it should be"
    return f"{number(ratio)} of what it should be"


def dimensions(seen: Observation) -> dict[str, int]:
    """The sizes that a wrong factor could be, in words."""
    sizes: dict[str, int] = {}
    for argument in seen.arguments:
        if argument.parameter or not argument.value.dim():
            continue
        shape = argument.value.shape
        if seen.batch.size > 1:
            sizes.setdefault("the batch size", seen.batch.size)
        for dim, size in enumerate(shape):
            if dim or argument not in seen.batch.arguments:
                sizes.setdefault(
                    f"the size of dimension {dim} of `{argument.name}`", size
                )
        sizes.setdefault(
            f"the number of elements of `{argument.name}`", argument.value.numel()
        )
        if seen.batch.size > 1 and argument in seen.batch.arguments and len(shape) > 1:
            per_row = argument.value.numel() // seen.batch.size
            sizes.setdefault(
                f"the number of elements of a row of `{argument.name}`", per_row
            )
    return sizes


def meaning_of(factor: float, seen: Observation, doubled: float | None = None) -> str:
    """Say what a factor is: a size of the inputs, or nothing that is known.

    Args:
        factor: the factor found.
        seen: the loss and its inputs.
        doubled: the factor found with the batch doubled, where that is known; it tells
            the batch size from an equal size that does not follow the batch.
    """
    for words, size in dimensions(seen).items():
        if size < 2:
            continue
        of_batch = "batch" in words or "number of elements of `" in words
        for power, text in ((1, "{n} is {w}"), (-1, "it is 1/{n}, and {n} is {w}")):
            if not math.isclose(abs(factor), size**power, rel_tol=1e-4):
                continue
            if doubled is not None and math.isfinite(doubled):
                expected = factor * (2**power if of_batch else 1)
                if not math.isclose(doubled, expected, rel_tol=1e-3):
                    continue
            return text.format(n=size, w=words)
    return ""


def listed(items: list[str], limit: int = 3) -> str:
    """Join words with commas; leave out the tail of a long list."""
    shown = ", ".join(items[:limit])
    return shown + (f" and {len(items) - limit} more" if len(items) > limit else "")


def entry(argument: Argument, flat: int) -> str:
    """Name one entry of an input.

    >>> import torch
    >>> entry(Argument("x", 0, torch.zeros(2, 3), True), 4)
    'x[1, 1]'
    """
    place = []
    for size in reversed(argument.value.shape):
        place.append(flat % size)
        flat //= size
    return f"{argument.name}[{', '.join(map(str, reversed(place)))}]"
