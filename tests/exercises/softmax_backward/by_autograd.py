"""`gradient` uses `cross_entropy` (line 9), which does what the exercise asks you"""

import torch


def gradient(logits, labels):
    logits = logits.clone()
    logits.requires_grad = True
    loss = torch.nn.functional.cross_entropy(logits, labels)
    return torch.autograd.grad(loss, logits)[0]
