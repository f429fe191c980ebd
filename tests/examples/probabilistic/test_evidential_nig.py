"""Evidential regression against SciPy's Student t and the integral that defines it."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import ownloss


def case(dtype=torch.float64):
    gamma = torch.linspace(-3, 3, 6, dtype=dtype)
    nu = torch.logspace(-1, 1, 6, dtype=dtype)
    alpha = torch.linspace(4, 1.1, 6, dtype=dtype)
    beta = torch.logspace(0.5, -0.5, 6, dtype=dtype)
    target = torch.tensor([1.0, -1.5, 0.2, 0.4, 2.0, 9.0], dtype=dtype)
    return tuple(x.clone().requires_grad_() for x in (gamma, nu, alpha, beta, target))


def by_scipy(gamma, nu, alpha, beta, target, lambda_):
    """The mean of the Student t's likelihood and the penalty."""
    scale = np.sqrt(beta * (1 + nu) / (nu * alpha))
    nll = -stats.t.logpdf(target, 2 * alpha, gamma, scale)
    return np.mean(nll + lambda_ * np.abs(target - gamma) * (2 * nu + alpha))


@pytest.mark.parametrize("lambda_", [0.0, 0.1, 2.0])
def test_value_and_gradients_are_those_of_the_t(example, lambda_):
    inputs = case()
    numbers = [x.detach().numpy() for x in inputs]
    loss = example.evidential_nig(*inputs, lambda_)
    assert loss.item() == pytest.approx(by_scipy(*numbers, lambda_), abs=1e-12)

    gradients = torch.autograd.grad(loss, inputs, torch.tensor(2.5).double())
    step = 1e-6
    for k, gradient in enumerate(gradients):
        for i in range(6):
            ends = []
            for sign in (1, -1):
                moved = [x.copy() for x in numbers]
                moved[k][i] += sign * step
                ends.append(by_scipy(*moved, lambda_))
            slope = 2.5 * (ends[0] - ends[1]) / (2 * step)
            assert gradient[i].item() == pytest.approx(slope, abs=1e-7)


def test_a_tenth_is_the_weight_of_the_penalty(example):
    assert example.evidential_nig(*case()) == example.evidential_nig(*case(), 0.1)


def test_the_likelihood_is_the_integral_over_mean_and_variance(example):
    gamma, nu, alpha, beta, y = 0.5, 2.0, 3.0, 1.5, 1.2

    def density(variance):  # the mean is integrated out: a normal of wider variance
        normal = stats.norm.pdf(y, gamma, np.sqrt(variance * (1 + 1 / nu)))
        return normal * stats.invgamma.pdf(variance, alpha, scale=beta)

    likelihood, _ = integrate.quad(density, 0, np.inf)
    inputs = [
        torch.tensor([v], dtype=torch.float64) for v in (gamma, nu, alpha, beta, y)
    ]
    loss = example.evidential_nig(*inputs, lambda_=0)
    assert loss.item() == pytest.approx(-np.log(likelihood), abs=1e-8)


def test_much_evidence_loses_no_digits_in_float32(example):
    values = (0.0, 1e4, 1e4, 1e4, 0.5)
    single = example.evidential_nig(*(torch.tensor([v]) for v in values), lambda_=0)
    double = example.evidential_nig(
        *(torch.tensor([v]).double() for v in values), lambda_=0
    )
    assert single.item() == pytest.approx(double.item(), abs=0.02)


def test_second_derivatives_and_vmap(example):
    assert torch.autograd.gradgradcheck(example.evidential_nig, case())
    rows = [x.detach()[:, None] for x in case()]
    each = torch.vmap(example.evidential_nig)(*rows)
    assert each.mean().item() == pytest.approx(example.evidential_nig(*case()).item())


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.evidential_nig, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    with pytest.raises(ValueError, match=r"same shape, got .*\(4, 1\)"):
        example.evidential_nig(*torch.ones(4, 4), torch.ones(4, 1))
