"""The gradient of `logits` is 4x too large; 4 is the batch size."""

import torch
from torch.nn import functional as F


def gradient(logits, labels):
    return torch.softmax(logits, 1) - F.one_hot(labels, logits.shape[1])
