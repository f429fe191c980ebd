"""The gradient of the matrix has the wrong sign"""

import torch
from torch.autograd import Function


class SolutionError(Function):
    @staticmethod
    def forward(matrix, b, target):
        x = torch.linalg.solve(matrix, b)
        return (x - target).square().sum() / 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        matrix, b, target = ctx.saved_tensors
        x = torch.linalg.solve(matrix, b)
        lam = torch.linalg.inv(matrix).T @ (grad_output * (x - target))
        return torch.outer(lam, x), lam, None
