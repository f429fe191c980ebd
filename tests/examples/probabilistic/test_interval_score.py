"""The interval score against its definition in NumPy and against quantiles."""

import numpy as np
import pytest
import torch

import ownloss


def case():
    lower = torch.linspace(-3, 1, 24, dtype=torch.float64).reshape(4, 6)
    upper = lower + torch.linspace(0.1, 4, 24, dtype=torch.float64).reshape(6, 4).T
    target = torch.linspace(-4, 5, 24, dtype=torch.float64).sin().mul(3).reshape(4, 6)
    return tuple(x.clone().requires_grad_() for x in (lower, upper, target))


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradients(example, alpha, reduction):
    inputs = case()
    low, up, y = (x.detach().numpy() for x in inputs)
    value = up - low
    value = np.where(y < low, value + 2 / alpha * (low - y), value)
    value = np.where(y > up, value + 2 / alpha * (y - up), value)
    below, above = (y < low) * 2 / alpha, (y > up) * 2 / alpha
    assert below.any() and above.any() and (below + above == 0).any()
    if reduction != "none":
        value = getattr(value, reduction)()
    loss = example.interval_score(*inputs, alpha, reduction)
    np.testing.assert_allclose(loss.detach(), value, rtol=0, atol=1e-12)

    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    gradients = torch.autograd.grad(loss, inputs, upstream)
    weight = upstream.numpy() / (24 if reduction == "mean" else 1)
    expected = (-1 + below, 1 - above, above - below)
    for gradient, slope in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, weight * slope, rtol=0, atol=1e-11)


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_the_quantiles_have_the_least_score(example, alpha):
    y = torch.distributions.Exponential(1.0).icdf((torch.arange(999) + 0.5) / 999)
    y = y.double()
    ends = torch.quantile(y, torch.tensor([alpha / 2, 1 - alpha / 2]).double())

    def score(lower, upper):
        return example.interval_score(
            *(e.expand(999) for e in (lower, upper)), y, alpha
        )

    best = score(*ends)
    for shift in (-0.05, 0.05):
        assert score(ends[0] + shift, ends[1]) > best
        assert score(ends[0], ends[1] + shift) > best


def test_a_crossed_interval_is_never_cheap(example):
    lower, upper = torch.meshgrid(*2 * [torch.linspace(-2, 2, 9)], indexing="ij")
    for y in (-3.0, -0.3, 0.0, 2.5):
        score = example.interval_score(
            lower, upper, torch.full_like(lower, y), 0.9, "none"
        )
        assert (score >= (upper - lower).abs() - 1e-6).all()


def test_vmap_is_a_loop(example):
    rows = [x.detach() for x in case()]
    each = torch.vmap(lambda *row: example.interval_score(*row, 0.1))(*rows)
    expected = [example.interval_score(*row, 0.1) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.interval_score, *case(), alpha=0.2)
    assert report.ran and report.ok, report


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_shapes_that_would_broadcast_are_refused(example, odd):
    shapes = [(4,), (4,), (4,)]
    shapes[odd] = (4, 1)
    with pytest.raises(ValueError) as error:
        example.interval_score(*map(torch.ones, shapes), 0.1)
    assert "same shape, got {}, {} and {}".format(*shapes) in str(error.value)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 90, float("nan")])
def test_an_alpha_that_is_no_share_is_refused(example, alpha):
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        example.interval_score(*torch.ones(3, 4), alpha)
