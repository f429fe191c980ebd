"""Backward does not multiply by grad_output as it should."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.gradient import GradientCheck
from ownloss.checker.observation import Observation
from ownloss.checker.wording import number, times

KIND = Kind(
    slug="grad-output",
    title="grad_output is ignored",
    meaning="Backward must multiply by `grad_output`, the gradient of whatever comes "
    "after the loss. It ignores it, uses it for some inputs only, or collapses one "
    "number per sample into a single one.",
    shows="Backward is not linear in grad_output: twice as much of it does not give "
    "twice the gradient, or a random one does not give the numeric derivative.",
    cure="Multiply every gradient that backward returns by grad_output, each output "
    "by its own: `grad_output[:, None]` for (N,) outputs and (N, C) inputs.",
)
CALLS = 3
GRADIENT = True


def find(seen: Observation) -> Iterator[Finding]:
    """Compare the gradient for several upstream gradients."""
    if not seen.graph.handmade or seen.base.error is not None:
        return
    once = seen.base_backward.values
    twice = _gradients(seen, 2.0)
    if twice is None or not seen.base_backward.finite:
        return
    for argument, one, two in zip(seen.inputs, once, twice, strict=True):
        if one is None or two is None or not bool((one != 0).any()):
            continue
        size = one.abs().max().item()
        if not torch.allclose(two, 2 * one, rtol=1e-4, atol=1e-6 * size):
            yield _ignored(seen, argument, one, two)
            return
    found = list(_collapsed(seen, "The loss"))
    if not all(c.ok for c in seen.gradient.checks):
        # A loss that weighs the entries of a Function shows it in its own gradient.
        for name, alone in seen.functions_alone.items():
            found += _forgets_an_output(alone, name)
            found += _collapsed(alone, f"`{name}`")
    yield from found[:1]


def _gradients(seen: Observation, factor: float) -> list[Tensor | None] | None:
    run = seen.run()
    found = seen.backward(run, [torch.full_like(o, factor) for o in run.outputs])
    return None if found.error is not None else found.values


def _ignored(
    seen: Observation, argument: Argument, one: Tensor, two: Tensor
) -> Finding:
    growth = (two.abs().sum() / one.abs().sum()).item()
    message = (
        f"Scaling the loss by 2 multiplies the gradient of `{argument.name}` by "
        f"{number(growth)}: backward does not multiply all of it by grad_output."
    )
    if torch.equal(one, two):
        message = (
            f"Scaling the loss by 2 does not scale the gradient of `{argument.name}`: "
            "backward never multiplies it by grad_output."
        )
    say = KIND.error
    if seen.intent.deliberate:
        say = KIND.warning
        message += f" It may be meant: {seen.intent.deliberate}."
    return say(
        message,
        where=argument.name,
        evidence={"growth": growth},
        rests_on=(Symptom.UPSTREAM,),
        explains=(Symptom.GRADIENT, Symptom.SECOND),
    )


def _forgets_an_output(seen: Observation, name: str) -> Iterator[Finding]:
    """One output after the other: an upstream gradient of one alone must arrive."""
    outputs = seen.base.outputs
    for k in range(len(outputs) if len(outputs) > 1 else 0):
        weights = [
            seen.random_like(o.detach(), 7) * (i == k) for i, o in enumerate(outputs)
        ]
        checks = [
            seen.gradient.check(argument, weights=weights, entries=6)
            for argument in seen.gradient.looked_at
        ]
        known = [c for c in checks if c is not None and c.matters]
        silent = [c.analytic is None or not bool(c.analytic.any()) for c in known]
        if known and all(silent):
            yield KIND.error(
                f"`{name}` returns {len(outputs)} outputs, and its backward ignores "
                f"what comes back for output {k}: nothing that follows from that one "
                "is learned.",
                cure="Multiply the derivative of each output by its own grad_output, "
                "and add them up.",
                where=f"{name}.backward",
                rests_on=(Symptom.UPSTREAM,),
                explains=(Symptom.GRADIENT, Symptom.SECOND),
            )
            return


def _collapsed(seen: Observation, subject: str) -> Iterator[Finding]:
    """Weight the outputs at random; only one that is a single number has none."""
    if seen.scalar or not seen.graph.functions:
        return
    weights = [
        seen.random_like(o.detach(), 7 + i) for i, o in enumerate(seen.base.outputs)
    ]
    for argument in seen.gradient.looked_at:
        same = [c for c in seen.gradient.checks if c.argument is argument]
        usual = 1.0 if all(c.ok for c in same) else _factor(same)
        found = seen.gradient.check(argument, weights=weights, entries=10)
        if found is None or found.ok or seen.intent.deliberate:
            continue
        if math.isnan(usual) or math.isclose(found.ratio, usual, rel_tol=1e-3):
            continue  # a wrong derivative, or a wrong scale
        what = "it is right" if usual == 1 else f"it is {times(usual)}"
        yield KIND.error(
            f"{subject} returns {sum(o.numel() for o in seen.base.outputs)} numbers. "
            f"With a different upstream gradient for each, the gradient of "
            f"`{argument.name}` is wrong; with the same for all {what}: backward "
            "collapses grad_output.",
            cure="Multiply each entry by its own grad_output (reshape it so that it "
            "broadcasts along the right dimension); do not average or index it.",
            where=argument.name,
            rests_on=(Symptom.UPSTREAM,),
            explains=(Symptom.GRADIENT, Symptom.SECOND),
        )
        return


def _factor(checks: list[GradientCheck]) -> float:
    """The factor that a gradient is off by at the inputs given; NaN if none is."""
    return checks[0].ratio if checks else math.nan
