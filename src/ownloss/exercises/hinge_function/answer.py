"""A Function with an option that is a number.

Where the margin is violated the derivative by the score is -target, elsewhere 0; the
mean divides by N. `backward` returns one value for each argument of `forward`: None for
the target and for the number, which is kept as an attribute, not among the tensors.
"""

import torch
from torch.autograd import Function


class Hinge(Function):
    @staticmethod
    def forward(score, target, margin):
        return torch.relu(margin - target * score).mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        score, target, margin = inputs
        ctx.save_for_backward(score, target)
        ctx.margin = margin

    @staticmethod
    def backward(ctx, grad_output):
        score, target = ctx.saved_tensors
        violated = ctx.margin - target * score > 0
        gradient = -target * violated / score.numel()
        return grad_output * gradient, None, None
