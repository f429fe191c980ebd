"""Whether the sides that an input names are taken for one another."""

from functools import partial

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role, is_preferred
from ownloss.checker.rules.wrong_value.kind import KIND
from ownloss.checker.torch_insides import is_transformed
from ownloss.checker.wording import apart


def attracted(seen: Observation) -> Finding | None:
    """Whether something named a negative attracts and something positive repels."""
    anchor, positive, negative = (
        next((x for x in seen.inputs if x.role is role), None)
        for role in (Role.ANCHOR, Role.POSITIVE, Role.NEGATIVE)
    )
    if anchor is None or positive is None or negative is None:
        return None
    if not anchor.value.shape == positive.value.shape == negative.value.shape:
        return None
    value, other = anchor.value, negative.value
    good = seen.run(seen.with_values({positive: value, negative: other}))
    bad = seen.run(seen.with_values({positive: other, negative: value}))
    if good.finite and bad.finite and good.total > bad.total + 1e-6:
        near_positive, near_negative = apart(good.total, bad.total)
        return KIND.error(
            f"The loss is {near_positive} where the positive equals the anchor, and "
            f"{near_negative} where the negative does: they are swapped.",
            rests_on=(Symptom.PERFECT,),
            aspect="swapped",
        )
    return None


def preferred(seen: Observation) -> Finding | None:
    """Whether the better of two answers is made less likely, and the worse one more."""
    sides: dict[bool, list[tuple[Argument, torch.Tensor]]] = {True: [], False: []}
    for argument, gradient in zip(seen.inputs, seen.base_backward.values, strict=True):
        side = is_preferred(argument.name)
        if side is not None and gradient is not None and not gradient.is_complex():
            sides[side].append((argument, gradient))
    if not sides[True] or not sides[False]:
        return None
    up = all(bool((g >= 0).all()) and bool((g > 0).any()) for _, g in sides[True])
    down = all(bool((g <= 0).all()) and bool((g < 0).any()) for _, g in sides[False])
    if not up or not down:
        return None
    better, worse = sides[True][0][0].name, sides[False][0][0].name
    return KIND.error(
        f"A step against the gradient lowers `{better}` and raises `{worse}`: they "
        "are swapped.",
        where=better,
        rests_on=(Symptom.PERFECT,),
        aspect="swapped",
    )


def _is_a_target_beside(target: Argument, other: Argument) -> bool:
    """Whether there is another target of the same shape, of zeros and ones."""
    same = other.value.shape == target.value.shape and other is not target
    return same and not other.differentiable and other.domain is Domain.BINARY


_OF_MARGINS = ("log_sigmoid", "logsigmoid", "softplus")
_NEGATIONS = ("neg", "__neg__")


def zeros_in_margins(seen: Observation) -> Finding | None:
    """Whether labels of 0 take a score out of a loss of margins, of label times score.

    What remains is the constant that a margin of 0 costs.
    """
    made = {id(call.result): call for call in seen.graph.trace.calls}
    for call in seen.graph.trace.named(*_OF_MARGINS):
        product = made.get(id(call.tensors[0]))
        while product is not None and product.name in _NEGATIONS:
            product = made.get(id(product.tensors[0]))
        if product is None or product.name not in ("mul", "__mul__", "__rmul__"):
            continue
        if any(map(is_transformed, product.tensors)):
            continue  # their values cannot be read any more
        for argument in seen.arguments if product.attached else ():
            if argument.role not in (Role.TARGET, Role.LABELS):
                continue
            if any(map(partial(_is_a_target_beside, argument), seen.arguments)):
                continue  # it may say which of the entries of the other one count
            value = argument.value
            flags = bool(((value == 0) | (value == 1)).all())
            used = any(seen.graph.comes_from(t, argument) for t in product.tensors)
            raw = any(torch.equal(t, value.to(t)) for t in product.tensors)
            if used and raw and flags and bool((value == 0).any()):
                return KIND.error(
                    f"`{call.name}` ({call.where}) is given a score times "
                    f"`{argument.name}`, which is 0 or 1: where it is 0, the score has "
                    "no influence. The formula expects -1 and 1.",
                    cure=f"Pass `2 * {argument.name} - 1`.",
                    where=call.where,
                    rests_on=(Symptom.PERFECT,),
                    aspect="labels",
                )
    return None


def zero_labels(seen: Observation) -> Finding | None:
    """Whether samples labelled 0 have no influence: 1 and -1 were expected."""
    prediction = seen.inputs[0] if seen.inputs else None
    gradients = seen.base_backward.values
    if prediction is None or prediction.domain is not Domain.REAL or not gradients:
        return None
    for argument in seen.arguments:
        target = argument.role is Role.TARGET and argument.domain is Domain.BINARY
        if not target or gradients[0] is None:
            continue
        if argument.value.shape != prediction.value.shape:
            continue
        if any(map(partial(_is_a_target_beside, argument), seen.arguments)):
            continue  # it may say which of the entries of the other one count
        zero = argument.value == 0
        if not bool(zero.any()) or bool(zero.all()):
            continue
        silent = not bool((gradients[0][zero] != 0).any())
        alive = bool((gradients[0][~zero] != 0).any())
        there = seen.run(seen.points.scaled(-1.0))
        turned = seen.backward(there).values[0]
        silent = silent and turned is not None and not bool((turned[zero] != 0).any())
        if silent and alive and not seen.fit.only_ones_count(zero):
            return KIND.error(
                f"Samples with `{argument.name}` 0 have no influence on the gradient: "
                "the formula expects labels -1 and 1.",
                where=argument.name,
                rests_on=(Symptom.PERFECT,),
                aspect="labels",
            )
    return None
