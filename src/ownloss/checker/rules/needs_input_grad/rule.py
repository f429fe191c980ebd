"""Backward depends on which inputs require a gradient."""

from collections.abc import Iterator
from itertools import combinations, islice

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.errors import first_line
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation

KIND = Kind(
    slug="needs-input-grad",
    title="Wrong when only some inputs need a gradient",
    meaning="A Function's backward is right where all inputs require a gradient, and "
    "raises or returns something else where only some do: a frozen weight, a target "
    "that is not trained.",
    shows="requires_grad is set for each input alone, for each pair, and for one of "
    "the other inputs as well.",
    cure="Compute in backward what each gradient needs under its own "
    "`if ctx.needs_input_grad[i]`, and nothing under another's.",
)

CALLS = 6

MOST_INPUTS = 4


def find(seen: Observation) -> Iterator[Finding]:
    """Set requires_grad for some of the inputs only."""
    inputs = [x for x in seen.inputs if not x.parameter]
    own = [f for f in seen.graph.functions if not f.__module__.startswith("torch.")]
    if not own or not inputs or len(inputs) > MOST_INPUTS:
        return
    if not seen.base.finite or seen.base_backward.error is not None:
        return
    if not seen.determinism.steady:
        return
    together = dict(zip(seen.inputs, seen.base_backward.values, strict=True))
    if seen.gradient.decision.right:
        yield from islice(_with_another(seen, inputs, together), 1)
    for size in (1, 2) if len(inputs) > 1 else ():
        if size == len(inputs):
            continue
        for chosen in combinations(inputs, size):
            names = " and ".join(f"`{argument.name}`" for argument in chosen)
            found, error = _alone(seen, chosen)
            details = {
                "where": chosen[0].name,
                "rests_on": (Symptom.SOME_ALONE,),
            }
            if error is not None:
                yield KIND.error(
                    f"With only {names} requiring a gradient, backward raises "
                    f"{type(error).__name__}: {first_line(error)}.",
                    **details,
                )
                return
            for argument, gradient in zip(chosen, found, strict=True):
                if _equal(gradient, together[argument]):
                    continue
                gets = "none" if gradient is None else "another one than with all"
                yield KIND.error(
                    f"With only {names} requiring a gradient, `{argument.name}` gets "
                    f"{gets}.",
                    **details,
                )
                return


def _with_another(
    seen: Observation,
    inputs: list[Argument],
    together: dict[Argument, Tensor | None],
) -> Iterator[Finding]:
    """What is given no gradient may learn, too: that changes no other gradient."""
    others = [
        x
        for x in seen.arguments
        if x.floating and not x.differentiable and x.value.dim()
    ]
    for other in others[:MOST_INPUTS]:
        found, error = _alone(seen, (*inputs, other))
        if error is not None:
            continue  # it is not made to learn that
        for argument, gradient in zip(inputs, found, strict=False):
            if not _equal(gradient, together[argument]):
                yield KIND.error(
                    f"With `{other.name}` requiring a gradient as well, "
                    f"`{argument.name}` gets another one.",
                    where=argument.name,
                    rests_on=(Symptom.SOME_ALONE,),
                )


def _alone(
    seen: Observation, chosen: tuple[Argument, ...]
) -> tuple[list[Tensor | None], BaseException | None]:
    """The gradients where these inputs alone require one."""
    point = [
        value
        if argument.parameter
        else cast(value, seen.dtype).detach().clone().requires_grad_(argument in chosen)
        for argument, value in zip(seen.arguments, seen.point, strict=True)
    ]
    run = seen.run(point, grad=False, exact=True)
    wanted = [point[seen.index(argument)] for argument in chosen]
    if run.error is not None:
        return [], run.error
    attached = [output for output in run.outputs if output.requires_grad]
    if not attached:
        return [None] * len(wanted), None
    try:
        terms = [o.real.sum() if o.is_complex() else o.sum() for o in attached]
        total = sum(terms[1:], start=terms[0])
        return list(torch.autograd.grad(total, wanted, allow_unused=True)), None
    except Exception as error:
        return [], error


def _equal(alone: Tensor | None, together: Tensor | None) -> bool:
    if alone is None or together is None:
        other = together if alone is None else alone
        return other is None or not bool(other.any())
    return torch.allclose(alone, together, rtol=1e-6, atol=1e-9, equal_nan=True)
