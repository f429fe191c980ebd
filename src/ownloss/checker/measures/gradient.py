"""The gradient: what backward says against differences of the value."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.budget import OutOfBudgetError
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain, on_simplex
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.points import OTHERS, Points
from ownloss.checker.measures.precision import Precision
from ownloss.checker.numeric import UNKNOWN, Slope, slope
from ownloss.checker.runs import as_real
from ownloss.checker.subject import Point, Subject

# Entries looked at one by one; beyond that, random directions.
ENTRIES = 20
# So many inputs are looked at one by one, where there are more.
INPUTS = 8


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
    def missing(self) -> float:
        """How large a part of the gradient is missing, in the 2-norm."""
        analytic = torch.zeros(()) if self.analytic is None else self.analytic
        lost = torch.linalg.vector_norm(analytic - self.numeric)
        return float(lost / torch.linalg.vector_norm(self.numeric))

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
        if self.analytic is None or self.vanishes:
            return math.nan
        if not self.matters or self.elsewhere_wrong:
            return math.nan
        ratio = ((self.analytic @ self.numeric) / (self.numeric @ self.numeric)).item()
        rest = (self.analytic - ratio * self.numeric).abs().max().item()
        allowed = max(1.0, abs(ratio)) * self.tolerance
        allowed += 1e-5 * self.analytic.abs().max().item()
        return ratio if rest <= allowed else math.nan


@dataclass(frozen=True)
class Decision:
    """Whether the whole gradient is right, told by few directional derivatives.

    Attributes:
        right: whether it is; None if it could not be decided.
        analytic: the derivative along a random direction, as backward says.
        numeric: the same, as differences say.
    """

    right: bool | None
    analytic: float = math.nan
    numeric: float = math.nan


class Gradient:
    """The gradient of a loss, by backward and by differences.

    Attributes:
        complete: whether the budget allowed for all that was looked at.
    """

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
        self.complete = True

    @cached_property
    def decision(self) -> Decision:
        """Move all inputs at once along random directions, at the inputs given."""
        return self._decide(self._subject.inputs)

    def decide(self) -> Decision:
        """Reach the decision now, while the budget allows; it is kept."""
        return self.decision

    def _decide(self, inputs: list[Argument]) -> Decision:
        """The decision for some of the inputs."""
        subject = self._subject
        if not subject.base.finite or subject.base_backward.error is not None:
            return Decision(None)
        decided = Decision(None)
        for seed in (1, 2):
            try:
                found = self._along_random(inputs, seed)
            except OutOfBudgetError:
                break
            if found.right:
                return found
            decided = found if decided.right is None else decided
        return decided

    def _along_random(self, inputs: list[Argument], seed: int) -> Decision:
        subject = self._subject
        backward = dict(zip(subject.inputs, subject.base_backward.values, strict=True))
        directions, analytic, square = {}, 0.0, 0.0
        for x in inputs:
            index = subject.index(x)
            direction = subject.random_like(subject.point[index], 1000 * seed + index)
            # Each input counts, whatever the size of its numbers.
            directions[index] = direction.mul_(max(min(x.size, 10.0), 1e-3))
            gradient = backward[x]
            if gradient is None:
                continue
            terms = as_real(direction) * as_real(gradient.detach())
            analytic += terms.sum(dtype=torch.float64).item()
            square += terms.square_().sum(dtype=torch.float64).item()
        if not math.isfinite(analytic):
            return Decision(None)
        noise = self._precision.noise_at_sight
        size = math.sqrt(square)
        # Of very many entries each matters little: what is to be seen must not drown.
        drown = 300 * noise * abs(subject.value) / size if size else 0.0
        along = partial(self.along, subject.point, directions, noise=noise, least=drown)
        relative = 1e-4 if noise < 1e-12 else 3e-2

        def allowed(numeric: Slope) -> float:
            return relative * (size + abs(numeric.value)) + 1e-9

        # Two calls tell of most losses, whether smooth or wrong by far.
        numeric = along(coarse=True)
        off = abs(analytic - numeric.value) - allowed(numeric)
        if numeric.reliable and off <= 10 * numeric.error:
            return Decision(True, analytic, numeric.value)
        if numeric.reliable and off > 10 * abs(numeric.right - numeric.left):
            return Decision(False, analytic, numeric.value)
        numeric = along()
        if not numeric.reliable:
            return Decision(None, analytic, numeric.value)
        decided = numeric.admits(analytic, allowed(numeric))
        if not decided and numeric.kinked and numeric.error > 0:
            return Decision(None, analytic, numeric.value)  # a kink near by
        return Decision(decided, analytic, numeric.value)

    @property
    def calls(self) -> int:
        """About how many calls the checks take, at all points where they are made."""
        sizes = [as_real(x.value).numel() for x in self.looked_at]
        here = sum(2 + 4 * min(size, ENTRIES) + 8 * (size > ENTRIES) for size in sizes)
        return here * (1 + OTHERS * bool(self._graph.functions))

    @cached_property
    def looked_at(self) -> list[Argument]:
        """The inputs looked at one by one: all but of very many.

        Of very many it is the first few, and some in which the gradient is wrong.
        """
        inputs = self._subject.inputs
        if len(inputs) <= INPUTS:
            return inputs
        chosen = inputs[: INPUTS // 2]
        if self.decision.right is not True:
            chosen = [*chosen, *self._wrong_ones(inputs[INPUTS // 2 :])]
        return chosen[:INPUTS]

    def _wrong_ones(self, inputs: list[Argument]) -> list[Argument]:
        """Search for inputs whose gradient is wrong, half by half."""
        found: list[Argument] = []
        waiting = [inputs]
        while waiting and len(found) < INPUTS // 2:
            group = waiting.pop()
            if self._decide(group).right is not False:
                continue
            if len(group) == 1:
                found += group
                continue
            half = len(group) // 2
            waiting += [group[half:], group[:half]]
        return found

    def along(
        self,
        point: Point,
        directions: dict[int, Tensor],
        weights: list[Tensor] | None = None,
        loss: Any = None,
        *,
        noise: float | None = None,
        least: float = 0.0,
        coarse: bool = False,
    ) -> Slope:
        """Differentiate the loss at a point along a direction, numerically.

        Args:
            point: where.
            directions: for some arguments, by index, the direction to move along.
            weights: what the outputs are multiplied by before they are summed.
            loss: another loss, such as the reference.
            noise: the relative rounding error of the value; measured if None.
            least: the smallest first step, as far as that is small for all entries.
            coarse: be content with two calls.
        """
        noise = self._precision.noise if noise is None else noise

        def value(distance: float) -> float:
            moved = list(point)
            for index, direction in directions.items():
                start = point[index].to(direction.dtype)
                moved[index] = torch.add(start, direction, alpha=distance)
            run = self._subject.run(moved, loss=loss)
            if weights is not None:
                return run.weighted(weights)
            return run.total

        lengths = [d.abs().max().item() for d in directions.values() if d.numel()]
        length = max(lengths, default=0.0) or 1.0
        sizes = [
            max(min(self._subject.arguments[i].size, 10.0), 1e-3) for i in directions
        ]
        step = min(sizes) * max(1e-3, 2 * noise ** (1 / 3)) / length
        step = max(step, min(least, 0.05 * min(sizes) / length))
        here = point is self._subject.point and loss is None
        at_zero = self._subject.value if here and weights is None else value(0.0)
        if not math.isfinite(at_zero):
            return UNKNOWN
        return slope(value, at_zero, step, noise, coarse=coarse)

    def check(
        self,
        argument: Argument,
        point: Point | None = None,
        at: str = "",
        weights: list[Tensor] | None = None,
        entries: int = ENTRIES,
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
        places = self._places(flat, entries)
        known: list[tuple[int, Slope]] = []
        complete = False
        relative = 1e-5 if self._precision.noise < 1e-12 else 3e-3
        alike = relative * flat.abs().max().item() if size else 0.0
        try:
            for i in places:
                unit = self._unit(point[index], i)
                # Two calls tell that an entry is right; others are looked at closely.
                numerically = self.along(point, {index: unit}, weights, coarse=True)
                if not numerically.confirms(flat[i].item(), alike):
                    numerically = self.along(point, {index: unit}, weights)
                if numerically.reliable:
                    known.append((i, numerically))
            complete = True
        except OutOfBudgetError:
            # What is known of some entries may tell; of none, it does not.
            self.complete = False
        if not known:
            return None
        known.sort(key=lambda entry: entry[0])
        numeric = torch.tensor([s.value for _, s in known], dtype=torch.float64)
        analytic = flat[[i for i, _ in known]]
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
        if complete and len(places) < size and not wrong.any():
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

    def _places(self, gradient: Tensor, count: int) -> list[int]:
        """The entries to look at: all of a small input, else the telling ones.

        The largest come first: where the budget ends early, they have been looked at.
        """
        size = gradient.numel()
        if size <= count:
            return list(range(size))
        largest = gradient.abs().topk(count // 4).indices.tolist()
        smallest = gradient.abs().topk(count // 4, largest=False).indices.tolist()
        generator = torch.Generator().manual_seed(self._subject.seed)
        some = torch.randint(size, (count,), generator=generator).tolist()
        return list(dict.fromkeys([*largest, *smallest, *some]))[:count]

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
        here = [("at the inputs given", self._subject.point)]
        return self._checks_at(here)

    @cached_property
    def elsewhere(self) -> list[GradientCheck]:
        """The same at other points, where a derivative is written by hand."""
        return self._checks_at(self._points.others())

    def _checks_at(self, points: Iterable[tuple[str, Point]]) -> list[GradientCheck]:
        found = []
        try:
            for at, point in points:
                for argument in self.looked_at:
                    check = self.check(argument, point, at)
                    if check is not None:
                        found.append(check)
        except OutOfBudgetError:
            self.complete = False
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

    def varying_ratio(self, argument: Argument) -> tuple[float, float]:
        """Two factors, each of a whole gradient at one point; NaN if there are none.

        A sum of weights and their number have another ratio for other weights.
        """
        ratios = [
            check.ratio
            for check in self.all_checks
            if check.argument is argument and check.matters
            if len(check.indices) > 2 and not check.elsewhere_wrong
        ]
        if not ratios or not all(math.isfinite(r) and r > 0 for r in ratios):
            return math.nan, math.nan
        return min(ratios), max(ratios)

    def ratio_with_double_batch(self, argument: Argument) -> float:
        """The factor with every sample twice, which tells a batch size from others."""
        if not self._batch.size or argument not in [
            *self._batch.arguments,
            *self._subject.inputs,
        ]:
            return math.nan
        try:
            found = self.check(argument, self._batch.repeated(), entries=6)
        except OutOfBudgetError:
            self.complete = False
            return math.nan
        return found.ratio if found is not None else math.nan
