"""The gradient points uphill."""

import math
from collections.abc import Iterator

from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.wording import number

KIND = Kind(
    slug="sign",
    title="Wrong sign",
    meaning="The gradient points the other way: a step against it makes the loss "
    "larger.",
    shows="The ratio of the analytic to the numeric gradient is negative, most often "
    "-1.",
    cure="Change the sign of what backward returns.",
)
CALLS = 1
GRADIENT = True


def find(seen: Observation) -> Iterator[Finding]:
    """Look for one negative factor between analytic and numeric gradient."""
    if not seen.graph.handmade:
        return
    found = list(_of(seen, ""))
    yield from found
    if not found and not all(c.ok for c in seen.gradient.checks):
        for name, alone in seen.functions_alone.items():
            yield from _of(alone, f" in `{name}`")


def _of(seen: Observation, whose: str) -> Iterator[Finding]:
    """The gradients of a loss, or of a Function in it."""
    for argument in seen.inputs:
        ratio = seen.gradient.constant_ratio(argument)
        if not ratio < 0:
            continue
        message = f"The gradient of `{argument.name}`{whose} has the wrong sign"
        if not math.isclose(ratio, -1, rel_tol=1e-3):
            message += f", and is {number(-ratio)} times as long as it should be"
        message += ": a step against it increases the loss."
        say = KIND.error
        if seen.intent.deliberate:
            say = KIND.note if seen.stands_in else KIND.warning
            message += f" It may be meant: {seen.intent.deliberate}."
        yield say(
            message,
            where=argument.name,
            evidence={"ratio": ratio},
            rests_on=(Symptom.GRADIENT,),
        )
