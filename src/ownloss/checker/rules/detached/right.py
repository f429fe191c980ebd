import torch


def loss(prediction, target):
    errors = [(p - t) ** 2 for p, t in zip(prediction, target)]
    return torch.stack(errors).mean()


inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
