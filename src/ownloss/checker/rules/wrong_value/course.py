"""Whether the loss falls without end, or jumps."""

from itertools import pairwise

from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.fit import FARTHER
from ownloss.checker.observation import Observation
from ownloss.checker.probes.far import downhill
from ownloss.checker.roles import Role, is_preferred
from ownloss.checker.rules.wrong_value.kind import KIND
from ownloss.checker.wording import apart, number

_LOG_LIKELIHOODS = ("log_sigmoid", "log_softmax", "softplus", "logsumexp")


# So many times lower is a loss, at inputs 10 times as far, that falls as a square does.
_FASTER = 50


def falls_without_end(seen: Observation) -> Finding | None:
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


def falls_both_ways(seen: Observation) -> Finding | None:
    """A loss with a maximum in place of a minimum, as of a negative square.

    It falls faster than the inputs grow; scores and log-likelihoods do not. Uphill it
    falls as well; a ratio of policies times an advantage does not. Of more than two
    inputs, some are the densities of others, which may do anything.
    """
    if not seen.scalar or not 1 <= len(seen.inputs) <= 2 or seen.inputs[0].parameter:
        return None
    totals = [seen.run(downhill(seen, far)).total for far in FARTHER]
    if not totals[0] < -1 or any(not b <= _FASTER * a for a, b in pairwise(totals)):
        return None
    uphill = seen.run(downhill(seen, -FARTHER[0])).total
    if not uphill < seen.value:
        return None
    name = seen.inputs[0].name
    return KIND.warning(
        f"The loss has a maximum in place of a minimum: it is {number(seen.value)} "
        f"here, {number(totals[0])} where `{name}` has been moved by 40 down its "
        f"slope, {number(totals[1])} by 400, and {number(uphill)} by 40 up its slope.",
        cure="Look for a wrong sign, or swapped arguments.",
        where=name,
        evidence={"values": totals, "uphill": uphill},
        rests_on=(Symptom.PERFECT,),
        aspect="minimum",
    )


def prefers_without_end(seen: Observation) -> Finding | None:
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


def jumps(seen: Observation) -> Finding | None:
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
