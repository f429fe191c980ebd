"""Padding counts in the mean"""

from torch.nn import functional as F


def next_token_loss(logits, tokens):
    logits, tokens = logits[:, :-1], tokens[:, 1:]
    losses = F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    return losses.sum() / losses.numel()
