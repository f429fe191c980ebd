"""Straight-through rounding: NumPy's values, the gradient of the identity."""

import numpy as np
import pytest
import torch

VALUES = [-2.5, -1.5, -0.6, -0.5, 0.0, 0.4, 0.5, 1.5, 2.5, 1e4 + 0.3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_numpys_with_halves_to_even(example, dtype):
    values = torch.tensor(VALUES, dtype=dtype)
    rounded = example.straight_through_round(values)
    assert rounded.dtype == dtype
    np.testing.assert_array_equal(rounded, np.rint(values.numpy()))


def test_the_upstream_gradient_passes_unchanged(example):
    values = torch.tensor(VALUES, requires_grad=True)
    upstream = torch.linspace(-3, 65536, len(VALUES))
    example.straight_through_round(values).backward(upstream)
    assert torch.equal(values.grad, upstream)
    assert torch.equal(values.detach(), torch.tensor(VALUES))


def test_it_has_the_gradient_of_the_identity_in_a_larger_expression(example):
    values = torch.tensor([0.4, 1.7], requires_grad=True)
    example.straight_through_round(3 * values).square().sum().backward()
    assert values.grad.tolist() == [2 * 1 * 3, 2 * 5 * 3]


def test_gradcheck_fails_with_zero_against_one(example):
    values = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch") as failure:
        torch.autograd.gradcheck(example.straight_through_round, (values,))
    assert "numerical:tensor([[0.]]" in str(failure.value)
    assert "analytical:tensor([[1.]]" in str(failure.value)


def test_second_derivatives_are_those_of_the_identity(example):
    values = torch.tensor([0.4, 1.7], dtype=torch.float64, requires_grad=True)
    rounded = example.straight_through_round(values)
    upstream = torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(rounded, values, upstream, create_graph=True)
    (to_upstream,) = torch.autograd.grad(gradient.sum(), upstream)
    assert to_upstream.tolist() == [1, 1]


def test_vmap_and_grad_compose(example):
    values = torch.tensor([[0.4, 1.7], [2.5, -0.6]])

    def total(row):
        return example.straight_through_round(row).square().sum()

    gradient = torch.vmap(torch.func.grad(total))(values)
    assert torch.equal(gradient, 2 * values.round())


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_any_shape_and_memory_will_do(example, shape):
    values = torch.full(shape, 0.7).T if len(shape) == 2 else torch.full(shape, 0.7)
    assert torch.equal(example.straight_through_round(values), torch.ones_like(values))


def test_whole_numbers_are_refused(example):
    with pytest.raises(ValueError, match=r"floating, got torch\.int64"):
        example.straight_through_round(torch.tensor([1, 2]))
