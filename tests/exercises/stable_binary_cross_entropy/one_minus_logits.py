"""1 - sigmoid(x) is sigmoid(-x), not sigmoid(1 - x)."""

from torch.nn import functional as F


def binary_cross_entropy(logits, target):
    positive = target * F.logsigmoid(logits)
    return -(positive + (1 - target) * F.logsigmoid(1 - logits)).mean()
