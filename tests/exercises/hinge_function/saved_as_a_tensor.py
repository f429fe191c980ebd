"""save_for_backward"""

import torch
from torch.autograd import Function


class Hinge(Function):
    @staticmethod
    def forward(score, target, margin):
        return torch.relu(margin - target * score).mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        score, target, margin = ctx.saved_tensors
        violated = margin - target * score > 0
        return grad_output * -target * violated / score.numel(), None, None
