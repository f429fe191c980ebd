"""Soft ranks against SciPy's isotonic regression, and a projection by brute force."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import isotonic_regression, minimize
from scipy.stats import rankdata

VALUES = 2 * np.sin(np.arange(24.0) ** 2).reshape(3, 8)


def by_the_book(values, regularization):
    """Soft ranks of a row, and their Jacobian block by block."""
    z = values / regularization
    order = np.argsort(-z, kind="stable")
    pulled = z[order] - np.arange(len(z), 0, -1)
    fit = isotonic_regression(pulled, increasing=False)
    ranks, jacobian = np.empty_like(z), np.zeros((len(z), len(z)))
    ranks[order] = z[order] - fit.x
    for start, stop in itertools.pairwise(fit.blocks):
        block, size = order[start:stop], stop - start
        jacobian[np.ix_(block, block)] = np.eye(size) - 1 / size
    return ranks, jacobian / regularization


@pytest.mark.parametrize("regularization", [0.01, 0.1, 0.4, 1.0, 30.0])
def test_value_and_gradient_are_those_of_the_book(example, regularization):
    values = torch.tensor(VALUES, requires_grad=True)
    upstream = torch.linspace(-1, 2, 24, dtype=torch.float64).reshape(3, 8)
    ranks = example.soft_rank(values, regularization)
    (gradient,) = torch.autograd.grad(ranks, values, upstream)
    for row in range(3):
        expected, jacobian = by_the_book(VALUES[row], regularization)
        torch.testing.assert_close(ranks[row].detach(), torch.tensor(expected))
        pulled_back = torch.tensor(jacobian).T @ upstream[row]
        torch.testing.assert_close(gradient[row], pulled_back)


def test_soft_ranks_are_the_closest_point_of_the_permutahedron(example):
    z = np.array([0.3, 2.1, 2.4, -0.5])
    corners = np.array(list(itertools.permutations([1.0, 2, 3, 4])))
    best = minimize(
        lambda share: ((share @ corners - z / 0.7) ** 2).sum(),
        np.full(24, 1 / 24),
        bounds=[(0, 1)] * 24,
        constraints={"type": "eq", "fun": lambda share: share.sum() - 1},
        options={"ftol": 1e-15, "maxiter": 500},
    )
    ours = example.soft_rank(torch.tensor(z), 0.7)
    np.testing.assert_allclose(ours, best.x @ corners, atol=1e-5)


def test_a_small_regularization_gives_ranks(example):
    ranks = example.soft_rank(torch.tensor(VALUES), 1e-9)
    np.testing.assert_array_equal(ranks, rankdata(VALUES, axis=1))


def test_a_large_regularization_gives_the_middle(example):
    ranks = example.soft_rank(torch.tensor(VALUES), 1e9)
    torch.testing.assert_close(ranks, torch.full_like(ranks, 4.5))


def test_equal_values_share_their_ranks(example):
    values = torch.tensor([2.0, 7.0, 2.0, 2.0], requires_grad=True)
    ranks = example.soft_rank(values, 0.1)
    assert ranks.tolist() == rankdata([2, 7, 2, 2]).tolist()
    (gradient,) = torch.autograd.grad(ranks[0], values)
    expected = torch.tensor([20 / 3, 0, -10 / 3, -10 / 3])
    torch.testing.assert_close(gradient, expected)
    same = torch.full((5,), 3.0, requires_grad=True)
    assert example.soft_rank(same).tolist() == [3.0] * 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ranks_of_large_values_are_exact(example, dtype):
    values = torch.tensor([1e6, -1e6, 1e4, 3.0], dtype=dtype, requires_grad=True)
    ranks = example.soft_rank(values, 1e-3)
    assert ranks.dtype == dtype
    assert ranks.tolist() == [4.0, 1.0, 3.0, 2.0]
    (gradient,) = torch.autograd.grad(ranks.sum(), values)
    assert gradient.tolist() == [0.0] * 4


def test_gradcheck_and_gradgradcheck_agree(example):
    values = torch.tensor(VALUES, requires_grad=True)

    def curved(values):
        return example.soft_rank(values, 0.4).square()

    assert torch.autograd.gradcheck(curved, (values,))
    assert torch.autograd.gradgradcheck(curved, (values,))


def test_long_chains_of_pooling_are_linear_in_time(example):
    """A block that swallows its predecessors one by one must not be quadratic."""
    row = np.concatenate([1 - 1e-3 * np.arange(1e5), [1e7]]).tolist()
    blocks = example.pool_adjacent_violators(row)
    assert blocks == [0] * 100_001


def test_vmap_over_any_dimension_gives_the_rows(example):
    values = torch.tensor(VALUES)
    expected = example.soft_rank(values, 0.4)

    def rank(row):
        return example.soft_rank(row, 0.4)

    torch.testing.assert_close(torch.vmap(rank)(values), expected)
    columns = values.t().contiguous()
    torch.testing.assert_close(torch.vmap(rank, in_dims=1)(columns), expected)
    per_row = torch.vmap(torch.func.grad(lambda row: rank(row)[0]))(values)
    for row in range(3):
        jacobian = by_the_book(VALUES[row], 0.4)[1]
        torch.testing.assert_close(per_row[row], torch.tensor(jacobian[0]))


def test_transposed_memory_and_more_dimensions_give_the_same(example):
    values = torch.tensor(VALUES)
    expected = example.soft_rank(values, 0.4)
    transposed = values.t().contiguous().t()
    torch.testing.assert_close(example.soft_rank(transposed, 0.4), expected)
    stacked = torch.stack([values, values + 5])
    torch.testing.assert_close(
        example.soft_rank(stacked, 0.4), torch.stack([expected, expected])
    )
    torch.testing.assert_close(example.soft_rank(values[0], 0.4), expected[0])


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (1,), (2, 1)])
def test_empty_rows_and_rows_of_one_are_ranked(example, shape):
    values = torch.full(shape, 7.0, requires_grad=True)
    ranks = example.soft_rank(values)
    ranks.sum().backward()
    assert ranks.shape == values.grad.shape == shape
    assert (ranks == 1).all()
    assert not values.grad.any()


def test_a_single_number_is_refused(example):
    with pytest.raises(ValueError, match=r"\(\.\.\., n\), got \(\)"):
        example.soft_rank(torch.tensor(1.0))


@pytest.mark.parametrize("regularization", [0.0, -1.0])
def test_a_regularization_that_is_not_positive_is_refused(example, regularization):
    with pytest.raises(ValueError, match=f"positive, got {regularization}"):
        example.soft_rank(torch.zeros(3), regularization)
