"""Gradient and value agree, and the loss is not the one that was meant."""

from collections.abc import Iterator
from itertools import islice

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.measures.fit import FARTHER, belongs
from ownloss.checker.observation import Observation
from ownloss.checker.probes import downhill
from ownloss.checker.roles import Role, is_distance, is_preferred
from ownloss.checker.trace import Call
from ownloss.checker.wording import apart, number

KIND = Kind(
    slug="wrong-value",
    title="Not the loss that was meant",
    meaning="The gradient is the derivative of the value, but the value is wrong: "
    "softmax twice, probabilities for log-probabilities, labels reversed, a similarity "
    "for a distance, a standard deviation for a variance.",
    shows="The value is not the reference's. Without one: a perfect prediction is not "
    "the minimum, or a function of torch is given what it does not expect.",
    cure="Compare the formula with its source at two or three inputs worked by hand.",
)
CALLS = 12
SIMILAR = 8


def find(seen: Observation) -> Iterator[Finding]:
    """Compare with the reference, then look for signs of a mistake."""
    if seen.base.error is not None or not seen.determinism.steady:
        return
    if seen.reference.values:
        if seen.reference.differs:
            yield _by_reference(seen)
        return
    found = (
        _misused(seen)
        or _logits_clamped(seen)
        or _logits_in_a_share(seen)
        or _imperfect(seen)
        or _attracted(seen)
        or _preferred(seen)
        or _zero_labels(seen)
        or _falls_without_end(seen)
        or _prefers_without_end(seen)
        or _jumps(seen)
    )
    if found is not None:
        yield found


def _by_reference(seen: Observation) -> Finding:
    name = next(
        n
        for n in ("here", "moved", "afresh")
        if n in seen.reference.values
        and not seen.reference.same(*seen.reference.values[n])
    )
    own, trusted = seen.reference.values[name]
    at = {"here": "", "moved": " at inputs moved a little"}.get(
        name, " at other inputs"
    )
    shown, other = apart(own, trusted, 5)
    message = f"The loss is {shown}{at}, the reference {other}"
    ratio = seen.reference.ratio
    steady = ratio == ratio and number(ratio) != "1"
    message += f": {number(ratio)} times, at every input tried." if steady else "."
    departure = seen.comparison.departure
    if departure is not None and departure.cause is Cause.NUMBER:
        message += f" All else is alike, but {departure}."
    hint = _misused(seen)
    if hint is not None:
        message += f" {hint.message}"
    return KIND.error(
        message,
        evidence={"value": own, "reference": trusted},
        rests_on=(Symptom.VALUE,),
        explains=(Symptom.PERFECT,),
        aspect="" if hint is None else "misuse against the reference",
    )


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


def _misused(seen: Observation) -> Finding | None:
    """Functions of torch that are given what they do not expect."""
    made: dict[int, Call] = {}
    for call in seen.graph.trace.calls:
        if call.name in _SOFTMAX and isinstance(call.result, torch.Tensor):
            made[id(call.result)] = call
        first = call.tensors[0] if call.tensors else None
        if first is None or first.is_complex():
            continue
        before = made.get(id(first))
        if call.name in _RESHAPES and before and isinstance(call.result, torch.Tensor):
            made[id(call.result)] = before
        twice = call.name in _FROM_LOGITS and before is not None
        if before is not None and twice and before.name != "log_softmax":
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


def _logits_clamped(seen: Observation) -> Finding | None:
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


def _logits_in_a_share(seen: Observation) -> Finding | None:
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
        below = (
            int((tensor.detach() < 0).sum()) if argument.domain is Domain.REAL else 0
        )
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


def _hint(call: Call, message: str, *, sure: bool = True) -> Finding:
    place = f" ({call.where})" if call.where else ""
    say = KIND.error if sure else KIND.warning
    return say(
        f"{message[0].upper()}{message[1:]}{place}.",
        where=call.where,
        rests_on=(Symptom.PERFECT,),
        aspect="misuse",
    )


