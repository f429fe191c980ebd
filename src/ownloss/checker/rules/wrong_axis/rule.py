"""A softmax or a normalisation runs over the samples instead of the classes."""

from collections.abc import Iterator

from torch import Tensor

from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.trace import Call

KIND = Kind(
    slug="wrong-axis",
    title="Over the wrong dimension",
    meaning="A softmax, a normalisation, a sort or a cumulative sum runs over the "
    "batch instead of the classes, or over time instead of the features: each sample "
    "competes with the others.",
    shows="The loss takes one label a sample, and the softmax that it calls runs over "
    "a dimension that the labels have, too.",
    cure="Name the dimension of the classes: `log_softmax(dim=1)` for (N, C), "
    "`dim=-1` for (N, T, C).",
)

CALLS = 4

_NORMALISING = ("softmax", "log_softmax", "logsumexp")


def find(seen: Observation) -> Iterator[Finding]:
    """Compare the dimension of each softmax with the one that the labels lack."""
    if not seen.base.finite or not seen.inputs or seen.inputs[0].parameter:
        return
    if any(x.role is Role.LENGTHS for x in seen.arguments):
        return  # labels of another length than the prediction, as in CTC
    shape = seen.inputs[0].value.shape
    labels = [
        x
        for x in seen.arguments
        if not x.parameter and x.role is Role.LABELS and x.value.dim()
    ]
    for argument in labels:
        fits = [
            d
            for d in range(len(shape))
            if shape[:d] + shape[d + 1 :] == argument.value.shape
        ]
        if len(fits) != 1:
            continue
        classes = fits[0]
        calls = seen.graph.trace.named(*_NORMALISING)
        over = [(c, _dim(c, shape)) for c in calls]
        if any(dim == classes for _, dim in over):
            continue  # one over each, as contrastive losses have it
        for call, dim in over:
            if dim is None:
                continue
            others = "samples" if dim == 0 else f"places of dimension {dim}"
            if seen.reference.loss is not None and not seen.reference.differs:
                return
            yield KIND.error(
                f"`{call.name}` ({call.where}) runs over dimension {dim} of "
                f"{tuple(shape)}, and `{argument.name}` of shape "
                f"{tuple(argument.value.shape)} says that the classes are in dimension "
                f"{classes}: the {others} compete with one another.",
                cure=f"Pass dim={classes}.",
                where=call.where,
                rests_on=(Symptom.AXIS,),
                explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.PERFECT),
            )
            return


def _dim(call: Call, shape: tuple[int, ...]) -> int | None:
    """The dimension that a call runs over, if it is given the whole prediction."""
    first = call.args[0] if call.args else call.kwargs.get("input")
    if not isinstance(first, Tensor) or first.shape != shape or not call.attached:
        return None
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    if isinstance(dim, (tuple, list)):
        dim = dim[0] if len(dim) == 1 else None
    if dim is None and call.name != "logsumexp":
        dim = 0 if len(shape) in (0, 1, 3) else 1  # torch's own, with a warning
    return None if not isinstance(dim, int) else dim % len(shape)
