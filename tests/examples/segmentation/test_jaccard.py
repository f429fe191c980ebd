"""The Jaccard loss against a loop over pixels, and its tie to Dice."""

import math

import pytest
import torch

import ownloss


def case():
    logits = torch.linspace(-4, 3, 24, dtype=torch.float64).sin().mul(3)
    target = (torch.arange(24) % 5 < 2).double()
    return logits.reshape(2, 1, 4, 3).requires_grad_(), target.reshape(2, 1, 4, 3)


def by_loop(logits, target, smooth):
    """Value and gradient of a batch, image after image, pixel after pixel."""
    losses, gradients = [], []
    for z, t in zip(
        logits.flatten(1).tolist(), target.flatten(1).tolist(), strict=True
    ):
        p = [1 / (1 + math.exp(-x)) for x in z]
        both = sum(a for a, b in zip(p, t, strict=True) if b) + smooth
        either = sum(1 if b else a for a, b in zip(p, t, strict=True)) + smooth
        losses.append(1 - both / either)
        slopes = [-1 / either if b else both / either**2 for b in t]
        gradients.append(
            [s * a * (1 - a) / len(logits) for s, a in zip(slopes, p, strict=True)]
        )
    gradient = torch.tensor(gradients, dtype=torch.float64).reshape(logits.shape)
    return sum(losses) / len(losses), gradient


@pytest.mark.parametrize("smooth", [0.0, 1e-5, 1.0])
def test_value_and_gradient_are_those_of_a_loop(example, smooth):
    logits, target = case()
    expected, slope = by_loop(logits.detach(), target, smooth)
    loss = example.jaccard(logits, target, smooth)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, -2.5 * slope)


def test_smooth_is_a_hundred_thousandth_of_a_pixel_by_default(example):
    logits, target = case()
    expected = by_loop(logits.detach(), target, 1e-5)[0]
    assert example.jaccard(logits, target).item() == pytest.approx(expected, rel=1e-12)


def test_far_logits_end_at_0_and_1(example):
    target = case()[1].float()
    logits = torch.where(target == 1, 1e4, -1e4).requires_grad_()
    assert example.jaccard(logits, target) == 0
    assert example.jaccard(-logits, target).item() == pytest.approx(1, abs=1e-5)
    example.jaccard(logits, target).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_more_pixels_than_float16_can_count(example, dtype):
    logits = torch.full((1, 1, 300, 300), 2.0, dtype=dtype, requires_grad=True)
    loss = example.jaccard(logits, torch.ones_like(logits))
    loss.backward()
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(1 - 1 / (1 + math.exp(-2)), rel=1e-2)
    assert logits.grad.isfinite().all()


def test_higher_derivatives_and_vmap(example):
    logits, target = case()
    assert torch.autograd.gradgradcheck(example.jaccard, (logits, target))
    each = torch.vmap(example.jaccard)(logits.unsqueeze(1), target.unsqueeze(1))
    torch.testing.assert_close(each.mean(), example.jaccard(logits, target))


def test_the_checker_agrees(example):
    report = ownloss.check(example.jaccard, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(2, 1, 4, 1), (2, 4, 3), (1, 1, 4, 3)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.jaccard(case()[0], torch.zeros(other))
    assert f"got (2, 1, 4, 3) and {other}" in str(error.value)
