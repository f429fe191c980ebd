"""The weighted kappa against confusion matrices, and a loop with its gradient."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

import ownloss


def case(dtype=torch.float64):
    logits = torch.linspace(-5, 6, 24, dtype=dtype).sin().mul(3).reshape(6, 4)
    return logits.requires_grad_(), torch.tensor([0, 3, -100, 1, 2, 0])


def by_numpy(logits, target):
    """From a soft confusion matrix, and the formula's gradient through softmax."""
    kept = [i for i, t in enumerate(target) if t >= 0]
    classes = logits.shape[1]
    p = softmax(logits, axis=1)
    confusion = np.zeros((classes, classes))
    for i in kept:
        confusion[target[i]] += p[i] / len(kept)
    weights = np.array([[(i - k) ** 2 for k in range(classes)] for i in range(classes)])
    chance = np.outer(confusion.sum(1), confusion.sum(0))
    bottom = (weights * chance).sum()
    loss = (weights * confusion).sum() / bottom
    slopes = np.zeros_like(logits)
    for i in kept:
        of_chance = confusion.sum(1) @ weights
        slope = (weights[target[i]] - loss * of_chance) / bottom / len(kept)
        slopes[i] = p[i] * (slope - p[i] @ slope)
    return loss, slopes


def test_value_and_gradient(example):
    logits, target = case()
    value, slopes = by_numpy(logits.detach().numpy(), target.tolist())
    loss = example.weighted_kappa(logits, target)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    (gradient,) = torch.autograd.grad(2.5 * loss, logits)
    np.testing.assert_allclose(gradient, 2.5 * slopes, rtol=0, atol=1e-12)


def test_sure_predictions_give_cohens_kappa(example):
    """Worked by head: A = 1 + 4 + 1 of six, B from the margins, over six."""
    target = torch.tensor([0, 0, 1, 1, 2, 2])
    predicted = torch.tensor([0, 1, 1, 1, 0, 1])
    # Grades (2, 2, 2), predictions (2, 4, 0): (2 * 5 + 4 * 2) * 2 / 6 = 6
    logits = 1e4 * torch.nn.functional.one_hot(predicted, 3).double()
    loss = example.weighted_kappa(logits, target)
    assert loss.item() == pytest.approx(6 / 6, abs=1e-12)
    better = predicted.clone()
    better[4] = 2  # A = 2; predictions (1, 4, 1): (5 + 4 * 2 + 5) * 2 / 6 = 6
    logits = 1e4 * torch.nn.functional.one_hot(better, 3).double()
    loss = example.weighted_kappa(logits, target)
    assert loss.item() == pytest.approx(2 / 6, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_far_tails_and_a_big_batch_are_finite(example, dtype):
    target = torch.arange(20_000) % 10
    logits = (1e4 * torch.eye(10, dtype=dtype))[(target * 3) % 10].requires_grad_()
    loss = example.weighted_kappa(logits, target)
    assert loss.dtype == dtype
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("rows", [0, 2])
def test_what_is_ignored_may_be_nan_and_alone_is_0(example, rows):
    logits = torch.full((rows, 3), torch.nan, requires_grad=True)
    loss = example.weighted_kappa(logits, torch.full((rows,), -100))
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.count_nonzero() == 0


def test_nan_beside_others_does_not_spread(example):
    logits, target = case()
    spoilt = logits.detach().clone()
    spoilt[2] = torch.nan
    spoilt.requires_grad_()
    loss = example.weighted_kappa(spoilt, target)
    assert loss == example.weighted_kappa(logits, target)
    assert torch.autograd.grad(loss, spoilt)[0].isfinite().all()


def test_all_of_one_grade_and_sure_is_full_agreement(example):
    logits = torch.tensor([[1e4, 0.0]] * 3, requires_grad=True)
    loss = example.weighted_kappa(logits, torch.zeros(3, dtype=torch.int64))
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.count_nonzero() == 0


def test_it_has_a_second_derivative_and_vmap_is_a_loop(example):
    logits, target = case()
    assert torch.autograd.gradgradcheck(example.weighted_kappa, (logits, target))
    both = torch.stack([logits, -logits]).detach()
    each = torch.vmap(example.weighted_kappa, (0, None))(both, target)
    rows = [example.weighted_kappa(row, target) for row in both]
    torch.testing.assert_close(each, torch.stack(rows))


def test_the_checker_agrees(example):
    report = ownloss.check(example.weighted_kappa, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(4,), (6, 1), (6, 4), ()])
def test_shapes_that_do_not_fit_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.weighted_kappa(torch.zeros(6, 4), torch.zeros(other, dtype=torch.int64))
    assert f"(N, K) and (N,), got (6, 4) and {other}" in str(error.value)
