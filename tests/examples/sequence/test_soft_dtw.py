"""Soft-DTW against all alignments one by one, and a textbook loop under autograd."""

import math

import pytest
import torch


def series(*shape, shift=0.0):
    numbers = torch.arange(math.prod(shape), dtype=torch.float64)
    return (numbers.square() + shift).sin().reshape(shape).requires_grad_()


def costs_of_paths(cost, i=0, j=0):
    """The cost of every path from cell i, j to the last."""
    n, m = cost.shape
    if (i, j) == (n - 1, m - 1):
        return [cost[i, j]]
    nexts = [(i + 1, j), (i, j + 1), (i + 1, j + 1)]
    return [
        cost[i, j] + rest
        for k, h in nexts
        if k < n and h < m
        for rest in costs_of_paths(cost, k, h)
    ]


def by_the_book(first, second, gamma):
    losses = []
    for x, y in zip(first, second, strict=True):
        paths = torch.stack(costs_of_paths(torch.cdist(x, y).square()))
        losses.append(-gamma * torch.logsumexp(-paths / gamma, 0))
    return torch.stack(losses)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("gamma", [0.05, 1.0, 10.0])
@pytest.mark.parametrize(("n", "m"), [(4, 4), (3, 5), (5, 2), (1, 4), (4, 1), (1, 1)])
def test_value_and_gradients_sum_over_all_alignments(example, reduction, gamma, n, m):
    x, y = series(2, n, 3), series(2, m, 3, shift=0.5)
    ours = example.soft_dtw(x, y, gamma, reduction)
    theirs = by_the_book(x, y, gamma)
    theirs = theirs if reduction == "none" else getattr(theirs, reduction)()
    torch.testing.assert_close(ours, theirs)
    upstream = torch.linspace(2, 3, ours.numel(), dtype=x.dtype).reshape(ours.shape)
    torch.testing.assert_close(
        torch.autograd.grad(ours, (x, y), upstream),
        torch.autograd.grad(theirs, (x, y), upstream),
    )


def test_gradcheck_passes_for_both_series(example):
    inputs = series(2, 5, 2), series(2, 7, 2, shift=0.3), 0.3, "none"
    assert torch.autograd.gradcheck(example.soft_dtw, inputs)


def test_a_small_gamma_is_hard_dtw_in_single_precision(example):
    x, y = series(1, 6, 1).detach().float(), series(1, 4, 1, shift=1.0).detach().float()
    x.requires_grad_()
    loss = example.soft_dtw(x, y, gamma=1e-4)
    loss.backward()
    hard = min(costs_of_paths((x[0] - y[0].T).square().detach()))
    assert loss.item() == pytest.approx(hard.item(), abs=1e-3)
    assert x.grad.dtype == torch.float32
    assert x.grad.isfinite().all()


def test_far_away_series_give_finite_gradients(example):
    x, y = 1e4 * series(2, 5, 2).detach(), series(2, 6, 2)
    example.soft_dtw(x.requires_grad_(), y).backward()
    assert x.grad.isfinite().all()
    assert y.grad.isfinite().all()


def test_a_perfect_prediction_has_no_nan(example):
    x = torch.zeros(1, 4, 1, requires_grad=True)
    example.soft_dtw(x, torch.zeros(1, 4, 1)).backward()
    assert (x.grad == 0).all()


def test_vmap_and_grad_compose(example):
    x, y = series(3, 2, 5, 2).detach(), series(3, 2, 4, 2, shift=0.2).detach()
    ours = torch.vmap(torch.func.grad(example.soft_dtw))(x, y)
    for row in range(3):
        alone = torch.func.grad(example.soft_dtw)(x[row], y[row])
        torch.testing.assert_close(ours[row], alone)


def test_transposed_memory_will_do(example):
    x, y = series(2, 5, 3), series(2, 4, 3)
    twisted = x.detach().transpose(0, 2).contiguous().transpose(0, 2)
    torch.testing.assert_close(example.soft_dtw(twisted, y), example.soft_dtw(x, y))


def test_a_second_derivative_is_refused(example):
    x, y = series(1, 3, 1), series(1, 4, 1)
    loss = example.soft_dtw(x, y)
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(NotImplementedError):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        (((2, 3, 1), (1, 3, 1)), {}, r"\(2, 3, 1\) and \(1, 3, 1\)"),
        (((2, 3, 1), (2, 3, 2)), {}, r"\(2, 3, 1\) and \(2, 3, 2\)"),
        (((3, 1), (3, 1)), {}, r"\(3, 1\) and \(3, 1\)"),
        (((2, 0, 1), (2, 3, 1)), {}, r"\(2, 0, 1\) and \(2, 3, 1\)"),
        (((2, 3, 1), (2, 3, 1)), {"gamma": 0}, "gamma .* 0"),
        (((2, 3, 1), (2, 3, 1)), {"reduction": "avg"}, "reduction .* 'avg'"),
    ],
)
def test_what_does_not_fit_is_refused(example, shapes, options, message):
    with pytest.raises(ValueError, match=message):
        example.soft_dtw(*map(torch.zeros, shapes), **options)


def test_an_infinite_gamma_is_refused(example):
    with pytest.raises(ValueError, match=r"gamma must be .*finite.* got inf"):
        example.soft_dtw(*2 * [torch.ones(1, 2, 2)], gamma=math.inf)
