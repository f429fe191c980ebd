"""The Voigt profile against an integral, SciPy's own, and mpmath's derivatives."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import voigt_profile, wofz

WIDTHS = [(1.0, 0.5), (0.3, 2.0), (2.0, 0.01)]
POSITIONS = [-40.0, -3.0, -0.4, 0.0, 0.4, 1.0, 7.0]


def double(value):
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def exact(x, sigma, gamma):
    z = mpmath.mpc(x, gamma) / (sigma * mpmath.sqrt(2))
    w = mpmath.exp(-(z**2)) * mpmath.erfc(-1j * z)
    return w.real / (sigma * mpmath.sqrt(2 * mpmath.pi))


@pytest.mark.parametrize(("sigma", "gamma"), WIDTHS)
def test_value_is_the_gaussian_convolved_with_the_lorentzian(example, sigma, gamma):
    for x, value in zip(
        POSITIONS, example.voigt(double(POSITIONS), sigma, gamma).tolist(), strict=True
    ):

        def product(t, x=x):
            gaussian = np.exp(-(t**2) / 2 / sigma**2) / sigma / np.sqrt(2 * np.pi)
            return gaussian * gamma / np.pi / ((x - t) ** 2 + gamma**2)

        places = sorted({0.0, np.clip(x, -10 * sigma, 10 * sigma)})
        integral, _ = quad(product, -10 * sigma, 10 * sigma, points=places, limit=200)
        assert value == pytest.approx(integral, rel=1e-8)


@pytest.mark.parametrize(("sigma", "gamma"), WIDTHS)
def test_value_is_scipys(example, sigma, gamma):
    ours = example.voigt(double(POSITIONS), sigma, gamma)
    theirs = voigt_profile(POSITIONS, sigma, gamma)
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=1e-12)


@pytest.mark.parametrize(("sigma", "gamma"), WIDTHS)
def test_gradient_in_every_argument_is_mpmaths_times_the_upstream(
    example, sigma, gamma
):
    inputs = double(POSITIONS), *map(double, ([sigma] * 7, [gamma] * 7))
    upstream = torch.linspace(-2, 3, 7, dtype=torch.float64)
    gradients = torch.autograd.grad(example.voigt(*inputs), inputs, upstream)
    with mpmath.workdps(40):
        for argument, gradient in enumerate(gradients):
            order = tuple(int(argument == n) for n in range(3))
            expected = [
                float(mpmath.diff(exact, (x, sigma, gamma), order)) * u
                for x, u in zip(POSITIONS, upstream.tolist(), strict=True)
            ]
            np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-16)


def test_a_width_for_all_gets_the_sum_of_the_gradients(example):
    sigma, gamma = double(0.7), double(0.4)
    x = double(POSITIONS).detach()
    gradients = torch.autograd.grad(
        example.voigt(x, sigma, gamma).sum(), (sigma, gamma)
    )
    each = [
        torch.full_like(x, width.item()).requires_grad_() for width in (sigma, gamma)
    ]
    expected = torch.autograd.grad(example.voigt(x, *each).sum(), each)
    torch.testing.assert_close(gradients, tuple(g.sum() for g in expected))


def test_gradcheck_and_gradgradcheck_pass_in_every_argument(example):
    inputs = double([[-3.0, 0.0], [0.5, 9.0]]), double(0.7), double(0.4)
    assert torch.autograd.gradcheck(example.voigt, inputs)
    assert torch.autograd.gradgradcheck(example.voigt, inputs)


def test_without_gamma_it_is_the_gaussian_and_its_gradient(example):
    x = double([-2.0, 0.0, 1.0])
    profile = example.voigt(x, 2.0, 0.0)
    profile.sum().backward()
    expected = np.exp(-np.array([4.0, 0.0, 1.0]) / 8) / 2 / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(profile.detach(), expected, rtol=1e-12)
    slope = expected * -np.array([-2.0, 0.0, 1.0]) / 4
    np.testing.assert_allclose(x.grad, slope, rtol=1e-12, atol=1e-16)


def test_float32_loses_no_more_than_its_own_digits(example):
    x = torch.tensor([0.5, 30.0, 1000.0], requires_grad=True)
    profile = example.voigt(x, 0.5, 0.2)
    profile.sum().backward()
    assert profile.dtype == x.grad.dtype == torch.float32
    precise = double([0.5, 30.0, 1000.0])
    (slope,) = torch.autograd.grad(example.voigt(precise, 0.5, 0.2).sum(), precise)
    torch.testing.assert_close(x.grad, slope.float(), rtol=1e-5, atol=0)


def test_vmap_and_grad_compose(example):
    x, sigma = double([-1.0, 0.0, 2.0]).detach(), double([0.5, 1.0, 2.0]).detach()
    transform = torch.vmap(torch.func.grad(example.voigt, (0, 1)), (0, 0, None))
    ours = transform(x, sigma, torch.tensor(0.3).double())
    inputs = x.requires_grad_(), sigma.requires_grad_(), 0.3
    theirs = torch.autograd.grad(example.voigt(*inputs).sum(), inputs[:2])
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def test_vmap_follows_the_batch_wherever_it_stands(example):
    z = torch.complex(torch.linspace(-2, 2, 6), torch.ones(6)).reshape(2, 3)
    for place in (0, 1):
        ours = torch.vmap(example.Faddeeva.apply, place, place)(z)
        torch.testing.assert_close(ours, torch.from_numpy(wofz(z.numpy())))


def test_any_shape_and_memory_will_do(example):
    x = torch.linspace(-2, 2, 6, dtype=torch.float64).reshape(2, 3).T
    expected = voigt_profile(x.numpy(), 1.0, 0.5)
    np.testing.assert_allclose(example.voigt(x, 1.0, 0.5), expected)
    assert example.voigt(x[0, 0], 1.0, 0.5).shape == ()
    assert example.voigt(x[:0], 1.0, 0.5).shape == (0, 2)


def test_whole_numbers_as_positions_give_no_whole_numbers(example):
    value = example.voigt(torch.tensor([1]), 1.0, 0.0)
    assert value.item() == pytest.approx(0.2419707)


@pytest.mark.parametrize(
    ("sigma", "gamma", "message"),
    [
        (torch.ones(3, 1), 0.5, r"\(3,\), got \(3, 1\)"),
        (1.0, torch.ones(2), r"\(3,\), got \(2,\)"),
        (0.0, 0.5, r"sigma must be positive, got 0\.0"),
        (1, -1, "gamma must not be negative, got -1"),
    ],
)
def test_widths_that_make_no_sense_are_refused(example, sigma, gamma, message):
    with pytest.raises(ValueError, match=message):
        example.voigt(torch.zeros(3), sigma, gamma)


@pytest.mark.parametrize("shape", [(), (1,), (5,)])
def test_widths_of_one_element_are_one_number(example, shape):
    x = torch.linspace(0, 1, 5, dtype=torch.float64)[: math.prod(shape)].reshape(shape)
    sigma, gamma = (torch.tensor([w], requires_grad=True) for w in (0.8, 0.3))
    profile = example.voigt(x, sigma, gamma)
    torch.testing.assert_close(profile, example.voigt(x, 0.8, 0.3), rtol=1e-6, atol=0)
    profile.sum().backward()
    assert sigma.grad.shape == gamma.grad.shape == (1,)
