"""The derivative is wrong in a way that no constant repairs."""

import math
from collections.abc import Iterator

import torch

from ownloss.checker.budget import OutOfBudgetError
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.gradient import GradientCheck
from ownloss.checker.observation import Observation
from ownloss.checker.wording import apart, entry, number

KIND = Kind(
    slug="formula",
    title="Wrong derivative",
    meaning="Backward computes something that is not the derivative of forward: a "
    "factor of the chain rule is lost, a branch is forgotten, two gradients are "
    "returned in swapped order.",
    shows="The analytic and the numeric gradient differ, and their ratio is not the "
    "same for all entries or not at all inputs.",
    cure="Derive the formula of backward again, or leave backward out: autograd "
    "differentiates every forward that consists of torch functions.",
)
CALLS = 2
GRADIENT = True


def find(seen: Observation) -> Iterator[Finding]:
    """Look for gradients that differ by more than a factor."""
    if not seen.graph.handmade:
        return
    swapped = list(_swapped(seen))
    entries = list(_by_entries(seen))
    yield from swapped + entries
    if not swapped and not entries:
        yield from _as_a_whole(seen)
        yield from _unlike_reference(seen)


def _by_entries(seen: Observation) -> Iterator[Finding]:
    """Compare the entries looked at."""
    for argument in seen.inputs:
        checks = [c for c in seen.gradient.all_checks if c.argument is argument]
        wrong = [c for c in checks if not c.ok]
        if not wrong or not math.isnan(seen.gradient.constant_ratio(argument)):
            continue
        if all(c.vanishes for c in checks):
            continue
        meant = seen.intent.deliberate or _clipped(wrong)
        message = _message(seen, wrong[0], first_ok=checks[0].ok)
        say = KIND.error
        if meant:
            say = KIND.note if seen.stands_in else KIND.warning
            message += f" It may be meant: {meant}."
        found = wrong[0]
        yield say(
            message,
            where=argument.name,
            evidence={
                "at": found.at,
                "entries": found.indices,
                "analytic": None if found.analytic is None else found.analytic.tolist(),
                "numeric": found.numeric.tolist(),
            },
            rests_on=(Symptom.GRADIENT,),
        )


def _as_a_whole(seen: Observation) -> Iterator[Finding]:
    """The gradient along one direction, where not all entries could be looked at."""
    found = (seen.whole or seen).gradient.decision
    looked_at_all = seen.whole is None and seen.gradient.complete
    if found.right is not False or looked_at_all:
        return
    try:
        meant = seen.intent.deliberate
    except OutOfBudgetError:
        if not found.numeric:
            raise  # a step function, perhaps
        meant = ""
    said, due = apart(found.analytic, found.numeric, 3)
    message = (
        f"Along a random direction backward says {said}, differences say {due}: the "
        "gradient is wrong."
    )
    if seen.whole is not None:
        name, (part, given) = next(iter(seen.part_of_shapes.items()), ("", ((), ())))
        message = f"With all of `{name}`, {given}, not with {part} of it: {message}"
    say = KIND.error
    if meant:
        say = KIND.note if seen.stands_in else KIND.warning
        message += f" It may be meant: {meant}."
    yield say(
        message,
        evidence={"analytic": found.analytic, "numeric": found.numeric},
        rests_on=(Symptom.GRADIENT,),
        aspect="whole",
    )


def _unlike_reference(seen: Observation) -> Iterator[Finding]:
    """A gradient that is not the trusted one, nor the derivative of the own value.

    Of probabilities, differences are not looked at off the simplex; a reference tells.
    """
    found = seen.reference.gradient_apart()
    if found is None:
        return
    argument, own, trusted = found
    if own.is_complex() or argument.domain is not Domain.SIMPLEX:
        return
    direction = (own - trusted) / (own - trusted).abs().max()
    numeric = seen.gradient.along(seen.point, {seen.index(argument): direction})
    along_own, along_trusted = ((direction * g).sum().item() for g in (own, trusted))
    wrong = abs(numeric.value - along_own) > 2 * abs(numeric.value - along_trusted)
    if numeric.reliable and wrong:
        said, due = apart(along_own, along_trusted, 3)
        yield KIND.error(
            f"The gradient of `{argument.name}` is neither the reference's nor the "
            f"derivative of the loss: along their difference it is {said} for {due}.",
            where=argument.name,
            evidence={"gradient": own.tolist(), "reference": trusted.tolist()},
            rests_on=(Symptom.GRADIENT,),
        )


