"""A special point, at which a mistake may show."""

from dataclasses import dataclass

from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.observation import Observation
from ownloss.checker.subject import Point

# The longest list of probes of the corpus has about 30.
PROBES = 60


@dataclass(eq=False)
class Probe:
    """A special point.

    Attributes:
        when: completes "the gradient is NaN ...": "if a prediction equals its target".
        point: the inputs.
        boundary: whether the point lies on the edge of what the loss is defined for:
            an infinite loss may be right for a probability of exactly 0, and labels
            that did not occur may not exist.
        guess: whether such inputs may never occur; then it is a warning at most.
        bold: whether only a trusted loss can tell if such inputs make sense.
    """

    when: str
    point: Point
    boundary: bool = False
    guess: bool = False
    bold: bool = False


def put(seen: Observation, argument: Argument, value: Tensor) -> Point:
    """The inputs with one of them replaced, if there is time for them."""
    seen.budget.require()
    return seen.with_values({argument: value})
