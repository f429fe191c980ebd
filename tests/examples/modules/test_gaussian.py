"""The Gaussian against SciPy's normal density, a loop, and numbers worked by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm


def data(n=4, k=3, d=2):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(n, d, generator=generator, dtype=torch.float64)
    centers = torch.randn(k, d, generator=generator, dtype=torch.float64)
    return points, centers, torch.linspace(0.5, 2, k, dtype=torch.float64)


def test_height_is_that_of_the_normal_density_over_its_peak(example):
    points, centers, sigma = data()
    heights = example.gaussian(points, centers, sigma)
    assert heights.shape == (4, 3)
    for n, k in np.ndindex(4, 3):
        density = norm.pdf(points[n], centers[k], sigma[k])
        expected = (density / norm.pdf(0, 0, sigma[k])).prod()
        assert heights[n, k].item() == pytest.approx(expected, rel=1e-12)


def test_sigma_divides(example):
    point, origin = torch.tensor([[1.0, 1.0]]), torch.zeros(1, 2)
    sigma = torch.tensor(2.0, requires_grad=True)
    value = example.gaussian(point, origin, sigma).squeeze()
    value.backward()
    assert value.item() == pytest.approx(math.exp(-2 / 8))
    assert sigma.grad.item() == pytest.approx(2 / 2**3 * math.exp(-2 / 8))


def test_one_sigma_for_all_is_the_same_sigma_for_each(example):
    points, centers, _ = data()
    for_each = torch.full((3,), 1.5, dtype=torch.float64)
    expected = example.gaussian(points, centers, for_each)
    for sigma in (1.5, torch.tensor(1.5, dtype=torch.float64)):
        assert torch.equal(example.gaussian(points, centers, sigma), expected)


@pytest.mark.parametrize("log", [False, True])
def test_first_and_second_derivatives_are_right_in_every_input(example, log):
    inputs = (*(x.requires_grad_() for x in data()), log)
    assert torch.autograd.gradcheck(example.gaussian, inputs)
    assert torch.autograd.gradgradcheck(example.gaussian, inputs)


def test_gradient_takes_the_upstream_of_each_pair(example):
    points, centers, sigma = data()
    points.requires_grad_()
    upstream = torch.linspace(-2, 3, 12, dtype=torch.float64).reshape(4, 3)
    example.gaussian(points, centers, sigma, log=True).backward(upstream)
    expected = np.zeros((4, 2))
    for n, k in np.ndindex(4, 3):
        pull = (centers[k] - points[n].detach()) / sigma[k] ** 2
        expected[n] += (upstream[n, k] * pull).numpy()
    np.testing.assert_allclose(points.grad.numpy(), expected, rtol=1e-12)


def test_far_away_only_the_logarithm_has_a_gradient(example):
    far, origin = torch.tensor([[1e4, 0.0]], requires_grad=True), torch.zeros(1, 2)
    value = example.gaussian(far, origin, 2.0)
    (gradient,) = torch.autograd.grad(value, far)
    assert value.item() == 0
    assert gradient.tolist() == [[0, 0]]
    logarithm = example.gaussian(far, origin, 2.0, log=True)
    (gradient,) = torch.autograd.grad(logarithm, far)
    assert gradient.tolist() == [[-2500, 0]]


def test_at_its_centre_the_gradient_is_zero(example):
    point = torch.ones(1, 2, requires_grad=True)
    value = example.gaussian(point, torch.ones(1, 2), 2.0)
    value.backward()
    assert value.item() == 1
    assert point.grad.tolist() == [[0, 0]]


def test_module_learns_its_centers_and_widths(example):
    points, centers, sigma = data()
    module = example.Gaussian(centers, sigma)
    expected = example.gaussian(points, centers, sigma)
    torch.testing.assert_close(module(points), expected)
    module(points).sum().backward()
    assert dict(module.named_parameters()).keys() == {"centers", "log_sigma"}
    assert all(p.grad.abs().min() > 0 for p in module.parameters())
    assert list(module.state_dict()) == ["centers", "log_sigma"]


def test_vmap_of_grad_gives_the_gradient_for_each_sigma(example):
    points, centers, _ = data(n=1, k=1)
    sigmas = torch.tensor([0.5, 2.0], dtype=torch.float64)

    def value(sigma):
        return example.gaussian(points, centers, sigma).sum()

    gradient = torch.vmap(torch.func.grad(value))(sigmas)
    squared_distance = (points - centers).square().sum()
    expected = squared_distance / sigmas**3 * (-squared_distance / 2 / sigmas**2).exp()
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_that_of_the_points(example, dtype):
    points, centers = torch.zeros(2, 1, dtype=dtype), torch.ones(3, 1, dtype=dtype)
    assert example.gaussian(points, centers, 1).dtype == dtype


def test_no_points_give_no_heights(example):
    assert example.gaussian(torch.zeros(0, 2), torch.zeros(3, 2), 1.0).shape == (0, 3)


@pytest.mark.parametrize(
    ("points", "centers", "sigma", "message"),
    [
        ((4, 2), (3, 1), 1.0, r"\(4, 2\) and \(3, 1\)"),
        ((4, 2), (2,), 1.0, r"\(4, 2\) and \(2,\)"),
        ((4,), (3, 1), 1.0, r"\(4,\) and \(3, 1\)"),
        ((4, 2), (3, 2), torch.ones(3, 1), r"\(3,\).* got \(3, 1\)"),
        ((4, 2), (3, 2), torch.ones(4), r"\(3,\).* got \(4,\)"),
        ((4, 2), (3, 2), 0.0, r"positive, got 0\.0"),
        ((4, 2), (3, 2), -1, "positive, got -1"),
    ],
)
def test_what_does_not_fit_is_refused(example, points, centers, sigma, message):
    with pytest.raises(ValueError, match=message):
        example.gaussian(torch.zeros(points), torch.zeros(centers), sigma)
