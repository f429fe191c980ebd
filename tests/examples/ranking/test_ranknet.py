"""RankNet against a loop over pairs."""

import itertools
import math

import pytest
import torch

import ownloss


def case(shape=(3, 5)):
    n = math.prod(shape)
    scores = torch.linspace(-3, 20, n, dtype=torch.float64).sin().mul(4)
    return scores.reshape(shape).requires_grad_(), (torch.arange(n) ** 2 % 4).reshape(
        shape
    )


def by_loop(scores, target):
    total, gradient = 0.0, torch.zeros_like(scores)
    for row, (s, t) in enumerate(zip(scores.tolist(), target.tolist(), strict=True)):
        for i, j in itertools.permutations(range(len(s)), 2):
            if t[i] > t[j]:
                total += math.log1p(math.exp(s[j] - s[i]))
                wrong = 1 / (1 + math.exp(s[i] - s[j]))
                gradient[row, i] -= wrong
                gradient[row, j] += wrong
    return total, gradient


def test_value_and_gradient_are_those_of_a_loop(example):
    scores, target = case()
    expected, slope = by_loop(scores.detach(), target)
    loss = example.ranknet(scores, target)
    (gradient,) = torch.autograd.grad(loss, scores, torch.tensor(-2.5).double())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, -2.5 * slope)
    alone = sum(example.ranknet(*row) for row in zip(scores, target, strict=True))
    torch.testing.assert_close(loss, alone)


@pytest.mark.parametrize("score", [0.0, torch.nan, torch.inf])
def test_padding_is_in_no_pair(example, score):
    scores = torch.tensor([0.5, 1.0, score], requires_grad=True)
    loss = example.ranknet(scores, torch.tensor([1.0, 0.0, torch.nan]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log1p(math.exp(0.5)))
    assert scores.grad[2] == 0
    assert scores.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(0,), (1,), (2, 0), (4,)])
def test_without_pairs_it_is_0(example, shape):
    scores = torch.rand(shape, requires_grad=True)
    loss = example.ranknet(scores, torch.ones(shape))
    loss.backward()
    assert loss == 0
    assert not scores.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_far_tails_are_finite(example, dtype):
    scores = torch.tensor([-1e4, 1e4], dtype=dtype, requires_grad=True)
    loss = example.ranknet(scores, torch.tensor([1, 0]))
    loss.backward()
    assert loss == 2e4
    assert scores.grad.tolist() == [-1, 1]


def test_higher_derivatives_vmap_and_the_checker(example):
    scores, target = case()
    assert torch.autograd.gradgradcheck(example.ranknet, (scores, target))
    each = torch.vmap(example.ranknet)(scores, target)
    torch.testing.assert_close(each.sum(), example.ranknet(scores, target))
    report = ownloss.check(example.ranknet, *case((6,)))
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(3, 1), (5,), (1, 5)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.ranknet(case()[0], torch.zeros(other))
    assert f"same shape (..., L), got (3, 5) and {other}" in str(error.value)
