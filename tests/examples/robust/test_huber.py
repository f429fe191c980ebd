"""Huber against torch's own, and against values worked by hand."""

import pytest
import torch
from torch.nn.functional import huber_loss


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
def test_value_and_gradient_are_torchs(example, reduction, delta):
    prediction = torch.linspace(-5, 5, 24, dtype=torch.float64).reshape(4, 6)
    prediction.requires_grad_()
    target = torch.full_like(prediction, 0.7)

    ours = example.huber(prediction, target, delta, reduction)
    theirs = huber_loss(prediction, target, reduction, delta)
    torch.testing.assert_close(ours, theirs)

    upstream = torch.linspace(1, 3, ours.numel(), dtype=torch.float64)
    upstream = upstream.reshape(ours.shape)
    (our_gradient,) = torch.autograd.grad(ours, prediction, upstream)
    (their_gradient,) = torch.autograd.grad(theirs, prediction, upstream)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_gradient_saturates_at_delta(example):
    prediction = torch.tensor([-100.0, 100.0], requires_grad=True)
    example.huber(prediction, torch.zeros(2), delta=2.5, reduction="sum").backward()
    assert prediction.grad.tolist() == [-2.5, 2.5]


def test_gradient_of_a_perfect_prediction_is_zero(example):
    prediction = torch.ones(3, requires_grad=True)
    example.huber(prediction, torch.ones(3)).backward()
    assert prediction.grad.tolist() == [0.0, 0.0, 0.0]


def test_second_derivatives_are_right(example):
    prediction = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    target = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(example.huber, (prediction, target))


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.huber(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"delta": 0.0}, "delta .* 0.0"), ({"reduction": "avg"}, "reduction .* 'avg'")],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.huber(torch.zeros(2), torch.zeros(2), **options)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_delta_may_be_a_tensor_and_has_a_gradient(example, shape):
    residual = torch.tensor([0.5, 3.0, -4.0], dtype=torch.float64)
    delta = torch.full(shape, 1.5, dtype=torch.float64, requires_grad=True)
    loss = example.huber(residual, torch.zeros_like(residual), delta, "none")
    expected = huber_loss(residual, torch.zeros_like(residual), "none", 1.5)
    torch.testing.assert_close(loss.detach(), expected)
    (gradient,) = torch.autograd.grad(loss.sum(), delta)
    assert gradient.item() == (3.0 - 1.5) + (4.0 - 1.5)  # |r| - delta of both outside
    one = example.huber(residual[0], torch.zeros_like(residual[0]), delta, "none")
    assert one.shape == ()


def test_a_delta_of_several_numbers_is_refused(example):
    with pytest.raises(ValueError, match=r"delta must be one number, got \(2,\)"):
        example.huber(torch.zeros(2), torch.zeros(2), torch.ones(2))
