import torch
from torch.nn.functional import cross_entropy


def loss(logits, labels):
    return cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


inputs = (
    torch.tensor(
        [
            [[1.0, 0.0, -1.0], [0.5, 2.0, 0.0], [0.0, 0.3, 1.0]],
            [[0.2, -1.0, 0.4], [1.5, 0.0, 0.7], [-0.6, 0.1, 0.9]],
        ],
        requires_grad=True,
    ),
    torch.tensor([[0, 2, 1], [1, 0, 2]]),
)
