import torch


def loss(logits, labels):
    return torch.nn.functional.cross_entropy(logits, labels)


inputs = (torch.eye(3, requires_grad=True), torch.tensor([0, 1, 1]))
