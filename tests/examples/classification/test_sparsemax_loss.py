"""The sparsemax loss against a projection found by bisection, and its conjugate."""

import numpy as np
import pytest
import torch

import ownloss


def case(dtype=torch.float64):
    logits = torch.linspace(-5, 6, 30, dtype=dtype).sin().mul(1.5).reshape(6, 5)
    return logits.requires_grad_(), torch.tensor([0, 3, -100, 1, 2, 4])


def project(z):
    """The nearest distribution to z: the threshold by bisection."""
    low, high = z.max() - 1, z.max()
    for _ in range(200):
        tau = (low + high) / 2
        low, high = (tau, high) if np.maximum(z - tau, 0).sum() > 1 else (low, tau)
    return np.maximum(z - (low + high) / 2, 0)


def by_numpy(logits, target):
    """The conjugate of the squared norm over distributions, less the true score."""
    values, slopes = np.zeros(len(target)), np.zeros(logits.shape)
    for i, (z, t) in enumerate(zip(logits, target, strict=True)):
        if t >= 0:
            p = project(z)
            values[i] = p @ z - (p @ p) / 2 + 0.5 - z[t]
            slopes[i] = p - np.eye(len(z))[t]
    return values, slopes


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, reduction):
    logits, target = case()
    values, slopes = by_numpy(logits.detach().numpy(), target.tolist())
    assert (slopes == 0).any()
    value = {"mean": values.sum() / 5, "sum": values.sum(), "none": values}[reduction]
    loss = example.sparsemax_loss(logits, target, reduction)
    np.testing.assert_allclose(loss.detach(), value, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    weight = upstream.numpy().reshape(-1, 1) / (5 if reduction == "mean" else 1)
    np.testing.assert_allclose(gradient, weight * slopes, rtol=0, atol=1e-12)


def test_the_probabilities_are_the_projection(example):
    logits, _ = case()
    p = example.sparsemax(logits).detach().numpy()
    np.testing.assert_allclose(p, [project(z) for z in logits.detach().numpy()])
    np.testing.assert_allclose(p.sum(1), 1)


def test_two_classes_are_the_smoothed_hinge(example):
    lead = torch.linspace(-3, 3, 61).double()
    logits = torch.stack([lead, torch.zeros_like(lead)], 1)
    loss = example.sparsemax_loss(logits, torch.zeros(61).long(), "none")
    hinge = torch.where(lead < -1, -lead, (1 - lead).clamp(min=0) ** 2 / 4)
    torch.testing.assert_close(loss, hinge, rtol=0, atol=1e-12)


def test_a_shift_changes_nothing_and_far_logits_lose_nothing(example):
    logits, target = (x[:2] for x in case(torch.float32))
    moved = example.sparsemax_loss(logits + 1024, target)
    torch.testing.assert_close(
        moved, example.sparsemax_loss(logits, target), rtol=1e-3, atol=1e-4
    )
    far = torch.tensor([[0.0, 1e6, -1e6]])
    assert example.sparsemax_loss(far, torch.tensor([0])).item() == 1e6


def test_masked_classes_and_targets_that_do_not_count(example):
    logits = torch.tensor([[0.5, 0.0, -torch.inf]] * 2, requires_grad=True)
    loss = example.sparsemax_loss(logits, torch.tensor([1, -100]), "none")
    assert loss.tolist() == [0.5625, 0]
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert gradient.tolist() == [[0.75, -0.75, 0], [0, 0, 0]]
    loss = example.sparsemax_loss(logits, torch.tensor([-100, -100]))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, logits)[0].count_nonzero() == 0


def test_images_are_pixels(example):
    logits, target = case()
    images = logits.reshape(2, 3, 5).movedim(2, 1)
    loss = example.sparsemax_loss(images, target.reshape(2, 3), "none")
    torch.testing.assert_close(
        loss.flatten(), example.sparsemax_loss(logits, target, "none")
    )


def test_second_derivatives_and_vmap(example):
    logits, target = case()
    loss = example.sparsemax_loss
    assert torch.autograd.gradgradcheck(lambda z: loss(z, target), logits)
    rows = logits.detach().reshape(2, 3, 5), target.reshape(2, 3)
    each = torch.vmap(loss)(*rows)
    expected = [loss(*row) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.sparsemax_loss, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    logits, target = case()
    with pytest.raises(ValueError, match=r"got \(6, 5\) and \(6, 1\)"):
        example.sparsemax_loss(logits, target[:, None])
    with pytest.raises(ValueError, match="got 'avg'"):
        example.sparsemax_loss(logits, target, "avg")
