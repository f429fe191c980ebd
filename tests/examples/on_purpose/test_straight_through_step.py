"""The straight-through step: NumPy's values, the gradient of the identity."""

import numpy as np
import pytest
import torch

# On its first use in a process, forward mode makes torch warn of torch's own code.
forward_mode = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")

VALUES = [-1e4, -2.5, -1e-30, -0.0, 0.0, 1e-30, 0.5, 1e4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_numpys_with_zero_at_zero(example, dtype):
    x = torch.tensor(VALUES, dtype=dtype)
    step = example.straight_through_step(x)
    assert step.dtype == dtype
    np.testing.assert_array_equal(step, np.heaviside(x.numpy(), 0))


def test_the_upstream_gradient_passes_unchanged(example):
    x = torch.tensor(VALUES, requires_grad=True)
    upstream = torch.linspace(-3, 65536, len(VALUES))
    example.straight_through_step(x).backward(upstream)
    assert torch.equal(x.grad, upstream)
    assert torch.equal(x.detach(), torch.tensor(VALUES))


def test_it_has_the_gradient_of_the_identity_in_a_larger_expression(example):
    x = torch.tensor([0.4, -1.7], requires_grad=True)
    (5 * example.straight_through_step(3 * x) - 1).square().sum().backward()
    assert x.grad.tolist() == [2 * (5 - 1) * 5 * 3, 2 * (0 - 1) * 5 * 3]


def test_gradcheck_fails_with_zero_against_one(example):
    x = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch") as failure:
        torch.autograd.gradcheck(example.straight_through_step, (x,))
    assert "numerical:tensor([[0.]]" in str(failure.value)
    assert "analytical:tensor([[1.]]" in str(failure.value)


def test_second_derivatives_are_those_of_the_identity(example):
    x = torch.tensor([0.4, -1.7], requires_grad=True)
    loss = (example.straight_through_step(x) ** 3).sum()
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    (curvature,) = torch.autograd.grad(gradient.sum(), x)
    assert gradient.tolist() == [3.0, 0.0]
    assert curvature.tolist() == [6.0, 0.0]


@forward_mode
def test_forward_mode_passes_the_tangent(example):
    x, tangent = torch.tensor([0.5, -1.0]), torch.tensor([2.0, 3.0])
    value, along = torch.func.jvp(example.straight_through_step, (x,), (tangent,))
    assert value.tolist() == [1.0, 0.0]
    assert torch.equal(along, tangent)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, tangent)
        found = torch.autograd.forward_ad.unpack_dual(
            example.straight_through_step(dual)
        )
    assert torch.equal(found.tangent, tangent)


def test_vmap_and_grad_compose(example):
    rows = torch.tensor([[0.4, 1.7], [-2.5, 0.0]])

    def total(row):
        return (example.straight_through_step(row) + 1).square().sum()

    gradient = torch.vmap(torch.func.grad(total))(rows)
    assert gradient.tolist() == [[4.0, 4.0], [2.0, 2.0]]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_any_shape_and_memory_will_do(example, shape):
    x = torch.full(shape, 0.7)
    x = x.T if len(shape) == 2 else x
    assert torch.equal(example.straight_through_step(x), torch.ones_like(x))


def test_whole_numbers_are_refused(example):
    with pytest.raises(ValueError, match=r"floating, got torch\.int64"):
        example.straight_through_step(torch.tensor([1, 2]))
