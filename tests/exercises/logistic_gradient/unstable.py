"""At logits of 60 and more, right and wrong"""

import torch


def gradient(logits, target):
    p = torch.sigmoid(logits)
    by_p = -target / p + (1 - target) / (1 - p)
    return by_p * p * (1 - p) / logits.numel()
