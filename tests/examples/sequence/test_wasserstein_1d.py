"""The Wasserstein distance in one dimension against SciPy."""

import pytest
import torch
from scipy.stats import wasserstein_distance

import ownloss


def inputs(n, m):
    torch.manual_seed(n + m)
    pair = torch.randn(n, dtype=torch.float64), torch.randn(m, dtype=torch.float64) + 1
    return [x.requires_grad_() for x in pair]


@pytest.mark.parametrize("sizes", [(1, 1), (7, 7), (5, 8), (12, 4), (1, 6)])
def test_value_is_scipys_and_gradient_that_of_differences(example, sizes):
    pair = inputs(*sizes)
    loss = example.wasserstein_1d(*pair)
    arrays = [x.detach().numpy() for x in pair]
    assert loss.item() == pytest.approx(wasserstein_distance(*arrays), abs=1e-9)
    gradients = torch.autograd.grad(-1.7 * loss, pair)
    for which, gradient in enumerate(gradients):
        for i in range(len(gradient)):
            values = []
            for step in (1e-6, -1e-6):
                moved = [x.copy() for x in arrays]
                moved[which][i] += step
                values.append(-1.7 * wasserstein_distance(*moved))
            slope = (values[0] - values[1]) / 2e-6
            assert gradient[i].item() == pytest.approx(slope, abs=1e-6)


def test_equal_numbers_and_other_dtypes(example):
    ties = torch.ones(4, dtype=torch.float16, requires_grad=True)
    loss = example.wasserstein_1d(ties, torch.ones(4, dtype=torch.float16))
    assert loss.dtype == torch.float16 and loss.item() == 0
    assert torch.autograd.grad(loss, ties)[0].tolist() == [0] * 4
    assert example.wasserstein_1d(torch.ones(2).half(), torch.zeros(3).half()) == 1


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.wasserstein_1d, *inputs(6, 6))
    assert report.ran and report.ok, report


@pytest.mark.parametrize("shapes", [((3, 1), (3,)), ((0,), (3,)), ((), (1,))])
def test_what_does_not_fit_is_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.wasserstein_1d(*map(torch.ones, shapes))
    assert "got {} and {}".format(*shapes) in str(error.value)
