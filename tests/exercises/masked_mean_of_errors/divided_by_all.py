"""The sum is divided by the number of all entries"""

import torch


def masked_error(prediction, target, mask):
    r = torch.where(mask, prediction - target, torch.zeros(()))
    return (r**2).mean()
