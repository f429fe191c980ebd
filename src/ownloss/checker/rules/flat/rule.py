"""The loss does not change with its input: nothing can be learned."""

import math
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.errors import text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.probes.far import DOWNHILL, downhill
from ownloss.checker.probes.selections import selecting
from ownloss.checker.subject import Point
from ownloss.checker.torch_insides import is_transformed
from ownloss.checker.trace import Call
from ownloss.checker.wording import number

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

# What torch says of integer division, remainders, counts and the like.
_NO_DERIVATIVE = re.compile(r"derivative for aten::(\w+) is not implemented")
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
    refused = _NO_DERIVATIVE.search(text_of(seen.base_backward.error))
    if refused is not None:
        yield KIND.error(
            f"Torch has no derivative for `{refused[1]}`, which the loss goes through, "
            "as for most functions with steps.",
            rests_on=(Symptom.NO_GRADIENT,),
            explains=(Symptom.FAILS,),
        )
        return
    for argument in seen.inputs:
        if argument.parameter or not seen.intent.needs_gradient(argument):
            continue
        if _flat(seen, argument):
            if len(seen.inputs) > 1 and seen.intent.held_constant(argument):
                continue  # a target that a model makes of other data
            others = any(
                c.matters and c.argument.beside(argument) for c in seen.gradient.checks
            )
            left = argument.in_record and not seen.graph.uses(argument)
            if others and (left or argument.value.numel() == 1):
                continue  # the loss needs a part of what a model returns
            yield _finding(seen, argument, KIND.warning if others else KIND.error)
            return
    judges = (
        _saturated,
        _too_steep,
        _beyond_its_bound,
        _saturates_unlike_reference,
        _levels_off,
    )
    yield from islice((found for judge in judges for found in judge(seen)), 1)


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


def _saturated(seen: Observation) -> Iterator[Finding]:
    """At the inputs given no gradient arrives, for all lie where a call is level."""
    whole = seen.whole or seen
    gradients = [g for g in whole.base_backward.values if g is not None]
    if not gradients or any(bool((g != 0).any()) for g in gradients):
        return
    if not seen.value or not seen.graph.trace.calls or seen.inputs[0].parameter:
        return  # the least that it can be, as of a margin that is met
    for call in seen.graph.trace.calls:
        if call.attached and _is_level(call) and _alone(seen, call):
            count = call.tensors[0].numel()
            yield KIND.warning(
                f"No gradient arrives at the inputs given: `{call.name}` "
                f"({call.where}) is level at all of its {count} entries.",
                cure="Let what is out of range count: penalise it before it is cut "
                "off, or work with logits.",
                where=call.where,
                rests_on=(Symptom.NO_GRADIENT,),
            )
            return


# So many of the entries of a sigmoid are 0 or 1, but for differences of 0: a step.
_STEEP = 0.9


def _too_steep(seen: Observation) -> Iterator[Finding]:
    """A sigmoid that is 0 or 1 nearly everywhere, for its input is multiplied first."""
    for call in seen.graph.trace.named("sigmoid", "tanh"):
        if not call.attached or not _alone(seen, call):
            continue
        if is_transformed(call.tensors[0]):
            continue  # its values cannot be read any more
        size = call.tensors[0].detach().abs().double()
        # Beyond that, 1 - sigmoid(x) is 0 in float32.
        level, count = int((size > 17).sum()), int((size > 0).sum())
        if level >= _STEEP * max(count, 4) and not _as_large_as_given(seen, call):
            yield KIND.warning(
                f"`{call.name}` ({call.where}) is level at {level} of its "
                f"{size.numel()} entries: it is given numbers up to "
                f"{number(size.max().item())}.",
                cure="Choose the factor, or the temperature, so that what is usual "
                "lies between -5 and 5.",
                where=call.where,
                rests_on=(Symptom.NO_GRADIENT,),
            )
            return


def _as_large_as_given(seen: Observation, call: Call) -> bool:
    """Whether the inputs are as large themselves."""
    largest = max((x.size for x in seen.inputs), default=0.0)
    return float(call.tensors[0].detach().abs().median()) < 10 * largest


def _beyond_its_bound(seen: Observation) -> Iterator[Finding]:
    """A parameter, or a single number, that lies where a clamp cuts it off.

    No gradient brings it back: it stays as it is.
    """
    for argument, tensor in seen.pairs(seen.graph.traced):
        if not argument.differentiable or (
            argument.value.dim() and not argument.parameter
        ):
            continue
        for call in seen.graph.trace.named("clamp", "clip", "clamp_min", "clamp_max"):
            cut = call.tensors[0] is tensor and isinstance(call.result, Tensor)
            if cut and tensor.numel() and bool((call.result != tensor).all()):
                yield KIND.warning(
                    f"{argument.label.capitalize().rstrip(',')} lies beyond its bound: "
                    f"`{call.name}` ({call.where}) cuts it off, so that no gradient "
                    "arrives at it.",
                    cure="Begin within the bounds, and clamp the parameter itself "
                    "after each step, under torch.no_grad().",
                    where=call.where,
                    rests_on=(Symptom.NO_GRADIENT,),
                )
                return


