"""The sliced Wasserstein distance against an assignment by SciPy."""

import pytest
import torch
from scipy.optimize import linear_sum_assignment

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    first, second = torch.randn(2, 6, 3, dtype=torch.float64)
    projections = torch.randn(4, 3, dtype=torch.float64)
    return first.requires_grad_(), second.requires_grad_(), projections


def test_value_and_gradients_are_those_of_the_best_assignments(example, inputs):
    total = 0
    for direction in inputs[2]:
        unit = direction / (direction @ direction).sqrt()
        x, y = (cloud @ unit for cloud in inputs[:2])
        cost = (x[:, None] - y) ** 2
        total = total + cost[linear_sum_assignment(cost.detach().numpy())].sum()
    expected = total / 24
    loss = example.sliced_wasserstein(*inputs)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-9)
    pair = [torch.autograd.grad(-1.7 * x, inputs[:2]) for x in (loss, expected)]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-9)


def test_order_and_lengths_of_directions_do_not_matter(example, inputs):
    first, second, lines = inputs
    loss = example.sliced_wasserstein(first.flip(0), second, -7 * lines)
    torch.testing.assert_close(loss, example.sliced_wasserstein(*inputs))
    empty = torch.ones(0, 3)
    assert example.sliced_wasserstein(empty, empty, torch.eye(3)) == 0
    shifted = example.sliced_wasserstein(first, first + 2, torch.ones(1, 3).double())
    assert shifted.item() == pytest.approx(12)


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.sliced_wasserstein, *inputs)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    a, b = torch.ones(4, 3), torch.ones(5, 3)
    for wrong in ((a, b, a), (a, a, b[:, :2]), (a[0], a[0], a), (a, a, a[0])):
        with pytest.raises(ValueError, match="must have the shapes") as error:
            example.sliced_wasserstein(*wrong)
        assert all(str(tuple(x.shape)) in str(error.value) for x in wrong)
