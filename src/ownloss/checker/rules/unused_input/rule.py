"""An argument has no influence on the loss."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain, jittered
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.signatures import parameter_names
from ownloss.checker.subject import Point, Subject
from ownloss.checker.wording import number

KIND = Kind(
    slug="unused-input",
    title="An argument has no influence",
    meaning="The loss takes an argument and gives the same value whatever it holds: an "
    "event indicator, old log-probabilities, a mask, weights, a number, the name of a "
    "reduction. Often two branches of a formula have got the same term.",
    shows="The argument is replaced by others that fit its role; the value never "
    "changes.",
    cure="Use the argument where the formula has it, or take it out of the signature.",
)

CALLS = 20
GRADIENT = True

_AS_GIVEN: dict[int | str, Any] = {}


def find(seen: Observation) -> Iterator[Finding]:
    """Vary every argument that is not differentiated."""
    if not seen.base.finite or not seen.determinism.steady:
        return
    arguments = [x for x in seen.arguments if not x.parameter]
    yield from _columns(seen)
    yield from _by_position(seen)
    moves = any(c.matters or not c.vanishes for c in seen.gradient.checks)
    if not moves:
        return  # where nothing moves the loss, `flat` says so
    yield from _options(seen)
    if len(arguments) < 2:
        return
    for argument in arguments:
        if argument.differentiable or not argument.value.numel():
            continue
        if _left_in_a_record(seen, argument):
            continue
        others = list(_others(seen, argument))
        points = (seen.point, seen.points.jittered(1.0, 2))
        if not others or not all(_same(seen, argument, others, p) for p in points):
            continue
        trusted = seen.reference.loss is not None
        if trusted and _reference_ignores(seen, argument, others):
            continue
        named = " and with ".join(list(dict.fromkeys(n for n, _ in others))[:2])
        say = KIND.error if trusted else KIND.warning
        yield say(
            f"`{argument.name}` has no influence on the loss: with {named} it is "
            f"{number(seen.value)}.",
            where=argument.name,
            explains=(Symptom.VALUE,) if trusted else (),
            aspect="reference" if trusted else "",
        )


def _left_in_a_record(seen: Observation, argument: Argument) -> bool:
    """Whether a loss takes what it needs of a model's outputs, and leaves this.

    Of a list, one number alone may be too few for it, as for pairs; nothing may be
    selected of one image; and of a teacher's layers the last ones may do, where no
    prediction stands in the same place.
    """
    used = any(x.beside(argument) and seen.graph.uses(x) for x in seen.arguments)
    if not used or (argument.value.numel() == 1 and not argument.in_record):
        return used
    if argument.kept is not None or argument.role is Role.LENGTHS:
        return False
    if argument.in_record:
        return not seen.graph.uses(argument)
    if not argument.differentiable and not seen.graph.uses(argument):
        return True
    paired = any(x.differentiable and x.path == argument.path for x in seen.arguments)
    return not paired or seen.graph.uses(argument)


def _by_position(seen: Observation) -> Iterator[Finding]:
    """`F.smooth_l1_loss(x, y, 0.5)`: the third argument is an old option, no beta."""
    for call, value in seen.graph.misplaced:
        if isinstance(value, str):
            continue
        option = next((x for x in ("beta", "delta", "eps") if x in call.kwargs), "")
        meant = f", and its {option} is {call.kwargs[option]}" if option else ""
        yield KIND.error(
            f"`{call.name}` ({call.where}) is given {value} by position, in the place "
            f"of the old option `size_average`: the number has no influence{meant}.",
            cure="Pass options of torch's losses by name.",
            where=call.where,
            explains=(Symptom.VALUE,),
            aspect="position",
        )
        return


_REDUCTIONS = ("none", "mean", "sum")


def _options(seen: Observation) -> Iterator[Finding]:
    """Vary every number that the call gives, and the name of a reduction.

    Flags are left alone without a reference: many matter for rare inputs only.
    """
    names = parameter_names(seen.loss)
    given: list[tuple[str, int | str, Any]] = [
        (names[i] if i < len(names) else f"argument {i + 1}", i, value)
        for i, value in enumerate(seen.args)
    ]
    given += [(name, name, value) for name, value in seen.kwargs.items()]
    for name, place, value in given:
        others = list(_other_options(seen, value))
        if not others or name.startswith("_"):
            continue
        if _reacts(seen, seen.loss, place, others):
            continue
        trusted = seen.reference.loss is not None
        if trusted and not _reacts(seen, seen.reference.loss, place, others):
            continue
        say = KIND.error if trusted else KIND.warning
        listed = " and with ".join(map(repr, others[:2]))
        yield say(
            f"`{name}` has no influence on the loss or its gradient: with {value!r} "
            f"and with {listed} it is {number(seen.value)}.",
            where=name,
            explains=(Symptom.VALUE,) if trusted else (),
            aspect="reference" if trusted else "",
        )


def _other_options(seen: Observation, value: Any) -> Iterator[Any]:
    """What might have been given in place of a number, a flag or a reduction."""
    if type(value) is bool and seen.reference.loss is not None:
        yield not value
    elif type(value) is int:
        labels = (x.value for x in seen.arguments if x.role is Role.LABELS)
        present = [int(label.reshape(-1)[0]) for label in labels if label.numel()]
        # One label may be meant to be ignored, and a schedule lasts some epochs.
        near = (2 * value + 1, value + 1, max(value - 1, 0), 0, 1)
        others = dict.fromkeys((*near, value + 100, *present))
        yield from (other for other in others if other != value)
    elif type(value) is float:
        moved = (2 * value, value / 2, 10 * value, value + 1, 0.0, -value)
        yield from (other for other in dict.fromkeys(moved) if other != value)
    elif isinstance(value, str) and value in _REDUCTIONS:
        yield from (other for other in _REDUCTIONS if other != value)


def _reacts(seen: Observation, loss: Any, place: int | str, others: list[Any]) -> bool:
    """Whether value or gradient change, or the loss raises, for any other option."""
    for point in (seen.point, seen.points.jittered(1.0, 2)):
        base = _with_option(seen, loss, point)
        for other in others:
            now = _with_option(seen, loss, point, {place: other})
            if base is None or now is None or len(now) != len(base):
                return True
            for a, b in zip(now, base, strict=True):
                if (a is None) is not (b is None):
                    return True
                if a is None or b is None:
                    continue
                if a.shape != b.shape or not torch.equal(a.detach(), b.detach()):
                    return True
    return False


def _with_option(
    seen: Observation,
    loss: Any,
    point: Point,
    options: dict[int | str, Any] = _AS_GIVEN,
) -> list[Tensor | None] | None:
    """The outputs and the gradients with other options; None if it raises."""
    seen.budget.require()
    args, kwargs = seen.inputs_again(point)
    args = tuple(options.get(i, value) for i, value in enumerate(args))
    kwargs = {name: options.get(name, value) for name, value in kwargs.items()}
    there = Subject(loss, args, kwargs, seed=seen.seed, budget=seen.budget)
    if not there.base.finite or there.base_backward.error is not None:
        return None
    return [*there.base.outputs, *there.base_backward.values]


def _columns(seen: Observation) -> Iterator[Finding]:
    """Columns of the prediction that never get a gradient, beside others that do."""
    prediction = seen.inputs[0] if seen.inputs else None
    if prediction is None or prediction.value.dim() != 2:
        return
    if seen.reference.loss is not None and not seen.reference.differs:
        return
    if not all(x.floating and x.kept is None for x in seen.arguments):
        return  # labels and masks choose
    alive = torch.zeros(prediction.value.shape[1], dtype=torch.bool)
    for point in (seen.point, *(seen.points.jittered(s, 31) for s in (0.3, 1.0, 3.0))):
        run = seen.run(point)
        gradient = seen.backward(run).values[0]
        if not run.finite or gradient is None:
            return
        alive |= (gradient != 0).any(0).to(alive.device)
    dead = (~alive).nonzero().flatten().tolist()
    if len(dead) < 2 or not bool(alive.any()):
        return  # one alone may be the last of a shift
    wide = cast(prediction.value, seen.dtype)
    others = [  # far off, for a maximum looks at one entry only
        wide + 10 * prediction.size * seen.random_like(wide, seed) for seed in (64, 65)
    ]
    # Nearly alike, for a hinge may ask for a spread that they have.
    for other in (*others, 1e-3 * wide):
        value = wide.clone()
        value[:, dead] = other[:, dead]
        if seen.run(seen.with_values({prediction: value})).total != seen.value:
            return
    trusted = _reference_uses(seen, dead)
    say = KIND.error if trusted else KIND.warning
    yield say(
        f"Columns {', '.join(map(str, dead[:4]))} of `{prediction.name}` have no "
        "influence on the loss; the others have.",
        where=prediction.name,
        explains=(Symptom.VALUE,) if trusted else (),
        aspect="reference" if trusted else "",
    )


def _reference_uses(seen: Observation, columns: list[int]) -> bool:
    """Whether the trusted loss has a gradient in all of these columns."""
    if seen.reference.loss is None:
        return False
    gradient = seen.backward(seen.reference.run()).values[0]
    return gradient is not None and bool((gradient[:, columns] != 0).any(0).all())


def _others(seen: Observation, argument: Argument) -> Iterator[tuple[str, Tensor]]:
    """Other values for an argument, in words and as tensors."""
    value = argument.value
    if argument.domain in (Domain.MASK, Domain.BINARY):
        yield "all 0", torch.zeros_like(value)
        yield "all 1", torch.ones_like(value)
        yield "its opposite", (~value if value.dtype == torch.bool else 1 - value)
    elif argument.domain is Domain.SIGNS:
        yield "its opposite", -value
        yield "all 1", torch.ones_like(value)
    elif argument.domain is Domain.LABELS:
        highest = int(value.max())
        if value.dim() == 0 or highest < 1 or value.min() < 0:
            return
        yield "all 0", torch.zeros_like(value)
        yield f"all {highest}", torch.full_like(value, highest)
        turned = (value.long() + 1) % (highest + 1)  # 255 + 1 is 0 in a byte
        yield "other labels", turned.to(value.dtype)
    elif argument.floating and not value.is_complex():
        wide = cast(value, seen.dtype)
        for seed, amount in ((61, 0.5), (62, 1.0), (63, 2.0)):
            noise = seen.random_like(wide, seed)
            moved = jittered(wide, argument.domain, amount, noise, argument.size)
            yield "other values", moved
        # What only acts by a threshold, such as a confidence, needs values beyond it.
        if argument.domain is Domain.UNIT:
            yield "all near 0", torch.full_like(wide, 0.01)
            yield "all near 1", torch.full_like(wide, 0.99)
        elif argument.domain is Domain.REAL:
            yield "all positive", wide.abs()
            yield "all negative", -wide.abs()
        elif argument.domain in (Domain.POSITIVE, Domain.NONNEGATIVE):
            yield "a hundredth", 0.01 * wide
        if argument.domain in (Domain.REAL, Domain.POSITIVE, Domain.NONNEGATIVE):
            yield "ten times as large", 10 * wide


def _same(
    seen: Observation,
    argument: Argument,
    others: list[tuple[str, Tensor]],
    point: Point,
) -> bool:
    """Whether none of the values changes any output, not even by rounding."""
    base = seen.run(point)
    if base.error is not None or math.isnan(base.total):
        return False
    index = seen.index(argument)
    changed = 0
    for _, value in others:
        if torch.equal(value, argument.value.to(value.dtype)):
            continue
        changed += 1
        there = list(point)
        there[index] = value
        run = seen.run(there)
        if run.error is not None or len(run.outputs) != len(base.outputs):
            return False
        for a, b in zip(run.outputs, base.outputs, strict=True):
            if a.shape != b.shape or not torch.equal(a.detach(), b.detach()):
                return False
    return changed > 0


def _reference_ignores(
    seen: Observation, argument: Argument, others: list[tuple[str, Tensor]]
) -> bool:
    """Whether the trusted loss does not look at it, either."""
    if seen.reference.loss is None:
        return False
    index = seen.index(argument)
    base = seen.reference.run()
    for _, value in others:
        there = list(seen.point)
        there[index] = value
        run = seen.reference.run(there)
        if run.error is not None or run.total != base.total:
            return False
    return True
