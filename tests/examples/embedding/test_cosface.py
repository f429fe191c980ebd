"""CosFace against a loop over rows and classes."""

import math

import pytest
import torch

import ownloss


def case(n=4, d=3, c=5):
    x = torch.linspace(-2, 30, n * d, dtype=torch.float64).sin().reshape(n, d)
    w = torch.linspace(-1, 40, c * d, dtype=torch.float64).cos().reshape(c, d)
    return x.requires_grad_(), w.requires_grad_(), torch.arange(n) * 3 % c


def by_loop(x, w, target, margin, scale):
    total = 0
    for row, label in zip(x, target.tolist(), strict=True):
        cosines = [row @ v / ((row @ row) * (v @ v)).sqrt() for v in w]
        cosines[label] = cosines[label] - margin
        total = (
            total + sum(torch.exp(scale * (c - cosines[label])) for c in cosines).log()
        )
    return total / len(x)


@pytest.mark.parametrize(("margin", "scale"), [(0.35, 16.0), (0.0, 1.0), (0.5, 30.0)])
def test_value_and_gradient_are_those_of_a_loop(example, margin, scale):
    x, w, target = case()
    loss = example.cosface(x, w, target, margin, scale)
    expected = by_loop(x, w, target, margin, scale)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    ours = torch.autograd.grad(loss, (x, w), upstream)
    theirs = torch.autograd.grad(expected, (x, w), upstream)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_defaults_are_035_and_16(example):
    assert example.cosface(*case()) == example.cosface(*case(), 0.35, 16.0)


def test_extremes_are_finite(example):
    x, w, target = case()
    loss = example.cosface(x, w, target, scale=1e4)
    assert all(g.isfinite().all() for g in torch.autograd.grad(loss, (x, w)))
    zeros = torch.zeros(2, 3, requires_grad=True)
    loss = example.cosface(zeros, torch.ones(5, 3), torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(math.log(1 + 4 * math.exp(5.6)))
    loss.backward()
    assert zeros.grad.isfinite().all()
    half = x.detach().half(), w.detach().half(), target
    assert example.cosface(*half).dtype == torch.float16


def test_higher_derivatives_and_the_checker(example):
    x, w, target = case(3, 2, 4)
    assert torch.autograd.gradgradcheck(example.cosface, (x, w, target))
    report = ownloss.check(example.cosface, *case(6, 4, 3))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    x, w, target = case()
    for shapes in [
        ((4, 2), (5, 3), (4,)),
        ((4, 3), (5, 3), (1,)),
        ((3,), (5, 3), (4,)),
    ]:
        first, second, third = (torch.zeros(shape) for shape in shapes)
        with pytest.raises(ValueError) as error:
            example.cosface(first, second, third.long())
        assert f"got {shapes[0]}, {shapes[1]} and {shapes[2]}" in str(error.value)
    with pytest.raises(ValueError, match=r"margin must be .* got -0\.1"):
        example.cosface(x, w, target, margin=-0.1)
    with pytest.raises(ValueError, match=r"scale must be .* got 0\.0"):
        example.cosface(x, w, target, scale=0.0)
