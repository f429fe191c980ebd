"""A backward pass that writes into what is not its own.

This Function squares each entry. Alone its gradient is right; in a network the
gradients of other operations change. Repair `backward`.

    y = x²     for each entry

`x` has any shape, and so has the result.
"""

import torch
from torch.autograd import Function


class Square(Function):
    @staticmethod
    def forward(x):
        return x**2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_output *= 2
        return grad_output.mul_(x)
