"""Numeric derivatives along a line, with an estimate of their own error."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Slope:
    """The derivative at 0 of a function of one number.

    Attributes:
        value: the central derivative.
        error: an estimate of the error of `value`.
        left: the slope just below 0.
        right: the slope just above 0; it differs from `left` at a kink.
        reliable: whether two step sizes agree.
    """

    value: float
    error: float
    left: float
    right: float
    reliable: bool

    @property
    def kinked(self) -> bool:
        """Whether the slopes on the two sides differ."""
        size = max(abs(self.left), abs(self.right))
        return abs(self.left - self.right) > 1e-3 * size + 20 * self.error

    def admits(self, analytic: float, tolerance: float) -> bool:
        """Whether a derivative is right: equal, or between the slopes of the two sides.

        Where only the curvature jumps, as on the bound of a Huber loss, the slopes of
        the sides are more exact than the central one; where nothing jumps, they are
        nearly equal, and let nothing else pass.
        """
        margin = tolerance + 10 * self.error
        low, high = sorted((self.left, self.right))
        between = low - margin <= analytic <= high + margin
        return between or abs(analytic - self.value) <= margin

    def confirms(self, analytic: float, tolerance: float) -> bool:
        """Whether a derivative is surely right: the central one, at any step size."""
        return self.reliable and abs(analytic - self.value) <= tolerance + self.error


UNKNOWN = Slope(math.nan, math.inf, math.nan, math.nan, reliable=False)


def slope(
    function: Callable[[float], float],
    at_zero: float,
    step: float,
    noise: float = 2.3e-16,
    *,
    coarse: bool = False,
) -> Slope:
    """Differentiate `function` at 0.

    Central differences at a step and its half are extrapolated to step 0
    (Richardson); their disagreement is the error. Where they disagree, the step is
    made smaller, until rounding takes over: a kink or a jump near by is stepped over.

    Args:
        function: a function of one number; NaN where it cannot be computed.
        at_zero: its value at 0.
        step: the first step to try.
        noise: the relative rounding error of its values.
        coarse: be content with two calls of it; where it is not smooth, the slope may
            be another.

    Returns:
        The slope with the smallest error among the steps tried.

    >>> round(slope(math.exp, 1.0, 1e-3).value, 9)
    1.0
    """
    best = UNKNOWN
    for _ in range(4):
        above, below = function(step), function(-step)
        rounding = 4 * noise * max(abs(at_zero), abs(above), abs(below)) / step
        if coarse:
            return _coarse(at_zero, above, below, step, rounding)
        half_above, half_below = function(step / 2), function(-step / 2)
        wide = (above - below) / (2 * step)
        narrow = (half_above - half_below) / step
        value = (4 * narrow - wide) / 3
        right = (4 * half_above - above - 3 * at_zero) / step
        left = (3 * at_zero + below - 4 * half_below) / step
        error = abs(narrow - wide) / 3 + rounding
        if math.isfinite(value) and error < best.error:
            size = abs(value) + abs(left) + abs(right)
            settled = abs(narrow - wide) <= 1e-4 * size + 10 * rounding
            # For a smooth function extrapolation gains two orders.
            if settled:
                error = abs(narrow - wide) * 1e-2 + rounding
            best = Slope(value, error, left, right, settled)
            if settled:
                return best
        step /= 12
    return best


def _coarse(
    at_zero: float, above: float, below: float, step: float, rounding: float
) -> Slope:
    """The slope of a smooth function by one pair of values."""
    left, right = (at_zero - below) / step, (above - at_zero) / step
    value = (left + right) / 2
    # The step is small: the curvature changes by less than a thousandth in it.
    error = 1e-3 * abs(right - left) + rounding
    return Slope(value, error, left, right, math.isfinite(value))
