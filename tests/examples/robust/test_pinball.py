"""Pinball against NumPy, torch's absolute error and the quantile itself."""

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_value_and_gradient_are_numpys(example, reduction, quantile):
    prediction = torch.linspace(-5, 5, 24, dtype=torch.float64).reshape(4, 6)
    prediction.requires_grad_()
    target = torch.full_like(prediction, 0.7).requires_grad_()
    rest = (target - prediction).detach().numpy()
    expected = np.maximum(quantile * rest, (quantile - 1) * rest)
    slope = np.where(rest > 0, -quantile, 1 - quantile)
    if reduction != "none":
        expected = getattr(expected, reduction)()
    if reduction == "mean":
        slope = slope / 24

    loss = example.pinball(prediction, target, quantile, reduction)
    torch.testing.assert_close(loss.detach(), torch.as_tensor(expected))

    upstream = torch.linspace(1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    gradients = torch.autograd.grad(loss, (prediction, target), upstream)
    torch.testing.assert_close(gradients[0], upstream * torch.as_tensor(slope))
    torch.testing.assert_close(gradients[1], -upstream * torch.as_tensor(slope))


def test_at_one_half_it_is_half_the_absolute_error(example):
    prediction = torch.tensor([-2.0, 0.0, 7.0])
    target = torch.tensor([1.0, 0.0, 3.0])
    absolute = torch.nn.functional.l1_loss(prediction, target)
    torch.testing.assert_close(example.pinball(prediction, target, 0.5), absolute / 2)


@pytest.mark.parametrize("quantile", [0.1, 0.25, 0.8])
def test_the_best_constant_is_the_quantile(example, quantile):
    target = torch.tensor([3.0, -1.0, 0.5, 10.0, 2.0, 2.5, -4.0, 8.0, 1.0, 0.0, 6.0])
    candidates = torch.linspace(-5, 12, 3401)
    grid = candidates[:, None].expand(-1, 11)
    losses = example.pinball(grid, target.expand(3401, -1), quantile, "none").sum(1)
    best = candidates[losses.argmin()]
    assert abs(best - np.quantile(target, quantile, method="inverted_cdf")) < 0.01


def test_gradient_of_a_perfect_prediction_is_zero(example):
    prediction = torch.ones(3, requires_grad=True)
    example.pinball(prediction, torch.ones(3), 0.9).backward()
    assert prediction.grad.tolist() == [0.0, 0.0, 0.0]


def test_distance_does_not_change_the_gradient(example):
    prediction = torch.tensor([1e4, 1.0, -1.0, -1e4], requires_grad=True)
    example.pinball(prediction, torch.zeros(4), 0.75, "sum").backward()
    assert prediction.grad.tolist() == [0.25, 0.25, -0.75, -0.75]


def test_vmap_gives_every_sample_its_own_gradient(example):
    prediction = torch.tensor([[0.1, 2.0], [-5.0, 0.0]])
    gradient = torch.func.vmap(
        torch.func.grad(lambda p, t: example.pinball(p, t, 0.75))
    )
    per_sample = gradient(prediction, torch.ones(2, 2))
    assert per_sample.tolist() == [[-0.375, 0.125], [-0.375, -0.375]]


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.pinball(torch.zeros(4, 1), torch.zeros(4), 0.5)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.1, 90.0, float("nan")])
def test_a_quantile_outside_zero_and_one_is_refused(example, quantile):
    with pytest.raises(ValueError, match=rf"between 0 and 1, got {quantile}"):
        example.pinball(torch.zeros(2), torch.zeros(2), quantile)


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.pinball(torch.zeros(2), torch.zeros(2), 0.5, "avg")


def test_a_tensor_of_quantiles_is_one_a_column(example):
    prediction = torch.linspace(-5, 5, 12, dtype=torch.float64).reshape(4, 3)
    prediction.requires_grad_()
    target = torch.full((4, 3), 0.7, dtype=torch.float64)
    quantiles = [0.1, 0.5, 0.9]
    loss = example.pinball(prediction, target, torch.tensor(quantiles).double(), "none")
    columns = zip(prediction.unbind(1), target.unbind(1), quantiles, strict=True)
    apart = torch.stack([example.pinball(*column, "none") for column in columns], 1)
    torch.testing.assert_close(loss, apart)
    (gradient,) = torch.autograd.grad(loss.sum(), prediction)
    torch.testing.assert_close(
        gradient, torch.autograd.grad(apart.sum(), prediction)[0]
    )


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_quantile_of_one_element_is_welcome(example, shape):
    prediction, target = torch.tensor([1.0, -2.0]), torch.zeros(2)
    ours = example.pinball(prediction, target, torch.full(shape, 0.25))
    torch.testing.assert_close(ours, example.pinball(prediction, target, 0.25))


def test_quantiles_that_would_broadcast_the_prediction_are_refused(example):
    with pytest.raises(ValueError, match=r"got \(3,\) and \(4, 1\)"):
        example.pinball(torch.zeros(4, 1), torch.zeros(4, 1), torch.full((3,), 0.5))
