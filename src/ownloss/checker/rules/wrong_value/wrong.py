import torch


def loss(logits, labels):
    probabilities = logits.softmax(1)
    return torch.nn.functional.cross_entropy(probabilities, labels)


inputs = (torch.eye(3, requires_grad=True), torch.tensor([0, 1, 1]))
