"""The gradient: what backward says against differences of the value."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain, on_simplex
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.points import Points
from ownloss.checker.measures.precision import Precision
from ownloss.checker.numeric import UNKNOWN, Slope, slope
from ownloss.checker.runs import as_real
from ownloss.checker.subject import Point, Subject

# Coordinates looked at one by one; beyond that, random directions.
COORDINATES = 20


@dataclass(eq=False)
class GradientCheck:
    """The gradient of one input at one point, by backward and by differences.

    Attributes:
        argument: the input.
        at: says at which inputs, for a sentence.
        indices: the entries looked at, in the flattened input.
        analytic: what backward says; None if no gradient arrived.
        numeric: what differences say, an entry each.
        wrong: which entries differ by more than the numeric error.
        elsewhere_wrong: whether a random direction shows a difference that these
            entries do not.
        tolerance: the largest difference that was let pass.
    """

    argument: Argument
    at: str
    indices: list[int]
    analytic: Tensor | None
    numeric: Tensor
    wrong: Tensor
    elsewhere_wrong: bool
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the gradient is right."""
        return not bool(self.wrong.any()) and not self.elsewhere_wrong

    @property
    def matters(self) -> bool:
        """Whether the loss depends on this input here."""
        return bool((self.numeric.abs() > 10 * self.tolerance).any())

    @property
    def vanishes(self) -> bool:
        """Whether no gradient arrives, or nothing but zeros."""
        return self.analytic is None or not bool((self.analytic != 0).any())

    @property
    def ratio(self) -> float:
        """The factor that the gradient is off by; NaN if no single one explains it."""
        if self.vanishes or not self.matters or self.elsewhere_wrong:
            return math.nan
        ratio = ((self.analytic @ self.numeric) / (self.numeric @ self.numeric)).item()
        rest = (self.analytic - ratio * self.numeric).abs().max().item()
        allowed = max(1.0, abs(ratio)) * self.tolerance
        allowed += 1e-5 * self.analytic.abs().max().item()
        return ratio if rest <= allowed else math.nan


