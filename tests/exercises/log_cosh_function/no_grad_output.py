"""backward never multiplies it by grad_output"""

import math

import torch
from torch.autograd import Function


class LogCosh(Function):
    @staticmethod
    def forward(prediction, target):
        size = (prediction - target).abs()
        return (size + torch.log1p(torch.exp(-2 * size)) - math.log(2)).mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        gradient = torch.tanh(prediction - target) / prediction.numel()
        return gradient, -gradient
