"""For one row the result has shape ()"""

import torch


def log_sum_exp(x):
    m = x.max(dim=1, keepdim=True).values
    return (m + torch.log(torch.exp(x - m).sum(1, keepdim=True))).squeeze()
