"""Multi-similarity against a loop over rows and pairs."""

import math

import pytest
import torch

import ownloss


def case(n=7, d=3):
    rows = torch.linspace(-2, 30, n * d, dtype=torch.float64).sin().reshape(n, d)
    return (rows * 3).requires_grad_(), torch.tensor([0, 1, 0, 2, 1, 0, 5])[:n]


def by_loop(rows, target, alpha, beta, base):
    total, labels = 0, target.tolist()
    for i, own in enumerate(labels):
        positive = negative = 1
        for k, label in enumerate(labels):
            c = rows[i] @ rows[k] / (rows[i].norm() * rows[k].norm()) - base
            if label != own:
                negative = negative + torch.exp(beta * c)
            elif k != i:
                positive = positive + torch.exp(-alpha * c)
        total = total + sum(
            torch.log(torch.as_tensor(x)) / y
            for x, y in ((positive, alpha), (negative, beta))
        )
    return total / len(rows)


@pytest.mark.parametrize("options", [(2.0, 50.0, 0.5), (1.0, 3.0, -0.2)])
def test_value_and_gradient_are_those_of_a_loop(example, options):
    rows, target = case()
    loss = example.multi_similarity(rows, target, *options)
    expected = by_loop(rows, target, *options)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    (ours,) = torch.autograd.grad(loss, rows, upstream)
    (theirs,) = torch.autograd.grad(expected, rows, upstream)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_the_options_have_their_defaults(example):
    expected = by_loop(*case(), 2.0, 50.0, 0.5)
    assert example.multi_similarity(*case()).item() == pytest.approx(expected.item())


def test_no_rows_and_a_single_one(example):
    for n in (0, 1):
        rows = torch.rand(n, 2, requires_grad=True)
        loss = example.multi_similarity(rows, torch.arange(n))
        loss.backward()
        assert loss == 0
        assert not rows.grad.any()


def test_extremes_are_finite(example):
    rows, target = case()
    loss = example.multi_similarity(rows, target, 1e4, 1e4)
    (gradient,) = torch.autograd.grad(loss, rows)
    assert loss.isfinite() and gradient.isfinite().all()
    zeros = torch.zeros(2, 2, requires_grad=True)
    loss = example.multi_similarity(zeros, torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(1 + math.e) / 2)
    assert zeros.grad.isfinite().all()
    half = example.multi_similarity(rows.detach().half(), target)
    full = example.multi_similarity(rows, target)
    assert half.item() == pytest.approx(full.item(), rel=1e-2)


def test_higher_derivatives_vmap_and_the_checker(example):
    rows, target = case()
    assert torch.autograd.gradgradcheck(example.multi_similarity, (rows, target))
    stack = torch.stack([rows, 2 * rows.roll(1, 0)]).detach()
    each = torch.vmap(example.multi_similarity, (0, None))(stack, target)
    expected = torch.stack([example.multi_similarity(one, target) for one in stack])
    torch.testing.assert_close(each, expected)
    report = ownloss.check(example.multi_similarity, *case(6, 4))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    for other in [(1,), (7, 1), (3,)]:
        with pytest.raises(ValueError) as error:
            example.multi_similarity(case()[0], torch.zeros(other, dtype=torch.int64))
        assert f"got (7, 3) and {other}" in str(error.value)
    with pytest.raises(ValueError, match=r"beta must be .* got 0\.0"):
        example.multi_similarity(*case(), beta=0.0)
