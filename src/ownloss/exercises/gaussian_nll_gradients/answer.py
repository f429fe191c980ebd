"""Both gradients of a Gaussian likelihood.

With s = exp(-log_var): the square gives (mean - target) * s for the mean. For log_var
the first term gives 1/2, and s has the derivative -s, so the second gives minus half
the scaled square. It is 0 where the square equals the variance: that is what the
variance learns.
"""

import torch


def gradients(mean, log_var, target):
    s = torch.exp(-log_var)
    residual = mean - target
    of_mean = residual * s
    of_log_var = (1 - residual**2 * s) / 2
    return of_mean / len(mean), of_log_var / len(mean)
