"""the mask is inverted, unless True means to ignore."""

import torch


def masked_error(prediction, target, mask):
    r = torch.where(mask, 0.0, prediction - target)
    return r.square().sum() / mask.sum().clamp(min=1)
