"""times the reference"""

from torch.nn import functional as F


def ranking_loss(score, relevance):
    difference = score[:, None] - score[None, :]
    pairs = relevance[:, None] > relevance[None, :]
    return F.softplus(-difference)[pairs].sum()
