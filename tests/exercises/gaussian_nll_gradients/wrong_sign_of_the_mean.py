"""The gradient of `mean` has the wrong sign"""

import torch


def gradients(mean, log_var, target):
    s = torch.exp(-log_var)
    r = target - mean
    return r * s / len(r), (1 - r**2 * s) / 2 / len(r)
