"""Beyond delta the gradient has the sign of the residual."""

import torch


def gradient(prediction, target, delta):
    r = prediction - target
    return torch.where(r.abs() <= delta, r, torch.tensor(delta)) / r.numel()
