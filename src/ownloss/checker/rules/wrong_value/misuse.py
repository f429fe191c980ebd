"""Whether functions of torch are given what they do not expect."""

import torch

from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.rules.wrong_value.kind import KIND
from ownloss.checker.torch_insides import is_transformed
from ownloss.checker.trace import Call
from ownloss.checker.wording import number

_SOFTMAX = ("softmax", "sigmoid", "log_softmax", "log_sigmoid")

_RESHAPES = (
    "transpose",
    "permute",
    "movedim",
    "view",
    "reshape",
    "flatten",
    "squeeze",
    "unsqueeze",
    "contiguous",
    "float",
    "double",
    "to",
    "__getitem__",
)

_FROM_LOGITS = (
    "cross_entropy",
    "binary_cross_entropy_with_logits",
    "softmax",
    "log_softmax",
)


# What takes logarithms of probabilities.
_OF_LOGS = ("nll_loss", "kl_div", "ctc_loss")


# What asks for 1 or -1: at 0 there is no loss, or a constant one.
_OF_SIGNS = (
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "soft_margin_loss",
)


def misused(seen: Observation) -> Finding | None:
    """Functions of torch that are given what they do not expect."""
    made: dict[int, Call] = {}
    given = {id(tensor) for _, tensor in seen.pairs(seen.graph.traced)}
    for call in seen.graph.trace.calls:
        if call.name in _SOFTMAX and isinstance(call.result, torch.Tensor):
            made[id(call.result)] = call
        first = call.tensors[0] if call.tensors else None
        if first is None or first.is_complex() or is_transformed(first):
            continue
        before = made.get(id(first))
        if call.name in _RESHAPES and before and isinstance(call.result, torch.Tensor):
            made[id(call.result)] = before
        if before is not None and _takes_logits(call, before):
            return _hint(
                call,
                f"`{call.name}` is given the result of "
                f"`{before.name}`, and takes logits: it is applied twice",
            )
        if call.name in ("nll_loss", "kl_div") and first.numel():
            values = first.detach()
            if bool((values >= 0).all()) and bool((values <= 1).all()):
                return _hint(
                    call,
                    f"`{call.name}` takes log-probabilities, and is given "
                    "numbers between 0 and 1",
                )
        made_here = id(first) not in given  # an identity matrix may be anything
        if call.name == "cross_entropy" and made_here and _are_distributions(first):
            return _hint(
                call,
                f"`{call.name}` takes logits, and is given probabilities that sum to 1",
            )
        if call.name in _OF_LOGS and first.numel() and first.detach().max() > 1e-3:
            return _hint(
                call,
                f"`{call.name}` takes log-probabilities, which are never above 0, and "
                f"is given numbers up to {number(first.detach().max().item())}",
            )
        if call.name == "kl_div" and len(call.tensors) > 1:
            target = call.tensors[1].detach()
            if bool((target < 0).any()) and not call.kwargs.get("log_target"):
                return _hint(
                    call,
                    "the target of `kl_div` is negative: it takes "
                    "probabilities, after the log-probabilities",
                )
            if call.kwargs.get("log_target") and bool((target >= 0).all()):
                return _hint(
                    call,
                    "the target of `kl_div` is not negative: with log_target=True it "
                    "takes log-probabilities",
                )
            total = _total_beside_one(call)
            if total:
                return _hint(
                    call,
                    f"the probabilities that `kl_div` is given first sum to "
                    f"{number(total)}, those of its target to 1",
                )
            student = call.tensors[1].requires_grad and not first.requires_grad
            if student:
                return _hint(
                    call,
                    "`kl_div` takes the prediction first and the target "
                    "second, and is given them in the other order",
                    sure=False,
                )
        signs = call.tensors[-1].detach() if call.name in _OF_SIGNS else first
        if call.name in _OF_SIGNS and bool((signs == 0).any()):
            return _hint(
                call,
                f"`{call.name}` takes targets of 1 and -1, and is given "
                f"{int((signs == 0).sum())} zeros",
            )
        if call.name in _BINARY and _counts_outside(seen, call):
            return _hint(
                call,
                f"`{call.name}` takes targets between 0 and 1, and is given "
                f"{number(call.tensors[1].detach().min().item())} to "
                f"{number(call.tensors[1].detach().max().item())}",
                # Above 1 may be a weight; below 0 the loss has no end.
                sure=bool((call.tensors[1].detach() < 0).any()),
            )
        poisson = call.name == "poisson_nll_loss" and call.kwargs.get("log_input", True)
        if poisson and first.numel() > 3 and bool((first.detach() > 0).all()):
            return _hint(
                call,
                "`poisson_nll_loss` takes the logarithm of the rate, "
                "and is given positive numbers only",
                sure=False,
            )
    return None


_BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


def _are_distributions(tensor: torch.Tensor) -> bool:
    """Whether what stands for the classes are numbers from 0 to 1 that sum to 1."""
    if tensor.dim() < 2 or not tensor.numel() or tensor.shape[1] < 2:
        return False
    value = tensor.detach()
    return bool((value >= 0).all()) and bool(((value.sum(1) - 1).abs() < 1e-4).all())


def _counts_outside(seen: Observation, call: Call) -> bool:
    """Whether targets below 0 or above 1 act on a prediction: they are not left out."""
    if len(call.tensors) < 2 or call.tensors[1].requires_grad:
        return False
    target = call.tensors[1].detach()
    outside = (target < 0) | (target > 1)
    gradients = zip(seen.inputs, seen.base_backward.values, strict=True)
    for argument, gradient in gradients:
        if gradient is None or not seen.graph.comes_from(call.tensors[0], argument):
            continue
        if gradient.shape == target.shape and bool(outside.any()):
            return bool((gradient[outside] != 0).any())
    return False