def _saturates_unlike_reference(seen: Observation) -> Iterator[Finding]:
    """No gradient for predictions that are far off, where the reference has one."""
    if seen.reference.loss is None or seen.reference.differs:
        return
    if seen.inputs[0].parameter:
        return
    worst = downhill(seen, -DOWNHILL)
    trusted, run = seen.reference.run(worst), seen.run(worst)
    if not run.finite or not trusted.finite or trusted.total <= seen.value:
        return
    due, own = (seen.backward(r).values[0] for r in (trusted, run))
    if due is None or own is None or due.is_complex():
        return
    due_size, size = due.abs().max().item(), own.abs().max().item()
    if size < 1e-3 * due_size:
        yield KIND.warning(
            f"Predictions that are worse by {DOWNHILL:g} get next to no gradient: its "
            f"largest entry is {number(size)}, that of the reference "
            f"{number(due_size)}.",
            cure="Work with logits: logsigmoid and log_softmax need no eps.",
            where=seen.inputs[0].name,
            evidence={"gradient": size, "reference": due_size},
            rests_on=(Symptom.LARGE,),
        )


# No gradient this small moves anything: less than so much of what is due nearer by.
NO_MORE = 1e-3
# An eps above is no protection from log(0), but a part of the formula.
LARGEST_EPS = 1e-3
# One so small levels off where a prediction is worse by 14, and few ever are.
USUAL_EPS = 1e-6


def _levels_off(seen: Observation) -> Iterator[Finding]:
    """Predictions that are far off get no gradient: log(p + eps) is level there."""
    if seen.reference.loss is not None or seen.inputs[0].parameter:
        return
    for call in seen.graph.trace.named("log"):
        eps = _eps_inside(seen, call)
        if not eps:
            continue
        worst, worse = downhill(seen, -DOWNHILL), downhill(seen, -DOWNHILL / 8)
        far, near = seen.run(worst), seen.run(worse)
        gradients = [seen.backward(run).values[0] for run in (far, near)]
        if not far.finite or not near.finite or far.total <= near.total:
            return
        sizes = [0.0 if g is None else g.abs().max().item() for g in gradients]
        # A bounded divergence stays small, eps or not.
        costly = far.total - near.total > -0.1 * math.log(eps)
        if costly and sizes[0] < NO_MORE * sizes[1]:
            say = KIND.note if eps <= USUAL_EPS else KIND.warning
            yield say(
                f"Predictions that are worse by {DOWNHILL:g} get no gradient: the "
                f"loss ends at {number(far.total)}, for `log` ({call.where}) of a "
                f"probability plus {eps:g} is level there.",
                cure="Work with logits: logsigmoid and log_softmax need no eps.",
                where=call.where,
                evidence={"gradient": sizes[0], "gradient nearer by": sizes[1]},
                rests_on=(Symptom.LARGE,),
            )
        return


def _eps_inside(seen: Observation, log: Call) -> float:
    """The small number that is added to a probability in a logarithm; 0 if none."""
    for call in seen.graph.trace.named("add", "__add__", "__radd__"):
        if call.result is not log.tensors[0] or not call.attached:
            continue
        numbers = [a for a in call.args if isinstance(a, float)]
        within = call.tensors[0].detach()
        if within.is_complex():
            continue
        unit = bool(((within >= 0) & (within <= 1)).all())
        if numbers and unit and 0 < numbers[0] <= LARGEST_EPS:
            return numbers[0]
    return 0.0


def _alone(seen: Observation, call: Call) -> bool:
    """Whether nothing else takes what a call was given, as a clipped ratio is."""
    taken = call.tensors[0]
    takers = [
        other
        for other in seen.graph.trace.calls
        if other.result is not taken and any(t is taken for t in other.tensors)
    ]
    return len(takers) == 1


def _is_level(call: Call) -> bool:
    """Whether a call cuts all of its entries off at two ends, or rounds them to one."""
    if not isinstance(call.result, Tensor) or not call.tensors or not call.shapes[0]:
        return False
    before, after = call.tensors[0].detach(), call.result.detach()
    if not after.is_floating_point() or before.shape != after.shape:
        return False
    if call.name in ("clamp", "clip", "hardtanh", "hardsigmoid", "relu6"):
        # At one end alone it is a margin.
        ends = after.unique().numel()
        return (
            bool((before != after).all()) and ends <= 2 and not bool((after == 0).all())
        )
    if call.name in ("tanh", "sigmoid"):
        return bool(((after == 0) | (after.abs() == 1)).all())
    return False


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


def _finding(
    seen: Observation, argument: Argument, say: Callable[..., Finding]
) -> Finding:
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
    return say(
        message.replace(",:", ":") + ".",
        where=argument.name,
        evidence={"values": sorted(v for v in values if v == v)},
        rests_on=(Symptom.NO_GRADIENT,),
        explains=(Symptom.GRADIENT, Symptom.PERFECT),
    )
