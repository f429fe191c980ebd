"""Poly-1 against its definition in NumPy and the series that it comes from."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import ownloss


def case(dtype=torch.float64):
    logits = torch.linspace(-5, 6, 24, dtype=dtype).sin().mul(4).reshape(6, 4)
    return logits.requires_grad_(), torch.tensor([0, 3, -100, 1, 2, 2])


def by_numpy(logits, target, epsilon):
    """Values and gradients of each row; those of ignored rows are 0."""
    values, slopes = np.zeros(len(target)), np.zeros(logits.shape)
    for i, (z, t) in enumerate(zip(logits, target, strict=True)):
        if t >= 0:
            p = np.exp(z) / np.exp(z).sum()
            values[i] = -np.log(p[t]) + epsilon * (1 - p[t])
            slopes[i] = (1 + epsilon * p[t]) * (p - np.eye(4)[t])
    return values, slopes


@pytest.mark.parametrize("epsilon", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, epsilon, reduction):
    logits, target = case()
    values, slopes = by_numpy(logits.detach().numpy(), target.tolist(), epsilon)
    value = {"mean": values.sum() / 5, "sum": values.sum(), "none": values}[reduction]
    loss = example.poly1(logits, target, epsilon, reduction)
    np.testing.assert_allclose(loss.detach(), value, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    weight = upstream.numpy().reshape(-1, 1) / (5 if reduction == "mean" else 1)
    np.testing.assert_allclose(gradient, weight * slopes, rtol=0, atol=1e-12)


def test_two_is_the_default_and_zero_is_cross_entropy(example):
    logits, target = case()
    assert example.poly1(logits, target) == example.poly1(logits, target, 2.0)
    torch.testing.assert_close(
        example.poly1(logits, target, 0), cross_entropy(logits, target)
    )


def test_one_is_one_more_of_the_first_term_of_the_series(example):
    logits = torch.tensor([[0.3, 0.0]], dtype=torch.float64)
    missing = 1 - logits.softmax(1)[0, 0].item()
    series = sum(missing**k / k for k in range(1, 200))
    loss = example.poly1(logits, torch.tensor([0]), 1.0)
    assert loss.item() == pytest.approx(series + missing, abs=1e-12)


def test_images_are_pixels(example):
    logits, target = case()
    images = logits.reshape(2, 3, 4).movedim(2, 1)
    loss = example.poly1(images, target.reshape(2, 3), reduction="none")
    torch.testing.assert_close(
        loss.flatten(), example.poly1(logits, target, 2.0, "none")
    )


def test_where_no_target_counts_it_is_0(example):
    logits, _ = case()
    for reduction in ("mean", "sum"):
        loss = example.poly1(logits, torch.full((6,), -100), reduction=reduction)
        assert loss.item() == 0
        (gradient,) = torch.autograd.grad(loss, logits)
        assert gradient.count_nonzero() == 0
    assert example.poly1(logits[:0], torch.zeros(0).long()).item() == 0


def test_far_logits_masked_classes_and_half_precision(example):
    logits = torch.tensor([[1e4, 0.0, -torch.inf]] * 2, requires_grad=True)
    loss = example.poly1(logits, torch.tensor([0, 1]), reduction="none")
    assert loss.tolist() == [0, 1e4 + 2]
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert gradient.tolist() == [[0, 0, 0], [1, -1, 0]]
    many = torch.zeros(50_000, 4, dtype=torch.float16)
    loss = example.poly1(many, torch.zeros(50_000).long())
    assert loss.item() == pytest.approx(np.log(4) + 1.5, rel=2e-3)


def test_second_derivatives_and_vmap(example):
    logits, target = case()
    assert torch.autograd.gradgradcheck(lambda z: example.poly1(z, target), logits)
    rows = logits.detach().reshape(2, 3, 4), target.reshape(2, 3)
    each = torch.vmap(example.poly1)(*rows)
    expected = [example.poly1(*row) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.poly1, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    logits, target = case()
    with pytest.raises(ValueError, match=r"got \(6, 4\) and \(6, 1\)"):
        example.poly1(logits, target[:, None])
    with pytest.raises(ValueError, match="epsilon must be -1 or more, got -2"):
        example.poly1(logits, target, -2)
    with pytest.raises(ValueError, match="got 'avg'"):
        example.poly1(logits, target, reduction="avg")
