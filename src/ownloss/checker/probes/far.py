"""Points far away: large inputs, and where training leads."""

from collections.abc import Iterator

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain, scaled
from ownloss.checker.observation import Observation
from ownloss.checker.probes.probe import put
from ownloss.checker.subject import Point

OF_LOGITS = ("softmax", "log_softmax", "sigmoid", "log_sigmoid", "cross_entropy")

DOWNHILL = 40.0


def downhill(seen: Observation, far: float = DOWNHILL) -> Point:
    """Every input of real numbers far along its gradient, where training leads.

    Not what is negative throughout, as log-probabilities are.
    """
    values = {}
    gradients = zip(seen.inputs, seen.base_backward.values, strict=True)
    for argument, gradient in gradients:
        if gradient is None or gradient.is_complex() or argument.parameter:
            continue
        if argument.domain is Domain.REAL and bool((argument.value > 0).any()):
            start = cast(argument.value, seen.dtype)
            values[argument] = start - far * gradient.detach().sign()
    return seen.with_values(values)


def large(seen: Observation) -> Iterator[tuple[Argument, float, Point]]:
    """Each real input so large that its largest entry has a given size."""
    for argument in seen.inputs:
        if (
            argument.parameter
            or argument.domain is not Domain.REAL
            or not argument.value.numel()
        ):
            continue
        seen.budget.require()
        size = argument.value.abs().max().item()
        if not size:
            continue
        first = argument is seen.inputs[0]
        for wanted in (6.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0):
            if wanted > size and (first or wanted <= 20):
                factor = wanted / size
                value = scaled(
                    cast(argument.value, seen.dtype), argument.domain, factor
                )
                yield argument, wanted, put(seen, argument, value)
        yield from _both_large(seen, argument)


def _both_large(
    seen: Observation, argument: Argument
) -> Iterator[tuple[Argument, float, Point]]:
    """Logits of two models that are sure of the same: the rest underflows in both."""
    if not seen.graph.calls_on(argument, *OF_LOGITS):
        return
    for other in seen.arguments:
        if other is argument or other.value.shape != argument.value.shape:
            continue
        if other.parameter or other.domain is not Domain.REAL:
            continue
        if not seen.graph.calls_on(other, *OF_LOGITS):
            continue
        seen.budget.require()
        for wanted in (50.0, 200.0):
            value = cast(argument.value, seen.dtype)
            value = value * (wanted / argument.value.abs().max().item())
            yield argument, wanted, seen.with_values({argument: value, other: value})
