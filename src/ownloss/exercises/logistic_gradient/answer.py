"""The gradient of binary cross entropy.

By p the derivative of one entry is -target / p + (1 - target) / (1 - p), which is
(p - target) / (p * (1 - p)). The derivative of p by its logit is p * (1 - p), so the
denominator cancels: p - target is left, and the mean divides by the number of entries.
"""

import torch


def gradient(logits, target):
    return (torch.sigmoid(logits) - target) / logits.numel()
