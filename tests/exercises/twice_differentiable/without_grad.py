"""Second derivatives are zero for autograd"""

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
        with torch.no_grad():
            derivative = 3 * x**2
        return grad_output * derivative
