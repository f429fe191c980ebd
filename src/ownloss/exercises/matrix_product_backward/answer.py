"""The backward pass of a linear layer and its squared error.

From the last line back: the gradient of the layer's output is 2 r / (N C), times
grad_output. A matrix product sends it to its factors, times the other factor
transposed; the shapes leave one way to do it. The bias was added to every row, so its
gradient is the sum over the rows.
"""

import torch
from torch.autograd import Function


class LinearSquaredError(Function):
    @staticmethod
    def forward(features, weight, bias, target):
        return (features @ weight + bias - target).square().mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        features, weight, bias, target = ctx.saved_tensors
        residual = features @ weight + bias - target
        grad_residual = grad_output * 2 * residual / residual.numel()
        return (
            grad_residual @ weight.T,
            features.T @ grad_residual,
            grad_residual.sum(0),
            None,
        )
