"""The softmax runs over the samples, dimension 0; the classes are dimension 1."""

import torch
from torch.nn import functional as F


def gradient(logits, labels):
    p = torch.softmax(logits, dim=0)
    return (p - F.one_hot(labels, logits.shape[1])) / len(logits)
