"""Binary cross entropy that survives large logits.

log(sigmoid(x)) is -softplus(-x), and log(1 - sigmoid(x)) is -softplus(x), which is
-softplus(-x) - x. So the loss is softplus(-x) + (1 - target) * x: no logarithm of a
number that was rounded to 0 or 1.
"""

import torch


def binary_cross_entropy(logits, target):
    softplus = torch.nn.functional.softplus
    return (softplus(-logits) + (1 - target) * logits).mean()
