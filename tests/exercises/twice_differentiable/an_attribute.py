"""Second derivatives are zero for autograd"""

from torch.autograd import Function


class SumOfCubes(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.derivative = 3 * x**2
        return (x**3).sum()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.derivative
