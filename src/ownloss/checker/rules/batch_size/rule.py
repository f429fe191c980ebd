"""The loss only fits one batch size."""

import math
from collections.abc import Iterator
from functools import partial
from types import FunctionType
from typing import Any

from ownloss.checker.copies import modules_of
from ownloss.checker.errors import first_line, raised_on_purpose, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.probes.outcome import first_not_finite
from ownloss.checker.roles import is_batch_size, is_size, is_size_of_batch
from ownloss.checker.runs import Run
from ownloss.checker.trace import RANKS, Call, Trace, TwiceTheDivisor
from ownloss.checker.wording import apart, number

KIND = Kind(
    slug="batch-size",
    title="A fixed batch size",
    meaning="The loss divides by a configured batch size, keeps buffers of one, or "
    "squeezes a batch of one away: the last, smaller batch of an epoch is wrong.",
    shows="Samples are dropped, repeated, and passed alone: a mean stays, a sum "
    "doubles, anything else is suspicious.",
    cure="Take the batch size from the input: `prediction.shape[0]`; name the "
    "dimension in squeeze(dim).",
)
CALLS = 31

_DETAILS = {
    "rests_on": (Symptom.FEWER,),
    "explains": (Symptom.VALUE, Symptom.GROWTH),
}


def find(seen: Observation) -> Iterator[Finding]:
    """Try other batch sizes."""
    if not seen.base.finite or not seen.determinism.steady:
        return
    other = _other_number(seen)
    if other is not None:
        yield other
    if other is not None or seen.batch.size < 2:
        return
    if any(map(seen.batch.is_split_by, seen.arguments)):
        return
    for judge in (
        _raises,
        _one_is_special,
        _divides_by_constant,
        _divides_by_configured,
        _cut_in_half_here,
        _divides_by_its_size,
        _by_reference,
        _one_has_no_spread,
    ):
        found = judge(seen)
        if found is not None:
            yield found
            return


def _other_number(seen: Observation) -> Finding | None:
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
        **_DETAILS,
    )


def _divisor(call: Call) -> float:
    """The plain number that a call divides by; 0 if it does not."""
    number = call.args[1] if len(call.args) > 1 and "div" in call.name else 0
    return float(number) if isinstance(number, (int, float)) else 0.0


def _breaks(run: Run) -> bool:
    """Whether a run raised by accident, rather than to refuse its input."""
    # A ValueError is one where torch's own functions compare sizes; a `raise` is not.
    return (
        isinstance(run.error, (RuntimeError, IndexError, TypeError, ValueError))
        and not raised_on_purpose(run.error)
        and not any(
            words in text_of(run.error)
            for words in ("numel() == 0", "mpty", "to unpack")
        )
    )


def _is_sure_of_samples(seen: Observation, fewer: int) -> bool:
    """Whether all inputs have a row for each sample, or the reference takes fewer.

    Else what is taken for samples may be features, nodes, members or steps.
    """
    trusted = seen.reference.loss is not None
    if trusted and seen.reference.run(seen.batch.rows([*range(fewer)])).finite:
        return True
    return all(
        argument in seen.batch.arguments or not argument.value.dim()
        for argument in seen.arguments
        if not argument.parameter
    )


def _points_past_the_end(run: Run) -> bool:
    """Whether an index given is too large for fewer rows."""
    return isinstance(run.error, IndexError) and "out of bounds" in text_of(run.error)


def _square(seen: Observation) -> bool:
    return any(
        list(argument.value.shape).count(seen.batch.size) > 1
        for argument in seen.arguments
    )


