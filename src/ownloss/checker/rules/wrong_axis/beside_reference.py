"""Whether places meet that do not meet in the reference."""

from collections.abc import Iterator
from typing import Any

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.axes import TOTALS, along
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.rules.wrong_axis.kind import KIND
from ownloss.checker.trace import Call


def unlike_reference(seen: Observation) -> Iterator[Finding]:
    """What runs over one dimension here, and over another one in the reference."""
    if not seen.reference.differs:
        return
    trusted: dict[tuple[str, tuple[int, ...]], set[int]] = {}
    for call in seen.reference.calls:
        dim = along(call, *TOTALS)
        if dim is not None:
            trusted.setdefault((call.name, call.shapes[0]), set()).add(dim)
    for call in seen.graph.trace.calls:
        dim = along(call, *TOTALS)
        if dim is None or (call.name in TOTALS and not _is_a_statistic(seen, call)):
            continue
        dims = trusted.get((call.name, call.shapes[0]), set())
        if len(dims) == 1 and dim not in dims:
            (other,) = dims
            yield KIND.error(
                f"`{call.name}` ({call.where}) runs over dimension {dim} of "
                f"{call.shapes[0]}, in the reference over dimension {other}.",
                cure=f"Pass dim={other}.",
                where=call.where,
                rests_on=(Symptom.AXIS,),
                explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.ORDER),
            )
            return


def transposed_unlike_reference(seen: Observation) -> Iterator[Finding]:
    """A matrix that the reference transposes, or does not, before it runs over it."""
    departure = seen.comparison.departure
    if departure is None or departure.cause is not Cause.AXIS:
        return
    yield KIND.error(
        f"The loss runs over another dimension than the reference: {departure}.",
        where=departure.where,
        rests_on=(Symptom.AXIS,),
        explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.ORDER, Symptom.PLACE),
    )


def _is_a_statistic(seen: Observation, call: Call) -> bool:
    """Whether what a mean is of is centred or scaled by it: it is no reduction."""
    of = call.tensors[0]
    return any(
        any(t is call.result for t in later.tensors)
        and any(t is of for t in later.tensors)
        for later in seen.graph.trace.named("sub", "__sub__", "div", "__truediv__")
    )


def meeting_unlike_reference(seen: Observation) -> Iterator[Finding]:
    """Places along a dimension that meet here, and in the reference do not."""
    if not seen.reference.differs:
        return
    prediction = seen.inputs[0]
    here, there = (
        {
            dim
            for dim in range(prediction.value.dim())
            if _meet_along(seen, prediction, dim, loss)
        }
        for loss in (None, seen.reference.loss)
    )
    if not here - there:
        return
    dim = min(here - there)
    others = "samples" if dim == 0 and seen.batch.size else f"places of dimension {dim}"
    instead = min(there - here, default=None)
    which = "" if instead is None else f", in the reference over dimension {instead}"
    yield KIND.error(
        f"The gradient at one place changes with the other {others} of "
        f"`{prediction.name}` {tuple(prediction.value.shape)}; in the reference it "
        f"does not: something runs over dimension {dim}{which}.",
        where=prediction.name,
        rests_on=(Symptom.VALUE,),
        explains=(Symptom.AXIS, Symptom.VALUE, Symptom.GROWTH, Symptom.ORDER),
        aspect="meeting",
    )


def _meet_along(seen: Observation, prediction: Argument, dim: int, loss: Any) -> bool:
    """Whether the gradient at one place takes another direction as others move.

    Another length alone is a normaliser, such as a root over the batch.
    """
    shape = prediction.value.shape
    if shape[dim] < 2 or prediction.value.numel() == shape[dim]:
        return False
    moved = seen.points.jittered(1.0, 2)[seen.index(prediction)]
    value = cast(prediction.value, seen.dtype)
    own = value.narrow(dim, 0, 1)
    others = moved.narrow(dim, 1, shape[dim] - 1)
    gradients = []
    for point in (value, torch.cat([own, others], dim)):
        run = seen.run(seen.with_values({prediction: point}), loss=loss)
        gradient = seen.backward(run).values[0]
        if gradient is None or not run.finite or gradient.is_complex():
            return False
        gradients.append(gradient.narrow(dim, 0, 1).reshape(-1).double())
    before, after = gradients
    cosine = torch.nn.functional.cosine_similarity(before, after, dim=0)
    if not before.any() or not after.any():
        return bool(before.any()) != bool(after.any())  # chosen among the others
    return bool(cosine.abs() < 1 - 1e-6)
