"""The gamma loss against SciPy's likelihood, in which only the mean varies."""

import numpy as np
import pytest
import torch
from scipy import stats

import ownloss


def case(dtype=torch.float64):
    prediction = torch.linspace(-3, 3, 24, dtype=dtype).reshape(4, 6)
    target = torch.logspace(-2, 2, 24, dtype=dtype).reshape(6, 4).T
    return prediction.clone().requires_grad_(), target


@pytest.mark.parametrize("shape", [1.0, 3.5])
def test_it_is_the_likelihood_up_to_a_constant_and_the_shape(example, shape):
    prediction, target = case()
    mu, t = np.exp(prediction.detach().numpy()), target.numpy()
    nll = -stats.gamma.logpdf(t, shape, scale=mu / shape) / shape
    at_target = -stats.gamma.logpdf(t, shape, scale=t / shape) / shape
    loss = example.gamma_nll(prediction, target, "none").detach().numpy()
    np.testing.assert_allclose(loss - 1 - np.log(t), nll - at_target, atol=1e-10)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, reduction):
    prediction, target = case()
    mu, t = np.exp(prediction.detach().numpy()), target.numpy()
    value, slope = np.log(mu) + t / mu, 1 - t / mu
    if reduction != "none":
        value = getattr(value, reduction)()
    loss = example.gamma_nll(prediction, target, reduction)
    torch.testing.assert_close(
        loss.detach(), torch.as_tensor(value), rtol=0, atol=1e-10
    )
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, prediction, upstream)
    weight = 1 / 24 if reduction == "mean" else 1
    expected = upstream * weight * torch.as_tensor(slope)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-10)


def test_the_unit_of_the_target_moves_the_loss_by_a_constant(example):
    prediction, target = case()
    there = example.gamma_nll(prediction + np.log(1000), 1000 * target)
    here = example.gamma_nll(prediction, target)
    torch.testing.assert_close(there, here + np.log(1000))


def test_second_derivatives_and_vmap(example):
    prediction, target = case()
    assert torch.autograd.gradgradcheck(example.gamma_nll, (prediction, target))
    gradient = torch.vmap(torch.func.grad(example.gamma_nll))
    expected = (1 - target * torch.exp(-prediction.detach())) / 6
    torch.testing.assert_close(gradient(prediction.detach(), target), expected)


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.gamma_nll, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    with pytest.raises(ValueError, match=r"same shape, got \(4, 1\) and \(4,\)"):
        example.gamma_nll(torch.zeros(4, 1), torch.ones(4))
    with pytest.raises(ValueError, match="got 'avg'"):
        example.gamma_nll(torch.zeros(4), torch.ones(4), "avg")
