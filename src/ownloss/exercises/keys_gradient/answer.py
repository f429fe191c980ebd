"""The gradient of the keys of a contrastive loss.

Each row of the similarities is a cross entropy, so their gradient is the softmax of
the row, minus 1 on the diagonal, over N. A key stands in every row, in its own column:
the matrix product sends it that column, times the queries, which is the transpose.
"""

import torch


def gradient(queries, keys):
    similarity = queries @ keys.T
    grad_similarity = similarity.softmax(1) - torch.eye(len(queries))
    return grad_similarity.T @ queries / len(queries)
