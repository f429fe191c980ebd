"""Huber's loss of one sample, for torch.vmap.

This loss takes one prediction and one target, and `torch.vmap` is to map it over a
batch. It cannot: an `if` asks for a value, and under vmap there are many.
Repair it, so that `torch.vmap(huber)` and its per-sample gradients work.

    loss = r² / 2               where |r| <= 1, with r = prediction - target
           |r| - 1 / 2          elsewhere

`prediction` and `target` have shape ().
"""

import torch


def huber(prediction, target):
    residual = prediction - target
    if residual.abs() <= 1:
        return residual**2 / 2
    return residual.abs() - 0.5
