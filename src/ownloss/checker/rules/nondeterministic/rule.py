"""Two calls with the same inputs differ."""

from collections.abc import Iterator

from ownloss.checker.copies import modules_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.wording import apart

KIND = Kind(
    slug="nondeterministic",
    title="Two calls differ",
    meaning="The loss draws random numbers, drops entries out, or keeps a running "
    "average: the same inputs give another value the next time.",
    shows="Two calls in a row, with and without a fixed seed.",
    cure="Draw outside of the loss and pass the draw in; update running averages in a "
    "method of their own, not in forward.",
)
CALLS = 4

_DETAILS = {
    "rests_on": (Symptom.AGAIN,),
    "explains": (
        Symptom.GRADIENT,
        Symptom.ORDER,
        Symptom.VALUE,
        Symptom.GROWTH,
        Symptom.LAYOUT,
        Symptom.MASKED,
        Symptom.PERFECT,
        Symptom.SECOND,
        Symptom.FEWER,
        Symptom.TWICE,
        Symptom.UPSTREAM,
    ),
}


def find(seen: Observation) -> Iterator[Finding]:
    """Call twice, with the seed and without."""
    if seen.base.error is not None:
        return
    if not seen.determinism.reproducible:
        values = " and ".join(apart(seen.run().total, seen.run().total))
        yield KIND.error(
            f"Two calls with the same inputs differ, also with a fixed seed: {values}.",
            **_DETAILS,
        )
        return
    first = seen.run()
    second = seen.run(on=first.call)
    if not _same(seen, first.total, second.total):
        name, registered = seen.determinism.changes
        message = (
            "Two calls with the same inputs differ, also with a fixed seed: "
            + ", then ".join(apart(first.total, second.total))
        )
        message += f"; the module updates `{name}` in forward" if name else ""
        message += "." if registered or not name else ", and it is no buffer."
        meant = name and not seen.reference.differs
        say = KIND.warning if meant else KIND.error
        later = all(check.ok for check in seen.gradient.checks)
        if meant and registered and (later or seen.determinism.remembers):
            say = KIND.note  # a queue; or a centre, used first and updated then
        yield say(message, where=name, **_DETAILS)
        return
    unseeded = [seen.run(seeded=False).total for _ in range(2)]
    if not _same(seen, *unseeded) or not _same(seen, first.total, unseeded[0]):
        dropped = any("dropout" in call.name for call in seen.graph.trace.calls)
        say = KIND.error if dropped else KIND.warning
        modules = modules_of(seen.loss)
        evaluates = bool(modules) and not any(module.training for module in modules)
        if seen.intent.samples and not (dropped and evaluates):
            say = KIND.note
        details = dict(_DETAILS)
        details["explains"] = ()
        values = " and ".join(apart(unseeded[0], unseeded[1]))
        cause = "drops entries out at random" if dropped else "draws random numbers"
        cause += ", in evaluation, too" if dropped and evaluates else ""
        yield say(
            f"Two calls with the same inputs differ, {values}; with a fixed seed they "
            f"agree: the loss {cause}.",
            **details,
        )


def _same(seen: Observation, a: float, b: float) -> bool:
    return a == b or (a != a and b != b) or seen.precision.close(a, b)
