import torch


def loss(prediction, target):
    return (prediction - target).square().sum() / prediction.shape[0]


inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
