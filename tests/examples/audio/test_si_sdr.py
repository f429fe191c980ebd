"""SI-SDR against the angle between the signals, in NumPy."""

import math

import numpy as np
import pytest
import torch

import ownloss


def case(dtype=torch.float64):
    i = torch.arange(24, dtype=dtype).reshape(3, 8)
    return (1.7 * i).sin().requires_grad_(), (1.5 * i + 0.3).sin()


def by_angle(x, y):
    """Values by the cotangent; slopes by the formula of the page."""
    values, slopes = np.zeros(len(x)), np.zeros(x.shape)
    for n, (a, b) in enumerate(zip(x, y, strict=True)):
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        values[n] = 20 * np.log10(np.tan(np.arccos(abs(cosine))))
        s = a @ b / (b @ b) * b
        e = a - s
        slopes[n] = 20 / np.log(10) * (e / (e @ e) - s / (s @ s))
    return values, slopes


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, reduction):
    x, y = case()
    values, slopes = by_angle(x.detach().numpy(), y.numpy())
    loss = example.si_sdr(x, y, reduction)
    expected = {"mean": values.mean(), "sum": values.sum(), "none": values}[reduction]
    np.testing.assert_allclose(loss.detach(), expected, rtol=0, atol=1e-10)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    weight = (upstream.numpy() / (3 if reduction == "mean" else 1) * np.ones(3))[
        :, None
    ]
    (gradient,) = torch.autograd.grad(loss, x, upstream)
    np.testing.assert_allclose(gradient, weight * slopes, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("volume", [1e-6, -1.0, 1e6])
def test_no_volume_changes_it(example, dtype, volume):
    x, y = (signal.detach() for signal in case(dtype))
    for scaled in ((volume * x, y), (x, volume * y)):
        torch.testing.assert_close(example.si_sdr(*scaled), example.si_sdr(x, y))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_silent_and_perfect_predictions_are_finite(example, dtype):
    y = case(dtype)[1][0]  # one signal: nothing divides its gradient
    limit = -20 * math.log10(torch.finfo(torch.promote_types(dtype, torch.float32)).eps)
    for x, t in ((0 * y, y), (y, 0 * y), (0 * y, 0 * y), (y, y)):
        x = x.clone().requires_grad_()
        loss = example.si_sdr(x, t)
        assert loss.dtype == dtype
        assert abs(loss.item()) < limit + 1
        assert torch.autograd.grad(loss, x)[0].isfinite().all()
    assert example.si_sdr(y, y) < 20 - limit


def test_a_long_signal_in_half_precision_does_not_overflow(example):
    y = torch.full((100_000,), 8.0, dtype=torch.float16)
    x = y + torch.tensor([4.0, -4.0], dtype=torch.float16).repeat(50_000)
    assert example.si_sdr(x, y).item() == pytest.approx(-20 * math.log10(2), abs=1e-2)


def test_it_has_a_second_derivative_and_vmap_is_a_loop(example):
    x, y = case()
    assert torch.autograd.gradgradcheck(example.si_sdr, (x, y))
    each = torch.vmap(example.si_sdr)(x.detach(), y)
    torch.testing.assert_close(each, example.si_sdr(x.detach(), y, "none"))


def test_the_checker_agrees(example):
    report = ownloss.check(example.si_sdr, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    x, y = case()
    with pytest.raises(ValueError, match=r"got \(3, 8\) and \(8,\)"):
        example.si_sdr(x, y[0])
    with pytest.raises(ValueError, match=r"reduction .* got 'max'"):
        example.si_sdr(x, y, "max")
