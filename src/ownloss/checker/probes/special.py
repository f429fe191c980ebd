"""Ties, zeros, constants and saturated probabilities."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.observation import Observation
from ownloss.checker.probes.far import DOWNHILL, OF_LOGITS, downhill
from ownloss.checker.probes.probe import Probe, put
from ownloss.checker.probes.selections import leaves_out_fillers
from ownloss.checker.probes.ties import both_silent, softmax_ties, ties
from ownloss.checker.roles import Role


def special(seen: Observation) -> Iterator[Probe]:
    """Ties, zeros, constants and saturated probabilities."""
    arguments = [x for x in seen.arguments if x.floating and not x.parameter]
    # What a sparse tensor holds is not 0.
    arguments = [x for x in arguments if not x.packed]
    yield from ties(seen, arguments)
    yield from softmax_ties(seen, arguments)
    # Nodes that edges name are apart: not all of them lie in one place.
    nodes = any(map(seen.graph.picks_rows, seen.arguments))
    for argument in arguments:
        value = cast(argument.value, seen.dtype)
        # A prior or a direction may never be 0; predictions and targets are at times.
        beside = argument.role is Role.OTHER or nodes
        # Nor is what is learned as one thing, such as the state of a system.
        beside |= len(arguments) > 1 and argument not in seen.batch.arguments
        if argument.domain in (Domain.REAL, Domain.NONNEGATIVE):
            if seen.batch.size > 1 and argument in seen.batch.arguments:
                row = value.clone()
                row[0] = 0
                when = f"if a row of `{argument.name}` is zero"
                yield Probe(when, put(seen, argument, row), guess=beside)
            zeros = torch.zeros_like(value)
            when = f"if `{argument.name}` is zero"
            yield Probe(when, put(seen, argument, zeros), guess=beside)
        if argument.domain is Domain.POSITIVE and _counts(value):
            yield Probe(
                f"if `{argument.name}` is 0, as counts may be",
                put(seen, argument, torch.zeros_like(value)),
                boundary=True,
                guess=True,
            )
        positive = argument.domain in (Domain.POSITIVE, Domain.UNIT)
        if positive and not argument.differentiable:
            yield from _zero_where_off(seen, argument)
        free = argument.domain in (Domain.REAL, Domain.POSITIVE, Domain.UNIT)
        if free and value.numel() > 1 and argument.differentiable:
            constant = torch.full_like(value, value.real.mean().item())
            when = f"if all entries of `{argument.name}` are equal"
            yield Probe(when, put(seen, argument, constant), guess=nodes)
        if (
            argument in seen.batch.arguments
            and seen.batch.size > 1
            and argument.differentiable
        ):
            same = value.clone()
            same[1] = same[0]
            yield Probe(
                f"if two samples of `{argument.name}` are equal",
                put(seen, argument, same),
            )
    yield from _beyond_relu(seen, arguments)
    if not any(map(partial(leaves_out_fillers, seen), seen.arguments)):
        yield from both_silent(seen, arguments)
    yield from _saturated(seen, arguments)
    yield from _along_parameters(seen, arguments)
    yield from _downhill(seen)


def _zero_where_off(seen: Observation, argument: Argument) -> Iterator[Probe]:
    """Zeros among positive numbers, where a flag is off.

    Padding is 0, and a subject may be censored at once. torch.where picks the branch
    that does not take the logarithm; NaN comes out of its gradient nevertheless.
    """
    for flag in seen.arguments:
        known = flag.domain in (Domain.MASK, Domain.BINARY) and not flag.differentiable
        if not known or flag.value.shape != argument.value.shape:
            continue
        off = ~flag.kept if flag.kept is not None else flag.value == 0
        if bool(off.any()) and not bool(off.all()):
            value = cast(argument.value, seen.dtype).masked_fill(off, 0)
            yield Probe(
                f"if `{argument.name}` is 0 where `{flag.name}` is off",
                put(seen, argument, value),
                boundary=True,
                guess=True,
            )


def _beyond_relu(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """Negative numbers, of which a loss that begins with a relu makes 0."""
    given = {id(tensor): argument for argument, tensor in seen.pairs(seen.graph.traced)}
    for call in seen.graph.trace.named("relu", "relu_"):
        argument = given.get(id(call.tensors[0]))
        if argument in arguments and argument is not None and argument.differentiable:
            value = cast(argument.value, seen.dtype)
            when = f"if `{argument.name}` is negative, so that `relu` makes 0 of it,"
            yield Probe(when, put(seen, argument, -value.abs()), guess=True)


def _downhill(seen: Observation) -> Iterator[Probe]:
    """Logits that are certain, and right."""
    if seen.graph.trace.named(*OF_LOGITS):
        when = f"if training has moved all logits by {DOWNHILL:g}"
        yield Probe(when, downhill(seen), guess=True)


def bold(seen: Observation) -> Iterator[Probe]:
    """Points that may lie outside of what a loss is defined for; a reference tells."""
    floating = [x for x in seen.arguments if x.floating and not x.parameter]
    rows = [x for x in floating if x in seen.batch.arguments] or floating
    for chosen in (*([x] for x in rows), rows):
        point = list(seen.point)
        for argument in chosen:
            value = cast(argument.value, seen.dtype).clone()
            (value[:1] if value.dim() else value).fill_(0)
            point[seen.index(argument)] = value
        names = " and of ".join(f"`{x.name}`" for x in chosen)
        seen.budget.require()
        yield Probe(f"if a sample of {names} is zero", point, bold=True)
    for factor in (10.0, 100.0):
        point = [
            cast(x.value, seen.dtype) * factor
            if x.differentiable and not x.parameter
            else x.value
            for x in seen.arguments
        ]
        yield Probe(f"if all inputs are {factor:g} times as large", point, bold=True)


def _along_parameters(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """Samples that equal the centres or class vectors that a Module holds."""
    for parameter in seen.arguments:
        for argument in arguments:
            shapes = parameter.value.shape, argument.value.shape
            fit = len(shapes[0]) == len(shapes[1]) == 2 and shapes[0][1] == shapes[1][1]
            if not parameter.parameter or not argument.differentiable or not fit:
                continue
            if argument.domain is not Domain.REAL or 0 in (*shapes[0], *shapes[1]):
                continue
            rows = [i % shapes[0][0] for i in range(shapes[1][0])]
            yield Probe(
                f"if `{argument.name}` equals rows of `{parameter.name}`",
                put(seen, argument, cast(parameter.value, seen.dtype)[rows]),
            )


def _counts(value: Tensor) -> bool:
    """Whether positive numbers look like counts: whole, small, repeated."""
    whole = bool((value == value.round()).all()) and value.numel() > 3
    return whole and value.unique().numel() < value.numel()


def _saturated(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """Probabilities of exactly 0 and 1."""
    for argument in arguments:
        value = cast(argument.value, seen.dtype)
        if argument.domain is Domain.UNIT and argument.differentiable:
            yield Probe(
                f"if `{argument.name}` is exactly 0 or 1",
                put(seen, argument, value.round()),
                boundary=True,
            )
            for end in (0.0, 1.0):
                yield Probe(
                    f"if all of `{argument.name}` is exactly {end:g}",
                    put(seen, argument, torch.full_like(value, end)),
                    boundary=True,
                    guess=True,
                )
        if argument.domain is Domain.SIMPLEX:
            dim = 1 if value.dim() > 2 else -1
            certain = torch.zeros_like(value).scatter_(
                dim, value.argmax(dim, keepdim=True), 1.0
            )
            yield Probe(
                f"if `{argument.name}` is certain (one 1, all others 0)",
                put(seen, argument, certain),
                boundary=argument.differentiable,
                guess=argument.role is Role.OTHER,
            )