def _total_beside_one(call: Call) -> float:
    """What the probabilities of kl_div sum to where its target sums to 1; else 0."""
    log, target = (t.detach().double() for t in call.tensors[:2])
    target = target.exp() if call.kwargs.get("log_target") else target
    if log.shape != target.shape or not log.numel():
        return 0.0
    for dim in range(log.dim()):
        sums = log.exp().sum(dim)
        whole = bool(((target.sum(dim) - 1).abs() < 1e-3).all())
        if whole and log.shape[dim] > 1:
            total = sums.mean().item()
            alike = bool(((sums - total).abs() < 1e-3 * total).all())
            return total if alike and abs(total - 1) > 1e-2 else 0.0
    return 0.0


_CLAMPS = ("clamp", "clip", "clamp_min")

_LOGS = ("log", "log2", "log10")


def logits_clamped(seen: Observation) -> Finding | None:
    """The logarithm of logits that are cut off to a small positive number.

    Probabilities are clamped like that. What lies below 0 gets no gradient any more.
    """
    given = [
        tensor
        for argument, tensor in seen.pairs(seen.graph.traced)
        if argument.differentiable
        and argument.domain is Domain.REAL
        and not tensor.is_complex()
    ]
    ids = {id(tensor) for tensor in given}
    clamped: dict[int, Call] = {}
    for call in seen.graph.trace.calls:
        if not call.tensors:
            continue
        first = call.tensors[0]
        if call.name in ("rsub", "__rsub__") and id(first) in ids:
            ids.add(id(call.result))  # one minus them
        least = call.kwargs.get("min", call.args[1] if len(call.args) > 1 else None)
        small = isinstance(least, float) and 0 < least <= 1e-2
        below = (first.detach() < 0).double().mean() if id(first) in ids else 0
        if call.name in _CLAMPS and small and below > 0.2:
            clamped[id(call.result)] = call
        if call.name in _LOGS and id(first) in clamped:
            clamp = clamped[id(first)]
            negative = int((clamp.tensors[0].detach() < 0).sum())
            return KIND.warning(
                f"`{call.name}` ({call.where}) takes probabilities, and is given "
                f"numbers of which {negative} of {first.numel()} lie below 0 and are "
                "clamped: they get no gradient.",
                cure="Apply sigmoid or softmax first, or use a loss of logits.",
                where=call.where,
                rests_on=(Symptom.PERFECT,),
                aspect="misuse",
            )
    return None


_DISTANCES = ("cdist", "pairwise_distance")
_KEEPS_SIGN = ("div", "__truediv__", "sqrt", "pow", "__pow__", "square", *_RESHAPES)


def distances_as_logits(seen: Observation) -> Finding | None:
    """Distances to classes that a cross entropy takes for logits: the farthest wins."""
    made = {id(call.result): call for call in seen.graph.trace.named(*_DISTANCES)}
    for call in seen.graph.trace.calls if made else ():
        distance = made.get(id(call.tensors[0])) if call.tensors else None
        if distance is None:
            continue
        if call.name == "cross_entropy":
            return _hint(
                call,
                f"`{call.name}` is given the distances of `{distance.name}` as logits: "
                "the farthest class is the likeliest",
            )
        if call.name in _KEEPS_SIGN and isinstance(call.result, torch.Tensor):
            made[id(call.result)] = distance
    return None


def logits_in_a_share(seen: Observation) -> Finding | None:
    """Logits that are summed up in a denominator, as probabilities are in a Dice loss.

    Where they lie below 0 the sum may be 0, or negative, and the share anything.
    """
    for argument, tensor in seen.pairs(seen.graph.traced):
        labelled = any(
            x.domain is Domain.BINARY and x.value.shape == argument.value.shape
            for x in seen.arguments
        )
        if not argument.differentiable or argument.parameter or not labelled:
            continue
        real = argument.domain is Domain.REAL and not tensor.is_complex()
        below = int((tensor.detach() < 0).sum()) if real else 0
        for call in seen.graph.trace.named("div", "__truediv__") if below else ():
            if len(call.tensors) > 1 and seen.graph.is_sum_of(call.tensors[1], tensor):
                return KIND.warning(
                    f"`{argument.name}` is summed up in a denominator ({call.where}), "
                    f"as probabilities are, and {below} of its {tensor.numel()} "
                    "entries lie below 0.",
                    cure="Apply sigmoid or softmax first.",
                    where=call.where,
                    rests_on=(Symptom.PERFECT,),
                    aspect="misuse",
                )
    return None


def _takes_logits(call: Call, before: Call) -> bool:
    """Whether what is taken for logits is no logits any more.

    A softmax of a log_softmax changes nothing, and one of logarithms of sigmoids makes
    independent gates sum to 1.
    """
    if before.name == "log_softmax":
        return False
    if before.name == "log_sigmoid" and call.name in ("softmax", "log_softmax"):
        return False
    return call.name in _FROM_LOGITS or call.name == before.name == "sigmoid"


def _hint(call: Call, message: str, *, sure: bool = True) -> Finding:
    place = f" ({call.where})" if call.where else ""
    say = KIND.error if sure else KIND.warning
    return say(
        f"{message[0].upper()}{message[1:]}{place}.",
        where=call.where,
        rests_on=(Symptom.PERFECT,),
        aspect="misuse",
    )
