"""The MMD against a loop over pairs."""

import numpy as np
import pytest
import torch

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    pair = torch.randn(4, 3, dtype=torch.float64), torch.randn(5, 3).double() + 0.5
    return [x.requires_grad_() for x in pair]


@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_value_and_gradients_are_those_of_a_loop(example, inputs, sigma):
    first, second = inputs

    def mean(xs, ys):
        pairs = [(-((x - y) @ (x - y)) / (2 * sigma**2)).exp() for x in xs for y in ys]
        return sum(pairs) / len(pairs)

    square = mean(first, first) - 2 * mean(first, second) + mean(second, second)
    for given in (
        sigma,
        torch.tensor(sigma),
        torch.tensor([sigma], dtype=torch.float64),
    ):
        loss = example.mmd_rbf(first, second, given)
        assert loss.ndim == 0
        exact = not isinstance(given, torch.Tensor) or given.dtype == torch.float64
        atol = 1e-9 if exact else 1e-6
        torch.testing.assert_close(loss, square / 2, rtol=0, atol=atol)
        pair = [
            torch.autograd.grad(-0.85 * x, inputs, retain_graph=True)
            for x in (2 * loss, square)
        ]
        torch.testing.assert_close(*pair, rtol=0, atol=atol)


def test_it_is_smooth_also_where_vectors_are_equal(example, inputs):
    def loss(x, y):
        return example.mmd_rbf(x, y, 1.0)

    assert torch.autograd.gradgradcheck(loss, inputs)
    for sigma in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match=f"sigma must be .* got {sigma}"):
            example.mmd_rbf(*inputs, sigma)
    with pytest.raises(ValueError, match=r"sigma must have the shape .* got \(2,\)"):
        example.mmd_rbf(*inputs, torch.ones(2))


def test_a_sample_against_itself_is_0(example, inputs):
    cloud = inputs[0].detach()
    same = cloud.clone().requires_grad_()
    loss = example.mmd_rbf(same, cloud, 1.0)
    assert abs(loss.item()) < 1e-12
    assert torch.autograd.grad(loss, same)[0].abs().max() < 1e-12
    far = example.mmd_rbf(cloud.float(), cloud.float() + 1e4, 1.0)
    assert np.isfinite(far.item())


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.mmd_rbf, *inputs, 1.5)
    assert report.ran and report.ok, report


@pytest.mark.parametrize("shapes", [((3, 2), (3, 1)), ((0, 2), (3, 2)), ((2,), (3, 2))])
def test_what_does_not_fit_is_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.mmd_rbf(*map(torch.ones, shapes), 1.0)
    assert "got {} and {}".format(*shapes) in str(error.value)
