"""The backward pass of a loss of a solution.

Differentiate the equation: dA x + A dx = db, so dx = A⁻¹ (db - dA x). The loss changes
by the residual times dx, and the residual times A⁻¹ is the adjoint: it solves the
transposed system. What stands before db is the adjoint; what stands before dA is minus
the adjoint times x, an outer product.
"""

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
        adjoint = torch.linalg.solve(matrix.T, (x - target) * grad_output)
        return -adjoint[:, None] * x, adjoint, None
