"""Gradient accumulation over batches of unequal size.

A batch does not fit into memory, so it comes in micro-batches, the last of them
smaller. Call `backward` once for each micro-batch, so that afterwards the `.grad` of
each parameter is the gradient of the mean squared error over all samples, as if they
had come at once.

    loss of all = mean over all entries of (model(inputs) - target)²

`batches` is a list of pairs (inputs, target), with shapes (n, 3) and (n, 1), where n
varies. The function returns nothing; it takes no optimizer step.
"""

import torch


def accumulate(model, batches):
    model.zero_grad()
    raise NotImplementedError  # yours to write
