"""Squared error against a loop in NumPy, torch's own, and numbers worked by hand."""

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

SHAPES = [(5,), (1,), (5, 1), (4, 3), (1, 3), (2, 3, 4), (2, 3, 1, 2)]


def data(shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(shape, generator=generator, dtype=dtype)
    target = torch.randn(shape, generator=generator, dtype=dtype)
    return prediction.requires_grad_(), target


def by_loop(prediction, target, reduction):
    samples = [
        sum((p - t) ** 2 for p, t in zip(np.ravel(a), np.ravel(b), strict=True))
        for a, b in zip(prediction, target, strict=True)
    ]
    if reduction == "none":
        return samples
    return sum(samples) / (len(samples) if reduction == "mean" else 1)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_features_are_summed_and_samples_reduced(example, shape, reduction):
    prediction, target = data(shape)
    ours = example.squared_error(prediction, target, reduction)
    theirs = by_loop(prediction.detach().numpy(), target.numpy(), reduction)
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_twice_the_residual_times_the_upstream_over_the_batch(
    example, shape
):
    prediction, target = data(shape)
    target.requires_grad_()
    loss = example.squared_error(prediction, target)
    loss.backward(torch.tensor(-3.0, dtype=torch.float64))
    expected = -3 * 2 * (prediction - target).detach() / shape[0]
    torch.testing.assert_close(prediction.grad, expected)
    torch.testing.assert_close(target.grad, -expected)


def test_each_sample_takes_its_own_upstream_with_none(example):
    prediction, target = data((3, 2))
    upstream = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    example.squared_error(prediction, target, "none").backward(upstream)
    expected = 2 * upstream[:, None] * (prediction - target).detach()
    torch.testing.assert_close(prediction.grad, expected)


@pytest.mark.parametrize("features", [1, 4, 100])
def test_it_is_mse_loss_times_the_number_of_features(example, features):
    prediction, target = data((6, features))
    ours = example.squared_error(prediction, target)
    torch.testing.assert_close(ours, features * mse_loss(prediction, target))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_module_and_function_are_one_loss(example, reduction):
    prediction, target = data((4, 3))
    module = example.SquaredError(reduction)
    assert isinstance(module, torch.nn.Module)
    assert not list(module.parameters())
    expected = example.squared_error(prediction, target, reduction)
    assert torch.equal(module(prediction, target), expected)


def test_vmap_of_grad_gives_the_gradient_of_each_batch(example):
    prediction, target = data((5, 4, 3))
    gradient = torch.vmap(torch.func.grad(example.squared_error))
    expected = 2 * (prediction - target) / 4
    torch.testing.assert_close(gradient(prediction, target), expected)


def test_second_derivatives_are_right(example):
    prediction, target = data((3, 2))
    target.requires_grad_()
    assert torch.autograd.gradgradcheck(example.squared_error, (prediction, target))


def test_gradient_of_a_perfect_prediction_is_zero(example):
    prediction = torch.ones(3, 2, requires_grad=True)
    example.squared_error(prediction, torch.ones(3, 2)).backward()
    assert torch.equal(prediction.grad, torch.zeros(3, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_transposed_memory_are_kept(example, dtype):
    prediction, target = data((3, 4), dtype)
    ours = example.squared_error(prediction.T, target.T)
    assert ours.dtype == dtype
    same = example.squared_error(prediction.T.contiguous(), target.T.contiguous())
    torch.testing.assert_close(ours, same)


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_mean_of_an_empty_batch_is_nan_and_its_sum_zero(example, shape):
    empty = torch.zeros(shape)
    assert example.squared_error(empty, empty).isnan()
    assert example.squared_error(empty, empty, "sum") == 0
    assert example.squared_error(empty, empty, "none").shape == (0,)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 1), (4,)), r"\(4, 1\) and \(4,\)"),
        (((4, 3), (1, 3)), r"\(4, 3\) and \(1, 3\)"),
        (((), ()), "a scalar"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, shapes, message):
    with pytest.raises(ValueError, match=message):
        example.squared_error(*map(torch.zeros, shapes))


def test_an_unknown_reduction_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.squared_error(torch.zeros(2), torch.zeros(2), reduction="avg")
