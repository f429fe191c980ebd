"""How much a check may cost.

What is looked at depends on calls that are counted, never on the clock: a check gives
the same report on a slow machine and on a fast one. The clock only ends it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

# The longest check of the corpus makes about 1,200 calls.
MOST_CALLS = 5_000
# So many seconds more may a call take to come to its end.
GRACE = 1.0


class OutOfBudgetError(BaseException):
    """Raised in place of a call that the budget does not allow.

    No `except Exception` around a call of the loss may swallow it.
    """


class Budget:
    """The calls and the seconds that a check has.

    Attributes:
        calls: how many calls of the loss were made.
        over: whether a call was refused.
    """

    def __init__(self, seconds: float, calls: int = MOST_CALLS) -> None:
        self.calls = 0
        self.over = False
        self._start = time.monotonic()
        self._most_calls = calls
        self._deadline = self._start + seconds
        self._costs: dict[str, float] = {}
        self._since = self._start, 0

    @property
    def elapsed(self) -> float:
        """The seconds since the check began."""
        return time.monotonic() - self._start

    @property
    def cost(self) -> float:
        """The seconds that a call takes on average, with all that is done for it."""
        start, calls = self._since
        return (time.monotonic() - start) / max(self.calls - calls, 1)

    def begin_another(self) -> None:
        """Forget what calls cost: those to come are at other inputs."""
        self._costs.clear()
        self._since = time.monotonic(), self.calls

    @property
    def calls_left(self) -> int:
        """How many calls, each with its backward, can still be made."""
        counted = self._most_calls - self.calls
        seconds = self._deadline + GRACE - time.monotonic()
        cost = max(sum(self._costs.values()), 1e-9)
        return max(0, int(min(counted, seconds / cost)))

    @contextmanager
    def call(self, *, always: bool = False) -> Iterator[None]:
        """Count and time one call of the loss.

        Args:
            always: whether it is made whatever is left.

        Raises:
            OutOfBudgetError: it is not allowed.
        """
        if self.calls >= self._most_calls and not always:
            self._refuse()
        with self._timed("call", always):
            self.calls += 1
            yield

    def require(self) -> None:
        """Raise where a call would be refused now.

        Raises:
            OutOfBudgetError: it would be.
        """
        if self.calls >= self._most_calls or self._too_late("call"):
            self._refuse()

    def require_time(self) -> None:
        """Raise in the middle of a run where the time is over.

        Raises:
            OutOfBudgetError: it is.
        """
        if time.monotonic() > self._deadline + GRACE:
            self._refuse()

    @contextmanager
    def backward(self) -> Iterator[None]:
        """Time one backward."""
        with self._timed("backward"):
            yield

    @contextmanager
    def _timed(self, what: str, always: bool = False) -> Iterator[None]:
        if self._too_late(what) and not always:
            self._refuse()
        start = time.monotonic()
        try:
            yield
        finally:
            # A slow first call says little of the next, and is forgotten step by step.
            now, before = time.monotonic() - start, self._costs.get(what, 0.0)
            self._costs[what] = max(now, before / 2)

    def _too_late(self, what: str) -> bool:
        """Whether a call or a backward could not come to its end in time.

        What has begun cannot be interrupted; the first one is made in any case.
        """
        if what not in self._costs:
            return False
        now = time.monotonic()
        ends = now + self._costs[what]
        return now > self._deadline or ends > self._deadline + GRACE

    def _refuse(self) -> NoReturn:
        self.over = True
        raise OutOfBudgetError
