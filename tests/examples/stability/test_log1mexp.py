"""log1mexp against mpmath's forty digits, on both sides, near zero and far away."""

import mpmath
import pytest
import torch

# On its first use in a process, forward mode makes torch warn of torch's own code.
forward_mode = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")

DISTANCES = [1e-300, 1e-30, 1e-8, 1e-3, 0.2, 0.69, 0.7, 1, 2.5, 4.5, 5, 20, 40, 700]
SIDES = [x * side for side in (1, -1) for x in DISTANCES]


def exact(x):
    """Value, first and second derivative."""
    with mpmath.workdps(400):
        sign, a = (1, mpmath.mpf(x)) if x > 0 else (-1, -mpmath.mpf(x))
        value = mpmath.log(1 - mpmath.exp(-a))
        first = sign / (mpmath.exp(a) - 1)
        second = -mpmath.exp(a) / (mpmath.exp(a) - 1) ** 2
        return float(value), float(first), float(second)


def test_value_and_gradient_are_mpmaths_on_both_sides(example):
    x = torch.tensor(SIDES, dtype=torch.float64).reshape(4, 7).T.requires_grad_()
    value = example.log1mexp(x)
    upstream = torch.linspace(-1, 2, 28, dtype=torch.float64).reshape(7, 4)
    (gradient,) = torch.autograd.grad(value, x, upstream)
    expected = torch.tensor([exact(y)[:2] for y in SIDES], dtype=torch.float64)
    expected = expected.reshape(4, 7, 2).transpose(0, 1)
    torch.testing.assert_close(value, expected[..., 0], rtol=4e-15, atol=0)
    torch.testing.assert_close(
        gradient, expected[..., 1] * upstream, rtol=4e-15, atol=0
    )


def test_float32_keeps_its_digits(example):
    distances = [1e-30, 1e-8, 1e-3, 0.69, 0.7, 5.0, 20.0, 80.0]
    x = torch.tensor([*distances, *(-d for d in distances)], requires_grad=True)
    value = example.log1mexp(x)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    assert value.dtype == gradient.dtype == torch.float32
    expected = torch.tensor([exact(y)[:2] for y in x.tolist()], dtype=torch.float32)
    torch.testing.assert_close(value, expected[:, 0], rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient, expected[:, 1], rtol=1e-6, atol=0)


def test_second_derivatives_are_mpmaths(example):
    numbers = [-40.0, -0.7, -1e-8, 1e-8, 1e-3, 0.69, 5.0, 40.0, 700.0, 1e4]
    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(example.log1mexp(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), x)
    expected = torch.tensor([exact(y)[2] for y in numbers], dtype=torch.float64)
    torch.testing.assert_close(second, expected, rtol=1e-14, atol=0)


def test_gradgradcheck_passes(example):
    x = torch.tensor([-3.0, 0.2, 9.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(example.log1mexp, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_away_nothing_is_left(example, dtype):
    x = torch.tensor([-1e4, 1e4, torch.inf], dtype=dtype, requires_grad=True)
    value = example.log1mexp(x)
    value.sum().backward()
    assert value.tolist() == [0, 0, 0]
    assert x.grad[:2].tolist() == [0, 0]


def test_at_zero_the_gradient_is_infinite_with_the_sign_of_the_zero(example):
    x = torch.tensor([0.0, -0.0], requires_grad=True)
    value = example.log1mexp(x)
    value.sum().backward()
    assert value.tolist() == [-torch.inf, -torch.inf]
    assert x.grad.tolist() == [torch.inf, -torch.inf]


@forward_mode
def test_forward_mode_and_batched_gradients_agree(example):
    x = torch.tensor([[-2.0, 0.3], [0.7, 20.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        example.log1mexp,
        x.requires_grad_(),
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


def test_vmap_and_grad_compose(example):
    x = torch.tensor([-2.0, 0.3, 5.0], dtype=torch.float64)
    slopes = torch.vmap(torch.func.grad(example.log1mexp))(x)
    expected = torch.tensor([exact(y)[1] for y in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(slopes, expected)


def test_any_shape_will_do(example):
    assert example.log1mexp(torch.zeros(2, 0)).shape == (2, 0)
    assert example.log1mexp(torch.tensor(1.0)).shape == ()
