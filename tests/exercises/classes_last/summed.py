"""It is summed over the words of a sentence"""

from torch.nn import functional as F


def sequence_loss(logits, labels):
    losses = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    return losses.sum(1).mean()
