"""SimPO against NumPy."""

import numpy as np
import pytest
import torch

import ownloss


def inputs(count):
    torch.manual_seed(0)
    pair = -4 * torch.rand(count, 7, dtype=torch.float64)
    return [x.requires_grad_() for x in pair]


@pytest.mark.parametrize(("beta", "gamma"), [(2.0, 0.5), (10.0, 5.0), (0.5, 0.0)])
def test_value_and_gradient_are_numpys(example, beta, gamma):
    chosen, rejected = inputs(2)
    c, r = (x.detach().numpy() for x in (chosen, rejected))
    loss = example.simpo(chosen, rejected, beta, gamma)
    assert loss.item() == pytest.approx(
        np.log(1 + np.exp(gamma - beta * (c - r))).mean(), abs=1e-9
    )
    p = 1 - np.exp(beta * c) / (np.exp(beta * c) + np.exp(beta * r + gamma))
    gradients = torch.autograd.grad(-1.7 * loss, (chosen, rejected))
    for gradient, sign in zip(gradients, (-1, 1), strict=True):
        expected = -1.7 * sign * beta * p / 7
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=0, atol=1e-9)


def test_far_tails_are_finite(example):
    chosen = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = example.simpo(chosen, torch.zeros(2))
    assert loss.item() == 10_000.25  # half of 2 * 1e4 + 0.5
    assert torch.autograd.grad(loss, chosen)[0].tolist() == [0, -1]


def test_it_is_smooth_has_vmap_and_an_empty_batch(example):
    assert torch.autograd.gradgradcheck(example.simpo, inputs(2))
    torch.testing.assert_close(
        torch.vmap(example.simpo)(*inputs(2)).mean(), example.simpo(*inputs(2))
    )
    assert example.simpo(torch.ones(0), torch.ones(0)) == 0


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.simpo, *inputs(2))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    with pytest.raises(ValueError, match=r"same shape, got \(3, 4\) and \(4,\)"):
        example.simpo(torch.ones(3, 4), torch.ones(4))