class Gradient:
    """The gradient of a loss, by backward and by differences."""

    def __init__(
        self,
        subject: Subject,
        points: Points,
        precision: Precision,
        graph: Graph,
        batch: Batch,
    ) -> None:
        self._subject = subject
        self._points = points
        self._precision = precision
        self._graph = graph
        self._batch = batch

    def along(
        self,
        point: Point,
        directions: dict[int, Tensor],
        weights: list[Tensor] | None = None,
        loss: Any = None,
    ) -> Slope:
        """Differentiate the loss at a point along a direction, numerically.

        Args:
            point: where.
            directions: for some arguments, by index, the direction to move along.
            weights: what the outputs are multiplied by before they are summed.
            loss: another loss, such as the reference.
        """

        def value(distance: float) -> float:
            moved = list(point)
            for index, direction in directions.items():
                moved[index] = point[index].to(direction.dtype) + distance * direction
            run = self._subject.run(moved, loss=loss)
            if weights is not None:
                return run.weighted(weights)
            return run.total

        length = max(d.abs().max().item() for d in directions.values()) or 1.0
        sizes = [
            max(min(self._subject.arguments[i].size, 10.0), 1e-3) for i in directions
        ]
        step = min(sizes) * max(1e-3, 2 * self._precision.noise ** (1 / 3)) / length
        at_zero = value(0.0)
        if not math.isfinite(at_zero):
            return UNKNOWN
        return slope(value, at_zero, step, self._precision.noise)

    def check(
        self,
        argument: Argument,
        point: Point | None = None,
        at: str = "",
        weights: list[Tensor] | None = None,
        coordinates: int = COORDINATES,
    ) -> GradientCheck | None:
        """Compare backward with differences for one input at one point.

        Returns:
            None where the loss or its gradient cannot be computed there.
        """
        point = self._subject.point if point is None else point
        run = self._subject.run(point)
        found = self._subject.backward(run, weights)
        if run.error is not None or found.error is not None or not run.finite:
            return None
        place = self._subject.inputs.index(argument)
        gradient = found.values[place]
        index = self._subject.arguments.index(argument)
        size = as_real(point[index]).numel()
        flat = torch.zeros(size, dtype=torch.float64)
        if gradient is not None:
            if not torch.isfinite(gradient).all():
                return None
            flat = as_real(gradient.detach()).double().reshape(-1)
        entries = self._entries(flat, coordinates)
        slopes = [
            self.along(point, {index: self._unit(point[index], i)}, weights)
            for i in entries
        ]
        known = [(i, s) for i, s in zip(entries, slopes, strict=True) if s.reliable]
        if not known:
            return None
        numeric = torch.tensor([s.value for _, s in known], dtype=torch.float64)
        analytic = flat[[i for i, _ in known]]
        relative = 1e-5 if self._precision.noise < 1e-12 else 3e-3
        largest = max(numeric.abs().max().item(), analytic.abs().max().item())
        tolerance = relative * largest + 1e-9
        errors = max((s.error for _, s in known), default=0.0)
        wrong = torch.tensor(
            [
                not s.admits(a, tolerance)
                for (_, s), a in zip(known, analytic.tolist(), strict=True)
            ]
        )
        elsewhere = False
        if len(entries) < size and not wrong.any():
            elsewhere = self._direction_differs(point, index, flat, weights, relative)
        if wrong.any() and argument.domain is Domain.SIMPLEX:
            # Off the simplex a loss of probabilities may be anything.
            inside = self._direction_differs(
                point, index, flat, weights, relative, on_simplex
            )
            wrong = wrong if inside else torch.zeros_like(wrong)
        return GradientCheck(
            argument,
            at,
            [i for i, _ in known],
            None if gradient is None else analytic,
            numeric,
            wrong,
            elsewhere,
            max(tolerance, 10 * errors),
        )

    def _entries(self, gradient: Tensor, count: int) -> list[int]:
        """The entries to look at: all of a small input, else the telling ones."""
        size = gradient.numel()
        count = min(
            count,
            max(
                4,
                int(
                    0.1
                    * self._subject.budget.time_left
                    / (5 * self._subject.budget.cost + 1e-9)
                ),
            ),
        )
        if size <= count:
            return list(range(size))
        order = gradient.abs().argsort(descending=True).tolist()
        generator = torch.Generator().manual_seed(self._subject.seed)
        some = torch.randint(size, (count,), generator=generator).tolist()
        picked = order[: count // 4] + order[-(count // 4) :] + some
        return sorted(set(picked))[:count]

    def _unit(self, value: Tensor, entry: int) -> Tensor:
        unit = torch.zeros_like(as_real(cast(value, self._subject.dtype))).reshape(-1)
        unit[entry] = 1
        unit = unit.reshape(as_real(value).shape)
        return torch.view_as_complex(unit) if value.is_complex() else unit

    def _direction_differs(
        self,
        point: Point,
        index: int,
        gradient: Tensor,
        weights: list[Tensor] | None,
        relative: float,
        projected: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> bool:
        differs = []
        for seed in (1, 2):
            direction = self._subject.random_like(point[index], seed)
            if projected is not None:
                direction = projected(point[index], direction)
            numeric = self.along(point, {index: direction}, weights)
            terms = as_real(direction).reshape(-1).double() * gradient
            scale = terms.square().sum().sqrt().item()
            allowed = 10 * relative * scale + 1e-9
            if not numeric.reliable or numeric.kinked:
                return False
            differs.append(not numeric.admits(terms.sum().item(), allowed))
        return all(differs)

    @cached_property
    def checks(self) -> list[GradientCheck]:
        """Gradient against differences for every input, at the point given."""
        if self._subject.base.error is not None:
            return []
        found = []
        for argument in self._subject.inputs:
            if self._subject.budget.time_left < 0.5:
                break
            check = self.check(argument, at="at the inputs given")
            if check is not None:
                found.append(check)
        return found

    @cached_property
    def elsewhere(self) -> list[GradientCheck]:
        """The same at other points, where a derivative is written by hand."""
        found = []
        for at, point in self._points.others:
            for argument in self._subject.inputs:
                if not self._subject.budget.affords(5 * COORDINATES):
                    self._subject.budget.skip("gradients at other inputs")
                    return found
                check = self.check(argument, point, at)
                if check is not None:
                    found.append(check)
        return found

    @cached_property
    def all_checks(self) -> list[GradientCheck]:
        """Gradient against differences, here and, if handmade, at other points."""
        return self.checks + (self.elsewhere if self._graph.handmade else [])

    def constant_ratio(self, argument: Argument) -> float:
        """The one factor that a gradient is off by at every point; NaN if none is."""
        ratios = [
            c.ratio for c in self.all_checks if c.argument is argument and c.matters
        ]
        if not ratios or not all(map(math.isfinite, ratios)):
            return math.nan
        spread = max(ratios) - min(ratios)
        return ratios[0] if spread <= 1e-3 * abs(ratios[0]) else math.nan

    def ratio_with_double_batch(self, argument: Argument) -> float:
        """The factor with every sample twice, which tells a batch size from others."""
        if not self._batch.size or argument not in [
            *self._batch.arguments,
            *self._subject.inputs,
        ]:
            return math.nan
        point = self._batch.repeated()
        found = self.check(argument, point, coordinates=6)
        return found.ratio if found is not None else math.nan
