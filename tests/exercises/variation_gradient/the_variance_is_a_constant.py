"""The variance above the fraction line is held fixed"""

import torch


def gradient(load):
    m, v = load.mean(), load.var(correction=0)
    return torch.full_like(load, -2 * v / m**3 / len(load))
