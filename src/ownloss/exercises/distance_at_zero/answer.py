"""A distance whose gradient survives a perfect prediction.

The derivative of a root at 0 is infinite, and `torch.where` multiplies it by 0, which
is nan. So the root must not see the 0: choose a harmless number first, take the root,
and choose 0 afterwards. `torch.linalg.vector_norm` does the same for you.
"""

import torch


def distance(prediction, target):
    squares = (prediction - target).square().sum(1)
    apart = squares > 0
    lengths = torch.where(apart, squares, 1.0).sqrt()
    return torch.where(apart, lengths, 0.0).mean()
