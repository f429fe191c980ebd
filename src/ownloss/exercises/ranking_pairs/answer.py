"""A logistic loss over pairs.

softplus(x) is log(1 + exp(x)), so it takes minus the difference: the higher i's score,
the lower the loss. A strict comparison leaves out ties, and each item against itself.
"""

from torch.nn import functional as F


def ranking_loss(score, relevance):
    difference = score[:, None] - score[None, :]
    pairs = relevance[:, None] > relevance[None, :]
    return F.softplus(-difference)[pairs].mean()
