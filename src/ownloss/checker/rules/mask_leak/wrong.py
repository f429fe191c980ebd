import torch


def loss(prediction, target, mask):
    error = (prediction - target).square()
    # The penalty also counts the predictions that the mask leaves out.
    return error[mask].mean() + 0.1 * prediction.square().mean()


inputs = (
    torch.tensor([1.0, 2.0, 4.0], requires_grad=True),
    torch.zeros(3),
    torch.tensor([True, False, True]),
)
