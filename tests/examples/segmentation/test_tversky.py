"""The Tversky loss against a loop over pixels, and against Dice and Jaccard."""

import math

import pytest
import torch


def case():
    logits = torch.linspace(-4, 3, 24, dtype=torch.float64).sin().mul(3)
    target = (torch.arange(24) % 5 < 2).double()
    return logits.reshape(2, 1, 4, 3), target.reshape(2, 1, 4, 3)


def by_loop(logits, target, alpha, beta, smooth):
    """Value and gradient of a batch, image after image, pixel after pixel."""
    losses, gradients = [], []
    for z, t in zip(
        logits.flatten(1).tolist(), target.flatten(1).tolist(), strict=True
    ):
        p = [1 / (1 + math.exp(-x)) for x in z]
        hit = alarm = miss = 0.0
        for a, b in zip(p, t, strict=True):
            hit, alarm, miss = hit + a * b, alarm + a * (1 - b), miss + (1 - a) * b
        top, bottom = hit + smooth, hit + alpha * alarm + beta * miss + smooth
        losses.append(1 - top / bottom)
        for a, b in zip(p, t, strict=True):
            bottom_slope = b + alpha * (1 - b) - beta * b
            slope = (top * bottom_slope - b * bottom) / bottom**2
            gradients.append(slope * a * (1 - a) / len(logits))
    gradient = torch.tensor(gradients, dtype=torch.float64).reshape(logits.shape)
    return sum(losses) / len(losses), gradient


@pytest.mark.parametrize(
    "options", [(0.3, 0.7, 1e-5), (0.9, 0.2, 0.0), (1.0, 1.0, 1.0), (0.0, 2.0, 0.1)]
)
def test_value_and_gradient_are_those_of_a_loop(example, options):
    logits, target = case()
    logits.requires_grad_()
    expected, slope = by_loop(logits.detach(), target, *options)
    loss = example.tversky(logits, target, *options)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, -2.5 * slope)


def test_the_defaults_are_those_of_the_paper(example):
    logits, target = case()
    assert example.tversky(logits, target).item() == pytest.approx(
        by_loop(logits, target, 0.3, 0.7, 1e-5)[0], rel=1e-12
    )


def test_alpha_weighs_false_positives_and_beta_false_negatives(example):
    target = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    one_alarm = torch.tensor([[[[99.0, 99.0, 99.0, -99.0]]]])
    one_miss = torch.tensor([[[[99.0, -99.0, -99.0, -99.0]]]])
    options = {"alpha": 0.5, "beta": 2.0, "smooth": 0.0}
    assert example.tversky(one_alarm, target, **options).item() == pytest.approx(0.2)
    assert example.tversky(one_miss, target, **options).item() == pytest.approx(2 / 3)


def test_special_cases_are_dice_and_jaccard(example):
    logits, target = case()
    p = logits.sigmoid()
    both, sizes = (p * target).sum((1, 2, 3)), (p + target).sum((1, 2, 3))
    dice = (1 - 2 * both / sizes).mean()
    jaccard = (1 - both / (sizes - both)).mean()
    torch.testing.assert_close(example.tversky(logits, target, 0.5, 0.5, 0.0), dice)
    torch.testing.assert_close(example.tversky(logits, target, 1.0, 1.0, 0.0), jaccard)


def test_a_perfect_and_a_missed_object_end_at_zero_and_one(example):
    target = case()[1].float()
    logits = torch.where(target == 1, 1e4, -1e4).requires_grad_()
    assert example.tversky(logits, target) == 0
    assert example.tversky(-logits, target).item() == pytest.approx(1, abs=1e-5)
    example.tversky(logits, target).backward()
    assert logits.grad.count_nonzero() == 0


def test_an_empty_image_that_stays_empty_costs_nothing(example):
    logits = torch.full((1, 1, 4, 4), -1e4, requires_grad=True)
    loss = example.tversky(logits, torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.isfinite().all()


def test_higher_derivatives_and_transforms_work(example):
    logits, target = case()
    logits.requires_grad_()
    assert torch.autograd.gradgradcheck(example.tversky, (logits, target))
    logits = logits.detach()
    batched = torch.vmap(torch.func.grad(example.tversky))(
        logits.unsqueeze(1), target.unsqueeze(1)
    )
    expected = by_loop(logits, target, 0.3, 0.7, 1e-5)[1] * 2
    torch.testing.assert_close(batched.squeeze(1), expected)


def test_float32_and_transposed_memory_give_the_same(example):
    logits, target = case()
    expected = example.tversky(logits, target)
    transposed = logits.float().transpose(2, 3).contiguous().transpose(2, 3)
    loss = example.tversky(transposed, target.float())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=0)


def test_no_image_gives_what_torchs_mean_gives(example):
    nothing = torch.zeros(0, 1, 2, 2)
    assert example.tversky(nothing, nothing).isnan()


@pytest.mark.parametrize(
    ("shape", "other"),
    [
        ((2, 1, 4, 4), (2, 4, 4)),
        ((2, 1, 4, 4), (1, 1, 4, 4)),
        ((2, 3, 4, 4), (2, 3, 4, 4)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, shape, other):
    with pytest.raises(ValueError) as error:
        example.tversky(torch.zeros(shape), torch.zeros(other))
    assert f"(N, 1, H, W), got {shape} and {other}" in str(error.value)


@pytest.mark.parametrize("smooth", [0.0, 1e-5, 3.0])
def test_what_is_masked_counts_nowhere(example, smooth):
    logits, target = case()
    mask = torch.arange(12).reshape(1, 1, 4, 3) % 4 != 1
    mask = mask.expand_as(logits)
    kept = [x[mask].reshape(2, 1, 3, 3) for x in (logits, target)]
    expected = example.tversky(*kept, smooth=smooth, reduction="none")
    spoilt = logits.masked_fill(~mask, torch.nan).requires_grad_()
    target = target.masked_fill(~mask, torch.nan)
    for marks in (mask, mask.double()):
        loss = example.tversky(
            spoilt, target, smooth=smooth, mask=marks, reduction="none"
        )
        torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss.sum(), spoilt)
    assert gradient.isfinite().all()
    assert not gradient[~mask].any()
    for reduction in ("mean", "sum"):
        ours = example.tversky(
            spoilt, target, smooth=smooth, mask=mask, reduction=reduction
        )
        torch.testing.assert_close(ours, getattr(expected, reduction)())


@pytest.mark.parametrize("smooth", [0.0, 1e-5])
def test_where_no_pixel_counts_it_is_0_and_so_is_the_gradient(example, smooth):
    logits, target = case()
    logits.requires_grad_()
    loss = example.tversky(logits, target, smooth=smooth, mask=torch.zeros_like(target))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_half_precision_counts_more_pixels_than_65504(example):
    target = torch.zeros(1, 1, 512, 512)
    target[..., :300] = 1
    logits = 2 * target - 1
    half = example.tversky(logits.half(), target.half())
    assert half.dtype == torch.float16
    assert half.item() == pytest.approx(
        example.tversky(logits, target).item(), rel=1e-3
    )


def test_a_mask_of_another_shape_and_a_reduction_are_refused(example):
    zero = torch.zeros(2, 1, 4, 3)
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 3\) and \(2, 4, 3\)"):
        example.tversky(zero, zero, mask=torch.ones(2, 4, 3))
    with pytest.raises(ValueError, match=r"reduction must be .* got 'avg'"):
        example.tversky(zero, zero, reduction="avg")
