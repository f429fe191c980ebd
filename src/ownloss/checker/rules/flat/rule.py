"""The loss does not change with its input: nothing can be learned."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.probes import selecting
from ownloss.checker.subject import Point

KIND = Kind(
    slug="flat",
    title="No slope",
    meaning="argmax, round, a comparison, an unused argument or a saturated mask make "
    "the loss constant, or a flight of steps: its gradient is zero wherever it exists.",
    shows="The numeric gradient is zero at several points, and the analytic one is "
    "zero or None.",
    cure="Use a smooth stand-in: softmax for argmax, sigmoid for a comparison, or a "
    "straight-through estimator.",
)
CALLS = 20
GRADIENT = True

_STEPS = (
    "argmax",
    "argmin",
    "round",
    "floor",
    "ceil",
    "trunc",
    "sign",
    "sgn",
    "heaviside",
    "bucketize",
    "topk",
    "argsort",
    "long",
    "int",
    "bool",
    "histc",
    "gt",
    "lt",
    "ge",
    "le",
    "eq",
    "ne",
)


def find(seen: Observation) -> Iterator[Finding]:
    """Look at several points for any slope."""
    if seen.base.error is not None:
        return
    if not seen.base.outputs:
        yield _whole_numbers(seen)
        return
    for argument in seen.inputs:
        if argument.parameter or not seen.intent.needs_gradient(argument):
            continue
        if _flat(seen, argument):
            yield _finding(seen, argument)
            return


def _whole_numbers(seen: Observation) -> Finding:
    raw = seen.base.raw
    kind = str(raw.dtype) if isinstance(raw, Tensor) else type(raw).__name__
    return KIND.error(
        f"The loss returns whole numbers ({kind.removeprefix('torch.')}), which have "
        "no gradient; a floating tensor is expected.",
        rests_on=(Symptom.NO_GRADIENT,),
    )


def _flat(seen: Observation, argument: Argument) -> bool:
    here = [c for c in seen.gradient.checks if c.argument is argument]
    if not here or here[0].matters or not here[0].vanishes or here[0].elsewhere_wrong:
        return False
    if _entries_move(seen, argument):
        return False
    if any(type(n) in (int, float) and n == 0 for n in _numbers(seen)):
        return False  # a factor of 0, such as at the start of a warm-up
    opposite = ("at the opposite inputs", seen.points.scaled(-1.0))
    for at, point in (*seen.points.others(), opposite, *selecting(seen)):
        found = seen.gradient.check(argument, point, at)
        if found is None:
            continue
        sloped = found.matters or found.elsewhere_wrong
        if not found.vanishes or (sloped and not _stands_still(seen, argument, point)):
            return False
    return True


def _numbers(seen: Observation) -> list[Any]:
    return [*seen.args, *seen.kwargs.values()]


def _entries_move(seen: Observation, argument: Argument) -> bool:
    """Whether a tiny step moves the outputs although it leaves their sum alone."""
    if seen.scalar or len(seen.base.outputs) != 1:
        return False
    index = seen.index(argument)
    there = list(seen.point)
    tiny = 1e-6 * argument.size * seen.random_like(there[index], 8)
    there[index] = there[index].to(tiny.dtype) + tiny
    moved, base = seen.run(there), seen.base
    if not moved.outputs or moved.outputs[0].shape != base.outputs[0].shape:
        return False
    return not torch.equal(moved.outputs[0].detach(), base.outputs[0].detach())


def _stands_still(seen: Observation, argument: Argument, point: Point) -> bool:
    """Whether a tiny step changes nothing: many small steps look like a slope."""
    index = seen.index(argument)
    there = list(point)
    tiny = 1e-9 * argument.size * seen.random_like(point[index], 8)
    there[index] = point[index].to(tiny.dtype) + tiny
    return seen.run(there).total == seen.run(point).total


def _finding(seen: Observation, argument: Argument) -> Finding:
    values = {seen.value}
    for seed in range(3, 7):
        point = list(seen.point)
        index = seen.index(argument)
        point[index] = seen.points.jittered(2.0, seed)[index]
        values.add(seen.run(point).total)
    message = f"The loss does not change when {argument.label} changes a little"
    step = next(
        (c for c in seen.graph.trace.calls if c.name in _STEPS and c.attached), None
    )
    if len(values) == 1:
        message = f"The loss does not depend on {argument.label.rstrip(',')}"
        if step is None:
            message += ": the argument is not used, or its effect is saturated"
        else:
            message += f" at any input tried; it goes through `{step.name}`"
    elif step is not None:
        message += f": `{step.name}` ({step.where}) has no gradient"
    return KIND.error(
        message.replace(",:", ":") + ".",
        where=argument.name,
        evidence={"values": sorted(v for v in values if v == v)},
        rests_on=(Symptom.NO_GRADIENT,),
        explains=(Symptom.GRADIENT, Symptom.PERFECT),
    )
