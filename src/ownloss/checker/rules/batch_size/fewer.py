"""Whether fewer samples, or one, raise or are treated in another way."""

import math

from ownloss.checker.errors import first_line, raised_on_purpose, text_of
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.probes.outcome import first_not_finite
from ownloss.checker.rules.batch_size.kind import DETAILS, KIND, configured
from ownloss.checker.runs import Run
from ownloss.checker.trace import RANKS, Trace
from ownloss.checker.wording import apart


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


def raises(seen: Observation) -> Finding | None:
    """Fewer samples raise, and more, too; or one alone does."""
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
            **DETAILS,
        )
    one = seen.run(seen.batch.rows([0]))
    # Rows that come in pairs or in groups are no squeeze: three do not fit either.
    several = [seen.run(seen.batch.rows([i % size for i in range(n)])) for n in (2, 3)]
    grouped = any(run.error is not None for run in several)
    picks = "index k out of range" in text_of(one.error)  # the largest k of fewer
    if _breaks(one) and (not grouped or size in configured(seen) or picks):
        said = first_line(one.error)
        message = f"The loss raises for a batch of one: {said}{'.' * (said[-1] != '.')}"
        if any(call.name == "squeeze" for call in seen.graph.trace.calls):
            message += " A squeeze() without a dimension is the usual cause."
        say = KIND.warning if picks else KIND.error
        return say(message, **DETAILS)
    return None


def one_is_special(seen: Observation) -> Finding | None:
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
    found = []
    for i in range(min(seen.batch.size, 4)):
        one, twice, often = (seen.run(seen.batch.rows([i] * n)) for n in (1, 2, 4))
        if not one.finite or not twice.finite or not twice.total:
            continue
        steady = math.isclose(often.total, like * twice.total, rel_tol=1e-6)
        if not steady or math.isclose(one.total * like, twice.total, rel_tol=1e-5):
            return None  # of some samples, such as those with little to count
        found.append((one.total, twice.total))
    if not found:
        return None
    due = "the same" if like == 1 else "twice as much"
    alone, both = apart(*found[0])
    return KIND.error(
        f"A batch of one is treated differently: the loss of one sample is {alone}, "
        f"and with that sample twice it is {both}, where {due} is due, as for larger "
        "batches.",
        rests_on=(Symptom.FEWER,),
        explains=(Symptom.GROWTH,),
    )


def one_has_no_spread(seen: Observation) -> Finding | None:
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


def cut_in_half_here(seen: Observation) -> Finding | None:
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
        **DETAILS,
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
