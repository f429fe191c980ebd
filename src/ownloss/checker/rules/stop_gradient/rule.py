"""The value is the reference's, the gradient is not: a stop-gradient is missing."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role, other_view
from ownloss.checker.runs import as_real
from ownloss.checker.wording import apart

KIND = Kind(
    slug="stop-gradient",
    title="A stop-gradient is missing",
    meaning="The value is right, and a gradient flows where the formula has a "
    "constant: a weight, a teacher's output, an advantage, a normaliser.",
    shows="The values agree with a reference and the gradients do not. Without a "
    "reference: a log-probability of the given labels is multiplied by its own "
    "probability, and both factors are differentiated.",
    cure="Detach what the formula holds constant: `weight.detach()`.",
)

CALLS = 8
GRADIENT = True


def find(seen: Observation) -> Iterator[Finding]:
    """Compare gradients wherever the values agree."""
    if not seen.base.finite or not seen.inputs:
        return
    if seen.reference.loss is None:
        yield from _doubled_path(seen)
        yield from _learning_constant(seen)
        yield from _one_side_learns(seen)
        return
    if seen.reference.differs or not seen.determinism.steady:
        return
    departure = seen.comparison.departure
    detaches = departure is not None and departure.cause is Cause.CONSTANT
    here = seen.reference.gradient_apart(seen.point)
    if here is None or here[0].parameter:
        return
    own_right = all(check.ok for check in seen.gradient.checks)
    cuts = bool(seen.graph.cuts) and not seen.graph.handmade
    if not (own_right or detaches or cuts):
        return  # its own backward is wrong: others say how
    count = seen.argument_count
    moved = [*seen.points.jittered(0.3, 1)[:count], *seen.point[count:]]
    if seen.reference.gradient_apart(moved) is None:
        return
    argument, *both = here
    own, trusted = (as_real(gradient).double() for gradient in both)
    if not detaches and not _reference_holds_constant(
        seen, argument, *both, own_right=own_right
    ):
        return
    wrong = ~torch.isclose(own, trusted, rtol=1e-4, atol=1e-9)
    why = "The reference treats something as a constant: a `.detach()` is missing"
    if detaches:
        why = f"All else is alike, but {departure}"
    index = int((own - trusted).abs().reshape(-1).argmax())
    a, b = apart(own.reshape(-1)[index].item(), trusted.reshape(-1)[index].item(), 3)
    yield KIND.error(
        f"The value is the reference's, the gradient is not: {int(wrong.sum())} of "
        f"{wrong.numel()} entries of `{argument.name}` differ, such as {a} for "
        f"{b}. {why}.",
        where=argument.name,
        evidence={"gradient": own.tolist(), "reference": trusted.tolist()},
        rests_on=(Symptom.GRADIENT,),
    )


def _reference_holds_constant(
    seen: Observation,
    argument: Argument,
    own: Tensor,
    trusted: Tensor,
    *,
    own_right: bool,
) -> bool:
    """Whether the reference's gradient is not the derivative of its own value.

    If it is, the two values have different slopes: by another eps, at a kink. Where the
    loss holds something constant as well, what its gradient has beyond the trusted one
    must be a part of that derivative, or the loss is the one that lacks a part.
    """
    apart_ = (own - trusted).to(seen.dtype if not own.is_complex() else own.dtype)
    direction = apart_ / apart_.abs().max()
    numeric = seen.gradient.along(
        seen.point, {seen.index(argument): direction}, loss=seen.reference.loss
    )
    if not numeric.reliable:
        return True
    if not own_right and numeric.value <= 0:
        return False
    along_own, along_trusted = (
        (as_real(direction).double() * as_real(g).double()).sum().item()
        for g in (own, trusted)
    )
    return abs(numeric.value - along_own) < abs(numeric.value - along_trusted)


def _doubled_path(seen: Observation) -> Iterator[Finding]:
    """A log-probability of labels times its own probability, both attached."""
    trace = seen.graph.trace
    if not any(call.name in ("gather", "take_along_dim") for call in trace.calls):
        return
    for call in trace.named("mul", "__mul__", "__rmul__"):
        factors = [t for t in call.tensors if t.is_floating_point() and t.numel() > 1]
        if len(factors) != 2 or not all(t.requires_grad for t in factors):
            continue
        a, b = (t.detach().double() for t in factors)
        if a.shape != b.shape or not bool((torch.minimum(a, b) <= 0).all()):
            continue
        if any(_whole(x) for x in (a, b)):
            continue  # an entropy: no label has picked from the distribution
        for log, weight in ((a, b), (b, a)):
            if bool((log <= 0).all()) and torch.allclose(log.exp(), weight, rtol=1e-3):
                yield KIND.warning(
                    "A log-probability is multiplied by its own probability "
                    f"({call.where}), and both factors are differentiated. If the "
                    "probability is a weight, it must be detached.",
                    rests_on=(Symptom.GRADIENT,),
                )
                return


def _whole(probability: Tensor) -> bool:
    """Whether numbers are probabilities that sum to 1 over some dimension."""
    return any(
        bool(((probability.sum(dim) - 1).abs() < 1e-4).all())
        for dim in range(probability.dim())
    )


def _learning_constant(seen: Observation) -> Iterator[Finding]:
    """What is named after something that is held constant gets a gradient."""
    if len(seen.inputs) < 2 or seen.graph.handmade:
        return  # whoever writes a gradient for it by hand wants it
    for argument, gradient in zip(seen.inputs, seen.base_backward.values, strict=True):
        if argument.role is not Role.CONSTANT or gradient is None:
            continue
        if bool((gradient != 0).any()):
            yield KIND.warning(
                f"`{argument.name}` gets a gradient; by its name, it is what the "
                "prediction is to follow, and held constant.",
                cure=f"If it is not to learn here: `{argument.name}.detach()`.",
                where=argument.name,
                rests_on=(Symptom.GRADIENT,),
            )
            return


def _one_side_learns(seen: Observation) -> Iterator[Finding]:
    """A value that is the same with two views exchanged, and a gradient that is not.

    Two pairs must change places at once, such as predictions and projections of both:
    a prediction and what it is to follow may change places, and one of them learns.
    """
    pairs = [
        (one, other)
        for one in seen.inputs
        for other in seen.inputs
        if other.name == other_view(one.name) and one.value.shape == other.value.shape
    ]
    if len(pairs) < 2 or seen.graph.handmade:
        return
    exchanged = {one: other.value for one, other in pairs}
    exchanged |= {other: one.value for one, other in pairs}
    run = seen.run(seen.with_values(exchanged))
    if not run.finite or not seen.precision.close(run.total, seen.value, 100):
        return
    here, there = seen.base_backward.values, seen.backward(run).values
    for one, other in pairs:
        own, due = here[seen.inputs.index(one)], there[seen.inputs.index(other)]
        own, due = (torch.zeros_like(one.value) if g is None else g for g in (own, due))
        if not torch.allclose(own.double(), due.double(), rtol=1e-4, atol=1e-9):
            yield KIND.warning(
                f"With `{one.name}` and `{other.name}` exchanged, and all pairs like "
                "them, the value is the same, and the gradients are not: something is "
                "held constant on one side alone.",
                cure="Detach the same on both sides.",
                where=one.name,
                rests_on=(Symptom.GRADIENT,),
            )
            return
