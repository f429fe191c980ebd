"""Whether a sum over the samples is divided by a number that is not theirs."""

import math
from functools import partial

from ownloss.checker.copies import modules_of
from ownloss.checker.findings import Finding
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.roles import is_size, is_size_of_batch
from ownloss.checker.rules.batch_size.kind import DETAILS, KIND, configured
from ownloss.checker.trace import Call, Trace, TwiceTheDivisor
from ownloss.checker.wording import apart, number


def other_number(seen: Observation) -> Finding | None:
    """A plain number where the reference has how many samples of something there are.

    There may be several batches in one: nodes, and the graphs that they belong to.
    """
    departure = seen.comparison.departure
    if departure is None or departure.cause is not Cause.NUMBER:
        return None
    own, trusted = (_divisor(c[0]) for c in (departure.own, departure.trusted))
    sizes = {x.value.shape[0]: x.name for x in seen.arguments if x.value.dim()}
    if not seen.reference.differs or trusted not in sizes or own in sizes:
        return None
    return KIND.error(
        f"The loss divides by {own:g}, the reference by {trusted:g}, which is how many "
        f"`{sizes[int(trusted)]}` there are ({departure.where}).",
        where=departure.where,
        **DETAILS,
    )


def _divisor(call: Call) -> float:
    """The plain number that a call divides by; 0 if it does not."""
    number = call.args[1] if len(call.args) > 1 and "div" in call.name else 0
    return float(number) if isinstance(number, (int, float)) else 0.0


def divides_by_constant(seen: Observation) -> Finding | None:
    """A sum over the samples, divided by a number that does not follow the batch."""
    if not math.isclose(seen.batch.growth(), 2, rel_tol=1e-6):
        return None
    sizes = {
        n
        for argument in seen.arguments
        for n in (*argument.value.shape[argument in seen.batch.arguments :],)
    }
    rows = {
        math.prod(argument.value.shape[first:])
        for argument in seen.batch.arguments
        for first in range(1, argument.value.dim())
    }
    options = {round(n**power, 9) for n in _options(seen) if n for power in (1, -1)}
    held = configured(seen)
    for divisor in _divisors(seen):
        if divisor in held:
            return _constant(seen, divisor, f"`{held[divisor]}`")
        strange = divisor >= 3 and divisor not in sizes | rows | options
        if not strange or divisor != int(divisor):
            continue
        if divisor in _divisors(seen, [*range(seen.batch.size)] * 2):
            return _constant(seen, divisor, "a constant", sure=seen.reference.differs)
    return None


def divides_by_configured(seen: Observation) -> Finding | None:
    """A sum that is divided by what the loss holds as its batch size, and is another.

    However it grows: where samples are each other's negatives, twice as many of them
    give no double sum.
    """
    sums = {id(call.result) for call in seen.graph.trace.named("sum")}
    held = configured(seen)
    for call in seen.graph.trace.named(*_DIVISIONS):
        divisor = _divisor(call)
        if not divisor or divisor == seen.batch.size:
            continue
        name = held.get(divisor, "")
        if id(call.args[0]) in sums and is_size_of_batch(name):
            return KIND.warning(
                f"A sum over {seen.batch.size} samples is divided by `{name}`, which "
                f"is {number(divisor)} ({call.where}).",
                where=call.where,
                evidence={"divisor": divisor, "batch": seen.batch.size},
                **DETAILS,
            )
    return None


def divides_by_its_size(seen: Observation) -> Finding | None:
    """The batch size, as a plain number, in a formula of which it is no mere factor.

    With every sample twice, and twice that number, the loss must be as it was, but for
    the little that an unbiased variance changes. Of a mere sum, other numbers may be
    just as large: the mean of four terms, where there are four samples.
    """
    size = seen.batch.size
    growth = seen.batch.growth()
    if size < 3 or any(math.isclose(growth, g, rel_tol=1e-6) for g in (1, 2)):
        return None
    for call in seen.graph.trace.named(*_DIVISIONS):
        divisor = call.args[1] if len(call.args) > 1 else None
        if type(divisor) not in (int, float) or divisor != size:
            continue
        if size in call.shapes[0] or size in _options(seen) or not call.attached:
            continue
        run = seen.run(seen.batch.repeated())
        fixed = TwiceTheDivisor(call.where, size)
        with fixed:
            twice = seen.run(seen.batch.repeated())
        off, still_off = run.total - seen.value, twice.total - seen.value
        if fixed.used and run.finite and abs(still_off) < 0.2 * abs(off):
            before, after = apart(seen.value, run.total)
            return KIND.error(
                f"`{call.name}` ({call.where}) divides by {size}, the size of this "
                f"batch, whatever the batch: with every sample twice the loss is "
                f"{after} instead of {before}.",
                where=call.where,
                evidence={"divisor": size},
                **DETAILS,
            )
    return None


