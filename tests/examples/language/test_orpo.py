"""ORPO against NumPy."""

import numpy as np
import pytest
import torch

import ownloss


def inputs(count):
    torch.manual_seed(0)
    pair = -4 * torch.rand(count, 7, dtype=torch.float64)
    return [x.requires_grad_() for x in pair]


@pytest.mark.parametrize("beta", [0.1, 1.0, 0.0])
def test_value_and_gradient_are_numpys(example, beta):
    chosen, rejected = inputs(2)
    p, q = (np.exp(x.detach().numpy()) for x in (chosen, rejected))
    ratio = (p / (1 - p)) / (q / (1 - q))
    loss = example.orpo(chosen, rejected, beta)
    expected = np.mean(-np.log(p) - beta * np.log(ratio / (1 + ratio)))
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    ours = torch.autograd.grad(-1.7 * loss, (chosen, rejected))
    weight = beta / (1 + ratio)
    expected = -1 - weight / (1 - p), weight / (1 - q)
    for gradient, right in zip(ours, expected, strict=True):
        np.testing.assert_allclose(gradient.numpy(), -1.7 * right / 7, atol=1e-9)


def test_far_tails_are_finite(example):
    chosen = torch.tensor([-1e4, -1e-30, -1.0, 0.0], requires_grad=True)
    rejected = torch.tensor([-1.0, -1e4, -1e-30, 0.0], requires_grad=True)
    loss = example.orpo(chosen, rejected)
    gradients = torch.autograd.grad(loss, (chosen, rejected))
    assert loss.isfinite() and all(g.isfinite().all() for g in gradients)


def test_it_is_smooth_has_vmap_and_an_empty_batch(example):
    assert torch.autograd.gradgradcheck(example.orpo, inputs(2))
    mean = torch.vmap(example.orpo)(*inputs(2)).mean()
    torch.testing.assert_close(mean, example.orpo(*inputs(2)))
    assert example.orpo(torch.ones(0), torch.ones(0)) == 0


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.orpo, *inputs(2))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    with pytest.raises(ValueError, match=r"same shape, got \(3, 4\) and \(4,\)"):
        example.orpo(torch.ones(3, 4), torch.ones(4))
