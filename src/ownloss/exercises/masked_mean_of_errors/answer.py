"""A mean over what counts.

0 times nan is nan, so padding has to be chosen away, not multiplied away; and it has to
be chosen before the square, whose derivative would be nan otherwise. The count is at
least 1, so that nothing to count gives 0 / 1.
"""

import torch


def masked_error(prediction, target, mask):
    residual = torch.where(mask, prediction - target, 0.0)
    return residual.square().sum() / mask.sum().clamp(min=1)
