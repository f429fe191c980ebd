"""At logits of 200: the loss is 13.816, the reference 100."""

import torch


def binary_cross_entropy(logits, target):
    p = torch.sigmoid(logits)
    eps = 1e-12
    return -(target * torch.log(p + eps) + (1 - target) * torch.log(1 - p + eps)).mean()
