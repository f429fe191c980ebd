"""Mean and sum over the wrong things."""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.runs import Run
from ownloss.checker.trace import RANKS, Call
from ownloss.checker.wording import apart, meaning_of, number

KIND = Kind(
    slug="reduction",
    title="Wrong reduction",
    meaning="The loss takes a mean where a sum is meant or the other way round, "
    "averages over the classes or counts padding, divides a term twice, or takes a "
    "root over the whole batch.",
    shows="The ratio to a reference is a size of the inputs. Without a reference: the "
    "loss grows with the batch as neither a mean nor a sum does.",
    cure="Decide what one unit is (a sample, a token, a pixel), sum everything, and "
    "divide once, by the number of units that count.",
)
CALLS = 6


def find(seen: Observation) -> Iterator[Finding]:
    """Compare with the reference, else watch how the loss grows."""
    if not seen.base.finite or not seen.determinism.steady:
        return
    for judge in (
        _by_reference,
        _by_factor,
        _other_sums,
        _rows_agree,
        _only_means_differ,
        _halves,
        _mixture,
        _padding,
        _classes,
        _divergence,
        _slope_of_a_mean,
    ):
        found = judge(seen)
        if found is not None:
            yield found
            return


def _error(seen: Observation, message: str, **details: object) -> Finding:
    return KIND.error(message, explains=(Symptom.GROWTH,), **details)


def _by_reference(seen: Observation) -> Finding | None:
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
        seen,
        f"The loss is {number(ratio)} times the reference: {meaning}.",
        evidence={"ratio": ratio, "ratio with the batch doubled": doubled},
        rests_on=(Symptom.VALUE,),
        aspect="reference",
    )


def _by_factor(seen: Observation) -> Finding | None:
    """One factor at all predictions, that weights, a mask or labels make."""
    if not seen.reference.differs or math.isfinite(seen.reference.ratio):
        return None
    factor = seen.reference.factor
    if not factor > 0 or math.isclose(factor, 1, rel_tol=1e-2):
        return None
    share = _share(seen, factor)
    why = share or "it divides by something else, or not at all"
    return _error(
        seen,
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


def _rows_agree(seen: Observation) -> Finding | None:
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
        seen,
        f"Every sample alone gives what the reference gives, but the batch gives "
        f"{own} instead of {trusted}: the samples are put together wrongly.",
        rests_on=(Symptom.VALUE,),
        aspect="rows",
    )