def _imperfect(seen: Observation) -> Finding | None:
    """Whether a good prediction costs more than a bad one."""
    if not seen.scalar or not seen.inputs or seen.inputs[0].parameter:
        return None
    prediction = seen.inputs[0]
    for argument in seen.arguments:
        if argument is prediction or argument.parameter or is_distance(prediction.name):
            continue
        if not belongs(prediction, argument):
            continue
        pair = seen.fit.good_and_bad(prediction, argument)
        if pair is None:
            continue
        good, bad = pair
        better, worse = seen.run(good), seen.run(bad)
        if not better.finite or not worse.finite:
            continue
        margin = 1e-3 * (abs(better.total) + abs(worse.total)) + 1e-9
        uphill = seen.fit.pushes_away(prediction, argument)
        if better.total > worse.total + margin and uphill:
            for_good, for_bad = apart(better.total, worse.total)
            return KIND.error(
                "The loss is larger where the prediction fits the labels: "
                f"{for_good} for the good prediction, {for_bad} for the bad one.",
                evidence={"good": better.total, "bad": worse.total},
                rests_on=(Symptom.PERFECT,),
                aspect="minimum",
            )
    found = _beyond_perfect(seen, prediction)
    return found


def _attracted(seen: Observation) -> Finding | None:
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


def _preferred(seen: Observation) -> Finding | None:
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


def _zero_labels(seen: Observation) -> Finding | None:
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


_LOG_LIKELIHOODS = ("log_sigmoid", "log_softmax", "softplus", "logsumexp")


def _falls_without_end(seen: Observation) -> Finding | None:
    """A negative log-likelihood of labels that is not bounded by 0.

    Advantages and rewards may make it so: there must be nothing but labels beside the
    logits.
    """
    if not seen.scalar or not seen.graph.trace.named(*_LOG_LIKELIHOODS):
        return None
    beside = [x for x in seen.arguments if not x.differentiable]
    labels = [x for x in beside if x.role in (Role.LABELS, Role.TARGET)]
    known = (Domain.LABELS, Domain.BINARY, Domain.SIMPLEX)
    if not labels or any(x.domain not in (*known, Domain.MASK) for x in beside):
        return None
    if not all(x.domain is Domain.REAL for x in seen.inputs):
        return None
    totals = seen.fit.falls_on(downhill(seen, far) for far in FARTHER)
    if not totals or totals[0] > -1:
        return None
    name = seen.inputs[0].name
    return KIND.warning(
        f"The loss is {number(totals[0])} where `{name}` has been moved by 40 down its "
        f"slope, and {number(totals[1])} by 400: it falls without end, which no "
        "likelihood of labels does.",
        cure="Look for a wrong sign: log(1 - sigmoid(x)) is logsigmoid(-x).",
        where=name,
        evidence={"values": totals},
        rests_on=(Symptom.PERFECT,),
        aspect="minimum",
    )


def _prefers_without_end(seen: Observation) -> Finding | None:
    """A loss of preferred answers that falls on as the other ones become impossible.

    A log-likelihood of preferences ends at 0. What does not, on purpose, divides by
    what it subtracts: robust DPO by 1 - 2 * eps.
    """
    worse = [x for x in seen.inputs if is_preferred(x.name) is False]
    better = [x for x in seen.inputs if is_preferred(x.name)]
    logs = seen.graph.trace.named(*_LOG_LIKELIHOODS)
    if not worse or not better or not logs or not seen.scalar:
        return None
    if any(
        call.attached and isinstance(call.args[-1], float) and 0 < call.args[-1] < 1
        for call in seen.graph.trace.named("div", "__truediv__")
    ):
        return None
    totals = seen.fit.falls_on(
        seen.with_values({x: cast(x.value, seen.dtype) - far for x in worse})
        for far in FARTHER
    )
    if not totals:
        return None
    name = worse[0].name
    return KIND.warning(
        f"The loss is {number(totals[0])} where `{name}` is lower by 40, and "
        f"{number(totals[1])} by 400: it falls without end, which no likelihood of "
        "preferences does.",
        cure="Look for a wrong sign: with label smoothing both terms are subtracted.",
        where=name,
        evidence={"values": totals},
        rests_on=(Symptom.PERFECT,),
        aspect="minimum",
    )


