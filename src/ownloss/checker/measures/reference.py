"""The loss against a trusted one."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import modules_of
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.points import Points
from ownloss.checker.measures.precision import Precision
from ownloss.checker.runs import Run
from ownloss.checker.subject import Point, Subject
from ownloss.checker.trace import Call, Trace


class Reference:
    """A trusted loss for the same inputs.

    Attributes:
        loss: the trusted loss; None if there is none.
    """

    def __init__(
        self,
        loss: Callable[..., Any] | None,
        subject: Subject,
        points: Points,
        precision: Precision,
        batch: Batch,
    ) -> None:
        self.loss = loss
        self._subject = subject
        self._points = points
        self._precision = precision
        self._batch = batch

    @cached_property
    def values(self) -> dict[str, tuple[float, float]]:
        """The loss and its reference at several inputs; empty without a reference.

        The names are those of the points: `here`, `moved`, `afresh`, `double` (every
        sample twice), `fewer` (without the last sample), `row 0`, `row 1`, ...
        """
        if self.loss is None:
            return {}
        count = self._subject.argument_count  # the reference has parameters of its own
        points = {"here": self._subject.point}
        for name, moved in (
            ("moved", self._points.jittered(0.3, 1)),
            ("afresh", self._points.jittered(1.0, 2)),
        ):
            points[name] = [*moved[:count], *self._subject.point[count:]]
        if self._batch.size > 1:
            points["double"] = self._batch.repeated()
            points["fewer"] = self._batch.rows([*range(self._batch.size - 1)])
            for i in range(min(self._batch.size, 6)):
                points[f"row {i}"] = self._batch.rows([i])
        found = {}
        for name, point in points.items():
            own, trusted = self._subject.run(point), self.run(point)
            if own.error is None and trusted.error is None:
                found[name] = (own.total, trusted.total)
        return found

    @cached_property
    def differs(self) -> bool:
        """Whether the value is not the reference's, at the inputs given or near."""
        return any(
            not self.same(*self.values[name])
            for name in ("here", "moved", "afresh")
            if name in self.values
        )

    def same(self, own: float, trusted: float) -> bool:
        """Whether two values agree as well as two implementations do."""
        if math.isnan(own) or math.isnan(trusted):
            return math.isnan(own) and math.isnan(trusted)
        if math.isinf(own) or math.isinf(trusted):
            return own == trusted
        relative = max(1e-5, 1e3 * self._precision.noise)
        return abs(own - trusted) <= relative * max(abs(own), abs(trusted)) + 1e-7

    @cached_property
    def ratio(self) -> float:
        """The factor between loss and reference; NaN if it varies with the values."""
        pairs = [
            self.values[n] for n in ("here", "moved", "afresh") if n in self.values
        ]
        if len(pairs) < 2 or any(not b or not math.isfinite(a / b) for a, b in pairs):
            return math.nan
        ratios = [a / b for a, b in pairs]
        if max(ratios) - min(ratios) > 1e-4 * abs(ratios[0]):
            return math.nan
        return ratios[0]

    @cached_property
    def factor(self) -> float:
        """The factor between loss and reference for any prediction; NaN if none is.

        Weights, masks and labels stay as given: with others it may be another factor.
        """
        ratios = []
        for amount, seed in ((0.0, 0), (0.3, 1), (1.0, 2), (1.0, 3)):
            moved = self._points.jittered(amount, seed)
            point = [
                value if argument.differentiable and not argument.parameter else given
                for argument, value, given in zip(
                    self._subject.arguments, moved, self._subject.point, strict=True
                )
            ]
            own, trusted = self._subject.run(point).total, self.run(point).total
            if not trusted or not math.isfinite(own / trusted):
                return math.nan
            ratios.append(own / trusted)
        if max(ratios) - min(ratios) > 1e-4 * abs(ratios[0]):
            return math.nan
        return ratios[0]

    def run(self, point: Point | None = None) -> Run:
        """The trusted loss on the same inputs.

        Its parameters stand for those of the loss where they have the same names and
        the same values.
        """
        run = self._subject.run(point, loss=self.loss)
        count = self._subject.argument_count
        own = self._subject.arguments[count:]
        held: dict[str, Tensor] = {}
        for module in modules_of(run.call):
            held.update(module.named_parameters())
        paired = [held[x.name] for x in own if x.name in held]
        if (
            len(run.tensors) == count
            and len(paired) == len(own)
            and all(
                parameter.shape == argument.value.shape
                and torch.equal(parameter.detach(), argument.value.to(parameter.dtype))
                for argument, parameter in zip(own, paired, strict=True)
            )
        ):
            run.tensors += paired
        return run

    def moves(self, values: dict[Argument, Tensor]) -> bool | None:
        """Whether other values change the reference; None if it does not take them."""
        here, there = self.run(), self.run(self._subject.with_values(values))
        if not here.finite or not there.finite:
            return None
        size = max(abs(here.total), abs(there.total))
        return abs(here.total - there.total) > 1e-9 * size + 1e-12

    @cached_property
    def calls(self) -> list[Call]:
        """The calls of torch that the trusted loss makes; empty without one."""
        trace = Trace(self._subject.budget)
        if self.loss is not None:
            with trace:
                self._subject.run(dtype=self._subject.native, loss=self.loss)
        return trace.calls

    def gradient_apart(
        self, point: Point | None = None
    ) -> tuple[Argument, Tensor, Tensor] | None:
        """An input or a parameter whose gradient is not the trusted one.

        Args:
            point: where to look; the values must agree there.

        Returns:
            It, its gradient and the trusted gradient; None if all agree, or if the
            values do not.
        """
        if self.loss is None:
            return None
        own, trusted = self._subject.run(point), self.run(point)
        if not own.finite or not trusted.finite:
            return None
        if not self.same(own.total, trusted.total):
            return None
        ours, theirs = self._subject.backward(own), self._subject.backward(trusted)
        if ours.error is not None or theirs.error is not None:
            return None
        for argument, a, b in zip(
            self._subject.inputs, ours.values, theirs.values, strict=False
        ):
            if a is None and b is not None:
                a = torch.zeros_like(b)
            elif b is None and a is not None:
                b = torch.zeros_like(a)
            if a is None or b is None or a.shape != b.shape or not a.numel():
                continue
            size = max(a.abs().max().item(), b.abs().max().item())
            if size > 0 and (a - b).abs().max().item() > 1e-3 * size:
                return argument, a, b
        return None

    @cached_property
    def same_gradients(self) -> bool:
        """Whether the gradients at the inputs given are the trusted ones."""
        return self.gradient_apart() is None
