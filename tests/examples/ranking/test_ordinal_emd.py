"""Ordinal EMD against a loop over grades."""

import math

import pytest
import torch

import ownloss


def case(n=5, k=4):
    logits = torch.linspace(-3, 20, n * k, dtype=torch.float64).sin().mul(3)
    return logits.reshape(n, k).requires_grad_(), torch.arange(n) * 3 % k


def by_loop(logits, target):
    total = 0.0
    for z, y in zip(logits.tolist(), target.tolist(), strict=True):
        weight = [math.exp(x) for x in z]
        for k in range(len(z)):
            total += (sum(weight[: k + 1]) / sum(weight) - (k >= y)) ** 2
    return total / len(logits)


@pytest.mark.parametrize("k", [1, 2, 4, 7])
def test_value_and_gradient_are_those_of_a_loop(example, k):
    logits, target = case(k=k)
    loss = example.ordinal_emd(logits, target)
    plain = logits.detach()
    assert loss.item() == pytest.approx(by_loop(plain, target), abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    for i in range(5):
        for j in range(k):
            step = torch.zeros_like(plain)
            step[i, j] = 1e-6
            up, down = by_loop(plain + step, target), by_loop(plain - step, target)
            slope = -2.5 * (up - down) / 2e-6
            assert gradient[i, j].item() == pytest.approx(slope, abs=1e-8)


def test_sure_and_wrong_costs_the_steps_between(example):
    logits = torch.tensor([[0.0, 0.0, 0.0, 1e4]], requires_grad=True)
    loss = [example.ordinal_emd(logits, torch.tensor([y])).item() for y in range(4)]
    assert loss == [3, 2, 1, 0]
    example.ordinal_emd(logits, torch.tensor([0])).backward()
    assert logits.grad.isfinite().all()


def test_no_rows_half_precision_second_derivatives_and_the_checker(example):
    empty = torch.zeros(0, 3, requires_grad=True)
    loss = example.ordinal_emd(empty, torch.zeros(0).long())
    loss.backward()
    assert loss == 0
    logits, target = case()
    half = example.ordinal_emd(logits.half(), target)
    assert half.dtype == torch.float16
    assert half.item() == pytest.approx(by_loop(logits.detach(), target), rel=1e-2)
    assert torch.autograd.gradgradcheck(example.ordinal_emd, (logits, target))
    report = ownloss.check(example.ordinal_emd, *case(6, 3))
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(1,), (5, 1), (4,)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.ordinal_emd(case()[0], torch.zeros(other).long())
    assert f"got (5, 4) and {other}" in str(error.value)
