"""The backward pass of a linear layer and its squared error.

The forward pass of this Function is right. Write `setup_context` and `backward`, with
a gradient for the features, the weight and the bias. The target needs none: return
None for it.

    loss = mean over all entries of (features @ weight + bias - target)²

`features` has shape (N, D), `weight` (D, C), `bias` (C,) and `target` (N, C).
"""

import torch
from torch.autograd import Function


class LinearSquaredError(Function):
    @staticmethod
    def forward(features, weight, bias, target):
        return (features @ weight + bias - target).square().mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError  # yours to write

    @staticmethod
    def backward(ctx, grad_output):
        raise NotImplementedError  # yours to write
