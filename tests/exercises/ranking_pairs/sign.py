"""The sign is still wrong: a higher score"""

import torch


def ranking_loss(score, relevance):
    difference = score[:, None] - score[None, :]
    pairs = relevance[:, None] > relevance[None, :]
    return torch.log1p(torch.exp(difference))[pairs].mean()
