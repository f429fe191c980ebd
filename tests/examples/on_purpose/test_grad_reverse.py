"""Gradient reversal: the identity, and minus alpha times its gradient."""

import pytest
import torch

# On its first use in a process, forward mode makes torch warn of torch's own code.
forward_mode = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")


def loss_behind(x):
    """Some loss with second derivatives."""
    return (x.exp() * torch.linspace(1, 2, x.numel()).reshape(x.shape)).sum()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_is_the_input_and_gradient_minus_alpha_times_the_upstream(example, dtype):
    x = torch.linspace(-1e4, 1e4, 6, dtype=dtype).reshape(2, 3).T.requires_grad_()
    y = example.grad_reverse(x, 0.25)
    assert y.dtype == dtype
    assert torch.equal(y, x)
    upstream = torch.linspace(-3, 65536, 6, dtype=dtype).reshape(3, 2)
    y.backward(upstream)
    assert torch.equal(x.grad, -upstream / 4)


def test_alpha_is_one_unless_given(example):
    x = torch.tensor(3.0, requires_grad=True)
    example.grad_reverse(x).backward()
    assert x.grad == -1


def test_alpha_of_zero_stops_the_gradient(example):
    x = torch.tensor([3.0], requires_grad=True)
    example.grad_reverse(x, 0.0).backward(torch.tensor([7.0]))
    assert x.grad.tolist() == [0.0]


def test_what_follows_descends_and_what_precedes_climbs(example):
    features = torch.tensor([1.0, 2.0], requires_grad=True)
    critic = torch.tensor([3.0, 5.0], requires_grad=True)
    (critic @ example.grad_reverse(features, 2.0)).backward()
    assert critic.grad.tolist() == [1.0, 2.0]
    assert features.grad.tolist() == [-6.0, -10.0]


def test_gradcheck_fails_with_one_against_minus_alpha(example):
    x = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch") as failure:
        torch.autograd.gradcheck(example.grad_reverse, (x, 2.0))
    assert "numerical:tensor([[1.0000]]" in str(failure.value)
    assert "analytical:tensor([[-2.]]" in str(failure.value)


def test_second_derivatives_meet_the_rule_twice(example):
    x = torch.tensor([0.5, -1.0], requires_grad=True)
    loss = loss_behind(example.grad_reverse(x, 3.0))
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    (curvature,) = torch.autograd.grad(gradient.sum(), x)  # the Hessian is diagonal
    torch.testing.assert_close(curvature, 9 * torch.tensor([1.0, 2.0]) * x.exp())


def test_a_gradient_penalty_behind_it_is_reversed_too(example):
    def penalty(x):
        (gradient,) = torch.autograd.grad(loss_behind(x), x, create_graph=True)
        return gradient.square().sum()

    x = torch.tensor([0.5, -1.0], requires_grad=True)
    (plain,) = torch.autograd.grad(penalty(x), x)
    (got,) = torch.autograd.grad(penalty(example.grad_reverse(x, 3.0)), x)
    torch.testing.assert_close(got, -3 * plain)


@forward_mode
def test_forward_mode_agrees_with_backward(example):
    x, tangent = torch.tensor([0.5, -1.0]), torch.tensor([2.0, 3.0])

    def loss(x):
        return loss_behind(example.grad_reverse(x, 3.0))

    _, along = torch.func.jvp(loss, (x,), (tangent,))
    torch.testing.assert_close(along, torch.func.grad(loss)(x) @ tangent)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, tangent)
        reversed_ = example.grad_reverse(dual, 3.0)
        found = torch.autograd.forward_ad.unpack_dual(reversed_).tangent
    assert torch.equal(found, -3 * tangent)


def test_vmap_and_grad_compose(example):
    rows = torch.tensor([[0.4, 1.7], [2.5, -0.6]])
    per_row = torch.vmap(
        torch.func.grad(lambda row: loss_behind(example.grad_reverse(row, 2.0)))
    )(rows)
    expected = torch.vmap(torch.func.grad(loss_behind))(rows)
    torch.testing.assert_close(per_row, -2 * expected)


def test_what_follows_may_work_in_place(example):
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    example.grad_reverse(x).relu_().sum().backward()
    assert x.tolist() == [1.0, -2.0]
    assert x.grad.tolist() == [-1.0, 0.0]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_any_shape_will_do(example, shape):
    x = torch.full(shape, 0.7, requires_grad=True)
    example.grad_reverse(x).sum().backward()
    assert torch.equal(x.grad, -torch.ones(shape))


def test_whole_numbers_are_refused(example):
    with pytest.raises(ValueError, match=r"floating, got torch\.int64"):
        example.grad_reverse(torch.tensor([1, 2]))


@pytest.mark.parametrize("alpha", [-1.0, float("nan"), float("inf")])
def test_an_alpha_that_reverses_nothing_is_refused(example, alpha):
    with pytest.raises(ValueError, match=f"alpha .* {alpha}"):
        example.grad_reverse(torch.ones(2), alpha)
