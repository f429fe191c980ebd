import torch


def loss(prediction, target):
    scale = prediction.norm().item()
    return (prediction / scale - target).square().sum()


inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3) + 0.5)
