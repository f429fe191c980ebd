"""torch.vmap gives something else than a loop."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd import Function

from ownloss.checker.containers import with_tensors
from ownloss.checker.copies import cast
from ownloss.checker.errors import first_line
from ownloss.checker.findings import Finding, Kind
from ownloss.checker.observation import Observation
from ownloss.checker.wording import apart

KIND = Kind(
    slug="vmap",
    title="vmap goes wrong",
    meaning="The loss cannot be mapped over a dimension: a Function has no "
    "setup_context, Python decides by a value, or the vmap rule takes the wrong "
    "dimension or reduces over it.",
    shows="torch.vmap over a stack of inputs is compared with a loop, for several "
    "in_dims.",
    cure="Write setup_context and set generate_vmap_rule = True, use torch.where for "
    "control flow; a vmap rule of your own must keep the mapped dimension apart.",
)
CALLS = 3

_COPIES = 3


def find(seen: Observation) -> Iterator[Finding]:
    """Map over stacked inputs, and loop over the same."""
    if not seen.base.finite:
        return
    if not seen.graph.functions:
        yield from _decides_by_values(seen)
        return
    promised = [c for c in seen.graph.functions if _has_rule(c)]
    if not promised:
        old = [
            c for c in seen.graph.functions if c.setup_context is Function.setup_context
        ]
        why = "has no setup_context" if old else "has no vmap rule"
        name = (old or seen.graph.functions)[0].__name__
        yield KIND.note(
            f"torch.vmap and torch.func.grad refuse this loss: `{name}` {why}.",
            where=name,
            aspect="refused",
        )
        return
    name = promised[0].__name__
    points = [seen.point, *(seen.points.jittered(0.5, s) for s in range(1, _COPIES))]
    values = [[cast(p[i], seen.dtype) for p in points] for i in _mapped(seen)]
    for dims in _in_dims(values):
        found = _compare(seen, values, dims)
        if found is None:
            continue
        yield KIND.error(
            f"{found} The vmap rule of `{name}` is wrong"
            f" (in_dims={dims if len(dims) > 1 else dims[0]}).",
            where=f"{name}.vmap",
            evidence={"in_dims": list(dims)},
            rests_on=(),
        )
        return


def _decides_by_values(seen: Observation) -> Iterator[Finding]:
    for call in seen.graph.trace.named(
        "__bool__", "item", "__float__", "tolist", "nonzero"
    ):
        if call.attached:
            yield KIND.note(
                f"torch.vmap refuses this loss: `{call.name}` ({call.where}) asks for "
                "a value.",
                cure="Decide with torch.where instead of Python.",
                where=call.where,
                aspect="refused",
            )
            return


def _has_rule(cls: type[Function]) -> bool:
    return cls.generate_vmap_rule or cls.vmap is not Function.vmap


def _mapped(seen: Observation) -> list[int]:
    return [
        i
        for i, argument in enumerate(seen.arguments)
        if argument.floating and not argument.parameter
    ]


def _in_dims(values: list[list[Tensor]]) -> Iterator[tuple[int | None, ...]]:
    yield (0,) * len(values)
    if len(values) > 1:
        yield (0,) + (None,) * (len(values) - 1)
        yield (None,) + (0,) * (len(values) - 1)
    if all(v[0].dim() for v in values):
        yield (1,) * len(values)
        yield (-1,) * len(values)


def _compare(
    seen: Observation, values: list[list[Tensor]], dims: tuple[int | None, ...]
) -> str | None:
    """Say how the mapped loss differs from the loop; None if it does not."""
    places = _mapped(seen)
    twin = seen.run().call

    def call(*tensors: Tensor) -> Tensor:
        point = [cast(v, seen.dtype) for v in seen.point]
        for place, tensor in zip(places, tensors, strict=True):
            point[place] = tensor
        given = iter(point)
        args = with_tensors(seen.args, given)
        result = seen.call(twin, args, with_tensors(seen.kwargs, given))
        first: Tensor = result if isinstance(result, Tensor) else result[0]
        return first

    def gradient(*tensors: Tensor) -> Tensor:
        found: Tensor = torch.func.grad(lambda *t: call(*t).sum())(*tensors)
        return found

    stacked = [
        v[0] if dim is None else torch.stack(v, dim)
        for v, dim in zip(values, dims, strict=True)
    ]
    looped = [
        [v[0] if dim is None else v[k] for v, dim in zip(values, dims, strict=True)]
        for k in range(_COPIES)
    ]
    for function, what in ((call, "values"), (gradient, "gradients")):
        try:
            expected = torch.stack([function(*one) for one in looped])
        except Exception:  # the loss itself cannot do it: not the rule's fault
            return None
        try:
            got = torch.vmap(function, dims, randomness="different")(*stacked)
        except Exception as error:
            return f"torch.vmap raises: {first_line(error)}"
        if got.shape != expected.shape or not torch.allclose(
            got, expected, rtol=1e-5, atol=1e-7
        ):
            detail = ""
            if got.shape == expected.shape and got.dim() == 1:
                worst = int((got - expected).abs().argmax())
                numbers = apart(got[worst].item(), expected[worst].item())
                detail = f", {' instead of '.join(numbers)}"
            return f"torch.vmap gives other {what} than a loop{detail}."
    return None
