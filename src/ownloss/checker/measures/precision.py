"""How exactly the value of a loss is known."""

from functools import cached_property

import torch

from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.points import Points
from ownloss.checker.subject import Subject


class Precision:
    """The rounding error of a loss."""

    def __init__(self, subject: Subject, points: Points, graph: Graph) -> None:
        self._subject = subject
        self._points = points
        self._graph = graph

    @cached_property
    def noise_at_sight(self) -> float:
        """The same, as far as the value at the inputs given tells, without a call."""
        subject = self._subject
        coarse = [o.dtype for o in subject.base.outputs] + [subject.dtype]
        if all(_is_single(o.detach()) for o in subject.base.outputs):
            coarse.append(torch.float32)
        return max(map(_eps, coarse))

    @cached_property
    def noise(self) -> float:
        """The relative rounding error of the loss's value."""
        coarse = [o.dtype for o in self._subject.base.outputs] + [self._subject.dtype]
        if self._subject.dtype == torch.float64 and self._rounds_to_single():
            coarse.append(torch.float32)
        return max(map(_eps, coarse))

    def _rounds_to_single(self) -> bool:
        """Whether the loss computes in float32, whatever its inputs are."""
        if self._graph.rounds_to_single:
            return True
        runs = [self._subject.run(self._points.jittered(0.3, seed)) for seed in (1, 2)]
        outputs = [o.detach() for run in runs for o in run.outputs]
        if outputs and all(
            bool((o != 0).all()) and _is_single(o)
            for o in outputs
            if not o.is_complex()
        ):
            return True
        # A step too small for float32 changes nothing, one that is not does.
        totals = [
            self._subject.run(self._points.jittered(amount, 3)).total
            for amount in (1e-12, 1e-10, 1e-5)
        ]
        return totals[0] == totals[1] != totals[2]

    def close(self, a: float, b: float, loose: float = 1.0) -> bool:
        """Whether two values of the loss are equal but for rounding."""
        relative = min(max(1e-9, 20 * self.noise) * loose, 1e-3)
        return abs(a - b) <= relative * max(abs(a), abs(b)) + 1e-12


def _eps(dtype: torch.dtype) -> float:
    return torch.finfo(dtype.to_real() if dtype.is_complex else dtype).eps


def _is_single(value: torch.Tensor) -> bool:
    """Whether real numbers lose nothing in float32."""
    return not value.is_complex() and torch.equal(value, value.float().to(value.dtype))
