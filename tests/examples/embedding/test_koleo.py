"""KoLeo against SciPy's nearest neighbours, and autograd through a loop."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

import ownloss


def case(n=7, d=3):
    rows = torch.linspace(-2, 30, n * d, dtype=torch.float64).sin().reshape(n, d)
    return (rows * 3).requires_grad_()


def by_loop(rows):
    unit = [row / (row @ row).sqrt() for row in rows]
    total = 0
    for i, row in enumerate(unit):
        squares = [((row - other) ** 2).sum() for k, other in enumerate(unit) if k != i]
        total = total - torch.log(min(squares)) / 2
    return total / len(unit)


@pytest.mark.parametrize("shape", [(7, 3), (2, 2), (20, 5)])
def test_value_and_gradient_are_those_of_nearest_neighbours(example, shape):
    rows = case(*shape)
    loss = example.koleo(rows)
    array = rows.detach().numpy()
    array = array / np.linalg.norm(array, axis=1, keepdims=True)
    distance = KDTree(array).query(array, k=2)[0][:, 1]
    assert loss.item() == pytest.approx(-np.log(distance).mean(), rel=1e-10)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    (ours,) = torch.autograd.grad(loss, rows, upstream)
    (theirs,) = torch.autograd.grad(by_loop(rows), rows, upstream)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_fewer_than_two_rows_have_no_neighbour(example):
    for n in (0, 1):
        rows = torch.rand(n, 2, requires_grad=True)
        loss = example.koleo(rows)
        loss.backward()
        assert loss == 0
        assert not rows.grad.any()


def test_equal_rows_are_finite(example):
    rows = torch.ones(3, 4, requires_grad=True)
    loss = example.koleo(rows)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-8))
    assert not rows.grad.any()
    zeros = torch.zeros(2, 2, requires_grad=True)
    loss = example.koleo(zeros)
    loss.backward()
    assert loss.isfinite() and zeros.grad.isfinite().all()


def test_a_small_distance_is_exact_in_float32(example):
    # From cosines it would be lost: 1 - 5e-9 is 1 in float32.
    rows = torch.tensor([[1.0, 0.0], [1.0, 1e-4]])
    assert example.koleo(rows).item() == pytest.approx(math.log(1e4), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(example, dtype):
    rows = case(40, 4).detach().to(dtype)
    loss = example.koleo(rows)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(example.koleo(rows.double()).item(), rel=1e-2)


def test_higher_derivatives_vmap_and_the_checker(example):
    rows = case()
    assert torch.autograd.gradgradcheck(example.koleo, (rows,))
    stack = torch.stack([rows, 2 * rows.roll(1, 1)]).detach()
    each = torch.vmap(example.koleo)(stack)
    torch.testing.assert_close(each, torch.stack([example.koleo(one) for one in stack]))
    report = ownloss.check(example.koleo, case(5, 3))
    assert report.ran and report.ok, report


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_what_does_not_fit_is_refused(example, shape):
    with pytest.raises(ValueError) as error:
        example.koleo(torch.zeros(shape))
    assert f"(N, D), got {shape}" in str(error.value)
