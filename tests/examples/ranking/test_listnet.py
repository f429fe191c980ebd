"""ListNet against its formula in NumPy, and torch's cross entropy."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch.nn.functional import cross_entropy

SCORES = 4 * np.sin(np.linspace(-21, 28, 20)).reshape(4, 5)
TARGET = np.cos(np.arange(20) * 3.0).reshape(4, 5) * 2


def by_the_book():
    """Value and gradient of each list."""
    values = -(softmax(TARGET, 1) * log_softmax(SCORES, 1)).sum(1)
    gradient = softmax(SCORES, 1) - softmax(TARGET, 1)
    return torch.from_numpy(values), torch.from_numpy(gradient)


@pytest.fixture
def scores():
    return torch.tensor(SCORES, requires_grad=True)


@pytest.fixture
def target():
    return torch.tensor(TARGET)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_those_of_the_book(example, scores, target, reduction):
    values, gradients = by_the_book()
    loss = example.listnet(scores, target, reduction)
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


def test_it_is_torchs_cross_entropy_with_a_soft_target(example, scores, target):
    theirs = cross_entropy(scores, target.softmax(1))
    torch.testing.assert_close(example.listnet(scores, target), theirs)


def test_a_target_that_learns_gets_its_gradient_too(example, scores, target):
    target.requires_grad_()
    assert torch.autograd.gradcheck(example.listnet, (scores, target))
    assert torch.autograd.gradgradcheck(example.listnet, (scores, target))


def test_right_differences_have_no_gradient(example, target):
    scores = (target + 7).requires_grad_()
    example.listnet(scores, target).backward()
    torch.testing.assert_close(scores.grad, torch.zeros_like(scores))


def test_lists_lie_along_the_last_dimension(example, scores, target):
    ours = example.listnet(scores.reshape(2, 2, 5), target.reshape(2, 2, 5), "none")
    torch.testing.assert_close(ours, by_the_book()[0].reshape(2, 2))
    one = example.listnet(scores[0], target[0])
    torch.testing.assert_close(one, by_the_book()[0][0])


def test_a_list_of_one_has_nothing_to_learn(example):
    scores = torch.tensor([[3.0]], requires_grad=True)
    loss = example.listnet(scores, torch.tensor([[1.0]]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_scores_stay_finite(example, dtype):
    scores = torch.tensor([[1e4, -1e4]], dtype=dtype, requires_grad=True)
    target = torch.tensor([[-1e4, 1e4]], dtype=dtype)
    loss = example.listnet(scores, target)
    loss.backward()
    assert loss.item() == 2e4
    assert scores.grad.tolist() == [[1.0, -1.0]]


def test_integer_relevances_are_welcome(example, scores):
    grades = torch.arange(20).reshape(4, 5) % 3
    loss = example.listnet(scores, grades)
    torch.testing.assert_close(loss, example.listnet(scores, grades.double()))


def test_vmap_of_grad_gives_one_gradient_a_list(example, scores, target):
    per_list = torch.vmap(torch.func.grad(example.listnet))(scores.detach(), target)
    torch.testing.assert_close(per_list, by_the_book()[1])


def test_no_list_gives_what_cross_entropy_gives(example):
    empty = torch.zeros(0, 3)
    assert cross_entropy(empty, empty).isnan()
    assert example.listnet(empty, empty).isnan()
    assert example.listnet(empty, empty, reduction="sum") == 0


@pytest.mark.parametrize(("one", "other"), [((4, 3), (4, 1)), ((4, 3), (3,)), ((), ())])
def test_shapes_that_do_not_fit_are_refused(example, one, other):
    with pytest.raises(ValueError) as error:
        example.listnet(torch.zeros(one), torch.zeros(other))
    assert f"{one} and {other}" in str(error.value)


def test_an_unknown_reduction_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.listnet(torch.zeros(2, 3), torch.zeros(2, 3), "avg")


@pytest.mark.parametrize("filled", ["scores", "target", "both"])
def test_items_of_minus_infinity_are_padding(example, filled):
    values, gradients = by_the_book()
    longer = torch.nn.functional.pad(torch.tensor(SCORES), (2, 1), value=3.0)
    relevance = torch.nn.functional.pad(torch.tensor(TARGET), (2, 1), value=1.0)
    absent = torch.tensor([True, True] + 5 * [False] + [True])
    if filled != "target":
        longer.masked_fill_(absent, -torch.inf)
    if filled != "scores":
        relevance.masked_fill_(absent, -torch.inf)
    longer.requires_grad_()
    loss = example.listnet(longer, relevance, "none")
    torch.testing.assert_close(loss, values)
    (gradient,) = torch.autograd.grad(loss.sum(), longer)
    torch.testing.assert_close(gradient[:, ~absent], gradients)
    assert not gradient[:, absent].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_list_of_padding_alone_costs_nothing(example, dtype):
    scores = torch.tensor([[-torch.inf, -torch.inf], [1.0, 1.0]], dtype=dtype)
    target = torch.zeros(2, 2, requires_grad=True)
    scores.requires_grad_()
    loss = example.listnet(scores, target, "none")
    torch.testing.assert_close(loss, torch.tensor([0, math.log(2)], dtype=dtype))
    for gradient in torch.autograd.grad(loss.sum(), (scores, target)):
        assert not gradient[0].any()


def test_a_score_that_is_nan_is_not_hidden(example):
    scores = torch.tensor([[torch.nan, 1.0]])
    assert example.listnet(scores, torch.zeros(1, 2)).isnan()
