"""Whether a reduction is named where nobody reads it."""

from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.rules.reduction.kind import KIND


def by_position(seen: Observation) -> Finding | None:
    """`F.mse_loss(x, y, "sum")`: the third argument is an old option, and true."""
    for call, value in seen.graph.misplaced:
        used = call.kwargs.get("reduction", "mean")
        if isinstance(value, str) and value != used:
            return KIND.error(
                f"`{call.name}` ({call.where}) is given {value!r} by position, in the "
                f"place of the old option `size_average`: its reduction is {used!r}.",
                cure=f'Name it: `reduction="{value}"`.',
                where=call.where,
                evidence={"given": value, "used": used},
                rests_on=(Symptom.GROWTH,),
                explains=(Symptom.VALUE,),
                aspect="position",
            )
    return None
