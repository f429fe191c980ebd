import torch


def loss(prediction, target):
    parts = zip(prediction.split(4), target.split(4))
    means = [(p - t).square().mean() for p, t in parts]
    return sum(means) / len(means)


inputs = (torch.arange(1.0, 6.0, requires_grad=True), torch.zeros(5))
