"""Backward returns a gradient of another shape or dtype than its input."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.errors import text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.functions import FunctionCall
from ownloss.checker.observation import Observation
from ownloss.checker.wording import times

KIND = Kind(
    slug="grad-meta",
    title="Gradient of another shape or dtype",
    meaning="A gradient has the shape and the dtype of its input. Where it has more "
    "dimensions or another dtype, autograd sums and casts without a word.",
    shows="What backward returns is compared with what forward was given.",
    cure="Return a gradient of the input's shape and dtype: sum over dimensions that "
    "forward broadcast, and keep the input's dtype throughout.",
)
CALLS = 1

_RESTS = {
    "rests_on": (Symptom.FAILS,),
    "explains": (Symptom.GRADIENT, Symptom.SECOND),
}


def find(seen: Observation) -> Iterator[Finding]:
    """Compare what backward returns with what forward was given."""
    said = text_of(seen.base_backward.error)
    refused = re.search(
        r"Function (\w+)Backward returned an invalid gradient at index (\d+) - "
        r"(got .*?) but expected (?:shape compatible with |type )?(.*)",
        said,
    )
    if refused:
        name, index, got, expected = refused.groups()
        yield KIND.error(
            f"`{name}.backward` returns a gradient of the wrong kind for argument "
            f"{index}: {got}, expected {expected}.",
            where=name,
            **_RESTS,
        )
        return
    for call in seen.graph.calls:
        for i, (arg, gradient) in enumerate(
            zip(call.args, call.gradients, strict=False)
        ):
            if isinstance(arg, Tensor) and isinstance(gradient, Tensor):
                if arg.is_floating_point() and gradient.shape != arg.shape:
                    yield _shape(seen, call, i, arg, gradient)
                    return
                if arg.is_floating_point() and gradient.dtype != arg.dtype:
                    yield _dtype(call, i, arg, gradient)
                    return
    yield from _loses_precision(seen)


def _shape(
    seen: Observation, call: FunctionCall, i: int, arg: Tensor, gradient: Tensor
) -> Finding:
    argument = call.argument_name(i)
    message = (
        f"`{call.name}.backward` returns {tuple(gradient.shape)} for `{argument}` of "
        f"shape {tuple(arg.shape)}; autograd sums it"
    )
    right = bool(seen.gradient.checks) and all(c.ok for c in seen.gradient.checks)
    if right:
        message += ", which gives the right gradient"
    for found in seen.gradient.checks:
        if found.argument.value.shape == arg.shape and not found.ok and found.ratio > 0:
            message += f", which makes it {times(found.ratio)}"
            break
    say = KIND.note if right else KIND.error
    return say(
        message + ".",
        where=f"{call.name}.backward",
        evidence={"shape": list(gradient.shape), "expected": list(arg.shape)},
        **_RESTS,
    )


def _dtype(call: FunctionCall, i: int, arg: Tensor, gradient: Tensor) -> Finding:
    kept, got = (str(d).removeprefix("torch.") for d in (arg.dtype, gradient.dtype))
    lost = "; the fractions are cut off" if not gradient.is_floating_point() else ""
    return KIND.error(
        f"`{call.name}.backward` returns {got} for `{call.argument_name(i)}`, which is "
        f"{kept}; autograd casts it without a word{lost}.",
        where=f"{call.name}.backward",
        evidence={"dtype": got, "expected": kept},
        rests_on=(Symptom.FAILS,),
        explains=() if gradient.is_floating_point() else _RESTS["explains"],
    )


def _loses_precision(seen: Observation) -> Iterator[Finding]:
    """In float64, see whether forward is exact and backward is not."""
    if seen.native == torch.float64 or seen.dtype != torch.float64:
        return
    if not seen.graph.functions or seen.precision.noise > 1e-12:
        return
    for call in seen.graph.recorded(torch.float64):
        exact = all(o.dtype == torch.float64 for o in call.outputs)
        for i, (arg, gradient) in enumerate(
            zip(call.args, call.gradients, strict=False)
        ):
            if not isinstance(arg, Tensor) or not isinstance(gradient, Tensor):
                continue
            if arg.dtype == torch.float64 != gradient.dtype and exact:
                yield _dtype(call, i, arg, gradient)
                return
