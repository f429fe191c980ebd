"""The Gaussian likelihood against torch's loss and SciPy's density."""

import re

import pytest
import torch
from scipy import stats
from torch.nn.functional import gaussian_nll_loss


def sample(dtype=torch.float64):
    mean = torch.linspace(-3, 3, 24, dtype=dtype).reshape(4, 6)
    target = torch.linspace(2, -1, 24, dtype=dtype).reshape(6, 4).T
    var = torch.logspace(-3, 3, 24, dtype=dtype).reshape(4, 6)
    return tuple(x.clone().requires_grad_() for x in (mean, target, var))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("full", [True, False])
def test_value_and_gradients_are_torchs(example, reduction, full):
    mean, target, var = inputs = sample()
    ours = example.gaussian_nll(mean, target, var, full, reduction)
    theirs = gaussian_nll_loss(mean, target, var, full, reduction=reduction)
    torch.testing.assert_close(ours, theirs)

    upstream = torch.linspace(1, 3, ours.numel(), dtype=torch.float64)
    upstream = upstream.reshape(ours.shape)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream),
    )


def test_value_is_the_logarithm_of_the_density(example):
    mean, target, var = (x.detach() for x in sample())
    expected = -stats.norm.logpdf(target, mean, var.sqrt())
    loss = example.gaussian_nll(mean, target, var, reduction="none")
    torch.testing.assert_close(loss, torch.as_tensor(expected))


def test_float32_stays_float32(example):
    loss = example.gaussian_nll(*sample(torch.float32))
    fine = example.gaussian_nll(*sample(torch.float64))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), fine, rtol=1e-5, atol=0)


def test_the_variance_is_at_rest_at_the_squared_residual(example):
    var = torch.tensor([9.0], requires_grad=True)
    example.gaussian_nll(torch.tensor([5.0]), torch.tensor([2.0]), var).backward()
    assert var.grad.item() == 0


def test_gradient_of_a_perfect_prediction_shrinks_the_variance_alone(example):
    mean = torch.ones(2, requires_grad=True)
    var = torch.tensor([0.5, 2.0], requires_grad=True)
    example.gaussian_nll(mean, torch.ones(2), var, reduction="sum").backward()
    assert mean.grad.tolist() == [0.0, 0.0]
    assert var.grad.tolist() == [1.0, 0.25]


def test_second_derivatives_are_right(example):
    inputs = tuple(x.detach()[:, 3].requires_grad_() for x in sample())
    assert torch.autograd.gradgradcheck(example.gaussian_nll, inputs)


def test_vmap_gives_every_sample_its_own_gradient(example):
    mean, target, var = (x.detach() for x in sample())
    gradient = torch.func.vmap(torch.func.grad(example.gaussian_nll))
    per_sample = gradient(mean, target, var)
    torch.testing.assert_close(per_sample, (mean - target) / var / 6)


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_shapes_that_would_broadcast_are_refused(example, odd):
    shapes = [(4,), (4,), (4,)]
    shapes[odd] = (4, 1)
    message = "the same shape, got {}, {} and {}".format(*shapes)
    with pytest.raises(ValueError, match=re.escape(message)):
        example.gaussian_nll(*map(torch.ones, shapes))


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.gaussian_nll(*torch.ones(3, 2), reduction="avg")
