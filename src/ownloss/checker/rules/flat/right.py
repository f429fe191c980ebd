import torch


def loss(logits, labels):
    probabilities = logits.softmax(1)
    return 1 - probabilities[torch.arange(len(labels)), labels].mean()


inputs = (torch.eye(3, requires_grad=True), torch.tensor([0, 1, 1]))
