"""returns 2 gradients"""

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
        return grad_output * gradient, None
