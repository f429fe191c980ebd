"""Bradley-Terry against binary cross entropy and plain arithmetic."""

import math

import pytest
import torch

import ownloss


def case(shape=(2, 5)):
    n = math.prod(shape)
    scores = torch.linspace(-3, 20, 2 * n, dtype=torch.float64).sin().mul(4)
    return [half.clone().requires_grad_() for half in scores.reshape(2, *shape)]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("margin", [0.0, 1.5, "each"])
def test_value_and_gradient_are_those_of_arithmetic(example, margin, reduction):
    chosen, rejected = case()
    if margin == "each":
        margin = torch.linspace(0, 2, 10, dtype=torch.float64).reshape(2, 5)
    loss = example.bradley_terry(chosen, rejected, margin, reduction)
    gap = (chosen - rejected).detach() - margin
    each = torch.stack(
        [
            torch.tensor(math.log1p(math.exp(-x)), dtype=torch.float64)
            for x in gap.flatten().tolist()
        ]
    )
    expected = {"mean": each.mean(), "sum": each.sum(), "none": each.reshape(2, 5)}
    torch.testing.assert_close(loss.detach(), expected[reduction])
    upstream = torch.linspace(-1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    gradients = torch.autograd.grad(loss, (chosen, rejected), upstream)
    slope = -upstream / (1 + gap.exp()) / (10 if reduction == "mean" else 1)
    torch.testing.assert_close(gradients, (slope, -slope))


def test_it_is_binary_cross_entropy_of_the_difference(example):
    chosen, rejected = case()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        chosen - rejected, torch.ones_like(chosen)
    )
    torch.testing.assert_close(example.bradley_terry(chosen, rejected), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_far_tails_are_finite(example, dtype):
    chosen = torch.tensor([1e4, -1e4], dtype=dtype, requires_grad=True)
    loss = example.bradley_terry(chosen, torch.zeros(2, dtype=dtype), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [0, 1e4]
    assert chosen.grad.tolist() == [0, -1]


def test_no_pairs_and_margins_of_shape_1(example):
    empty = torch.zeros(0, requires_grad=True)
    loss = example.bradley_terry(empty, empty.detach())
    loss.backward()
    assert loss == 0
    one = torch.tensor(1.0), torch.tensor(0.5)
    assert example.bradley_terry(*one, torch.ones(1), "none").shape == ()


def test_higher_derivatives_vmap_and_the_checker(example):
    pair = case()
    assert torch.autograd.gradgradcheck(example.bradley_terry, pair)
    each = torch.vmap(example.bradley_terry)(*pair)
    torch.testing.assert_close(each.mean(), example.bradley_terry(*pair))
    report = ownloss.check(example.bradley_terry, *case((7,)))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    for other in [(2, 1), (5,), (1, 5)]:
        with pytest.raises(ValueError) as error:
            example.bradley_terry(case()[0], torch.zeros(other))
        assert f"must have the same shape, got (2, 5) and {other}" in str(error.value)
        with pytest.raises(ValueError, match="margin must be one number or"):
            example.bradley_terry(*case(), torch.zeros(other))
    with pytest.raises(ValueError, match=r"reduction must be .* got 'batch'"):
        example.bradley_terry(*case(), reduction="batch")
