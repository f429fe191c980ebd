"""The assignment against all permutations, one by one."""

import itertools
import math

import pytest
import torch


def costs(*shape):
    numbers = torch.arange(math.prod(shape), dtype=torch.float64)
    return (numbers.square() + 1).sin().reshape(shape).requires_grad_()


def brute_force(cost):
    """The least total, and its plan, of a matrix with at least as many columns."""
    n, m = cost.shape
    rows = range(n)
    best = min(
        itertools.permutations(range(m), n), key=lambda p: sum(cost[rows, list(p)])
    )
    plan = torch.zeros_like(cost)
    plan[rows, list(best)] = 1.0
    return cost[rows, list(best)].sum(), plan


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 5), (5, 3)])
def test_value_and_gradient_are_those_of_the_best_permutation(example, shape):
    cost = costs(2, *shape)
    total = example.assignment(cost)
    upstream = torch.tensor([3.0, -0.5], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(total, cost, upstream)
    for row in range(2):
        matrix = cost[row].detach()
        wide = matrix if shape[0] <= shape[1] else matrix.T
        value, plan = brute_force(wide)
        plan = plan if shape[0] <= shape[1] else plan.T
        torch.testing.assert_close(total[row].detach(), value)
        torch.testing.assert_close(gradient[row], upstream[row] * plan)


def test_gradcheck_and_gradgradcheck_pass(example):
    assert torch.autograd.gradcheck(example.assignment, costs(2, 3, 4))
    assert torch.autograd.gradgradcheck(lambda c: example.assignment(c**2), costs(3, 4))


def test_forbidden_pairs_are_not_chosen_and_have_no_nan(example):
    cost = torch.tensor([[math.inf, 5.0], [7.0, 1.0]], requires_grad=True)
    total = example.assignment(cost)
    total.backward()
    assert total.item() == 12.0
    assert cost.grad.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    with pytest.raises(ValueError, match="infeasible"):
        example.assignment(torch.full((2, 2), math.inf))


def test_a_tie_gives_one_whole_plan(example):
    cost = torch.ones(3, 3, requires_grad=True)
    example.assignment(cost).backward()
    assert cost.grad.sum(0).tolist() == cost.grad.sum(1).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_vmap_and_grad_compose_whatever_the_batch_dimension(example, dim):
    batch = costs(3, 4, 4).detach()
    alone = torch.stack([torch.func.grad(example.assignment)(c) for c in batch])
    transform = torch.vmap(torch.func.grad(example.assignment), dim)
    torch.testing.assert_close(transform(batch.movedim(0, dim)), alone)


def test_empty_and_transposed_and_single_precision_will_do(example):
    assert example.assignment(torch.zeros(0, 3, 3)).shape == (0,)
    assert example.assignment(torch.zeros(0, 3)).item() == 0
    cost = costs(3, 5).detach()
    assert example.assignment(cost.T) == example.assignment(cost)
    assert example.assignment(cost.float()).dtype == torch.float32


def test_what_is_no_matrix_is_refused(example):
    with pytest.raises(ValueError, match=r"\(\.\.\., N, M\), got \(3,\)"):
        example.assignment(torch.zeros(3))
    with pytest.raises(ValueError, match="invalid numeric"):
        example.assignment(torch.full((2, 2), math.nan))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_will_do(example, dtype):
    cost = torch.tensor([[1, 2], [3, 9]], dtype=dtype, requires_grad=True)
    total = example.assignment(cost)
    total.backward()
    assert total.dtype == dtype
    assert total.item() == 5
    assert cost.grad.tolist() == [[0, 1], [1, 0]]
