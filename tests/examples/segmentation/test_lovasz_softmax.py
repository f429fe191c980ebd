"""Lovász-Softmax against the definition of a Lovász extension, set by set."""

import numpy as np
import pytest
import torch


def case(images=2, classes=4):
    torch.manual_seed(0)
    logits = 2 * torch.randn(images, classes, 3, 4, dtype=torch.float64)
    target = torch.randint(0, classes - 1, (images, 3, 4))  # the last one is absent
    target[0, 0, 0], target[-1, 0, 0] = 0, 2
    return logits, target


def jaccard_loss(wrong, true):
    """One minus the intersection over union if the pixels in ``wrong`` are wrong."""
    marked = (true - wrong) | (wrong - true)
    return 1 - len(marked & true) / len(marked | true)


def by_definition(logits, target):
    """Value and gradient, from the sets of wrong pixels, in plain Python."""
    losses, gradient = [], np.zeros(logits.shape)
    for image, (z, t) in enumerate(zip(logits.numpy(), target.numpy(), strict=True)):
        z, t = z.reshape(len(z), -1), t.ravel()
        p = np.exp(z) / np.exp(z).sum(0)
        by_class, slope = [], np.zeros_like(p)
        for c in sorted(set(t.tolist())):
            true = set(np.flatnonzero(t == c).tolist())
            error = np.where(t == c, 1 - p[c], p[c])
            wrong, value = set(), 0.0
            for pixel in sorted(range(len(t)), key=lambda n: -error[n]):
                weight = jaccard_loss(wrong | {pixel}, true) - jaccard_loss(wrong, true)
                wrong.add(pixel)
                value += weight * error[pixel]
                slope[c, pixel] = -weight if pixel in true else weight
            by_class.append(value)
        losses.append(np.mean(by_class))
        through_softmax = p * (slope - (p * slope).sum(0))
        gradient[image] = through_softmax.reshape(gradient.shape[1:]) / len(by_class)
    return np.mean(losses), torch.from_numpy(gradient / len(losses))


@pytest.mark.parametrize("shape", [(2, 4), (1, 2), (3, 5)])
def test_value_and_gradient_are_those_of_the_definition(example, shape):
    logits, target = case(*shape)
    expected, slope = by_definition(logits, target % shape[1])
    logits.requires_grad_()
    loss = example.lovasz_softmax(logits, target % shape[1])
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, -2.5 * slope, rtol=1e-10, atol=1e-15)


def test_sure_logits_give_one_minus_the_mean_overlap(example):
    logits, target = case()
    marked = logits.argmax(1)
    sure = 1e4 * torch.nn.functional.one_hot(marked, 4).movedim(3, 1).double()
    means = []
    for m, t in zip(marked, target, strict=True):
        overlaps = [
            ((m == c) & (t == c)).sum() / ((m == c) | (t == c)).sum()
            for c in t.unique()
        ]
        means.append(1 - sum(overlaps) / len(overlaps))
    loss = example.lovasz_softmax(sure, target)
    assert loss.item() == pytest.approx(sum(means).item() / 2, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perfect_and_hopeless_predictions_have_finite_gradients(example, dtype):
    target = case()[1]
    right = 1e4 * torch.nn.functional.one_hot(target, 4).movedim(3, 1).to(dtype)
    for logits, value in (right, 0.0), (right.roll(1, 1), 1.0):
        logits = logits.clone().requires_grad_()
        loss = example.lovasz_softmax(logits, target)
        loss.backward()
        assert loss.item() == value
        assert loss.dtype == dtype
        assert logits.grad.isfinite().all()


def test_ties_do_not_change_the_value(example):
    logits = torch.zeros(1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[[0, 1], [1, 1]]])
    loss = example.lovasz_softmax(logits, target)
    loss.backward()
    assert loss.item() == pytest.approx(0.5)  # every error is 1/2
    assert logits.grad.isfinite().all()


def test_an_absent_class_adds_nothing_but_its_share_of_the_softmax(example):
    logits, target = case()
    lower = logits.clone()
    lower[:, 3] = -1e4
    without = example.lovasz_softmax(lower[:, :3], target)
    torch.testing.assert_close(example.lovasz_softmax(lower, target), without)


def test_images_are_averaged_and_not_pooled(example):
    logits, target = case()
    alone = [
        example.lovasz_softmax(logits[i : i + 1], target[i : i + 1]) for i in (0, 1)
    ]
    torch.testing.assert_close(example.lovasz_softmax(logits, target), sum(alone) / 2)


