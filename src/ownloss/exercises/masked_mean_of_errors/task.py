"""A mean over what counts.

Sequences are padded to the same length, and the mask is True where an entry counts.
This loss has three mistakes: padding counts in the mean, a nan in the padding
spreads to everything, and with nothing to count the result is not 0. Repair it.

    loss = sum of (prediction - target)² where mask is True / number of True entries

`prediction`, `target` and `mask` have shape (N, T); `mask` is boolean.
Where no entry counts, loss and gradient are 0.
"""

import torch


def masked_error(prediction, target, mask):
    return ((prediction - target).square() * mask).mean()
