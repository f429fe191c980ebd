"""Inputs that are equal to one another, or zero at once."""

import itertools
from collections.abc import Iterator

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.observation import Observation
from ownloss.checker.probes.far import OF_LOGITS
from ownloss.checker.probes.probe import Probe, put


def _fits(value: Domain, place: Domain) -> bool:
    """Whether values of one domain may stand where another one is expected."""
    inside = {
        Domain.UNIT: (Domain.BINARY, Domain.SIMPLEX),
        Domain.SIMPLEX: (),
        Domain.NONNEGATIVE: (Domain.POSITIVE, Domain.UNIT, Domain.BINARY),
        Domain.POSITIVE: (),
        Domain.REAL: (
            Domain.POSITIVE,
            Domain.NONNEGATIVE,
            Domain.UNIT,
            Domain.BINARY,
            Domain.SIGNS,
            Domain.SYMMETRIC,
        ),
    }
    return value == place or value in inside.get(place, ())


def ties(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """Inputs that are equal to each other, all of them or in one sample."""
    for i, one in enumerate(arguments):
        for other in arguments[i + 1 :]:
            yield from _shared_point(seen, one, other)
            if one.value.numel() != other.value.numel() or one.value.numel() == 0:
                continue
            if one.domain in (Domain.BINARY, Domain.SIGNS):
                continue
            if not _fits(other.domain, one.domain):
                continue
            if not one.differentiable and not other.differentiable:
                continue  # two things that the data hold: a time and its indicator
            equal = cast(other.value, seen.dtype).reshape(one.value.shape)
            # What is missing in a target has no prediction that equals it.
            equal = torch.where(equal.isnan(), one.value.to(equal.dtype), equal)
            ends = bool(((equal == 0) | (equal == 1)).any())
            boundary = one.domain is Domain.SIMPLEX or (
                one.domain is Domain.UNIT and ends
            )
            when = f"if `{one.name}` equals `{other.name}`"
            yield Probe(when, put(seen, one, equal), boundary)
            if one.value.dim() and one.value.shape[0] > 1:
                row = cast(one.value, seen.dtype).clone()
                row[0] = equal[0]
                when = f"if one sample of `{one.name}` equals `{other.name}`"
                yield Probe(when, put(seen, one, row), boundary)


def _shared_point(seen: Observation, one: Argument, other: Argument) -> Iterator[Probe]:
    """A point of one set that is one of another set, of another size, too."""
    shapes = one.value.shape, other.value.shape
    apart = [d for d, (m, n) in enumerate(zip(*shapes, strict=False)) if m != n]
    vectors = len(shapes[0]) == len(shapes[1]) > 1 and one.domain is other.domain
    if not vectors or len(apart) != 1 or apart[0] == len(shapes[0]) - 1:
        return
    learns = one.differentiable or other.differentiable
    if learns and one.domain is Domain.REAL and 0 not in (*shapes[0], *shapes[1]):
        value = cast(one.value, seen.dtype).clone()
        theirs = cast(other.value, seen.dtype)
        value.select(apart[0], 0).copy_(theirs.select(apart[0], 0))
        when = f"if an entry of `{one.name}` equals one of `{other.name}`"
        yield Probe(when, put(seen, one, value), guess=True)


def softmax_ties(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """Logits whose softmax is the target, where that has no entry of 0."""
    for one, target in itertools.permutations(arguments, 2):
        inside = target.domain is Domain.SIMPLEX and bool((target.value > 0).all())
        logits = one.differentiable and one.domain is Domain.REAL
        if not logits or not inside or one.value.shape != target.value.shape:
            continue
        if seen.graph.calls_on(one, *OF_LOGITS):
            when = f"if the softmax of `{one.name}` equals `{target.name}`"
            yield Probe(when, put(seen, one, cast(target.value, seen.dtype).log()))


def both_silent(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """A sample of zeros in two inputs at once."""
    may_be_zero = {Domain.REAL, Domain.NONNEGATIVE}
    for one, other in itertools.combinations(arguments, 2):
        if one.value.shape != other.value.shape or one.value.numel() == 0:
            continue
        if not {one.domain, other.domain} <= may_be_zero and not (
            _divides_by_both(seen, one, other)
        ):
            continue
        if not one.differentiable and not other.differentiable:
            continue
        silent = {
            x: torch.cat([torch.zeros_like(v[:1]), v[1:]]) if v.dim() else v * 0
            for x, v in ((x, cast(x.value, seen.dtype)) for x in (one, other))
        }
        when = f"if a sample of `{one.name}` and of `{other.name}` is zero"
        seen.budget.require()
        yield Probe(when, seen.with_values(silent), guess=True)


def _divides_by_both(seen: Observation, one: Argument, other: Argument) -> bool:
    """Whether two positive inputs are compared in relation to both of them.

    Forecasts and demands may be 0; times and scales, of a Weibull law, may not.
    """
    both = {one.name, other.name}
    not_negative = {Domain.POSITIVE, Domain.NONNEGATIVE, Domain.UNIT}
    positive = {one.domain, other.domain} <= not_negative
    divisors = (
        call.tensors[1]
        for call in seen.graph.trace.named("div", "__truediv__", "true_divide")
        if len(call.tensors) > 1
    )
    origins = seen.graph.origins
    return positive and any(
        both <= origins.get(id(divisor), frozenset()) for divisor in divisors
    )
