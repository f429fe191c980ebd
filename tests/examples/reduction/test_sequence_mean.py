"""The mean over sequences against a loop over their tokens."""

import pytest
import torch

import ownloss

LENGTHS = [3, 0, 5, 1]


def case(lengths=LENGTHS, dtype=torch.float64):
    loss = torch.linspace(-2, 3, 5 * len(lengths), dtype=dtype).sin()
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    return loss.reshape(-1, 5).requires_grad_(), mask


def test_value_and_gradient_are_those_of_a_loop(example):
    loss, mask = case()
    rows = [row[:length] for row, length in zip(loss, LENGTHS, strict=True) if length]
    expected = sum(sum(row) / len(row) for row in rows) / len(rows)
    mean = example.sequence_mean(loss, mask)
    torch.testing.assert_close(mean, expected, rtol=0, atol=1e-12)
    upstream = torch.tensor(2.5, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(x, loss, upstream) for x in (mean, expected))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_weights_are_a_weighted_mean_within_a_sequence(example):
    loss, mask = case([3, 5])
    weights = mask * loss.detach().exp()
    rows = [(loss[i] * weights[i]).sum() / weights[i].sum() for i in range(2)]
    mean = example.sequence_mean(loss, weights)
    torch.testing.assert_close(mean, sum(rows) / 2, rtol=0, atol=1e-12)


def test_padding_and_empty_sequences_change_nothing(example):
    loss, mask = case()
    alone = example.sequence_mean(loss, mask)
    wider = torch.nn.functional.pad(loss, (0, 3, 0, 2), value=torch.nan)
    masked = torch.nn.functional.pad(mask, (0, 3, 0, 2))
    mean = example.sequence_mean(wider, masked)
    torch.testing.assert_close(mean, alone)
    (gradient,) = torch.autograd.grad(mean, loss)
    torch.testing.assert_close(gradient, torch.autograd.grad(alone, loss)[0])


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 3)])
def test_where_nothing_counts_it_is_0_and_so_is_the_gradient(example, shape):
    loss = torch.full(shape, torch.nan, requires_grad=True)
    mean = example.sequence_mean(loss, torch.zeros(shape))
    assert mean.item() == 0
    (gradient,) = torch.autograd.grad(mean, loss)
    assert gradient.count_nonzero() == 0


def test_sequences_of_one_length_make_it_the_mean_over_tokens(example):
    loss, mask = case([4, 4])
    torch.testing.assert_close(example.sequence_mean(loss, mask), loss[mask].mean())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_sum_beyond_float16_does_not_overflow(example, dtype):
    loss = torch.full((2, 10_000), 8.0, dtype=dtype)
    mean = example.sequence_mean(loss, torch.ones(2, 10_000, dtype=torch.bool))
    assert mean.dtype == dtype
    assert mean.item() == 8


def test_the_checker_agrees_when_it_is_told_the_mask(example):
    loss, mask = case()
    for told in (None, mask):
        report = ownloss.check(example.sequence_mean, loss, mask, mask=told)
        assert report.ran and report.ok, report


@pytest.mark.parametrize("shapes", [((3, 4), (4,)), ((3, 4), (3, 1)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.sequence_mean(*map(torch.ones, shapes))
    assert "same shape (N, T), got {} and {}".format(*shapes) in str(error.value)
