"""The asymmetric loss against its definition, label by label in plain Python."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import ownloss
from ownloss.catalogue import load

OPTIONS = [{}, {"gamma_neg": 2.5, "gamma_pos": 0.5}, {"clip": 0.0}, {"clip": 0.3}]


def case(dtype=torch.float64):
    logits = torch.linspace(-5, 6, 24, dtype=dtype).sin().mul(4).reshape(6, 4)
    target = (torch.arange(24) % 3 == 1).to(dtype).reshape(6, 4)
    return logits.requires_grad_(), target


def by_definition(logits, target, gamma_neg=4.0, gamma_pos=1.0, clip=0.05):
    """The value and the gradient of the mean over rows, from p alone."""
    total, slopes = 0.0, []
    for z, t in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-z))
        if t:
            total -= (1 - p) ** gamma_pos * math.log(p)
            slope = gamma_pos * (1 - p) ** (gamma_pos - 1) * math.log(p)
            slope -= (1 - p) ** gamma_pos / p
        else:
            m = max(p - clip, 0.0)
            total -= m**gamma_neg * math.log(1 - m)
            slope = 0.0
            if m > 0:
                slope = -gamma_neg * m ** (gamma_neg - 1) * math.log(1 - m)
                slope += m**gamma_neg / (1 - m)
        slopes.append(slope * p * (1 - p))
    rows = len(logits)
    slopes = torch.tensor(slopes, dtype=torch.float64).reshape(logits.shape)
    return total / rows, slopes / rows


@pytest.mark.parametrize("options", OPTIONS)
def test_value_and_gradient_are_those_of_the_definition(example, options):
    logits, target = case()
    value, slopes = by_definition(logits, target, **options)
    loss = example.asymmetric(logits, target, **options)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(2.5).double())
    torch.testing.assert_close(gradient, 2.5 * slopes, rtol=0, atol=1e-12)


def test_without_powers_and_clip_it_is_cross_entropy(example):
    logits, target = case()
    loss = example.asymmetric(logits, target, gamma_neg=0, gamma_pos=0, clip=0)
    theirs = binary_cross_entropy_with_logits(logits, target, reduction="sum") / 6
    torch.testing.assert_close(loss, theirs)


def test_with_equal_powers_it_is_focal(example):
    logits, target = case()
    focal = load("sigmoid_focal").sigmoid_focal
    theirs = 2 * focal(logits, target, alpha=0.5, gamma=2.0, reduction="sum") / 6
    loss = example.asymmetric(logits, target, 2.0, 2.0, 0.0)
    torch.testing.assert_close(loss, theirs)


@pytest.mark.parametrize("options", OPTIONS)
def test_far_logits_are_finite(example, options):
    logits = torch.tensor([[1e4, -1e4, 1e4, -1e4]], requires_grad=True)
    loss = example.asymmetric(logits, torch.tensor([[1.0, 1, 0, 0]]), **options)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite()
    assert gradient.isfinite().all()
    assert gradient[0, 1].item() == pytest.approx(-1)  # present and denied
    assert gradient[0, 3].item() == 0


def test_an_absent_label_below_the_clip_is_left_alone(example):
    logits = torch.logit(torch.tensor([[0.01, 0.049, 0.051, 0.1]])).requires_grad_()
    loss = example.asymmetric(logits, torch.zeros(1, 4))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[0] > 0).tolist() == [False, False, True, True]


def test_second_derivatives_and_vmap(example):
    logits, target = case()
    assert torch.autograd.gradgradcheck(example.asymmetric, (logits, target))
    parts = logits.detach().reshape(2, 3, 4), target.reshape(2, 3, 4)
    each = torch.vmap(example.asymmetric)(*parts)
    expected = [example.asymmetric(*part) for part in zip(*parts, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.asymmetric, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    logits = torch.zeros(4, 1)
    with pytest.raises(ValueError, match=r"same shape \(N, L\), got \(4, 1\) and \(4,"):
        example.asymmetric(logits, torch.zeros(4))
    with pytest.raises(ValueError, match=r"got -1, 1\.0 and 0\.05"):
        example.asymmetric(logits, logits, gamma_neg=-1)
    with pytest.raises(
        ValueError, match=r"clip from 0 to below 1, got 4\.0, 1\.0 and 1"
    ):
        example.asymmetric(logits, logits, clip=1)
