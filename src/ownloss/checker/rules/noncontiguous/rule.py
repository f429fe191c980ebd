"""The loss assumes how its tensors lie in memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.domains import stored
from ownloss.checker.errors import first_line, raised_in_a_package, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.gradient import INPUTS
from ownloss.checker.observation import Observation
from ownloss.checker.subject import Point
from ownloss.checker.wording import apart

KIND = Kind(
    slug="noncontiguous",
    title="Memory layout",
    meaning="The loss or its backward only works for tensors that lie in memory row by "
    "row: `.view` raises for a transposed one, raw memory is read in the wrong order.",
    shows="The same values are passed in another memory layout, and so is grad_output.",
    cure="Use reshape instead of view, or call .contiguous() first.",
)
CALLS = 6

_VIEWED = "view size is not compatible"

_DETAILS = {"rests_on": (Symptom.LAYOUT,)}


def find(seen: Observation) -> Iterator[Finding]:
    """Transpose in memory: the inputs, then the upstream gradient."""
    yield from _as_given(seen)
    if (
        not seen.base.finite
        or not seen.base_backward.finite
        or not seen.determinism.steady
    ):
        return
    base = seen.run(dtype=seen.native)
    expected = seen.backward(base)
    if (
        not base.outputs
        or not base.finite
        or (expected.error is None and not expected.finite)
    ):
        return  # in this dtype
    yield from _inputs(seen, base.total, expected.values)
    if expected.error is None:
        yield from _upstream(seen)


def _as_given(seen: Observation) -> Iterator[Finding]:
    """It raises for inputs that lie as those given do, and only for such."""
    error = seen.base.error or seen.base_backward.error
    if error is None or _VIEWED not in text_of(error):
        return
    spread = [x for x in seen.arguments if not x.value.is_contiguous()]
    run = seen.run([x.value.contiguous() for x in seen.arguments], exact=True)
    if spread and run.error is None and seen.backward(run).error is None:
        names = " and ".join(f"`{x.name}`" for x in spread)
        yield KIND.error(
            f"The loss raises for the memory layout of {names}: {first_line(error)}",
            where=names,
            rests_on=(Symptom.LAYOUT,),
            explains=(Symptom.FAILS,),
        )


def _inputs(
    seen: Observation, value: float, gradients: list[Tensor | None]
) -> Iterator[Finding]:
    for names, point in _transposed(seen):
        run = seen.run(point, dtype=seen.native, exact=True)
        found = seen.backward(run)
        error = run.error or found.error
        if error is not None:
            # Torch says itself what to do, and no caller gets a wrong number.
            viewed = _VIEWED in text_of(error)
            say, cure = (KIND.warning if viewed else KIND.error), None
            if viewed and raised_in_a_package(error):
                # Who calls a library does not edit its lines.
                say, cure = KIND.note, "Call .contiguous() before the loss."
            yield say(
                f"The loss raises if {names} in another memory layout: "
                f"{first_line(error)}",
                cure=cure,
                where=names,
                **_DETAILS,
            )
            return
        same = abs(run.total - value) <= 1e-4 * abs(value) + 1e-6
        for a, b in zip(found.values, gradients, strict=True):
            same &= a is None or b is None or _agree(a, b)
        if not same:
            what = " instead of ".join(apart(run.total, value))
            if abs(run.total - value) <= 1e-4 * abs(value) + 1e-6:
                what = "another gradient"
            yield KIND.error(
                f"The same values give another result if {names} in another memory "
                f"layout: {what}.",
                where=names,
                **_DETAILS,
            )
            return


def _agree(found: Tensor, expected: Tensor) -> bool:
    """Whether two gradients are the same but for the order of their sums."""
    wide = torch.complex128 if expected.is_complex() else torch.float64
    a, b = found.to(wide), expected.to(wide)  # float8 knows neither max nor allclose
    size = b.abs().max().item() if b.numel() else 0
    return torch.allclose(a, b, rtol=1e-3, atol=1e-5 * (1 + size), equal_nan=True)


def _transposed(seen: Observation) -> Iterator[tuple[str, Point]]:
    """The point given, one argument after the other and then all in other layouts."""
    arguments = [argument for argument in seen.arguments if not argument.parameter]
    if seen.graph.trace.named("ctc_loss"):
        # Torch's own reads strided labels wrongly; the loss that calls it does not.
        arguments = [argument for argument in arguments if argument.floating]
    for argument in arguments[:INPUTS]:
        for layout in _layouts(argument.value):
            yield (
                f"`{argument.name}` lies",
                [
                    layout if other is argument else other.value.clone()
                    for other in seen.arguments
                ],
            )
    if len(arguments) > 1:
        for last in (False, True):
            point = []
            for argument in seen.arguments:
                layouts = [argument.value.clone()]
                if argument in arguments:
                    layouts = list(_layouts(argument.value)) or layouts
                point.append(layouts[-1 if last else 0])
            yield "all arguments lie", point


def _layouts(value: Tensor) -> Iterator[Tensor]:
    """The same values, in other places of the memory."""
    value = value.detach()
    if not value.is_contiguous():
        yield value.contiguous()
    for dim in (0, 1):
        if value.dim() > dim + 1:
            turned = value.transpose(dim, -1).contiguous().transpose(dim, -1)
            if not turned.is_contiguous():
                yield turned
    if value.dim() == 1 and value.numel() > 1:
        # Not all dtypes can be added to.
        wide = value if value.is_complex() else value.double()
        other = (1 - wide).to(value.dtype)
        beside = torch.stack([stored(value), stored(other)], 1)[:, 0]
        yield beside if beside.dtype is value.dtype else beside.view(value.dtype)


def _upstream(seen: Observation) -> Iterator[Finding]:
    if not seen.graph.functions:
        return
    run = seen.run()
    plain = [seen.random_like(o.detach(), 3) for o in run.outputs]
    if all(w.numel() < 2 for w in plain):
        return
    expected = seen.backward(run, plain)
    if expected.error is not None:
        return
    turned = [next(_layouts(w), w) for w in plain]
    spread = [w.flatten()[0].expand(w.shape) for w in plain]
    full = [w.contiguous() for w in spread]
    found = seen.backward(seen.run(), full)
    for weights, trusted, words in (
        (turned, expected.values, "transposed"),
        (spread, found.values, "expanded (stride 0, as `.sum()` makes it)"),
    ):
        got = seen.backward(seen.run(), weights, as_laid_out=True)
        if got.error is not None:
            yield KIND.error(
                f"Backward raises for a grad_output that is {words} in memory: "
                f"{first_line(got.error)}",
                where="grad_output",
                **_DETAILS,
            )
            return
        for a, b in zip(got.values, trusted, strict=True):
            if a is not None and b is not None and not torch.allclose(a, b, rtol=1e-4):
                yield KIND.error(
                    f"The gradient is another one for a grad_output that is {words} in "
                    "memory.",
                    where="grad_output",
                    **_DETAILS,
                )
                return
