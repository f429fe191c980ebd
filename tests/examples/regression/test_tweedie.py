"""Tweedie's loss against powers of the mean, and the deviances that it is known by."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import xlogy

import ownloss

POWERS = [-1.0, 0.0, 1.0, 1.2, 1.5, 2.0, 3.0]


def case(dtype=torch.float64):
    prediction = torch.linspace(-2, 3, 24, dtype=dtype).reshape(4, 6)
    target = torch.linspace(0, 9, 24, dtype=dtype).reshape(6, 4).T
    return prediction.clone().requires_grad_(), target


def deviance(y, mu, power):
    """Half the unit deviance, as textbooks give it."""
    if power == 1:
        return xlogy(y, y / mu) - y + mu
    if power == 2:
        return np.log(mu / y) + y / mu - 1
    return (
        np.power(np.maximum(y, 0), 2 - power) / ((1 - power) * (2 - power))
        - y * np.power(mu, 1 - power) / (1 - power)
        + np.power(mu, 2 - power) / (2 - power)
    )


@pytest.mark.parametrize("power", POWERS)
def test_differences_are_those_of_the_deviance(example, power):
    prediction, target = case()
    if power >= 2:
        target = target + 0.1
    mu, t = np.exp(prediction.detach().numpy()), target.numpy()
    loss = example.tweedie(prediction, target, power, "none").detach().numpy()
    one = example.tweedie(torch.zeros_like(target), target, power, "none").numpy()
    expected = deviance(t, mu, power) - deviance(t, np.ones_like(mu), power)
    np.testing.assert_allclose(loss - one, expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, power, reduction):
    prediction, target = case()
    mu, t = np.exp(prediction.detach().numpy()), target.numpy()
    first = np.log(mu) if power == 1 else mu ** (1 - power) / (1 - power)
    second = np.log(mu) if power == 2 else mu ** (2 - power) / (2 - power)
    value = second - t * first
    if reduction != "none":
        value = getattr(value, reduction)()
    loss = example.tweedie(prediction, target, power, reduction)
    np.testing.assert_allclose(loss.detach(), value, rtol=1e-11, atol=1e-10)

    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, prediction, upstream)
    weight = 1 / 24 if reduction == "mean" else 1
    slope = mu ** (1 - power) * (mu - t)
    np.testing.assert_allclose(gradient, upstream.numpy() * weight * slope, rtol=1e-10)


def test_the_ends_are_poisson_and_gamma(example):
    prediction, _ = case()
    counts = torch.arange(24).reshape(4, 6).double() % 7
    mu = np.exp(prediction.detach().numpy())
    nll = -stats.poisson.logpmf(counts, mu) + stats.poisson.logpmf(counts, 1.0)
    loss = example.tweedie(prediction, counts, 1, "none") - 1
    np.testing.assert_allclose(loss.detach(), nll, atol=1e-9)
    theirs = torch.nn.functional.poisson_nll_loss(prediction, counts)
    torch.testing.assert_close(example.tweedie(prediction, counts, 1.0), theirs)


def test_second_derivatives_and_vmap(example):
    prediction, target = case()
    assert torch.autograd.gradgradcheck(example.tweedie, (prediction, target))
    rows = prediction.detach(), target
    each = torch.vmap(example.tweedie)(*rows)
    expected = [example.tweedie(*row) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


@pytest.mark.parametrize("power", [1.0, 1.5])
def test_the_checker_finds_no_error(example, power):
    report = ownloss.check(example.tweedie, *case(), power=power)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    with pytest.raises(ValueError, match=r"same shape, got \(4, 1\) and \(4,\)"):
        example.tweedie(torch.zeros(4, 1), torch.ones(4))
    with pytest.raises(ValueError, match=r"between 0 and 1, got 0\.5"):
        example.tweedie(torch.zeros(4), torch.ones(4), power=0.5)
    with pytest.raises(ValueError, match="got 'avg'"):
        example.tweedie(torch.zeros(4), torch.ones(4), reduction="avg")
