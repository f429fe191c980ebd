"""log-sum-exp without overflow.

This function is right for small numbers. exp(100) is infinite in single precision, and
the row where everything is -1000 gives minus infinity. Repair it.

    result = log(exp(x[0]) + ... + exp(x[C-1]))      for each row x

`x` has shape (N, C), the result (N,). An entry may be minus infinity, which adds
nothing; each row has at least one that is finite.
Do it with elementary functions: without `torch.logsumexp`.
"""

import torch


def log_sum_exp(x):
    return torch.log(torch.exp(x).sum(1))
