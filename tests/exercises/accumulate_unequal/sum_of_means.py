"""Each micro-batch contributes its own mean, and the means are added up"""

from torch.nn import functional as F


def accumulate(model, batches):
    model.zero_grad()
    for inputs, target in batches:
        F.mse_loss(model(inputs), target).backward()
