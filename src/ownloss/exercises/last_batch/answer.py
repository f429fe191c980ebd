"""A loss that knows the batch size.

The batch size of this call is the length of the first dimension. A constant, a setting
or the size seen in `__init__` is right for all batches but the last.
"""

import torch


class SquaredError(torch.nn.Module):
    def forward(self, prediction, target):
        return (prediction - target).square().sum() / len(prediction)
