"""A width that may be any number.

A network predicts the log of a standard deviation, so that every prediction is a valid
width. This loss takes the exponential and then the log again: at a log of 100 it
returns infinity. Make it right for all logs between -30 and 100.

    loss = mean over the samples of log(sigma) + (target - mean)² / (2 * sigma²)

`mean`, `log_sigma` and `target` have shape (N,), and sigma is exp(log_sigma).
"""

import torch


def gaussian_nll(mean, log_sigma, target):
    sigma = torch.exp(log_sigma)
    return (torch.log(sigma) + (target - mean) ** 2 / (2 * sigma**2)).mean()
