"""is still to be written"""

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
        raise NotImplementedError
