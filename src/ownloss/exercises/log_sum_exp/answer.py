"""log-sum-exp without overflow.

A number m may be taken out of each exponent: log(sum(exp(x))) is m + log(sum(exp(x -
m))). With m the largest of the row the largest term is 1, so nothing overflows, and
the logarithm sees at least 1. The result does not depend on m, so m needs no gradient.
"""

import torch


def log_sum_exp(x):
    largest = x.detach().max(dim=1, keepdim=True).values
    return largest.squeeze(1) + torch.log(torch.exp(x - largest).sum(1))
