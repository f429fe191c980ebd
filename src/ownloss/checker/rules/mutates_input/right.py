import torch


def loss(prediction, target):
    target = target - target.mean()
    return (prediction - target).square().mean()


inputs = (torch.zeros(3, requires_grad=True), torch.tensor([1.0, 2.0, 6.0]))
