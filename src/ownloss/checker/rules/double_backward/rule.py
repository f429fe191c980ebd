"""The gradient is right, the gradient of the gradient is not."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd import Function

from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.numeric import Slope, slope
from ownloss.checker.observation import Observation
from ownloss.checker.subject import Point
from ownloss.checker.wording import apart, number

KIND = Kind(
    slug="double-backward",
    title="Wrong second derivative",
    meaning="Backward is right once, but what it computes with is detached from the "
    "inputs: intermediate results kept on ctx or saved, precomputed gradients. A "
    "gradient penalty or a Newton step is then silently wrong.",
    shows="Differentiating the gradient by autograd gives something else than "
    "differences of the gradient.",
    cure="Save inputs and outputs only, and compute the rest in backward with torch "
    "functions. `@once_differentiable` is no cure for a loss: as the last node it "
    "raises nothing.",
)
CALLS = 60
GRADIENT = True


def find(seen: Observation) -> Iterator[Finding]:
    """Compare the second derivative along one direction with differences."""
    if not seen.graph.functions or seen.intent.deliberate or not seen.base.finite:
        return
    if all(c.ok for c in seen.gradient.all_checks):
        yield from _of(seen)
    elif _differentiates_within(seen):
        # The loss has a gradient in itself: its own is of second derivatives.
        for alone in seen.functions_alone.values():
            if all(c.ok for c in alone.gradient.checks):
                yield from _of(alone, explains=(Symptom.GRADIENT,))


def _differentiates_within(seen: Observation) -> bool:
    """Whether the loss calls autograd, for a penalty of gradients or an equation."""
    calls = seen.graph.trace.named("grad")
    return any(call.kwargs.get("create_graph") for call in calls)


def _of(seen: Observation, explains: tuple[Symptom, ...] = ()) -> Iterator[Finding]:
    """The second derivative of a loss or of a Function."""
    if seen.dtype != torch.float64:
        return
    open_ = [c for c in seen.graph.functions if not _once(c)]
    if not open_ or any("numpy" in c.name for c in seen.graph.trace.calls):
        return
    for point in (seen.point, seen.points.jittered(0.3, 1)):
        numeric, analytic = _second(seen, point)
        if numeric is None or not numeric.reliable or numeric.kinked:
            continue
        tolerance = 1e-4 * max(abs(numeric.value), abs(analytic)) + 1e-7
        if numeric.admits(analytic, tolerance):
            continue
        names = ", ".join(f"`{c.__name__}`" for c in open_)
        what = " instead of ".join(apart(analytic, numeric.value, 3))
        message = f"The second derivative is wrong along a random direction: {what}. "
        if abs(analytic) <= tolerance:
            message = (
                "Second derivatives are zero for autograd, and "
                f"{number(numeric.value)} by differences along a random direction. "
            )
        yield KIND.error(
            f"{message}Backward of {names} computes with values that are cut off from "
            "the inputs.",
            where=open_[0].__name__,
            evidence={"analytic": analytic, "numeric": numeric.value},
            rests_on=(Symptom.SECOND,),
            explains=explains,
        )
        return


def _once(cls: type[Function]) -> bool:
    """Whether backward is marked with `once_differentiable`, or is torch's own."""
    if cls.__module__.startswith("torch."):
        return True
    code = getattr(cls.backward, "__code__", None)
    return code is not None and "torch/autograd" in code.co_filename.replace("\\", "/")


def _second(seen: Observation, point: Point) -> tuple[Slope | None, float]:
    """The derivative of gradient @ u along w, by differences and by autograd."""
    places = [seen.index(argument) for argument in seen.inputs]
    u = {i: seen.random_like(seen.point[i], 21 + i) for i in places}
    w = {i: seen.random_like(seen.point[i], 42 + i) for i in places}

    def product(gradients: list[Tensor | None]) -> Tensor:
        terms = [
            (g * u[i].conj()).real.sum() if g.is_complex() else (g * u[i]).sum()
            for i, g in zip(places, gradients, strict=True)
            if g is not None
        ]
        return sum(terms, torch.zeros((), dtype=seen.dtype))

    def moved(distance: float) -> float:
        there = list(point)
        for i in places:
            there[i] = point[i].to(w[i].dtype) + distance * w[i]
        found = seen.backward(seen.run(there))
        return math.nan if found.error else product(found.values).item()

    run = seen.run(point)
    found = seen.backward(run, create_graph=True)
    if found.error is not None:
        return None, 0.0
    once = product(found.values)
    analytic = 0.0
    if once.requires_grad:
        tensors = [run.tensors[i] for i in places]
        try:
            twice = torch.autograd.grad(once, tensors, allow_unused=True)
        except Exception:  # it says so itself: not silent
            return None, 0.0
        for i, g in zip(places, twice, strict=True):
            if g is not None:
                analytic += (g.conj() * w[i]).real.sum().item()
    step = 1e-3 * min(argument.size for argument in seen.inputs)
    return slope(moved, once.item(), min(step, 1e-3), seen.precision.noise), analytic
