import torch


def loss(prediction, target):
    return (prediction.view(-1) - target.view(-1)).square().mean()


inputs = (torch.ones(3, 2, requires_grad=True), torch.zeros(3, 2))
