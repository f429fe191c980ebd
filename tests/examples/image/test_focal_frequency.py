"""Focal frequency against NumPy's transform, and its gradient by the inverse."""

import numpy as np
import pytest
import torch

import ownloss


def case(dtype=torch.float64):
    i = torch.arange(60, dtype=dtype).reshape(2, 2, 3, 5)
    return (1.7 * i).sin().requires_grad_(), (0.9 * i).cos()


def by_numpy(x, y, alpha):
    values, slopes = [], np.zeros(x.shape)
    for n, c in np.ndindex(x.shape[:2]):
        spectrum = np.fft.fft2(x[n, c] - y[n, c]) / np.sqrt(x[n, c].size)
        weight = (abs(spectrum) / abs(spectrum).max()) ** alpha
        values.append((weight * abs(spectrum) ** 2).mean())
        back = np.fft.ifft2(weight * spectrum).real * np.sqrt(x[n, c].size)
        slopes[n, c] = 2 * back / x.size
    return np.mean(values), slopes


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 3.0])
def test_value_and_gradient_with_weights_held(example, alpha):
    x, y = case()
    value, slopes = by_numpy(x.detach().numpy(), y.numpy(), alpha)
    loss = example.focal_frequency(x, y, alpha)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    (gradient,) = torch.autograd.grad(2.5 * loss, x)
    np.testing.assert_allclose(gradient, 2.5 * slopes, rtol=0, atol=1e-12)


def test_without_weights_it_is_the_squared_error(example):
    x, y = case()
    mse = torch.nn.functional.mse_loss(x, y)
    torch.testing.assert_close(example.focal_frequency(x, y, 0), mse)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_equal_images_are_0_with_gradient_0(example, alpha):
    x, _ = case()
    loss = example.focal_frequency(x, x.detach(), alpha)
    assert loss.item() == 0
    assert torch.autograd.grad(loss, x)[0].count_nonzero() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_works(example, dtype):
    x, y = (image.detach().to(dtype).requires_grad_() for image in case())
    loss = example.focal_frequency(x, y)
    assert loss.dtype == dtype
    expected = example.focal_frequency(x.double(), y.double()).item()
    assert loss.item() == pytest.approx(expected, rel=torch.finfo(dtype).eps)
    assert torch.autograd.grad(loss, x)[0].isfinite().all()


def test_the_checker_agrees_where_the_weights_are_1(example):
    report = ownloss.check(example.focal_frequency, *case(), 0.0)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    x, y = case()
    with pytest.raises(ValueError, match=r"got \(2, 2, 3, 5\) and \(2, 1, 3, 5\)"):
        example.focal_frequency(x, y[:, :1])
    with pytest.raises(ValueError, match=r"alpha .* got -1"):
        example.focal_frequency(x, y, -1)
