"""The ordinal EMD against a loop, its gradient in closed form."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

import ownloss


def case(dtype=torch.float64):
    logits = torch.linspace(-5, 6, 20, dtype=dtype).sin().mul(3).reshape(5, 4)
    return logits.requires_grad_(), torch.tensor([0, 3, -100, 1, 2])


def by_numpy(logits, target):
    total, slopes = 0.0, np.zeros_like(logits)
    for i, (z, t) in enumerate(zip(logits, target, strict=True)):
        if t < 0:
            continue
        p = softmax(z)
        for k in range(len(z) - 1):
            below = p[: k + 1].sum()
            difference = below - (t <= k)
            total += difference**2
            for j in range(len(z)):
                slopes[i, j] += 2 * p[j] * difference * ((j <= k) - below)
    count = sum(t >= 0 for t in target)
    return total / count, slopes / count


def test_value_and_gradient(example):
    logits, target = case()
    value, slopes = by_numpy(logits.detach().numpy(), target.tolist())
    loss = example.ordinal_emd(logits, target)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    (gradient,) = torch.autograd.grad(2.5 * loss, logits)
    np.testing.assert_allclose(gradient, 2.5 * slopes, rtol=0, atol=1e-12)


def test_a_sure_wrong_grade_costs_its_distance(example):
    sure = 1e4 * torch.eye(5)
    for grade in range(5):
        loss = example.ordinal_emd(sure[grade : grade + 1], torch.tensor([1]))
        assert loss.item() == abs(grade - 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_far_tails_are_finite(example, dtype):
    logits = torch.tensor([[1e4, 0, -1e4]], dtype=dtype, requires_grad=True)
    loss = example.ordinal_emd(logits, torch.tensor([2]))
    assert loss.dtype == dtype
    assert loss.item() == 2
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("rows", [0, 2])
def test_what_is_ignored_may_be_nan_and_alone_is_0(example, rows):
    logits = torch.full((rows, 3), torch.nan, requires_grad=True)
    loss = example.ordinal_emd(logits, torch.full((rows,), -100))
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.count_nonzero() == 0


def test_it_has_a_second_derivative_and_vmap_is_a_loop(example):
    logits, target = case()
    assert torch.autograd.gradgradcheck(example.ordinal_emd, (logits, target))
    both = torch.stack([logits, -logits]).detach()
    each = torch.vmap(example.ordinal_emd, (0, None))(both, target)
    rows = [example.ordinal_emd(row, target) for row in both]
    torch.testing.assert_close(each, torch.stack(rows))


def test_the_checker_agrees(example):
    report = ownloss.check(example.ordinal_emd, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(4,), (5, 1), (5, 4), ()])
def test_shapes_that_do_not_fit_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.ordinal_emd(torch.zeros(5, 4), torch.zeros(other, dtype=torch.int64))
    assert f"(N, K) and (N,), got (5, 4) and {other}" in str(error.value)
