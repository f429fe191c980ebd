"""What one call of a loss gave, forward and backward."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, a real one as it is."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def all_finite(tensor: Tensor) -> bool:
    """Whether every entry is finite."""
    values = as_real(tensor.detach())
    # A sum is faster, and tells where it is finite.
    known = math.isfinite(values.sum(dtype=torch.float64).item())
    return known or bool(torch.isfinite(values).all())


@dataclass(eq=False)
class Run:
    """One call of the loss.

    Attributes:
        tensors: the tensors that it was given, parameters included.
        outputs: the floating tensors that it returned and that count as loss.
        raw: what it returned.
        error: what it raised, if it raised.
        call: the copy of the loss that was called.
    """

    tensors: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    raw: Any = None
    error: BaseException | None = None
    call: Any = None

    @property
    def total(self) -> float:
        """The sum of all outputs; NaN where the loss raised."""
        if self.error is not None or not self.outputs:
            return math.nan
        return sum(as_real(o.detach()).double().sum().item() for o in self.outputs)

    @cached_property
    def finite(self) -> bool:
        """Whether it ran and every output is finite."""
        return self.error is None and all(map(all_finite, self.outputs))

    def weighted(self, weights: list[Tensor]) -> float:
        """The outputs' sum, each entry times its weight."""
        if self.error is not None or len(weights) != len(self.outputs):
            return math.nan
        total = 0.0
        for output, weight in zip(self.outputs, weights, strict=True):
            if output.shape != weight.shape:
                return math.nan
            total += (as_real(output.detach()).double() * as_real(weight)).sum().item()
        return total


@dataclass(eq=False)
class Backward:
    """The gradients of one run, one a differentiated input; None where none arrived."""

    values: list[Tensor | None]
    error: BaseException | None = None

    @cached_property
    def finite(self) -> bool:
        """Whether every gradient is finite."""
        return self.error is None and all(
            g is None or all_finite(g) for g in self.values
        )
