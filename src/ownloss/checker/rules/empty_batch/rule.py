"""0/0, or an error, when nothing is selected."""

from collections.abc import Iterator
from itertools import chain, islice

import torch
from torch import Tensor

from ownloss.checker.copies import is_of_torch
from ownloss.checker.errors import first_line, raised_on_purpose
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.probes.outcome import first_not_finite, is_over_nothing, tried
from ownloss.checker.probes.probe import PROBES, Probe
from ownloss.checker.probes.selections import empty
from ownloss.checker.probes.special import special

KIND = Kind(
    slug="empty-batch",
    title="Nothing selected",
    meaning="The loss divides by how many samples are selected, or takes the maximum "
    "over them, and there may be none: no positive in the batch, every label ignored, "
    "a mask that is False everywhere.",
    shows="Masks, labels and targets are replaced by ones that select nothing.",
    cure="Divide by the count clamped to at least 1, or return "
    "`prediction[mask].sum()`, which is 0 and keeps the graph.",
)
CALLS = 10

_FORBIDS = ("masked_fill", "masked_fill_", "where", "full", "full_like")
# Torch's own means are NaN over nothing, and many a loss leaves it at that.
_TORCH_MEANS = ("nll_loss", "cross_entropy", "ctc_loss", "mean")


def find(seen: Observation) -> Iterator[Finding]:
    """Try masks, labels and targets that select nothing."""
    if not seen.given.finite:
        return
    milder = []
    chosen = ((probe, False) for probe in islice(empty(seen), PROBES))
    for probe, by_values in chain(chosen, ((p, True) for p in _none_picked(seen))):
        run, gradients = tried(seen, probe.point, seen.native)
        when = probe.when[0].upper() + probe.when[1:]
        if run.error is not None:
            if probe.boundary or raised_on_purpose(run.error):
                continue
            trouble = f"the loss raises: {first_line(run.error)}"
            where, call = "", None
        elif not run.finite:
            values = [o.detach() for o in run.outputs]
            nan = any(bool(v.isnan().any()) for v in values)
            trouble = f"the loss is {'NaN' if nan else 'infinite'}"
            call = first_not_finite(seen, probe.point, seen.native)
            where = call.where if call else ""
            forbids = call is not None and call.name in _FORBIDS
            if not nan and (forbids or seen.graph.trace.named(*_FORBIDS[:2])):
                continue  # a label that the loss forbids by a score of -inf
            if call is not None:
                trouble += f": `{call.name}`"
                trouble += f" ({where})" if where else ""
                trouble += " has nothing to work on"
        elif gradients.error is None and not gradients.finite:
            trouble, where, call = "the gradient is not finite", "", None
        else:
            continue
        own = call.name if call and call.name in _TORCH_MEANS else ""
        # Nobody overlooks what raises.
        unsure = probe.boundary or probe.guess or run.error is not None
        # A crop without objects gives the mean of nothing, in most repositories.
        unsure |= call is not None and call.name.endswith("_loss")
        unsure |= bool(own) and not by_values
        say = KIND.warning if unsure else KIND.error
        if is_of_torch(seen.loss) or own not in ("", "mean"):
            say = KIND.note
        if seen.reference.loss is not None:
            trusted = seen.reference.run(probe.point)
            if trusted.finite:
                say = KIND.error
                trouble += f"; the reference is {trusted.total:.4g}"
        found = say(f"{when} {trouble}.", where=where, rests_on=(Symptom.EMPTY,))
        if found.severity == "error":
            yield found
            return
        milder.append(found)
    yield from sorted(milder, key=lambda found: found.severity == "note")[:1]


def _none_picked(seen: Observation) -> Iterator[Probe]:
    """Special inputs of which a comparison picks nothing, as of triplets all met."""
    picks = any(
        call.attached and isinstance(index, Tensor) and index.dtype is torch.bool
        for call in seen.graph.trace.named("__getitem__", "masked_select")
        for index in call.args[1:2]
    )
    counts = any(
        len(call.tensors) > 1 and not call.tensors[1].is_floating_point()
        for call in seen.graph.trace.named("div", "__truediv__")
    )
    for probe in islice(special(seen), PROBES) if picks or counts else ():
        run = seen.run(probe.point, dtype=seen.native)
        if run.error is not None or run.finite:
            continue
        if is_over_nothing(first_not_finite(seen, probe.point, seen.native)):
            yield probe
