"""SSIM against a loop over windows in NumPy, each with its own variances."""

import numpy as np
import pytest
import torch

import ownloss


def case(dtype=torch.float64, shape=(2, 2, 12, 14)):
    i = torch.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)
    return (0.5 + i.sin() / 2).requires_grad_(), 0.5 + (1.3 * i).cos() / 2


def by_windows(x, y, data_range=1.0, window=11, sigma=1.5):
    around = np.arange(window) - window // 2
    square = around[:, None] ** 2 + around[None, :] ** 2
    weight = np.exp(-square / (2 * sigma**2))
    weight /= weight.sum()
    values = []
    for a, b in zip(*(m.reshape(-1, *x.shape[2:]) for m in (x, y)), strict=True):
        for i in range(a.shape[0] - window + 1):
            for j in range(a.shape[1] - window + 1):
                p, q = (m[i : i + window, j : j + window] for m in (a, b))
                mp, mq = (weight * p).sum(), (weight * q).sum()
                vp, vq = (weight * (p - mp) ** 2).sum(), (weight * (q - mq) ** 2).sum()
                cov = (weight * (p - mp) * (q - mq)).sum()
                c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
                top = (2 * mp * mq + c1) * (2 * cov + c2)
                values.append(top / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return 1 - np.mean(values)


@pytest.mark.parametrize("options", [(), (255.0,), (1.0, 7, 0.8), (2.0, 1)])
def test_value_is_that_of_a_loop(example, options):
    x, y = case()
    loss = example.ssim(x, y, *options)
    expected = by_windows(x.detach().numpy(), y.numpy(), *options)
    assert loss.item() == pytest.approx(expected, abs=1e-12)


def test_gradient_is_the_slope_of_the_loop(example):
    x, y = case(shape=(1, 1, 11, 12))
    (gradient,) = torch.autograd.grad(2.5 * example.ssim(x, y), x)
    for place in ((0, 0, 5, 5), (0, 0, 4, 7), (0, 0, 0, 0)):
        step = np.zeros(x.shape)
        step[place] = 1e-5
        up, down = (
            by_windows(x.detach().numpy() + s, y.numpy()) for s in (step, -step)
        )
        assert gradient[place].item() == pytest.approx(
            2.5 * (up - down) / 2e-5, abs=1e-9
        )


def test_equal_images_cost_0_and_swapping_changes_nothing(example):
    x, y = case()
    loss = example.ssim(x, x.detach())
    assert abs(loss.item()) < 1e-15
    (gradient,) = torch.autograd.grad(loss, x)
    assert gradient.abs().max() < 1e-12
    torch.testing.assert_close(example.ssim(x, y), example.ssim(y, x))


def test_images_and_range_scale_together(example):
    x, y = case()
    bytes_ = example.ssim(255 * x, 255 * y, 255.0)
    torch.testing.assert_close(bytes_, example.ssim(x, y))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_few_digits_are_enough(example, dtype):
    x, y = (image.detach().to(dtype) for image in case())
    x.requires_grad_()
    loss = example.ssim(x, y)
    assert loss.dtype == dtype
    expected = example.ssim(x.detach().double(), y.double()).item()
    assert loss.item() == pytest.approx(expected, rel=2 * torch.finfo(dtype).eps)
    (gradient,) = torch.autograd.grad(loss, x)
    assert gradient.isfinite().all()


def test_it_has_a_second_derivative_and_vmap_is_a_loop(example):
    x, y = case(shape=(2, 1, 3, 4))
    assert torch.autograd.gradgradcheck(example.ssim, (x, y, 1.0, 3))
    a, b = x.detach()[:, None], y[:, None]
    each = torch.vmap(lambda p, q: example.ssim(p, q, window=3))(a, b)
    rows = [example.ssim(p, q, window=3) for p, q in zip(a, b, strict=True)]
    torch.testing.assert_close(each, torch.stack(rows))


def test_the_checker_agrees(example):
    report = ownloss.check(example.ssim, *case(shape=(1, 2, 12, 12)))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    x, y = case()
    with pytest.raises(ValueError, match=r"got \(2, 2, 12, 14\) and \(2, 1, 12, 14\)"):
        example.ssim(x, y[:, :1])
    for window in (10, 13, -1):
        with pytest.raises(ValueError, match=rf"got {window} and \(12, 14\)"):
            example.ssim(x, y, window=window)
    with pytest.raises(ValueError, match="data_range must be positive, got 0"):
        example.ssim(x, y, 0)
