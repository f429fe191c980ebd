"""The bi-tempered loss against its definition with the shift from a root finder."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch.nn.functional import cross_entropy

import ownloss

TEMPERATURES = [(0.2, 4.0), (0.8, 1.2), (1.0, 1.5), (0.3, 1.0), (0.5, 0.7), (1.3, 0.9)]


def case(dtype=torch.float64):
    logits = torch.linspace(-5, 6, 24, dtype=dtype).sin().mul(2).reshape(6, 4)
    return logits.requires_grad_(), torch.tensor([0, 3, -100, 1, 2, 2])


def log_t(x, t):
    return np.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def exp_t(x, t):
    if t == 1:
        return np.exp(x)
    with np.errstate(divide="ignore"):
        return np.maximum(0, 1 + (1 - t) * x) ** (1 / (1 - t))


def probabilities(z, t):
    high = z.max() - log_t(1 / len(z), t) + 1e-9
    shift = brentq(lambda s: exp_t(z - s, t).sum() - 1, z.max(), high, xtol=1e-15)
    return exp_t(z - shift, t)


def row(z, k, t1, t2):
    """The Bregman divergence from the true class to the prediction."""
    p = probabilities(z, t2)
    power = (p ** (2 - t1)).sum() - 1
    return -log_t(p[k], t1) + power / (2 - t1)


@pytest.mark.parametrize(("t1", "t2"), TEMPERATURES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, t1, t2, reduction):
    logits, target = case()
    z = logits.detach().numpy()
    values, slopes = np.zeros(6), np.zeros((6, 4))
    for i, k in enumerate(target.tolist()):
        if k >= 0:
            values[i] = row(z[i], k, t1, t2)
            p = probabilities(z[i], t2)
            escort = p**t2 / (p**t2).sum()
            by_p = p ** (1 - t1)  # the derivative of the loss for each probability
            by_p[k] -= p[k] ** -t1
            slopes[i] = p**t2 * by_p - escort * (p**t2 * by_p).sum()
    value = {"mean": values.sum() / 5, "sum": values.sum(), "none": values}[reduction]
    loss = example.bi_tempered(logits, target, t1, t2, reduction)
    np.testing.assert_allclose(loss.detach(), value, rtol=0, atol=1e-11)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    weight = upstream.numpy().reshape(-1, 1) / (5 if reduction == "mean" else 1)
    np.testing.assert_allclose(gradient, weight * slopes, rtol=0, atol=1e-10)


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("size", [0.0, 1.0, 30.0])
def test_the_shift_has_converged(example, classes, size):
    logits = size * torch.linspace(0, 99, 3 * classes).double().sin().reshape(3, -1)
    for t in (0.1, 0.5, 0.9, 0.999, 1.0, 1.001, 1.2, 2.0, 4.0):
        total = example.log_tempered_softmax(logits, t).exp().sum(1)
        torch.testing.assert_close(total, torch.ones(3).double(), rtol=0, atol=1e-11)


def test_with_both_at_1_it_is_cross_entropy(example):
    logits, target = case()
    torch.testing.assert_close(
        example.bi_tempered(logits, target, 1, 1), cross_entropy(logits, target)
    )


def test_near_1_it_is_close_to_1(example):
    logits, target = case()
    for t1, t2 in itertools.product((1 - 1e-7, 1, 1 + 1e-7), repeat=2):
        loss = example.bi_tempered(logits, target, t1, t2)
        assert loss.item() == pytest.approx(
            cross_entropy(logits, target).item(), abs=1e-5
        )


def test_the_loss_is_bounded_and_far_logits_are_finite(example):
    logits = torch.tensor([[1e4, 0.0, -torch.inf], [1e4, -1e4, 0.0]])
    logits.requires_grad_()
    for t1, t2 in TEMPERATURES:
        loss = example.bi_tempered(logits, torch.tensor([0, 1]), t1, t2, "none")
        (gradient,) = torch.autograd.grad(loss.sum(), logits)
        assert gradient.isfinite().all(), (t1, t2)
        if t1 < 1:
            assert (loss <= 1 / (1 - t1) + 1e-5).all(), (t1, t2)


def test_where_no_target_counts_it_is_0(example):
    logits, _ = case()
    loss = example.bi_tempered(logits, torch.full((6,), -100), 0.8, 1.2)
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.count_nonzero() == 0


def test_images_are_pixels(example):
    logits, target = case()
    images = logits.reshape(2, 3, 4).movedim(2, 1)
    loss = example.bi_tempered(images, target.reshape(2, 3), 0.8, 1.2, "none")
    torch.testing.assert_close(
        loss.flatten(), example.bi_tempered(logits, target, 0.8, 1.2, "none")
    )


@pytest.mark.parametrize(("t1", "t2"), TEMPERATURES)
def test_second_derivatives_and_vmap(example, t1, t2):
    logits, target = case()

    def loss(logits, target=target):
        return example.bi_tempered(logits, target, t1, t2)

    assert torch.autograd.gradgradcheck(loss, logits)
    rows = logits.detach().reshape(2, 3, 4), target.reshape(2, 3)
    expected = [loss(*row) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(torch.vmap(loss)(*rows), torch.stack(expected))


@pytest.mark.parametrize(("t1", "t2"), [(0.8, 1.2), (0.5, 0.7)])
def test_the_checker_finds_no_error(example, t1, t2):
    report = ownloss.check(example.bi_tempered, *case(), t1=t1, t2=t2)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    logits, target = case()
    with pytest.raises(ValueError, match=r"got \(6, 4\) and \(6, 1\)"):
        example.bi_tempered(logits, target[:, None], 0.8, 1.2)
    with pytest.raises(ValueError, match="got 2 and 1"):
        example.bi_tempered(logits, target, 2, 1)
    with pytest.raises(ValueError, match="got 1 and 0"):
        example.bi_tempered(logits, target, 1, 0)
    with pytest.raises(ValueError, match="got 'avg'"):
        example.bi_tempered(logits, target, 0.8, 1.2, "avg")
