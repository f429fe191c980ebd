"""The mean is over all entries"""


def gradient(logits, target):
    return (logits.sigmoid() - target) / logits.shape[0]
