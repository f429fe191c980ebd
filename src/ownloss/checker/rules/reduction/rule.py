"""Mean and sum over the wrong things."""

from collections.abc import Iterator
from itertools import islice

from ownloss.checker.findings import Finding
from ownloss.checker.observation import Observation
from ownloss.checker.rules.reduction.beside_reference import (
    by_factor,
    by_reference,
    grows_otherwise,
    only_means_differ,
    other_sums,
    rows_agree,
)
from ownloss.checker.rules.reduction.classes import classes, divergence
from ownloss.checker.rules.reduction.growth import halves, mixture, slope_of_a_mean
from ownloss.checker.rules.reduction.kind import KIND
from ownloss.checker.rules.reduction.padding import padding
from ownloss.checker.rules.reduction.positional import by_position
from ownloss.checker.rules.reduction.weights import weighs_the_mean

CALLS = 6

__all__ = ["CALLS", "KIND", "find"]


def find(seen: Observation) -> Iterator[Finding]:
    """Compare with the reference, else watch how the loss grows."""
    if not seen.base.finite or not seen.determinism.steady:
        return
    judges = (
        by_position,
        by_reference,
        by_factor,
        other_sums,
        rows_agree,
        only_means_differ,
        halves,
        mixture,
        padding,
        classes,
        divergence,
        weighs_the_mean,
        slope_of_a_mean,
        grows_otherwise,
    )
    yield from islice(filter(None, (judge(seen) for judge in judges)), 1)
