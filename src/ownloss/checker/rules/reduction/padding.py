"""Whether padding counts in the denominator."""

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.rules.reduction.kind import KIND
from ownloss.checker.runs import Run
from ownloss.checker.wording import apart


def padding(seen: Observation) -> Finding | None:
    """More padding changes the loss."""
    if not seen.scalar or seen.batch.size < 2:
        return None
    for argument in seen.arguments:
        kept = _not_padded(seen, argument)
        if kept is None or argument not in seen.batch.arguments or bool(kept.all()):
            continue
        more, count, what = _with_more_padding(seen, argument, kept)
        if more is None:
            continue
        expected = seen.value * count / (count + 1)
        if not more.finite or not seen.value:
            continue
        averaged = seen.precision.close(more.total, expected, 100)
        if not averaged and (
            what == "row"
            or seen.precision.close(more.total, seen.value, 100)
            or not _padding_is_silent(seen, argument, kept, more)
        ):
            continue
        before, after = apart(seen.value, more.total)
        say = KIND.error if seen.reference.differs else KIND.warning
        return say(
            f"One more {what} that `{argument.name}` leaves out changes the loss "
            f"from {before} to {after}: padding counts in the denominator.",
            cure="Divide by the number of entries that count.",
            rests_on=(Symptom.MASKED,),
            aspect="padding",
        )
    return None


def _not_padded(seen: Observation, argument: Argument) -> torch.Tensor | None:
    """Which entries count, by a mask, by labels to ignore, or by lengths."""
    kept = seen.selection.kept(argument)
    flags = argument.role in (Role.MASK, Role.IGNORED)
    if flags and seen.selection.is_the_target(argument):
        return None
    if kept is None and seen.inputs[0].value.dim() > 1:
        return seen.selection.steps(argument, seen.inputs[0].value.shape[1])
    return kept


def _padding_is_silent(
    seen: Observation, argument: Argument, kept: torch.Tensor, more: Run
) -> bool:
    """Whether what stands in the padding does not matter, only that it is there."""
    other = _with_more_padding(seen, argument, kept, source=1)[0]
    return (
        other is not None
        and other.finite
        and seen.precision.close(more.total, other.total, 100)
    )


def _with_more_padding(
    seen: Observation, argument: Argument, kept: torch.Tensor, source: int = 0
) -> tuple[Run | None, int, str]:
    """The loss with one more column, or entry, that is left out; how many there were.

    The column is a copy of another one, `source`, but for what leaves it out. There is
    no such loss where the columns are not those of the prediction, which may be of
    another resolution.

    A row that is left out altogether is no padding: it is an empty sample.
    """
    if kept.dim() < 2:
        point = seen.batch.rows([*range(seen.batch.size), 0])
        value = point[seen.index(argument)].clone()
        value[-1] = argument.value[~kept].reshape(-1)[0]
        point[seen.index(argument)] = value
        return seen.run(point), seen.batch.size, "row"
    shape = kept.shape
    point = list(seen.point)
    grown = []
    for other in seen.batch.arguments:
        if other.value.shape[: len(shape)] == shape:
            dim = len(shape) - 1
        elif other.value.dim() > 2 and other.value.shape[2:] == shape[1:]:
            dim = other.value.dim() - 1  # after the classes
        else:
            continue
        place = seen.index(other)
        copied = min(source, point[place].shape[dim] - 1)
        more = point[place].narrow(dim, copied, 1).clone()
        leaves_out = kept if other is argument else seen.selection.kept(other)
        if leaves_out is not None and not bool(leaves_out.all()):
            more.fill_(other.value[~leaves_out].reshape(-1)[0].item())
        point[place] = torch.cat([point[place], more], dim)
        grown.append(other)
    run = seen.run(point) if any(x.differentiable for x in grown) else None
    return run, shape[-1], "column"
