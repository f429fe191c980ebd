"""The loss only fits one batch size."""

from collections.abc import Iterator

from ownloss.checker.findings import Finding
from ownloss.checker.observation import Observation
from ownloss.checker.rules.batch_size.divisors import (
    by_reference,
    divides_by_configured,
    divides_by_constant,
    divides_by_its_size,
    other_number,
)
from ownloss.checker.rules.batch_size.fewer import (
    cut_in_half_here,
    one_has_no_spread,
    one_is_special,
    raises,
)
from ownloss.checker.rules.batch_size.kind import KIND

CALLS = 31

__all__ = ["CALLS", "KIND", "find"]


def find(seen: Observation) -> Iterator[Finding]:
    """Try other batch sizes."""
    if not seen.base.finite or not seen.determinism.steady:
        return
    other = other_number(seen)
    if other is not None:
        yield other
    if other is not None or seen.batch.size < 2:
        return
    if any(map(seen.batch.is_split_by, seen.arguments)):
        return
    for judge in (
        raises,
        one_is_special,
        divides_by_constant,
        divides_by_configured,
        cut_in_half_here,
        divides_by_its_size,
        by_reference,
        one_has_no_spread,
    ):
        found = judge(seen)
        if found is not None:
            yield found
            return
