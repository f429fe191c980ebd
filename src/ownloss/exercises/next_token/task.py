"""Each place predicts the token after it.

This loss compares the logits of each place with the token at the same place, so a model
learns to copy. Repair it.

    loss = mean over all places that count of -log(softmax(logits at t)[token at t + 1])

`logits` has shape (B, T, V), and `tokens` (B, T), int64. The last place of a text has
nothing to predict. A token of -100 is padding: nobody is to predict it.
"""

from torch.nn import functional as F


def next_token_loss(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
