import torch

BATCH_SIZE = 20


def loss(prediction, target):
    return (prediction - target).square().sum() / BATCH_SIZE


inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