def _swapped(seen: Observation) -> Iterator[Finding]:
    """Compare the gradient of each input with the numeric one of each other."""
    checks = [
        c for c in seen.gradient.checks if not c.ok and not math.isclose(c.ratio, -1)
    ]
    for a in checks:
        for b in checks:
            if a.argument.position >= b.argument.position or a.indices != b.indices:
                continue
            if a.analytic is None or b.analytic is None:
                continue
            near = a.tolerance + b.tolerance
            if torch.allclose(a.analytic, b.numeric, atol=near) and torch.allclose(
                b.analytic, a.numeric, atol=near
            ):
                yield KIND.error(
                    f"The gradients of `{a.argument.name}` and `{b.argument.name}` are "
                    "swapped: backward returns each in the place of the other.",
                    cure="Return the gradients in the order of forward's arguments.",
                    where=a.argument.name,
                    rests_on=(Symptom.GRADIENT,),
                    aspect="swapped",
                )


def _clipped(wrong: list[GradientCheck]) -> str:
    """Whether the gradient is the right one, cut off at some size."""
    for found in wrong:
        if found.analytic is None or found.elsewhere_wrong:
            return ""
        limit = found.analytic.abs().max().item()
        cut = found.numeric.clamp(-limit, limit)
        if not torch.allclose(found.analytic, cut, atol=found.tolerance):
            return ""
        below = (found.numeric != 0) & (found.numeric.abs() < 0.99 * limit)
        if len(found.indices) > 1 and not bool(below.any()):
            return ""  # nothing shows that the rest of it is right
    return "the gradient is clipped"


def _message(seen: Observation, found: GradientCheck, *, first_ok: bool) -> str:
    name = found.argument.name
    if found.analytic is None or not bool(found.wrong.any()):
        return f"The gradient of `{name}` is wrong {found.at} in some entries."
    if not found.matters:
        return (
            f"The loss does not change with `{name}` {found.at}, but backward returns "
            "a gradient."
        )
    off = (found.analytic - found.numeric).abs()
    worst = int(torch.where(found.wrong, off, -1.0).argmax())
    said, due = apart(found.analytic[worst].item(), found.numeric[worst].item(), 3)
    where = f"{found.at}" if first_ok else "at the inputs given"
    numbers = (
        f"at {entry(found.argument, found.indices[worst])} backward says {said}, "
        f"differences say {due}"
    )
    if first_ok:
        return (
            f"The gradient of `{name}` is right at the inputs given and wrong "
            f"{where}: {numbers}."
        )
    region = _region(seen, found)
    if region:
        return f"The gradient of `{name}` is wrong {region}: {numbers}."
    share = f"{int(found.wrong.sum())} of {len(found.indices)} entries looked at"
    return f"The gradient of `{name}` is wrong in {share}: {numbers}."


def _region(seen: Observation, found: GradientCheck) -> str:
    """Say which residuals the wrong entries have, where that tells."""
    target = next(
        (
            argument
            for argument in seen.arguments
            if argument is not found.argument
            and not argument.parameter
            and argument.value.is_floating_point()
            and not found.argument.value.is_complex()
            and argument.value.shape == found.argument.value.shape
        ),
        None,
    )
    if target is None or found.wrong.all():
        return ""
    residual = (found.argument.value - target.value).double().reshape(-1)[found.indices]
    wrong, right = residual[found.wrong], residual[~found.wrong]
    names = f"{found.argument.name} - {target.name}"
    if wrong.abs().min() > right.abs().max():
        edge = number((wrong.abs().min() + right.abs().max()).item() / 2)
        return f"where |{names}| is above about {edge} and right below"
    if wrong.abs().max() < right.abs().min():
        edge = number((wrong.abs().max() + right.abs().min()).item() / 2)
        return f"where |{names}| is below about {edge} and right above"
    if wrong.min() > 0 > right.max():
        return f"where {names} is positive and right where it is negative"
    if wrong.max() < 0 < right.min():
        return f"where {names} is negative and right where it is positive"
    return ""
