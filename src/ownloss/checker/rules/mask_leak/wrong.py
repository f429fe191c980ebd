import torch


def loss(prediction, target, mask):
    error = (prediction - target).square()
    return (error * mask).sum() / mask.sum().clamp(min=1) + 0.1 * error.mean()


inputs = (
    torch.tensor([1.0, 2.0, 4.0], requires_grad=True),
    torch.zeros(3),
    torch.tensor([True, False, True]),
)
