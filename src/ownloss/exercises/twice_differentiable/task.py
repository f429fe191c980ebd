"""A Function that can be differentiated twice.

This Function returns the sum of the cubes, and its gradient is right. A gradient
penalty differentiates the gradient once more, and gets 0 without a word: `forward` has
computed the derivative beforehand, where autograd does not look. Repair it, so that
second derivatives are right, too.

    loss = sum of x³

`x` has any shape.
"""

import torch
from torch.autograd import Function


class SumOfCubes(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(3 * x**2)
        return (x**3).sum()

    @staticmethod
    def backward(ctx, grad_output):
        (derivative,) = ctx.saved_tensors
        return grad_output * derivative
