"""log_var itself stands in the loss, too"""

import torch


def gradients(mean, log_var, target):
    s = torch.exp(-log_var)
    r = mean - target
    return r * s / len(r), -(r**2) * s / 2 / len(r)
