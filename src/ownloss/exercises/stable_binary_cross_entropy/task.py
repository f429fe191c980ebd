"""Binary cross entropy that survives large logits.

This loss is right for small logits. At a logit of 200 its value is infinite or nan,
and so is its gradient. Write it so that value and gradient are right for all logits,
also for those of a model that is very sure and wrong.

    loss = mean of -(target * log(p) + (1 - target) * log(1 - p)),  p = sigmoid(logits)

`logits` has shape (N,); `target` holds N numbers from 0 to 1.
Do it with elementary functions: without `binary_cross_entropy_with_logits`.
"""

import torch


def binary_cross_entropy(logits, target):
    p = torch.sigmoid(logits)
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()
