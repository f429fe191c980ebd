"""Huber's loss of one sample, for torch.vmap.

`torch.where` computes both branches and chooses entry by entry, so no Python decision
depends on a value. Both branches are finite everywhere, so no nan can come from the
one that is not chosen.
"""

import torch


def huber(prediction, target):
    residual = prediction - target
    size = residual.abs()
    return torch.where(size <= 1, residual**2 / 2, size - 0.5)
