import torch


def loss(prediction, target):
    return (prediction - target).square().sum(1).sqrt().mean()


inputs = (torch.eye(3, requires_grad=True), torch.full((3, 3), 0.5))
