"""Whether a softmax runs over what the labels or a mask are for."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.axes import NORMALISING, SOFTMAX, along, along_whole
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.rules.wrong_axis.kind import KIND, say
from ownloss.checker.trace import Call


def unlike_labels(seen: Observation) -> Iterator[Finding]:
    """A softmax over a dimension that the labels have, not over the one they lack."""
    shape = seen.inputs[0].value.shape
    labels = [
        x
        for x in seen.arguments
        if not x.parameter and x.role is Role.LABELS and x.value.dim()
    ]
    if any(x.role is Role.LENGTHS for x in seen.arguments):
        return  # they may be of another length than the prediction, as in CTC
    fits = {argument: _missing_dims(argument, shape) for argument in labels}
    if len(set(map(tuple, filter(None, fits.values())))) > 1:
        return  # labels of samples, and groups of the classes
    calls = seen.graph.trace.named(*NORMALISING)
    over = [(c, d) for c in calls if (d := along_whole(c, shape)) is not None]
    for argument, dims in fits.items():
        if len(dims) != 1 or any(dim == dims[0] for _, dim in over):
            continue  # one over each, as contrastive losses have it
        for call, dim in over:
            others = "samples" if dim == 0 else f"places of dimension {dim}"
            yield KIND.error(
                f"`{call.name}` ({call.where}) runs over dimension {dim} of "
                f"{tuple(shape)}, and `{argument.name}` of shape "
                f"{tuple(argument.value.shape)} says that the classes are in dimension "
                f"{dims[0]}: the {others} compete with one another.",
                cure=f"Pass dim={dims[0]}.",
                where=call.where,
                rests_on=(Symptom.AXIS,),
                explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.PERFECT),
            )


def over_ctc(seen: Observation) -> Iterator[Finding]:
    """Log-probabilities of ctc_loss, (T, N, C), that are normalised over T or N."""
    for call in seen.graph.trace.named("ctc_loss"):
        for made in seen.graph.trace.named("log_softmax"):
            dim = along(made)
            if made.result is call.tensors[0] and dim != call.tensors[0].dim() - 1:
                yield KIND.error(
                    f"`log_softmax` ({made.where}) runs over dimension {dim}, and "
                    "`ctc_loss` has the classes in the last one.",
                    cure="Pass dim=-1.",
                    where=made.where,
                    rests_on=(Symptom.AXIS,),
                    explains=(Symptom.VALUE, Symptom.GROWTH),
                )


def _missing_dims(labels: Argument, shape: tuple[int, ...]) -> list[int]:
    """The dimensions of a prediction without which it has the labels' shape."""
    dims = range(len(shape))
    return [d for d in dims if shape[:d] + shape[d + 1 :] == labels.value.shape]


def over_places(seen: Observation) -> Iterator[Finding]:
    """A softmax over the places that a mask tells of, not over what each place has."""
    shape = seen.inputs[0].value.shape
    if not shape or shape[-1] < 2:
        return
    for argument in seen.arguments:
        if argument.kept is None or argument.value.shape != shape[:-1]:
            continue
        for call in seen.graph.trace.named(*NORMALISING):
            dim = along_whole(call, shape)
            if dim is None or dim == len(shape) - 1:
                continue
            if not torch.isfinite(call.tensors[0].detach()).all():
                continue  # what does not count was taken out of it before
            yield say(
                seen,
                f"`{call.name}` ({call.where}) runs over dimension {dim} of "
                f"{tuple(shape)}, and `{argument.name}` of shape "
                f"{tuple(argument.value.shape)} says that these are places: they "
                "compete with one another, the masked ones among them.",
                cure="Pass dim=-1.",
                where=call.where,
                explains=(Symptom.MASKED,),
            )
            return


_COMPARING = ("mul", "__mul__", "__rmul__", "kl_div", "sub", "__sub__", "mse_loss")


def two_axes(seen: Observation) -> Iterator[Finding]:
    """Distributions of two inputs, over different dimensions, are compared."""
    origins = seen.graph.origins
    over: dict[int, tuple[Call, int]] = {}
    for call in seen.graph.trace.calls:
        results = [call.result] if isinstance(call.result, Tensor) else []
        if call.name in SOFTMAX and results and call.shapes:
            dim = along(call)
            if dim is not None:
                over[id(call.result)] = call, dim
            continue
        known = [over[id(t)] for t in call.tensors if id(t) in over]
        if len(known) == 2 and call.name in _COMPARING:
            (first, a), (second, b) = known
            apart = not origins[id(first.result)] & origins[id(second.result)]
            # Two probabilities are multiplied where one weighs places, and one classes.
            logs = "log_softmax" in (first.name, second.name) or "mul" not in call.name
            if a != b and apart and logs and first.shapes[0] == second.shapes[0]:
                odd = min(known, key=lambda found: found[1])
                yield say(
                    seen,
                    f"`{odd[0].name}` ({odd[0].where}) runs over dimension {odd[1]}, "
                    f"and what it is compared with over dimension {max(a, b)}: these "
                    "are no two distributions over the same things.",
                    cure=f"Pass dim={max(a, b)} to both.",
                    where=odd[0].where,
                )
                return
        if len(known) == 1 and len(call.tensors) == 1 and results:
            over[id(call.result)] = known[0]  # detached, cast, ...
