"""The clipped gradient: the identity, NumPy's clip, the gradient of Huber's loss."""

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("limit", [0.5, 3.0])
def test_value_is_the_input_and_gradient_numpys_clip(example, dtype, limit):
    x = torch.linspace(-1e4, 1e4, 6, dtype=dtype).reshape(2, 3).T.requires_grad_()
    y = example.clip_gradient(x, limit)
    assert y.dtype == dtype
    assert torch.equal(y, x)
    upstream = torch.tensor([[-1e4, -0.4], [0.0, 0.5], [2.9, float("inf")]]).to(dtype)
    before = upstream.clone()
    y.backward(upstream)
    np.testing.assert_array_equal(x.grad, np.clip(upstream.numpy(), -limit, limit))
    assert torch.equal(upstream, before)


def test_it_gives_squared_error_the_gradient_and_curvature_of_huber(example):
    residual = torch.linspace(-5, 5, 24, dtype=torch.float64, requires_grad=True)
    ours = (example.clip_gradient(residual, 1.0) ** 2).sum() / 2
    theirs = torch.nn.functional.huber_loss(
        residual, torch.zeros_like(residual), reduction="sum"
    )
    for _ in range(2):
        (ours,) = torch.autograd.grad(ours, residual, create_graph=True)
        (theirs,) = torch.autograd.grad(theirs, residual, create_graph=True)
        torch.testing.assert_close(ours, theirs)
        ours, theirs = ours.sum(), theirs.sum()


def test_gradcheck_fails_where_it_clips(example):
    x = torch.tensor([0.2, 3.0], dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch") as failure:
        torch.autograd.gradcheck(lambda x: example.clip_gradient(x, 1.0) ** 2, (x,))
    numerical, analytical = str(failure.value).split("analytical")
    assert "0.4000" in numerical and "6.0000" in numerical
    assert "0.4000" in analytical and "1.0000" in analytical


@pytest.mark.parametrize("limit", [7.0, float("inf")])
def test_gradcheck_passes_where_nothing_is_clipped(example, limit):
    def square(x):
        return example.clip_gradient(x, limit) ** 2

    x = torch.tensor([0.2, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(square, (x,), check_batched_grad=True)
    assert torch.autograd.gradgradcheck(square, (x,))


def test_second_derivatives_are_zero_where_clipped_and_clipped_elsewhere(example):
    x = torch.tensor([0.01, 3.0], requires_grad=True)
    loss = (20 * example.clip_gradient(x, 1.0) ** 2).sum()
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    (curvature,) = torch.autograd.grad(gradient.sum(), x)
    torch.testing.assert_close(gradient, torch.tensor([0.4, 1.0]))
    assert curvature.tolist() == [1.0, 0.0]  # not 40, and nothing


def test_it_clips_the_sum_of_all_that_arrives(example):
    x = torch.tensor([1.0], requires_grad=True)
    y = example.clip_gradient(x, 1.0)
    (0.75 * y + 0.75 * y).backward()
    assert x.grad.item() == 1.0


def test_nan_stays_nan(example):
    x = torch.ones(2, requires_grad=True)
    example.clip_gradient(x, 1.0).backward(torch.tensor([float("nan"), 5.0]))
    assert x.grad[0].isnan() and x.grad[1] == 1


def test_vmap_and_grad_compose(example):
    rows = torch.tensor([[0.25, 1.7], [-2.5, 0.0]])

    def total(row):
        return example.clip_gradient(row, 1.0).square().sum()

    gradient = torch.vmap(torch.func.grad(total))(rows)
    assert gradient.tolist() == [[0.5, 1.0], [-1.0, 0.0]]


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_forward_mode_is_refused_since_clipping_is_not_linear(example):
    x = torch.ones(2)
    with pytest.raises(NotImplementedError, match="jvp"):
        torch.func.jvp(lambda x: example.clip_gradient(x, 1.0), (x,), (x,))


def test_what_follows_may_work_in_place(example):
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    (3 * example.clip_gradient(x, 2.0).relu_()).sum().backward()
    assert x.tolist() == [1.0, -2.0]
    assert x.grad.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_any_shape_will_do(example, shape):
    x = torch.full(shape, 0.7, requires_grad=True)
    (5 * example.clip_gradient(x, 2.0)).sum().backward()
    assert torch.equal(x.grad, torch.full(shape, 2.0))


def test_whole_numbers_are_refused(example):
    with pytest.raises(ValueError, match=r"floating, got torch\.int64"):
        example.clip_gradient(torch.tensor([1, 2]), 1.0)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_none_is_refused(example, limit):
    with pytest.raises(ValueError, match=f"limit .* {limit}"):
        example.clip_gradient(torch.ones(2), limit)
