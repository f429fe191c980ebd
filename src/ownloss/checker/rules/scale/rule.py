"""The gradient is right but for a constant."""

import math
from collections.abc import Iterator

from ownloss.checker.arguments import Argument
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.wording import meaning_of, number, times

KIND = Kind(
    slug="scale",
    title="Off by a constant",
    meaning="The gradient points the right way but has the wrong length: forward "
    "takes a mean, a factor or a temperature that backward forgets or takes twice.",
    shows="The ratio of the analytic to the numeric gradient is the same number for "
    "every entry and at every input.",
    cure="Multiply what backward returns by what forward multiplies by, once.",
)
CALLS = 30
GRADIENT = True


def find(seen: Observation) -> Iterator[Finding]:
    """Look for one positive factor between analytic and numeric gradient."""
    if not seen.graph.handmade:
        return
    found = list(_of(seen, ""))
    yield from found
    if not found and not all(c.ok for c in seen.gradient.checks):
        for name, alone in seen.functions_alone.items():
            yield from _of(alone, f" in `{name}`")


def _varying(seen: Observation, argument: Argument, whose: str) -> Iterator[Finding]:
    """One factor for all entries at each point, but another one at other points."""
    low, high = seen.gradient.varying_ratio(argument)
    if math.isnan(low) or seen.intent.deliberate:
        return
    yield KIND.error(
        f"The gradient of `{argument.name}`{whose} has the right direction and another "
        f"length: {times(low)} at some inputs, {times(high)} at others.",
        cure="Divide by the same in backward as in forward: by the sum of the weights, "
        "or by how many there are.",
        where=argument.name,
        evidence={"lowest": low, "highest": high},
        rests_on=(Symptom.GRADIENT,),
    )


def _of(seen: Observation, whose: str) -> Iterator[Finding]:
    """The gradients of a loss, or of a Function in it."""
    for argument in seen.inputs:
        ratio = seen.gradient.constant_ratio(argument)
        if math.isnan(ratio):
            yield from _varying(seen, argument, whose)
        if not ratio > 0 or math.isclose(ratio, 1, rel_tol=1e-3):
            continue
        meaning = meaning_of(
            ratio, seen, seen.gradient.ratio_with_double_batch(argument)
        )
        message = f"The gradient of `{argument.name}`{whose} is {times(ratio)}"
        message += f"; {meaning}." if meaning else "."
        say = KIND.error
        if seen.intent.deliberate:
            say = KIND.note if seen.stands_in else KIND.warning
            message += f" It may be meant: {seen.intent.deliberate}."
        yield say(
            message,
            cure=f"Divide the gradient that backward returns by {number(ratio)}: take "
            "in backward the same mean and factors as in forward.",
            where=argument.name,
            evidence={"ratio": ratio},
            rests_on=(Symptom.GRADIENT,),
        )
