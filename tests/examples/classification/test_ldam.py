"""LDAM against its definition in NumPy, and where margins vanish."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import ownloss

COUNTS = torch.tensor([400, 25, 90, 3])


def case(dtype=torch.float64):
    logits = torch.linspace(-5, 6, 24, dtype=dtype).sin().mul(0.9).reshape(6, 4)
    return logits.requires_grad_(), torch.tensor([0, 3, -100, 1, 2, 3])


def by_numpy(logits, target, max_margin, scale):
    """Values and gradients of each row."""
    n = COUNTS.numpy().astype(float)
    margins = max_margin * (n.min() / n) ** 0.25
    values, slopes = np.zeros(len(target)), np.zeros(logits.shape)
    for i, (z, t) in enumerate(zip(logits, target, strict=True)):
        if t >= 0:
            e = np.exp(scale * z)
            e[t] = math.exp(scale * (z[t] - margins[t]))
            p = e / e.sum()
            values[i] = -math.log(p[t])
            slopes[i] = scale * (p - np.eye(4)[t])
    return values, slopes


@pytest.mark.parametrize(("max_margin", "scale"), [(0.5, 30.0), (0.2, 3.0)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, max_margin, scale, reduction):
    logits, target = case()
    numbers = logits.detach().numpy(), target.tolist()
    values, slopes = by_numpy(*numbers, max_margin, scale)
    value = {"mean": values.sum() / 5, "sum": values.sum(), "none": values}[reduction]
    loss = example.ldam(logits, target, COUNTS, max_margin, scale, reduction)
    np.testing.assert_allclose(loss.detach(), value, rtol=0, atol=1e-10)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    weight = upstream.numpy().reshape(-1, 1) / (5 if reduction == "mean" else 1)
    np.testing.assert_allclose(gradient, weight * slopes, rtol=0, atol=1e-10)


def test_the_defaults_are_the_papers(example):
    logits, target = case()
    loss = example.ldam(logits, target, COUNTS)
    assert loss == example.ldam(logits, target, COUNTS, 0.5, 30.0)


def test_without_a_margin_it_is_cross_entropy_of_scaled_logits(example):
    logits, target = case()
    torch.testing.assert_close(
        example.ldam(logits, target, COUNTS, 0.0, 7.0),
        cross_entropy(7 * logits, target),
    )


@pytest.mark.parametrize("kind", [torch.int64, torch.float32, torch.float64])
def test_counts_may_be_of_any_kind_and_scale(example, kind):
    logits, target = case()
    loss = example.ldam(logits, target, (10 * COUNTS).to(kind))
    assert loss.dtype == torch.float64
    torch.testing.assert_close(loss, example.ldam(logits, target, COUNTS))


def test_a_class_without_samples_counts_as_one_with_one(example):
    logits, target = case()
    none, one = (torch.tensor([400, 25, 90, count]) for count in (0, 1))
    loss = example.ldam(logits, target, none)
    assert loss.isfinite()
    assert loss == example.ldam(logits, target, one)


def test_where_no_target_counts_it_is_0(example):
    logits, _ = case()
    loss = example.ldam(logits, torch.full((6,), -100), COUNTS)
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.count_nonzero() == 0


def test_second_derivatives_and_vmap(example):
    logits, target = case()

    def loss(logits, target=target):
        return example.ldam(logits, target, COUNTS, scale=3.0)

    assert torch.autograd.gradgradcheck(loss, logits)
    rows = logits.detach().reshape(2, 3, 4), target.reshape(2, 3)
    expected = [loss(*row) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(torch.vmap(loss)(*rows), torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.ldam, *case(), COUNTS)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    logits, target = case()
    with pytest.raises(ValueError, match=r"got \(6, 4\) and \(6, 1\)"):
        example.ldam(logits, target[:, None], COUNTS)
    with pytest.raises(ValueError, match=r"here \(4,\), got \(3,\)"):
        example.ldam(logits, target, COUNTS[:3])
    with pytest.raises(ValueError, match="got -1 and 30"):
        example.ldam(logits, target, COUNTS, max_margin=-1)
    with pytest.raises(ValueError, match="got 'avg'"):
        example.ldam(logits, target, COUNTS, reduction="avg")
