"""ListMLE against a textbook loop, and the probabilities of all orders."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax

SCORES = 4 * np.sin(np.linspace(-21, 28, 20)).reshape(4, 5)
TARGET = np.cos(np.arange(20) * 3.0).reshape(4, 5) * 2


def by_the_book(scores=SCORES, target=TARGET):
    """Value and gradient of each list, place by place."""
    values, gradients = [], []
    for row, relevance in zip(scores, target, strict=True):
        left = list(np.argsort(-relevance, kind="stable"))
        value, gradient = 0.0, np.zeros_like(row)
        while left:
            value += logsumexp(row[left]) - row[left[0]]
            gradient[left] += softmax(row[left])
            gradient[left[0]] -= 1
            left.pop(0)
        values.append(value)
        gradients.append(gradient)
    return torch.tensor(np.array(values)), torch.tensor(np.array(gradients))


@pytest.fixture
def scores():
    return torch.tensor(SCORES, requires_grad=True)


@pytest.fixture
def target():
    return torch.tensor(TARGET)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_those_of_the_book(example, scores, target, reduction):
    values, gradients = by_the_book()
    loss = example.listmle(scores, target, reduction)
    if reduction == "none":
        upstream = torch.linspace(1, 3, 4, dtype=torch.float64)
        scale, expected = upstream[:, None], values
    else:
        upstream = torch.tensor(0.3, dtype=torch.float64)
        scale = upstream / (4 if reduction == "mean" else 1)
        expected = getattr(values, reduction)()
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, scores, upstream)
    torch.testing.assert_close(gradient, scale * gradients)


def test_an_upstream_of_zero_and_a_negative_one_are_right(example, scores, target):
    upstream = torch.tensor([0.0, -2.0, 0.0, 1.0], dtype=torch.float64)
    loss = example.listmle(scores, target, "none")
    (gradient,) = torch.autograd.grad(loss, scores, upstream)
    torch.testing.assert_close(gradient, upstream[:, None] * by_the_book()[1])


def test_the_probabilities_of_all_orders_add_up_to_one(example):
    scores = torch.tensor(SCORES[0])
    orders = torch.tensor(list(itertools.permutations(range(5))))
    losses = example.listmle(scores.expand(120, 5), orders, "none")
    assert (-losses).exp().sum().item() == pytest.approx(1)


def test_only_the_order_of_the_target_counts(example, scores, target):
    ours = example.listmle(scores, target.exp() * 100 - 7)
    torch.testing.assert_close(ours, example.listmle(scores, target))


def test_of_equal_items_the_first_counts_as_better(example, scores):
    tied = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0]).expand(4, 5)
    split = torch.tensor([5.0, 4.0, 2.0, 3.0, 1.0]).expand(4, 5)
    torch.testing.assert_close(
        example.listmle(scores, tied), example.listmle(scores, split)
    )


def test_a_long_list_of_equal_items_keeps_its_order(example):
    scores = torch.linspace(0, 1, 5000, dtype=torch.float64)
    ours = example.listmle(scores, torch.zeros(5000))
    falling = torch.arange(5000, 0, -1)
    torch.testing.assert_close(ours, example.listmle(scores, falling))


def test_lists_lie_along_the_last_dimension(example, scores, target):
    ours = example.listmle(scores.reshape(2, 2, 5), target.reshape(2, 2, 5), "none")
    torch.testing.assert_close(ours, by_the_book()[0].reshape(2, 2))
    one = example.listmle(scores[0], target[0])
    torch.testing.assert_close(one, by_the_book()[0][0])


def test_transposed_memory_gives_the_same(example, scores, target):
    transposed = scores.detach().t().contiguous().t().requires_grad_()
    loss = example.listmle(transposed, target)
    torch.testing.assert_close(loss, by_the_book()[0].mean())
    loss.backward()
    torch.testing.assert_close(transposed.grad, by_the_book()[1] / 4)


def test_a_list_of_one_has_nothing_to_learn(example):
    scores = torch.tensor([[3.0]], requires_grad=True)
    loss = example.listmle(scores, torch.tensor([[1.0]]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_scores_stay_finite(example, dtype):
    rows = np.array([[1e4, 0, -1e4], [-1e4, 0, 1e4], [1e4, 1e4 + 1, 1e4 + 2]])
    target = np.array([[3.0, 2, 1], [3, 2, 1], [3, 2, 1]])
    values, gradients = by_the_book(rows, target)
    scores = torch.tensor(rows, dtype=dtype, requires_grad=True)
    loss = example.listmle(scores, torch.tensor(target), "none")
    (gradient,) = torch.autograd.grad(loss.sum(), scores)
    torch.testing.assert_close(loss, values.to(dtype))
    near = {torch.float32: 2e-3, torch.float64: 1e-11}[dtype]
    torch.testing.assert_close(gradient, gradients.to(dtype), atol=near, rtol=near)


def test_second_derivatives_are_right(example, scores, target):
    assert torch.autograd.gradgradcheck(lambda s: example.listmle(s, target), (scores,))


def test_vmap_of_grad_gives_one_gradient_a_list(example, scores, target):
    per_list = torch.vmap(torch.func.grad(example.listmle))(scores.detach(), target)
    torch.testing.assert_close(per_list, by_the_book()[1])


def test_no_list_gives_what_a_mean_of_nothing_gives(example):
    empty = torch.zeros(0, 3)
    assert example.listmle(empty, empty).isnan()
    assert example.listmle(empty, empty, reduction="sum") == 0


@pytest.mark.parametrize(("one", "other"), [((4, 3), (4, 1)), ((4, 3), (3,)), ((), ())])
def test_shapes_that_do_not_fit_are_refused(example, one, other):
    with pytest.raises(ValueError) as error:
        example.listmle(torch.zeros(one), torch.zeros(other))
    assert f"{one} and {other}" in str(error.value)


def test_an_unknown_reduction_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.listmle(torch.zeros(2, 3), torch.zeros(2, 3), "avg")


@pytest.mark.parametrize("filled", ["scores", "target", "both"])
def test_items_of_minus_infinity_are_padding(example, filled):
    """Also in the middle of the target's order."""
    values, gradients = by_the_book()
    longer = torch.nn.functional.pad(torch.tensor(SCORES), (2, 1), value=3.0)
    relevance = torch.nn.functional.pad(torch.tensor(TARGET), (2, 1), value=0.1)
    absent = torch.tensor([True, True] + 5 * [False] + [True])
    if filled != "target":
        longer.masked_fill_(absent, -torch.inf)
    if filled != "scores":
        relevance.masked_fill_(absent, -torch.inf)
    longer.requires_grad_()
    loss = example.listmle(longer, relevance, "none")
    torch.testing.assert_close(loss, values)
    (gradient,) = torch.autograd.grad(loss.sum(), longer)
    torch.testing.assert_close(gradient[:, ~absent], gradients)
    assert not gradient[:, absent].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_list_of_padding_alone_costs_nothing(example, dtype):
    scores = torch.tensor([[-torch.inf, -torch.inf], [-1.0, -1.0]], dtype=dtype)
    scores.requires_grad_()
    loss = example.listmle(scores, torch.zeros(2, 2), "none")
    expected = torch.tensor([0, math.log(2)], dtype=dtype)
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss.sum(), scores)
    half = torch.tensor([[0, 0], [-0.5, 0.5]], dtype=dtype)
    torch.testing.assert_close(gradient, half)


def test_a_score_that_is_nan_is_not_hidden(example):
    scores = torch.tensor([[torch.nan, 1.0]])
    assert example.listmle(scores, torch.zeros(1, 2)).isnan()


def test_padding_is_left_out_in_half_precision(example):
    scores = torch.tensor([1.0, -torch.inf, 0.0]).half()
    loss = example.listmle(scores, torch.tensor([0.0, 1.0, 2.0]))
    two = example.listmle(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(loss.float(), two, atol=2e-3, rtol=0)
