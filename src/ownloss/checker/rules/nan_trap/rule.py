"""Finite inputs at which the loss or its gradient is NaN."""

from collections.abc import Callable, Iterator
from itertools import chain, islice

from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.probes.outcome import (
    explodes,
    first_not_finite,
    is_over_nothing,
    steep,
    too_much_for_its_dtype,
    tried,
)
from ownloss.checker.probes.probe import PROBES, Probe
from ownloss.checker.probes.special import bold, special
from ownloss.checker.runs import Backward, Run

KIND = Kind(
    slug="nan-trap",
    title="NaN at special inputs",
    meaning="The loss is fine at most inputs, and NaN or without a finite gradient at "
    "some that are bound to come: a prediction that equals its target, a zero vector, "
    "a probability of exactly 0, constants. NaN also comes out of the branch that "
    "torch.where discards.",
    shows="Special inputs are built from the ones given; the first operation without a "
    "finite slope is named.",
    cure="Add an eps inside the root that the dtype can represent, use logits for "
    "logarithms, and make a denominator safe before torch.where, not after.",
)
CALLS = 10


def find(seen: Observation) -> Iterator[Finding]:
    """Try the inputs given, then special ones."""
    if seen.given.error is not None:
        return
    here = Probe("at the inputs given", seen.point)
    run, gradients = tried(seen, here.point, seen.native)
    trouble = _trouble(run, gradients)
    if trouble and too_much_for_its_dtype(seen, run):
        return  # an overflow
    if trouble:
        yield _finding(
            seen,
            here,
            trouble,
            KIND.error,
            rests_on=(Symptom.NOT_FINITE,),
            explains=tuple(Symptom),
            aspect="given",
        )
        return
    if not run.finite or gradients.error is not None:
        return
    milder = []
    bolder = bold(seen) if seen.reference.loss is not None else ()
    for probe in chain(islice(special(seen), PROBES), bolder):
        run, gradients = tried(seen, probe.point, seen.native)
        trouble = _trouble(run, gradients)
        if not trouble or explodes(seen, probe.point, run):
            continue  # or an overflow
        if trouble == "the loss is NaN" and is_over_nothing(
            first_not_finite(seen, probe.point, seen.native)
        ):
            continue  # an empty batch
        trusted = _reference_is_finite(seen, probe)
        if probe.bold and not trusted:
            continue
        if "infinite" in trouble and probe.boundary and not trusted:
            continue
        if trouble == "the loss is infinite" and not seen.scalar:
            continue  # a pole of an elementwise function, such as the logarithm
        certain = not probe.boundary or trouble == "the loss is NaN"
        # A relative error is infinite where there is nothing, by its definition.
        certain &= trouble != "the loss is infinite"
        say = KIND.error if trusted or (certain and not probe.guess) else KIND.warning
        found = _finding(
            seen,
            probe,
            trouble,
            say,
            rests_on=(Symptom.SPECIAL,),
            aspect="bold" if probe.bold else "",
        )
        if found.severity == "error":
            yield found
            return
        milder.append(found)
    yield from milder[:1]


def _reference_is_finite(seen: Observation, probe: Probe) -> bool:
    """Whether there is a trusted loss that is finite there, with its gradient."""
    if seen.reference.loss is None:
        return False
    trusted = seen.reference.run(probe.point)
    return trusted.finite and seen.backward(trusted).finite


def _trouble(run: Run, gradients: Backward) -> str:
    """Say what is not finite; empty if all is, or if the loss refuses the inputs."""
    if run.error is not None:
        return ""
    # Torch stores numbers of one byte, and does not compute with them.
    values = [o.detach() for o in run.outputs]
    values = [v.float() if v.itemsize == 1 else v for v in values]
    if any(bool(v.isnan().any()) for v in values):
        return "the loss is NaN"
    if any(bool(v.isinf().any()) for v in values):
        return "the loss is infinite"
    if gradients.error is None and not gradients.finite:
        nan = any(g is not None and bool(g.isnan().any()) for g in gradients.values)
        return f"the gradient is {'NaN' if nan else 'infinite'}"
    return ""


def _finding(
    seen: Observation,
    probe: Probe,
    trouble: str,
    say: Callable[..., Finding],
    **details: object,
) -> Finding:
    when = probe.when[0].upper() + probe.when[1:]
    message = f"{when} {trouble}"
    call = None
    if "loss" in trouble:
        call = first_not_finite(seen, probe.point, seen.native)
    if call is not None:
        reason, where = f"`{call.name}` is the first that is not finite", call.where
    else:
        reason, where = steep(seen, probe.point, seen.native)
    if reason:
        message += f": {reason}" + (f" ({where})" if where else "")
    given = _unfit(seen) if probe.point is seen.point else ""
    if given:
        return say(
            f"{when} {trouble}: {given}.",
            cure="Give it finite numbers and at least one sample, or let the loss "
            "return `prediction.sum() * 0` for none.",
            **details,
        )
    used = any(c.name == "where" for c in seen.graph.trace.calls)
    if used and "gradient" in trouble:
        message += ". torch.where does not help: 0 times infinity is NaN in backward"
    return say(message + ".", where=where if reason else "", **details)


def _unfit(seen: Observation) -> str:
    """Say which of the inputs given is empty, or not finite itself."""
    for argument in seen.arguments:
        if not argument.value.numel():
            return f"`{argument.name}` is empty, {tuple(argument.value.shape)}"
        known = argument.floating and argument.domain is not Domain.OPAQUE
        if known and not bool(argument.value.isfinite().all()):
            count = int((~argument.value.isfinite()).sum())
            size = argument.value.numel()
            return f"`{argument.name}` is so itself, in {count} of {size} entries"
    return ""
