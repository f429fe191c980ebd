"""Log-cosh against NumPy's logaddexp and tanh, and where it is easily wrong."""

import numpy as np
import pytest
import torch

# On its first use in a process, forward mode makes torch warn of torch's own code.
forward_mode = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")

RESIDUAL = [-1e4, -90.0, -20.0, -3.0, -1e-3, 0.0, 0.2, 1.0, 19.0, 40.0, 800.0, 1e4]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_numpys(example, reduction):
    target = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
    residual = torch.tensor(RESIDUAL, dtype=torch.float64).reshape(3, 4)
    prediction = (target + residual).requires_grad_()
    target.requires_grad_()
    r = (prediction - target).detach().numpy()
    expected = np.logaddexp(r, -r) - np.log(2)
    weight = 1.0
    if reduction != "none":
        expected = getattr(expected, reduction)()
        weight = 1 / 12 if reduction == "mean" else 1.0

    loss = example.log_cosh(prediction, target, reduction)
    torch.testing.assert_close(loss.detach(), torch.as_tensor(expected))

    upstream = torch.linspace(1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    gradients = torch.autograd.grad(loss, (prediction, target), upstream)
    expected = upstream * weight * torch.as_tensor(np.tanh(r))
    torch.testing.assert_close(gradients[0], expected)
    torch.testing.assert_close(gradients[1], -expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_nothing_overflows_up_to_ten_thousand(example, dtype):
    prediction = torch.tensor([-1e4, 1e4], dtype=dtype, requires_grad=True)
    loss = example.log_cosh(prediction, torch.zeros_like(prediction), "none")
    assert loss.dtype == dtype
    assert loss.isfinite().all()
    loss.sum().backward()
    assert prediction.grad.tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_and_gradient_of_a_perfect_prediction_are_zero(example, dtype):
    prediction = torch.ones(3, dtype=dtype, requires_grad=True)
    loss = example.log_cosh(prediction, torch.ones(3, dtype=dtype))
    loss.backward()
    assert loss.item() == 0
    assert prediction.grad.tolist() == [0.0, 0.0, 0.0]


def test_value_and_gradient_near_zero_are_right_to_a_rounding_of_one(example):
    prediction = torch.tensor([1e-7, -1e-5, 1e-3], requires_grad=True)
    loss = example.log_cosh(prediction, torch.zeros(3), "none")
    loss.sum().backward()
    r = prediction.detach().double().numpy()
    value, gradient = loss.detach().numpy(), prediction.grad.numpy()
    assert np.allclose(value, r**2 / 2, rtol=0, atol=1.2e-7)
    assert np.allclose(gradient, np.tanh(r), rtol=0, atol=1.2e-7)


@forward_mode
def test_second_derivatives_are_right_at_zero_too(example):
    prediction = torch.tensor([0.0, 0.3, -2.0], dtype=torch.float64, requires_grad=True)
    target = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(example.log_cosh, (prediction, target))
    hessian = torch.func.hessian(example.log_cosh)(
        prediction.detach(), target.detach(), "sum"
    )
    expected = 1 / torch.cosh(prediction.detach()) ** 2
    torch.testing.assert_close(hessian, expected.diag())


@forward_mode
def test_forward_mode_and_batched_gradients_agree(example):
    inputs = torch.tensor([[0.0, 0.3], [-2.0, 50.0]], dtype=torch.float64)
    inputs.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: example.log_cosh(x, torch.zeros_like(x), "none"),
        inputs,
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


def test_vmap_gives_every_sample_its_own_gradient(example):
    prediction = torch.tensor([[0.1, 2.0], [-5.0, 0.0]])
    target = torch.ones(2, 2)
    per_sample = torch.func.vmap(torch.func.grad(example.log_cosh))(prediction, target)
    torch.testing.assert_close(per_sample, torch.tanh(prediction - target) / 2)


def test_backward_leaves_its_upstream_gradient_and_its_input_alone(example):
    prediction = torch.tensor([[0.5, 3.0], [1.0, -1.0]]).T.requires_grad_()
    before = prediction.detach().clone()
    loss = example.log_cosh(prediction, torch.zeros(2, 2), "none")
    upstream = torch.tensor([2.0]).expand(2, 2)
    first = torch.autograd.grad(loss, prediction, upstream, retain_graph=True)[0]
    second = torch.autograd.grad(loss, prediction, upstream)[0]
    assert torch.equal(first, second)
    assert torch.equal(prediction.detach(), before)


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.log_cosh(torch.zeros(4, 1), torch.zeros(4))


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.log_cosh(torch.zeros(2), torch.zeros(2), "avg")
