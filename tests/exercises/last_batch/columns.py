"""It divides by the number of columns"""

import torch


class SquaredError(torch.nn.Module):
    def forward(self, prediction, target):
        return (prediction - target).square().sum() / target.shape[-1]
