"""It is flattened before it is shifted"""

from torch.nn import functional as F


def next_token_loss(logits, tokens):
    logits, tokens = logits.view(-1, logits.shape[-1]), tokens.view(-1)
    return F.cross_entropy(logits[:-1], tokens[1:])
