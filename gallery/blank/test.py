"""Blank against torch's own, and against values worked by hand."""

import pytest
import torch


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_value_and_gradient_are_torchs(example, reduction):
    prediction = torch.linspace(-5, 5, 12, dtype=torch.float64, requires_grad=True)
    target = torch.full_like(prediction, 0.7)

    ours = example.blank(prediction, target, reduction)
    theirs = torch.nn.functional.mse_loss(prediction, target, reduction=reduction) / 2
    torch.testing.assert_close(ours, theirs)

    (our_gradient,) = torch.autograd.grad(3 * ours, prediction)
    (their_gradient,) = torch.autograd.grad(3 * theirs, prediction)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.blank(torch.zeros(4, 1), torch.zeros(4))
