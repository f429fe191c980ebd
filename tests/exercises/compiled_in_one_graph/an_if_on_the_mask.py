"""an `if` or `bool` asks for a value"""

import torch


def masked_error(prediction, target, mask):
    if mask.any():
        error = torch.where(mask, prediction - target, 0.0).abs()
        return error.sum() / mask.sum()
    return prediction.sum() * 0
