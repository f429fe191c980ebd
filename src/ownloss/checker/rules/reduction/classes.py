"""Whether the loss averages over the classes."""

import torch

from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.rules.reduction.kind import KIND
from ownloss.checker.trace import Call
from ownloss.checker.wording import apart

_LOGARITHMS = ("log", "log_softmax", "logsumexp", "cross_entropy", "kl_div", "xlogy")


def classes(seen: Observation) -> Finding | None:
    """A class that nothing belongs to and nothing predicts changes the loss."""
    prediction = seen.inputs[0] if seen.inputs else None
    if prediction is None or prediction.value.dim() != 2 or not seen.scalar:
        return None
    if prediction.domain not in (Domain.SIMPLEX, Domain.REAL, Domain.LOG_SIMPLEX):
        return None
    if prediction.domain is Domain.REAL and not seen.graph.trace.named(
        "softmax", "log_softmax", "cross_entropy", "logsumexp"
    ):
        return None
    if seen.graph.trace.named("sort", "argsort", "topk"):
        return None  # items of a list, not classes
    # Differences of probabilities are averaged as any other differences are.
    if not any(_stays_logarithm(seen, c) for c in seen.graph.trace.named(*_LOGARITHMS)):
        return None
    value = prediction.value.double()
    classes = value.shape[1]
    shifted = value + 3 * seen.random_like(value[:, :1], 9)
    if prediction.domain is Domain.REAL and not seen.precision.close(
        seen.run(seen.with_values({prediction: shifted})).total, seen.value, 100
    ):
        return None
    values = {}
    for argument in seen.arguments:
        if argument.parameter or argument.value.shape != prediction.value.shape:
            continue
        filler = {
            Domain.SIMPLEX: 1e-14,
            Domain.BINARY: 0.0,
            Domain.LOG_SIMPLEX: -40.0,
            Domain.REAL: -60.0,
        }.get(argument.domain, 0.0)
        extra = torch.full_like(argument.value[:, :1].double(), filler)
        values[argument] = torch.cat([argument.value.double(), extra], 1)
    more = seen.run(seen.with_values(values))
    expected = seen.value * classes / (classes + 1)
    if (
        not more.finite
        or not seen.value
        or not seen.precision.close(more.total, expected, 1e3)
    ):
        return None
    before, after = apart(seen.value, more.total)
    return KIND.warning(
        f"One more class that never occurs changes the loss from {before} to {after}: "
        f"it averages over the {classes} classes instead of summing.",
        evidence={"classes": classes},
        rests_on=(Symptom.GROWTH,),
    )


def _stays_logarithm(seen: Observation, log: Call) -> bool:
    """Whether a logarithm is used for anything but its exponential, a probability."""
    uses = [
        c for c in seen.graph.trace.calls if any(t is log.result for t in c.tensors)
    ]
    return not uses or any(call.name != "exp" for call in uses)


def divergence(seen: Observation) -> Finding | None:
    """A divergence of distributions that is divided by the number of classes, too."""
    if seen.reference.loss is not None:
        return None
    for call in seen.graph.trace.named("kl_div"):
        if not call.attached or len(call.tensors) < 2:
            continue
        log, target = call.tensors[:2]
        if log.dim() < 2 or log.shape != target.shape:
            continue
        target = target.exp() if call.kwargs.get("log_target") else target
        if not bool(((target.sum(-1) - 1).abs() < 1e-3).all()):
            continue
        reduction = call.kwargs.get("reduction", "mean")
        rows = log.shape[:-1].numel()
        if reduction == "mean":
            flat = "" if log.dim() == 2 else ", of `x.flatten(0, -2)`"
            return KIND.warning(
                f"`kl_div` ({call.where}) divides by the {rows} distributions and by "
                f"the {log.shape[-1]} classes: the mean over the distributions is "
                f'reduction="batchmean"{flat}.',
                cure=f'Pass reduction="batchmean"{flat}.',
                where=call.where,
                rests_on=(Symptom.GROWTH,),
            )
        if reduction == "batchmean" and rows > log.shape[0]:
            return KIND.warning(
                f"`kl_div` ({call.where}) is given {rows} distributions, of shape "
                f'{tuple(log.shape)}, and reduction="batchmean" divides by '
                f"{log.shape[0]} alone.",
                cure='Pass `x.flatten(0, -2)`; then "batchmean" divides by all.',
                where=call.where,
                rests_on=(Symptom.GROWTH,),
            )
    return None