def _other_sums(seen: Observation) -> Finding | None:
    """The same calls of torch as in the reference, but for sums, means and counts."""
    departure = seen.comparison.departure
    if departure is None or departure.cause is not Cause.SUMS:
        return None
    if not seen.reference.differs:
        return None
    return _error(
        seen,
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


def _only_means_differ(seen: Observation) -> Finding | None:
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
        seen,
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


def _halves(seen: Observation) -> Finding | None:
    """Divided by the batch size twice."""
    two, three = seen.batch.growth(2), seen.batch.growth(3)
    if math.isclose(two, 1 / 2, rel_tol=1e-5) and math.isclose(
        three, 1 / 3, rel_tol=1e-5
    ):
        return _error(
            seen,
            "The loss halves when every sample is taken twice: it is divided by the "
            "batch size twice.",
            evidence={"growth": two},
            rests_on=(Symptom.GROWTH,),
            aspect="twice",
        )
    return None


def _mixture(seen: Observation) -> Finding | None:
    """One term is a mean over the samples, another a sum."""
    if len(seen.inputs) == 0 or not seen.scalar or seen.batch.size < 2:
        return None
    values = [seen.value, *(seen.batch.growth(k) * seen.value for k in (2, 3, 4))]
    steps = [b - a for a, b in pairwise(values)]
    if not all(math.isfinite(v) for v in values):
        return None
    size = max(map(abs, values))
    even = max(steps) - min(steps) <= 1e-6 * size
    summed, averaged = steps[0], values[0] - steps[0]
    if not even or abs(summed) < 1e-3 * size or abs(averaged) < 1e-3 * size:
        return None
    if not _averaged_part_moves(seen):
        return None
    if seen.graph.trace.named(*RANKS):
        return None  # interpolated between samples, they grow by themselves
    if any(seen.graph.goes_through(x) for x in seen.batch.arguments):
        return None  # these are steps, no samples
    if _samples_meet(seen):
        return None  # one more copy of each is one more negative for the others
    once, twice = apart(values[0], values[1])
    return KIND.warning(
        f"With every sample twice the loss grows from {once} to "
        f"{twice}: one part is a sum over the samples, another a mean, so "
        "their balance depends on the batch size.",
        evidence={"sum": summed, "mean": averaged},
        rests_on=(Symptom.GROWTH,),
        aspect="mixture",
    )


def _samples_meet(seen: Observation) -> bool:
    """Whether the gradient of a sample depends on the others, as in contrasts."""
    first = seen.inputs[0]
    if first not in seen.batch.arguments:
        return False
    rows = [0, *([1] * (seen.batch.size - 1))]
    run = seen.run(seen.batch.rows(rows))
    other, own = seen.backward(run).values[0], seen.base_backward.values[0]
    if other is None or own is None or not run.finite:
        return False
    return not torch.allclose(other[0], own[0], rtol=1e-5, atol=1e-12)


def _averaged_part_moves(seen: Observation) -> bool:
    """Whether the part that does not grow depends on the inputs at all."""
    point = seen.points.jittered(0.5, 4)
    once = seen.run(point).total
    twice = seen.run(seen.batch.repeated(2, point)).total
    here = 2 * seen.value - seen.batch.growth() * seen.value
    return math.isfinite(once + twice) and not seen.precision.close(
        2 * once - twice, here, 100
    )


def _padding(seen: Observation) -> Finding | None:
    """More padding changes the loss."""
    if not seen.scalar or seen.batch.size < 2:
        return None
    for argument in seen.arguments:
        kept = _not_padded(seen, argument)
        if kept is None or argument not in seen.batch.arguments or bool(kept.all()):
            continue
        more, count, what = _with_more_padding(seen, argument, kept)
        if more is None:
            continue
        expected = seen.value * count / (count + 1)
        if not more.finite or not seen.value:
            continue
        averaged = seen.precision.close(more.total, expected, 100)
        if not averaged and (
            what == "row"
            or seen.precision.close(more.total, seen.value, 100)
            or not _padding_is_silent(seen, argument, kept, more)
        ):
            continue
        before, after = apart(seen.value, more.total)
        say = KIND.error if seen.reference.differs else KIND.warning
        return say(
            f"One more {what} that `{argument.name}` leaves out changes the loss "
            f"from {before} to {after}: padding counts in the denominator.",
            cure="Divide by the number of entries that count.",
            rests_on=(Symptom.MASKED,),
            aspect="padding",
        )
    return None


def _not_padded(seen: Observation, argument: Argument) -> torch.Tensor | None:
    """Which entries count, by a mask, by labels to ignore, or by lengths."""
    kept = seen.selection.kept(argument)
    if kept is None and seen.inputs[0].value.dim() > 1:
        return seen.selection.steps(argument, seen.inputs[0].value.shape[1])
    return kept


def _padding_is_silent(
    seen: Observation, argument: Argument, kept: torch.Tensor, more: Run
) -> bool:
    """Whether what stands in the padding does not matter, only that it is there."""
    other = _with_more_padding(seen, argument, kept, source=1)[0]
    return (
        other is not None
        and other.finite
        and seen.precision.close(more.total, other.total, 100)
    )


def _with_more_padding(
    seen: Observation, argument: Argument, kept: torch.Tensor, source: int = 0
) -> tuple[Run | None, int, str]:
    """The loss with one more column, or entry, that is left out; how many there were.

    The column is a copy of another one, `source`, but for what leaves it out. There is
    no such loss where the columns are not those of the prediction, which may be of
    another resolution.

    A row that is left out altogether is no padding: it is an empty sample.
    """
    if kept.dim() < 2:
        point = seen.batch.rows([*range(seen.batch.size), 0])
        value = point[seen.index(argument)].clone()
        value[-1] = argument.value[~kept].reshape(-1)[0]
        point[seen.index(argument)] = value
        return seen.run(point), seen.batch.size, "row"
    shape = kept.shape
    point = list(seen.point)
    grown = []
    for other in seen.batch.arguments:
        if other.value.shape[: len(shape)] == shape:
            dim = len(shape) - 1
        elif other.value.dim() > 2 and other.value.shape[2:] == shape[1:]:
            dim = other.value.dim() - 1  # after the classes
        else:
            continue
        place = seen.index(other)
        copied = min(source, point[place].shape[dim] - 1)
        more = point[place].narrow(dim, copied, 1).clone()
        leaves_out = kept if other is argument else seen.selection.kept(other)
        if leaves_out is not None and not bool(leaves_out.all()):
            more.fill_(other.value[~leaves_out].reshape(-1)[0].item())
        point[place] = torch.cat([point[place], more], dim)
        grown.append(other)
    run = seen.run(point) if any(x.differentiable for x in grown) else None
    return run, shape[-1], "column"


_LOGARITHMS = ("log", "log_softmax", "logsumexp", "cross_entropy", "kl_div", "xlogy")


def _classes(seen: Observation) -> Finding | None:
    """A class that nothing belongs to and nothing predicts changes the loss."""
    prediction = seen.inputs[0] if seen.inputs else None
    if prediction is None or prediction.value.dim() != 2 or not seen.scalar:
        return None
    if prediction.domain not in (Domain.SIMPLEX, Domain.REAL, Domain.LOG_SIMPLEX):
        return None
    if prediction.domain is Domain.REAL and not seen.graph.trace.named(
        "softmax", "log_softmax", "cross_entropy", "logsumexp"
    ):
        return None
    if seen.graph.trace.named("sort", "argsort", "topk"):
        return None  # items of a list, not classes
    # Differences of probabilities are averaged as any other differences are.
    if not any(_stays_logarithm(seen, c) for c in seen.graph.trace.named(*_LOGARITHMS)):
        return None
    value = prediction.value.double()
    classes = value.shape[1]
    shifted = value + 3 * seen.random_like(value[:, :1], 9)
    if prediction.domain is Domain.REAL and not seen.precision.close(
        seen.run(seen.with_values({prediction: shifted})).total, seen.value, 100
    ):
        return None
    values = {}
    for argument in seen.arguments:
        if argument.parameter or argument.value.shape != prediction.value.shape:
            continue
        filler = {
            Domain.SIMPLEX: 1e-14,
            Domain.BINARY: 0.0,
            Domain.LOG_SIMPLEX: -40.0,
            Domain.REAL: -60.0,
        }.get(argument.domain, 0.0)
        extra = torch.full_like(argument.value[:, :1].double(), filler)
        values[argument] = torch.cat([argument.value.double(), extra], 1)
    more = seen.run(seen.with_values(values))
    expected = seen.value * classes / (classes + 1)
    if (
        not more.finite
        or not seen.value
        or not seen.precision.close(more.total, expected, 1e3)
    ):
        return None
    before, after = apart(seen.value, more.total)
    return KIND.warning(
        f"One more class that never occurs changes the loss from {before} to {after}: "
        f"it averages over the {classes} classes instead of summing.",
        evidence={"classes": classes},
        rests_on=(Symptom.GROWTH,),
    )


def _stays_logarithm(seen: Observation, log: Call) -> bool:
    """Whether a logarithm is used for anything but its exponential, a probability."""
    uses = [
        c for c in seen.graph.trace.calls if any(t is log.result for t in c.tensors)
    ]
    return not uses or any(call.name != "exp" for call in uses)


def _divergence(seen: Observation) -> Finding | None:
    """A divergence of distributions that is divided by the number of classes, too."""
    if seen.reference.loss is not None:
        return None
    for call in seen.graph.trace.named("kl_div"):
        if not call.attached or len(call.tensors) < 2:
            continue
        log, target = call.tensors[:2]
        if log.dim() < 2 or log.shape != target.shape:
            continue
        target = target.exp() if call.kwargs.get("log_target") else target
        if not bool(((target.sum(-1) - 1).abs() < 1e-3).all()):
            continue
        reduction = call.kwargs.get("reduction", "mean")
        rows = log.shape[:-1].numel()
        if reduction == "mean":
            flat = "" if log.dim() == 2 else ", of `x.flatten(0, -2)`"
            return KIND.warning(
                f"`kl_div` ({call.where}) divides by the {rows} distributions and by "
                f"the {log.shape[-1]} classes: the mean over the distributions is "
                f'reduction="batchmean"{flat}.',
                cure=f'Pass reduction="batchmean"{flat}.',
                where=call.where,
                rests_on=(Symptom.GROWTH,),
            )
        if reduction == "batchmean" and rows > log.shape[0]:
            return KIND.warning(
                f"`kl_div` ({call.where}) is given {rows} distributions, of shape "
                f'{tuple(log.shape)}, and reduction="batchmean" divides by '
                f"{log.shape[0]} alone.",
                cure='Pass `x.flatten(0, -2)`; then "batchmean" divides by all.',
                where=call.where,
                rests_on=(Symptom.GROWTH,),
            )
    return None


def _slope_of_a_mean(seen: Observation) -> Finding | None:
    """The slope of a mean over the samples, taken for the slopes of the samples.

    A penalty sums over what the critic says: each sample has a slope of its own.
    """
    size = seen.batch.size
    means = {
        id(call.result)
        for call in seen.graph.trace.named("mean")
        if call.shapes and call.shapes[0][:1] == (size,)
    }
    for call in seen.graph.trace.named("grad"):
        outputs, inputs = call.args[:2] if len(call.args) > 1 else ((), ())
        of_mean = any(id(t) in means for t in outputs)
        samples = all(t.shape[:1] == (size,) for t in inputs)
        if size < 2 or not of_mean or not samples or not call.attached:
            continue
        if not seen.batch.growth() < 1 - 1e-6:
            continue  # it multiplies by the number of samples again
        say = KIND.error if seen.reference.differs else KIND.warning
        return say(
            f"`autograd.grad` ({call.where}) differentiates a mean over the "
            f"{size} samples: the slope at each of them is divided by {size}, and the "
            "loss falls as the batch grows.",
            cure="Differentiate the sum: `autograd.grad(scores.sum(), x, ...)`.",
            where=call.where,
            rests_on=(Symptom.GROWTH,),
            explains=(Symptom.VALUE,),
        )
    return None
