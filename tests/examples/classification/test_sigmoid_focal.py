"""Sigmoid focal against its formula in NumPy, cross entropy, and finite limits."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit
from torch.nn.functional import binary_cross_entropy_with_logits


def by_the_book(logits, target, alpha, gamma):
    """Value and gradient of each answer."""
    sign = np.where(target == 1, 1.0, -1.0)
    p, log_p = expit(sign * logits), log_expit(sign * logits)
    q = expit(-sign * logits)
    weight = np.where(target == 1, alpha, 1 - alpha)
    gradient = -sign * weight * q**gamma * (q - gamma * p * log_p)
    return torch.from_numpy(-weight * q**gamma * log_p), torch.from_numpy(gradient)


LOGITS = np.linspace(-7, 6, 12).reshape(3, 4)
TARGET = np.array([[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 0, 1]]).astype(float)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("alpha", "gamma"), [(0.25, 2.0), (0.5, 0.0), (1.0, 0.5), (0.0, 5.0)]
)
def test_value_and_gradient_are_those_of_the_book(example, alpha, gamma, reduction):
    values, gradients = by_the_book(LOGITS, TARGET, alpha, gamma)
    logits = torch.tensor(LOGITS, requires_grad=True)
    loss = example.sigmoid_focal(logits, torch.tensor(TARGET), alpha, gamma, reduction)
    if reduction == "none":
        upstream = torch.linspace(1, 3, 12, dtype=torch.float64).reshape(3, 4)
        scale, expected = upstream, values
    else:
        upstream = torch.tensor(0.3, dtype=torch.float64)
        scale = upstream / (12 if reduction == "mean" else 1)
        expected = getattr(values, reduction)()
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    torch.testing.assert_close(gradient, scale * gradients)


def test_the_defaults_are_those_of_retinanet(example):
    ours = example.sigmoid_focal(torch.tensor(LOGITS), torch.tensor(TARGET))
    torch.testing.assert_close(ours, by_the_book(LOGITS, TARGET, 0.25, 2)[0].mean())


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.float32])
def test_the_dtype_is_that_of_the_logits(example, kind):
    logits = torch.tensor(LOGITS)
    ours = example.sigmoid_focal(logits, torch.tensor(TARGET).to(kind))
    assert ours.dtype == torch.float64
    torch.testing.assert_close(
        ours, example.sigmoid_focal(logits, torch.tensor(TARGET))
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_extreme_logits_give_no_nan(example, gamma, dtype):
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4], dtype=dtype, requires_grad=True)
    target = torch.tensor([1, 0, 0, 1])
    loss = example.sigmoid_focal(logits, target, 0.25, gamma, "none")
    torch.testing.assert_close(
        loss, torch.tensor([0.0, 0.0, 7500.0, 2500.0], dtype=dtype)
    )
    (gradient,) = torch.autograd.grad(loss.sum(), logits, create_graph=True)
    torch.testing.assert_close(
        gradient, torch.tensor([0.0, 0.0, 0.75, -0.25], dtype=dtype)
    )
    (second,) = torch.autograd.grad(gradient.square().sum(), logits)
    assert second.isfinite().all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_second_derivatives_are_right(example, gamma):
    logits = torch.tensor(LOGITS / 3, requires_grad=True)
    target = torch.tensor(TARGET)
    assert torch.autograd.gradgradcheck(
        lambda z: example.sigmoid_focal(z, target, gamma=gamma), (logits,)
    )


def test_vmap_of_grad_gives_one_gradient_a_row(example):
    def total(row, answers):
        return example.sigmoid_focal(row, answers, reduction="sum")

    rows = torch.vmap(torch.func.grad(total))(
        torch.tensor(LOGITS), torch.tensor(TARGET)
    )
    torch.testing.assert_close(rows, by_the_book(LOGITS, TARGET, 0.25, 2)[1])


def test_an_empty_batch_gives_what_cross_entropy_gives(example):
    empty = torch.zeros(0)
    assert binary_cross_entropy_with_logits(empty, empty).isnan()
    assert example.sigmoid_focal(empty, empty).isnan()
    assert example.sigmoid_focal(empty, empty, reduction="sum") == 0


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.sigmoid_focal(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1}, "alpha .* -1"),
        ({"alpha": 1.5}, "alpha .* 1.5"),
        ({"gamma": -0.5}, "gamma .* -0.5"),
        ({"reduction": "avg"}, "reduction .* 'avg'"),
    ],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.sigmoid_focal(torch.zeros(2), torch.zeros(2), **options)


def test_an_infinite_gamma_is_refused(example):
    with pytest.raises(ValueError, match=r"gamma must be .*finite.* got inf"):
        example.sigmoid_focal(torch.zeros(2), torch.zeros(2), gamma=math.inf)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_a_soft_target_is_taken_as_in_torchvision(example, gamma):
    target = np.linspace(0, 1, 12).reshape(3, 4)
    p = expit(LOGITS)
    entropy = -target * log_expit(LOGITS) - (1 - target) * log_expit(-LOGITS)
    right = p * target + (1 - p) * (1 - target)
    weight = 0.3 * target + 0.7 * (1 - target)
    expected = torch.from_numpy(weight * (1 - right) ** gamma * entropy)
    logits = torch.tensor(LOGITS, requires_grad=True)
    target = torch.from_numpy(target)
    loss = example.sigmoid_focal(logits, target, 0.3, gamma, "none")
    torch.testing.assert_close(loss, expected)
    assert torch.autograd.gradcheck(
        lambda z: example.sigmoid_focal(z, target, 0.3, gamma), (logits,)
    )
