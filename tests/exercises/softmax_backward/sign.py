"""The gradient of `logits` has the wrong sign"""

from torch.nn import functional as F


def gradient(logits, labels):
    return (F.one_hot(labels, logits.shape[1]) - logits.softmax(1)) / logits.shape[0]
