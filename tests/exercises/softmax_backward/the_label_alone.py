"""`gradient` returned a tensor of shape (4,); the gradient of `logits` has its shape"""

import torch


def gradient(logits, labels):
    p = logits.softmax(1)
    rows = torch.arange(len(labels))
    return (p[rows, labels] - 1) / len(labels)
