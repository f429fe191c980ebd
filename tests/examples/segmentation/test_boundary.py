"""The boundary loss against distances by brute force, pixel by pixel."""

import numpy as np
import pytest
import torch


def case():
    torch.manual_seed(0)
    logits = 2 * torch.randn(3, 1, 6, 7, dtype=torch.float64)
    target = torch.zeros(3, 1, 6, 7, dtype=torch.float64)
    target[0, 0, 1:4, 2:6] = 1
    target[1, 0, 5, 0] = target[1, 0, 0:3, 4:] = 1
    target[2, 0, :, :6] = 1
    return logits, target


def by_force(target):
    """Distance to the nearest pixel of the other kind; inside, one minus that."""
    distance = np.zeros(target.shape)
    places = list(np.ndindex(target.shape[2:]))
    for n, image in enumerate(target[:, 0].numpy()):
        for here in places:
            others = [there for there in places if image[there] != image[here]]
            if others:
                nearest = min(np.hypot(*np.subtract(here, there)) for there in others)
                distance[(n, 0, *here)] = 1 - nearest if image[here] else nearest
    return torch.from_numpy(distance)


def test_distances_are_those_found_by_force(example):
    target = case()[1]
    torch.testing.assert_close(example.SignedDistance.apply(target), by_force(target))


def test_value_and_gradient_are_those_of_the_formula(example):
    logits, target = case()
    logits.requires_grad_()
    weight = by_force(target)
    p = 1 / (1 + np.exp(-logits.detach().numpy()))
    loss = example.boundary(logits, target)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    assert loss.item() == pytest.approx((weight.numpy() * p).mean(), rel=1e-12)
    expected = -2.5 * weight * torch.from_numpy(p * (1 - p)) / logits.numel()
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_image_without_a_border_counts_zero(example, value):
    logits, target = case()
    target[1] = value
    logits.requires_grad_()
    loss = example.boundary(logits, target)
    loss.backward()
    assert logits.grad[1].count_nonzero() == 0
    others = example.boundary(logits[[0, 2]], target[[0, 2]])
    torch.testing.assert_close(loss, others * 2 / 3)


def test_the_perfect_mask_has_the_least_loss(example):
    target = case()[1]
    least = example.boundary(1e4 * (target - 0.5), target)
    distance = by_force(target)
    torch.testing.assert_close(least, distance.clamp(max=0).mean())
    assert example.boundary(-1e4 * (target - 0.5), target) > 0 > least


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sure_logits_have_finite_gradients(example, dtype):
    target = case()[1].to(dtype)
    logits = (1e4 * (target - 0.5)).requires_grad_()
    loss = example.boundary(logits, target)
    loss.backward()
    assert loss.dtype == dtype
    assert logits.grad.count_nonzero() == 0


def test_nothing_flows_back_into_the_mask(example):
    logits, target = case()
    logits.requires_grad_()
    target.requires_grad_()
    example.boundary(logits, target).backward()
    assert target.grad is None
    assert logits.grad is not None


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.int64])
def test_the_mask_may_have_any_dtype(example, dtype):
    logits, target = case()
    ours = example.boundary(logits, target.to(dtype))
    assert ours == example.boundary(logits, target)


def test_higher_derivatives_and_transforms_work(example):
    logits, target = case()
    logits.requires_grad_()
    assert torch.autograd.gradgradcheck(example.boundary, (logits, target))
    (expected,) = torch.autograd.grad(example.boundary(logits, target), logits)
    logits = logits.detach()
    gradient = torch.func.grad(example.boundary)
    torch.testing.assert_close(gradient(logits, target), expected)
    for place in (0, 3):
        batch = logits.unsqueeze(1), target.unsqueeze(1).movedim(0, place)
        each = torch.vmap(gradient, (0, place))(*batch)
        torch.testing.assert_close(each.squeeze(1), 3 * expected)
    one_mask = torch.vmap(gradient, (0, None))(logits.unsqueeze(1), target[:1])
    torch.testing.assert_close(one_mask[0, 0], 3 * expected[0])


def test_transposed_memory_gives_the_same(example):
    logits, target = case()
    other = (x.transpose(2, 3).contiguous().transpose(2, 3) for x in (logits, target))
    torch.testing.assert_close(
        example.boundary(*other), example.boundary(logits, target)
    )


def test_no_image_is_0(example):
    nothing = torch.zeros(0, 1, 2, 2, requires_grad=True)
    loss = example.boundary(nothing, torch.zeros(0, 1, 2, 2))
    loss.backward()
    assert loss == 0


def test_what_is_masked_counts_nowhere(example):
    target = torch.zeros(1, 1, 4, 6, dtype=torch.float64)
    target[..., 1:3, 1:3] = 1
    logits = torch.linspace(-3, 3, 24, dtype=torch.float64).reshape(1, 1, 4, 6)
    mask = torch.ones(1, 1, 4, 6, dtype=torch.bool)
    mask[..., 5] = mask[..., 0, 0] = False
    # The masked pixels are background, and no nearer to the object than others.
    each = example.boundary(logits, target, reduction="none")[mask]
    spoilt = logits.masked_fill(~mask, torch.nan).requires_grad_()
    unknown = target.masked_fill(~mask, torch.nan)
    for reduction in ("mean", "sum"):
        loss = example.boundary(spoilt, unknown, mask, reduction)
        torch.testing.assert_close(loss, getattr(each, reduction)())
    (gradient,) = torch.autograd.grad(loss, spoilt)
    assert gradient.isfinite().all()
    assert not gradient[~mask].any()
    loss = example.boundary(spoilt, unknown, torch.zeros_like(mask))
    assert loss == 0


def test_half_precision_does_not_overflow(example):
    target = torch.zeros(1, 1, 256, 256)
    target[..., :20, :20] = 1
    logits = torch.ones_like(target)
    half = example.boundary(logits.half(), target)
    assert half.dtype == torch.float16
    assert half.item() == pytest.approx(example.boundary(logits, target).item(), 1e-3)


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
        example.boundary(torch.zeros(shape), torch.zeros(other))
    assert f"(N, 1, H, W), got {shape} and {other}" in str(error.value)