def test_higher_derivatives_and_transforms_work(example):
    logits, target = case()
    slope = by_definition(logits, target)[1] * 2
    per_image = torch.vmap(torch.func.grad(example.lovasz_softmax))(
        logits.unsqueeze(1), target.unsqueeze(1)
    )
    torch.testing.assert_close(per_image.squeeze(1), slope)
    few = logits[:1, :2, :2, :2].clone().requires_grad_(), target[:1, :2, :2] % 2
    assert torch.autograd.gradgradcheck(example.lovasz_softmax, few)


def test_a_large_image_keeps_its_weights_in_float32(example):
    torch.manual_seed(0)
    logits = torch.randn(1, 2, 256, 256)
    target = (torch.rand(1, 256, 256) < 0.01).long()
    gradients = []
    for dtype in (torch.float32, torch.float64):
        z = logits.detach().to(dtype, copy=True).requires_grad_()
        example.lovasz_softmax(z, target).backward()
        gradients.append(z.grad.double())
    ours, exact = gradients
    assert ((ours - exact).abs() / exact.abs().clamp(min=1e-12)).median() < 1e-6


def test_transposed_memory_gives_the_same(example):
    logits, target = case()
    other = logits.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    ours, theirs = (example.lovasz_softmax(z, target) for z in (other, logits))
    torch.testing.assert_close(ours, theirs)


def test_no_image_gives_what_torchs_mean_gives(example):
    nothing = torch.zeros(0, 2, 3, 3), torch.zeros(0, 3, 3, dtype=torch.int64)
    assert example.lovasz_softmax(*nothing).isnan()


@pytest.mark.parametrize(
    ("shape", "other"),
    [
        ((2, 3, 4, 4), (2, 1, 4, 4)),
        ((2, 3, 4, 4), (1, 4, 4)),
        ((2, 3, 16), (2, 16)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, shape, other):
    with pytest.raises(ValueError) as error:
        example.lovasz_softmax(torch.zeros(shape), torch.zeros(other).long())
    assert f"(N, H, W), got {shape} and {other}" in str(error.value)


@pytest.mark.parametrize("label", [-1, 4])
def test_a_class_out_of_range_is_refused(example, label):
    logits, target = case()
    target[0, 0, 0] = label
    with pytest.raises(RuntimeError, match=f"index {label} is out of bounds"):
        example.lovasz_softmax(logits, target)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.lovasz_softmax(
            torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=dtype)
        )


@pytest.mark.parametrize("ignored", [-100, 2])
def test_what_is_ignored_counts_nowhere(example, ignored):
    logits = torch.linspace(-3, 30, 2 * 3 * 12, dtype=torch.float64).sin()
    logits = 4 * logits.reshape(2, 3, 3, 4)
    target = torch.tensor([0, 1, ignored, 1]).expand(2, 3, 4)
    counted = target != ignored
    kept = logits[:, :, :, [0, 1, 3]], target[:, :, [0, 1, 3]]
    expected = example.lovasz_softmax(*kept, reduction="none")
    spoilt = logits.masked_fill(~counted.unsqueeze(1), torch.nan).requires_grad_()
    options = {"ignore_index": ignored}
    loss = example.lovasz_softmax(spoilt, target, **options, reduction="none")
    torch.testing.assert_close(loss, expected)
    for reduction in ("mean", "sum"):
        ours = example.lovasz_softmax(spoilt, target, **options, reduction=reduction)
        torch.testing.assert_close(ours, getattr(expected, reduction)())
    leaf = kept[0].clone().requires_grad_()
    theirs = example.lovasz_softmax(leaf, kept[1], reduction="sum")
    (expected,) = torch.autograd.grad(theirs, leaf)
    (gradient,) = torch.autograd.grad(ours, spoilt)
    torch.testing.assert_close(gradient[..., [0, 1, 3]], expected)
    assert not gradient[..., 2].any()


def test_where_no_pixel_counts_it_is_0_and_so_is_the_gradient(example):
    logits = torch.ones(1, 2, 2, 2, requires_grad=True)
    loss = example.lovasz_softmax(logits, torch.full((1, 2, 2), -100))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_half_precision_has_the_weights_of_float32(example):
    logits = torch.linspace(-3, 300, 2 * 128 * 128).sin().reshape(1, 2, 128, 128)
    target = (torch.arange(128 * 128) % 3 == 0).long().reshape(1, 128, 128)
    half = example.lovasz_softmax(logits.half(), target)
    full = example.lovasz_softmax(logits, target)
    assert half.dtype == torch.float16
    assert half.item() == pytest.approx(full.item(), rel=2e-3)
