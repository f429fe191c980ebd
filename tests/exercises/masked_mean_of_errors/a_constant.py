"""Where no entry counts: `masked_error` has the right value, but the result is"""

import torch


def masked_error(prediction, target, mask):
    if not mask.any():
        return torch.tensor(0.0)
    return (prediction - target)[mask].square().mean()
