"""Generalized Dice against a loop over images, classes and pixels in NumPy."""

import numpy as np
import pytest
import torch

import ownloss


def case(n=2, c=3):
    logits = torch.linspace(-4, 3, n * c * 12, dtype=torch.float64).sin().mul(3)
    target = (torch.arange(n * 12) ** 2 % 7 % c).reshape(n, 4, 3)
    return logits.reshape(n, c, 4, 3).requires_grad_(), target


def by_loop(logits, target, smooth):
    losses = []
    for image, truth in zip(logits, target, strict=True):
        p = np.exp(image) / np.exp(image).sum(0)
        size = [(truth == c).sum() for c in range(len(p))]
        largest = max(1 / n**2 for n in size if n)
        top = bottom = smooth
        for c, n in enumerate(size):
            weight = 1 / n**2 if n else largest
            top += 2 * weight * p[c][truth == c].sum()
            bottom += weight * (p[c].sum() + n)
        losses.append(1 - top / bottom)
    return np.mean(losses)


@pytest.mark.parametrize("c", [1, 2, 3, 9])  # 9: some classes are absent
@pytest.mark.parametrize("smooth", [0.0, 1e-5, 1.0])
def test_value_and_gradient_are_those_of_a_loop(example, smooth, c):
    logits, target = case(c=c)
    loss = example.generalized_dice(logits, target, smooth)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    plain, truth = logits.detach().numpy(), target.numpy()
    assert loss.item() == pytest.approx(by_loop(plain, truth, smooth), abs=1e-12)
    for place in [(0, 0, 0, 0), (1, c - 1, 3, 2), (1, 0, 2, 1)]:
        step = np.zeros_like(plain)
        step[place] = 1e-6
        up, down = (by_loop(plain + s * step, truth, smooth) for s in (1, -1))
        expected = -2.5 * (up - down) / 2e-6
        assert gradient[place].item() == pytest.approx(expected, abs=1e-8)


def test_smooth_has_its_default(example):
    logits, target = case()
    expected = by_loop(logits.detach().numpy(), target.numpy(), 1e-5)
    assert example.generalized_dice(logits, target).item() == pytest.approx(expected)


def test_classes_and_one_hot_are_the_same(example):
    logits, target = case(c=5)
    one_hot = torch.nn.functional.one_hot(target, 5).movedim(-1, 1)
    for dtype in (torch.int64, torch.float64, torch.bool):
        torch.testing.assert_close(
            example.generalized_dice(logits, one_hot.to(dtype)),
            example.generalized_dice(logits, target),
        )


def test_a_false_alarm_of_an_absent_class_costs_something(example):
    logits, target = torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64)
    logits[:, 0] = 20
    assert example.generalized_dice(logits, target) < 1e-5
    logits[:, 2, 0, 0] = 40
    assert example.generalized_dice(logits, target) > 0.05


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_far_logits_and_large_images_are_finite(example, dtype):
    target = torch.zeros(1, 300, 300, dtype=torch.int64)
    target[0, 0, 0] = 1
    logits = torch.full((1, 2, 300, 300), -1e4, dtype=dtype)
    logits = logits.scatter(1, target.unsqueeze(1), 1e4).requires_grad_()
    loss = example.generalized_dice(logits, target)
    loss.backward()
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.isfinite().all()


def test_higher_derivatives_and_vmap(example):
    logits, target = case()
    loss = example.generalized_dice
    assert torch.autograd.gradgradcheck(loss, (logits, target))
    each = torch.vmap(loss)(logits.unsqueeze(1), target.unsqueeze(1))
    torch.testing.assert_close(each.mean(), loss(logits, target))


def test_the_checker_agrees(example):
    report = ownloss.check(example.generalized_dice, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(2, 1, 4, 3), (2, 4, 1), (1, 4, 3), (4, 3)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.generalized_dice(case()[0], torch.zeros(other, dtype=torch.int64))
    assert f"got (2, 3, 4, 3) and {other}" in str(error.value)


def test_other_dtypes_are_refused(example):
    logits, target = case()
    with pytest.raises(ValueError, match=r"must be int64, got torch\.float32"):
        example.generalized_dice(logits, target.float())
