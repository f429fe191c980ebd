"""Whether a prediction that fits costs less than others."""

from itertools import islice

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.fit import belongs
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role, is_distance
from ownloss.checker.rules.wrong_value.kind import KIND
from ownloss.checker.wording import apart

_SIMILAR = 8


def imperfect(seen: Observation) -> Finding | None:
    """Whether a good prediction costs more than a bad one."""
    if not seen.scalar or not seen.inputs or seen.inputs[0].parameter:
        return None
    prediction = seen.inputs[0]
    if not seen.intent.needs_gradient(prediction):
        return None  # features, of which parameters make a prediction
    for argument in seen.arguments:
        if argument is prediction or argument.parameter or is_distance(prediction.name):
            continue
        if not belongs(prediction, argument):
            continue
        pair = seen.fit.good_and_bad(prediction, argument)
        if pair is None:
            continue
        good, bad = pair
        better, worse = seen.run(good), seen.run(bad)
        if not better.finite or not worse.finite:
            continue
        margin = 1e-3 * (abs(better.total) + abs(worse.total)) + 1e-9
        alike = argument.value.shape == prediction.value.shape
        uphill = seen.fit.pushes_away(prediction, argument)
        if better.total > worse.total + margin and uphill:
            for_good, for_bad = apart(better.total, worse.total)
            graded = argument.value.unique().numel() > 2 and not argument.floating
            say = KIND.warning if graded and alike else KIND.error
            return say(
                "The loss is larger where the prediction fits the labels: "
                f"{for_good} for the good prediction, {for_bad} for the bad one.",
                evidence={"good": better.total, "bad": worse.total},
                rests_on=(Symptom.PERFECT,),
                aspect="minimum",
            )
    found = _beyond_perfect(seen, prediction)
    return found


def _beyond_perfect(seen: Observation, prediction: Argument) -> Finding | None:
    """Whether a prediction that is off costs less than one that equals its target."""
    if len(seen.inputs) > 1 or not seen.batch.row_weights:
        return None
    if seen.intent.surrogates:
        return None  # of steps, the one at the target may lie on another level
    for argument in seen.arguments:
        if argument is prediction or argument.parameter or argument.differentiable:
            continue
        shapes = [[n for n in x.value.shape if n != 1] for x in (argument, prediction)]
        alike = shapes[0] == shapes[1] and argument.floating
        target = argument.role is Role.TARGET
        if target and argument.value.shape == prediction.value.shape[:-1]:
            if seen.fit.bottomless(prediction, argument):
                return KIND.error(
                    f"The loss falls without end as all of `{prediction.name}` moves "
                    f"away from `{argument.name}`.",
                    where=prediction.name,
                    rests_on=(Symptom.PERFECT,),
                    aspect="minimum",
                )
            continue
        if not alike or not target or argument.domain is not prediction.domain:
            continue
        if not seen.fit.compares_as_given(prediction, argument):
            continue
        if argument.domain in (Domain.BINARY, Domain.SIGNS, Domain.LOG_SIMPLEX):
            continue
        perfect = cast(argument.value, seen.dtype).reshape(prediction.value.shape)
        best = seen.run(seen.with_values({prediction: perfect}))
        if not best.finite:
            continue
        shifted = seen.run(seen.with_values({prediction: perfect + argument.size}))
        if seen.precision.close(shifted.total, best.total, 100):
            continue  # only differences count, as in a ranking: many are as good
        margin = 1e-3 * abs(best.total) + 1e-6
        runs = (
            seen.run(seen.with_values({prediction: value}))
            for value in seen.fit.off(argument, perfect)
        )
        totals = (run.total for run in runs if run.finite)
        lower = next((t for t in totals if t < best.total - margin), None)
        if lower is None:
            continue
        if seen.fit.in_another_unit(prediction, perfect, lower):
            continue
        if _is_smoothed(seen, prediction, argument):
            continue
        if all(t < best.total - margin for t in islice(totals, _SIMILAR)):
            return _similarity(prediction, argument, best.total, lower)
        return _not_minimum(seen, prediction, argument, best.total, lower)
    return None


def _is_smoothed(seen: Observation, prediction: Argument, target: Argument) -> bool:
    """Whether a level prediction of a level target is the best one.

    Then it is a penalty on what differs from place to place that asks for another.
    """
    value = cast(target.value, seen.dtype)
    level = torch.full_like(value, value.mean().item())
    like = level.reshape(prediction.value.shape)
    best = seen.run(seen.with_values({prediction: like, target: level}))
    margin = 1e-3 * abs(best.total) + 1e-6
    others = (
        seen.run(seen.with_values({prediction: off, target: level}))
        for off in seen.fit.off(target, like)
    )
    return best.finite and all(
        run.total > best.total - margin for run in others if run.finite
    )


def _similarity(
    prediction: Argument, target: Argument, best: float, lower: float
) -> Finding:
    perfect, off = apart(best, lower)
    return KIND.warning(
        f"A prediction that equals `{target.name}` gives {perfect}, more than any that "
        f"is off, such as {off}: the loss grows with the similarity.",
        cure="To be minimised, a similarity needs a minus sign: `-s`, or `1 - s`.",
        where=prediction.name,
        evidence={"equal": best, "off": lower},
        rests_on=(Symptom.PERFECT,),
        aspect="minimum",
    )


def _not_minimum(
    seen: Observation, prediction: Argument, target: Argument, best: float, lower: float
) -> Finding:
    below = " and is negative" if lower < 0 <= best else ""
    say = (
        KIND.error
        if below and seen.fit.bottomless(prediction, target)
        else KIND.warning
    )
    perfect, off = apart(best, lower)
    return say(
        f"A prediction that equals `{target.name}` is not the minimum: it costs "
        f"{perfect}, one that is off costs {off}{below}.",
        where=prediction.name,
        evidence={"equal": best, "off": lower},
        rests_on=(Symptom.PERFECT,),
        aspect="minimum",
    )
