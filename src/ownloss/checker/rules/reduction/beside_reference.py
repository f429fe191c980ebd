"""Whether the loss sums and averages as the reference does."""

import math
from typing import Any

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.rules.reduction.kind import KIND
from ownloss.checker.trace import Call
from ownloss.checker.wording import apart, meaning_of, number


def _error(message: str, **details: Any) -> Finding:
    return KIND.error(message, explains=(Symptom.GROWTH,), **details)


def by_reference(seen: Observation) -> Finding | None:
    """One factor at all values, and it is a size."""
    ratio = seen.reference.ratio
    if not seen.reference.differs or not math.isfinite(ratio) or not ratio > 0:
        return None
    if math.isclose(ratio, 1, rel_tol=1e-2):
        return None  # nearly the same, as with another eps: no size explains that
    double = seen.reference.values.get("double")
    doubled = double[0] / double[1] if double and double[1] else math.nan
    meaning = meaning_of(ratio, seen, doubled)
    grows = math.isfinite(doubled) and not math.isclose(doubled, ratio, rel_tol=1e-4)
    share = _share(seen, ratio)
    if not meaning and not grows and not share:
        return KIND.error(
            f"The loss is {number(ratio)} times the reference at all values: perhaps "
            "it divides by something else.",
            evidence={"ratio": ratio},
            explains=(Symptom.GROWTH,),
        )
    if not meaning and share:
        meaning = share
    if not meaning:
        meaning = f"with every sample twice it is {number(doubled)} times"
    return _error(
        f"The loss is {number(ratio)} times the reference: {meaning}.",
        evidence={"ratio": ratio, "ratio with the batch doubled": doubled},
        rests_on=(Symptom.VALUE,),
        aspect="reference",
    )


def by_factor(seen: Observation) -> Finding | None:
    """One factor at all predictions, that weights, a mask or labels make."""
    if not seen.reference.differs or math.isfinite(seen.reference.ratio):
        return None
    factor = seen.reference.factor
    if not factor > 0 or math.isclose(factor, 1, rel_tol=1e-2):
        return None
    share = _share(seen, factor)
    why = share or "it divides by something else, or not at all"
    return _error(
        f"Whatever the prediction is, the loss is {number(factor)} times the "
        f"reference: {why}.",
        evidence={"ratio": factor},
        rests_on=(Symptom.VALUE,),
        aspect="reference",
    )


def _share(seen: Observation, ratio: float) -> str:
    """Say if a factor is the share of entries that a mask or labels let count."""
    for argument in seen.arguments:
        if argument.parameter or argument.differentiable:
            continue
        kept = _kept(seen, argument)
        if kept is None:
            continue
        share = kept.double().mean().item()
        for value, words in (
            (share, "the share"),
            (1 / share if share else 0, "1 by the share"),
        ):
            if share < 1 and math.isclose(ratio, value, rel_tol=1e-3):
                return f"it is {words} of entries that `{argument.name}` lets count"
    return ""


def _kept(seen: Observation, argument: Argument) -> torch.Tensor | None:
    """True where an entry counts; whatever is 0 or 1 may be a mask."""
    kept = seen.selection.kept(argument)
    if kept is None and argument.domain in (Domain.MASK, Domain.BINARY):
        return argument.value.bool()
    return kept


def rows_agree(seen: Observation) -> Finding | None:
    """Every sample alone is right, the batch is not."""
    if not seen.reference.differs or math.isfinite(seen.reference.ratio):
        return None
    rows = [p for name, p in seen.reference.values.items() if name.startswith("row")]
    rows = [p for p in rows if math.isfinite(p[0]) and math.isfinite(p[1])]
    if len(rows) < 2 or not all(seen.reference.same(*p) for p in rows):
        return None
    if len({round(p[1], 6) for p in rows}) == 1:
        return None  # such as 0, where one sample has nothing to be compared with
    own, trusted = apart(*seen.reference.values["here"])
    return _error(
        f"Every sample alone gives what the reference gives, but the batch gives "
        f"{own} instead of {trusted}: the samples are put together wrongly.",
        rests_on=(Symptom.VALUE,),
        aspect="rows",
    )


def other_sums(seen: Observation) -> Finding | None:
    """The same calls of torch as in the reference, but for sums, means and counts."""
    departure = seen.comparison.departure
    if departure is None or departure.cause is not Cause.SUMS:
        return None
    if not seen.reference.differs:
        return None
    return _error(
        f"The loss sums or averages otherwise than the reference: {departure}.",
        where=departure.where,
        rests_on=(Symptom.VALUE,),
        aspect="calls",
    )


_MEANS = ("mean", "sum", "nanmean", "nansum")

# What comes with a mean, and differs between two ways to write the same one.
_WITH_MEANS = (
    "div",
    "__truediv__",
    "numel",
    "size",
    "__get__:shape",
    "flatten",
    "view",
    "reshape",
    "unsqueeze",
    "squeeze",
    "to",
    "float",
    "double",
)


def only_means_differ(seen: Observation) -> Finding | None:
    """The reference calls the same functions of torch, but for means and sums."""
    if not seen.reference.differs:
        return None
    own, trusted = (
        [call for call in calls if call.name not in _WITH_MEANS]
        for calls in (seen.graph.trace.calls, seen.reference.calls)
    )
    work = [[c.name for c in calls if c.name not in _MEANS] for calls in (own, trusted)]
    means = [[_averages(c) for c in calls if _averages(c)] for calls in (own, trusted)]
    if work[0] != work[1] or not work[0] or means[0] == means[1]:
        return None
    places = [call.where for call in own if _averages(call)]
    said, due = apart(*seen.reference.values["here"])
    return _error(
        f"The loss is {said}, the reference {due}: they make the same calls of torch, "
        "but for how they sum and average" + (f" ({places[-1]})." if places else "."),
        rests_on=(Symptom.VALUE,),
        aspect="rows",
    )


def _averages(call: Call) -> tuple[str, str, str] | None:
    """What a call sums or averages, over what; None if nothing."""
    if call.name in _MEANS:
        plain = [a for a in call.args if not isinstance(a, torch.Tensor)]
        return call.name, str(plain), str(call.kwargs.get("dim"))
    reduction = call.kwargs.get("reduction")
    over = str(call.shapes[0][:1]) if reduction == "batchmean" else ""
    return None if reduction is None else (call.name, str(reduction), over)


def grows_otherwise(seen: Observation) -> Finding | None:
    """The reference is a mean or a sum over the samples, and the loss is neither."""
    if not seen.reference.differs or seen.batch.size < 2 or not seen.scalar:
        return None
    here, twice = (
        seen.reference.run(point) for point in (seen.point, seen.batch.repeated())
    )
    if not here.finite or not twice.finite or not here.total:
        return None
    due, own = twice.total / here.total, seen.batch.growth()
    pure = any(math.isclose(due, g, rel_tol=1e-6) for g in (1, 2))
    if not pure or not math.isfinite(own) or math.isclose(own, due, rel_tol=1e-4):
        return None
    return KIND.error(
        f"With every sample twice the loss is {number(own)} times as large, the "
        f"reference {number(due)} times: they sum or average otherwise over the "
        "samples.",
        evidence={"growth": own, "growth of the reference": due},
        rests_on=(Symptom.GROWTH,),
        aspect="growth",
    )
