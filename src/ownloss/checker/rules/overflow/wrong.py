import torch


def loss(logits, target):
    return (torch.log(1 + torch.exp(logits)) - target * logits).mean()


inputs = (torch.tensor([-1.0, 0.5, 2.0], requires_grad=True), torch.tensor([0.0, 1, 1]))
