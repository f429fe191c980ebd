"""Almost right: the value is off by"""

import torch


def gaussian_nll(mean, log_sigma, target):
    sigma = torch.exp(log_sigma) + 1e-3
    return (torch.log(sigma) + (target - mean) ** 2 / (2 * sigma**2)).mean()
