"""A loss that knows the batch size.

This Module divides by a constant, the batch size of the data loader. The last batch of
an epoch is smaller, and so is its gradient. Repair the Module.

    loss = mean over the samples of the sum over their entries of (prediction - target)²

`prediction` and `target` have shape (N, D), and N may be any number from 1 on.
"""

import torch

BATCH_SIZE = 4


class SquaredError(torch.nn.Module):
    def forward(self, prediction, target):
        return (prediction - target).square().sum() / BATCH_SIZE
