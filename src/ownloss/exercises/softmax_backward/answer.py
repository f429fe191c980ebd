"""The gradient of softmax cross entropy.

With p = softmax(logits), the loss of one sample is log(sum(exp(logits))) minus the
logit of its label. The derivative of the first term is p, that of the second is 1 at
the label and 0 elsewhere. The mean divides each sample's share by N.
"""

import torch


def gradient(logits, labels):
    probabilities = torch.softmax(logits, dim=1)
    labelled = torch.nn.functional.one_hot(labels, logits.shape[1])
    return (probabilities - labelled) / len(logits)
