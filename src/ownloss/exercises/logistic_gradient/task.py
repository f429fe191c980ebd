"""The gradient of binary cross entropy.

Derive the gradient of this loss with respect to the logits, and return it.

    p = 1 / (1 + exp(-logits))
    loss = mean over all entries of -(target * log(p) + (1 - target) * log(1 - p))

`logits` and `target` have the same shape, such as (N, L), one column for each of L
yes-or-no questions. The target is 0, 1, or a probability between them.
Write the formula: no autograd.
"""

import torch


def gradient(logits, target):
    raise NotImplementedError  # yours to write
