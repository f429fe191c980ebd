"""The gradient of `keys` is 3x too large"""

import torch


def gradient(queries, keys):
    g = (queries @ keys.T).softmax(1) - torch.eye(len(queries))
    return g.T @ queries
