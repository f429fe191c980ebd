"""It divides by 4 whatever the number of samples"""

import torch


class SquaredError(torch.nn.Module):
    def __init__(self, batch_size=4):
        super().__init__()
        self.batch_size = batch_size

    def forward(self, prediction, target):
        return (prediction - target).square().sum() / self.batch_size
