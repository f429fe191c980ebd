"""The loss against a trusted one."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.points import Points
from ownloss.checker.measures.precision import Precision
from ownloss.checker.runs import Run
from ownloss.checker.subject import Point, Subject


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

    def run(self, point: Point | None = None) -> Run:
        """The trusted loss on the same inputs."""
        return self._subject.run(point, loss=self.loss)