def _raises(seen: Observation) -> Finding | None:
    size = seen.batch.size
    if _square(seen):
        return None
    sizes = [n for n in (size - 1, size - 2, size // 2) if n > 1]
    runs = [seen.run(seen.batch.rows([*range(n)])) for n in sizes]
    if all(map(_breaks, runs)) and any(
        seen.run(seen.batch.rows_of_all([*range(n)])).finite for n in sizes
    ):
        return None  # what may be a table has a row for each sample
    twice = seen.run(seen.batch.rows([*range(size)] * 2))
    if any(map(_points_past_the_end, runs)):
        return None  # nodes that edges point at
    if sizes and all(map(_breaks, (*runs, twice))):
        if seen.batch.grouped:
            return None
        say = KIND.error if _is_sure_of_samples(seen, sizes[0]) else KIND.warning
        return say(
            f"The loss only runs for {size} samples; for {sizes[0]} it raises: "
            f"{first_line(runs[0].error)}",
            **_DETAILS,
        )
    one = seen.run(seen.batch.rows([0]))
    # Rows that come in pairs or in groups are no squeeze: three do not fit either.
    several = [seen.run(seen.batch.rows([i % size for i in range(n)])) for n in (2, 3)]
    grouped = any(run.error is not None for run in several)
    picks = "index k out of range" in text_of(one.error)  # the largest k of fewer
    if _breaks(one) and (not grouped or size in _configured(seen) or picks):
        said = first_line(one.error)
        message = f"The loss raises for a batch of one: {said}{'.' * (said[-1] != '.')}"
        if any(call.name == "squeeze" for call in seen.graph.trace.calls):
            message += " A squeeze() without a dimension is the usual cause."
        say = KIND.warning if picks else KIND.error
        return say(message, **_DETAILS)
    return None


def _one_is_special(seen: Observation) -> Finding | None:
    """Compare one sample with the same sample twice, as for the whole batch."""
    if seen.graph.trace.named(*RANKS):
        return None  # the largest 30 % of 7 and of 14 entries are 2 and 4
    growth = seen.batch.growth()
    like = next((g for g in (1.0, 2.0) if math.isclose(growth, g, rel_tol=1e-6)), None)
    pair = seen.run(seen.batch.rows([0, 1]))
    pairs = seen.run(seen.batch.rows([0, 1, 0, 1]))
    if like is None or not pair.finite or not pairs.finite or not pair.total:
        return None
    if not math.isclose(pairs.total / pair.total, like, rel_tol=1e-6):
        return None
    for i in range(min(seen.batch.size, 4)):
        one, twice = seen.run(seen.batch.rows([i])), seen.run(seen.batch.rows([i, i]))
        thrice = seen.run(seen.batch.rows([i, i, i, i]))
        if not one.finite or not twice.finite or not twice.total:
            continue
        steady = math.isclose(thrice.total, like * twice.total, rel_tol=1e-6)
        if steady and not math.isclose(one.total * like, twice.total, rel_tol=1e-5):
            due = "the same" if like == 1 else "twice as much"
            alone, both = apart(one.total, twice.total)
            return KIND.error(
                f"A batch of one is treated differently: the loss of one sample is "
                f"{alone}, and with that sample twice it is "
                f"{both}, where {due} is due, as for larger batches.",
                rests_on=(Symptom.FEWER,),
                explains=(Symptom.GROWTH,),
            )
    return None


def _one_has_no_spread(seen: Observation) -> Finding | None:
    """A batch of one is NaN, as the standard deviation of one number is.

    What compares samples needs two of them; whether it should do without, only a
    trusted loss tells.
    """
    alone, pair = (seen.run(seen.batch.rows([*range(n)])) for n in (1, 2))
    if alone.error is not None or alone.finite or not pair.finite:
        return None
    trusted = seen.reference.loss is not None
    trusted = trusted and seen.reference.run(seen.batch.rows([0])).finite
    say = KIND.error if trusted else KIND.note
    call = first_not_finite(seen, seen.batch.rows([0]), seen.dtype)
    by = (
        f": `{call.name}` ({call.where}) has nothing to compare it with" if call else ""
    )
    return say(
        f"The loss of a batch of one is not finite{by}.",
        cure="Leave the last batch out where it may be one sample (drop_last=True), or "
        "return 0 for it.",
        where=call.where if call else "",
        rests_on=(Symptom.FEWER,),
    )


def _divides_by_constant(seen: Observation) -> Finding | None:
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
    configured = _configured(seen)
    for divisor in _divisors(seen):
        if divisor in configured:
            return _constant(seen, divisor, f"`{configured[divisor]}`")
        strange = divisor >= 3 and divisor not in sizes | rows | options
        if not strange or divisor != int(divisor):
            continue
        if divisor in _divisors(seen, [*range(seen.batch.size)] * 2):
            return _constant(seen, divisor, "a constant", sure=seen.reference.differs)
    return None


def _divides_by_configured(seen: Observation) -> Finding | None:
    """A sum that is divided by what the loss holds as its batch size, and is another.

    However it grows: where samples are each other's negatives, twice as many of them
    give no double sum.
    """
    sums = {id(call.result) for call in seen.graph.trace.named("sum")}
    configured = _configured(seen)
    for call in seen.graph.trace.named(*_DIVISIONS):
        divisor = _divisor(call)
        if not divisor or divisor == seen.batch.size:
            continue
        name = configured.get(divisor, "")
        if id(call.args[0]) in sums and is_size_of_batch(name):
            return KIND.warning(
                f"A sum over {seen.batch.size} samples is divided by `{name}`, which "
                f"is {number(divisor)} ({call.where}).",
                where=call.where,
                evidence={"divisor": divisor, "batch": seen.batch.size},
                **_DETAILS,
            )
    return None


def _cut_in_half_here(seen: Observation) -> Finding | None:
    """Views of the samples that are cut apart at half of this batch, of any batch."""
    size = seen.batch.size
    if size < 6 or size % 2 or seen.batch.arguments[0] is not seen.inputs[0]:
        return None
    half = _ends(seen.graph.trace, size)
    trace = Trace(seen.budget)
    if size // 2 not in half:
        return None
    with trace:
        seen.run(seen.batch.rows([*range(size - 2)]), dtype=seen.native)
    if size // 2 not in _ends(trace, size - 2):
        return None
    return KIND.error(
        f"Samples are cut apart at {size // 2} ({half[size // 2]}), which is half of "
        f"this batch; {size - 2} samples are cut apart there, too.",
        cure="Cut at half of what is given: `first, second = x.chunk(2)`.",
        where=half[size // 2],
        **_DETAILS,
    )


def _ends(trace: Trace, size: int) -> dict[int, str]:
    """Where rows are cut apart by slices of both sides, and in which line."""
    starts, stops = set(), {}
    for call in trace.named("__getitem__"):
        index = call.args[1] if len(call.args) > 1 else None
        if isinstance(index, slice) and call.shapes[0][:1] == (size,):
            starts.add(index.start)
            stops[index.stop] = call.where
    return {stop: where for stop, where in stops.items() if stop in starts and stop}


def _divides_by_its_size(seen: Observation) -> Finding | None:
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
                **_DETAILS,
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
        **_DETAILS,
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


def _configured(seen: Observation) -> dict[float, str]:
    """Numbers that the loss holds under a name with "batch" in it."""
    held: dict[str, Any] = {}
    for module in modules_of(seen.loss):
        for part in module.modules():
            held.update(vars(part))
    function = getattr(seen.loss, "__func__", seen.loss)
    if isinstance(function, FunctionType):
        code, known = function.__code__, function.__globals__
        held.update({n: known[n] for n in code.co_names if n in known})
        for name, cell in zip(
            code.co_freevars, function.__closure__ or (), strict=True
        ):
            held[name] = getattr(cell, "cell_contents", None)
    held.update(getattr(seen.loss, "__dict__", {}))
    return {
        float(value): name
        for name, value in held.items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and is_batch_size(name)
        and value
    }


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
        **_DETAILS,
    )


def _by_reference(seen: Observation) -> Finding | None:
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
