"""Each micro-batch counts the same"""

from torch.nn import functional as F


def accumulate(model, batches):
    model.zero_grad()
    for inputs, target in batches:
        loss = F.mse_loss(model(inputs), target)
        (loss / len(batches)).backward()
