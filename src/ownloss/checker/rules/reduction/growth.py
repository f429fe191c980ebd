"""How the loss grows with the number of samples."""

import math
from itertools import pairwise

import torch

from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.rules.reduction.kind import KIND
from ownloss.checker.trace import RANKS
from ownloss.checker.wording import apart


def halves(seen: Observation) -> Finding | None:
    """Divided by the batch size twice."""
    two, three = seen.batch.growth(2), seen.batch.growth(3)
    if math.isclose(two, 1 / 2, rel_tol=1e-5) and math.isclose(
        three, 1 / 3, rel_tol=1e-5
    ):
        if _are_paired(seen) and not seen.reference.differs:
            return None  # a mean over the pairs of samples, each row of them normalised
        return KIND.error(
            "The loss halves when every sample is taken twice: it is divided by the "
            "batch size twice.",
            evidence={"growth": two},
            rests_on=(Symptom.GROWTH,),
            aspect="twice",
        )
    return None


def _are_paired(seen: Observation) -> bool:
    """Whether samples meet in a matrix of all their pairs, and in no normaliser."""
    size = seen.batch.size
    calls = seen.graph.trace.calls
    square = any(shape.count(size) > 1 for call in calls for shape in call.shapes)
    return square and _samples_meet(seen)


def mixture(seen: Observation) -> Finding | None:
    """One term is a mean over the samples, another a sum."""
    if len(seen.inputs) == 0 or not seen.scalar or seen.batch.size < 2:
        return None
    values = [seen.value, *(seen.batch.growth(k) * seen.value for k in (2, 3, 4))]
    steps = [b - a for a, b in pairwise(values)]
    if not all(math.isfinite(v) for v in values):
        return None
    size = max(map(abs, values))
    even = max(steps) - min(steps) <= 1e-6 * size
    summed, averaged = steps[0], values[0] - steps[0]
    if not even or abs(summed) < 1e-3 * size or abs(averaged) < 1e-3 * size:
        return None
    if not _averaged_part_moves(seen):
        return None
    if seen.graph.trace.named(*RANKS):
        return None  # interpolated between samples, they grow by themselves
    if any(seen.graph.goes_through(x) for x in seen.batch.arguments):
        return None  # these are steps, no samples
    if seen.layout.takes_steps:
        return None
    if any(x.value.dim() and x not in seen.batch.arguments for x in seen.inputs):
        return None  # there are samples of another kind, which were not repeated
    if _samples_meet(seen):
        return None  # one more copy of each is one more negative for the others
    once, twice = apart(values[0], values[1])
    return KIND.warning(
        f"With every sample twice the loss grows from {once} to "
        f"{twice}: one part is a sum over the samples, another a mean, so "
        "their balance depends on the batch size.",
        evidence={"sum": summed, "mean": averaged},
        rests_on=(Symptom.GROWTH,),
        aspect="mixture",
    )


def _samples_meet(seen: Observation) -> bool:
    """Whether the gradient of a sample depends on the others, as in contrasts."""
    first = seen.inputs[0]
    if first not in seen.batch.arguments:
        return False
    rows = [0, *([1] * (seen.batch.size - 1))]
    run = seen.run(seen.batch.rows(rows))
    other, own = seen.backward(run).values[0], seen.base_backward.values[0]
    if other is None or own is None or not run.finite:
        return False
    return not torch.allclose(other[0], own[0], rtol=1e-5, atol=1e-12)


def _averaged_part_moves(seen: Observation) -> bool:
    """Whether the part that does not grow depends on the inputs at all."""
    point = seen.points.jittered(0.5, 4)
    once = seen.run(point).total
    twice = seen.run(seen.batch.repeated(2, point)).total
    here = 2 * seen.value - seen.batch.growth() * seen.value
    return math.isfinite(once + twice) and not seen.precision.close(
        2 * once - twice, here, 100
    )


def slope_of_a_mean(seen: Observation) -> Finding | None:
    """The slope of a mean over the samples, taken for the slopes of the samples.

    A penalty sums over what the critic says: each sample has a slope of its own.
    """
    size = seen.batch.size
    means = {
        id(call.result)
        for call in seen.graph.trace.named("mean")
        if call.shapes and call.shapes[0][:1] == (size,)
    }
    for call in seen.graph.trace.named("grad"):
        outputs, inputs = call.args[:2] if len(call.args) > 1 else ((), ())
        of_mean = any(id(t) in means for t in outputs)
        samples = all(t.shape[:1] == (size,) for t in inputs)
        if size < 2 or not of_mean or not samples or not call.attached:
            continue
        if not seen.batch.growth() < 1 - 1e-6:
            continue  # it multiplies by the number of samples again
        say = KIND.error if seen.reference.differs else KIND.warning
        return say(
            f"`autograd.grad` ({call.where}) differentiates a mean over the "
            f"{size} samples: the slope at each of them is divided by {size}, and the "
            "loss falls as the batch grows.",
            cure="Differentiate the sum: `autograd.grad(scores.sum(), x, ...)`.",
            where=call.where,
            rests_on=(Symptom.GROWTH,),
            explains=(Symptom.VALUE,),
        )
    return None
