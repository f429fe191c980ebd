import torch


def loss(logits, labels):
    return 1 - (logits.argmax(1) == labels).float().mean()


inputs = (torch.eye(3, requires_grad=True), torch.tensor([0, 1, 1]))
