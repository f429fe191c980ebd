"""Each place predicts the token after it.

The logits lose their last place, the tokens their first, row by row; then both are
flattened. Flattened first, the last place of each text would predict the first token of
the next one. `cross_entropy` leaves out -100 by itself.
"""

from torch.nn import functional as F


def next_token_loss(logits, tokens):
    logits, tokens = logits[:, :-1], tokens[:, 1:]
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
