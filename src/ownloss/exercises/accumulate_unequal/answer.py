"""Gradient accumulation over batches of unequal size.

Gradients of backward calls are added. So each micro-batch contributes its sum, divided
by the number of all entries: then the parts add up to the mean over all of them.
"""

import torch


def accumulate(model, batches):
    model.zero_grad()
    entries = sum(target.numel() for _, target in batches)
    for inputs, target in batches:
        loss = (model(inputs) - target).square().sum() / entries
        loss.backward()
