"""PPO's clipped loss against a loop over its definition."""

import math

import pytest
import torch

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    log_prob = torch.rand(4, 6, dtype=torch.float64).log().requires_grad_()
    advantage = torch.randn(4, 6, dtype=torch.float64)
    return log_prob, torch.rand(4, 6, dtype=torch.float64).log(), advantage


def by_definition(log_prob, old, advantage, clip, mask):
    total, gradient = 0.0, torch.zeros_like(log_prob)
    for i in mask.nonzero().tolist():
        i = tuple(i)
        a, r = advantage[i].item(), math.exp(log_prob[i].item() - old[i].item())
        clipped = min(max(r, 1 - clip), 1 + clip)
        total -= min(r * a, clipped * a)
        if r * a <= clipped * a:
            gradient[i] = -r * a
    count = mask.double().sum()
    return total / count, gradient / count


@pytest.mark.parametrize("clip", [0.0, 0.2, 0.7])
def test_value_and_gradient_are_those_of_the_definition(example, inputs, clip):
    for mask in (None, torch.rand(4, 6) > 0.5):
        every = torch.ones(4, 6, dtype=torch.bool) if mask is None else mask
        loss = example.ppo_clip(*inputs, clip=clip, mask=mask)
        value, gradient = by_definition(*inputs, clip, every)
        torch.testing.assert_close(loss, value, rtol=0, atol=1e-9)
        (ours,) = torch.autograd.grad(-1.7 * loss, inputs[0])
        torch.testing.assert_close(ours, -1.7 * gradient, rtol=0, atol=1e-9)


def test_nan_under_the_mask_does_not_spread(example, inputs):
    log_prob, old, advantage = inputs
    mask = torch.arange(6).expand(4, 6) < 4
    clean = torch.autograd.grad(example.ppo_clip(*inputs, mask=mask), log_prob)
    broken = (x.detach().masked_fill(~mask, torch.nan) for x in (old, advantage))
    loss = example.ppo_clip(log_prob, *broken, mask=mask)
    value, _ = by_definition(*inputs, 0.2, mask)
    torch.testing.assert_close(loss, value, rtol=0, atol=1e-9)
    torch.testing.assert_close(torch.autograd.grad(loss, log_prob), clean)


@pytest.mark.parametrize("shape", [(0,), (3,)])
def test_where_nothing_counts_it_is_0_with_gradient_0(example, shape):
    log_prob = torch.full(shape, torch.nan, requires_grad=True)
    given = torch.zeros(shape), torch.ones(shape)
    loss = example.ppo_clip(log_prob, *given, mask=torch.zeros(shape))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, log_prob)[0].count_nonzero() == 0


def test_clipped_tails_are_finite(example):
    log_prob = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = example.ppo_clip(log_prob, torch.zeros(2), torch.tensor([1.0, -1.0]))
    assert loss.item() == pytest.approx((-1.2 + 0.8) / 2)
    assert torch.autograd.grad(loss, log_prob)[0].tolist() == [0, 0]


def test_a_sum_beyond_float16_does_not_overflow(example):
    zeros = torch.zeros(10_000, dtype=torch.float16)
    assert example.ppo_clip(zeros, zeros, zeros + 8).item() == -8


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.ppo_clip, *inputs)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    a, b = torch.ones(3, 4), torch.ones(4)
    with pytest.raises(ValueError, match=r"same shape, got .*\(3, 4\) and \(4,\)"):
        example.ppo_clip(a, a, a, mask=b)
    with pytest.raises(ValueError, match=r"same shape, got \(3, 4\), \(3, 4\), \(4,\)"):
        example.ppo_clip(a, a, b)
