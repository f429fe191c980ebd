"""Gradient and value agree, and the loss is not the one that was meant."""

from collections.abc import Iterator
from itertools import islice

from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.rules.wrong_value.course import (
    falls_both_ways,
    falls_without_end,
    jumps,
    prefers_without_end,
)
from ownloss.checker.rules.wrong_value.kind import KIND
from ownloss.checker.rules.wrong_value.misuse import (
    distances_as_logits,
    logits_clamped,
    logits_in_a_share,
    misused,
)
from ownloss.checker.rules.wrong_value.perfect import imperfect
from ownloss.checker.rules.wrong_value.sides import (
    attracted,
    preferred,
    zero_labels,
    zeros_in_margins,
)
from ownloss.checker.wording import apart, number

CALLS = 12


def find(seen: Observation) -> Iterator[Finding]:
    """Compare with the reference, then look for signs of a mistake."""
    if seen.base.error is not None or not seen.determinism.steady:
        return
    if seen.reference.values:
        if seen.reference.differs:
            yield _by_reference(seen)
        return
    judges = (
        misused,
        logits_clamped,
        distances_as_logits,
        logits_in_a_share,
        imperfect,
        attracted,
        preferred,
        zero_labels,
        zeros_in_margins,
        falls_without_end,
        falls_both_ways,
        prefers_without_end,
        jumps,
    )
    yield from islice(filter(None, (judge(seen) for judge in judges)), 1)


def _by_reference(seen: Observation) -> Finding:
    name = next(
        n
        for n in ("here", "moved", "afresh")
        if n in seen.reference.values
        and not seen.reference.same(*seen.reference.values[n])
    )
    own, trusted = seen.reference.values[name]
    at = {"here": "", "moved": " at inputs moved a little"}.get(
        name, " at other inputs"
    )
    shown, other = apart(own, trusted, 5)
    message = f"The loss is {shown}{at}, the reference {other}"
    ratio = seen.reference.ratio
    steady = ratio == ratio and number(ratio) != "1"
    message += f": {number(ratio)} times, at every input tried." if steady else "."
    departure = seen.comparison.departure
    if departure is not None and departure.cause is Cause.NUMBER:
        message += f" All else is alike, but {departure}."
    hint = misused(seen)
    if hint is not None:
        message += f" {hint.message}"
    return KIND.error(
        message,
        evidence={"value": own, "reference": trusted},
        rests_on=(Symptom.VALUE,),
        explains=(Symptom.PERFECT,),
        aspect="" if hint is None else "misuse against the reference",
    )
