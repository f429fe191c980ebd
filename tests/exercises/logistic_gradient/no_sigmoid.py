"""The logits are no probabilities"""


def gradient(logits, target):
    return (logits - target) / logits.numel()
