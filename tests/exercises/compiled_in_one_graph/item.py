"""`item` asks for a value"""

import torch


def masked_error(prediction, target, mask):
    error = torch.where(mask, prediction - target, 0.0).abs()
    return error.sum() / max(mask.sum().item(), 1)
