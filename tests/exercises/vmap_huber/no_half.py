"""The square is not halved."""

import torch


def huber(prediction, target):
    r = prediction - target
    return torch.where(r.abs() <= 1, r * r, r.abs() - 0.5)
