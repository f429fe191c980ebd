import torch


def loss(prediction, target):
    return (prediction.reshape(-1) - target.reshape(-1)).square().mean()


inputs = (torch.ones(3, 2, requires_grad=True), torch.zeros(3, 2))
