"""The energy distance against SciPy and a loop over pairs."""

import numpy as np
import pytest
import torch
from scipy.stats import energy_distance

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    pair = torch.randn(4, 3, dtype=torch.float64), torch.randn(5, 3).double() + 0.5
    return [x.requires_grad_() for x in pair]


def test_value_and_gradients_are_those_of_a_loop(example, inputs):
    first, second = inputs

    def mean(xs, ys):
        pairs = [((x - y) @ (x - y)).sqrt() for x in xs for y in ys if x is not y]
        return sum(pairs) / (len(xs) * len(ys))

    xs, ys = list(first), list(second)
    expected = 2 * mean(xs, ys) - mean(xs, xs) - mean(ys, ys)
    loss = example.energy_distance(*inputs)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-9)
    pair = [torch.autograd.grad(-1.7 * x, inputs) for x in (loss, expected)]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-9)


def test_of_numbers_it_is_the_square_of_scipys(example, inputs):
    first, second = (x.detach()[:, :1] for x in inputs)
    expected = energy_distance(first[:, 0].numpy(), second[:, 0].numpy()) ** 2
    loss = example.energy_distance(first, second)
    assert loss.item() == pytest.approx(expected, abs=1e-9)


def test_a_sample_against_itself_is_0(example, inputs):
    cloud = inputs[0].detach()
    same = cloud.clone().requires_grad_()
    loss = example.energy_distance(same, cloud)
    assert abs(loss.item()) < 1e-12
    assert torch.autograd.grad(loss, same)[0].abs().max() < 1e-12
    far = example.energy_distance(cloud.float(), cloud.float() + 1e4)
    assert np.isfinite(far.item())


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.energy_distance, *inputs)
    assert report.ran and report.ok, report


@pytest.mark.parametrize("shapes", [((3, 2), (3, 1)), ((0, 2), (3, 2)), ((2,), (3, 2))])
def test_what_does_not_fit_is_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.energy_distance(*map(torch.ones, shapes))
    assert "got {} and {}".format(*shapes) in str(error.value)
