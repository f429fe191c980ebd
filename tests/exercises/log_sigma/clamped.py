"""At a log of 100"""

import torch


def gaussian_nll(mean, log_sigma, target):
    sigma = torch.exp(log_sigma.clamp(-30, 30))
    return (torch.log(sigma) + (target - mean) ** 2 / (2 * sigma**2)).mean()
