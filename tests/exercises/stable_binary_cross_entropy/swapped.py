"""The classes are swapped"""

import torch


def binary_cross_entropy(logits, target):
    softplus = torch.nn.functional.softplus
    return (softplus(logits) - (1 - target) * logits).mean()
