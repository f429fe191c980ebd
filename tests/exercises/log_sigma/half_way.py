"""The square is divided by sigma; sigma² is exp(2 * log_sigma)."""

import torch


def gaussian_nll(mean, log_sigma, target):
    return (log_sigma + (target - mean) ** 2 * torch.exp(-log_sigma) / 2).mean()
