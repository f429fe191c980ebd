"""Dice against a loop over pixels, and where its gradient comes from."""

import math

import pytest
import torch


def case():
    logits = torch.linspace(-4, 3, 24, dtype=torch.float64).sin().mul(3)
    target = (torch.arange(24) % 5 < 2).double()
    return logits.reshape(2, 1, 4, 3), target.reshape(2, 1, 4, 3)


def by_loop(logits, target, smooth):
    """Value and gradient of a batch, image after image, pixel after pixel."""
    losses, gradients = [], []
    for z, t in zip(
        logits.flatten(1).tolist(), target.flatten(1).tolist(), strict=True
    ):
        p = [1 / (1 + math.exp(-x)) for x in z]
        top = 2 * sum(a * b for a, b in zip(p, t, strict=True)) + smooth
        bottom = sum(p) + sum(t) + smooth
        losses.append(1 - top / bottom)
        gradients.append(
            [
                -(2 * b * bottom - top) / bottom**2 * a * (1 - a) / len(logits)
                for a, b in zip(p, t, strict=True)
            ]
        )
    gradient = torch.tensor(gradients, dtype=torch.float64).reshape(logits.shape)
    return sum(losses) / len(losses), gradient


@pytest.mark.parametrize("smooth", [0.0, 1e-5, 1.0])
def test_value_and_gradient_are_those_of_a_loop(example, smooth):
    logits, target = case()
    logits.requires_grad_()
    expected, slope = by_loop(logits.detach(), target, smooth)
    loss = example.dice(logits, target, smooth)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, -2.5 * slope)


def test_smooth_is_a_hundred_thousandth_of_a_pixel_by_default(example):
    logits, target = case()
    assert example.dice(logits, target).item() == pytest.approx(
        by_loop(logits, target, 1e-5)[0], rel=1e-12
    )


def test_a_perfect_and_a_missed_object_end_at_zero_and_one(example):
    target = case()[1].float()
    logits = torch.where(target == 1, 1e4, -1e4).requires_grad_()
    assert example.dice(logits, target) == 0
    assert example.dice(-logits, target).item() == pytest.approx(1, abs=1e-5)
    example.dice(logits, target).backward()
    assert logits.grad.count_nonzero() == 0


def test_an_empty_image_that_stays_empty_costs_nothing(example):
    logits = torch.full((1, 1, 4, 4), -1e4, requires_grad=True)
    loss = example.dice(logits, torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.isfinite().all()


def test_images_are_averaged_and_not_pooled(example):
    logits, target = case()
    alone = [example.dice(logits[i : i + 1], target[i : i + 1]) for i in (0, 1)]
    torch.testing.assert_close(example.dice(logits, target), sum(alone) / 2)
    pooled = example.dice(logits.reshape(1, 1, 8, 3), target.reshape(1, 1, 8, 3))
    assert (pooled - sum(alone) / 2).abs() > 1e-4


def test_higher_derivatives_and_transforms_work(example):
    logits, target = case()
    assert torch.autograd.gradgradcheck(example.dice, (logits.requires_grad_(), target))
    logits = logits.detach()
    batched = torch.vmap(torch.func.grad(example.dice))(
        logits.unsqueeze(1), target.unsqueeze(1)
    )
    expected = by_loop(logits, target, 1e-5)[1] * 2
    torch.testing.assert_close(batched.squeeze(1), expected)


def test_memory_order_does_not_matter(example):
    logits, target = case()
    transposed = logits.transpose(2, 3).contiguous().transpose(2, 3)
    torch.testing.assert_close(
        example.dice(transposed, target), example.dice(logits, target)
    )


def test_float32_stays_float32(example):
    logits, target = case()
    loss = example.dice(logits.float(), target.float())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), example.dice(logits, target))


def test_no_image_gives_what_torchs_mean_gives(example):
    nothing = torch.zeros(0, 1, 2, 2)
    assert example.dice(nothing, nothing).isnan()


@pytest.mark.parametrize(
    ("shape", "other"),
    [
        ((2, 1, 4, 4), (2, 4, 4)),
        ((2, 1, 4, 4), (1, 1, 4, 4)),
        ((2, 3, 4, 4), (2, 3, 4, 4)),
        ((4, 4), (4, 4)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, shape, other):
    with pytest.raises(ValueError) as error:
        example.dice(torch.zeros(shape), torch.zeros(other))
    assert f"(N, 1, H, W), got {shape} and {other}" in str(error.value)


@pytest.mark.parametrize("smooth", [0.0, 1e-5, 3.0])
def test_what_is_masked_counts_nowhere(example, smooth):
    logits, target = case()
    mask = torch.arange(12).reshape(1, 1, 4, 3) % 4 != 1
    mask = mask.expand_as(logits)
    kept = [x[mask].reshape(2, 1, 3, 3) for x in (logits, target)]
    expected = example.dice(*kept, smooth=smooth, reduction="none")
    spoilt = logits.masked_fill(~mask, torch.nan).requires_grad_()
    target = target.masked_fill(~mask, torch.nan)
    for marks in (mask, mask.double()):
        loss = example.dice(spoilt, target, smooth=smooth, mask=marks, reduction="none")
        torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss.sum(), spoilt)
    assert gradient.isfinite().all()
    assert not gradient[~mask].any()
    for reduction in ("mean", "sum"):
        ours = example.dice(
            spoilt, target, smooth=smooth, mask=mask, reduction=reduction
        )
        torch.testing.assert_close(ours, getattr(expected, reduction)())


@pytest.mark.parametrize("smooth", [0.0, 1e-5])
def test_where_no_pixel_counts_it_is_0_and_so_is_the_gradient(example, smooth):
    logits, target = case()
    logits.requires_grad_()
    loss = example.dice(logits, target, smooth=smooth, mask=torch.zeros_like(target))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_half_precision_counts_more_pixels_than_65504(example):
    target = torch.zeros(1, 1, 512, 512)
    target[..., :300] = 1
    logits = 2 * target - 1
    half = example.dice(logits.half(), target.half())
    assert half.dtype == torch.float16
    assert half.item() == pytest.approx(example.dice(logits, target).item(), rel=1e-3)


def test_a_mask_of_another_shape_and_a_reduction_are_refused(example):
    zero = torch.zeros(2, 1, 4, 3)
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 3\) and \(2, 4, 3\)"):
        example.dice(zero, zero, mask=torch.ones(2, 4, 3))
    with pytest.raises(ValueError, match=r"reduction must be .* got 'avg'"):
        example.dice(zero, zero, reduction="avg")
