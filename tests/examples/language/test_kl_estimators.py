"""The estimates of the KL divergence against NumPy and against the exact divergence."""

import numpy as np
import pytest
import torch

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    pair = torch.randn(2, 3, 5, dtype=torch.float64).log_softmax(-1)
    return tuple(x.requires_grad_() for x in pair)


def test_values_and_gradients_are_numpys(example, inputs):
    p, q = (np.exp(x.detach().numpy()) for x in inputs)
    ratio = q / p
    values = np.log(p / q), np.log(ratio) ** 2 / 2, (ratio - 1) - np.log(ratio)
    slopes = np.ones_like(p), np.log(p / q), 1 - ratio
    estimates = example.kl_estimators(*inputs)
    assert isinstance(estimates, tuple) and len(estimates) == 3
    upstream = torch.linspace(-1, 2, 15, dtype=torch.float64).reshape(3, 5)
    for estimate, value, slope in zip(estimates, values, slopes, strict=True):
        np.testing.assert_allclose(estimate.detach().numpy(), value, atol=1e-9)
        ours = torch.autograd.grad(estimate, inputs, upstream, retain_graph=True)
        for gradient, sign in zip(ours, (1, -1), strict=True):
            expected = sign * upstream.numpy() * slope
            np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-9)


def test_k1_and_k3_are_unbiased_and_k2_has_the_gradient(example):
    logits = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64, requires_grad=True)
    log_p = logits.log_softmax(0)
    log_q = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log()
    k1, k2, k3 = example.kl_estimators(log_p, log_q)
    kl = (log_p.exp() * (log_p - log_q)).sum()
    p = log_p.exp().detach()
    torch.testing.assert_close((p * k1).sum(), kl)
    torch.testing.assert_close((p * k3).sum(), kl)
    ours, right = (
        torch.autograd.grad(x, logits, retain_graph=True) for x in ((p * k2).sum(), kl)
    )
    torch.testing.assert_close(ours, right)


def test_near_0_no_digit_is_lost(example):
    _, k2, k3 = example.kl_estimators(torch.tensor(1e-4), torch.tensor(0.0))
    assert k3.item() == pytest.approx(5e-9, rel=1e-3)
    assert k3.item() == pytest.approx(k2.item(), rel=1e-3)


def test_they_are_smooth_and_have_vmap(example, inputs):
    assert torch.autograd.gradgradcheck(example.kl_estimators, inputs)
    rows = torch.vmap(example.kl_estimators)(*inputs)
    torch.testing.assert_close(rows, example.kl_estimators(*inputs))


def test_the_checker_finds_no_error(example, inputs):
    for index in range(3):
        report = ownloss.check(
            lambda p, q, i=index: example.kl_estimators(p, q)[i].mean(), *inputs
        )
        assert report.ran and report.ok, report


def test_shapes_that_do_not_fit_are_refused(example):
    with pytest.raises(ValueError, match=r"same shape, got \(3, 4\) and \(4,\)"):
        example.kl_estimators(torch.ones(3, 4), torch.ones(4))
