"""The total variation against a loop over neighbours."""

import numpy as np
import pytest
import torch

import ownloss


def case(dtype=torch.float64):
    image = torch.arange(48, dtype=dtype).mul(1.7).sin().reshape(2, 2, 3, 4)
    return image.requires_grad_()


def by_neighbours(image):
    values, slopes = np.zeros(len(image)), np.zeros(image.shape)
    for n, c, i, j in np.ndindex(image.shape):
        for k, m in ((i + 1, j), (i, j + 1)):
            if k < image.shape[2] and m < image.shape[3]:
                difference = image[n, c, k, m] - image[n, c, i, j]
                values[n] += abs(difference)
                slopes[n, c, k, m] += np.sign(difference)
                slopes[n, c, i, j] -= np.sign(difference)
    return values, slopes


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, reduction):
    image = case()
    values, slopes = by_neighbours(image.detach().numpy())
    loss = example.total_variation(image, reduction)
    expected = {"mean": values.mean(), "sum": values.sum(), "none": values}[reduction]
    np.testing.assert_allclose(loss.detach(), expected, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, image, upstream)
    weight = (
        upstream.numpy() / (2 if reduction == "mean" else 1) * np.ones(2)
    ).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(gradient, weight * slopes, rtol=0, atol=1e-12)


def test_the_sum_is_the_default(example):
    assert example.total_variation(case()) == example.total_variation(case(), "sum")


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (0, 3, 4, 4), (2, 3, 4, 4)])
def test_flat_and_empty_images_are_0_with_gradient_0(example, shape):
    image = torch.ones(shape, requires_grad=True)
    loss = example.total_variation(image)
    assert loss.item() == 0
    assert torch.autograd.grad(loss, image)[0].count_nonzero() == 0


def test_a_large_sum_of_half_precision_is_finite(example):
    image = torch.arange(300, dtype=torch.float16).remainder(2).expand(1, 1, 300, 300)
    assert example.total_variation(image).item() == 300 * 299


def test_vmap_is_a_loop(example):
    image = case().detach()
    each = torch.vmap(example.total_variation)(image[:, None])
    torch.testing.assert_close(each, example.total_variation(image, "none"))


def test_the_checker_agrees(example):
    report = ownloss.check(example.total_variation, case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got \(3, 4\)"):
        example.total_variation(torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"reduction .* got 'max'"):
        example.total_variation(case(), "max")
