"""Each row is averaged by itself"""

import torch


def masked_error(prediction, target, mask):
    r = torch.where(mask, prediction - target, 0.0)
    rows = r.square().sum(1) / mask.sum(1).clamp(min=1)
    return rows.mean()
