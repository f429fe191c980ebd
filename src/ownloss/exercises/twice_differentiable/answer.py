"""A Function that can be differentiated twice.

`forward` runs without a graph, so what it computes is a constant for autograd. Save the
input itself, and compute the derivative in `backward` with torch functions: then
autograd can differentiate `backward` as it does everything else.
"""

import torch
from torch.autograd import Function


class SumOfCubes(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x**3).sum()

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 3 * x**2
