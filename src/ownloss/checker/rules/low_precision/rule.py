"""In half precision the gradient is far from what rounding explains."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.copies import cast
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.subject import Point
from ownloss.checker.trace import WithoutHalf
from ownloss.checker.wording import apart

KIND = Kind(
    slug="low-precision",
    title="The gradient is lost in half precision",
    meaning="Fine in float32, and in bfloat16 or float16 the gradient is off by tens "
    "of percent without a NaN: differences of near numbers, an eps that vanishes, sums "
    "over many entries, probabilities that round to 1.",
    shows="The gradient in half precision is compared with the one in float64 at the "
    "same rounded inputs, and with what rounding the inputs alone changes.",
    cure="Compute the loss in float32: `logits.float()`, and log_softmax instead of "
    "softmax followed by log.",
)

CALLS = 4

OFF = 0.2
TIMES_ROUNDING = 20
# Inputs of more elements, or a longer graph, are looked at in part.
MOST_ELEMENTS = 100_000
MOST_NODES = 5_000


def find(seen: Observation) -> Iterator[Finding]:
    """Compare gradients in half precision with float64."""
    rounded = _rounded_inside(seen)
    if rounded is not None:
        yield rounded
        return
    if seen.whole is not None and _affordable(seen.whole):
        seen = seen.whole  # it shows in long sums
    if not seen.base.finite or not seen.inputs or seen.dtype != torch.float64:
        return
    if seen.inputs[0].value.is_complex() or not seen.determinism.steady:
        return
    if seen.graph.draws:
        return  # in each dtype other numbers
    halves = [torch.bfloat16, torch.float16]
    if seen.native in halves:
        halves = [seen.native]
    for dtype in halves:
        point = [
            cast(cast(value, dtype), torch.float64) if argument.floating else value
            for argument, value in zip(seen.arguments, seen.point, strict=True)
        ]
        exact = _gradient(seen, point, torch.float64)
        rough = _gradient(seen, point, dtype)
        if exact is None or rough is None or _vanishes(seen, exact):
            continue
        off = _distance(rough, exact)
        rounding = torch.finfo(dtype).eps
        for seed in (71, 72):
            jolted = _gradient(
                seen, _jolted(seen, point, rounding, seed), torch.float64
            )
            if jolted is not None:
                rounding = max(rounding, _distance(jolted, exact))
        worse = off > 4 * rounding and _reference_is_better(seen, point, dtype, off)
        if not worse and not off > max(OFF, TIMES_ROUNDING * rounding):
            continue
        name = str(dtype).removeprefix("torch.")
        own = dtype == seen.native
        # Off by more than its own size, nothing of the gradient is left.
        grave = off > 1 or worse
        say = KIND.warning if own or grave else KIND.note
        yield say(
            f"In {name} the gradient is off by {off:.0%}, {off / rounding:.0f} times "
            "more than rounding the inputs explains.",
            evidence={"off": off, "rounding": rounding, "dtype": name},
            rests_on=(Symptom.LARGE,),
        )
        return


def _rounded_inside(seen: Observation) -> Finding | None:
    """A loss that casts to half precision, and else gives what the reference gives."""
    if not seen.reference.differs:
        return None
    with WithoutHalf() as exact:
        value = seen.run().total
    trusted = seen.reference.run().total
    if not exact.used or not seen.reference.same(value, trusted):
        return None
    said, due = apart(seen.value, trusted, 5)
    return KIND.error(
        f"The loss is {said}, the reference {due}: without its casts to half precision "
        "it gives what the reference gives.",
        cure="Cast to float32 before near numbers are subtracted, or do not cast.",
        evidence={"value": seen.value, "reference": trusted},
        rests_on=(Symptom.VALUE,),
        aspect="reference",
    )


def _affordable(seen: Observation) -> bool:
    elements = sum(argument.value.numel() for argument in seen.arguments)
    return elements <= MOST_ELEMENTS and len(seen.graph.nodes) <= MOST_NODES


def _reference_is_better(
    seen: Observation, point: Point, dtype: torch.dtype, off: float
) -> bool:
    """Whether the trusted loss has a far better gradient in the same half precision."""
    trusted = seen.reference.loss
    if trusted is None:
        return False
    exact = _gradient(seen, point, torch.float64, trusted)
    rough = _gradient(seen, point, dtype, trusted)
    if exact is None or rough is None:
        return False
    return _distance(rough, exact) < off / 10


def _gradient(
    seen: Observation, point: Point, dtype: torch.dtype, loss: Any = None
) -> Tensor | None:
    """All gradients in one vector; None where they are not all finite."""
    run = seen.run(point, dtype=dtype, loss=loss)
    if not run.finite:
        return None
    found = seen.backward(run)
    if not found.finite:
        return None
    parts = [g.double().reshape(-1) for g in found.values if g is not None]
    return torch.cat(parts) if parts else None


def _vanishes(seen: Observation, gradient: Tensor) -> bool:
    """Whether a gradient is 0, or what rounding in float64 leaves of 0."""
    size = float(torch.linalg.vector_norm(gradient))
    return size <= 1e-12 * max(abs(seen.value), 1e-12)


def _distance(a: Tensor, b: Tensor) -> float:
    return ((a - b).norm() / b.norm()).item() if a.shape == b.shape else 0.0


def _jolted(seen: Observation, point: Point, eps: float, seed: int) -> Point:
    """A point whose real entries are moved by as much as rounding moves them."""
    return [
        value * (1 + eps / 2 * seen.random_like(value, seed).sgn())
        if argument.floating
        else value
        for argument, value in zip(seen.arguments, point, strict=True)
    ]
