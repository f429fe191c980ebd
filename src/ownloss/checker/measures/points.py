"""Other inputs, made of the ones given."""

from collections.abc import Iterator

from ownloss.checker.copies import cast
from ownloss.checker.domains import jittered, scaled
from ownloss.checker.subject import Point, Subject

OTHERS = 4


class Points:
    """Points at which a loss can be tried.

    None is made where the budget would not allow to try it: that may cost as much.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def jittered(self, amount: float, seed: int = 0) -> Point:
        """The point given, every real input moved at random inside its domain."""
        self._subject.budget.require()
        moved = []
        for index, argument in enumerate(self._subject.arguments):
            value = argument.value
            if argument.floating:
                value = cast(value, self._subject.dtype)
                noise = self._subject.random_like(value, 100 * seed + index)
                value = jittered(value, argument.domain, amount, noise, argument.size)
            moved.append(value)
        return moved

    def scaled(self, factor: float, point: Point | None = None) -> Point:
        """A point whose differentiable arguments are `factor` times as extreme."""
        self._subject.budget.require()
        return [
            scaled(cast(value, self._subject.dtype), argument.domain, factor)
            if argument.differentiable and not argument.parameter
            else value
            for argument, value in zip(
                self._subject.arguments, point or self._subject.point, strict=True
            )
        ]

    def others(self) -> Iterator[tuple[str, Point]]:
        """Points at which a mistake may show that does not show at the one given.

        There are `OTHERS` of them; each is made when it is asked for.
        """
        yield "at inputs moved a little", self.jittered(0.3, 1)
        yield "at inputs drawn afresh", self.jittered(1.0, 2)
        yield "at inputs five times as large", self.scaled(5.0)
        yield "at inputs a tenth as large", self.scaled(0.1)
