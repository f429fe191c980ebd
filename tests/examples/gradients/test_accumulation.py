"""Accumulation against the whole batch, with the gradient worked out in NumPy."""

import weakref

import numpy as np
import pytest
import torch

INPUTS = torch.linspace(-1, 2, 14, dtype=torch.float64).reshape(7, 2)
TARGET = torch.linspace(3, -1, 7, dtype=torch.float64).reshape(7, 1)


def squared(prediction, target):
    return ((prediction - target) ** 2).sum()


def linear(dtype=torch.float64):
    model = torch.nn.Linear(2, 1, bias=False, dtype=dtype)
    model.weight.data = torch.tensor([[0.5, -1.5]], dtype=dtype)
    return model


def split(*lengths):
    return list(zip(INPUTS.split(lengths), TARGET.split(lengths), strict=True))


def by_hand():
    residual = INPUTS.numpy() @ np.array([[0.5], [-1.5]]) - TARGET.numpy()
    return (residual**2).mean(), 2 * residual.T @ INPUTS.numpy() / 7


@pytest.mark.parametrize("lengths", [[7], [3, 4], [1, 6], [2, 2, 2, 1], [0, 7]])
def test_loss_and_gradient_are_those_of_the_whole_batch(example, lengths):
    model = linear()
    loss = example.accumulation(model, squared, split(*lengths))
    value, gradient = by_hand()
    assert loss.item() == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(model.weight.grad.numpy(), gradient, rtol=1e-12)


def test_what_grad_held_before_is_kept(example):
    model = linear()
    model.weight.grad = torch.full((1, 2), 100.0, dtype=torch.float64)
    example.accumulation(model, squared, split(3, 4))
    np.testing.assert_allclose(
        model.weight.grad.numpy(), 100 + by_hand()[1], rtol=1e-12
    )


def test_parts_may_come_from_a_generator(example):
    model = linear()
    example.accumulation(model, squared, (part for part in split(3, 4)))
    np.testing.assert_allclose(model.weight.grad.numpy(), by_hand()[1], rtol=1e-12)


def test_one_graph_is_in_memory_at_a_time(example):
    model, predictions, alive = linear(), [], []

    def watched(prediction, target):
        alive.append(sum(reference() is not None for reference in predictions))
        predictions.append(weakref.ref(prediction))
        return squared(prediction, target)

    example.accumulation(model, watched, split(2, 2, 3))
    assert alive == [0, 0, 0]


def test_the_loss_returned_has_no_graph_and_the_models_dtype(example):
    parts = [(INPUTS.float(), TARGET.float())]
    loss = example.accumulation(linear(torch.float32), squared, parts)
    assert loss.dtype == torch.float32
    assert loss.shape == ()
    assert not loss.requires_grad


def test_parts_whose_lengths_differ_are_refused_before_any_backward(example):
    model = linear()
    parts = [*split(3, 4), (INPUTS[:2], TARGET[:3])]
    with pytest.raises(ValueError, match=r"same length.*\(2, 3\)"):
        example.accumulation(model, squared, parts)
    assert model.weight.grad is None


@pytest.mark.parametrize("parts", [[], [(INPUTS[:0], TARGET[:0])]])
def test_a_mean_over_nothing_is_refused(example, parts):
    with pytest.raises(ValueError, match="at least one sample"):
        example.accumulation(linear(), squared, parts)
