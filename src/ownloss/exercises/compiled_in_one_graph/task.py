"""A masked loss that compiles in one graph.

This loss is right. `torch.compile` breaks it into pieces, since it asks for values: the
number of entries that count, whether there are any, and which. Write it so that it is
compiled in one graph, without a break, with the same results.

    loss = sum of |prediction - target| where mask is True / number of True entries

`prediction`, `target` and `mask` have shape (N, D); `mask` is boolean.
What the mask leaves out may be nan. Where no entry counts, the loss is 0.
"""

import torch


def masked_error(prediction, target, mask):
    count = mask.sum().item()
    if count == 0:
        return prediction.sum() * 0
    return (prediction[mask] - target[mask]).abs().sum() / count
