"""Masks, labels and targets that select nothing, or more."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.observation import Observation
from ownloss.checker.probes.probe import Probe, put
from ownloss.checker.roles import Role
from ownloss.checker.subject import Point


def empty(seen: Observation) -> Iterator[Probe]:
    """Masks, labels and targets by which nothing is selected."""
    for argument in seen.arguments:
        if argument.parameter or argument.differentiable or not argument.value.numel():
            continue
        if seen.batch.picked_by(argument) or seen.batch.is_split_by(argument):
            continue
        value = argument.value
        # Of padding something is always left, unlike of positives and of events.
        pads = argument.role in (Role.MASK, Role.IGNORED)
        # What is the same for all samples is chosen with care.
        pads |= seen.batch.size > 0 and argument not in seen.batch.arguments
        if argument.domain is Domain.MASK:
            for keep, word in ((False, "False"), (True, "True")):
                if leaves_out_fillers(seen, argument, keep):
                    continue
                yield Probe(
                    f"if all of `{argument.name}` is {word}",
                    put(seen, argument, torch.full_like(value, keep)),
                    guess=pads,
                )
        elif argument.domain is Domain.BINARY:
            selects = argument.role in (Role.MASK, Role.IGNORED, Role.TARGET)
            if not selects and bool((value == value.reshape(-1)[0]).all()):
                continue  # weights that are all 1 say nothing of a choice
            for one in (0, 1):
                if leaves_out_fillers(seen, argument, bool(one)):
                    continue
                yield Probe(
                    f"if all of `{argument.name}` is {one}",
                    put(seen, argument, torch.full_like(value, one)),
                    guess=pads,
                )
            if not pads:
                yield from _nothing_there(seen, argument)
        elif argument.domain in (Domain.NONNEGATIVE, Domain.UNIT) and bool(
            (value == 0).any()
        ):
            yield Probe(
                f"if all of `{argument.name}` is 0",
                put(seen, argument, torch.zeros_like(value)),
                guess=pads or argument.role is Role.OTHER,  # such as weights
            )
        elif argument.role is Role.LABELS:
            # Members of a set are each another.
            of_samples = argument in seen.batch.arguments
            places = seen.graph.picks_rows(argument) and not of_samples
            if not places and not argument.names_every_place:
                yield from _labels(seen, argument)
        elif argument.role is Role.LENGTHS and argument.value.dim() == 1:
            yield from _no_steps(seen, argument)
        elif argument.role is Role.INDEX and seen.graph.calls_on(argument, *_GROUPS):
            value = argument.value
            first = int(value.min()) if value.numel() else 0
            if bool((value != first).any()):
                yield Probe(
                    f"if every entry of `{argument.name}` is {first}, so that the "
                    "other groups have none,",
                    put(seen, argument, torch.full_like(value, first)),
                )


def leaves_out_fillers(seen: Observation, mask: Argument, keep: bool = True) -> bool:
    """Whether other inputs hold nothing, zeros or NaN, where a mask is not `keep`."""
    if mask.domain not in (Domain.MASK, Domain.BINARY) or mask.differentiable:
        return False
    off = mask.value.bool() != keep
    if not bool(off.any()):
        return False
    for other in seen.arguments:
        if not other.floating or other.parameter or other is mask:
            continue
        if other.value.shape[: off.dim()] != off.shape:
            continue
        fillers = other.value[off]
        zeros = other.value.dim() > off.dim() and not bool(fillers.any())
        if zeros or bool(fillers.isnan().all()):
            return True
    return False


def _no_steps(seen: Observation, lengths: Argument) -> Iterator[Probe]:
    """A sample of length 0, and masks that say the same.

    Not for CTC: a text of no letters is a matter of its own.
    """
    if seen.graph.trace.named("ctc_loss"):
        return
    value = lengths.value.clone()
    value[0] = 0
    values = {lengths: value}
    for mask in seen.arguments:
        if mask.kept is None or mask.value.dim() < 2:
            continue
        steps = torch.arange(mask.value.shape[1], device=mask.value.device)
        within = (steps < lengths.value[:, None])[..., *[None] * (mask.value.dim() - 2)]
        if mask.value.shape[0] == len(value) and bool((mask.kept == within).all()):
            off = mask.value[~mask.kept]
            values[mask] = mask.value.clone()
            values[mask][0] = off[0] if off.numel() else 0
    yield Probe(
        f"if a sample of `{lengths.name}` has length 0",
        seen.with_values(values),
        boundary=True,
    )


def _nothing_there(seen: Observation, target: Argument) -> Iterator[Probe]:
    """No positive, and logits that predict none: all below any threshold."""
    for argument in seen.inputs:
        if argument.value.shape != target.value.shape or argument.parameter:
            continue
        if argument.domain is Domain.REAL and not argument.value.is_complex():
            none = torch.full_like(cast(argument.value, seen.dtype), -4.0)
            values = {target: torch.zeros_like(target.value), argument: none}
            yield Probe(
                f"if all of `{target.name}` is 0 and all of `{argument.name}` is -4",
                seen.with_values(values),
            )


def selecting(seen: Observation) -> Iterator[tuple[str, Point]]:
    """Points at which a margin that is met, or a mask, leaves more to do.

    Vectors are moved close to one another, so that their cosines are near 1; masks
    select everything; labels are all equal, then all different.
    """
    near = [_near_each_other(seen, seen.inputs[0]), _near_each_other(seen, None)]
    labels = [dict[int, Tensor]()]
    for same in (True, False):
        chosen = {}
        for place, argument in enumerate(seen.arguments):
            value = argument.value
            if argument.parameter or argument.differentiable or not value.numel():
                continue
            if argument.domain in (Domain.MASK, Domain.BINARY):
                chosen[place] = torch.full_like(value, same)
            elif argument.role is Role.LABELS:
                classes = max(int(value.max()), 0) + 1
                counted = torch.arange(value.numel()).view(value.shape) % classes
                chosen[place] = (
                    torch.full_like(value, classes - 1) if same else (counted.to(value))
                )
        if chosen:
            labels.append(chosen)
    for point in (seen.points.jittered(0.3, 1), *near):
        for chosen in labels:
            moved = [chosen.get(place, value) for place, value in enumerate(point)]
            yield "where more is selected", moved


def _near_each_other(seen: Observation, first: Argument | None) -> Point:
    """All inputs near a first one of their shape; or every row near the first row."""
    point = seen.points.jittered(0.0)
    for place, argument in enumerate(seen.arguments):
        value = point[place]
        if argument.parameter or not argument.floating or not value.dim():
            continue
        if argument.domain in (Domain.BINARY, Domain.SIGNS, Domain.SIMPLEX):
            continue
        noise = 0.05 * argument.size * seen.random_like(value, 60 + place)
        if first is None and len(value):
            point[place] = value[:1].expand_as(value) + noise
        elif first is not None and value.shape == first.value.shape:
            point[place] = cast(first.value, seen.dtype) + noise
    return point


# What sums up entries by the group that an index gives them.
_GROUPS = (
    *("index_add", "index_add_", "index_reduce", "index_reduce_"),
    *("scatter_add", "scatter_add_", "scatter_reduce", "scatter_reduce_"),
    *("bincount", "segment_reduce"),
)


def _labels(seen: Observation, argument: Argument) -> Iterator[Probe]:
    value = argument.value
    lowest = int(value.min())
    if lowest < 0:
        yield Probe(
            f"if all of `{argument.name}` is {lowest}, the label to ignore",
            put(seen, argument, torch.full_like(value, lowest)),
        )
    present = value[value >= 0].unique().tolist()
    for label in dict.fromkeys([*present[:1], *present[-1:]]):
        yield Probe(
            f"if every label of `{argument.name}` is {label}",
            put(seen, argument, torch.full_like(value, label)),
            boundary=len(present) > 2,
        )
    if 0 not in present and present and min(present) == 1:
        yield Probe(
            f"if every label of `{argument.name}` is 0",
            put(seen, argument, torch.zeros_like(value)),
        )
    if value.dim() == 1 and value.unique().numel() < value.numel():
        distinct = torch.arange(value.numel(), device=value.device).to(value.dtype)
        unknown = int(distinct.max()) > int(value.max())
        yield Probe(
            f"if no two labels of `{argument.name}` are equal",
            put(seen, argument, distinct),
            # Sizes and lengths are no classes.
            boundary=unknown or seen.selection.counts_with(argument),
        )
