"""The logits of one word are still torn apart"""

from torch.nn import functional as F


def sequence_loss(logits, labels):
    shape = (logits.size(0), logits.size(2), logits.size(1))
    return F.cross_entropy(logits.reshape(shape), labels)
