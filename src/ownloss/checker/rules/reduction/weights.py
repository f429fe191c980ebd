"""Whether a weight of each sample meets that sample, or the mean of all."""

import torch

from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.rules.reduction.kind import KIND
from ownloss.checker.trace import Call

_PRODUCTS = ("mul", "__mul__", "__rmul__")
_LIKELIHOODS = (
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)


def weighs_the_mean(seen: Observation) -> Finding | None:
    """A mean over the samples, times a weight for each of them.

    Or times what the mean itself gives: in a focal loss, 1 - exp(-loss) is the weight
    of a sample, and the loss must not be a mean yet.
    """
    if seen.reference.loss is not None and not seen.reference.differs:
        return None
    means = _means(seen)
    for call in seen.graph.trace.named(*_PRODUCTS) if means else ():
        of_mean = any(id(t) in means for t in call.tensors)
        weights = [t for t in call.tensors if t.shape == (seen.batch.size,)]
        if of_mean and any(_is_given(seen, t) for t in weights):
            return _say(seen, call, "a mean over the samples is multiplied by a weight")
    negative = {
        id(call.result)
        for call in seen.graph.trace.named("neg", "__neg__")
        if call.tensors and id(call.tensors[0]) in means
        if means[id(call.tensors[0])].name in _LIKELIHOODS
    }
    for call in seen.graph.trace.named("exp"):
        if id(call.tensors[0]) in negative:
            return _say(seen, call, "exp(-loss) is taken of the mean")
    return None


def _means(seen: Observation) -> dict[int, Call]:
    """The single numbers that are means over the samples, and that learn."""
    size = seen.batch.size
    return {
        id(call.result): call
        for call in seen.graph.trace.named("mean", *_LIKELIHOODS, "mse_loss", "l1_loss")
        if size > 1 and call.attached and call.shapes[0][:1] == (size,)
        if isinstance(call.result, torch.Tensor) and call.result.dim() == 0
    }


def _is_given(seen: Observation, tensor: torch.Tensor) -> bool:
    """Whether a tensor is made of what is given for each sample, and does not learn."""
    names = seen.graph.origins.get(id(tensor), frozenset())
    given = {x.name for x in seen.batch.arguments}
    return bool(names) and names <= given and not tensor.requires_grad


def _say(seen: Observation, call: Call, what: str) -> Finding:
    say = KIND.error if seen.reference.differs else KIND.warning
    return say(
        f"`{call.name}` ({call.where}): {what}, so no sample has a weight of its own.",
        cure='Weigh first, then average: `reduction="none"`, times the weights, '
        "`.mean()`.",
        where=call.where,
        rests_on=(Symptom.GROWTH,),
        explains=(Symptom.VALUE,),
    )
