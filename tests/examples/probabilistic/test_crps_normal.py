"""The score of a normal distribution against its integral and its textbook form."""

import re

import numpy as np
import pytest
import torch
from scipy import integrate, stats


def sample(dtype=torch.float64):
    mean = torch.linspace(-3, 3, 24, dtype=dtype).reshape(4, 6)
    target = torch.linspace(2, -1, 24, dtype=dtype).reshape(6, 4).T
    scale = torch.logspace(-2, 2, 24, dtype=dtype).reshape(4, 6)
    return tuple(x.clone().requires_grad_() for x in (mean, target, scale))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradients_are_the_textbooks(example, reduction):
    inputs = sample()
    m, y, s = (x.detach().numpy() for x in inputs)
    z = (y - m) / s
    spread = 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    value = s * (z * (2 * stats.norm.cdf(z) - 1) + spread)
    pull = 1 - 2 * stats.norm.cdf(z)
    if reduction != "none":
        value = getattr(value, reduction)()
    weight = 1 / 24 if reduction == "mean" else 1

    loss = example.crps_normal(*inputs, reduction)
    torch.testing.assert_close(loss.detach(), torch.as_tensor(value))
    upstream = torch.linspace(1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    expected = [upstream * weight * torch.as_tensor(g) for g in (pull, -pull, spread)]
    gradients = torch.autograd.grad(loss, inputs, upstream)
    torch.testing.assert_close(list(gradients), expected)


@pytest.mark.parametrize("at", [(0.0, 0.0, 1.0), (1.0, -2.0, 0.5), (0.0, 3.0, 2.0)])
def test_it_is_the_integral_of_the_definition(example, at):
    mean, target, scale = at
    normal = stats.norm(mean, scale)
    below = integrate.quad(lambda t: normal.cdf(t) ** 2, -30, target)[0]
    above = integrate.quad(lambda t: normal.sf(t) ** 2, target, 30)[0]
    loss = example.crps_normal(*torch.tensor(at, dtype=torch.float64))
    assert loss.item() == pytest.approx(below + above, abs=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_bounded_and_exact_far_off(example, dtype):
    mean = torch.tensor([-1e4, 1e4, 1e4], dtype=dtype, requires_grad=True)
    scale = torch.tensor([1.0, 1e-3, 1e-12], dtype=dtype, requires_grad=True)
    loss = example.crps_normal(mean, torch.zeros(3, dtype=dtype), scale, "sum")
    assert loss.dtype == dtype
    loss.backward()
    assert mean.grad.tolist() == [-1.0, 1.0, 1.0]
    expected = torch.full((3,), -1 / np.sqrt(np.pi), dtype=dtype)
    torch.testing.assert_close(scale.grad, expected)


def test_a_perfect_prediction_narrows_the_scale_alone(example):
    mean = torch.ones(3, requires_grad=True)
    scale = torch.full((3,), 0.5, requires_grad=True)
    example.crps_normal(mean, torch.ones(3), scale, "sum").backward()
    assert mean.grad.tolist() == [0.0, 0.0, 0.0]
    torch.testing.assert_close(scale.grad, torch.full((3,), 0.2337), atol=1e-4, rtol=0)


def test_true_mean_and_scale_have_the_least_score(example):
    normal = stats.norm(1.0, 2.0)
    y = torch.as_tensor(normal.ppf((np.arange(4000) + 0.5) / 4000))
    scores = {
        (m, s): example.crps_normal(torch.full_like(y, m), y, torch.full_like(y, s))
        for m in (0.9, 1.0, 1.1)
        for s in (1.9, 2.0, 2.1)
    }
    assert min(scores, key=scores.get) == (1.0, 2.0)


def test_second_derivatives_are_right(example):
    inputs = tuple(x.detach()[:, 3].requires_grad_() for x in sample())
    assert torch.autograd.gradgradcheck(example.crps_normal, inputs)


def test_vmap_gives_every_sample_its_own_gradient(example):
    mean, target, scale = (x.detach() for x in sample())
    gradient = torch.func.vmap(torch.func.grad(example.crps_normal))
    z = (target - mean) / scale
    expected = (1 - 2 * torch.special.ndtr(z)) / 6
    torch.testing.assert_close(gradient(mean, target, scale), expected)


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_shapes_that_would_broadcast_are_refused(example, odd):
    shapes = [(4,), (4,), (4,)]
    shapes[odd] = (4, 1)
    message = "the same shape, got {}, {} and {}".format(*shapes)
    with pytest.raises(ValueError, match=re.escape(message)):
        example.crps_normal(*map(torch.ones, shapes))


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.crps_normal(*torch.ones(3, 2), reduction="avg")
