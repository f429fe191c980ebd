import torch


def loss(prediction, target, mask):
    count = mask.sum().clamp(min=1)
    error = torch.where(mask, prediction - target, 0).square()
    penalty = torch.where(mask, prediction, 0).square()
    return (error + 0.1 * penalty).sum() / count


inputs = (
    torch.tensor([1.0, 2.0, 4.0], requires_grad=True),
    torch.zeros(3),
    torch.tensor([True, False, True]),
)
