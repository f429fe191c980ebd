"""The surrogate gradient: NumPy's step, and the derivative of a fast sigmoid."""

import numpy as np
import pytest
import torch

# On its first use in a process, forward mode makes torch warn of torch's own code.
forward_mode = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")

VALUES = [-1e4, -2.5, -0.04, -1e-30, -0.0, 0.0, 1e-30, 0.12, 0.5, 1e4]


def fast_sigmoid(x, slope):
    return x / (1 + slope * x.abs())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_numpys_with_zero_at_zero(example, dtype):
    x = torch.tensor(VALUES, dtype=dtype)
    step = example.surrogate_fast_sigmoid(x)
    assert step.dtype == dtype
    np.testing.assert_array_equal(step, np.heaviside(x.numpy(), 0))


@pytest.mark.parametrize("slope", [0.5, 25.0, 100.0])
def test_gradient_is_the_derivative_of_a_fast_sigmoid(example, slope):
    x = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    upstream = torch.linspace(-3, 65536, len(VALUES), dtype=torch.float64)
    example.surrogate_fast_sigmoid(x, slope).backward(upstream)
    by_hand = upstream.numpy() / (1 + slope * np.abs(VALUES)) ** 2
    np.testing.assert_allclose(x.grad.numpy(), by_hand, rtol=1e-12)
    (by_autograd,) = torch.autograd.grad(fast_sigmoid(x, slope), x, upstream)
    torch.testing.assert_close(x.grad, by_autograd)


def test_slope_is_25_unless_given(example):
    x = torch.tensor(0.04, dtype=torch.float64, requires_grad=True)
    example.surrogate_fast_sigmoid(x).backward()
    assert x.grad.item() == pytest.approx(0.25)


def test_gradcheck_fails_with_zero_against_the_surrogate(example):
    x = torch.tensor([0.04], dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch") as failure:
        torch.autograd.gradcheck(example.surrogate_fast_sigmoid, (x,))
    assert "numerical:tensor([[0.]]" in str(failure.value)
    assert "analytical:tensor([[0.2500]]" in str(failure.value)


def test_second_derivatives_are_those_of_the_fast_sigmoid(example):
    x = torch.tensor([-0.3, 0.04, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(example.surrogate_fast_sigmoid, (x,))
    second = []
    for function in (example.surrogate_fast_sigmoid, fast_sigmoid):
        (gradient,) = torch.autograd.grad(function(x, 25.0).sum(), x, create_graph=True)
        second += torch.autograd.grad(gradient.sum(), x)
    torch.testing.assert_close(*second)


@forward_mode
def test_forward_mode_agrees_with_backward(example):
    x, tangent = torch.tensor([0.04, -1.0]), torch.tensor([2.0, 3.0])
    value, along = torch.func.jvp(example.surrogate_fast_sigmoid, (x,), (tangent,))
    assert value.tolist() == [1.0, 0.0]
    torch.testing.assert_close(along, tangent / torch.tensor([4.0, 26.0**2]))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, tangent)
        found = example.surrogate_fast_sigmoid(dual)
        found = torch.autograd.forward_ad.unpack_dual(found).tangent
    torch.testing.assert_close(found, along)


def test_vmap_and_grad_compose(example):
    rows = torch.tensor([[0.04, 1.0], [-0.12, 0.0]])

    def total(row):
        return (example.surrogate_fast_sigmoid(row) + 1).square().sum()

    gradient = torch.vmap(torch.func.grad(total))(rows)
    expected = torch.tensor([[4 / 4, 4 / 26**2], [2 / 16, 2.0]])
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_any_shape_and_memory_will_do(example, shape):
    x = torch.full(shape, 0.04)
    x = (x.T if len(shape) == 2 else x).requires_grad_()
    step = example.surrogate_fast_sigmoid(x)
    assert torch.equal(step, torch.ones_like(x))
    step.sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 0.25))


def test_whole_numbers_are_refused(example):
    with pytest.raises(ValueError, match=r"floating, got torch\.int64"):
        example.surrogate_fast_sigmoid(torch.tensor([1, 2]))


@pytest.mark.parametrize("slope", [0.0, -25.0, float("nan"), float("inf")])
def test_a_slope_that_is_none_is_refused(example, slope):
    with pytest.raises(ValueError, match=f"slope .* {slope}"):
        example.surrogate_fast_sigmoid(torch.ones(2), slope)
