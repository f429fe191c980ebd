import torch


def loss(prediction, target):
    return (prediction - target).square().mean(0).sum() / len(prediction)


inputs = (torch.eye(3, requires_grad=True), torch.zeros(3, 3))
