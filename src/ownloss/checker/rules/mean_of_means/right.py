import torch


def loss(prediction, target):
    parts = zip(prediction.split(4), target.split(4))
    return sum((p - t).square().sum() for p, t in parts) / prediction.numel()


inputs = (torch.arange(1.0, 6.0, requires_grad=True), torch.zeros(5))
