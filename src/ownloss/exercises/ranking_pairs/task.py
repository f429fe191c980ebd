"""A logistic loss over pairs.

For each pair in which item i is more relevant than item j, this loss should ask for a
higher score of i. It asks for the contrary, and it also counts pairs that are as
relevant as each other. Repair both.

    loss = mean over the pairs with relevance_i > relevance_j of
               log(1 + exp(-(score_i - score_j)))

`score` and `relevance` have shape (N,), and at least two relevances differ.
"""

import torch
from torch.nn import functional as F


def ranking_loss(score, relevance):
    difference = score[:, None] - score[None, :]
    pairs = relevance[:, None] >= relevance[None, :]
    return F.softplus(difference)[pairs].mean()
