"""RankNet against a loop over the pairs of a list."""

import numpy as np
import pytest
import torch
from scipy.special import expit

import ownloss

GRADES = [[2.0, 0.0, 1.0, 0.0, 2.0], [0.0, 3.0, 0.0, 0.0, 1.0]]


def case(dtype=torch.float64):
    scores = torch.linspace(-3, 4, 10, dtype=dtype).sin().mul(3).reshape(2, 5)
    return scores.requires_grad_(), torch.tensor(GRADES, dtype=dtype)


def by_pairs(scores, target):
    total, slopes = 0.0, np.zeros_like(scores)
    for row, (s, t) in enumerate(zip(scores, target, strict=True)):
        for i in range(len(s)):
            for j in range(len(s)):
                if t[i] > t[j]:
                    total += np.log1p(np.exp(s[j] - s[i]))
                    slopes[row, i] -= expit(s[j] - s[i])
                    slopes[row, j] += expit(s[j] - s[i])
    return total, slopes


def test_value_and_gradient(example):
    scores, target = case()
    value, slopes = by_pairs(scores.detach().numpy(), target.numpy())
    loss = example.ranknet(scores, target)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    (gradient,) = torch.autograd.grad(2.5 * loss, scores)
    np.testing.assert_allclose(gradient, 2.5 * slopes, rtol=0, atol=1e-12)


def test_it_is_the_sum_over_lists(example):
    scores, target = case()
    rows = [example.ranknet(*row) for row in zip(scores, target, strict=True)]
    torch.testing.assert_close(example.ranknet(scores, target), sum(rows))


@pytest.mark.parametrize("score", [0.0, torch.nan, torch.inf, -torch.inf])
def test_what_has_no_relevance_is_not_there(example, score):
    scores, target = case()
    pad = torch.nn.functional.pad
    wider, padded = pad(scores, (0, 3), value=score), pad(target, (0, 3), value=np.nan)
    alone = example.ranknet(scores, target)
    loss = example.ranknet(wider, padded)
    torch.testing.assert_close(loss, alone)
    (ours,), (theirs,) = (torch.autograd.grad(x, scores) for x in (loss, alone))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shape", [(0,), (1,), (2, 0), (2, 3)])
def test_without_a_pair_it_is_0_and_so_is_the_gradient(example, shape):
    scores = torch.zeros(shape, requires_grad=True)
    loss = example.ranknet(scores, torch.ones(shape))
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, scores)
    assert gradient.count_nonzero() == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_far_tails_are_finite(example, dtype):
    target = torch.tensor([1, 0])
    for sign, value in ((1, 0), (-1, 2e4)):
        scores = sign * torch.tensor([1e4, -1e4], dtype=dtype)
        loss = example.ranknet(scores.requires_grad_(), target)
        assert loss.item() == value
        (gradient,) = torch.autograd.grad(loss, scores)
        assert gradient.tolist() == ([0, 0] if sign == 1 else [-1, 1])


def test_a_large_sum_in_float16_is_added_up_in_float32(example):
    scores = torch.zeros(200, dtype=torch.float16)
    loss = example.ranknet(scores, torch.arange(200))
    assert loss.item() == pytest.approx(19_900 * np.log(2), rel=1e-3)


def test_it_has_a_second_derivative_and_vmap_is_a_loop(example):
    scores, target = case()
    assert torch.autograd.gradgradcheck(example.ranknet, (scores, target))
    each = torch.vmap(example.ranknet)(scores.detach(), target)
    rows = [example.ranknet(*row) for row in zip(scores, target, strict=True)]
    torch.testing.assert_close(each, torch.stack(rows).detach())


def test_the_checker_agrees(example):
    report = ownloss.check(example.ranknet, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("shapes", [((3, 4), (4,)), ((3, 4), (3, 1)), ((), ())])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.ranknet(*map(torch.zeros, shapes))
    assert "same shape (..., L), got {} and {}".format(*shapes) in str(error.value)
