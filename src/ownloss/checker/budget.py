"""How much a check may cost, and what was left out because of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """The time that a check has, and what it has not looked at to keep to it.

    Attributes:
        deadline: when it should come to an end, on the clock of `time.monotonic`.
        cost: the seconds that the last call of the loss took.
        skipped: what was not looked at.
    """

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.cost = 0.0
        self.skipped: list[str] = []

    @contextmanager
    def call(self) -> Iterator[None]:
        """Measure one call of the loss."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.cost = time.perf_counter() - start

    @property
    def time_left(self) -> float:
        """Seconds until the check should come to an end."""
        return self.deadline - time.monotonic()

    def affords(self, calls: int, share: float = 0.25) -> bool:
        """Whether so many calls fit into a share of the time that is left."""
        return calls * self.cost < share * self.time_left

    def skip(self, what: str) -> None:
        """Note that something is not looked at."""
        if what not in self.skipped:
            self.skipped.append(what)
