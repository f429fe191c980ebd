"""NT-Xent against a loop over pairs, and torch's cross entropy for two views."""

import math

import pytest
import torch

import ownloss


def case(n=7, d=3):
    rows = torch.linspace(-2, 30, n * d, dtype=torch.float64).sin().reshape(n, d)
    return (rows * 3).requires_grad_(), torch.tensor([0, 1, 0, 2, 1, 0, 5])[:n]


def by_loop(rows, target, temperature):
    losses, labels = [], target.tolist()
    for i, own in enumerate(labels):
        z = [rows[i] @ r / (rows[i].norm() * r.norm()) / temperature for r in rows]
        others = [torch.exp(z[k]) for k, label in enumerate(labels) if label != own]
        for p, label in enumerate(labels):
            if p != i and label == own:
                losses.append(torch.log(torch.exp(z[p]) + sum(others)) - z[p])
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_value_and_gradient_are_those_of_a_loop(example, temperature):
    rows, target = case()
    loss = example.ntxent(rows, target, temperature)
    expected = by_loop(rows, target, temperature)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    (ours,) = torch.autograd.grad(loss, rows, upstream)
    (theirs,) = torch.autograd.grad(expected, rows, upstream)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_two_views_are_simclrs_cross_entropy(example):
    rows = case(6)[0]
    unit = rows / rows.norm(dim=1, keepdim=True)
    logits = (unit @ unit.T / 0.5).fill_diagonal_(-torch.inf)
    expected = torch.nn.functional.cross_entropy(logits, (torch.arange(6) + 3) % 6)
    loss = example.ntxent(rows, torch.arange(3).repeat(2))
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 0], []])
def test_without_positives_or_negatives_it_is_0(example, labels):
    rows = torch.rand(len(labels), 2, requires_grad=True)
    loss = example.ntxent(rows, torch.tensor(labels, dtype=torch.int64))
    loss.backward()
    assert loss == 0
    assert not rows.grad.any()


def test_a_tiny_temperature_and_rows_of_zeros_are_finite(example):
    rows, target = case()
    loss = example.ntxent(rows, target, 1e-4)
    loss.backward()
    assert loss.isfinite() and rows.grad.isfinite().all()
    zeros = torch.zeros(4, 2, requires_grad=True)
    loss = example.ntxent(zeros, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(3))
    assert zeros.grad.isfinite().all()
    half = example.ntxent(rows.detach().half().requires_grad_(), target)
    half.backward()
    assert half.item() == pytest.approx(example.ntxent(rows, target).item(), rel=1e-2)


def test_higher_derivatives_vmap_and_the_checker(example):
    rows, target = case()
    assert torch.autograd.gradgradcheck(example.ntxent, (rows, target))
    stack = torch.stack([rows, 2 * rows.roll(1, 0)]).detach()
    each = torch.vmap(example.ntxent, (0, None))(stack, target)
    expected = torch.stack([example.ntxent(one, target) for one in stack])
    torch.testing.assert_close(each, expected)
    report = ownloss.check(example.ntxent, *case(6, 4))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    for other in [(1,), (7, 1), (3,)]:
        with pytest.raises(ValueError) as error:
            example.ntxent(case()[0], torch.zeros(other, dtype=torch.int64))
        assert f"got (7, 3) and {other}" in str(error.value)
    with pytest.raises(ValueError, match=r"temperature must be .* got 0\.0"):
        example.ntxent(*case(), 0.0)
