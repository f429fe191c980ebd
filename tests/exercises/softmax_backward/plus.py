"""The one-hot label is added"""

from torch.nn import functional as F


def gradient(logits, labels):
    return (logits.softmax(1) + F.one_hot(labels, 3)) / len(logits)
