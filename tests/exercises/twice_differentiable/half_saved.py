"""The second derivative is wrong"""

from torch.autograd import Function


class SumOfCubes(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x, x**2)
        return (x**3).sum()

    @staticmethod
    def backward(ctx, grad_output):
        x, square = ctx.saved_tensors
        return grad_output * (x * x + 2 * square)
