"""Barlow Twins against NumPy's correlation of columns, entry by entry."""

import numpy as np
import pytest
import torch

import ownloss


def case(n=6, d=4):
    first = torch.linspace(-2, 30, n * d, dtype=torch.float64).sin().reshape(n, d)
    second = torch.linspace(-1, 40, n * d, dtype=torch.float64).cos().reshape(n, d)
    return (3 * first).requires_grad_(), (second + 2 * first.detach()).requires_grad_()


def by_numpy(first, second, lambda_):
    total, d = 0.0, first.shape[1]
    for i in range(d):
        for j in range(d):
            c = np.corrcoef(first[:, i], second[:, j])[0, 1]
            total += (1 - c) ** 2 if i == j else lambda_ * c**2
    return total


def by_loop(first, second, lambda_):
    total = 0
    for i, x in enumerate((first - first.mean(0)).unbind(1)):
        for j, y in enumerate((second - second.mean(0)).unbind(1)):
            c = x @ y / ((x @ x) * (y @ y)).sqrt()
            total = total + ((1 - c) ** 2 if i == j else lambda_ * c**2)
    return total


@pytest.mark.parametrize("lambda_", [5e-3, 0.0, 2.0])
@pytest.mark.parametrize("shape", [(6, 4), (3, 5), (7, 1)])
def test_value_and_gradient_are_those_of_correlations(example, lambda_, shape):
    first, second = case(*shape)
    loss = example.barlow_twins(first, second, lambda_)
    arrays = first.detach().numpy(), second.detach().numpy()
    assert loss.item() == pytest.approx(by_numpy(*arrays, lambda_), rel=1e-10)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    ours = torch.autograd.grad(loss, (first, second), upstream)
    expected = by_loop(first, second, lambda_)
    theirs = torch.autograd.grad(expected, (first, second), upstream)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_lambda_is_5e_3(example):
    expected = example.barlow_twins(*case(), 5e-3)
    assert example.barlow_twins(*case()) == expected


def test_a_constant_component_costs_1_and_is_finite(example):
    first, second = case(5, 3)
    dead = first.detach().clone()
    dead[:, 1] = 7
    dead.requires_grad_()
    loss = example.barlow_twins(dead, second, 0.0)
    kept = example.barlow_twins(dead[:, [0, 2]], second[:, [0, 2]], 0.0)
    assert loss.item() == pytest.approx(1 + kept.item())
    for gradient in torch.autograd.grad(loss, (dead, second)):
        assert gradient.isfinite().all()


def test_a_single_row(example):
    first, second = case(1, 3)
    loss = example.barlow_twins(first, second)
    loss.backward()
    assert loss.item() == 3
    assert not first.grad.any()


def test_half_precision(example):
    torch.manual_seed(0)
    first = torch.randn(4096, 4)
    second = first + torch.randn(4096, 4)
    half = example.barlow_twins(first.half(), second.half())
    full = example.barlow_twins(first, second)
    assert half.item() == pytest.approx(full.item(), rel=2e-2)


def test_higher_derivatives_vmap_and_the_checker(example):
    first, second = case()
    assert torch.autograd.gradgradcheck(example.barlow_twins, (first, second))
    stack = torch.stack([first, 2 * first.roll(1, 0)]).detach()
    each = torch.vmap(example.barlow_twins, (0, None))(stack, second)
    expected = torch.stack([example.barlow_twins(one, second) for one in stack])
    torch.testing.assert_close(each, expected)
    report = ownloss.check(example.barlow_twins, *case(5, 3))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    first = torch.zeros(6, 4)
    for other in [(4,), (1, 4), (6, 1), (6, 3)]:
        with pytest.raises(ValueError) as error:
            example.barlow_twins(first, torch.zeros(other))
        assert f"must have the same shape (N, D), got (6, 4) and {other}" in str(
            error.value
        )
    with pytest.raises(ValueError, match=r"lambda_ must be .* got -1\.0"):
        example.barlow_twins(first, first, -1.0)