def _jumps(seen: Observation) -> Finding | None:
    """Two branches of a formula that do not meet where one takes over."""
    jump = seen.branches.jump
    if jump is None:
        return None
    before, after = apart(jump.before, jump.after)
    return KIND.warning(
        f"The loss jumps from {before} to {after} where `{seen.inputs[0].name}` "
        f"passes a bound ({jump.where}): the two branches do not meet there.",
        cure="Make both branches equal at the bound, and their slopes, too.",
        where=jump.where,
        evidence={"before": jump.before, "after": jump.after},
        rests_on=(Symptom.PERFECT,),
        aspect="jump",
    )


def _beyond_perfect(seen: Observation, prediction: Argument) -> Finding | None:
    """Whether a prediction that is off costs less than one that equals its target."""
    if len(seen.inputs) > 1 or not seen.batch.row_weights:
        return None
    for argument in seen.arguments:
        if argument is prediction or argument.parameter or argument.differentiable:
            continue
        alike = argument.value.numel() == prediction.value.numel() and argument.floating
        target = argument.role is Role.TARGET
        if target and argument.value.shape == prediction.value.shape[:-1]:
            if seen.fit.bottomless(prediction, argument):
                return KIND.error(
                    f"The loss falls without end as all of `{prediction.name}` moves "
                    f"away from `{argument.name}`.",
                    where=prediction.name,
                    rests_on=(Symptom.PERFECT,),
                    aspect="minimum",
                )
            continue
        if not alike or not target or argument.domain is not prediction.domain:
            continue
        if argument.domain in (Domain.BINARY, Domain.SIGNS, Domain.LOG_SIMPLEX):
            continue
        perfect = cast(argument.value, seen.dtype).reshape(prediction.value.shape)
        best = seen.run(seen.with_values({prediction: perfect}))
        if not best.finite:
            continue
        shifted = seen.run(seen.with_values({prediction: perfect + argument.size}))
        if seen.precision.close(shifted.total, best.total, 100):
            continue  # only differences count, as in a ranking: many are as good
        margin = 1e-3 * abs(best.total) + 1e-6
        runs = (
            seen.run(seen.with_values({prediction: value}))
            for value in seen.fit.off(argument, perfect)
        )
        totals = (run.total for run in runs if run.finite)
        lower = next((t for t in totals if t < best.total - margin), None)
        if lower is None:
            continue
        if seen.fit.in_another_unit(prediction, perfect, lower):
            continue
        if all(t < best.total - margin for t in islice(totals, SIMILAR)):
            return _similarity(prediction, argument, best.total, lower)
        return _not_minimum(seen, prediction, argument, best.total, lower)
    return None


def _similarity(
    prediction: Argument, target: Argument, best: float, lower: float
) -> Finding:
    perfect, off = apart(best, lower)
    return KIND.warning(
        f"A prediction that equals `{target.name}` gives {perfect}, more than any that "
        f"is off, such as {off}: the loss grows with the similarity.",
        cure="To be minimised, a similarity needs a minus sign: `-s`, or `1 - s`.",
        where=prediction.name,
        evidence={"equal": best, "off": lower},
        rests_on=(Symptom.PERFECT,),
        aspect="minimum",
    )


def _not_minimum(
    seen: Observation, prediction: Argument, target: Argument, best: float, lower: float
) -> Finding:
    below = " and is negative" if lower < 0 <= best else ""
    say = (
        KIND.error
        if below and seen.fit.bottomless(prediction, target)
        else KIND.warning
    )
    perfect, off = apart(best, lower)
    return say(
        f"A prediction that equals `{target.name}` is not the minimum: it costs "
        f"{perfect}, one that is off costs {off}{below}.",
        where=prediction.name,
        evidence={"equal": best, "off": lower},
        rests_on=(Symptom.PERFECT,),
        aspect="minimum",
    )
