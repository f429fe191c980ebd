"""With nan in the padding of the target"""

import torch


def masked_error(prediction, target, mask):
    squares = (prediction - target).square()
    chosen = torch.where(mask, squares, 0.0)
    return chosen.sum() / mask.sum().clamp(min=1)
