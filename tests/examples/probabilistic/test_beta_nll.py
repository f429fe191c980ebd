"""Beta-NLL against torch's likelihood and the paper's gradients."""

import re

import numpy as np
import pytest
import torch
from torch.nn.functional import gaussian_nll_loss


def sample(dtype=torch.float64):
    mean = torch.linspace(-3, 3, 24, dtype=dtype).reshape(4, 6)
    target = torch.linspace(2, -1, 24, dtype=dtype).reshape(6, 4).T
    var = torch.logspace(-3, 3, 24, dtype=dtype).reshape(4, 6)
    return tuple(x.clone().requires_grad_() for x in (mean, target, var))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 1.0])
def test_value_and_gradients_are_the_papers(example, reduction, beta):
    inputs = sample()
    m, y, v = (x.detach().numpy() for x in inputs)
    value = v**beta * (np.log(v) + (m - y) ** 2 / v) / 2
    pull = (m - y) / v ** (1 - beta)
    in_var = (v - (m - y) ** 2) / (2 * v ** (2 - beta))
    if reduction != "none":
        value = getattr(value, reduction)()
    weight = 1 / 24 if reduction == "mean" else 1

    loss = example.beta_nll(*inputs, beta, reduction)
    torch.testing.assert_close(loss.detach(), torch.as_tensor(value))
    upstream = torch.linspace(1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    expected = [upstream * weight * torch.as_tensor(g) for g in (pull, -pull, in_var)]
    gradients = torch.autograd.grad(loss, inputs, upstream)
    torch.testing.assert_close(list(gradients), expected)


def test_at_zero_it_is_torchs_likelihood(example):
    inputs = sample()
    torch.testing.assert_close(
        example.beta_nll(*inputs, beta=0.0), gaussian_nll_loss(*inputs)
    )


def test_at_one_the_means_gradient_is_that_of_squared_error(example):
    mean, target, var = sample()
    (pull,) = torch.autograd.grad(example.beta_nll(mean, target, var, 1.0, "sum"), mean)
    torch.testing.assert_close(pull, (mean - target).detach())


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_the_variance_is_at_rest_at_the_squared_residual(example, beta):
    var = torch.tensor([9.0], requires_grad=True)
    inputs = torch.tensor([5.0]), torch.tensor([2.0]), var
    example.beta_nll(*inputs, beta).backward()
    assert var.grad.item() == 0


def test_float32_stays_float32(example):
    loss = example.beta_nll(*sample(torch.float32))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(
        loss.double(), example.beta_nll(*sample()), rtol=1e-5, atol=0
    )


def test_vmap_gives_every_sample_its_own_gradient(example):
    mean, target, var = (x.detach() for x in sample())
    per_sample = torch.func.vmap(torch.func.grad(example.beta_nll))(mean, target, var)
    torch.testing.assert_close(per_sample, (mean - target) / var.sqrt() / 6)


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_shapes_that_would_broadcast_are_refused(example, odd):
    shapes = [(4,), (4,), (4,)]
    shapes[odd] = (4, 1)
    message = "the same shape, got {}, {} and {}".format(*shapes)
    with pytest.raises(ValueError, match=re.escape(message)):
        example.beta_nll(*map(torch.ones, shapes))


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.beta_nll(*torch.ones(3, 2), reduction="avg")
