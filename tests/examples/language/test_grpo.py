"""GRPO against a loop over its definition."""

import pytest
import torch

import ownloss

LENGTHS = [3, 0, 5, 1]
AGGREGATES = ["sequence", "token", "constant"]


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    log_prob = torch.rand(4, 6, dtype=torch.float64).log().requires_grad_()
    old = torch.rand(4, 6, dtype=torch.float64).log()
    mask = torch.arange(6) < torch.tensor(LENGTHS)[:, None]
    return log_prob, old, torch.tensor([1.0, 2, -1, 0.5]).double(), mask


def by_definition(log_prob, old, advantage, mask, low, high, aggregate):
    rows = []
    for i, length in enumerate(LENGTHS):
        row = []
        for t in range(length):
            r = torch.exp(log_prob[i, t] - old[i, t])
            clipped = r.clamp(1 - low, 1 + high)
            row.append(-torch.min(r * advantage[i], clipped * advantage[i]))
        rows.append(row)
    if aggregate == "sequence":
        means = [sum(row) / len(row) for row in rows if row]
        return sum(means) / len(means)
    divisor = sum(LENGTHS) if aggregate == "token" else mask.numel()
    return sum(map(sum, rows)) / divisor


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("clips", [(0.2, 0.2), (0.1, 0.5), (0.0, 2.0)])
def test_value_and_gradient_are_those_of_the_definition(
    example, inputs, aggregate, clips
):
    loss = example.grpo(*inputs, *clips, aggregate=aggregate)
    expected = by_definition(*inputs, *clips, aggregate)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-9)
    ours, right = (torch.autograd.grad(-1.7 * x, inputs[0]) for x in (loss, expected))
    torch.testing.assert_close(ours, right, rtol=0, atol=1e-9)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_nan_under_the_mask_does_not_spread(example, inputs, aggregate):
    log_prob, old, advantage, mask = inputs
    right = example.grpo(*inputs, aggregate=aggregate)
    broken = old.masked_fill(~mask, torch.nan)
    loss = example.grpo(log_prob, broken, advantage, mask, aggregate=aggregate)
    torch.testing.assert_close(loss, right)
    ours, clean = (torch.autograd.grad(x, log_prob) for x in (loss, right))
    torch.testing.assert_close(ours, clean)
    loss = example.grpo(log_prob, old, advantage, mask & False, aggregate=aggregate)
    assert loss.item() == 0
    assert torch.autograd.grad(loss, log_prob)[0].count_nonzero() == 0
    empty = torch.ones(0, 3)
    assert example.grpo(empty, empty, empty[:, 0], empty, aggregate=aggregate) == 0


def test_clipped_tails_are_finite(example):
    log_prob = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    loss = example.grpo(
        log_prob, torch.zeros(2, 1), torch.tensor([1.0, -1]), torch.ones(2, 1)
    )
    assert loss.item() == pytest.approx((-1.2 + 0.8) / 2)
    assert torch.autograd.grad(loss, log_prob)[0].tolist() == [[0], [0]]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_a_sum_beyond_float16_does_not_overflow(example, aggregate):
    zeros = torch.zeros(2, 10_000, dtype=torch.float16)
    given = zeros[:, 0] + 8, torch.ones(2, 10_000)
    loss = example.grpo(zeros, zeros, *given, aggregate=aggregate)
    assert loss.dtype == torch.float16
    assert loss.item() == -8


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.grpo, *inputs)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    a, b = torch.ones(3, 4), torch.ones(4)
    for wrong in ((a, a, b, a), (a, a, a, a), (a, b, b[:3], a), (a, a, b[:3], b)):
        with pytest.raises(ValueError) as error:
            example.grpo(*wrong)
        got = "got {}, {}, {} and {}".format(*(tuple(x.shape) for x in wrong))
        assert got in str(error.value)
    good = a, a, b[:3], a
    with pytest.raises(ValueError, match=r"aggregate must be .* got 'mean'"):
        example.grpo(*good, aggregate="mean")
