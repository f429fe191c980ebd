"""Whether a call can be repeated."""

import math
from functools import cached_property

from ownloss.checker.measures.precision import Precision
from ownloss.checker.subject import Subject


class Determinism:
    """How two calls with the same inputs compare."""

    def __init__(self, subject: Subject, precision: Precision) -> None:
        self._subject = subject
        self._precision = precision

    @cached_property
    def reproducible(self) -> bool:
        """Whether a fixed seed gives the same value again."""
        a, b = self._subject.run(), self._subject.run()
        if a.error is not None or (math.isnan(a.total) and math.isnan(b.total)):
            return True
        return a.total == b.total or self._precision.close(a.total, b.total)

    @cached_property
    def random(self) -> bool:
        """Whether the loss draws random numbers: it differs without a fixed seed."""
        if self._subject.base.error is not None:
            return False
        drawn = [self._subject.run(seeded=False).total for _ in range(2)]
        return any(
            a != b and not self._precision.close(a, b)
            for a, b in ((drawn[0], drawn[1]),)
        ) and not all(map(math.isnan, drawn))

    @cached_property
    def steady(self) -> bool:
        """Whether the same inputs give the same value in every call."""
        return self.reproducible and not self.random
