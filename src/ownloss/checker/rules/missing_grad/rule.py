"""An input that matters gets no gradient."""

from collections.abc import Iterator

from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.wording import number

KIND = Kind(
    slug="missing-grad",
    title="No gradient for an input",
    meaning="An input or a parameter changes the loss, and backward returns None or "
    "zeros for it: whoever trains it trains nothing.",
    shows="The numeric gradient is not zero, the analytic one is None or zero.",
    cure="Return its derivative in backward, in its place.",
)
CALLS = 1
GRADIENT = True


def find(seen: Observation) -> Iterator[Finding]:
    """Look for inputs that matter and whose gradient vanishes everywhere."""
    if not any(o.requires_grad for o in seen.base.outputs):
        return
    found = list(_of(seen))
    yield from found
    # In a larger loss a gradient may arrive on another way.
    if not found and not all(c.ok for c in seen.gradient.checks):
        for alone in seen.functions_alone.values():
            yield from _of(alone)


def _of(seen: Observation) -> Iterator[Finding]:
    """The inputs of a loss, or of a Function in it."""
    for argument in seen.inputs:
        checks = [
            c for c in seen.gradient.all_checks if c.argument is argument and c.matters
        ]
        if not checks or not all(c.vanishes for c in checks):
            continue
        place = _place_in_backward(seen, argument)
        if not place and not argument.parameter:
            continue
        if not place and _others_lose_a_part(seen):
            continue  # one cut took all of this, and a part of the others
        got = "None" if checks[0].analytic is None else "zeros"
        largest = number(checks[0].numeric.abs().max().item())
        if place:
            message = (
                f"{argument.label} changes the loss, but backward returns {got} for it "
                f"({place}). Its largest derivative is {largest}."
            )
            cure = KIND.cure
        else:
            message = (
                f"{argument.label} changes the loss, but no gradient arrives at it: it "
                f"will never be trained. Its largest derivative is {largest}."
            )
            cure = "Use the parameter itself: no .item(), .data, .detach() or no_grad."
        yield KIND.error(
            message[0].upper() + message[1:],
            cure=cure,
            where=argument.name,
            evidence={"numeric": checks[0].numeric.tolist()},
            rests_on=(Symptom.GRADIENT,),
        )


def _others_lose_a_part(seen: Observation) -> bool:
    """Whether the gradient of something else is there and incomplete."""
    cuts = [cut for cut in seen.graph.cuts if cut.name != "grad"]
    incomplete = (not c.ok and not c.vanishes for c in seen.gradient.checks)
    return bool(cuts) and any(incomplete)


def _place_in_backward(seen: Observation, argument: Argument) -> str:
    """Find the Function that takes this input and returns nothing for it."""
    ordinals = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
    for call in seen.graph.calls:
        if not call.ran_backward:
            continue
        for i, arg in enumerate(call.args):
            if not isinstance(arg, Tensor) or i >= len(call.gradients):
                continue
            gradient = call.gradients[i]
            missing = gradient is None or not bool((gradient != 0).any())
            same = arg.numel() == argument.value.numel() and bool(
                (
                    arg.detach().reshape(-1) == argument.value.to(arg.dtype).reshape(-1)
                ).all()
            )
            if missing and same:
                nth = ordinals[i] if i < len(ordinals) else f"{i + 1}th"
                return f"the {nth} value that `{call.name}.backward` returns"
    for call in seen.graph.calls:
        if call.ran_backward and not any(
            g is not None and bool((g != 0).any()) for g in call.gradients
        ):
            return f"`{call.name}.backward` returns nothing else"
    return ""
