"""Slopes against derivatives worked by hand."""

import math

import pytest

from ownloss.checker.numeric import slope


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (math.exp, 1.0),
        (lambda s: (2 + s) ** 3, 12.0),
        (lambda s: 1e6 + 3 * s, 3.0),
        (lambda s: math.sin(50 * s), 50.0),
        (lambda s: 7.0, 0.0),
    ],
)
def test_smooth_functions_are_differentiated(function, derivative):
    found = slope(function, function(0.0), 1e-3)
    assert found.reliable and not found.kinked
    assert abs(found.value - derivative) <= max(found.error, 1e-8)


def test_a_kink_admits_what_lies_between_its_slopes():
    found = slope(abs, 0.0, 1e-3)
    assert found.kinked
    assert (found.left, found.right) == pytest.approx((-1.0, 1.0))
    assert found.admits(0.0, 1e-6) and found.admits(1.0, 1e-6)
    assert not found.admits(1.1, 1e-6)


def test_a_kink_near_by_is_stepped_over():
    found = slope(lambda s: abs(s - 3e-4), 3e-4, 1e-3)
    assert found.reliable and found.value == pytest.approx(-1.0)


def test_a_jump_is_not_reliable():
    assert not slope(lambda s: float(s > 0), 0.0, 1e-3).reliable


def test_what_cannot_be_computed_is_unknown():
    assert math.isnan(slope(lambda s: math.nan, 1.0, 1e-3).value)
