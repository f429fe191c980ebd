"""This is a hinge"""

import torch


def ranking_loss(score, relevance):
    i, j = torch.where(relevance[:, None] > relevance[None, :])
    return torch.relu(1 - score[i] + score[j]).mean()
