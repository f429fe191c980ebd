"""Circle against a loop over rows and pairs, with weights that are plain numbers."""

import math

import pytest
import torch

import ownloss


def case(n=7, d=3):
    rows = torch.linspace(-2, 30, n * d, dtype=torch.float64).sin().reshape(n, d)
    return (rows * 3).requires_grad_(), torch.tensor([0, 1, 0, 2, 1, 0, 5])[:n]


def by_loop(rows, target, m, gamma):
    losses = []
    for i, own in enumerate(target.tolist()):
        positive, negative = [], []
        for k, label in enumerate(target.tolist()):
            s = rows[i] @ rows[k] / (rows[i].norm() * rows[k].norm())
            if label != own:
                alpha = max(0.0, s.item() + m)
                negative.append(torch.exp(gamma * alpha * (s - m)))
            elif k != i:
                alpha = max(0.0, 1 + m - s.item())
                positive.append(torch.exp(-gamma * alpha * (s - (1 - m))))
        if positive and negative:
            losses.append(torch.log1p(sum(negative) * sum(positive)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("options", [(0.4, 80.0), (0.25, 3.0), (0.0, 1.0)])
def test_value_and_gradient_are_those_of_a_loop(example, options):
    rows, target = case()
    loss = example.circle(rows, target, *options)
    expected = by_loop(rows, target, *options)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    (ours,) = torch.autograd.grad(loss, rows, upstream)
    (theirs,) = torch.autograd.grad(expected, rows, upstream)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_the_options_have_their_defaults(example):
    expected = by_loop(*case(), 0.4, 80.0)
    assert example.circle(*case()).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("target", [[], [3], [0, 1, 2], [4, 4, 4]])
def test_without_both_kinds_of_pair_it_is_0(example, target):
    rows = torch.rand(len(target), 2, requires_grad=True)
    loss = example.circle(rows, torch.tensor(target, dtype=torch.int64))
    loss.backward()
    assert loss == 0
    assert not rows.grad.any()


def test_a_row_without_a_positive_does_not_dilute_the_mean(example):
    rows, target = case(4)  # classes 0, 1, 0, 2: two rows count
    assert example.circle(rows, target).item() == pytest.approx(
        by_loop(rows, target, 0.4, 80.0).item()
    )


def test_extremes_are_finite(example):
    rows, target = case()
    loss = example.circle(rows, target, gamma=1e6)
    (gradient,) = torch.autograd.grad(loss, rows)
    assert loss.isfinite() and gradient.isfinite().all()
    zeros = torch.zeros(3, 2, requires_grad=True)
    loss = example.circle(zeros, torch.tensor([0, 0, 1]), gamma=1.0)
    loss.backward()
    # All cosines are 0: 1.4 * 0.6 from the positive and -0.4 * 0.4.
    assert loss.item() == pytest.approx(math.log1p(math.exp(0.84 - 0.16)))
    assert zeros.grad.isfinite().all()
    half = example.circle(rows.detach().half(), target)
    full = example.circle(rows, target)
    assert half.item() == pytest.approx(full.item(), rel=1e-2)


def test_vmap_and_the_checker(example):
    rows, target = case()
    stack = torch.stack([rows, 2 * rows.roll(1, 0)]).detach()
    each = torch.vmap(example.circle, (0, None))(stack, target)
    expected = torch.stack([example.circle(one, target) for one in stack])
    torch.testing.assert_close(each, expected)
    report = ownloss.check(example.circle, *case(6, 4))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    for other in [(1,), (7, 1), (3,)]:
        with pytest.raises(ValueError) as error:
            example.circle(case()[0], torch.zeros(other, dtype=torch.int64))
        assert f"got (7, 3) and {other}" in str(error.value)
    with pytest.raises(ValueError, match=r"gamma must be .* got 0\.0"):
        example.circle(*case(), gamma=0.0)
    with pytest.raises(ValueError, match=r"m must .* got 1\.5"):
        example.circle(*case(), m=1.5)
