"""Special inputs, built from the ones given, at which a mistake may show."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain, scaled
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.runs import Backward, Run
from ownloss.checker.subject import Point
from ownloss.checker.trace import Call, Trace

# The longest list of probes of the corpus has about 30.
PROBES = 60


@dataclass(eq=False)
class Probe:
    """A special point.

    Attributes:
        when: completes "the gradient is NaN ...": "if a prediction equals its target".
        point: the inputs.
        boundary: whether the point lies on the edge of what the loss is defined for:
            an infinite loss may be right for a probability of exactly 0, and labels
            that did not occur may not exist.
        guess: whether such inputs may never occur; then it is a warning at most.
        bold: whether only a trusted loss can tell if such inputs make sense.
    """

    when: str
    point: Point
    boundary: bool = False
    guess: bool = False
    bold: bool = False


def special(seen: Observation) -> Iterator[Probe]:
    """Ties, zeros, constants and saturated probabilities."""
    arguments = [x for x in seen.arguments if x.floating and not x.parameter]
    yield from _ties(seen, arguments)
    yield from _softmax_ties(seen, arguments)
    for argument in arguments:
        value = cast(argument.value, seen.dtype)
        # A prior or a direction may never be 0; predictions and targets are at times.
        beside = argument.role is Role.OTHER
        if argument.domain in (Domain.REAL, Domain.NONNEGATIVE):
            if seen.batch.size > 1 and argument in seen.batch.arguments:
                row = value.clone()
                row[0] = 0
                when = f"if a row of `{argument.name}` is zero"
                yield Probe(when, _put(seen, argument, row), guess=beside)
            zeros = torch.zeros_like(value)
            when = f"if `{argument.name}` is zero"
            yield Probe(when, _put(seen, argument, zeros), guess=beside)
        if argument.domain is Domain.POSITIVE and _counts(value):
            yield Probe(
                f"if `{argument.name}` is 0, as counts may be",
                _put(seen, argument, torch.zeros_like(value)),
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
            yield Probe(when, _put(seen, argument, constant))
        if (
            argument in seen.batch.arguments
            and seen.batch.size > 1
            and argument.differentiable
        ):
            same = value.clone()
            same[1] = same[0]
            yield Probe(
                f"if two samples of `{argument.name}` are equal",
                _put(seen, argument, same),
            )
    yield from _beyond_relu(seen, arguments)
    if not any(map(partial(_leaves_out_fillers, seen), seen.arguments)):
        yield from _both_silent(seen, arguments)
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
                _put(seen, argument, value),
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
            yield Probe(when, _put(seen, argument, -value.abs()), guess=True)


_OF_LOGITS = ("softmax", "log_softmax", "sigmoid", "log_sigmoid", "cross_entropy")
DOWNHILL = 40.0


def downhill(seen: Observation, far: float = DOWNHILL) -> Point:
    """Every input of real numbers far along its gradient, where training leads.

    Not what is negative throughout, as log-probabilities are.
    """
    values = {}
    gradients = zip(seen.inputs, seen.base_backward.values, strict=True)
    for argument, gradient in gradients:
        if gradient is None or gradient.is_complex() or argument.parameter:
            continue
        if argument.domain is Domain.REAL and bool((argument.value > 0).any()):
            start = cast(argument.value, seen.dtype)
            values[argument] = start - far * gradient.detach().sign()
    return seen.with_values(values)


def _downhill(seen: Observation) -> Iterator[Probe]:
    """Logits that are certain, and right."""
    if seen.graph.trace.named(*_OF_LOGITS):
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
                _put(seen, argument, cast(parameter.value, seen.dtype)[rows]),
            )


def _counts(value: Tensor) -> bool:
    """Whether positive numbers look like counts: whole, small, repeated."""
    whole = bool((value == value.round()).all()) and value.numel() > 3
    return whole and value.unique().numel() < value.numel()


def _put(seen: Observation, argument: Argument, value: Tensor) -> Point:
    seen.budget.require()
    return seen.with_values({argument: value})


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


def _ties(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
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
            yield Probe(when, _put(seen, one, equal), boundary)
            if one.value.dim() and one.value.shape[0] > 1:
                row = cast(one.value, seen.dtype).clone()
                row[0] = equal[0]
                when = f"if one sample of `{one.name}` equals `{other.name}`"
                yield Probe(when, _put(seen, one, row), boundary)


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
        yield Probe(when, _put(seen, one, value), guess=True)


def _softmax_ties(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """Logits whose softmax is the target, where that has no entry of 0."""
    for one, target in itertools.permutations(arguments, 2):
        inside = target.domain is Domain.SIMPLEX and bool((target.value > 0).all())
        logits = one.differentiable and one.domain is Domain.REAL
        if not logits or not inside or one.value.shape != target.value.shape:
            continue
        if seen.graph.calls_on(one, *_OF_LOGITS):
            when = f"if the softmax of `{one.name}` equals `{target.name}`"
            yield Probe(when, _put(seen, one, cast(target.value, seen.dtype).log()))


def _both_silent(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
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


def _saturated(seen: Observation, arguments: list[Argument]) -> Iterator[Probe]:
    """Probabilities of exactly 0 and 1."""
    for argument in arguments:
        value = cast(argument.value, seen.dtype)
        if argument.domain is Domain.UNIT and argument.differentiable:
            yield Probe(
                f"if `{argument.name}` is exactly 0 or 1",
                _put(seen, argument, value.round()),
                boundary=True,
            )
            for end in (0.0, 1.0):
                yield Probe(
                    f"if all of `{argument.name}` is exactly {end:g}",
                    _put(seen, argument, torch.full_like(value, end)),
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
                _put(seen, argument, certain),
                boundary=argument.differentiable,
                guess=argument.role is Role.OTHER,
            )


def empty(seen: Observation) -> Iterator[Probe]:
    """Masks, labels and targets by which nothing is selected."""
    for argument in seen.arguments:
        if argument.parameter or argument.differentiable or not argument.value.numel():
            continue
        if seen.batch.picked_by(argument):
            continue
        value = argument.value
        # Of padding something is always left, unlike of positives and of events.
        pads = argument.role in (Role.MASK, Role.IGNORED)
        if argument.domain is Domain.MASK:
            for keep, word in ((False, "False"), (True, "True")):
                if keep and _leaves_out_fillers(seen, argument):
                    continue
                yield Probe(
                    f"if all of `{argument.name}` is {word}",
                    _put(seen, argument, torch.full_like(value, keep)),
                    guess=pads,
                )
        elif argument.domain is Domain.BINARY:
            selects = argument.role in (Role.MASK, Role.IGNORED, Role.TARGET)
            if not selects and bool((value == value.reshape(-1)[0]).all()):
                continue  # weights that are all 1 say nothing of a choice
            for one in (0, 1):
                if one and _leaves_out_fillers(seen, argument):
                    continue
                yield Probe(
                    f"if all of `{argument.name}` is {one}",
                    _put(seen, argument, torch.full_like(value, one)),
                    guess=pads,
                )
            if not pads:
                yield from _nothing_there(seen, argument)
        elif argument.domain in (Domain.NONNEGATIVE, Domain.UNIT) and bool(
            (value == 0).any()
        ):
            yield Probe(
                f"if all of `{argument.name}` is 0",
                _put(seen, argument, torch.zeros_like(value)),
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
                    _put(seen, argument, torch.full_like(value, first)),
                )


def _leaves_out_fillers(seen: Observation, mask: Argument) -> bool:
    """Whether other inputs hold zeros wherever a mask is off: there is nothing."""
    if mask.domain not in (Domain.MASK, Domain.BINARY) or mask.differentiable:
        return False
    off = ~mask.value.bool()
    for other in seen.arguments:
        if other.floating and not other.parameter and other.value.dim() > off.dim():
            rows = other.value.shape[: off.dim()] == off.shape
            if rows and bool(off.any()) and not bool(other.value[off].any()):
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
            _put(seen, argument, torch.full_like(value, lowest)),
        )
    present = value[value >= 0].unique().tolist()
    for label in dict.fromkeys([*present[:1], *present[-1:]]):
        yield Probe(
            f"if every label of `{argument.name}` is {label}",
            _put(seen, argument, torch.full_like(value, label)),
            boundary=len(present) > 2,
        )
    if 0 not in present and present and min(present) == 1:
        yield Probe(
            f"if every label of `{argument.name}` is 0",
            _put(seen, argument, torch.zeros_like(value)),
        )
    if value.dim() == 1 and value.unique().numel() < value.numel():
        distinct = torch.arange(value.numel(), device=value.device).to(value.dtype)
        unknown = int(distinct.max()) > int(value.max())
        yield Probe(
            f"if no two labels of `{argument.name}` are equal",
            _put(seen, argument, distinct),
            # Sizes and lengths are no classes.
            boundary=unknown or seen.selection.counts_with(argument),
        )


def large(seen: Observation) -> Iterator[tuple[Argument, float, Point]]:
    """Each real input so large that its largest entry has a given size."""
    for argument in seen.inputs:
        if (
            argument.parameter
            or argument.domain is not Domain.REAL
            or not argument.value.numel()
        ):
            continue
        seen.budget.require()
        size = argument.value.abs().max().item()
        if not size:
            continue
        first = argument is seen.inputs[0]
        for wanted in (6.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0):
            if wanted > size and (first or wanted <= 20):
                factor = wanted / size
                value = scaled(
                    cast(argument.value, seen.dtype), argument.domain, factor
                )
                yield argument, wanted, _put(seen, argument, value)
        yield from _both_large(seen, argument)


def _both_large(
    seen: Observation, argument: Argument
) -> Iterator[tuple[Argument, float, Point]]:
    """Logits of two models that are sure of the same: the rest underflows in both."""
    if not seen.graph.calls_on(argument, *_OF_LOGITS):
        return
    for other in seen.arguments:
        if other is argument or other.value.shape != argument.value.shape:
            continue
        if other.parameter or other.domain is not Domain.REAL:
            continue
        if not seen.graph.calls_on(other, *_OF_LOGITS):
            continue
        seen.budget.require()
        for wanted in (50.0, 200.0):
            value = cast(argument.value, seen.dtype)
            value = value * (wanted / argument.value.abs().max().item())
            yield argument, wanted, seen.with_values({argument: value, other: value})


def tried(
    seen: Observation, point: Point, dtype: torch.dtype | None = None
) -> tuple[Run, Backward]:
    """Run at a point, forward and backward."""
    run = seen.run(point, dtype=dtype)
    return run, seen.backward(run)


def first_not_finite(
    seen: Observation, point: Point, dtype: torch.dtype
) -> Call | None:
    """The first call at a point that makes something not finite of finite things."""
    trace = Trace(seen.budget, until_not_finite=True)
    with trace:
        seen.run(point, dtype=dtype)
    return trace.first_not_finite


_GROW = ("exp", "exp2", "expm1", "cosh", "sinh", "logsumexp", "softmax")


def explodes(seen: Observation, point: Point, run: Run) -> bool:
    """Whether a run is not finite because an exponential is too large for its dtype."""
    if run.error is not None or run.finite:
        return False
    call = first_not_finite(seen, point, seen.native)
    return call is not None and call.name in _GROW


def too_much_for_its_dtype(seen: Observation, run: Run) -> bool:
    """Whether the inputs given are only too large, or too small, for their own dtype.

    In float64 all is finite, and nothing has an infinite slope there; nor does
    rounding take something below 0, which is a trap for inputs of any size.
    """
    if not seen.base.finite or not seen.base_backward.finite:
        return False
    if seen.native in (torch.float16, torch.bfloat16):
        return True
    if run.finite:
        return not steep(seen, seen.point, seen.native)[0]
    call = first_not_finite(seen, seen.point, seen.native)
    return call is None or not any(bool((t.detach() < 0).any()) for t in call.tensors)


_STEEP = {
    "sqrt": "sqrt has infinite slope at 0",
    "pow": "a power below 1 has infinite slope at 0",
    "norm": "the norm has no slope at 0",
    "log": "log has infinite slope at 0",
    "div": "a division by 0",
    "acos": "acos has infinite slope at 1 and -1",
    "asin": "asin has infinite slope at 1 and -1",
    "std": "std has infinite slope where all entries are equal",
    "atan2": "atan2 has no slope at the origin",
    "rsqrt": "rsqrt has infinite slope at 0",
    "reciprocal": "a division by 0",
    "acosh": "acosh has infinite slope at 1",
}


def steep(seen: Observation, point: Point, dtype: torch.dtype) -> tuple[str, str]:
    """Say which call has no finite slope at a point, and where it stands."""
    trace = Trace(seen.budget)
    with trace:
        seen.run(point, dtype=dtype)
    for call in trace.calls:
        name = {
            "true_divide": "div",
            "__truediv__": "div",
            "arccos": "acos",
            "__rtruediv__": "div",
            "__pow__": "pow",
        }.get(call.name, call.name)
        name = {"vector_norm": "norm", "linalg_norm": "norm"}.get(name, name)
        if name not in _STEEP or not call.tensors:
            continue
        x = call.tensors[-1 if name == "div" else 0].detach()
        if not x.is_floating_point() or not x.numel():
            continue
        at_zero = bool((x == 0).any())
        if name in ("acos", "asin"):
            at_zero = bool((x.abs() >= 1).any())
        if name == "acosh":
            at_zero = bool((x <= 1).any())
        if name == "std":
            at_zero = bool((call.result == 0).any())
        if name == "pow":
            power = call.args[1] if len(call.args) > 1 else 1
            at_zero = at_zero and isinstance(power, (int, float)) and power < 1
        if name == "norm":
            at_zero = bool((call.result == 0).any())
        if at_zero:
            return _STEEP[name], call.where
    return "", ""
