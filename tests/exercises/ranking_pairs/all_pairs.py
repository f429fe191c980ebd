"""The mean is over all N² pairs"""

from torch.nn import functional as F


def ranking_loss(score, relevance):
    difference = score[:, None] - score[None, :]
    pairs = relevance[:, None] > relevance[None, :]
    return (pairs * F.softplus(-difference)).mean()
