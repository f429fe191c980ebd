"""A column of predictions against a list of targets.

(N, 1) minus (N,) is a matrix of shape (N, N): every prediction is compared with every
target. Bring both to the same shape before they meet, and name the dimension that
goes: a bare `squeeze()` also drops the batch dimension of a batch of one.
"""

import torch


def squared_error(prediction, target):
    return (prediction.squeeze(1) - target).square().mean()
