"""The loss depends on the order of the samples."""

from collections.abc import Iterator

from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.rules.batch_order.meaning import by_design
from ownloss.checker.rules.batch_order.shuffling import (
    first_changed,
    has_parts,
    shuffles,
)
from ownloss.checker.wording import apart

KIND = Kind(
    slug="batch-order",
    title="The order of the samples matters",
    meaning="The loss assumes sorted samples, or treats the first few specially: a "
    "shuffled batch gives another value. Losses of sequences do so by design.",
    shows="All inputs are shuffled together, along the first dimension.",
    cure="Sort inside the loss, or say in its docstring what order it expects.",
)
CALLS = 12


def find(seen: Observation) -> Iterator[Finding]:
    """Shuffle the batch; leave out structures that are meant."""
    size = seen.batch.size
    if size < 3 or not seen.base.finite or not seen.determinism.steady:
        return
    if not any(x in seen.inputs for x in seen.batch.arguments) or not _aligned(seen):
        return
    shuffled = first_changed(seen, shuffles(size))
    if shuffled is None or seen.batch.grouped:
        return
    wrong = _reference_does_not(seen)
    if not wrong and (by_design(seen) or has_parts(seen)):
        return
    say = KIND.error if wrong else KIND.warning
    before, after = apart(seen.value, shuffled.total)
    yield say(
        f"Shuffling the samples changes the loss from {before} to "
        f"{after}{_assumption(seen)}.",
        evidence={"value": seen.value, "shuffled": shuffled.total},
        rests_on=(Symptom.ORDER,),
        explains=(Symptom.VALUE,) if wrong else (),
        aspect="reference" if wrong else "",
    )


def _reference_does_not(seen: Observation) -> bool:
    """Whether there is a reference, another value, and the reference has no order."""
    if seen.reference.loss is None or not seen.reference.differs:
        return False
    here = seen.reference.run()
    for order in shuffles(seen.batch.size):
        there = seen.reference.run(seen.batch.rows(order))
        if not there.finite or not seen.precision.close(here.total, there.total, 100):
            return False
    return True


def _aligned(seen: Observation) -> bool:
    """Whether every argument with several entries has the batch as first dimension.

    It does not where another argument has several views of each sample, in a row, has
    all entries of the samples as its rows, or says how many of them belong together.
    """
    if any(map(seen.batch.is_split_by, seen.arguments)):
        return False
    shapes = [x.value.shape for x in seen.batch.arguments if x.value.dim() > 1]
    for argument in seen.arguments:
        count, *rest = argument.value.shape or (0,)
        few, many = sorted((count, seen.batch.size))
        views = 1 < few < many and many % few == 0
        alike = any([*shape[1:]] == rest for shape in shapes)
        flat = any(count == x.value.numel() for x in seen.batch.arguments)
        for_pairs = not rest and many == 2 * few
        if argument.floating and views and (alike or flat or for_pairs):
            return False
    return all(
        argument in seen.batch.arguments
        or argument.value.dim() == 0
        or argument.value.shape[0] != seen.batch.size
        for argument in seen.arguments
        if not argument.parameter
    )


def _assumption(seen: Observation) -> str:
    for call in seen.graph.trace.calls:
        if call.name in ("cumsum", "logcumsumexp", "cumprod", "cummax", "flip"):
            place = f" ({call.where})" if call.where else ""
            return f": `{call.name}`{place} assumes an order"
    return ": it assumes an order, or treats some samples specially"
