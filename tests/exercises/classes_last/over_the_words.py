"""The softmax runs over the words of a sentence"""

from torch.nn import functional as F


def sequence_loss(logits, labels):
    log_probs = logits.log_softmax(1)
    return F.nll_loss(log_probs.transpose(1, 2), labels)
