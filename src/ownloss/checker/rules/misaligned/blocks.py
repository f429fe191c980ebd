"""Whether rows that lie in blocks meet rows in blocks the other way round."""

from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.rows import Order, crossed
from ownloss.checker.observation import Observation
from ownloss.checker.rules.misaligned.kind import KIND


def in_other_blocks(seen: Observation) -> Finding | None:
    """Rows repeated as a whole, beside rows of which each is repeated in its place."""
    if seen.reference.loss is not None and not seen.reference.differs:
        return None
    found = crossed(seen.graph)
    if found is None:
        return None
    call, first, other = found
    say = KIND.error if seen.reference.differs else KIND.warning
    return say(
        f"`{call.name}` ({call.where}) compares {_blocks(first)} with "
        f"{_blocks(other)}: most of them belong to other samples.",
        cure="Repeat each row in its place, `repeat_interleave(n, 0)`, where what it "
        "meets is (N, n) flattened; all rows, `repeat(n, 1)`, where that is n parts "
        "one after the other.",
        where=call.where,
        rests_on=(Symptom.PLACE,),
        explains=(Symptom.VALUE, Symptom.ORDER),
    )


def _blocks(order: Order) -> str:
    made = f"`{order.call.name}` ({order.call.where})"
    return f"rows that {made} puts in {order.outer} blocks of {order.inner}"