_DIVISIONS = ("div", "true_divide", "__truediv__", "div_")


def _options(seen: Observation) -> list[float]:
    """Plain numbers that the loss is given, or holds under a name that is no size."""
    given = [*seen.args, *seen.kwargs.values()]
    if isinstance(seen.loss, partial):
        given += [*seen.loss.args, *seen.loss.keywords.values()]
    for module in modules_of(seen.loss):
        for part in module.modules():
            given += [value for name, value in vars(part).items() if not is_size(name)]
    return [n for n in given if type(n) in (int, float)]


def _constant(
    seen: Observation, divisor: float, what: str, *, sure: bool = True
) -> Finding:
    factor = number(seen.batch.size / divisor)
    say = KIND.error if sure else KIND.warning
    return say(
        f"The loss is a sum divided by {number(divisor)}, {what}, whatever the batch: "
        f"for {seen.batch.size} samples it is {factor}x the mean.",
        evidence={"divisor": divisor, "batch": seen.batch.size},
        **DETAILS,
    )


def _divisors(seen: Observation, rows: list[int] | None = None) -> list[float]:
    """The plain numbers that the loss divides a sum over the samples by."""
    size = seen.batch.size if rows is None else len(rows)
    if rows is None:
        trace = seen.graph.trace
    else:
        trace = Trace(seen.budget)
        with trace:
            seen.run(seen.batch.rows(rows), dtype=seen.native)
    found = []
    for call in trace.calls:
        number_ = call.args[1] if len(call.args) > 1 else None
        if isinstance(number_, bool) or not isinstance(number_, (int, float)):
            continue
        if not call.shapes or size in call.shapes[0]:
            continue  # not yet summed: a temperature, or the range of a pixel
        if call.name in _DIVISIONS and number_:
            found.append(float(number_))
        elif call.name in ("mul", "__rmul__", "__mul__") and 0 < number_ < 0.1:
            # A weight such as 0.25 or 0.05 is no division; 1 / 32 may be one.
            mantissa, _ = math.frexp(number_)
            if mantissa == 0.5:
                found.append(1 / number_)
    return found


def _agrees_for_one_size(seen: Observation) -> Finding | None:
    """The reference's value for as many samples as are given, and for no others."""
    if seen.reference.differs or seen.batch.size < 3:
        return None
    values = seen.reference.values
    pairs = [values[name] for name in ("fewer", "double") if name in values]
    if len(pairs) < 2 or not all(math.isfinite(n) for p in pairs for n in p):
        return None
    if any(math.isclose(*p, rel_tol=1e-3, abs_tol=1e-6) for p in pairs):
        return None
    own, trusted = apart(*pairs[0])
    return KIND.error(
        f"The loss agrees with the reference for {seen.batch.size} samples alone: for "
        f"{seen.batch.size - 1} it is {own} instead of {trusted}.",
        **DETAILS,
    )


def by_reference(seen: Observation) -> Finding | None:
    """The ratio to a trusted mean follows the batch, but is not the batch size."""
    if not seen.reference.differs and "fewer" not in seen.reference.values:
        return None
    found = _agrees_for_one_size(seen)
    if found is not None:
        return found
    values = seen.reference.values
    names = ("here", "fewer", "double")
    if any(n not in values or not values[n][1] for n in names):
        return None
    here, fewer, double = (values[n][0] / values[n][1] for n in names)
    follows = math.isclose(double, 2 * here, rel_tol=1e-4) and math.isclose(
        fewer * seen.batch.size, here * (seen.batch.size - 1), rel_tol=1e-4
    )
    divisor = seen.batch.size / here if here else math.nan
    if not math.isfinite(divisor):
        return None
    whole = abs(divisor - round(divisor)) < 1e-4 * abs(divisor)
    if follows and whole and round(divisor) > 1:
        sizes = {n for argument in seen.arguments for n in argument.value.shape[1:]}
        if round(divisor) not in sizes or round(divisor) == seen.batch.size:
            return _constant(seen, round(divisor), "a constant")
    return None
